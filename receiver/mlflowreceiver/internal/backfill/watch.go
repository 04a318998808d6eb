// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

// sayEvery is how often the log says why a run waits.
const sayEvery = time.Minute

// explain notes why the destination takes nothing of an experiment: in the status, and in the log
// once a minute. r.mu is held.
func (r *run) explain(x *reader, why string) {
	if x.trouble != why {
		x.trouble = why
		err := x.troubled()
		r.notices = append(r.notices, func() { r.Status(err) })
	}
	if now := r.Now(); r.said.IsZero() || now.Sub(r.said) >= sayEvery {
		r.said = now
		r.notices = append(r.notices, func() {
			r.Log.Warn("Waiting for the destination; the position stays", zap.String("experiment_id", x.exp.ID),
				zap.String("experiment", x.exp.Name), zap.String("reason", why))
		})
	}
}

// troubled is the trouble of an experiment as an error. run.mu is held.
func (x *reader) troubled() error { return fmt.Errorf("experiment %s: %s", x.exp.ID, x.trouble) }

// restate tells the status that is left once a trouble is over, and whether there is none. r.mu is held.
func (r *run) restate() (fine bool) {
	var err error
	for _, x := range r.readers {
		if x.trouble != "" {
			err = x.troubled()
			break
		}
	}
	r.notices = append(r.notices, func() { r.Status(err) })
	return err == nil
}

// passes notes that the destination takes data of an experiment again. r.mu is held.
func (r *run) passes(x *reader) {
	x.trouble = ""
	if r.restate() {
		r.notices = append(r.notices, func() {
			r.Log.Info("The destination accepts data", zap.String("experiment_id", x.exp.ID))
		})
	}
}

// watch looks at windows that wait for long and ends the run once the destination has refused for
// too long.
func (r *run) watch(ended <-chan struct{}) {
	every := time.Second
	if r.clock.after > 0 {
		every = min(every, max(r.clock.after/10, time.Millisecond))
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ended:
			return
		}
		held := ""
		if r.Held != nil {
			held = r.Held()
		}
		r.mu.Lock()
		now := r.Now()
		r.look(now, held)
		if r.clock.due(now) {
			next := "running again continues"
			if r.Follows {
				next = "later looks try it again"
			}
			r.cancel(fmt.Errorf("%w for %s: %s; %s", ErrGivenUp, r.clock.after, r.clock.message, next))
		}
		r.unlock()
	}
}

// look notes which windows wait for long, and for what: an exporter that holds is a refusal,
// everything else is none. r.mu is held.
func (r *run) look(now time.Time, held string) {
	long := func(since time.Time) bool { return !since.IsZero() && now.Sub(since) >= stallAfter }
	for _, x := range r.readers {
		if long(x.planned) {
			r.clock.other(now)
		}
	}
	for w := range r.windows {
		switch {
		case long(w.reading):
			r.clock.other(now)
		case !long(w.sending):
		case held != "":
			r.clock.refuse(held)
			r.explain(w.reader, held)
		default:
			r.clock.other(now)
			r.explain(w.reader,
				"a call of the pipeline has not returned; an exporter may be repeating it, and its log says why")
		}
	}
}
