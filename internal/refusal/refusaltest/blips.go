// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package refusaltest has destinations for the tests of those who judge refusals.
package refusaltest

import (
	"math/rand/v2"
	"time"
)

// Blips are times in which a destination refuses everything, since its start.
type Blips struct{ begin, end []time.Duration }

// NewBlips returns n blips of 1 to 15 s, with 0.2 to 40 s between them.
func NewBlips(random *rand.Rand, n int) (b Blips) {
	last := 5 * time.Second
	for range n {
		begin := last + Between(random, 200*time.Millisecond, 40*time.Second)
		last = begin + Between(random, time.Second, 15*time.Second)
		b.begin, b.end = append(b.begin, begin), append(b.end, last)
	}
	return b
}

// End is when the last one is over.
func (b Blips) End() time.Duration { return b.end[len(b.end)-1] }

// At reports whether there is one at a time.
func (b Blips) At(now time.Duration) bool {
	for i := range b.begin {
		if now >= b.begin[i] && now < b.end[i] {
			return true
		}
	}
	return false
}

// Between is a time at random: least <= t < most.
func Between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}
