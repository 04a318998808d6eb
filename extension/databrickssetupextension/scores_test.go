// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// addRoot writes the topmost span of a trace.
func addRoot(w *databrickstest.Workspace, trace string, attributes map[string]any) {
	now := time.Now()
	all := map[string]any{"mlflow.spanType": "AGENT", "mlflow.revision": int64(1)}
	maps.Copy(all, attributes)
	w.AddRows(spansTable, databrickstest.Row{
		"record_id": "r-" + trace, "time": now.UTC().Format("2006-01-02T15:04:05.000000Z"), "service_name": "svc",
		"trace_id": fmt.Sprintf("%032s", trace), "span_id": "00000000000000aa",
		"name": "agent", "start_time_unix_nano": now.UnixNano(), "end_time_unix_nano": now.UnixNano() + 1e6,
		"attributes": all,
		"status":     map[string]any{"code": "STATUS_CODE_OK"},
		"resource":   map[string]any{"attributes": map[string]any{}},
	})
}

func scoreColumns(w *databrickstest.Workspace) (out []string) {
	for _, c := range columns(w, tracesView) {
		if strings.HasPrefix(c, "metric_") {
			out = append(out, c)
		}
	}
	return out
}

func inputColumns(w *databrickstest.Workspace) any {
	metrics, _ := w.Monitor(tracesView).Config["custom_metrics"].([]any)
	if len(metrics) != 1 {
		return nil
	}
	return metrics[0].(map[string]any)["input_columns"]
}

// Setup on an empty schema, then three names of scores arrive, and the next day a fourth that is
// one of them but for case. What the views show of them is tested in test/views.
func TestNewScores(t *testing.T) {
	w := workspace(t)
	apply(t, w, nil)
	require.Empty(t, scoreColumns(w))
	require.Nil(t, inputColumns(w))
	empty := columns(w, tracesView)

	addRoot(w, "a1", map[string]any{"metric_quality": 0.5, "metric_tone": "yes", "metric_accuracy": 1.0})
	apply(t, w, nil)
	first := scoreColumns(w)
	require.Equal(t, []string{"metric_accuracy", "metric_quality", "metric_tone"}, first)
	require.Equal(t, empty, columns(w, tracesView)[:len(empty)], "the old ones keep their places")
	require.Equal(t, 1, w.Monitor(tracesView).Version, "the monitor is changed once")
	require.Equal(t, []any{"metric_accuracy", "metric_quality", "metric_tone"}, inputColumns(w))
	require.Zero(t, w.Monitor(scoresView).Version)

	addRoot(w, "a2", map[string]any{"metric_Quality": 0.25})
	before := columns(w, tracesView)
	out := apply(t, w, nil)
	after := columns(w, tracesView)
	require.Equal(t, before, after[:len(before)], "old order kept")
	require.Len(t, after, len(before)+1)
	require.Regexp(t, `^metric_quality_[0-9a-f]{8}$`, after[len(after)-1])
	require.Contains(t, out, "adds the columns "+after[len(after)-1])
	require.Equal(t, 2, w.Monitor(tracesView).Version)
	for _, column := range w.Table(tracesView).Columns {
		require.NotEmpty(t, column.Comment, column.Name)
	}

	apply(t, w, nil)
	require.Equal(t, 2, w.Monitor(tracesView).Version, "and not once more")
}

// A run that doesn't look for scores leaves those that the monitor was told of.
func TestScoresOfTheMonitorStayWithoutViews(t *testing.T) {
	for _, older := range []bool{false, true} {
		w := workspace(t)
		w.SetMonitors(func(s *databrickstest.MonitorSwitches) { s.NoDataQuality = older })
		apply(t, w, keys{"scores": []any{"quality"}})
		told := w.Monitor(tracesView).Config["custom_metrics"]
		require.NotEmpty(t, told)
		apply(t, w, keys{"views": map[string]any{"enabled": false}})
		require.Zero(t, w.Monitor(tracesView).Version)
		require.Equal(t, told, w.Monitor(tracesView).Config["custom_metrics"])
	}
}

// A view that was changed by hand, or that setup did not make, is left alone with a message, and
// the others are seen to all the same.
func TestViewsOfOthersAreLeftAlone(t *testing.T) {
	w := workspace(t)
	c := client(t, w)
	apply(t, w, keys{"scores": []any{"quality"}})
	for _, s := range []string{
		"ALTER VIEW " + tracesView +
			" AS SELECT trace_id, current_timestamp() AS request_time, 1 AS metric_quality FROM " +
			"" + spansTable,
		"DROP VIEW " + scoresView,
		"CREATE VIEW " + contentView + "_x AS SELECT 1 AS one",
	} {
		_, err := c.Statement(t.Context(), "wh", s)
		require.NoError(t, err)
	}
	edited := w.Table(tracesView)
	out := apply(t, w, keys{"scores": []any{"quality", "tone"}})
	require.Contains(t, out, "View "+tracesView+": left alone")
	require.Contains(t, out, "its definition was changed by hand")
	require.Contains(t, out, "drop or rename "+tracesView)
	require.Equal(t, edited, w.Table(tracesView))
	require.NotNil(t, w.Table(scoresView), "made again")

	_, err := c.Statement(t.Context(), "wh", "DROP VIEW "+contentView)
	require.NoError(t, err)
	_, err = c.Statement(t.Context(), "wh", "CREATE VIEW "+contentView+" AS SELECT 1 AS one")
	require.NoError(t, err)
	out = apply(t, w, nil)
	require.Contains(t, out, "it was not made by databricks_setup")
	require.Equal(t, []string{"one"}, columns(w, contentView))
}

// Scores are those that are configured, those in reports and those in the table, under the names of
// columns.
func TestKnownScores(t *testing.T) {
	w := workspace(t)
	w.CreateExperiment("/Shared/x", &at)
	addRoot(w, "a1", map[string]any{"metric_found": 0.5})
	report := writeFile(t, `{"refinements": [{"scores": [{"name": "reported", "count": 2}]}, {"scores": []}]}`)
	apply(t, w, keys{"scores": []any{"Written By Hand"}, "reports": []any{report}})
	have := scoreColumns(w)
	slices.Sort(have)
	require.Equal(t, []string{"metric_found", "metric_reported", "metric_written_by_hand"}, have)
}
