// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faithful"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// What MLflow's own client wrote to a workspace, traces with every feature and scores of every
// kind, is emitted span for span as that client reads it back: from Unity Catalog, and from an
// experiment whose spans lie in files, by either search.
func TestFaithfulFromDatabricks(t *testing.T) {
	for name, c := range map[string]struct {
		inUnity bool
		change  func(*databrickstest.MLflowSwitches)
	}{
		"Unity Catalog":       {true, func(s *databrickstest.MLflowSwitches) { s.RunningPolls = 1 }},
		"experiment by v4":    {false, func(*databrickstest.MLflowSwitches) {}},
		"experiment by v3":    {false, func(s *databrickstest.MLflowSwitches) { s.NoExperimentSearchV4 = true }},
		"integers as numbers": {true, func(s *databrickstest.MLflowSwitches) { s.IntegersAsNumbers = true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, dir := workspace(t), t.TempDir()
			var experiment string
			args := []string{"databricks", "--into", "/Shared/agent", "--count", "60"}
			if c.inUnity {
				place := agents
				w.GrantWriting(databrickstest.Admin, place.Table("spans", "v2").String())
				experiment = w.CreateExperiment("/Shared/agent", &place)
				args = append(args, "--location", place.String())
			} else {
				experiment = w.CreateExperiment("/Shared/agent", nil)
			}
			env := []string{"DATABRICKS_HOST=" + w.URL(), "DATABRICKS_TOKEN=" + databrickstest.AdminToken,
				"MLFLOW_TRACING_SQL_WAREHOUSE_ID=wh1"}
			_, err := mlflowserver.Script(mlflowserver.Database, env, "generate_v3.py", args...)
			require.NoError(t, err)
			truth := filepath.Join(dir, "truth.jsonl")
			_, err = mlflowserver.Script(mlflowserver.Database, env, "expected.py", "databricks", truth,
				"--experiment", "/Shared/agent")
			require.NoError(t, err)

			w.SetMLflow(c.change)
			w.ForgetRequests()
			looked := t.TempDir()
			collector.Run(t, looked, reading(w, looked).Set("receivers::mlflow::mode", "check"), 0)
			check := collector.ReadReport(t, looked).Receivers[0].Check.Experiments
			require.Len(t, check, 1)
			era := map[bool]string{true: "unity_catalog", false: "artifacts"}[c.inUnity]
			assert.Equal(t, map[string]bool{era: true}, check[0].Reachable)
			assert.Contains(t, check[0].Scores, "yes")
			collector.Run(t, dir, reading(w, dir), 0)
			all := faithful.Read(t, truth)
			want, unfinished, empty := faithful.Deliverable(all, time.Now())
			spans := 0
			for i := range want {
				spans += len(want[i].Spans)
			}
			require.Greater(t, len(want), 90)
			assert.Equal(t, spans, faithful.Compare(t, want, collector.Traces(t, dir)))
			var listed []string
			for _, x := range collector.ReadSkipped(t, dir) {
				listed = append(listed, x.TraceID)
			}
			assert.ElementsMatch(t, append(unfinished, empty...), listed)

			report := collector.ReadReport(t, dir).Receivers[0]
			assert.True(t, report.Complete, report.Headline)
			assert.Equal(t, "acknowledged", report.Delivery)
			assert.EqualValues(t, len(all), report.Totals.Read)
			assert.EqualValues(t, len(all), check[0].Traces)
			assert.Equal(t, experiment, report.Experiments[0].ID)
			for _, r := range w.Requests() {
				assert.NotEqual(t, http.StatusTooManyRequests, r.Status)
				assert.NotEqual(t, http.StatusUnauthorized, r.Status)
			}
			for _, r := range w.StorageRequests() {
				assert.Empty(t, r.Header.Get("Authorization"), "the token stays with the workspace")
			}
		})
	}
}

// reading is a backfill out of a workspace into a file.
func reading(w *databrickstest.Workspace, dir string) collector.Config {
	return collector.Backfill("databricks", dir).Set("receivers::mlflow::databricks",
		map[string]any{"host": w.URL(), "auth": map[string]any{"token": databrickstest.AdminToken}}).
		Set("receivers::mlflow::sql_warehouse_id", "wh1").Set("receivers::mlflow::max_skipped", "20%")
}
