// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

var someGrants = []any{
	map[string]any{"principal": "app-1", "write": true}, map[string]any{"principal": "analysts", "read": true,
		"content": true},
}

// client asks the workspace as its administrator.
func client(t testing.TB, w *databrickstest.Workspace) *databricks.Client {
	s, err := signin.New(signin.Config{Host: w.URL(),
		Credentials: signin.Credentials{Token: databrickstest.AdminToken}}, signin.Settings{})
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(func() {
		s.Close()
		transport.CloseIdleConnections()
	})
	sends := &http.Client{Transport: s.RoundTripper(transport)}
	c, err := databricks.New(s.Host(), sends, databricks.Settings{RequestsPerSecond: unlimited, Sleep: atOnce})
	require.NoError(t, err)
	return c
}

// Without apply no request that changes anything is sent, whatever is there; and what is printed as
// SQL can be executed as it is printed.
func TestPlanChangesNothingAndItsSQLRuns(t *testing.T) {
	w := workspace(t)
	plan := keys{"grants": someGrants, "scores": []any{"Quality"}}
	out, err := run(t, w, plan)
	require.NoError(t, err)
	require.Empty(t, mutations(w))
	require.Empty(t, w.Tables())
	for _, says := range []string{
		"POST /api/2.0/mlflow/experiments/create", "POST " + currentAPI,
		"PATCH /api/2.1/unity-catalog/permissions/table/" + spansTable, "costs: serverless compute",
		"history older than 30 days is stored but not profiled",
		"to app-1: all spans, logs and metrics of the location, content included", "in the column metric_quality",
	} {
		require.Contains(t, out, says)
	}

	w.CreateExperiment("/Shared/x", &at)
	c := client(t, w)
	statements := script(out)
	require.Len(t, statements, 5)
	for _, s := range statements {
		_, err := c.Statement(context.Background(), "wh", s)
		require.NoError(t, err, s)
	}
	require.Contains(t, columns(w, tracesView), "metric_quality")

	// The same for a view that grows. What was pasted counts as made here.
	w.ForgetRequests()
	before := len(w.Statements())
	plan["scores"] = []any{"Quality", "tone"}
	out, err = run(t, w, plan)
	require.NoError(t, err)
	for _, s := range w.Statements()[before:] {
		require.True(t, isQuery(s.SQL), s.SQL)
	}
	statements = script(out)
	require.NotEmpty(t, statements)
	for _, s := range statements {
		_, err := c.Statement(context.Background(), "wh", s)
		require.NoError(t, err, s)
	}
	require.Contains(t, columns(w, tracesView), "metric_tone")
	for l := range strings.SplitSeq(out, "\n") {
		require.NotContains(t, l, databrickstest.AdminToken)
	}
}

// Without a warehouse the statements are printed and no statement is sent.
func TestPlanWithoutWarehouse(t *testing.T) {
	w := workspace(t)
	w.CreateExperiment("/Shared/x", &at)
	out, err := run(t, w, keys{"warehouse_id": ""})
	require.NoError(t, err)
	require.Len(t, script(out), 5)
	require.Contains(t, out, "without warehouse_id nothing can be asked of the tables")
	require.Empty(t, w.Statements())
	require.Empty(t, mutations(w))
}

func addTrace(w *databrickstest.Workspace, experiment string) {
	info, _ := json.Marshal(map[string]any{
		"trace_id": "tr-1", "request_time": "2026-01-01T00:00:00Z", "state": "OK",
		"trace_location": map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]any{"experiment_id": experiment}},
	})
	w.AddOrdinaryTrace(info, nil)
}

// An experiment that holds traces is not linked, not even by apply, unless that was asked for; what
// it hides is printed either way.
func TestLinkingAnExperimentWithTraces(t *testing.T) {
	w := workspace(t)
	id := w.CreateExperiment("/Shared/x", nil)
	addTrace(w, id)
	for _, applied := range []bool{false, true} {
		out, err := run(t, w, keys{"apply": applied})
		require.ErrorContains(t, err, "earlier traces are no longer shown")
		require.Contains(t, out, "it is not linked unless experiment::link_existing is true")
		require.Contains(t, out,
			"1. backfill its traces into the tables, 2. verify that all have arrived, 3. link with "+
				"link_existing: true, 4. tail")
		require.Contains(t, out, "hides: the earlier traces of the experiment")
		require.Contains(t, out, "so they were not checked")
	}
	require.Empty(t, mutations(w))

	yes := keys{"experiment": map[string]any{"id": id, "link_existing": true}}
	out, err := run(t, w, yes)
	require.NoError(t, err)
	require.Contains(t, out, "hides: the experiment /Shared/x")
	require.Empty(t, mutations(w))
	apply(t, w, yes)
	require.Equal(t, "cat.sch.pre", w.Experiment(id).Location)
}

