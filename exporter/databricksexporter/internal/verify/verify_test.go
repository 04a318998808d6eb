// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// Tables are counted each by itself; the error names those that are short, and only these.
func TestTables(t *testing.T) {
	s := newScene(t)
	s.w.SetOutcome(two.String(), databrickstest.SilentDrop)
	v := s.verifier()
	s.send(v, two, traces(0, 4, 1))
	s.send(v, one, traces(0, 4, 2))
	s.send(v, old, traces(0, 4, 3))
	got, err := v.Verify(t.Context())
	require.Len(t, got, 3)
	require.Equal(
		t,
		[]progress.Verification{progress.Arrived, progress.Arrived, progress.Short},
		[]progress.Verification{got[0].Verification, got[1].Verification, got[2].Verification},
	)
	require.Equal(
		t,
		[]string{old.String(), one.String(), two.String()},
		[]string{got[0].Name, got[1].Name, got[2].Name},
	)
	require.Equal(t, int64(12), got[0].Arrived)
	require.ErrorContains(t, err, "cat.sch.two_otel_spans: sent 4, arrived 0")
	require.NotContains(t, err.Error(), "pre_otel_spans")
}

// Routes to two experiments may lead to one table. It is counted once, and what is missing of one
// experiment is not covered by what has arrived of the other.
func TestExperimentsShareATable(t *testing.T) {
	s := newScene(t)
	v := s.verifier()
	first, second := one, one
	first.Experiment, second.Experiment = "1", "2"
	s.send(v, second, traces(4, 4, 1))
	drop(s, 1)
	s.send(v, first, traces(0, 4, 1))
	got, err := v.Verify(t.Context())
	require.ErrorContains(t, err, "sent 8, arrived 4")
	require.Len(t, got, 1, "a report shows one result of a table")
	require.Equal(t, progress.Short, got[0].Verification)
	require.Equal(t, []int64{4, 4}, []int64{got[0].Arrived, got[0].Missing})
}

// A warehouse that may not be used is asked once, not once a table; a statement that fails concerns
// its table only.
func TestTroubleOfTheWarehouse(t *testing.T) {
	s := newScene(t)
	s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh", Denied: []string{databrickstest.Admin}})
	v := s.verifier()
	s.send(v, one, traces(0, 4, 1))
	s.send(v, two, traces(0, 4, 1))
	got, err := v.Verify(t.Context())
	require.Error(t, err)
	require.Equal(t, 1, s.asked())
	require.Equal(t, progress.NotVerified, got[0].Verification)
	require.Equal(t, progress.NotVerified, got[1].Verification)

	s = newScene(t)
	v = s.verifier()
	s.send(v, one, traces(0, 4, 1))
	s.send(v, two, traces(0, 4, 1))
	s.w.DropTable(one.String())
	got, err = v.Verify(t.Context())
	require.ErrorContains(t, err, "cat.sch.pre_otel_spans: 4 of 4 spans were not counted")
	require.Equal(t, progress.NotVerified, got[0].Verification)
	require.Equal(t, progress.Arrived, got[1].Verification)
}

// Thousands of traces are asked for in pieces, each within the time of its own traces.
func TestPieces(t *testing.T) {
	s := newScene(t)
	v := s.verifier()
	const n = 12000
	td := traces(0, n, 1)
	rows := make([]databrickstest.Row, 0, n)
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		rows = append(rows, databrickstest.Row{
			"trace_id": span.TraceID().
				String(),
			"span_id": span.SpanID().String(), "start_time_unix_nano": int64(span.StartTimestamp()),
			"time": span.StartTimestamp().AsTime().Format(time.RFC3339),
		})
	}
	s.w.AddRows(one.String(), rows...)
	v.Acknowledged(one, td, 0)
	got, err := v.Verify(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(n), got[0].Arrived)
	statements := s.w.Statements()
	require.Len(t, statements, 3)
	first := begin.Add(-1000 * time.Hour)
	for k, last := range []int{4999, 9999, 11999} {
		require.Contains(
			t,
			statements[k].SQL,
			fmt.Sprintf(
				"time >= timestamp_seconds(%d) AND time <= timestamp_seconds(%d)",
				first.Add(time.Duration(k*5000)*time.Minute).
					Unix()-
					slack,
				first.Add(time.Duration(last)*time.Minute).Unix()+slack,
			),
		)
	}
}

// A run that ended is not counted for ever: when the context ends, what is not known is said.
func TestGivenUp(t *testing.T) {
	s := newScene(t)
	s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh", PendingAnswers: 1000})
	v := s.verifier()
	s.send(v, one, traces(0, 4, 1))
	ctx, cancel := context.WithCancel(t.Context())
	s.answer = func(string) string { cancel(); return "" }
	got, err := v.Verify(ctx)
	require.Error(t, err)
	require.Equal(t, progress.NotVerified, got[0].Verification)
	require.Contains(t, got[0].Detail, "4 of 4 spans were not counted")
}

func TestNothingSent(t *testing.T) {
	got, err := newScene(t).verifier().Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestConcurrentAcknowledgements(t *testing.T) {
	s := newScene(t)
	v := s.verifier()
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for n := range 10 {
				v.Acknowledged(one, traces(100*k+n, 5, 3), 0)
			}
		})
	}
	wg.Wait()
	got, err := v.Verify(t.Context())
	require.ErrorContains(t, err, "sent 336, arrived 0") // 14 traces for each of 8
	require.Equal(t, int64(336), got[0].Missing)
}

func TestWarnsWithoutTheExtension(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	New(Settings{Config: Config{When: WhenEndOfBackfill, WarehouseID: "wh"}, Logger: zap.New(core)})
	require.Equal(t, 1, logs.FilterMessageSnippet("mlflow_report").Len())
	New(Settings{Config: Config{When: WhenEndOfBackfill}, Logger: zap.New(core)})
	require.Equal(t, 1, logs.Len())
}

func TestConfig(t *testing.T) {
	c := NewDefaultConfig()
	require.NoError(t, c.Validate())
	for change, text := range map[*Config]string{
		{When: "always", Timeout: 1, MaxTraces: 1}: `when: "always" is not one of`,
		{When: WhenNever, MaxTraces: 1}:            "timeout:",
		{When: WhenNever, Timeout: 1}:              "max_traces:",
		{When: WhenNever, Timeout: 1, MaxTraces: 1, WarehouseID: "/sql/1.0/warehouses/abc123"}: "warehouse_id: write " +
			"the id alone: abc123",
		{When: WhenNever, Timeout: 1, MaxTraces: 1, WarehouseID: "x'; DROP"}: "warehouse_id: this " +
			"is no id",
	} {
		require.ErrorContains(t, change.Validate(), text)
	}
}

// The signal is spelled as the report spells it.
func TestSignal(t *testing.T) {
	require.Equal(t, "traces", signal(one))
	require.Equal(t, "logs", signal(route.Destination{Signal: unity.SignalLogs}))
}
