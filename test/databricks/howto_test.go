package databricks

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// The shipped configuration does what docs/how-to/databricks.md says: look, go, and go again.
func TestHowTo(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	w, dir := tables(t, agents), t.TempDir()
	env := []string{
		"DATABRICKS_HOST=" + w.URL(), "DATABRICKS_CLIENT_ID=" + writer, "DATABRICKS_CLIENT_SECRET=" + secret,
		"OTELCOL_MLFLOW_CATALOG=" + agents.Catalog, "OTELCOL_MLFLOW_SCHEMA=" + agents.Schema, "OTELCOL_MLFLOW_PREFIX=" + agents.Prefix,
		"OTELCOL_MLFLOW_WAREHOUSE=" + warehouse(w), "OTELCOL_MLFLOW_SOURCE=" + s.URL, "OTELCOL_MLFLOW_EXPERIMENT=wide-second", "OTELCOL_MLFLOW_OUT=" + filepath.Join(dir, "out"),
	}
	table := agents.Table(unity.Spans, unity.V2).String()
	config := filepath.Join(collector.Root(), "config", "databricks.yaml")

	look := collector.Command(t, dir, append([]string{"OTELCOL_MLFLOW_MODE=check"}, env...), collector.Default(), "--config", config)
	look.Done(0)
	assert.Contains(t, look.Out(), "nothing was written")
	assert.Empty(t, w.RequestsTo("POST", ingest))

	first := collector.Command(t, dir, env, collector.Default(), "--config", config)
	first.Done(0)
	rows := len(w.Rows(table))
	require.Positive(t, rows)
	assert.NotContains(t, first.Out(), "not verified")
	assert.Contains(t, first.Out(), "arrived")

	again := collector.Command(t, dir, env, collector.Default(), "--config", config)
	again.Done(0)
	assert.Len(t, w.Rows(table), rows, "what was delivered is not sent again")
	noCanary(t, dir)
}
