// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Ten that start together make one location, one set of views and one monitor for each, and all say
// that it is done. Another run changes nothing.
func TestTenTogether(t *testing.T) {
	w := workspace(t)
	k := keys{"apply": true, "grants": someGrants, "scores": []any{"quality"}}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			out, err := run(t, w, k)
			assert.NoError(t, err, out)
		})
	}
	all.Wait()
	// the monitors' own
	tables := slices.DeleteFunc(w.Tables(), func(n string) bool {
		return strings.HasSuffix(n, "_metrics") && !strings.Contains(n, "_otel_")
	})
	require.Equal(t, []string{
		contentView, evalView, scoresView, spansView, tracesView, "cat.sch.pre_otel_annotations",
		"cat.sch.pre_otel_logs", "cat.sch.pre_otel_metrics", spansTable,
	}, tables)
	created := 0
	for _, r := range w.RequestsTo("POST", "/api/2.0/mlflow/experiments/create") {
		if r.Status == 200 {
			created++
		}
	}
	require.Equal(t, 1, created)
	made := 0
	for _, r := range w.RequestsTo("POST", currentAPI) {
		if r.Status == 200 {
			made++
		}
	}
	require.Equal(t, 2, made)
	require.Zero(t, w.Count("PATCH", currentAPI), "the monitors are as they were made")
	for _, view := range []string{tracesView, scoresView} {
		require.NotNil(t, w.Monitor(view))
		require.Zero(t, w.Monitor(view).Version)
	}
	require.Equal(t, []string{"MODIFY", "SELECT"}, w.Granted("app-1", spansTable))

	w.ForgetRequests()
	before := len(w.Statements())
	out := apply(t, w, k)
	for _, s := range w.Statements()[before:] {
		require.True(t, isQuery(s.SQL), s.SQL)
	}
	for _, method := range []string{"PATCH", "PUT", "DELETE"} {
		require.Zero(t, w.Count(method, "/"))
	}
	require.Equal(t, w.Count("POST", "/api/2.0/sql/"), w.Count("POST", "/"), "only statements are posted")
	require.NotContains(t, out, ": to do")
}

// Grants go to those who are named, and to each what it needs.
func TestGrants(t *testing.T) {
	w := workspace(t)
	everybody := map[string]any{"principal": "account users", "read": true, "all_users": true}
	out := apply(t, w, keys{"monitor": map[string]any{"enabled": false}, "grants": []any{
		map[string]any{"principal": "app-1", "write": true}, map[string]any{"principal": "analysts", "content": true},
		everybody,
	}})
	require.Contains(t, out, "account users (that is everybody)")
	for _, tc := range []struct{ who, on, has string }{
		{"app-1", "cat", "[USE_CATALOG]"}, {"app-1", "cat.sch", "[USE_SCHEMA]"},
		{"app-1", spansTable, "[MODIFY SELECT]"},
		{"app-1", "cat.sch.pre_otel_logs", "[MODIFY SELECT]"}, {"app-1", "cat.sch.pre_otel_metrics", "[MODIFY SELECT]"},
		{"app-1", "cat.sch.pre_otel_annotations", "[]"}, {"app-1", tracesView, "[]"},
		{"analysts", contentView, "[SELECT]"}, {"analysts", tracesView, "[]"}, {"analysts", spansTable, "[]"},
		{"account users", tracesView, "[SELECT]"}, {"account users", scoresView, "[SELECT]"},
		{"account users", contentView, "[]"}, {"account users", spansTable, "[]"},
	} {
		require.Equal(t, tc.has, fmt.Sprint(w.Granted(tc.who, tc.on)), "%s on %s", tc.who, tc.on)
	}
	require.Empty(t, w.Granted("account users", "cat.sch.pre_otel_logs"))

	out, err := run(t, w, keys{"apply": true, "monitor": map[string]any{"enabled": false},
		"grants": []any{map[string]any{"principal": "nobody", "read": true}}})
	require.ErrorContains(t, err, "nobody", out)
}

