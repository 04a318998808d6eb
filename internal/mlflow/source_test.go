// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMeanAgrees: with the mean of any durations, a day agrees with their sum and with no other,
// whichever database computed it.
func TestMeanAgrees(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		timed := 1 + rnd.Int64N(10_000)
		untimed := rnd.Int64N(3)
		sum := rnd.Int64N(timed * 100_000)
		listed := Counts{Traces: timed + untimed, Duration: sum, Untimed: untimed}
		for name, mean := range map[string]float64{
			"exact":      float64(sum) / float64(timed),
			"4 decimals": math.Round(float64(sum)/float64(timed)*1e4) / 1e4,
		} {
			c := DayCounts{Counts: Counts{Traces: timed + untimed}, ByMean: true, Mean: mean}
			require.True(t, c.Agrees(listed), "%s: %+v %+v", name, c, listed)
			for _, other := range []int64{sum - 1, sum + 1, sum + timed, sum - 10*timed} {
				require.False(t, c.Agrees(Counts{listed.Traces, other, untimed}), "%s: %+v %d", name, c, other)
			}
			require.False(t, c.Agrees(Counts{listed.Traces + 1, sum, untimed + 1}))
		}
	}
}

func TestAgrees(t *testing.T) {
	for _, tt := range []struct {
		source DayCounts
		listed Counts
		want   bool
	}{
		{DayCounts{}, Counts{}, true},
		{DayCounts{Counts: Counts{2, 30, 0}}, Counts{2, 30, 0}, true},
		{DayCounts{Counts: Counts{2, 30, 0}}, Counts{2, 30, 1}, true},
		{DayCounts{Counts: Counts{2, 30, 0}}, Counts{2, 31, 0}, false},
		{DayCounts{Counts: Counts{2, 30, 0}}, Counts{3, 30, 0}, false},
		{DayCounts{Counts: Counts{3, 45, 0}, ByMean: true, Mean: 15}, Counts{3, 30, 1}, true},
		{DayCounts{Counts: Counts{3, 45, 0}, ByMean: true, Mean: 15}, Counts{3, 30, 0}, false},
		{DayCounts{Counts: Counts{3, 0, 0}}, Counts{3, 0, 3}, true}, // no trace has a duration: no mean
		{DayCounts{Counts: Counts{3, 0, 0}}, Counts{3, 1, 2}, false},
		{DayCounts{Counts: Counts{3, 45, 0}, ByMean: true, Mean: 15}, Counts{3, 0, 3}, false},
		{DayCounts{Counts: Counts{2, -10, 0}, ByMean: true, Mean: -5}, Counts{2, -10, 0}, true},
	} {
		require.Equal(t, tt.want, tt.source.Agrees(tt.listed), "%+v", tt)
	}
}

func TestSpansOf(t *testing.T) {
	for stats, want := range map[string]int64{
		`{"total_size_bytes": 4875, "num_spans": 3, "max": 1961}`: 3,
		`{"num_spans":1234}`:                  1234,
		`{"num_spans": 12`:                    0,
		`{"num_spans": "3"}`:                  0,
		`{"num_spans": -3}`:                   0,
		`{"total_size_bytes": 5}`:             0,
		`{"num_spans": 99999999999999999999}`: 0,
		"":                                    0,
	} {
		require.Equal(t, want, spansOf(stats), stats)
	}
}

// TestInfoOfMetadata decodes what infos say of a trace as a whole.
func TestInfoOfMetadata(t *testing.T) {
	info, err := DecodeInfo([]byte(`{"trace": {"trace_info": {"trace_id": "tr-1", "execution_duration": "0s",
		"trace_metadata": {"mlflow.trace.sizeStats": "{\"num_spans\": 7, \"max\": 1}",
		"mlflow.trace.infoFinalized": "true"}}}}`))
	require.NoError(t, err)
	require.Equal(t, []any{int64(7), true, false}, []any{info.Spans, info.Final, info.Untimed})
	for _, doc := range []string{`{"trace_info": {"request_id": "1"}}`,
		`{"trace_info": {"request_id": "1", "execution_time_ms": null}}`,
		`{"trace_info": {"request_id": "1", "execution_duration": null}}`} {
		info, err = DecodeInfo([]byte(doc))
		require.NoError(t, err)
		require.Equal(t, []any{int64(0), false, true}, []any{info.Spans, info.Final, info.Untimed}, doc)
	}
}
