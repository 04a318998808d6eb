// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// deliver sends a batch of a window and settles its traces. What the destination refuses is divided
// until single traces are refused, as long as others pass; else the circuit breaker lets through
// one trace per interval. It returns an error only when the run ends.
func (r *run) deliver(w *window, traces []*mlflow.Trace) error {
	if err := r.room(w); err != nil {
		return err
	}
	if err := w.announceTraces(traces); err != nil {
		return err
	}
	parts := refusal.Divide(traces, w.suspects != nil)
	for p, ok := parts.Next(); ok; p, ok = parts.Next() {
		c, err := r.enter(w, len(p.Items) == 1)
		if err != nil {
			return err
		}
		if c.probe {
			p = parts.Probe(p)
		}
		if p.Again {
			r.sentAgain.Add(int64(len(p.Items)))
		}
		unit, err := r.send(w, p.Items)
		some, partly := errors.AsType[*refusal.PartialSuccess](err)
		if partly && some.Rest == nil {
			w.partly(p.Items, some)
			r.accepted(w, c)
			continue
		} else if partly {
			err = some.Rest
		}
		if err != nil && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		rest := p.Items
		if err != nil {
			rest = missing(err, p.Items)
		}
		if taken := len(p.Items) - len(rest); err == nil {
			w.accept(p.Items, unit)
			r.accepted(w, c)
			continue
		} else if rest != nil && taken > 0 { // the destination has the others and names what it has not
			took := slices.DeleteFunc(slices.Clone(p.Items), func(t *mlflow.Trace) bool {
				return slices.Contains(rest, t)
			})
			if partly {
				w.partly(took, some)
			} else {
				w.accept(took, unit)
			}
			r.accepted(w, c)
			c.probe = false
		} else {
			rest = p.Items
		}
		named := len(rest) < len(p.Items)
		switch {
		case !refusal.Permanent(err):
			r.failed(w, c, err)
			parts.Retry(rest)
		case named || len(rest) == 1:
			r.refused(w, c, err, p.Check || c.probe)
			for _, t := range rest {
				r.isolate(w, c, refusedTrace{t, err})
			}
		default:
			r.refused(w, c, err, false)
			parts.Refuse(rest)
		}
	}
	return nil
}

// isolate deals with a trace that was refused alone. The first time it goes into quarantine; what
// an earlier run rejected stays so; what comes from quarantine is judged once the window is
// through.
func (r *run) isolate(w *window, c call, f refusedTrace) {
	x, now := w.reader, r.Now()
	id := f.trace.Info.ID
	if w.suspects != nil {
		r.mu.Lock()
		x.lone = append(x.lone, &lone{refusedTrace: f, at: now, call: c})
		r.unlock()
		return
	}
	if was, known := w.formerly[id]; known && was.Reason == progress.Rejected {
		w.reject(f, now)
		return
	}
	r.mu.Lock()
	x.quarantine.Add(id, now, x.breaker.Open, refusal.Message(f.err))
	r.retryLater(x)
	r.unlock()
	w.leave(&f.trace.Info, progress.Refused, refusal.Message(f.err), now)
}

// room waits, before a batch is sent, while the quarantine of its experiment is full. Each time
// that traces are sent from a full quarantine, a batch goes through all the same: nothing would be
// accepted near their refusals otherwise.
func (r *run) room(w *window) error {
	x := w.reader
	r.mu.Lock()
	defer r.unlock()
	long := stall{reader: x}
	defer long.end()
	for waits := false; w.suspects == nil && x.quarantine.Full(); waits = true {
		if x.evidence > 0 {
			x.evidence--
			break
		}
		x.wantRoom++
		if !waits {
			long.begin()
			r.broadcast() // what is in quarantine may be sent now
			r.explain(x, "the quarantine is full: "+x.quarantine.Message())
		}
		w.reading = time.Time{}
		err := r.await(time.Time{})
		x.wantRoom--
		if err != nil {
			return err
		}
	}
	return nil
}

// send hands traces to the pipeline, as a unit, and returns its answer. A call that takes long no longer counts
// as work in flight.
func (r *run) send(w *window, traces []*mlflow.Trace) (*progress.Unit, error) {
	unit := progress.NewUnit(0)
	long := stall{reader: w.reader}
	watch := time.AfterFunc(stallAfter, func() {
		r.mu.Lock()
		defer r.unlock()
		long.begin()
	})
	err := r.Send(progress.WithUnit(r.ctx, unit), w.reader.exp, traces, w.toldBefore)
	watch.Stop()
	r.mu.Lock()
	defer r.unlock()
	long.end()
	return unit, err
}

// call is one call of the pipeline.
type call struct {
	began  time.Time
	probe  bool
	before time.Time // the newest acceptance of the experiment by then
	taken  time.Time // when the call of the newest acceptance began
}

// errHalted is why a window ends that waits for the destination while the run is being stopped.
var errHalted = errors.New("the run is being stopped")

