// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

const (
	firstWait   = 5 * time.Second
	longestWait = time.Minute
	// lastLook is the time for the last look after the time for waiting is over, and again for
	// listing span by span what is missing.
	lastLook = time.Minute
)

// count is one table while it is counted.
type count struct {
	d      route.Destination
	record *record

	traces, sent      int64   // remembered, each span once
	open              []*item // not known to be there completely
	arrived, repeated int64   // of the others
	err               error   // why counting ended; nil while it may go on
	trouble           error   // the newest of those that pass
}

// count asks until everything is there, nothing more can be learnt, or the time is over.
func (v *Verifier) count(ctx context.Context, counts []*count) ([]progress.Destination, error) {
	c := v.set.Config
	begin := v.set.Now()
	visible, end := begin, begin.Add(
		c.Timeout,
	) // when the last row must be visible, and when waiting for the warehouse ends
	for _, x := range counts {
		x.open = x.record.items()
		x.traces = int64(len(x.open))
		for _, i := range x.open {
			x.sent += i.sent()
		}
		if by := x.record.last.Add(c.Timeout); by.After(visible) {
			visible = by
		}
	}
	log := v.set.Logger
	log.Info(
		"Counting in the tables what has arrived; this starts the SQL warehouse if it is stopped",
		zap.String("warehouse_id", c.WarehouseID),
		zap.Int("tables", len(counts)),
		zap.Duration("timeout", c.Timeout),
	)
	within, cancel := context.WithTimeout(ctx, c.Timeout+lastLook)
	defer cancel()
	for wait := firstWait; ; wait = min(wait*3/2, longestWait) {
		for _, x := range counts {
			v.round(within, x, counts)
		}
		if !slices.ContainsFunc(counts, (*count).waiting) {
			break
		}
		until := visible
		if slices.ContainsFunc(counts, func(x *count) bool { return x.waiting() && x.unasked() > 0 }) {
			until = end
		}
		left := until.Sub(v.set.Now())
		if left <= 0 {
			break
		}
		for _, x := range counts {
			if x.waiting() {
				missing, _ := x.missing()
				log.Info(
					"Not all has arrived yet; counting again",
					zap.String("table", x.d.String()),
					zap.Int64("spans_sent", x.sent),
					zap.Int64(
						"spans_missing",
						missing,
					),
					zap.Duration("in", min(wait, left)),
					zap.NamedError("trouble", x.trouble),
				)
			}
		}
		if v.set.Sleep(within, min(wait, left)) != nil {
			break
		}
	}
	last, cancelLast := context.WithTimeout(ctx, lastLook)
	defer cancelLast()
	var out []progress.Destination
	var errs []error
	for _, x := range counts {
		v.settle(last, x)
		d, err := x.result(c)
		out, errs = append(out, d), append(errs, err)
		log.Info(
			"Counted",
			zap.String("table", d.Name),
			zap.String("verification", string(d.Verification)),
			zap.Int64("spans_sent", x.sent),
			zap.Int64(
				"spans_arrived",
				d.Arrived,
			),
			zap.Int64("spans_missing", d.Missing),
			zap.Int64("rows_repeated", d.Repeated),
			zap.Duration("duration", v.set.Now().Sub(begin)),
		)
	}
	return out, errors.Join(errs...)
}

// waiting reports whether more may be learnt by asking again.
func (x *count) waiting() bool {
	missing, rejected := x.missing()
	return x.err == nil && len(x.open) > 0 && (missing > rejected || x.unasked() > 0)
}

// missing is the number of spans that have not been seen, as far as it is known, and how many of them
// the workspace may have rejected.
func (x *count) missing() (n, rejected int64) {
	for _, i := range x.open {
		lacks := i.sent() - min(i.there, i.sent())
		if i.listed {
			lacks = i.sent() - i.arrived
		}
		n += lacks
		if i.suspect {
			rejected += lacks
		}
	}
	return n, min(rejected, x.record.rejected)
}

// unasked is the number of spans of which the last round learnt nothing.
func (x *count) unasked() int64 {
	var n int64
	for _, i := range x.open {
		if !i.asked || x.err != nil {
			n += i.sent()
		}
	}
	return n
}

func (v *Verifier) run(ctx context.Context, statement string) ([][]string, error) {
	r, err := v.set.Client.Statement(ctx, v.set.Config.WarehouseID, statement)
	return r.Rows, err
}

