// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// telling are the traces of an experiment of which something is being told beside their spans: assessments with their
// delivery, or late changes. The storage has their ids before anything is told, until it has that it was told. The ids
// that an earlier run left there are of traces of which it is not known what was told. If that is no longer there, as a
// deleted assessment, nothing else shows it: the trace is as it was when it was noted last. So such traces are told
// again in whole, with the ids of all assessments that are there. The saver's lock guards it.
type telling struct {
	left  map[string]bool // by an earlier run
	now   map[string]int  // windows that tell of the trace
	dirty bool
}

func newTelling(left []string) telling {
	t := telling{left: map[string]bool{}, now: map[string]int{}}
	for _, id := range left {
		t.left[id] = true
	}
	return t
}

// begin adds traces of which a window is about to tell. It reports whether the storage does not have all of them.
func (t *telling) begin(ids []string) bool {
	for _, id := range ids {
		t.dirty = t.dirty || t.now[id] == 0 && !t.left[id]
		t.now[id]++
	}
	return t.dirty
}

// end takes back what begin added, and what an earlier run left of these traces: it is noted what was told.
func (t *telling) end(ids map[string]bool) {
	for id := range ids {
		if t.now[id]--; t.now[id] <= 0 {
			delete(t.now, id)
			t.dirty = true
		}
		delete(t.left, id)
	}
}

// op returns what makes the storage agree; nil when it does.
func (t *telling) op(key string) *storage.Operation {
	if !t.dirty {
		return nil
	}
	t.dirty = false
	ids := slices.AppendSeq(slices.Collect(maps.Keys(t.now)), maps.Keys(t.left))
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return storage.DeleteOperation(key)
	}
	return storage.SetOperation(key, progress.EncodeTelling(ids))
}

// announce returns once the storage has the ids of traces of which the window is about to tell something.
func (s *saver) announce(w *window, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.telling == nil {
		w.telling = map[string]bool{}
	}
	for _, id := range ids {
		w.telling[id] = true
	}
	if !w.reader.telling.begin(ids) {
		return nil
	}
	s.touched[w.reader] = true
	s.announced++
	turn := s.announced
	s.wake.Broadcast()
	for s.stored < turn {
		if err := s.run.ctx.Err(); err != nil {
			return err
		}
		s.wake.Wait()
	}
	return nil
}

// announce says of which traces the window will tell something: those that have changed late, and those that are
// delivered with assessments.
func (w *window) announce() error {
	r := w.reader.run
	if r.LateChanges == nil {
		return nil
	}
	var ids []string
	for i := range w.edited {
		ids = append(ids, w.edited[i].Info.ID)
	}
	since := r.LateChanges.since(r.Now())
	for i := range w.infos {
		if w.untold(&w.infos[i], since) {
			ids = append(ids, w.infos[i].ID)
		}
	}
	return r.saver.announce(w, ids)
}

// announceTraces is announce for traces that are about to be sent: now it is known which have assessments, and it is
// found out which were delivered before their start moved back.
func (w *window) announceTraces(traces []*mlflow.Trace) error {
	r := w.reader.run
	if r.LateChanges == nil {
		return nil
	}
	if err := w.findMoved(traces); err != nil {
		return err
	}
	var ids []string
	since := r.LateChanges.since(r.Now())
	for _, t := range traces {
		if w.untold(&t.Info, since) {
			ids = append(ids, t.Info.ID)
		}
	}
	return r.saver.announce(w, ids)
}

// untold reports whether a trace has no announcement yet and needs one: it is delivered with assessments, and late
// changes of it are looked at, or an earlier run left it.
func (w *window) untold(info *mlflow.Info, since int64) bool {
	return (info.Timestamp >= since && len(info.Assessments) > 0 || w.reader.toldEarlier[info.ID]) &&
		!w.telling[info.ID]
}

// toldBefore reports whether something of a trace may have been told before this window reads it. Assessments that
// were told then may be gone.
func (w *window) toldBefore(id string) bool {
	switch w.formerly[id].Reason {
	case progress.Refused, progress.Rejected, progress.PartiallyRejected, mlflow.ReasonSpansMissing:
		return true
	}
	return w.regrown[id] || w.moved[id] || w.listed || w.reader.toldEarlier[id]
}

// planLeft makes a window that tells again of traces of which an earlier run may have told, or returns nil when there
// are none. Those that are to be delivered are told with their spans.
func (x *reader) planLeft(ctx context.Context) (*window, error) {
	r := x.run
	for len(x.left) > 0 {
		n := min(len(x.left), r.PageSize)
		ids := x.left[:n]
		x.left = x.left[n:]
		infos, err := r.Source.Lookup(ctx, x.exp.ID, ids)
		if err != nil {
			return nil, err
		}
		w := &window{reader: x, telling: map[string]bool{}}
		for _, id := range ids {
			w.telling[id] = true
		}
		for i := range infos {
			delete(w.telling, infos[i].ID) // what is left are deleted traces, of which nothing is told
		}
		if err := w.tellAgain(ctx, infos); err != nil {
			return nil, err
		}
		if len(w.edited)+len(w.telling) > 0 {
			w.ticket = x.tracker.Begin()
			return w, nil
		}
	}
	return nil, nil
}

// tellAgain takes those of the traces that are delivered as edited ones.
func (w *window) tellAgain(ctx context.Context, infos []mlflow.Info) error {
	r := w.reader.run
	if len(infos) == 0 {
		return nil
	}
	if err := r.Source.Detailed(ctx, infos); err != nil {
		return err
	}
	traces := make([]delivered.Trace, len(infos))
	for i := range infos {
		traces[i] = delivered.NewTrace(&infos[i], delivered.UnknownSpans)
		traces[i].Digest = r.digestOf(&infos[i])
	}
	known, err := w.reader.set.Has(ctx, traces)
	if err != nil {
		return err
	}
	for i := range infos {
		if known[i] != delivered.New && known[i] != delivered.Grown {
			w.edited = append(w.edited, Edited{Info: infos[i]})
			w.delivered = append(w.delivered, traces[i])
			if w.reader.toldAgain == nil {
				w.reader.toldAgain = map[uint64]uint64{}
			}
			w.reader.toldAgain[traces[i].Hash] = traces[i].Digest
		}
	}
	return nil
}
