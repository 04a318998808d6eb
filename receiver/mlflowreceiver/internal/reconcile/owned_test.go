// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Runs that each read other days list together what one run lists, and no millisecond twice: whatever was listed
// before, whether the source counts, and whatever the settings ask for. Days without traces, as far as it is known,
// may be left out: one run lists them with others.
func TestPlansOfSharedDays(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		first := mlflow.Day(20_000)
		in := Input{From: first.Start() + rnd.Int64N(mlflow.MillisPerDay),
			To:      (first + 30).Start() + rnd.Int64N(mlflow.MillisPerDay),
			Recheck: rnd.IntN(3) * 4, All: rnd.IntN(4) == 0, Rotate: rnd.IntN(2) * 100, Pass: rnd.IntN(2)}
		if rnd.IntN(2) == 0 {
			in.Source = &SourceCounts{Days: map[mlflow.Day]mlflow.DayCounts{}, Durations: rnd.IntN(2) == 0}
		}
		for d := first; d < first+31; d++ {
			n := int64(rnd.IntN(3))
			if in.Source != nil && n > 0 {
				in.Source.Days[d] = mlflow.DayCounts{Counts: mlflow.Counts{Traces: n + int64(rnd.IntN(4)/3)}}
			}
			if rnd.IntN(2) == 0 && n > 0 {
				in.Days = append(in.Days, delivered.Day{Date: d, Closed: rnd.IntN(4) > 0,
					Counts: mlflow.Counts{Traces: n}, Listed: rnd.Int64N(100), From: d.Start(), To: (d + 1).Start()})
			}
		}
		if rnd.IntN(2) == 0 {
			in.Listed = []delivered.Range{{From: first + 3, To: first + 20}}
		}
		count := 1 + rnd.IntN(5)
		listed := map[mlflow.Day]int{}
		for index := range count {
			part := in
			part.Owned = func(d mlflow.Day) bool { return int(d*7/3)%count == index }
			for _, r := range NewPlan(part).Ranges {
				require.Less(t, r.From, r.To)
				for d := mlflow.DayOf(r.From); d.Start() < r.To; d++ {
					require.True(t, part.Owned(d), "seed %d: shard %d lists %s", seed, index, d)
					listed[d]++
				}
			}
		}
		whole := map[mlflow.Day]bool{}
		for _, r := range NewPlan(in).Ranges {
			for d := mlflow.DayOf(r.From); d.Start() < r.To; d++ {
				whole[d] = true
			}
		}
		for d := first; d < first+31; d++ {
			name := fmt.Sprintf("seed %d, %d shards, %s", seed, count, d)
			require.LessOrEqual(t, listed[d], 1, name)
			if listed[d] > 0 {
				require.True(t, whole[d], name)
			} else if whole[d] { // for the sake of others only
				require.False(t, slices.ContainsFunc(in.Days, func(x delivered.Day) bool { return x.Date == d }), name)
				if in.Source != nil {
					require.Zero(t, in.Source.Days[d].Traces, name)
				} else {
					require.NotEmpty(t, in.Listed, name)
					require.True(t, in.Listed[0].From <= d && d < in.Listed[0].To, name)
				}
			}
		}
	}
}
