// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package tokens

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The race detector makes sync.Pool forget on purpose, and adds to the heap, so these tests are not built with it.

func TestNoAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	e := encoding(t, "o200k_base")
	text, long := randomText(r, 20000), strings.Repeat("xqzjv", 20000)
	require.Zero(t, testing.AllocsPerRun(20, func() {
		e.Count(text)
		e.CountUpTo(text, 100)
		e.Count(long)
		e.Count("hello world")
		ForModel("openai/gpt-4o-mini")
	}))
}

// What the tables and memos of an encoding take, which is all that stays between counts but for a pool of batches.
func TestLiveMemory(t *testing.T) {
	for _, c := range []struct {
		name, merges string
		limit        float64
	}{{"o200k", o200kMerges, 14.6}, {"cl100k", cl100kMerges, 7.5}, {"p50k", p50kMerges, 4}} {
		live := liveMiB(c.merges)
		require.LessOrEqual(t, live, c.limit, c.name)
		require.Greater(t, live, 0.9*c.limit, "%s: lower the limit", c.name)
	}
}
