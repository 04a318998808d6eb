// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// How many traces are sent from quarantine at a time: few while the experiment goes on, so that
// others pass in between.
const (
	fewSuspects  = 8
	manySuspects = 500
)

// retryLater makes sure that a goroutine sends what is in quarantine; r.mu is held.
func (r *run) retryLater(x *reader) {
	if len(x.quarantine.Suspects) == 0 || x.retrying {
		r.broadcast()
		return
	}
	x.retrying = true
	r.broadcast()
	r.wg.Go(func() {
		for {
			due := r.due(x)
			if due == nil {
				return
			}
			r.retry(x, due)
		}
	})
}

// due waits until traces in quarantine are to be sent, and returns them; nil when none will be in
// this run. While others of the experiment are on their way, nothing is sent through an open
// circuit breaker: those are the probes.
func (r *run) due(x *reader) []*refusal.Suspect {
	r.mu.Lock()
	defer r.unlock()
	for {
		now := r.Now()
		alone := x.exhausted && x.busy == 0
		at, ok := x.quarantine.Due(alone, !r.Ends)
		if r.halted() || r.SendOnce || !ok && alone {
			x.retrying = false
			return nil
		}
		may := !x.breaker.Open && !r.pace.stuck() || alone || x.wantRoom > 0
		if ok && may && !at.After(now) {
			limit := fewSuspects
			if alone || x.quarantine.Full() {
				limit = manySuspects
				x.evidence = 1
				r.broadcast()
			}
			return x.quarantine.Take(now, limit, alone, !r.Ends)
		}
		if !ok || !may {
			at = time.Time{}
		}
		_ = r.await(at)
	}
}

// retry sends traces from quarantine.
func (r *run) retry(x *reader, due []*refusal.Suspect) {
	ids := make([]string, len(due))
	suspects := make(map[string]*refusal.Suspect, len(due))
	formerly := make(map[string]progress.OpenTrace, len(due))
	for i, s := range due {
		ids[i] = s.ID
		suspects[s.ID] = s
		formerly[s.ID] = progress.OpenTrace{ID: s.ID, Reason: progress.Refused,
			Since: s.Since.UnixMilli(), Tries: s.Tries}
	}
	w, err := x.lookUpUntracked(r.ctx, ids, formerly)
	if err != nil {
		r.mu.Lock()
		for _, s := range due {
			// a failing source must not keep the run from its end
			x.quarantine.Refuse(s, r.Now(), true, false, s.Message)
		}
		r.unlock()
		r.fail(x, err)
		return
	}
	w.suspects = suspects
	r.process(w)
	r.mu.Lock()
	x.lone = nil
	r.unlock()
}

// acquit takes a trace out of quarantine.
func (r *run) acquit(w *window, id string) {
	r.mu.Lock()
	defer r.unlock()
	if s := w.suspects[id]; s != nil {
		w.reader.quarantine.Remove(s)
		r.broadcast()
	}
}

// judge settles the traces of a window from quarantine that were refused once more: rejected, or
// back into quarantine.
func (r *run) judge(w *window) {
	x := w.reader
	r.mu.Lock()
	x.evidence = 1
	refused := x.lone
	r.broadcast()
	r.unlock()
	for _, f := range refused {
		id := f.trace.Info.ID
		s := w.suspects[id]
		alone := r.around(x, f)
		if r.proven(f, s) {
			r.acquit(w, id)
			w.reject(f.refusedTrace, s.Since)
			continue
		}
		r.mu.Lock()
		x.quarantine.Refuse(s, f.at, alone, x.breaker.Open, refusal.Message(f.err))
		r.unlock()
		w.leave(&f.trace.Info, progress.Refused, refusal.Message(f.err), s.Since)
	}
}

// around waits, near a refusal of a trace from quarantine, for the acceptance of another trace of the experiment that
// was sent after it. It reports whether no other trace is left.
func (r *run) around(x *reader, f *lone) (alone bool) {
	r.mu.Lock()
	defer r.unlock()
	for end := f.at.Add(refusal.Near); ; {
		alone = x.exhausted && x.busy == 0
		// while the circuit breaker is open, the destination refuses others, too
		if !f.after.IsZero() || x.breaker.Open || alone || !r.Now().Before(end) || r.await(end) != nil {
			return alone
		}
	}
}

// proven reports whether a trace is rejected: it was refused again, reject_after later, between two acceptances of
// others. See refusal.Suspect.Proven.
func (r *run) proven(f *lone, s *refusal.Suspect) bool {
	r.mu.Lock()
	defer r.unlock()
	before := f.call.before
	if f.after.IsZero() || f.at.Sub(s.Since) < r.RejectAfter || !before.After(s.Since) {
		return false
	}
	direct := f.quiet && f.call.began.Sub(before) <= refusal.Idle && f.after.Sub(f.at) <= refusal.Near
	return s.Proven(f.call.taken, f.after, direct)
}
