// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faithful"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// What the pipeline brought to a workspace, MLflow's own client finds and reads there as it did at
// the source.
func TestReadBackByMLflow(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	w, dir := tables(t), t.TempDir()
	w.CreateSchema(agents.Catalog, agents.Schema)
	w.SetWarehouse(databrickstest.Warehouse{ID: "wh1"})
	w.CreateExperiment("/Shared/support-bot", &agents)
	w.GrantWriting(writer, agents.Table(unity.SignalSpans, unity.LayoutV2).String())
	collector.Run(t, dir, backfill(s, dir, exporter(w, agents)), 0)

	all, _, _ := faithful.Deliverable(faithful.Read(t, s.Truth), time.Now())
	args := []string{agents.String()}
	want := map[string]*faithful.Trace{}
	for i := range all {
		id := all[i].Spans[0].TraceID
		want["trace:/"+agents.String()+"/"+id] = &all[i]
		if len(args) < 30 {
			args = append(args, id)
		}
	}
	out, err := mlflowserver.Script(mlflowserver.Database, []string{
		"DATABRICKS_HOST=" + w.URL(), "DATABRICKS_TOKEN=" + databrickstest.AdminToken,
		"MLFLOW_TRACING_SQL_WAREHOUSE_ID=wh1", "MLFLOW_SQL_WAREHOUSE_AUTO_START=false",
	}, "databricks_read.py", args...)
	require.NoError(t, err)
	var got struct {
		Found []string
		Read  []faithful.Trace
	}
	require.NoError(t, json.Unmarshal(out, &got))
	assert.Len(t, got.Found, len(want))
	for _, id := range got.Found {
		assert.Contains(t, want, id)
	}
	require.Len(t, got.Read, len(args)-1)
	for i := range got.Read {
		requireReadBack(t, want[got.Read[i].TraceID], &got.Read[i])
	}
}

func requireReadBack(t testing.TB, want, got *faithful.Trace) {
	t.Helper()
	require.NotNil(t, want, got.TraceID)
	spans := map[string]*faithful.Span{}
	for i := range got.Spans {
		spans[got.Spans[i].SpanID] = &got.Spans[i]
	}
	for i := range want.Spans {
		w := &want.Spans[i]
		g := spans[w.SpanID]
		if !assert.NotNil(t, g, "span %s of %s", w.SpanID, got.TraceID) {
			continue
		}
		assert.Equal(t, w.Name, g.Name)
		assert.Equal(t, w.ParentID, g.ParentID)
		assert.Equal(t, w.StartNs, g.StartNs)
		assert.Equal(t, w.EndNs, g.EndNs)
		assert.Equal(t, w.Status.Code, g.Status.Code)
	}
	assert.Len(t, got.Spans, len(want.Spans))
}
