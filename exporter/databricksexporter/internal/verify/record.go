// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spansPerTrace is how many spans are remembered for each trace that may be remembered, on the
// average.
const spansPerTrace = 32

// record is what was acknowledged for one table. Its methods may be called at the same time.
type record struct {
	mu        sync.Mutex
	maxTraces int64
	traces    map[pcommon.TraceID]*trace
	spans     int64 // remembered, a span that was sent twice perhaps twice
	// Spans that were not remembered: over the bound, and without an id.
	overflow, withoutID int64
	rejected            int64     // refused by partial successes, it is not known which
	last                time.Time // the newest acknowledgement
}

// trace is what is remembered of one trace. Pointers to it and a key of 16 bytes in the map make
// about 90 bytes.
type trace struct {
	spans    []uint64 // the first clean ones ascending and each once
	clean    int32
	from, to uint32 // seconds in which its spans start, Unix time
	suspect  bool   // of a request of which the workspace rejected a part
}

func newRecord(maxTraces int) *record {
	return &record{maxTraces: int64(maxTraces), traces: map[pcommon.TraceID]*trace{}}
}

// add remembers the spans of an acknowledged request.
func (r *record) add(td ptrace.Traces, rejected int64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejected += rejected
	r.last = now
	var id pcommon.TraceID
	var t *trace
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
					r.withoutID++
					continue
				}
				if t == nil || id != s.TraceID() {
					id = s.TraceID()
					t = r.open(id)
				}
				if t == nil || r.spans >= r.maxTraces*spansPerTrace {
					r.overflow++
					continue
				}
				r.spans++
				t.suspect = t.suspect || rejected > 0
				span := s.SpanID()
				t.add(binary.BigEndian.Uint64(span[:]), uint32(min(s.StartTimestamp()/1e9, 1<<32-1)))
			}
		}
	}
}

// open returns the trace, or nil if it is one too many.
func (r *record) open(id pcommon.TraceID) *trace {
	t := r.traces[id]
	if t == nil && int64(len(r.traces)) < r.maxTraces {
		t = &trace{from: 1<<32 - 1}
		r.traces[id] = t
	}
	return t
}

func (t *trace) add(span uint64, second uint32) {
	t.spans = append(t.spans, span)
	t.from, t.to = min(t.from, second), max(t.to, second)
	if len(t.spans) > 64 &&
		len(t.spans) > 2*int(t.clean) { // so that a trace that is sent again and again does not grow
		t.tidy()
	}
}

// tidy sorts the spans and leaves each once.
func (t *trace) tidy() {
	slices.Sort(t.spans)
	t.spans = slices.Compact(t.spans)
	t.clean = int32(len(t.spans))
}

// item is one trace to be counted.
type item struct {
	*trace
	id pcommon.TraceID
	// What the last round learnt.
	asked    bool  // the table was asked
	there    int64 // different spans that it has, ours or not
	listed   bool  // one by one
	arrived  int64 // of those that were sent, where that is known exactly
	repeated int64
}

func (i *item) hex() string { return hex.EncodeToString(i.id[:]) }

func (i *item) sent() int64 { return int64(len(i.spans)) }

// items lists the traces in the order of their time, so that a few of them lie close together in
// the table. Nothing may be added after it.
func (r *record) items() []*item {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*item, 0, len(r.traces))
	for id, t := range r.traces {
		t.tidy()
		if len(t.spans) > 0 {
			all = append(all, &item{trace: t, id: id})
		}
	}
	slices.SortFunc(
		all,
		func(a, b *item) int { return cmp.Or(cmp.Compare(a.from, b.from), slices.Compare(a.id[:], b.id[:])) },
	)
	return all
}
