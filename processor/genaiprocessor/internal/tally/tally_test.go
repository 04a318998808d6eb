// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Every field of every batch arrives in the sum, whichever stripe took it, from several goroutines.
func TestSum(t *testing.T) {
	tally := New()
	const workers, batches = 8, 500
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			stripe := tally.Stripe()
			for i := range batches {
				stripe.Add(&Counts{
					Sums: progress.Refinement{
						Spans: 2, ModelCalls: 3, Counted: 4, CountedRequest: 5, CountedResponse: 6, Reported: 7,
						ReportedInput: 8, ReportedOutput: 9, Cost: 0.5, Priced: 10, Unpriced: 11, WithoutUsage: 12,
						PricedTools: 13, Uncertain: 14, Limited: 15, MediaCounted: 16, MediaSkipped: 17,
						SharedScores: 18, LeftOut: map[string]int64{"no_name": 19},
					},
					Scores: []Score{{Index: 3, Value: float64(i % 2)}, {Index: 0, Value: 2}},
				})
			}
		})
	}
	group.Wait()
	const n = workers * batches
	require.Equal(t, progress.Refinement{
		Spans: 2 * n, ModelCalls: 3 * n, Counted: 4 * n, CountedRequest: 5 * n, CountedResponse: 6 * n, Reported: 7 * n,
		ReportedInput: 8 * n, ReportedOutput: 9 * n,
		Cost: n / 2, Priced: 10 * n, Unpriced: 11 * n, WithoutUsage: 12 * n,
		PricedTools: 13 * n, Uncertain: 14 * n, Limited: 15 * n, MediaCounted: 16 * n, MediaSkipped: 17 * n,
		SharedScores: 18 * n, LeftOut: map[string]int64{"no_name": 19 * n},
		Scores: []progress.Score{{Name: "metric_a", Count: n, Mean: 0.5}, {Name: "metric_z", Count: n, Mean: 2}},
	}, tally.Sum([]string{"metric_z", "metric_never", "metric_never_2", "metric_a"}))
}

func TestNothing(t *testing.T) {
	require.Zero(t, New().Sum(nil))
}

// Scores that are finite have a mean that is.
func TestHugeScores(t *testing.T) {
	tally := New()
	huge := Score{Value: math.MaxFloat64}
	for range 2 { // of two stripes, if there are two processors
		tally.Stripe().Add(&Counts{Scores: []Score{huge, huge}})
	}
	sum := tally.Sum([]string{"metric_a"})
	sum.Add(sum)
	require.Equal(t, []progress.Score{{Name: "metric_a", Count: 8, Mean: mostScore}}, sum.Scores)
}

// Adding what other batches brought already costs no memory.
func TestAddDoesNotAllocate(t *testing.T) {
	stripe := New().Stripe()
	counts := &Counts{Sums: progress.Refinement{Spans: 1}, Scores: []Score{{Index: 7, Value: 1}}}
	require.Zero(t, testing.AllocsPerRun(100, func() { stripe.Add(counts) }))
}
