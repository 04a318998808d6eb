// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

const (
	// tracesPerQuery keeps a statement below 200 kB and its result below 1 MB.
	tracesPerQuery = 5000
	// spansPerQuery does the same for lists of spans.
	spansPerQuery = 50000
	// slack widens the bound on time, which only keeps the warehouse from reading the whole table:
	// more than any two time zones are apart.
	slack = 26 * 3600
)

// where is the condition that finds the traces in the table. Ids are written by us as hexadecimal
// digits and need no quoting.
func where(d route.Destination, items []*item) string {
	from, to := items[0].from, items[0].to
	for _, i := range items {
		from, to = min(from, i.from), max(to, i.to)
	}
	low, high := max(int64(from)-slack, 0), int64(to)+slack
	var b strings.Builder
	if d.Layout == unity.LayoutV1 { // has no column time
		fmt.Fprintf(&b, "start_time_unix_nano >= %d000000000 AND start_time_unix_nano <= %d000000000", low, high)
	} else {
		fmt.Fprintf(&b, "time >= timestamp_seconds(%d) AND time <= timestamp_seconds(%d)", low, high)
	}
	b.WriteString(" AND trace_id IN (")
	for n, i := range items {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString("'" + i.hex() + "'")
	}
	b.WriteByte(')')
	return b.String()
}

// sums is the statement that counts traces as a whole. The smallest and the largest id tell other
// spans of the same number apart.
func sums(d route.Destination, items []*item) string {
	return "SELECT trace_id, count(*), count(DISTINCT span_id), min(span_id), max(span_id) " +
		"FROM " + d.Table.Quoted() + " WHERE " + where(
		d,
		items,
	) + " GROUP BY trace_id"
}

// list is the statement that counts the spans of traces one by one.
func list(d route.Destination, items []*item) string {
	return "SELECT trace_id, span_id, count(*) FROM " + d.Table.Quoted() + " WHERE " + where(
		d,
		items,
	) + " GROUP BY trace_id, span_id"
}

// runner runs a statement and returns its rows.
type runner func(ctx context.Context, statement string) ([][]string, error)

// countSums asks for traces as a whole. Those that are there completely are counted; of the others
// it is known how many spans there may be.
func countSums(ctx context.Context, run runner, d route.Destination, items []*item) error {
	rows, err := run(ctx, sums(d, items))
	if err != nil {
		return err
	}
	byID := index(items)
	for _, i := range items {
		i.asked = true
	}
	for _, r := range rows {
		if len(r) != 5 {
			return odd("a row of %d values in place of 5", len(r))
		}
		i := byID[r[0]]
		total, err1 := strconv.ParseInt(r[1], 10, 64)
		distinct, err2 := strconv.ParseInt(r[2], 10, 64)
		if i == nil || err1 != nil || err2 != nil {
			return odd("a row that was not asked for")
		}
		i.there = distinct
		if distinct == i.sent() && r[3] == spanID(i.spans[0]) && r[4] == spanID(i.spans[len(i.spans)-1]) {
			i.arrived, i.repeated = distinct, total-distinct
		}
	}
	return nil
}

// countList asks for the spans of traces one by one.
func countList(ctx context.Context, run runner, d route.Destination, items []*item) error {
	rows, err := run(ctx, list(d, items))
	if err != nil {
		return err
	}
	byID := index(items)
	for _, i := range items {
		i.listed, i.arrived, i.repeated = true, 0, 0
	}
	for _, r := range rows {
		if len(r) != 3 {
			return odd("a row of %d values in place of 3", len(r))
		}
		i := byID[r[0]]
		total, err := strconv.ParseInt(r[2], 10, 64)
		if i == nil || err != nil {
			return odd("a row that was not asked for")
		}
		id, err := hex.DecodeString(r[1])
		if err != nil || len(id) != 8 {
			continue // of another writer: ours have 16 digits
		}
		if _, sent := slices.BinarySearch(i.spans, binary.BigEndian.Uint64(id)); sent {
			i.arrived++
			i.repeated += total - 1
		}
	}
	return nil
}

func index(items []*item) map[string]*item {
	m := make(map[string]*item, len(items))
	for _, i := range items {
		m[i.hex()] = i
	}
	return m
}

func odd(format string, args ...any) error {
	return &databricks.Error{
		Kind:    databricks.KindBadAnswer,
		Doing:   "counting in the table",
		Message: "the warehouse answers with " + fmt.Sprintf(format, args...),
	}
}

func spanID(id uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], id)
	return hex.EncodeToString(b[:])
}

// chunks cuts items into pieces of at most n traces and about spans spans.
func chunks(items []*item, n int, spans int64) [][]*item {
	var out [][]*item
	begin, sum := 0, int64(0)
	for k, i := range items {
		if k > begin && (k-begin == n || sum+i.sent() > spans) {
			out = append(out, items[begin:k])
			begin, sum = k, 0
		}
		sum += i.sent()
	}
	if begin < len(items) {
		out = append(out, items[begin:])
	}
	return out
}
