// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/reconcile"
)

// saver makes progress durable: the list of skipped traces first, then what was delivered, open
// traces and positions in one transaction. One goroutine writes. What completes meanwhile goes into
// the next write, and workers wait while too much is unwritten, so that what a crash repeats stays
// bounded by the windows in work.
type saver struct {
	run *run

	mu      sync.Mutex // also guards records and open traces of readers
	wake    sync.Cond
	queue   []*window
	touched map[*reader]bool // beside those of the queue, readers whose record has changed
	unsaved int              // windows
	// How many announcements there are, and how many of them the storage has.
	announced, stored int
	closing           bool
	done              chan struct{}
}

func newSaver(r *run) *saver {
	s := &saver{run: r, touched: map[*reader]bool{}, done: make(chan struct{})}
	s.wake.L = &s.mu
	go s.loop()
	return s
}

// add takes a window whose turn it is: everything before it in its experiment is settled.
func (s *saver) add(w *window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, w)
	s.unsaved++
	s.wake.Broadcast()
}

// change changes the record of a reader, which is written soon.
func (s *saver) change(x *reader, f func(*progress.Record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&x.record)
	s.touched[x] = true
	s.wake.Broadcast()
}

// flush waits until everything that was added is in the storage, or the run ends.
func (s *saver) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for (s.unsaved > 0 || len(s.touched) > 0) && s.run.ctx.Err() == nil {
		s.wake.Wait()
	}
}

// apply brings what a window did into the set, the record and the open traces of its experiment.
// After an error it can be called again.
func (s *saver) apply(w *window) error {
	x, ctx, now := w.reader, s.run.parent, s.run.Now().UnixMilli()
	if err := x.set.Add(ctx, w.delivered); err != nil {
		return err
	}
	if w.listing != nil {
		var err error
		if w.end {
			err = w.listing.End(ctx, now)
		} else {
			err = w.listing.Page(ctx, w.page, w.upto, now)
		}
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.record(x, s.run.Delivery())
	if a := s.run.Aggregates; a != nil {
		a.add(w.facts)
	}
	return nil
}

// record brings what a window did into the record and the open traces of its experiment.
func (w *window) record(x *reader, delivery progress.Delivery) {
	rec := &x.record
	for _, was := range w.formerly {
		rec.Totals.Retake(was.Reason)
	}
	rec.Totals.Read -= w.grown
	rec.Totals.Accepted -= w.grown
	rec.Totals.Add(w.totals)
	rec.Last = reconcile.Anchors(rec.Last).Add(w.sent...)
	if w.totals.Accepted > 0 {
		rec.Delivery = progress.Weakest(rec.Delivery, delivery)
	}
	for id := range w.formerly {
		if !slices.ContainsFunc(w.left, func(t progress.OpenTrace) bool { return t.ID == id }) {
			x.open.drop(id)
		}
	}
	for _, t := range w.left {
		x.open.put(t)
	}
	x.telling.end(w.telling)
}

// wait returns once not too much is unwritten.
func (s *saver) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.unsaved > s.run.Workers && s.run.ctx.Err() == nil {
		s.wake.Wait()
	}
}

// nudge makes waiting workers look again whether the run has ended.
func (s *saver) nudge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake.Broadcast()
}

func (s *saver) loop() {
	defer close(s.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.queue)+len(s.touched) == 0 && !s.closing {
			s.wake.Wait()
		}
		if len(s.queue)+len(s.touched) == 0 {
			return
		}
		queue, readers := s.queue, s.touched
		s.queue, s.touched = nil, map[*reader]bool{}
		s.mu.Unlock()
		s.save(queue, readers)
		s.mu.Lock()
		s.unsaved -= len(queue)
		s.wake.Broadcast()
	}
}

// save applies windows and writes what has changed.
func (s *saver) save(queue []*window, readers map[*reader]bool) {
	var skipped []progress.SkippedTrace
	for _, w := range queue {
		if !s.insist(func() error { return s.apply(w) }) {
			s.unwritten()
			return
		}
		skipped = append(skipped, w.skipped...)
		readers[w.reader] = true
	}
	s.mu.Lock()
	announced := s.announced
	var all delivered.Changes
	for x := range readers {
		all.Append(s.changes(x))
	}
	for _, w := range queue {
		if w.listed {
			for _, id := range w.sent {
				all.Open = append(all.Open, storage.SetOperation(s.run.Store.key("sent", id), []byte{1}))
			}
		}
	}
	if a := s.run.Aggregates; a != nil {
		all.Position = append(all.Position, a.changes(s.run.Store)...)
	}
	s.mu.Unlock()
	ops := all.Operations()
	written := s.insist(func() error {
		if len(skipped) > 0 {
			if err := s.run.Skip(skipped); err != nil {
				return err
			}
			skipped = nil
		}
		return s.run.Store.Client.Batch(s.run.parent, ops...)
	})
	if written {
		for x := range readers {
			x.set.Applied()
		}
		s.mu.Lock()
		s.stored = announced
		s.mu.Unlock()
	} else {
		s.unwritten()
	}
}

// unwritten notes that the storage does not hold what was added to the sums.
func (s *saver) unwritten() {
	if a := s.run.Aggregates; a != nil {
		a.forget()
	}
}

// changes are those of one experiment: whatever prefix of them is applied, a trace is never known
// as listed without being known as delivered or open. s.mu is held.
func (s *saver) changes(x *reader) *delivered.Changes {
	store := s.run.Store
	c := x.set.Changes()
	if lost := x.set.Lost(); lost > 0 { // they count again once they are delivered again
		x.record.Totals.Forget(lost)
		s.run.Counters.Update(x.exp.ID, func(a *progress.Experiment) { a.Earlier.Forget(lost) })
	}
	for _, op := range x.open.ops(func(page int) string { return store.open(x.exp.ID, page) }) {
		if op.Type == storage.Delete {
			c.Delete = append(c.Delete, op)
		} else {
			c.Open = append(c.Open, op)
		}
	}
	x.record.Open = x.open.stored
	c.Position = append(c.Position, storage.SetOperation(store.position(x.exp.ID), x.record.Encode()))
	if op := x.telling.op(store.telling(x.exp.ID)); op != nil {
		c.Position = append(c.Position, op)
	}
	return c
}

// insist calls a function until it succeeds; without storage, nothing may go on. It reports false
// when the run ended before.
func (s *saver) insist(f func() error) bool {
	r := s.run
	troubled := false
	for wait := r.newBackOff(); ; {
		err := f()
		if err == nil {
			if troubled {
				r.mu.Lock()
				r.restate()
				r.unlock()
			}
			return true
		}
		if r.parent.Err() != nil {
			return false
		}
		if errors.Is(err, delivered.ErrOutOfOrder) || errors.Is(err, delivered.ErrNewerFormat) {
			r.cancel(err)
			return false
		}
		if !troubled {
			troubled = true
			r.Log.Error("Progress can't be written; nothing goes on until it can", zap.Error(err))
		}
		r.Status(fmt.Errorf("progress can't be written: %w", err))
		r.mu.Lock()
		r.clock.other(r.Now())
		r.mu.Unlock()
		if !sleep(r.parent, wait.NextBackOff()) {
			return false
		}
	}
}

// close writes what is left and ends the goroutine.
func (s *saver) close() {
	s.mu.Lock()
	s.closing = true
	s.wake.Broadcast()
	s.mu.Unlock()
	<-s.done
}
