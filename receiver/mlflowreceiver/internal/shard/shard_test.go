// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package shard

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// The owners of some days as they were computed first: positions are stored by them.
func TestOwner(t *testing.T) {
	for _, tc := range []struct {
		count      int
		experiment string
		day        mlflow.Day
		want       int
	}{
		{1, "7", 20_454, 0}, {2, "7", 20_454, 0}, {2, "7", 20_455, 1}, {3, "7", 20_454, 1}, {3, "8", 20_454, 1},
		{4, "7", 20_454, 0}, {4, "7", -1, 1}, {16, "123456789012345", 20_454, 3},
	} {
		assert.Equal(t, tc.want, Owner(tc.count, tc.experiment, tc.day), "%+v", tc)
	}
}

// Of each block of days every shard owns exactly one: no gap, no overlap.
func TestEachDayHasOneOwner(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		count := 1 + rnd.IntN(40)
		experiment := strconv.Itoa(rnd.IntN(1_000_000))
		block := mlflow.Day(rnd.IntN(20_000) - 10_000)
		seen := make([]bool, count)
		for i := range count {
			d := block*mlflow.Day(count) + mlflow.Day(i)
			owner := Owner(count, experiment, d)
			if seen[owner] {
				require.Fail(t, "two days of a block", "count %d, experiment %s, day %d", count, experiment, d)
			}
			seen[owner] = true
			for index := range count {
				owned := Owned(progress.Shard{Index: index, Count: count}, experiment)
				if owns := owned != nil && owned(d); owns != (count > 1 && index == owner) {
					require.Fail(t, "another owner", "index %d of %d, experiment %s, day %d", index, count,
						experiment, d)
				}
			}
		}
	}
	assert.Nil(t, Owned(progress.Shard{}, "7"))
	assert.Nil(t, Owned(progress.Shard{Count: 1}, "7"))
}

// history is the number of traces of each day of a year that grows to twice its size, with weekends that
// have a tenth of the traces of other days.
func history() []float64 {
	days := make([]float64, 365)
	for i := range days {
		days[i] = 1 + float64(i)/365
		if i%7 >= 5 {
			days[i] /= 10
		}
	}
	return days
}

// fullest is how much the fullest shard has, compared with the mean.
func fullest(count int, experiments []string) float64 {
	const first = 20_454 // 2026-01-01
	sums := make([]float64, count)
	for _, id := range experiments {
		for i, n := range history() {
			sums[Owner(count, id, mlflow.Day(first+i))] += n
		}
	}
	var total float64
	for _, n := range sums {
		total += n
	}
	return slices.Max(sums) / (total / float64(count))
}

// The shards of a year have about as much work, also those of a single experiment.
func TestBalance(t *testing.T) {
	for _, count := range []int{2, 3, 4, 7, 8, 16} {
		worst, sum := 0.0, 0.0
		const experiments = 200
		for id := range experiments {
			f := fullest(count, []string{strconv.Itoa(id)})
			worst, sum = math.Max(worst, f), sum+f
		}
		var forty []string
		for id := range 40 {
			forty = append(forty, strconv.Itoa(id))
		}
		together := fullest(count, forty)
		t.Logf("%d shards: fullest / mean %.3f, at worst %.3f, of forty experiments %.3f", count, sum/experiments,
			worst, together)
		if count <= 4 {
			assert.LessOrEqual(t, worst, 1.2)
		}
		assert.LessOrEqual(t, sum/experiments, 1.3)
		assert.LessOrEqual(t, together, 1.05)
	}
}
