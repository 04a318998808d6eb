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

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal/refusaltest"
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
	const n = 30
	blips := refusaltest.NewBlips(random, n)
	size, partitions := 1+random.IntN(20), 1+random.IntN(6)
	w.slow = refusaltest.Between(random, 5*time.Millisecond,
		[]time.Duration{300, 300, 1500}[random.IntN(3)]*time.Millisecond)
	w.pause = refusaltest.Between(random, 0, 4*time.Second)
	batches := partitions * int(1+(blips.End()+time.Minute)/(w.slow+w.pause))
	want := map[int]int{}
	for range []int{0, 5}[random.IntN(2)] {
		want[1+random.IntN(size*batches)] = 1
	}
	refuses := without(slices.Collect(maps.Keys(want))...)
	w.answer = func(ids []int) error {
		if blips.At(w.since()) {
			return consumererror.NewPermanent(errBad)
		}
		return refuses(ids)
	}
	require.NoError(t, w.Deliver(t.Context(), message("1", 0))) // it takes something at all
	w.stream(t, partitions, batches, size, "1")
	require.Equal(t, want, w.letters)
	require.Len(t, w.accepted, 1+size*batches-len(want))
	require.LessOrEqual(t, w.repeated, 5*n)
}
