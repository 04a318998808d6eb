// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

type signed struct{ base *http.Transport }

func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+databrickstest.AdminToken)
	return s.base.RoundTrip(r)
}

func client(t *testing.T, w *databrickstest.Workspace) *databricks.Client {
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	c, err := databricks.New(
		w.URL(),
		&http.Client{Transport: signed{base}},
		databricks.Settings{Timeout: 10 * time.Second, RequestsPerSecond: 10_000},
	)
	require.NoError(t, err)
	return c
}

func TestResolver(t *testing.T) {
	w := databrickstest.New()
	defer w.Close()
	l := unity.Location{Catalog: "main", Schema: "traces", Prefix: "agents"}
	id := w.CreateExperiment("/Shared/agents", &l)
	plain := w.CreateExperiment("/Shared/plain", nil)
	c := client(t, w)
	for _, s := range []unity.Signal{unity.SignalSpans, unity.SignalLogs, unity.SignalMetrics} {
		for _, name := range []string{id, "/Shared/agents"} {
			e := &Resolver{Target: Target{Experiment: name}, Signal: s, Client: c, RetryInterval: time.Hour}
			d, err := e.Resolve(t.Context())
			require.NoError(t, err)
			require.Equal(
				t,
				Destination{Signal: s, Layout: unity.LayoutV2, Table: l.Table(s, unity.LayoutV2),
					Location: l, Experiment: id},
				d,
			)
		}
	}

	e := &Resolver{Target: Target{Experiment: plain}, Signal: unity.SignalSpans, Client: c, RetryInterval: time.Hour}
	_, err := e.Resolve(t.Context())
	require.ErrorContains(t, err, "experiment /Shared/plain ("+plain+") has no trace location in Unity Catalog")
	n := w.Count("GET", "/api/2.0/mlflow/experiments/")
	_, err = e.Resolve(t.Context())
	require.Error(t, err)
	require.Equal(t, n, w.Count("GET", "/api/2.0/mlflow/experiments/"), "a fault is remembered for a while")

	e = &Resolver{Target: Target{Experiment: "/Shared/none"}, Signal: unity.SignalSpans, Client: c}
	_, err = e.Resolve(t.Context())
	var f *Fault
	require.ErrorAs(t, err, &f)
	require.False(t, f.Transient)
	require.ErrorContains(t, err, "experiment /Shared/none is not there")
	w.CreateExperiment("/Shared/none", &l)
	d, err := e.Resolve(t.Context())
	require.NoError(t, err)
	require.Equal(t, "main.traces.agents_otel_spans", d.String())
	n = w.Count("GET", "/api/2.0/mlflow/experiments/")
	_, err = e.Resolve(t.Context())
	require.NoError(t, err)
	require.Equal(t, n, w.Count("GET", "/api/2.0/mlflow/experiments/"), "what is found is kept")
	e.Invalidate()
	_, err = e.Resolve(t.Context())
	require.NoError(t, err)
	require.Equal(t, n+1, w.Count("GET", "/api/2.0/mlflow/experiments/"), "until it is invalidated")
}

func TestResolverFaults(t *testing.T) {
	w := databrickstest.New()
	defer w.Close()
	c := client(t, w)
	e := &Resolver{Target: Target{Experiment: "1"}, Signal: unity.SignalSpans, Client: c}
	var f *Fault
	for _, tc := range []struct {
		fault     databrickstest.Fault
		text      string
		transient bool
	}{
		{databrickstest.Fault{Status: 403, Code: "PERMISSION_DENIED", Body: "no"},
			"give the principal CAN READ on it", false},
		{databrickstest.Fault{Status: 503, Code: "TEMPORARILY_UNAVAILABLE", Body: "busy"},
			"reading the experiment 1", true},
	} {
		w.SetFault(func(*http.Request) *databrickstest.Fault { return &tc.fault })
		_, err := e.Resolve(t.Context())
		require.ErrorAs(t, err, &f)
		require.Equal(t, tc.transient, f.Transient)
		require.ErrorContains(t, err, tc.text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Resolve(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTables(t *testing.T) {
	odd := databricks.Experiment{ID: "1", Name: "x", Tags: map[string]string{databricks.TagSpans: "a.b.odd"}}
	d, f := tables(odd, unity.SignalSpans)
	require.Nil(t, f)
	require.Zero(t, d.Location, "the name tells no location, so ids stay")
	_, f = tables(odd, unity.SignalMetrics)
	require.ErrorContains(t, f, "does not tell the table of metrics")
	odd.Tags[databricks.TagMetrics] = "a.b.odd_metrics"
	d, f = tables(odd, unity.SignalMetrics)
	require.Nil(t, f)
	require.Equal(t, "a.b.odd_metrics", d.String())
	odd.Tags[databricks.TagLogs] = "a.b.odd_logs"
	d, f = tables(odd, unity.SignalLogs)
	require.Nil(t, f)
	require.Equal(t, "a.b.odd_logs", d.String())

	old := databricks.Experiment{ID: "1", Name: "x", Tags: map[string]string{databricks.TagDestination: "a.b"}}
	d, f = tables(old, unity.SignalLogs)
	require.Nil(t, f)
	require.Equal(t, Destination{
		Signal: unity.SignalLogs, Layout: unity.LayoutV1, Table: unity.Name{Catalog: "a", Schema: "b",
			Table: "mlflow_experiment_trace_otel_logs"},
		Location: unity.Location{Catalog: "a", Schema: "b"}, Experiment: "1",
	}, d)
}

func TestLocate(t *testing.T) {
	for table, want := range map[string]unity.Location{
		"x_otel_spans":                       {Catalog: "a", Schema: "b", Prefix: "x"},
		"mlflow_experiment_trace_otel_spans": {Catalog: "a", Schema: "b"},
		"_otel_spans":                        {},
		"x_otel_logs":                        {},
		"spans":                              {},
	} {
		l, _ := Locate(unity.Name{Catalog: "a", Schema: "b", Table: table}, unity.SignalSpans)
		require.Equal(t, want, l, table)
	}
}
