// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"fmt"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// saver makes progress durable: the list of skipped traces first, then the position. One goroutine
// writes; what completes while it writes goes into the next write, and workers wait while too much
// is unwritten, so that what a crash repeats stays bounded by the units in work.
type saver struct {
	run *run

	mu      sync.Mutex
	wake    sync.Cond
	dirty   map[*lane]*changes
	unsaved int // units
	closing bool
	done    chan struct{}
}

// changes is what is to be written for a lane.
type changes struct {
	skipped []progress.SkippedTrace
	sent    []string
	units   int
}

func newSaver(r *run) *saver {
	s := &saver{run: r, dirty: map[*lane]*changes{}, done: make(chan struct{})}
	s.wake.L = &s.mu
	go s.loop()
	return s
}

// add takes a unit whose turn it is: everything before it in its lane is settled.
func (s *saver) add(u *unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := u.lane
	c := s.dirty[l]
	if c == nil {
		c = &changes{}
		s.dirty[l] = c
	}
	c.skipped = append(c.skipped, u.skipped...)
	c.sent = append(c.sent, u.sent...)
	c.units++
	s.unsaved++
	u.record(&l.record)
	s.wake.Broadcast()
}

// record brings what a unit did into the record of its experiment.
func (u *unit) record(rec *progress.Record) {
	if u.upto != (mlflow.Position{}) {
		rec.Coverage = rec.Coverage.Add(u.gap, u.upto)
	}
	u.recount(&rec.Totals)
	rec.Totals.Add(u.totals)
	rec.Pending = slices.DeleteFunc(rec.Pending, func(id string) bool {
		_, met := u.formerly[id]
		return met
	})
	rec.Pending = append(rec.Pending, u.pending...)
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
		batch := s.dirty
		s.dirty = map[*lane]*changes{}
		encoded := make(map[*lane][]byte, len(batch))
		for l := range batch {
			encoded[l] = l.record.Encode()
		}
		s.mu.Unlock()
		for l, c := range batch {
			s.write(l, c, encoded[l])
		}
		s.mu.Lock()
		for _, c := range batch {
			s.unsaved -= c.units
		}
		s.wake.Broadcast()
	}
}

// write makes the changes of a lane durable, trying again until the run ends: without storage,
// nothing may go on.
func (s *saver) write(l *lane, c *changes, record []byte) {
	r := s.run
	listed, troubled := len(c.skipped) == 0, false
	for wait := r.backOff(); ; {
		var err error
		if !listed {
			if err = r.Skip(c.skipped); err == nil {
				listed = true
			}
		}
		if listed {
			err = r.Store.Save(r.ctx, l.exp.ID, record, c.sent)
		}
		if err == nil {
			if troubled {
				r.Status(nil)
			}
			return
		}
		if r.ctx.Err() != nil {
			return
		}
		if !troubled {
			troubled = true
			r.Log.Error("Progress can't be written; holding until it can", zap.String("experiment_id", l.exp.ID),
				zap.Error(err))
		}
		r.Status(fmt.Errorf("progress of experiment %s can't be written: %w", l.exp.ID, err))
		if werr := wait(r.ctx); werr != nil {
			r.giveUp(werr, err)
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
