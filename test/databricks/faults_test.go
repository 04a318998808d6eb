// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// The endpoint answers 200 and stores nothing. With a warehouse the run fails and says how much is
// missing; without one it does not say that anything arrived.
func TestSilent200(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	table := agents.Table(unity.SignalSpans, unity.LayoutV2).String()
	t.Run("with a warehouse", func(t *testing.T) {
		t.Parallel()
		w, dir := tables(t, agents), t.TempDir()
		w.SetOutcome(table, databrickstest.SilentDrop)
		export := exporter(w, agents)
		export["verify"] = map[string]any{"warehouse_id": warehouse(w), "timeout": "3s"}
		collector.Run(t, dir, backfill(s, dir, export), 1)
		report := collector.ReadReport(t, dir)
		assert.Contains(t, report.Headline, "arrived 0")
		assert.False(t, report.Complete)
		assert.Empty(t, w.Rows(table))
	})
	t.Run("without one", func(t *testing.T) {
		t.Parallel()
		w, dir := tables(t, agents), t.TempDir()
		w.SetOutcome(table, databrickstest.SilentDrop)
		p := collector.Run(t, dir, backfill(s, dir, exporter(w, agents)), 0)
		assert.Contains(t, collector.ReadReport(t, dir).Headline, "arrived: not verified")
		assert.Contains(t, firstLine(p.Out()), "arrived: not verified")
	})
	t.Run("all of it", func(t *testing.T) {
		t.Parallel()
		w, dir := tables(t, agents), t.TempDir()
		export := exporter(w, agents)
		export["verify"] = map[string]any{"warehouse_id": warehouse(w)}
		collector.Run(t, dir, backfill(s, dir, export), 0)
		report := collector.ReadReport(t, dir)
		assert.True(t, report.Complete, report.Headline)
		assert.NotContains(t, report.Headline, "not verified")
		assert.NotEmpty(t, w.Rows(table))
	})
}

// A workspace that is down at start, and a token that ends in the middle, cost time and nothing
// else.
func TestWorkspaceDownAtStart(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	address := collector.FreeAddress(t)
	dir := t.TempDir()
	export := map[string]any{
		"host": "http://" + address, "auth": map[string]any{"auth_type": "oauth-m2m", "client_id": writer,
			"client_secret": secret},
		"catalog": agents.Catalog, "schema": agents.Schema, "table_prefix": agents.Prefix, "traces_per_second": 0,
		"retry_on_failure": map[string]any{"initial_interval": "50ms", "max_interval": "200ms"},
	}
	p := collector.Start(t, dir, backfill(s, dir, export))
	require.Eventually(t, func() bool { return strings.Contains(p.Logs(), address) }, patience, 10*time.Millisecond,
		"nothing was said about the workspace")
	require.False(t, p.Ended())

	w := databrickstest.New(databrickstest.Options{Address: address})
	t.Cleanup(w.Close)
	w.AddServicePrincipal(writer, secret)
	table := agents.Table(unity.SignalSpans, unity.LayoutV2).String()
	w.NextOutcomes(table, 1, databrickstest.Refuse(401))
	w.CreateTables(agents, unity.LayoutV2)
	w.GrantWriting(writer, table)
	p.Done(0)
	require.NotEmpty(t, w.Rows(table))
	report := collector.ReadReport(t, dir).Receivers[0]
	assert.True(t, report.Complete, report.Headline)
	assert.Len(t, w.Rows(table), int(report.Totals.Spans))
	noCanary(t, dir)
}

// A host that is not written is not found elsewhere: neither in the environment nor in a profile
// that happens to be there.
func TestNothingAmbient(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	w, dir := tables(t, agents), t.TempDir()
	w.AddToken("dapi-ambient", writer)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".databrickscfg"),
		[]byte("[DEFAULT]\nhost = "+w.URL()+"\ntoken = dapi-ambient\n"), 0o600))
	export := exporter(w, agents)
	export["host"] = "${env:OTELCOL_MLFLOW_NO_HOST}"
	path := filepath.Join(dir, "config.yaml")
	writeConfig(t, path, backfill(s, dir, export))
	p := collector.Command(t, dir, []string{"HOME=" + dir, "DATABRICKS_HOST=" + w.URL(),
		"DATABRICKS_TOKEN=dapi-ambient"}, collector.Default(), "--config", path)
	p.Done(1)
	assert.Contains(t, p.Logs()+p.Out(), "host")
	assert.Empty(t, w.Requests())
}

// While a grant is missing data waits, the log names the statement that fixes it, and a stop is
// quick; after the grant everything arrives.
func TestHeldForGrant(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	w, dir := tables(t, agents), t.TempDir()
	table := agents.Table(unity.SignalSpans, unity.LayoutV2).String()
	w.Revoke(writer, table, "MODIFY")
	p := collector.Start(t, dir, backfill(s, dir, exporter(w, agents)))
	require.Eventually(t, func() bool {
		return strings.Contains(p.Logs(), "GRANT") && strings.Contains(p.Logs(), "MODIFY") &&
			strings.Contains(p.Logs(), "Everything is ready") // before that a signal ends any collector
	}, patience, 10*time.Millisecond)
	p.Signal(syscall.SIGTERM)
	p.Done(1)
	assert.Empty(t, w.Rows(table))

	w.GrantWriting(writer, table)
	collector.Run(t, dir, backfill(s, dir, exporter(w, agents)), 0)
	report := collector.ReadReport(t, dir).Receivers[0]
	assert.Len(t, w.Rows(table), int(report.Totals.Spans))
}

// warehouse is a SQL warehouse that the writer may use. It is stopped, and starts when it is asked
// something.
func warehouse(w *databrickstest.Workspace) string {
	w.SetWarehouse(databrickstest.Warehouse{ID: "w1", State: "STOPPED", PendingAnswers: 1, RunningAnswers: 1})
	return "w1"
}
