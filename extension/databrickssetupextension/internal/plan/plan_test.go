// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	errPasses = errors.New("busy")
	errStays  = errors.New("denied")
)

func runner(apply bool) (*Runner, *bytes.Buffer) {
	var out bytes.Buffer
	return &Runner{
		Out: &out, Apply: apply, Passes: func(err error) bool { return errors.Is(err, errPasses) },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}, &out
}

// scripted is a step whose action ends with one of errs after the other; done says from which look
// on there is nothing to do.
func scripted(looks *int, done int, errs ...error) Step {
	return Step{Title: "x", Look: func(context.Context) (Proposal, error) {
		*looks++
		if *looks > done {
			return Proposal{State: StateDone}, nil
		}
		return Proposal{State: StateTodo,
			Actions: []Action{{Does: "a", SQL: "SELECT 1", Do: func(context.Context) error {
				err := errs[0]
				errs = errs[1:]
				return err
			}}}}, nil
	}}
}

// What fails is tried again: another client may have done it; what passes by itself is tried
// again; what does not is an error at once.
func TestFailuresAreLookedAtAnew(t *testing.T) {
	for name, tc := range map[string]struct {
		done  int
		errs  []error
		looks int
		err   error
	}{
		"at once":            {9, []error{nil}, 1, nil},
		"passes":             {9, []error{errPasses, errPasses, nil}, 3, nil},
		"done by another":    {1, []error{errStays}, 2, nil},
		"stays":              {9, []error{errStays}, 2, errStays},
		"passes too seldom":  {9, []error{errPasses, errPasses, errPasses, errPasses, errPasses}, 5, errPasses},
		"passes, then stays": {9, []error{errPasses, errStays}, 3, errStays},
	} {
		t.Run(name, func(t *testing.T) {
			looks := 0
			r, out := runner(true)
			err := r.Run(context.Background(), []Step{scripted(&looks, tc.done, tc.errs...)})
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.err != nil, strings.Contains(out.String(), "FAILED"))
			require.Equal(t, tc.looks, looks)
		})
	}
}

func TestOnlyPrinted(t *testing.T) {
	looks := 0
	r, out := runner(false)
	require.NoError(t, r.Run(context.Background(), []Step{scripted(&looks, 9)})) // the action would panic
	require.Contains(t, out.String(), "\nSELECT 1\n;\n")
}

// A step that others need ends the run, another one does not; optional actions harm nothing.
func TestWhatGoesOn(t *testing.T) {
	for _, needed := range []bool{true, false} {
		looks := 0
		r, out := runner(true)
		refused := Step{Title: "first", Needed: needed,
			Look: func(context.Context) (Proposal, error) { return Proposal{State: StateRefused, Why: "because"}, nil }}
		err := r.Run(context.Background(), []Step{refused, scripted(&looks, 9, nil)})
		require.EqualError(t, err, "first: because")
		require.Equal(t, needed, looks == 0, out.String())
	}
	r, out := runner(true)
	did := 0
	p := Proposal{State: StateTodo, Actions: []Action{
		{Does: "a comment", Optional: true, Do: func(context.Context) error { return errStays }},
		{Does: "b", Do: func(context.Context) error { did++; return nil }},
	}}
	require.NoError(t, r.Run(context.Background(), []Step{{Title: "x", Look: func(context.Context) (Proposal, error) {
		return p, nil
	}}}))
	require.Equal(t, 1, did)
	require.Contains(t, out.String(), "Not done, without harm to the rest: a comment: denied")
}

// Whatever names and messages hold, nothing but statements that are to do stands outside comments.
func TestEverythingElseIsAComment(t *testing.T) {
	r, out := runner(false)
	evil := "x\nDROP TABLE a;\r\nDROP TABLE b;\u2028DROP TABLE c;"
	p := Proposal{State: StateProposed, Why: evil, Costs: []string{evil}, Hides: []string{evil}, Shows: []string{evil},
		Notes: []string{evil}, Actions: []Action{
			{Does: evil, SQL: "CREATE VIEW\nx"},
			{Does: evil, Method: "POST", Path: evil, Body: map[string]string{"a": evil}},
		}}
	steps := []Step{
		{Title: evil, Look: func(context.Context) (Proposal, error) { return p, nil },
			Undo: func(context.Context) (Proposal, error) { return p, nil }},
		{Title: evil, Look: func(context.Context) (Proposal, error) { return p, errors.New(evil) },
			Undo: func(context.Context) (Proposal, error) { return p, errors.New(evil) }},
	}
	require.Error(t, r.Run(context.Background(), steps))
	require.Error(t, r.Undo(context.Background(), steps))
	r.Remark(evil)
	r.End(evil)
	for line := range strings.Lines(out.String()) {
		require.True(t, line == "\n" || strings.HasPrefix(line, "--"), "%q", line)
		require.NotContains(t, line, "\r")
	}
}

func TestUndoGoesBackwards(t *testing.T) {
	r, out := runner(true)
	var steps []Step
	for _, name := range []string{"one", "two", "three"} {
		steps = append(steps, Step{Title: name})
		if name != "two" {
			steps[len(steps)-1].Undo = func(context.Context) (Proposal, error) {
				return Proposal{State: StateDone}, nil
			}
		}
	}
	require.NoError(t, r.Undo(context.Background(), steps))
	require.Regexp(t, `(?s)1\. three.*2\. one`, out.String())
	require.NotContains(t, out.String(), "two")
}

// The end of the context ends the run where it is.
func TestStop(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, _ := runner(true)
	looks := 0
	first := Step{Title: "first", Look: func(context.Context) (Proposal, error) {
		cancel()
		return Proposal{}, errPasses
	}}
	require.ErrorIs(t, r.Run(ctx, []Step{first, scripted(&looks, 9, nil)}), errPasses)
	require.Zero(t, looks)
}
