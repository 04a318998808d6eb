// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// saver makes progress durable: the list of skipped traces first, then open traces and positions in
// one transaction. One goroutine writes. What completes meanwhile goes into the next write, and
// workers wait while too much is unwritten, so that what a crash repeats stays bounded by the
// windows in work.
type saver struct {
	run *run

	mu      sync.Mutex
	wake    sync.Cond
	dirty   map[*reader]*changes
	unsaved int // windows
	closing bool
	done    chan struct{}
}

// changes is what is to be written for a reader, beside its record and open traces.
type changes struct {
	skipped []progress.SkippedTrace
	sent    []string
	windows int
}

func newSaver(r *run) *saver {
	s := &saver{run: r, dirty: map[*reader]*changes{}, done: make(chan struct{})}
	s.wake.L = &s.mu
	go s.loop()
	return s
}

// add takes a window whose turn it is: everything before it in its experiment is settled.
func (s *saver) add(w *window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := w.reader
	c := s.dirty[x]
	if c == nil {
		c = &changes{}
		s.dirty[x] = c
	}
	c.skipped = append(c.skipped, w.skipped...)
	c.sent = append(c.sent, w.sent...)
	c.windows++
	s.unsaved++
	w.record(x, s.run.Delivery)
	s.wake.Broadcast()
}

// record brings what a window did into the record and the open traces of its experiment.
func (w *window) record(x *reader, delivery progress.Delivery) {
	rec := &x.record
	if w.upto != (mlflow.Position{}) {
		rec.Coverage = rec.Coverage.Add(w.gap, w.upto)
	}
	for _, was := range w.formerly {
		rec.Totals.Retake(was.Reason)
	}
	rec.Totals.Add(w.totals)
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
		for len(s.dirty) == 0 && !s.closing {
			s.wake.Wait()
		}
		if len(s.dirty) == 0 {
			return
		}
		var skipped []progress.SkippedTrace
		var ops []*storage.Operation
		windows := 0
		for x, c := range s.dirty {
			skipped = append(skipped, c.skipped...)
			windows += c.windows
			ops = append(ops, s.ops(x, c)...)
		}
		clear(s.dirty)
		s.mu.Unlock()
		s.write(skipped, ops)
		s.mu.Lock()
		s.unsaved -= windows
		s.wake.Broadcast()
	}
}

// ops are the changes of one experiment, the position last: whatever of them is applied, a trace is
// never behind the position without being known as open. s.mu is held.
func (s *saver) ops(x *reader, c *changes) []*storage.Operation {
	store := s.run.Store
	ops := x.open.ops(func(page int) string { return store.open(x.exp.ID, page) })
	for _, id := range c.sent {
		ops = append(ops, storage.SetOperation(store.key("sent", id), []byte{1}))
	}
	x.record.Open = x.open.stored
	return append(ops, storage.SetOperation(store.position(x.exp.ID), x.record.Encode()))
}

// write makes changes durable, trying again until the run ends: without storage, nothing may go on.
func (s *saver) write(skipped []progress.SkippedTrace, ops []*storage.Operation) {
	r := s.run
	troubled := false
	for wait := r.newBackOff(); ; {
		var err error
		if len(skipped) > 0 {
			if err = r.Skip(skipped); err == nil {
				skipped = nil
			}
		}
		if err == nil {
			err = r.Store.Client.Batch(r.parent, ops...)
		}
		if err == nil {
			if troubled {
				r.Status(nil)
			}
			return
		}
		if r.parent.Err() != nil {
			return
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
			return
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
