// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package count

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a workspace with tables of both layouts, whose time is that of the counting.
type scene struct {
	*databrickstest.Workspace
	client *databricks.Client
	now    time.Time
}

const (
	one, two, old = "cat.sch.one_otel_spans", "cat.sch.two_otel_spans", "cat.sch.mlflow_experiment_trace_otel_spans"
)

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{now: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}
	s.Workspace = databrickstest.New(databrickstest.Options{Clock: func() time.Time { return s.now }})
	t.Cleanup(s.Close)
	for _, prefix := range []string{"one", "two"} {
		s.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: prefix}, unity.LayoutV2)
	}
	s.CreateTables(unity.Location{Catalog: "cat", Schema: "sch"}, unity.LayoutV1)
	s.GrantWriting(databrickstest.Admin, one, two, old)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: bearer{transport}}
	var err error
	s.client, err = databricks.New(s.URL(), client, databricks.Settings{RequestsPerSecond: 10_000,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	require.NoError(t, err)
	return s
}

type bearer struct{ base http.RoundTripper }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+databrickstest.AdminToken)
	return b.base.RoundTrip(r)
}

// span adds a span of a trace, of an experiment that its resource names.
func (s *scene) span(table, trace, experiment string, start time.Time) {
	s.AddRows(table, databrickstest.Row{"trace_id": trace, "start_time_unix_nano": start.UnixNano(),
		"resource": map[string]any{"attributes": map[string]any{"mlflow.experimentId": experiment}}})
}

func (s *scene) count(t *testing.T, layout unity.Layout, expected map[string]int64, tables ...string) (map[string]int64,
	error) {
	t.Helper()
	cfg := NewDefaultConfig()
	cfg.WarehouseID, cfg.Tables, cfg.Layout = databrickstest.WarehouseID, tables, layout
	return Traces(t.Context(), Settings{Config: &cfg, Statement: s.client.Statement, Expected: expected, First: begin,
		Last: begin.Add(24 * time.Hour), Log: zap.NewNop(), Sleep: func(ctx context.Context, d time.Duration) error {
			s.now = s.now.Add(d)
			return ctx.Err()
		}})
}

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestDistinctTraces(t *testing.T) {
	s := newScene(t)
	for _, table := range []string{one, two, old} {
		s.span(table, "a", "1", begin)
		s.span(table, "a", "1", begin.Add(time.Second)) // a span more of the same trace
		s.span(table, "b", "1", begin.Add(24*time.Hour))
		s.span(table, "of another time", "1", begin.Add(-240*time.Hour))
		s.AddRows(table, databrickstest.Row{"trace_id": "of nothing", "start_time_unix_nano": begin.UnixNano()})
	}
	s.span(two, "c", "2", begin)
	s.AddRows(two, databrickstest.Row{"trace_id": "d", "start_time_unix_nano": begin.UnixNano(),
		"attributes": map[string]any{"mlflow.experimentId": "2"}})
	for name, x := range map[string]struct {
		layout unity.Layout
		tables []string
		want   map[string]int64
	}{
		"v2":         {unity.LayoutV2, []string{one}, map[string]int64{"1": 2, "": 1}},
		"v1":         {unity.LayoutV1, []string{old}, map[string]int64{"1": 2, "": 1}},
		"two tables": {unity.LayoutV2, []string{one, two}, map[string]int64{"1": 2, "2": 2, "": 1}},
	} {
		counted, err := s.count(t, x.layout, nil, x.tables...)
		require.NoError(t, err, name)
		require.Equal(t, x.want, counted, name)
	}
}

// Rows become visible after minutes. What never comes is told when the time is over.
func TestRowsBecomeVisible(t *testing.T) {
	s := newScene(t)
	s.Set(func(w *databrickstest.Switches) { w.VisibleAfter = 3 * time.Minute })
	s.span(one, "a", "1", begin)
	s.span(one, "b", "1", begin)
	counted, err := s.count(t, unity.LayoutV2, map[string]int64{"1": 2}, one)
	require.NoError(t, err)
	require.EqualValues(t, 2, counted["1"])
	counted, err = s.count(t, unity.LayoutV2, map[string]int64{"1": 3}, one)
	require.NoError(t, err)
	require.EqualValues(t, 2, counted["1"])
}

func TestErrors(t *testing.T) {
	s := newScene(t)
	_, err := s.count(t, unity.LayoutV2, nil, "cat.sch.nothing")
	require.ErrorContains(t, err, "nothing")
	_, err = s.count(t, unity.LayoutV2, nil, "one")
	require.ErrorContains(t, err, "three: catalog.schema.table")

	busy := 3
	cfg := NewDefaultConfig()
	cfg.Tables = []string{one}
	set := Settings{Config: &cfg, Log: zap.NewNop(), Sleep: func(context.Context, time.Duration) error { return nil },
		Statement: func(context.Context, string, string) (databricks.Result, error) {
			if busy--; busy >= 0 {
				return databricks.Result{}, &databricks.Error{Kind: databricks.KindBusy}
			}
			return databricks.Result{Rows: [][]string{{"1", "7"}}}, nil
		}}
	counted, err := Traces(t.Context(), set)
	require.NoError(t, err)
	require.EqualValues(t, 7, counted["1"])
	busy = 1000
	_, err = Traces(t.Context(), set)
	require.Error(t, err)
	for _, rows := range [][][]string{{{"1"}}, {{"1", "many"}}} {
		set.Statement = func(context.Context, string, string) (databricks.Result, error) {
			return databricks.Result{Rows: rows}, nil
		}
		_, err = Traces(t.Context(), set)
		require.ErrorContains(t, err, "the warehouse answers with")
	}
	set.Statement = func(context.Context, string, string) (databricks.Result, error) {
		return databricks.Result{}, errors.New("no such warehouse")
	}
	_, err = Traces(t.Context(), set)
	require.EqualError(t, err, "no such warehouse")
}
