// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// A missing grant ends a run after give_up_after, with the grant in the first line; nothing is
// rejected, and a run after the grant delivers everything.
func TestMissingGrantEndsTheRun(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	w, dir := databrickstest.New(), t.TempDir()
	t.Cleanup(w.Close)
	w.AddServicePrincipal(writer, secret)
	w.CreateTables(agents, unity.LayoutV2)
	config := backfill(s, dir, exporter(w, agents)).Set("receivers::mlflow::give_up_after", "8s")
	p := collector.Run(t, dir, config, 1)
	assert.Contains(t, firstLine(p.Out()), "the destination accepted nothing for 8s: ")
	assert.Contains(t, firstLine(p.Out()), "GRANT ")
	report := collector.ReadReport(t, dir).Receivers[0]
	assert.Zero(t, report.Totals.Accepted)
	assert.Zero(t, report.Totals.Rejected)

	for _, signal := range []unity.Signal{unity.SignalSpans, unity.SignalLogs, unity.SignalMetrics} {
		w.GrantWriting(writer, agents.Table(signal, unity.LayoutV2).String())
	}
	collector.Run(t, dir, config, 0)
	report = collector.ReadReport(t, dir).Receivers[0]
	require.NotZero(t, report.Totals.Spans)
	assert.Len(t, w.Rows(agents.Table(unity.SignalSpans, unity.LayoutV2).String()), int(report.Totals.Spans))
}