// enter waits until a window may send: at once while the circuit breaker of its experiment is
// closed, else when it is its turn to send a probe. A single trace from quarantine follows directly
// after an acceptance, if there is one soon.
func (r *run) enter(w *window, single bool) (call, error) {
	x := w.reader
	r.mu.Lock()
	defer r.unlock()
	long := stall{reader: x}
	defer long.end()
	follows := r.Now().Add(refusal.Near)
	for {
		now := r.Now()
		if err := r.ctx.Err(); err != nil {
			return call{}, err
		}
		if single && w.suspects != nil && now.Before(follows) && r.follow(x, now) {
			w.reading = time.Time{}
			if r.await(follows) != nil {
				follows = now
			}
			continue
		}
		b := &x.breaker
		if !b.Open && r.pace.stuck() {
			b.Trip(now)
			b.Next = now
		}
		at := b.Next
		if r.pace.stuck() && at.Before(r.pace.next) {
			at = r.pace.next
		}
		probe := b.Open && !b.Probing && !at.After(now)
		if !b.Open || probe {
			if b.Probing = b.Probing || probe; probe && r.pace.stuck() {
				r.pace.take(now, r.untried(x))
			}
			b.Tried = true
			w.reading, w.sending = time.Time{}, now
			return call{now, probe, b.Accepted, x.taken}, nil
		}
		if r.halted() {
			return call{}, errHalted
		}
		if w.suspects == nil {
			long.begin()
		}
		w.reading = time.Time{}
		if b.Probing {
			at = time.Time{}
		}
		_ = r.await(at)
	}
}

// follow reports whether a trace from quarantine should wait until another one of the experiment is accepted; r.mu is
// held. Where the quarantine is full, a batch goes through for that.
func (r *run) follow(x *reader, now time.Time) bool {
	if x.breaker.Open || r.pace.stuck() || r.halted() || x.exhausted && x.busy == 0 ||
		now.Sub(x.breaker.Accepted) <= refusal.Idle {
		return false
	}
	if x.wantRoom > 0 && x.evidence == 0 {
		x.evidence = 1
		r.broadcast()
	}
	return true
}

// untried reports whether an experiment other than x has not sent anything yet; r.mu is held.
func (r *run) untried(x *reader) bool {
	return slices.ContainsFunc(r.readers, func(o *reader) bool { return o != x && !o.exhausted && !o.breaker.Tried })
}

// accepted notes that the pipeline took something.
func (r *run) accepted(w *window, c call) {
	x, now := w.reader, r.Now()
	r.mu.Lock()
	defer r.unlock()
	w.sending, w.reading = time.Time{}, now
	if c.probe {
		x.breaker.Probed(now)
	}
	closes := x.breaker.Accept(now, c.began, c.probe)
	if !x.breaker.Open && c.began.After(x.taken) {
		x.taken = c.began
	}
	for _, f := range x.lone {
		if f.after.IsZero() && !x.breaker.Open && !c.began.Before(f.at) {
			f.after, f.quiet = now, !x.denied.After(f.call.before)
		}
	}
	was := r.pace.accept()
	r.clock.other(now)
	if closes {
		x.quarantine.Passing(now)
	}
	if x.trouble != "" && !x.breaker.Open {
		r.passes(x)
	}
	if was { // what kept the others waiting is probably over, too
		for _, o := range r.readers {
			if o.breaker.Open {
				o.breaker.Next = now
			}
		}
	}
	if closes || was || len(x.quarantine.Suspects) > 0 {
		r.broadcast()
	}
}

// refused notes that the pipeline refused something for good.
func (r *run) refused(w *window, c call, err error, checked bool) {
	r.Observer.Refused(true)
	x, now := w.reader, r.Now()
	r.mu.Lock()
	defer r.unlock()
	w.sending, w.reading = time.Time{}, now
	if c.probe {
		x.breaker.Probed(now)
	}
	if w.suspects == nil {
		x.denied = now
	}
	x.breaker.Refuse(now, checked)
	r.pace.refuse(now)
	if refusal.Unavailable(err) {
		r.clock.other(now)
	} else {
		r.clock.refuse(refusal.Message(err))
	}
	if x.breaker.Open {
		r.explain(x, "the destination refuses everything: "+refusal.Message(err))
		r.broadcast()
	}
}

// failed notes an error that may pass.
func (r *run) failed(w *window, c call, err error) {
	r.Observer.Refused(false)
	x, now := w.reader, r.Now()
	r.mu.Lock()
	defer r.unlock()
	w.sending, w.reading = time.Time{}, now
	if c.probe {
		x.breaker.Probed(now)
	}
	x.denied = now
	x.breaker.Fail(now)
	r.pace.refuse(now)
	if a, ok := errors.AsType[*progress.AnswerError](err); ok {
		r.clock.refuse(a.Message)
	} else {
		r.clock.other(now)
	}
	r.explain(x, "the pipeline does not take data at the moment: "+refusal.Message(err))
	r.broadcast()
}

// await returns when something changed, when a time has come (zero: never), or with an error when
// the run ends. r.mu is held, and free meanwhile.
func (r *run) await(at time.Time) error {
	changed := r.signal
	r.unlock()
	defer r.mu.Lock()
	var due <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(at.Sub(r.Now()))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-changed:
	case <-due:
	case <-r.stopped:
		if r.ctx.Err() == nil {
			return errHalted
		}
		return r.ctx.Err()
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	return nil
}

// sleep waits and reports whether the context has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
