// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
)

// However many blips of permanent errors follow each other, only what is refused for good is set aside.
func TestManyBlips(t *testing.T) {
	for _, after := range []time.Duration{3 * time.Second, 30 * time.Second} {
		for seed := range uint64(16) {
			t.Run(fmt.Sprint(after, seed), func(t *testing.T) {
				test(t, func(t *testing.T, w *world) {
					w.RejectAfter = after
					manyBlips(t, w, rand.New(rand.NewPCG(seed, 23)))
				})
			})
		}
	}
}

func manyBlips(t *testing.T, w *world, random *rand.Rand) {
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(random.Int64N(int64(most-least)))
	}
	const blips = 30
	var begin, end [blips]time.Duration
	last := 5 * time.Second
	for i := range blips {
		begin[i] = last + between(200*time.Millisecond, 40*time.Second)
		end[i] = begin[i] + between(time.Second, 15*time.Second)
		last = end[i]
	}
	size, partitions := 1+random.IntN(20), 1+random.IntN(6)
	w.slow = between(5*time.Millisecond, []time.Duration{300, 300, 1500}[random.IntN(3)]*time.Millisecond)
	w.pause = between(0, 4*time.Second)
	batches := partitions * int(1+(last+time.Minute)/(w.slow+w.pause))
	want := map[int]int{}
	for range []int{0, 5}[random.IntN(2)] {
		want[1+random.IntN(size*batches)] = 1
	}
	refuses := without(slices.Collect(maps.Keys(want))...)
	w.answer = func(ids []int) error {
		now := w.since()
		for i := range blips {
			if now >= begin[i] && now < end[i] {
				return consumererror.NewPermanent(errBad)
			}
		}
		return refuses(ids)
	}
	require.NoError(t, w.Deliver(t.Context(), message("1", 0))) // it takes something at all
	w.stream(t, partitions, batches, size, "1")
	require.Equal(t, want, w.letters)
	require.Len(t, w.accepted, 1+size*batches-len(want))
	require.LessOrEqual(t, w.repeated, 5*blips)
}
