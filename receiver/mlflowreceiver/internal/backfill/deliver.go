// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// deliver sends a batch of a unit and settles its traces, now or when the jury knows more. It
// returns an error only when the run ends.
func (r *run) deliver(u *unit, traces []*mlflow.Trace) error {
	j := &u.lane.jury
	for {
		begun, err := j.enter(r.ctx)
		if err != nil {
			return err
		}
		passed, refused, err := r.attempt(u, traces)
		if err != nil {
			return err
		}
		if passed {
			for _, s := range j.pass() {
				s.unit.reject(s.refused)
			}
		}
		if len(refused) == 0 {
			return nil
		}
		s := suspect{u, refused}
		switch j.refuse(s, passed, begun, r.HoldAfter) {
		case again:
			traces = s.traces()
			continue
		case guilty:
			u.reject(refused)
		case holds:
			return r.hold(u.lane, refused[0].err)
		}
		return nil
	}
}

// attempt sends traces; what is refused for good is halved down to single traces, unless the
// destination says itself which part it refused. It reports whether anything passed, and settles
// what did.
func (r *run) attempt(u *unit, traces []*mlflow.Trace) (passed bool, refused []refusal, err error) {
	err = r.send(u.lane, traces)
	switch {
	case err == nil:
		u.accept(traces)
		return true, nil, nil
	case !permanent(err) || r.ctx.Err() != nil:
		return false, nil, err
	case len(traces) == 1:
		return false, []refusal{{traces[0], err}}, nil
	}
	if bad := missing(err, traces); len(bad) > 0 {
		// The destination has the others already and says exactly what it refused: nothing is to be
		// sent again.
		var taken []*mlflow.Trace
		for _, t := range traces {
			if slices.Contains(bad, t) {
				refused = append(refused, refusal{t, err})
			} else {
				taken = append(taken, t)
			}
		}
		u.accept(taken)
		return true, refused, nil
	}
	half := len(traces) / 2
	for _, part := range [][]*mlflow.Trace{traces[:half], traces[half:]} {
		p, f, err := r.attempt(u, part)
		if err != nil {
			return passed, nil, err
		}
		passed = passed || p
		refused = append(refused, f...)
	}
	return passed, refused, nil
}

// send hands traces to the pipeline until it takes them or refuses them for good. Errors that may
// pass are retried with back-off; of a partial error from a single destination only what is missing
// is sent again.
func (r *run) send(l *lane, traces []*mlflow.Trace) error {
	var over func()
	var mu sync.Mutex
	watch := time.AfterFunc(stallAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		over = r.stalling(l)
	})
	defer func() {
		if !watch.Stop() {
			mu.Lock()
			defer mu.Unlock()
			if over != nil {
				over()
			}
		}
	}()
	troubled := false
	for wait := r.backOff(); ; {
		err := r.Send(r.ctx, l.exp, traces)
		switch {
		case err == nil:
			if troubled {
				r.Status(nil)
			}
			return nil
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		}
		r.Observer.Refused(permanent(err))
		if permanent(err) {
			return err
		}
		if !troubled {
			troubled = true
			r.Log.Warn("The pipeline does not take data at the moment, sending again until it does",
				zap.String("experiment_id", l.exp.ID), zap.String("error", message(err)))
		}
		r.Status(fmt.Errorf("experiment %s: %s", l.exp.ID, message(err)))
		if rest := missing(err, traces); rest != nil {
			traces = rest
		}
		if werr := wait(r.ctx); werr != nil {
			r.giveUp(werr, err)
			return werr
		}
	}
}

// backOff returns a function that waits for the next interval. It fails when the context ends, and,
// in a run that gives up, once the time for it is over.
func (r *run) backOff() func(context.Context) error {
	b := backoff.ExponentialBackOff{
		InitialInterval: r.Retry.InitialInterval, MaxInterval: r.Retry.MaxInterval,
		Multiplier: r.Retry.Multiplier, RandomizationFactor: r.Retry.RandomizationFactor,
	}
	b.Reset()
	begin := r.Now()
	return func(ctx context.Context) error {
		if r.GiveUp && r.Retry.MaxElapsedTime > 0 && r.Now().Sub(begin) > r.Retry.MaxElapsedTime {
			return ErrGivenUp
		}
		t := time.NewTimer(b.NextBackOff())
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// giveUp ends the whole run when a wait ended because the time was over.
func (r *run) giveUp(err, refusal error) {
	if errors.Is(err, ErrGivenUp) {
		r.cancel(fmt.Errorf("%w: %s", ErrGivenUp, message(refusal)))
	}
}
