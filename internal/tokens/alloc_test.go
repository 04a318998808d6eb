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

// The race detector makes sync.Pool forget on purpose, so this test is not built with it.
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