// round asks once for everything of a table that is open. Trouble with the warehouse ends the
// counting of all tables.
func (v *Verifier) round(ctx context.Context, x *count, all []*count) {
	if x.err != nil {
		return
	}
	x.trouble = nil
	for _, i := range x.open {
		i.asked, i.listed, i.there, i.arrived, i.repeated = false, false, 0, 0, 0
	}
	var unexpected []*item
	for _, chunk := range chunks(x.open, tracesPerQuery, 1<<62) {
		if err := countSums(ctx, v.run, x.d, chunk); err != nil {
			x.fail(err, all)
			break
		}
		for _, i := range chunk {
			if i.arrived < i.sent() && i.there >= i.sent() {
				unexpected = append(unexpected, i) // waiting will not tell which of the rows are ours
			}
		}
	}
	x.close()
	if x.err == nil && x.trouble == nil {
		v.list(ctx, x, unexpected, all)
	}
}

// list asks span by span.
func (v *Verifier) list(ctx context.Context, x *count, items []*item, all []*count) {
	for _, chunk := range chunks(items, tracesPerQuery, spansPerQuery) {
		if err := countList(ctx, v.run, x.d, chunk); err != nil {
			x.fail(err, all)
			break
		}
	}
	x.close()
}

// settle finds out exactly what is missing of traces that are there in part.
func (v *Verifier) settle(ctx context.Context, x *count) {
	if x.err != nil {
		return
	}
	var partly []*item
	for _, i := range x.open {
		if i.there > 0 {
			partly = append(partly, i)
		}
	}
	v.list(ctx, x, partly, nil)
	for _, i := range partly {
		i.asked = i.asked && i.listed
	}
}

// close takes out what is there completely.
func (x *count) close() {
	x.open = slices.DeleteFunc(x.open, func(i *item) bool {
		if i.arrived < i.sent() {
			return false
		}
		x.arrived += i.arrived
		x.repeated += i.repeated
		return true
	})
}

// fail notes trouble: what passes is tried again, what concerns the warehouse ends the counting of
// all tables.
func (x *count) fail(err error, all []*count) {
	if databricks.Passes(err) {
		x.trouble = err
		return
	}
	x.err = err
	switch databricks.KindOf(err) {
	case databricks.KindFailed, databricks.KindBadAnswer:
		return // of this table
	}
	for _, y := range all {
		if y.err == nil {
			y.err = err
		}
	}
}

// result says what is known about the table. The error is non-nil unless everything that was sent
// was counted there.
func (x *count) result(c Config) (progress.Destination, error) {
	d := progress.Destination{
		Name:         x.d.String(),
		Signal:       signal(x.d),
		Verification: progress.Arrived,
		Arrived:      x.arrived,
		Repeated:     x.repeated,
	}
	unasked := x.unasked()
	var short []*item
	var rejected int64 // at most: what is missing of other requests is not explained by what was rejected
	for _, i := range x.open {
		if i.asked && x.err == nil {
			d.Arrived += i.arrived
			d.Repeated += i.repeated
			short = append(short, i)
			if i.suspect {
				rejected += i.sent() - i.arrived
			}
		}
	}
	d.Missing = max(x.sent-unasked-d.Arrived-min(rejected, x.record.rejected), 0)
	var notes []string
	if d.Missing > 0 {
		d.Verification = progress.Short
		notes = append(
			notes,
			fmt.Sprintf(
				"sent %d, arrived %d: %d of the spans that the workspace acknowledged are not in the table, e.g. of "+
					"the traces %s",
				x.sent,
				d.Arrived,
				d.Missing,
				examples(short),
			),
		)
	}
	cause := x.err
	if cause == nil {
		cause = x.trouble
	}
	if unasked > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d spans were not counted: %s", unasked, x.sent, because(cause, c)))
	}
	if n := x.record.overflow; n > 0 {
		notes = append(
			notes,
			fmt.Sprintf(
				"%d spans were not counted: they are more than verify::max_traces: %d lets the exporter remember; "+
					"raise it",
				n,
				c.MaxTraces,
			),
		)
	}
	if n := x.record.withoutID; n > 0 {
		notes = append(notes, fmt.Sprintf("%d spans were not counted: they have no trace id or no span id", n))
	}
	again := x.record.spans - x.sent
	if notes == nil {
		if again > 0 {
			d.Detail = fmt.Sprintf(
				"%d spans were acknowledged once more after they had been sent before; they count once",
				again,
			)
		}
		return d, nil
	}
	if d.Verification == progress.Arrived {
		d.Verification = progress.NotVerified
	}
	d.Detail = strings.Join(notes, "; ")
	return d, fmt.Errorf("verify: %s: %s", d.Name, d.Detail)
}

func because(err error, c Config) string {
	if err == nil {
		return fmt.Sprintf("verify::timeout (%s) was over before the warehouse had answered; raise it", c.Timeout)
	}
	return err.Error()
}

func examples(items []*item) string {
	const most = 3
	var ids []string
	for _, i := range items {
		if len(ids) == most {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, i.hex())
	}
	return strings.Join(ids, ", ")
}
