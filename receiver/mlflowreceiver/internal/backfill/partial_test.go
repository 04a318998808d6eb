// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// What was sent together with a span that was rejected is listed, and no run sends it again but one
// over a list.
func TestPartialSuccess(t *testing.T) {
	w := newWorld(2, 20)
	sent := map[string]int{}
	some := &refusal.PartialSuccess{Rejected: 2, Spans: 7, Message: "too long"}
	rejects := w.settings(func(_ context.Context, experiment string, ids []string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, id := range ids {
			sent[id]++
		}
		if experiment == "1" {
			return some
		}
		return nil
	})
	for range 2 { // the second run finds nothing to do
		require.NoError(t, w.run(t, rejects))
		v := w.verdict(t, nil)
		require.False(t, v.Complete)
		require.Contains(t, v.Problems[0], "20 partially rejected by the destination")
		w.counters = &progress.Counters{}
		rejects.Counters = w.counters
	}
	require.Len(t, sent, 40)
	for id, n := range sent {
		require.Equal(t, 1, n, id)
	}
	rec, open := w.record(t, "1")
	require.EqualValues(t, 20, rec.Totals.PartiallyRejected)
	require.EqualValues(t, 20, rec.Totals.Rejected)
	require.Zero(t, rec.Totals.Accepted)
	require.Len(t, w.listed, 20)
	var list []ListedTrace
	for _, o := range open {
		require.Equal(t, progress.PartiallyRejected, o.Reason)
		require.Equal(t, progress.PartiallyRejected, w.listed[o.ID])
		list = append(list, ListedTrace{TraceID: o.ID, ExperimentID: "1"})
	}

	again := w.settings(accept)
	again.List = list
	require.NoError(t, w.run(t, again))
	require.True(t, w.verdict(t, nil).Complete)
	rec, open = w.record(t, "1")
	require.Empty(t, open)
	require.EqualValues(t, 20, rec.Totals.Accepted)
	require.Zero(t, rec.Totals.Rejected)
}

// A pipeline that names what it did not take is not asked again for the rest.
func TestPartialSuccessWithRest(t *testing.T) {
	w := newWorld(1, 10)
	var sent [][]string
	s := w.settings(func(_ context.Context, _ string, ids []string) error {
		sent = append(sent, slices.Clone(ids))
		if len(sent) == 1 {
			rest := ptrace.NewTraces()
			rest.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().
				SetTraceID([16]byte([]byte("tr-1-0007       ")))
			return &refusal.PartialSuccess{Rejected: 1, Spans: 10,
				Rest: consumererror.NewTraces(errors.New("not now"), rest)}
		}
		return nil
	})
	require.NoError(t, w.run(t, s))
	rec, _ := w.record(t, "1")
	require.Greater(t, len(sent[0]), 2)
	require.EqualValues(t, len(sent[0])-1, rec.Totals.PartiallyRejected)
	require.EqualValues(t, 10-len(sent[0])+1, rec.Totals.Accepted)
	require.Equal(t, []string{"tr-1-0007"}, sent[1])
}

// An answer that no OTLP destination gives is a refusal, also where exporters don't repeat it.
func TestAnswerErrorGivesUp(t *testing.T) {
	w := newWorld(1, 10)
	s := w.settings(func(context.Context, string, []string) error {
		return &progress.AnswerError{Message: "http://d answered 200 with a web page"}
	})
	err := w.run(t, s)
	require.ErrorIs(t, err, ErrGivenUp)
	require.ErrorContains(t, err, "a web page")
	require.InDelta(t, s.GiveUpAfter.Seconds(), w.ended.Seconds(), time.Minute.Seconds())
}
