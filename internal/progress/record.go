// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Record is what is kept of an experiment between runs.
type Record struct {
	Coverage Coverage `json:"coverage,omitempty"`
	// Pending lists traces that were not finished when they were met; they are looked at again by
	// the next run.
	Pending []string `json:"pending,omitempty"`
	// Totals of all runs so far.
	Totals Totals `json:"totals"`
}

// Totals are numbers of traces, except for Spans. First and Last are the smallest and largest
// timestamp among accepted traces, Unix milliseconds; 0 when there is none.
type Totals struct {
	Read     int64                   `json:"read"`
	Accepted int64                   `json:"accepted"`
	Spans    int64                   `json:"spans"`
	Skipped  map[mlflow.Reason]int64 `json:"skipped,omitempty"`
	Rejected int64                   `json:"rejected"`
	First    int64                   `json:"first,omitempty"`
	Last     int64                   `json:"last,omitempty"`
}

// Add adds o to t.
func (t *Totals) Add(o Totals) {
	t.Read += o.Read
	t.Accepted += o.Accepted
	t.Spans += o.Spans
	t.Rejected += o.Rejected
	for r, n := range o.Skipped {
		t.Skip(r, n)
	}
	if o.First != 0 && (t.First == 0 || o.First < t.First) {
		t.First = o.First
	}
	t.Last = max(t.Last, o.Last)
}

// Skip counts n traces skipped for a reason.
func (t *Totals) Skip(r mlflow.Reason, n int64) {
	if t.Skipped == nil {
		t.Skipped = map[mlflow.Reason]int64{}
	}
	t.Skipped[r] += n
}

// Saw widens First and Last by the timestamp of an accepted trace.
func (t *Totals) Saw(timestamp int64) { t.Add(Totals{First: timestamp, Last: timestamp}) }

// SkippedSum is the number of skipped traces, whatever the reason.
func (t *Totals) SkippedSum() int64 {
	var n int64
	for _, k := range t.Skipped {
		n += k
	}
	return n
}

// Clone returns a copy that shares nothing with t.
func (t Totals) Clone() Totals {
	t.Skipped = maps.Clone(t.Skipped)
	return t
}

// recordVersion is written in front of every record; a reader refuses any other.
const recordVersion = "mlflow-position-1"

// Encode returns the record with its version and a checksum.
func (r Record) Encode() []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // every field is a plain value
	}
	return append(fmt.Appendf(nil, "%s %08x ", recordVersion, crc32.ChecksumIEEE(body)), body...)
}

// ErrDamaged is the error for a stored position that can't be believed. Nothing is read on from
// such a position: starting from zero or skipping would both be silent.
var ErrDamaged = errors.New("the stored position is damaged")

// DecodeRecord reads what Encode wrote; no bytes at all are an empty record. Anything else is
// ErrDamaged, with what is wrong.
func DecodeRecord(b []byte) (Record, error) {
	var r Record
	if b == nil {
		return r, nil
	}
	parts := bytes.SplitN(b, []byte(" "), 3)
	if len(parts) != 3 {
		return r, fmt.Errorf("%w: it has no header", ErrDamaged)
	}
	if v := string(parts[0]); v != recordVersion {
		return r, fmt.Errorf("%w: its version is %.40q, this program reads %q", ErrDamaged, v, recordVersion)
	}
	if sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE(parts[2])); sum != string(parts[1]) {
		return r, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	if err := json.Unmarshal(parts[2], &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return r, nil
}
