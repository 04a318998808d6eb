// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// The shipped configurations do what docs/how-to/databricks.md says, from an empty schema to rows,
// views and monitors: plan, apply, look, go, set up again, go again.
func TestHowTo(t *testing.T) {
	t.Parallel()
	w, dir := tables(t), t.TempDir()
	w.CreateSchema(agents.Catalog, agents.Schema)
	w.AddServicePrincipal(admin, secret)
	w.Grant(admin, agents.Catalog, "ALL_PRIVILEGES", "MANAGE")
	w.Grant(admin, agents.Catalog+"."+agents.Schema, "ALL_PRIVILEGES", "MANAGE")
	env := []string{
		"DATABRICKS_ADMIN_CLIENT_ID=" + admin, "DATABRICKS_ADMIN_CLIENT_SECRET=" + secret,
		"OTELCOL_MLFLOW_DATABRICKS_EXPERIMENT=/Shared/support-bot",
		"DATABRICKS_HOST=" + w.URL(), "DATABRICKS_CLIENT_ID=" + writer, "DATABRICKS_CLIENT_SECRET=" + secret,
		"OTELCOL_MLFLOW_CATALOG=" + agents.Catalog, "OTELCOL_MLFLOW_SCHEMA=" + agents.Schema,
		"OTELCOL_MLFLOW_PREFIX=" + agents.Prefix,
		"OTELCOL_MLFLOW_WAREHOUSE=" + warehouse(w), "OTELCOL_MLFLOW_SOURCE=sqlite:///testdata/sample/mlflow.db",
		"OTELCOL_MLFLOW_EXPERIMENT=support-bot", "OTELCOL_MLFLOW_OUT=" + filepath.Join(dir, "out"),
	}
	table := agents.Table(unity.SignalSpans, unity.LayoutV2).String()
	config := filepath.Join(collector.Root(), "config", "databricks.yaml")

	setup := func(more ...string) string {
		p := collector.Command(t, dir, append(more, env...), collector.Default(),
			"--feature-gates=service.AllowNoPipelines", "--config",
			filepath.Join(collector.Root(), "config", "databricks-setup.yaml"))
		p.Done(0)
		return p.Out()
	}
	assert.Contains(t, setup(), "Nothing is changed")
	assert.Empty(t, w.Tables())
	setup("OTELCOL_MLFLOW_APPLY=true")
	require.NotNil(t, w.Table(table))
	require.ElementsMatch(t, []string{"MODIFY", "SELECT"}, w.Granted(writer, table))
	view := agents.Catalog + "." + agents.Schema + "." + agents.Prefix + "_genai_traces"
	require.NotNil(t, w.Table(view))
	columns := len(w.Table(view).Columns)

	look := collector.Command(t, dir, append([]string{"OTELCOL_MLFLOW_MODE=check"}, env...),
		collector.Default(), "--config", config)
	look.Done(0)
	assert.Contains(t, look.Out(), "nothing was written")
	assert.Empty(t, w.RequestsTo("POST", ingest))

	first := collector.Command(t, dir, env, collector.Default(), "--config", config)
	first.Done(0)
	rows := len(w.Rows(table))
	require.Positive(t, rows)
	assert.NotContains(t, first.Out(), "not verified")
	assert.Contains(t, first.Out(), "arrived")

	setup("OTELCOL_MLFLOW_APPLY=true")
	assert.Greater(t, len(w.Table(view).Columns), columns, "scores have columns now")

	again := collector.Command(t, dir, env, collector.Default(), "--config", config)
	again.Done(0)
	assert.Len(t, w.Rows(table), rows, "what was delivered is not sent again")
	noCanary(t, dir)

	// Following the server instead has a position of its own.
	metrics := collector.FreeAddress(t)
	_, port, _ := strings.Cut(metrics, ":")
	tail := collector.Command(t, dir, append(env, "OTELCOL_MLFLOW_OUT="+filepath.Join(dir, "tail"),
		"OTELCOL_MLFLOW_INTERVAL=200ms", "OTELCOL_MLFLOW_METRICS_PORT="+port), collector.Default(), "--config",
		filepath.Join(collector.Root(), "config", "databricks-tail.yaml"))
	require.Eventually(t, func() bool { return tail.Ended() || lagging(metrics) }, time.Minute, 100*time.Millisecond)
	tail.Signal(syscall.SIGTERM)
	tail.Done(0)
	assert.Len(t, w.Rows(table), 2*rows)
	assert.NotEmpty(t, w.Rows(agents.Table(unity.SignalLogs, unity.LayoutV2).String()), "scores are log records")
	noCanary(t, dir)
}

// lagging reports whether a tail says how far it is behind, which it does after its first look.
func lagging(metrics string) bool {
	answer, err := http.Get("http://" + metrics + "/metrics")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return err == nil && strings.Contains(string(text), "receiver_mlflow_lag")
}
