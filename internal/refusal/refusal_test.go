// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/multierr"
)

var errDown = errors.New("down")

func TestPermanentOnlyIfEveryLeafIs(t *testing.T) {
	perm := consumererror.NewPermanent(errDown)
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"plain":               {errDown, false},
		"permanent":           {perm, true},
		"wrapped":             {fmt.Errorf("x: %w", perm), true},
		"both":                {multierr.Append(perm, perm), true},
		"one branch":          {multierr.Append(errDown, perm), false},
		"one branch wrapped":  {fmt.Errorf("x: %w", errors.Join(perm, errDown)), false},
		"deep":                {errors.Join(perm, fmt.Errorf("x: %w", errors.Join(perm, errDown))), false},
		"wrapper over a fork": {consumererror.NewPermanent(errors.Join(perm, errDown)), false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, Permanent(tc.err)) })
	}
}

func TestMissing(t *testing.T) {
	rest := ptrace.NewTraces()
	rest.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetTraceID([16]byte{2})
	partial := consumererror.NewTraces(errDown, rest)
	require.Equal(t, map[[16]byte]bool{{2}: true}, Missing(fmt.Errorf("x: %w", partial)))
	require.Nil(t, Missing(errors.Join(partial, errDown)), "of several destinations")
	require.Nil(t, Missing(errDown))
}

// Whatever is refused is isolated, everything else is accepted once, and one bad item of a batch takes few calls.
func TestDivision(t *testing.T) {
	const size = 100
	for bad := range size {
		items := make([]int, size)
		for i := range items {
			items[i] = i
		}
		var accepted, refused []int
		calls, checks := 0, 0
		d := Divide(items, false)
		for p, ok := d.Next(); ok; p, ok = d.Next() {
			require.Equal(t, calls > 0, p.Again)
			calls++
			if p.Check {
				checks++
				require.Len(t, p.Items, 1)
			}
			switch {
			case !slices.Contains(p.Items, bad):
				accepted = append(accepted, p.Items...)
			case len(p.Items) > 1:
				d.Refuse(p.Items)
			default:
				refused = append(refused, p.Items...)
			}
		}
		require.Equal(t, []int{bad}, refused)
		require.Len(t, accepted, size-1)
		require.True(t, slices.IsSorted(accepted))
		require.Equal(t, 1, checks)
		require.LessOrEqual(t, calls, 17)
	}
}

// A probe is one item, and what failed for a moment is sent again as it was.
func TestDivisionProbe(t *testing.T) {
	d := Divide([]int{1, 2, 3}, false)
	p, _ := d.Next()
	p = d.Probe(p)
	require.Equal(t, Part[int]{[]int{1}, true, false}, p)
	require.Equal(t, p, d.Probe(p))
	d.Retry(p.Items)
	p, _ = d.Next()
	require.Equal(t, Part[int]{[]int{1}, false, true}, p)
	p, _ = d.Next()
	require.Equal(t, Part[int]{[]int{2, 3}, false, false}, p)
	_, ok := d.Next()
	require.False(t, ok)
}

func TestMessage(t *testing.T) {
	require.Equal(t, "down", Message(errDown))
	long := Message(errors.New(strings.Repeat("ä", 1000)))
	require.Len(t, long, 303)
	require.Equal(t, "http://h:1/p is no, grpc://h is no", Message(errors.New("http://u:p@w@h:1/p?a=b&c is no, "+
		"grpc://token@h is no")))
	require.NotContains(t, Message(errors.New(strings.Repeat("x", 285)+"http://me:secret@backend/")), "secr")
}
