// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// What the report says is in the data is what the store holds, as test/py/aggregates.py computes it: counts to the last
// digit, quantiles within 1 %; and the page shows those numbers.
func TestReportAgreesWithTheStore(t *testing.T) {
	for name, tc := range map[string]struct {
		source      func(t *testing.T) (uri, store string)
		experiments []string
	}{
		"sample": {func(t *testing.T) (uri, store string) {
			t.Helper()
			s := copyOf(t, sample, t.TempDir())
			return s.URI(), s.path
		}, nil},
		"demo": {func(t *testing.T) (uri, store string) { // by REST
			t.Helper()
			s := need(t, database)
			return s.URL, filepath.Join(s.Dir, "mlflow.db")
		}, []string{"MLflow Demo"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			uri, store := tc.source(t)
			env := []string{"OTELCOL_MLFLOW_OUT=" + out, "OTELCOL_MLFLOW_SOURCE=" + uri}
			for _, x := range tc.experiments {
				env = append(env, "OTELCOL_MLFLOW_EXPERIMENT="+x)
			}
			for range 2 { // what is resumed shows its sum
				collector.Command(t, t.TempDir(), env, collector.Default(), "--config", "config/quickstart.yaml").
					Done(0)
				compared, err := mlflowserver.Script(mlflowserver.Database, nil, "aggregates.py",
					append([]string{store, filepath.Join(out, "report.json")}, tc.experiments...)...)
				require.NoError(t, err)
				var got struct {
					Compared    int
					Differences []string
				}
				require.NoError(t, json.Unmarshal(compared, &got))
				assert.Greater(t, got.Compared, 50)
				assert.Empty(t, got.Differences)
			}
			page, err := os.ReadFile(filepath.Join(out, "report.html"))
			require.NoError(t, err)
			assert.Contains(t, string(page), "What is in the data")
			private(t, filepath.Join(out, "report.html"))
		})
	}
}

// Texts of traces are in the report only where that is asked for, and leave the position when it no longer is.
func TestReportShowsExamples(t *testing.T) {
	s := copyOf(t, sample, t.TempDir())
	out := filepath.Join(t.TempDir(), "out")
	run := func(examples string) (report, page, position string) {
		collector.Command(t, t.TempDir(), []string{"OTELCOL_MLFLOW_OUT=" + out, "OTELCOL_MLFLOW_SOURCE=" + s.URI()},
			collector.Default(), "--config", "config/quickstart.yaml",
			"--set", "extensions::mlflow_report::examples="+examples).Done(0)
		text := func(pattern string) string {
			files, err := filepath.Glob(filepath.Join(out, pattern))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			body, err := os.ReadFile(files[0])
			require.NoError(t, err)
			return string(body)
		}
		return text("report.json"), text("report.html"), text("position/*")
	}
	report, page, position := run("true")
	assert.Contains(t, report, `"request": "`)
	assert.Contains(t, report, `"response": "`)
	assert.Contains(t, page, "asked: <bdi>")
	assert.Contains(t, position, `"request":"`)

	report, page, _ = run("false")
	assert.NotContains(t, report, `"request": "`)
	assert.NotContains(t, page, "asked:")
}
