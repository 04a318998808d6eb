// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// refusal is a single trace that the pipeline refused for good.
type refusal struct {
	trace *mlflow.Trace
	err   error
}

// suspect is a batch that was refused as a whole: either its traces are bad, or the destination
// refuses everything. What follows tells.
type suspect struct {
	unit    *unit
	refused []refusal
}

// jury decides, for one lane, what becomes of refused batches. A batch that passes shows that the
// destination works: the suspects' traces are rejected. Too many refusals in a row show that it
// does not: the lane holds and sends again until something passes. What was refused in a time of
// need, that is in an attempt during which a hold began, proves nothing and is attempted once more.
type jury struct {
	mu       sync.Mutex
	passed   bool // something passed in this run
	row      int
	suspects []suspect
	held     chan struct{} // closed when the hold ends; nil when there is none
	holds    int           // that have begun
}

// enter waits while the lane holds and returns how many holds there have been.
func (j *jury) enter(ctx context.Context) (holds int, err error) {
	for {
		j.mu.Lock()
		held, holds := j.held, j.holds
		j.mu.Unlock()
		if held == nil {
			return holds, nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return holds, ctx.Err()
		}
	}
}

// pass records an acceptance and returns the suspects, which are guilty now.
func (j *jury) pass() []suspect {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.passed, j.row = true, 0
	if j.held != nil {
		return nil // a batch that was under way when the hold began; the holder sends the suspects again
	}
	guilty := j.suspects
	j.suspects = nil
	return guilty
}

// What follows from a refusal.
type ruling uint8

const (
	waits  ruling = iota // the traces are suspects
	guilty               // others passed, the traces are rejected
	again                // refused in a time of need
	holds                // the caller holds the lane
)

// refuse rules on what an attempt left refused; passed says that others of the same batch were
// accepted, begun what enter returned before it.
func (j *jury) refuse(s suspect, passed bool, begun, holdAfter int) ruling {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.passed = j.passed || passed
	switch {
	case j.holds != begun:
		return again
	case passed:
		return guilty
	}
	j.suspects = append(j.suspects, s)
	j.row++
	if j.row < holdAfter {
		return waits
	}
	j.hold()
	return holds
}

// hold begins a hold; j.mu is held.
func (j *jury) hold() {
	j.held = make(chan struct{})
	j.holds++
}

// take returns the suspects for another attempt.
func (j *jury) take() []suspect {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.suspects
	j.suspects = nil
	return s
}

// putBack returns suspects that were refused once more.
func (j *jury) putBack(s []suspect) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.suspects = append(s, j.suspects...)
}

// release ends the hold.
func (j *jury) release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.held)
	j.held, j.row = nil, 0
}

// traces returns what was refused.
func (s suspect) traces() []*mlflow.Trace {
	traces := make([]*mlflow.Trace, len(s.refused))
	for i, f := range s.refused {
		traces[i] = f.trace
	}
	return traces
}

// hold sends the suspects of a lane again and again, with back-off, until something passes; then it
// settles them all. Nobody else sends for the lane meanwhile.
func (r *run) hold(l *lane, cause error) error {
	defer l.jury.release()
	defer r.stalling(l)()
	r.Log.Warn("The pipeline refuses everything of an experiment: holding, the position stays",
		zap.String("experiment_id", l.exp.ID), zap.String("experiment", l.exp.Name),
		zap.String("error", message(cause)))
	for wait := r.backOff(); ; {
		r.Status(fmt.Errorf("experiment %s: the pipeline refuses everything: %s", l.exp.ID, message(cause)))
		if err := wait(r.ctx); err != nil {
			r.giveUp(err, cause)
			return err
		}
		accepted, again, err := r.retry(l.jury.take())
		if err != nil {
			return err
		}
		if accepted {
			r.Status(nil)
			r.Log.Info("The pipeline accepts again", zap.String("experiment_id", l.exp.ID))
			// Those that are still refused were so in the time of need, the attempt in which it
			// ended included: they get a second chance.
			_, guilty, err := r.retry(again)
			if err != nil {
				return err
			}
			for _, s := range guilty {
				s.unit.reject(s.refused)
			}
			return nil
		}
		l.jury.putBack(again)
	}
}

// retry sends suspects once more. It reports whether anything passed, and what is still refused.
func (r *run) retry(suspects []suspect) (accepted bool, again []suspect, err error) {
	for _, s := range suspects {
		passed, refused, err := r.attempt(s.unit, s.traces())
		if err != nil {
			return accepted, nil, err
		}
		accepted = accepted || passed
		if len(refused) > 0 {
			again = append(again, suspect{s.unit, refused})
		}
	}
	return accepted, again, nil
}

// verdict settles the suspects that are left when a lane has nothing more to send: they are
// rejected when anything passed, else the lane holds.
func (r *run) verdict(l *lane) error {
	j := &l.jury
	j.mu.Lock()
	passed, left := j.passed, len(j.suspects)
	var cause error
	if left > 0 {
		cause = j.suspects[0].refused[0].err
	}
	if left == 0 || j.held != nil {
		j.mu.Unlock()
		return nil
	}
	if !passed {
		j.hold()
		j.mu.Unlock()
		return r.hold(l, cause)
	}
	guilty := j.suspects
	j.suspects = nil
	j.mu.Unlock()
	for _, s := range guilty {
		s.unit.reject(s.refused)
	}
	return nil
}
