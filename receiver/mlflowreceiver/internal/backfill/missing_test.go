// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// undelivered are the traces of the first experiment that the counters names as waiting: id to reason.
func (w *world) undelivered(t *testing.T) map[string]mlflow.Reason {
	t.Helper()
	experiments, _ := w.counters.Snapshot()
	list := map[string]mlflow.Reason{}
	for _, m := range experiments[0].Undelivered {
		require.NotContains(t, list, m.TraceID, "once")
		require.NotEmpty(t, m.Day)
		list[m.TraceID] = m.Reason
	}
	require.EqualValues(t, len(list), experiments[0].InFlight+experiments[0].Earlier.PendingSum()+
		experiments[0].Run.PendingSum(), "as many as are counted")
	return list
}

// Traces that wait are named by their ids, whatever they wait for.
func TestWaitingTracesAreNamed(t *testing.T) {
	w, id := threeSpans()
	w.source.cuts[id] = 1 << 30
	unfinished := late("tr-unfinished", time.Minute, 0)
	unfinished.State = mlflow.StateInProgress
	w.source.add(unfinished)
	want := map[string]mlflow.Reason{id: mlflow.ReasonSpansMissing, "tr-unfinished": mlflow.ReasonInProgress}
	for range 2 {
		require.NoError(t, w.run(t, w.settings(accept)))
		require.Equal(t, want, w.undelivered(t))
	}
	w.source.cuts[id] = 0
	w.source.infos["1"] = w.source.infos["1"][:len(w.source.infos["1"])-1]
	require.NoError(t, w.run(t, w.settings(accept)))
	require.Empty(t, w.undelivered(t))
}

// A destination that takes nothing: what was read is held, and named.
func TestHeldTracesAreNamed(t *testing.T) {
	w := newWorld(1, 40)
	s := w.settings(func(context.Context, string, []string) error {
		return consumererror.NewPermanent(errors.New("no"))
	})
	require.ErrorIs(t, w.run(t, s), ErrGivenUp)
	list := w.undelivered(t)
	require.NotEmpty(t, list)
	for id, reason := range list {
		require.Contains(t, []mlflow.Reason{progress.Held, progress.Refused}, reason, id)
	}
}

// A run that is stopped names what it was at, and what earlier runs left open although it did not come to it.
func TestTracesInWorkAreNamed(t *testing.T) {
	w, id := threeSpans()
	w.source.cuts[id] = 1 << 30
	require.NoError(t, w.run(t, w.settings(accept)))
	w.source.add(late("tr-new", time.Minute, time.Second))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := w.settings(func(ctx context.Context, _ string, _ []string) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		s.Workers = 1
		_, _ = Run(ctx, nil, s)
	})
	list := w.undelivered(t)
	require.Equal(t, progress.InWork, list["tr-new"])
	require.Equal(t, mlflow.ReasonSpansMissing, list[id])
}
