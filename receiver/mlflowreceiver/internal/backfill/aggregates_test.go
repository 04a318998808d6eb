// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// counts fails unless the stored sums hold each trace once that the stored positions count as accepted.
func (w *world) counts(t *testing.T) *aggregate.Data {
	t.Helper()
	var a Aggregates
	store := Store{Client: w.store, Source: "s"}
	require.NoError(t, a.load(t.Context(), store, zap.NewNop()))
	var accepted int64
	for _, x := range w.source.experiments {
		rec, _, err := store.Load(t.Context(), x.ID)
		require.NoError(t, err)
		accepted += rec.Totals.Accepted
	}
	d := a.Data()
	if accepted == 0 {
		require.Nil(t, d)
		return nil
	}
	require.Equal(t, accepted, d.Traces)
	return d
}

// refining is a destination behind a processor that refines each trace.
func refining(answer func(traces int) error) Sender {
	return func(ctx context.Context, _ mlflow.Experiment, traces []*mlflow.Trace, _ func(string) bool) error {
		unit := progress.UnitOf(ctx)
		for _, t := range traces {
			for _, id := range []string{"genai/b", "genai"} { // two ways
				var c component.ID
				_ = c.UnmarshalText([]byte(id))
				unit.Refine(c, t.Spans[0].TraceID, &aggregate.Refined{CountedSpans: 1, Request: 7})
			}
		}
		return answer(len(traces))
	}
}

// What a processor did with a trace counts once, whatever was refused before.
func TestRefinedOnce(t *testing.T) {
	w := newWorld(2, 80)
	calls := 0
	s := w.settings(accept)
	s.Workers = 1
	s.Send = refining(func(traces int) error {
		switch calls++; {
		case calls%4 == 1:
			return errors.New("away")
		case calls%4 == 2 && traces > 1: // it is divided
			return consumererror.NewPermanent(errors.New("refused"))
		}
		return nil
	})
	require.True(t, w.verdict(t, w.run(t, s)).Complete)
	d := w.counts(t)
	require.EqualValues(t, 160, d.Traces)
	require.EqualValues(t, 160, d.Refined)
	require.EqualValues(t, 160*7, d.Counted.Request)
	require.Equal(t, d, s.Aggregates.Data(), "what the report shows is what is stored")

	again := w.settings(accept)
	again.Send = refining(func(int) error { return nil })
	require.True(t, w.verdict(t, w.run(t, again)).Complete)
	require.Equal(t, d, w.counts(t), "nothing new adds nothing")

	list := w.settings(accept)
	list.List = []ListedTrace{{TraceID: "tr-1-0001", ExperimentID: "1"}}
	require.NoError(t, w.run(t, list))
	require.Equal(t, 1, w.got["tr-1-0001"])
	var stored Aggregates
	require.NoError(t, stored.load(t.Context(), list.Store, zap.NewNop()))
	require.Equal(t, d, stored.Data(), "what is sent again on purpose adds nothing")
}

func TestDamagedAggregates(t *testing.T) {
	w := newWorld(1, 20)
	require.True(t, w.verdict(t, w.run(t, w.settings(accept))).Complete)
	w.counts(t)
	head := Store{Source: "s"}.aggregates(aggregate.HeadName)
	require.NoError(t, w.store.Set(t.Context(), head, []byte("damaged")))
	w.source.add(mlflow.Info{ID: "tr-new", ExperimentID: "1", Timestamp: 5000, State: mlflow.StateOK})
	s := w.settings(accept)
	require.True(t, w.verdict(t, w.run(t, s)).Complete, "what is damaged costs no trace")
	require.EqualValues(t, 1, s.Aggregates.Data().Traces)

	require.NoError(t, w.store.Set(t.Context(), head, []byte("mlflow-aggregates-2 00000000 {}")))
	require.ErrorIs(t, w.run(t, w.settings(accept)), delivered.ErrNewerFormat)
}
