// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// waits knows what this run made of traces that wait, or waited when it began. The open traces of the position don't
// have it while a window before theirs is in work. Its methods may be called at the same time.
type waits struct {
	mu  sync.Mutex
	now map[string]progress.Missing // by id; without a reason: it does not wait any more
}

func (l *waits) set(id string, m progress.Missing) {
	if l.now == nil {
		l.now = map[string]progress.Missing{}
	}
	l.now[id] = m
}

// sent notes that traces of a window were accepted.
func (l *waits) sent(w *window, traces []*mlflow.Trace) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range traces {
		_, formerly := w.formerly[t.Info.ID]
		if _, waited := l.now[t.Info.ID]; waited || formerly {
			l.set(t.Info.ID, progress.Missing{})
		}
	}
}

// left notes a trace that was not delivered, or not as a whole.
func (l *waits) left(t progress.OpenTrace) {
	m, _ := waiting(&t)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(t.ID, m)
}

// back notes that a window was given back: what it did not settle is held while the destination takes nothing.
func (l *waits) back(w *window, troubled bool) {
	reason := progress.InWork
	if troubled {
		reason = progress.Held
	}
	settled := map[string]bool{}
	w.mu.Lock()
	for _, id := range w.sent {
		settled[id] = true
	}
	for i := range w.left {
		settled[w.left[i].ID] = true
	}
	w.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range w.infos {
		info := &w.infos[i]
		_, formerly := w.formerly[info.ID]
		if !settled[info.ID] && !formerly && w.suspects[info.ID] == nil {
			l.set(info.ID, progress.Missing{TraceID: info.ID, Reason: reason,
				Day: mlflow.DayOf(info.Timestamp).String()})
		}
	}
}

// waiting is the line of an open trace; ok is false for one that was skipped or rejected, which has no reason then.
func waiting(t *progress.OpenTrace) (m progress.Missing, ok bool) {
	if !progress.IsPending(t.Reason) {
		return m, false
	}
	return progress.Missing{TraceID: t.ID, Reason: t.Reason, Day: mlflow.Day(t.Day).String(),
		Since: progress.Timestamp(t.Since)}, true
}

// undelivered are the traces that wait at the end of a run, in the order of their ids. A run that was stopped has not
// loaded all of those that were open before it.
func (x *reader) undelivered() []progress.Missing {
	r, list := x.run, map[string]progress.Missing{}
	add := func(page []progress.OpenTrace) {
		for i := range page {
			if m, ok := waiting(&page[i]); ok {
				list[m.TraceID] = m
			}
		}
	}
	for _, page := range x.open.pages {
		add(page.traces)
	}
	for _, number := range x.again {
		page, err := r.Store.LoadOpen(r.parent, x.exp.ID, number)
		if err != nil {
			r.Log.Warn("Open traces can't be read; the list of what is missing lacks them",
				zap.String("experiment_id", x.exp.ID), zap.Error(err))
		}
		add(page)
	}
	for id, m := range x.waits.now {
		if delete(list, id); m.Reason != "" {
			list[id] = m
		}
	}
	return slices.SortedFunc(maps.Values(list),
		func(a, b progress.Missing) int { return cmp.Compare(a.TraceID, b.TraceID) })
}
