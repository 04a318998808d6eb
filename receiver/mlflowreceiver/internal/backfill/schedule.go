// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"errors"
	"time"

	"go.uber.org/zap"
)

// spawn starts a worker; r.mu is held.
func (r *run) spawn() {
	r.running++
	r.wg.Go(func() {
		for {
			x := r.pick()
			if x == nil {
				return
			}
			r.work(x)
		}
	})
}

// work plans and processes one window of an experiment.
func (r *run) work(x *reader) {
	r.mu.Lock()
	x.planned = r.Now()
	r.unlock()
	w, err := x.plan(r.ctx)
	r.mu.Lock()
	x.planned = time.Time{}
	r.unlock()
	if err != nil {
		r.fail(x, err)
	}
	if w != nil {
		r.process(w)
	}
	r.mu.Lock()
	defer r.unlock()
	x.busy--
	if w == nil {
		x.complete = x.complete || err == nil
		x.exhausted = true
	}
	r.wake()
	if x.exhausted && x.busy == 0 {
		r.broadcast()
	}
}

// fail ends an experiment with a fault of the source; the others go on.
func (r *run) fail(x *reader, err error) {
	if r.ctx.Err() != nil || errors.Is(err, errHalted) {
		return // the run ends, this is its echo
	}
	r.Log.Error("Reading of an experiment stopped with an error", zap.String("experiment_id", x.exp.ID),
		zap.String("experiment", x.exp.Name), zap.Error(err))
	r.Counters.Update(x.exp.ID, experimentError(err))
	r.mu.Lock()
	defer r.unlock()
	x.exhausted = true
	r.broadcast()
}

// pick waits for an experiment with something to plan and returns it with its busy count raised, or
// returns nil when this worker is no longer needed.
//
// While another experiment flows, an experiment has one window in work at most, so a destination
// that stalls for one experiment takes one worker and no more; a worker that waits for long is
// replaced (see stall). Alone, an experiment gets every worker.
func (r *run) pick() *reader {
	r.mu.Lock()
	defer r.unlock()
	for {
		if r.halted() || r.running-r.stalled > r.Workers || r.finished() {
			r.running--
			r.wake()
			return nil
		}
		if x := r.eligible(); x != nil {
			x.busy++
			return x
		}
		r.changed.Wait()
	}
}

// ahead bounds, in windows per worker, how far an experiment runs ahead of its oldest window that
// is not settled: what is settled behind that one is sent again after a crash.
const ahead = 2

func (r *run) eligible() *reader {
	flowing := 0
	for _, x := range r.readers {
		if !x.exhausted && x.waiting == 0 {
			flowing++
		}
	}
	limit := r.Workers
	if flowing > 1 {
		limit = 1
	}
	for i := range r.readers {
		x := r.readers[(r.next+i)%len(r.readers)]
		if !x.exhausted && x.waiting == 0 && x.busy < limit && (x.busy == 0 || x.tracker.Open() < ahead*r.Workers) {
			r.next = (r.next + i + 1) % len(r.readers)
			return x
		}
	}
	return nil
}

func (r *run) finished() bool {
	for _, x := range r.readers {
		if !x.exhausted {
			return false
		}
	}
	return true
}

// stall is the mark that a worker waits for the destination for long, so that another takes its
// place. run.mu is held for its methods.
type stall struct {
	reader       *reader
	begun, ended bool
}

// begin sets the mark, unless it is set or was taken back.
func (s *stall) begin() {
	if s.begun || s.ended {
		return
	}
	s.begun = true
	r := s.reader.run
	s.reader.waiting++
	r.stalled++
	if !r.halted() && !r.finished() {
		r.spawn()
	}
	r.wake()
}

// end takes the mark back for good.
func (s *stall) end() {
	if s.begun && !s.ended {
		s.reader.waiting--
		s.reader.run.stalled--
		s.reader.run.wake()
	}
	s.ended = true
}