// When it can't be found out whether there are traces, they are taken to be there.
func TestLinkingWhenTracesCannotBeLookedFor(t *testing.T) {
	w := workspace(t)
	w.CreateExperiment("/Shared/x", nil)
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.URL.Path == "/api/3.0/mlflow/traces/search" {
			return &databrickstest.Fault{Status: 403, Code: "PERMISSION_DENIED", Body: "no"}
		}
		return nil
	})
	_, err := run(t, w, keys{"apply": true})
	require.ErrorContains(t, err, "Whether it holds traces could not be found out")
	require.Empty(t, mutations(w))
}

func TestLocationsThatAreRefusedOrThereAlready(t *testing.T) {
	for name, tc := range map[string]struct {
		arrange func(w *databrickstest.Workspace) keys
		err     string // empty: done
	}{
		"empty experiment": {func(w *databrickstest.Workspace) keys {
			return keys{"experiment": map[string]any{"id": w.CreateExperiment("/Shared/x", nil)}}
		}, ""},
		"linked already": {func(w *databrickstest.Workspace) keys {
			w.CreateExperiment("/Shared/x", &at)
			return nil
		}, ""},
		"linked elsewhere": {func(w *databrickstest.Workspace) keys {
			w.CreateExperiment("/Shared/x", &unity.Location{Catalog: "cat", Schema: "sch", Prefix: "other"})
			return nil
		}, "is linked to cat.sch.other_otel_spans already"},
		"no such id": {func(*databrickstest.Workspace) keys { return keys{"experiment": map[string]any{"id": 77}} },
			"there is no experiment with the id 77"},
		"no schema": {func(*databrickstest.Workspace) keys { return keys{"schema": "nope"} }, "It must be there first"},
		"tables by hand, no experiment": {func(w *databrickstest.Workspace) keys {
			w.CreateTables(at, unity.LayoutV2)
			return keys{"experiment": map[string]any{}}
		}, ""},
		"no tables, no experiment": {func(*databrickstest.Workspace) keys {
			return keys{"experiment": map[string]any{}}
		},
			"there is no table cat.sch.pre_otel_spans"},
		"older workspace": {func(w *databrickstest.Workspace) keys {
			w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.NoTraceLocation = true })
			return nil
		}, ""},
		"field refused": {func(w *databrickstest.Workspace) keys {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if r.URL.Path == "/api/2.0/mlflow/experiments/create" && r.ContentLength > 40 {
					return &databrickstest.Fault{Status: 400, Code: "INVALID_PARAMETER_VALUE",
						Body: "Unknown field trace_location"}
				}
				return nil
			})
			return nil
		}, ""},
		"still older": {func(w *databrickstest.Workspace) keys {
			w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.NoTraceLocation, s.NoLocationsV5 = true, true })
			return nil
		}, "layout: v1"},
		"layout v1": {func(*databrickstest.Workspace) keys { return keys{"layout": "v1", "table_prefix": ""} }, ""},
		"tables that don't fit": {func(w *databrickstest.Workspace) keys {
			w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.IncompatibleTables = true })
			return nil
		}, "Failed to validate table compatibility"},
		"busy workspace": {func(w *databrickstest.Workspace) keys {
			left := 2
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if r.URL.Path == "/api/2.0/mlflow/experiments/create" && left > 0 {
					left--
					return &databrickstest.Fault{Status: 503, Code: "TEMPORARILY_UNAVAILABLE", Body: "later"}
				}
				return nil
			})
			return nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			k := keys{"apply": true, "monitor": map[string]any{"enabled": false}}
			maps.Copy(k, tc.arrange(w))
			out, err := run(t, w, k)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err, out)
				require.NotContains(t, fmt.Sprint(w.Tables()), "genai")
				return
			}
			require.NoError(t, err, out)
			require.Contains(t, fmt.Sprint(w.Tables()), "_genai_traces")
			w.ForgetRequests()
			before := len(w.Statements())
			out, err = run(t, w, k)
			require.NoError(t, err, out)
			require.Empty(t, w.RequestsTo("POST", "/api/2.0/mlflow"), "done again")
			for _, s := range w.Statements()[before:] {
				require.True(t, isQuery(s.SQL), s.SQL)
			}
		})
	}
}