// The reverse is printed and not done; its SQL runs, and takes away what was made, except for the
// data.
func TestTeardown(t *testing.T) {
	w := workspace(t)
	k := keys{"grants": someGrants}
	apply(t, w, k)
	w.ForgetRequests()
	before := len(w.Statements())
	tables := w.Tables()
	out, err := run(t, w, keys{"teardown": true, "grants": someGrants})
	require.NoError(t, err)
	require.Len(t, w.Statements(), before)
	require.Equal(t, w.Count("GET", "/"), w.Count("", "/"), "only questions are asked")
	require.Equal(t, tables, w.Tables())
	at := 0
	for _, says := range []string{"DELETE " + currentAPI, `"remove"`,
		"DROP VIEW IF EXISTS `cat`.`sch`.`pre_genai_content`", "a link can't be taken back"} {
		i := strings.Index(out[at:], says)
		require.GreaterOrEqual(t, i, 0, "%s, in this order, in\n%s", says, out)
		at += i
	}
	list := script(out)
	require.Len(t, list, 9)
	c := client(t, w)
	for _, s := range list {
		_, err := c.Statement(t.Context(), "wh", s)
		require.NoError(t, err, s)
	}
	require.NotContains(t, fmt.Sprint(w.Tables()), "genai")
	require.Contains(t, w.Tables(), spansTable, "data stays")
}

// What agents need that write tags and feedback with MLflow, and the tag that MLflow's monitoring
// reads. The tag is set once.
func TestAnnotateAndMonitoringWarehouse(t *testing.T) {
	w := workspace(t)
	k := keys{
		"grants": []any{map[string]any{"principal": "app-1", "write": true, "annotate": true},
			map[string]any{"principal": "analysts", "annotate": true}},
		"experiment": map[string]any{"name": "/Shared/x", "monitoring_warehouse_id": 123},
	}
	out, err := run(t, w, k)
	require.NoError(t, err)
	require.Contains(t, out, "POST /api/2.0/mlflow/experiments/set-experiment-tag")
	require.Contains(t, out, `"experiment_id": "EXPERIMENT_ID"`)
	apply(t, w, k)
	tag := func() string {
		x, err := client(t, w).ExperimentByName(t.Context(), "/Shared/x")
		require.NoError(t, err)
		return x.Tags["mlflow.monitoring.sqlWarehouseId"]
	}
	require.Equal(t, "123", tag())
	for _, principal := range []string{"app-1", "analysts"} {
		require.Equal(t, []string{"MODIFY", "SELECT"}, w.Granted(principal, "cat.sch.pre_otel_annotations"))
	}
	require.Equal(t, []string{"SELECT"}, w.Granted("analysts", spansTable))

	w.ForgetRequests()
	out = apply(t, w, k)
	require.NotContains(t, out, ": to do")
	require.Zero(t, w.Count("POST", "/api/2.0/mlflow/experiments/set-experiment-tag"))

	k["experiment"] = map[string]any{"name": "/Shared/x", "monitoring_warehouse_id": "other"}
	out = apply(t, w, k)
	require.Contains(t, out, "the tag mlflow.monitoring.sqlWarehouseId names 123 now")
	require.Equal(t, "other", tag())
}

// Above the row limit the streaming table is proposed, and made only when asked for; views read it
// then.
func TestStreamingTable(t *testing.T) {
	w := workspace(t)
	w.CreateExperiment("/Shared/x", &at)
	addRoot(w, "t1", map[string]any{"metric_quality": 0.5})
	addRoot(w, "t2", map[string]any{"metric_quality": 1.0})
	small := map[string]any{"row_limit": 1}
	out := apply(t, w, keys{"views": small})
	require.Contains(t, out, "Streaming table cat.sch.pre_genai_topmost_spans: proposed only")
	require.Contains(t, out, "2 spans are more than views::row_limit (1)")
	require.Contains(t, out, "scores are looked for in the traces of the last 30 days")
	require.Nil(t, w.Table("cat.sch.pre_genai_topmost_spans"))

	small["streaming"] = true
	apply(t, w, keys{"views": small})
	require.Equal(t, "STREAMING_TABLE", w.Table("cat.sch.pre_genai_topmost_spans").Kind)
	require.Contains(t, w.Table(tracesView).View, "pre_genai_topmost_spans")
	small["streaming"] = false // it is there, so it stays in use
	out = apply(t, w, keys{"views": small})
	require.NotContains(t, out, ": to do")
	require.Contains(t, w.Table(tracesView).View, "pre_genai_topmost_spans")
}
