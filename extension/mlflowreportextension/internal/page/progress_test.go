// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
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

// A time of day is said of what ends within a day.
func TestTimeLeft(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	in := Input{Document: report.Document{Written: begin}, Progress: map[string]Progress{"mlflow": {
		Samples: []Sample{{At: begin.Add(-time.Minute)}, {At: begin, Delivered: 60}}}}}
	list := []*report.Receiver{{Receiver: "mlflow"}}
	for left, want := range map[int64]string{
		7200:          "About 14:00 UTC, at the rate of the last two minutes.",
		86400:         "At the rate of the last two minutes.",
		math.MaxInt64: "At the rate of the last two minutes.",
	} {
		require.Equal(t, want, cardOf(&in, list, &row{Missing: left}).LeftNote)
	}
}

// How far a tail is behind is said of the receiver that is furthest behind, and only when all have looked.
func TestBehindTheSource(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	looked := func(ago time.Duration) report.Experiment {
		settled := at.Add(-ago)
		return report.Experiment{Settled: &settled}
	}
	a := &report.Receiver{Mode: "tail", Experiments: []report.Experiment{looked(3 * time.Second), {}}}
	b := &report.Receiver{Mode: "backfill_then_tail", Experiments: []report.Experiment{looked(4 * time.Second),
		looked(90 * time.Second)}}
	list := []*report.Receiver{a, b}
	in := Input{Document: report.Document{Written: at}}
	c := cardOf(&in, list, &row{})
	require.Equal(t, "behind the source", c.LeftLabel)
	require.Equal(t, elapsed(90), c.Left)
	require.Contains(t, c.LeftNote, "11:58:30")

	first := a.Experiments
	a.Experiments = nil
	require.Equal(t, "time left", cardOf(&in, list, &row{}).LeftLabel)
	a.Experiments, b.Experiments = first, nil
	require.Equal(t, "time left", cardOf(&in, list, &row{}).LeftLabel)
}
