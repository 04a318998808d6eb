// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func TestAges(t *testing.T) {
	now := time.UnixMilli(1_000_000_000_000)
	var traces []OpenTrace
	for _, age := range []time.Duration{-time.Second, 0, time.Minute, time.Minute + 1e6, time.Hour, time.Hour + 1e6,
		24 * time.Hour, 24*time.Hour + 1e6} {
		for _, reason := range []mlflow.Reason{mlflow.ReasonInProgress, Refused, Rejected, mlflow.ReasonVanished} {
			traces = append(traces, OpenTrace{Reason: reason, Since: now.Add(-age).UnixMilli()})
		}
	}
	var a Ages
	a.Count(traces, now)
	require.Equal(t, Ages{Minute: 6, Hour: 4, Day: 4, Older: 2}, a, "two of the reasons are pending")
	a.Add(Ages{1, 2, 3, 4})
	require.Equal(t, Ages{7, 6, 7, 6}, a)
}

// What is known of an experiment that is settled stays while it is read again, and goes when it is left out.
func TestSettle(t *testing.T) {
	var l Counters
	first, second := time.UnixMilli(1000), time.UnixMilli(2000)
	for _, id := range []string{"1", "2", "3", "4"} {
		l.Open(mlflow.Experiment{ID: id}, 0, Totals{}, "")
	}
	l.Settle(first, func(string) bool { return true }, func(string) bool { return false })
	l.Update("2", func(a *Experiment) { a.Error, a.Waiting.Day = "away", 5 })
	l.Settle(second, func(id string) bool { return id != "3" }, func(id string) bool { return id == "4" })
	l.Open(mlflow.Experiment{ID: "2"}, -1, Totals{}, "")
	experiments, _ := l.Snapshot()
	require.Equal(t, []time.Time{second, first, {}, first}, []time.Time{experiments[0].Settled, experiments[1].Settled,
		experiments[2].Settled, experiments[3].Settled})
	require.Equal(t, Ages{Day: 5}, experiments[1].Waiting)
}
