// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSamples(t *testing.T) {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds, n int) Sample {
		return Sample{At: begin.Add(time.Duration(seconds) * time.Second), Delivered: int64(n)}
	}
	var p Progress
	for i, seconds := range []int{0, 60, 70, 80, 91, 130} {
		p.Add(at(seconds, i))
	}
	require.Equal(t, []Sample{at(0, 0), at(60, 1), at(80, 3), at(91, 4), at(130, 5)}, p.Samples)

	p = Progress{}
	for i := range samplesKept + 1 {
		p.Add(at(60*i, i))
	}
	require.Len(t, p.Samples, samplesKept/2+1)
	require.Equal(t, at(0, 0), p.Samples[0])
	require.Equal(t, at(60*samplesKept, samplesKept), p.Samples[samplesKept/2])
}
