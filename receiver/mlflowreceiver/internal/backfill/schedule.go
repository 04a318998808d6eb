// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import "go.uber.org/zap"

// spawn starts a worker.
func (r *run) spawn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spawnLocked()
}

func (r *run) spawnLocked() {
	r.running++
	r.wg.Go(func() {
		for {
			l := r.pick()
			if l == nil {
				return
			}
			r.work(l)
		}
	})
}

// work plans and processes one unit of a lane.
func (r *run) work(l *lane) {
	u, err := l.plan(r.ctx)
	if err != nil {
		r.fail(l, err)
	}
	if u != nil {
		r.process(u)
	}
	r.mu.Lock()
	l.busy--
	if u == nil {
		l.complete = l.complete || err == nil
		l.exhausted = true
	}
	last := l.exhausted && l.busy == 0 && !r.halted()
	r.changed.Broadcast()
	r.mu.Unlock()
	if last {
		_ = r.verdict(l) // fails only when the run ends, which then says why
	}
}

// fail ends a lane with a fault of the source; the others go on.
func (r *run) fail(l *lane, err error) {
	if r.ctx.Err() != nil {
		return // the run ends, this is its echo
	}
	r.Log.Error("Reading of an experiment stopped with an error", zap.String("experiment_id", l.exp.ID),
		zap.String("experiment", l.exp.Name), zap.Error(err))
	r.Ledger.Update(l.exp.ID, accountError(err))
	r.mu.Lock()
	defer r.mu.Unlock()
	l.exhausted = true
}

// pick waits for a lane with something to plan and returns it with its busy count raised, or
// returns nil when this worker is no longer needed.
//
// While another lane flows, a lane has one unit in work at most, so a destination that stalls for
// one experiment holds one worker and no more; a worker that waits for long is replaced (see
// stalling). Alone, a lane gets every worker.
func (r *run) pick() *lane {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if r.halted() || r.running-r.stalled > r.Workers || r.finished() {
			r.running--
			r.changed.Broadcast()
			return nil
		}
		if l := r.eligible(); l != nil {
			l.busy++
			return l
		}
		r.changed.Wait()
	}
}

// ahead bounds, in units per worker, how far a lane runs ahead of its oldest unit that is not
// settled: what is settled behind that one is sent again after a crash.
const ahead = 2

func (r *run) eligible() *lane {
	flowing := 0
	for _, l := range r.lanes {
		if !l.exhausted && l.waiting == 0 {
			flowing++
		}
	}
	for i := range r.lanes {
		l := r.lanes[(r.next+i)%len(r.lanes)]
		limit := r.Workers
		if flowing > 1 {
			limit = 1
		}
		if !l.exhausted && l.waiting == 0 && l.busy < limit && (l.busy == 0 || l.tracker.Open() < ahead*r.Workers) {
			r.next = (r.next + i + 1) % len(r.lanes)
			return l
		}
	}
	return nil
}

func (r *run) finished() bool {
	for _, l := range r.lanes {
		if !l.exhausted {
			return false
		}
	}
	return true
}

// stalling marks that a worker waits for the pipeline for long, and lets another take its place;
// the returned function takes the mark back.
func (r *run) stalling(l *lane) (over func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.waiting++
	r.stalled++
	if !r.halted() && !r.finished() {
		r.spawnLocked()
	}
	r.changed.Broadcast()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		l.waiting--
		r.stalled--
		r.changed.Broadcast()
	}
}
