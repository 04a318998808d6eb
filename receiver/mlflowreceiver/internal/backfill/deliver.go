package backfill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// refusal is a single trace that the pipeline refused for good.
type refusal struct {
	trace *mlflow.Trace
	err   error
}

// suspect is a batch that was refused as a whole: either its traces are bad, or the destination refuses everything. What follows tells.
type suspect struct {
	unit    *unit
	refused []refusal
}

// jury decides, for one lane, what becomes of refused batches. A batch that passes shows that the destination works: the suspects' traces are rejected. Too many
// refusals in a row show that it does not: the lane holds and sends again until something passes. What was refused in a time of need, that is in an attempt during which
// a hold began, proves nothing and is attempted once more.
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

// refuse rules on what an attempt left refused; passed says that others of the same batch were accepted, begun what enter returned before it.
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

// deliver sends a batch of a unit and settles its traces, now or when the jury knows more. It returns an error only when the run ends.
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

// traces returns what was refused.
func (s suspect) traces() []*mlflow.Trace {
	traces := make([]*mlflow.Trace, len(s.refused))
	for i, f := range s.refused {
		traces[i] = f.trace
	}
	return traces
}

// attempt sends traces; what is refused for good is halved down to single traces. It reports whether anything passed, and settles what did.
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

// hold sends the suspects of a lane again and again, with back-off, until something passes; then it settles them all. Nobody else sends for the lane meanwhile.
func (r *run) hold(l *lane, cause error) error {
	defer l.jury.release()
	defer r.stalling(l)()
	r.Log.Warn("The pipeline refuses everything of an experiment: holding, the position stays",
		zap.String("experiment_id", l.exp.ID), zap.String("experiment", l.exp.Name), zap.String("error", message(cause)))
	for wait := r.backOff(); ; {
		r.Status(fmt.Errorf("experiment %s: the pipeline refuses everything: %s", l.exp.ID, message(cause)))
		if err := wait(r.ctx); err != nil {
			r.giveUp(err, cause)
			return err
		}
		any, again, err := r.retry(l.jury.take())
		if err != nil {
			return err
		}
		if any {
			r.Status(nil)
			r.Log.Info("The pipeline accepts again", zap.String("experiment_id", l.exp.ID))
			// Those that are still refused were so in the time of need, the attempt in which it ended included: they get a second chance.
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
func (r *run) retry(suspects []suspect) (any bool, again []suspect, err error) {
	for _, s := range suspects {
		passed, refused, err := r.attempt(s.unit, s.traces())
		if err != nil {
			return any, nil, err
		}
		any = any || passed
		if len(refused) > 0 {
			again = append(again, suspect{s.unit, refused})
		}
	}
	return any, again, nil
}

// verdict settles the suspects that are left when a lane has nothing more to send: they are rejected when anything passed, else the lane holds.
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

// send hands traces to the pipeline until it takes them or refuses them for good. Errors that may pass are retried with back-off; of a partial error from a single
// destination only what is missing is sent again.
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

// backOff returns a function that waits for the next interval. It fails when the context ends, and, in a run that gives up, once
// the time for it is over.
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

// permanent reports whether sending the same data again is pointless: only if every leaf of the error tree says so. A fan-out joins the errors of its branches, and
// one permanent branch must not cost the other its data.
func permanent(err error) bool {
	if !consumererror.IsPermanent(err) {
		return false
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			for _, leaf := range joined.Unwrap() {
				if !permanent(leaf) {
					return false
				}
			}
			return true
		}
	}
	return true
}

// missing returns the traces that a partial error says were not taken, or nil when it doesn't say or can't be trusted because several destinations answered.
func missing(err error, traces []*mlflow.Trace) []*mlflow.Trace {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if _, joined := e.(interface{ Unwrap() []error }); joined {
			return nil
		}
	}
	var partial consumererror.Traces
	if !errors.As(err, &partial) {
		return nil
	}
	ids := traceIDs(partial.Data())
	var rest []*mlflow.Trace
	for _, t := range traces {
		if len(t.Spans) > 0 && ids[t.Spans[0].TraceID] {
			rest = append(rest, t)
		}
	}
	if len(rest) == len(traces) {
		return nil
	}
	return rest
}

func traceIDs(td ptrace.Traces) map[[16]byte]bool {
	ids := map[[16]byte]bool{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				ids[s.TraceID()] = true
			}
		}
	}
	return ids
}

// message returns an error's text, cut: errors of destinations may be long.
func message(err error) string {
	const most = 300
	s := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
