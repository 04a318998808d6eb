// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package plan runs steps. Each step reads the present state and proposes the changes that are
// still to be made. The Runner prints each proposal, and carries it out only with Apply. It returns
// the errors of the steps. It knows nothing of workspaces.
package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// State is what a step found.
type State string

// The states.
const (
	StateDone     State = "nothing to do"
	StateTodo     State = "to do"
	StateLeft     State = "left alone"    // it was not made by setup; this is no failure
	StateProposed State = "proposed only" // not done unless the configuration asks for it
	StateRefused  State = "refused"       // it can't or may not be done; the run fails
)

// Action is one thing to do: a SQL statement, a call of an API, or, with neither, something that is
// described only.
type Action struct {
	// Does says in a few words what for.
	Does string
	SQL  string
	// Method, Path and Body are those of a call. Body is printed as JSON.
	Method, Path string
	Body         any
	// Optional marks what may fail without harm to anything else.
	Optional bool
	// Do does it. It is nil for what can't be done from here, or is done together with another
	// action.
	Do func(ctx context.Context) error
}

// Proposal is what a step found and what it would do.
type Proposal struct {
	State State
	// Why gives the reason for Left and Refused, and what to do about it.
	Why string
	// Costs, Hides and Shows say what the actions cost, and what becomes hidden from or shown to
	// whom. Notes are other things to know.
	Costs, Hides, Shows, Notes []string
	Actions                    []Action
}

// Step is one part of a plan.
type Step struct {
	Title string
	// Look asks what is there. It changes nothing, and may be called again.
	Look func(ctx context.Context) (Proposal, error)
	// Undo proposes the reverse, for printing; nil if there is none.
	Undo func(ctx context.Context) (Proposal, error)
	// Needed marks a step without which those behind it make no sense.
	Needed bool
}

// Runner goes through steps.
type Runner struct {
	Out io.Writer
	// Apply does what is proposed; without it nothing but Look is called.
	Apply bool
	// Passes reports whether an error passes by itself.
	Passes func(error) bool
	// Sleep waits between two attempts; nil means real time.
	Sleep func(ctx context.Context, d time.Duration) error
}

// attempts is how often a step is tried again after something went wrong: another client may
// have done it meanwhile.
const attempts = 5

// Run goes through the steps in order. The error holds those of all steps that failed or were
// refused; each was printed where it happened.
func (r *Runner) Run(ctx context.Context, steps []Step) error {
	var errs []error
	for i := range steps {
		s := &steps[i]
		err := r.step(ctx, i+1, s)
		if err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", s.Title, err))
		if ctx.Err() != nil {
			break
		}
		if s.Needed && i+1 < len(steps) {
			r.remark("The following steps need this one, so they were not checked: " + titles(steps[i+1:]) + ".")
			break
		}
	}
	return errors.Join(errs...)
}

// Undo prints the reverse of the steps, last first. It does nothing.
func (r *Runner) Undo(ctx context.Context, steps []Step) error {
	var errs []error
	n := 0
	for i := len(steps) - 1; i >= 0; i-- {
		s := &steps[i]
		if s.Undo == nil {
			continue
		}
		n++
		p, err := s.Undo(ctx)
		if err != nil {
			r.broken(n, s.Title, err)
			errs = append(errs, fmt.Errorf("%s: %w", s.Title, err))
			continue
		}
		r.proposal(n, s.Title, &p)
	}
	return errors.Join(errs...)
}

func (r *Runner) step(ctx context.Context, n int, s *Step) error {
	p, err := s.Look(ctx)
	for again := 1; err != nil && again < attempts && r.Passes(err) && r.wait(ctx, again) == nil; again++ {
		p, err = s.Look(ctx)
	}
	if err != nil {
		r.broken(n, s.Title, err)
		return err
	}
	r.proposal(n, s.Title, &p)
	if p.State == StateRefused {
		return errors.New(p.Why)
	}
	if !r.Apply || p.State != StateTodo {
		return nil
	}
	for again := 1; ; again++ {
		err := r.apply(ctx, &p)
		if err == nil {
			r.remark("Done.")
			return nil
		}
		// What failed may have been done by another client at the same time, so the next attempt
		// begins with another look.
		if again == attempts || ctx.Err() != nil || r.wait(ctx, again) != nil {
			r.remark("FAILED: " + err.Error())
			return err
		}
		next, lookErr := s.Look(ctx)
		switch {
		case lookErr != nil && !r.Passes(lookErr):
			r.remark("FAILED: " + err.Error())
			return errors.Join(err, lookErr)
		case lookErr != nil:
			continue
		case next.State == StateRefused:
			r.remark("FAILED: " + next.Why)
			return errors.New(next.Why)
		case next.State != StateTodo:
			r.remark("Another client did it meanwhile.")
			return nil
		case !r.Passes(err) && same(&p, &next):
			r.remark("FAILED: " + err.Error())
			return err
		}
		p = next
	}
}

// same reports whether two proposals do the same, so that trying again would come to the same end.
func same(a, b *Proposal) bool {
	if len(a.Actions) != len(b.Actions) {
		return false
	}
	for i := range a.Actions {
		x, y := &a.Actions[i], &b.Actions[i]
		if x.SQL != y.SQL || x.Method != y.Method || x.Path != y.Path {
			return false
		}
	}
	return true
}

func (r *Runner) apply(ctx context.Context, p *Proposal) error {
	for i := range p.Actions {
		a := &p.Actions[i]
		if a.Do == nil {
			continue
		}
		if err := a.Do(ctx); err != nil {
			if !a.Optional || ctx.Err() != nil {
				return err
			}
			r.remark("Not done, without harm to the rest: " + a.Does + ": " + err.Error())
		}
	}
	return nil
}

// wait pauses before another attempt, longer each time.
func (r *Runner) wait(ctx context.Context, attempt int) error {
	d := time.Duration(attempt) * 500 * time.Millisecond
	if r.Sleep != nil {
		return r.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func titles(steps []Step) string {
	var list []string
	for i := range steps {
		list = append(list, steps[i].Title)
	}
	return strings.Join(list, ", ")
}
