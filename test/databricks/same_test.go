// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faithful"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// Of the same traces, MLflow's own exporter and ours send the same: every field of every span that
// MLflow's request has is in ours with the same value and type.
func TestSameRequestAsMLflow(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	ours, theirs, dir := tables(t, agents), tables(t, agents), t.TempDir()
	want, _, _ := faithful.Deliverable(faithful.Read(t, s.Truth), time.Now())
	slices.SortStableFunc(want, func(a, b faithful.Trace) int { return len(b.Spans) - len(a.Spans) })
	want = want[:12] // MLflow signs in anew for each request, which takes it seconds
	var ids []string
	for i := range want {
		ids = append(ids, want[i].TraceID)
	}
	list := filepath.Join(dir, "ids.jsonl")
	require.NoError(t, os.WriteFile(list, []byte(strings.Join(ids, "\n")), 0o600))
	c := backfill(s, dir, exporter(ours, agents)).Set("receivers::mlflow::trace_ids_file", list)
	delete(c["processors"].(map[string]any), "genai")
	collector.Run(t, dir, c.Set("service::pipelines::traces::processors", []any{}), 0)

	theirs.AddToken("dapi-mlflow-client", writer)
	exported := export(t, s, theirs.URL(), ids)
	require.GreaterOrEqual(t, exported, len(ids)/2)
	sent := map[otlpsink.SpanKey]ptrace.Span{}
	for _, td := range requests(t, ours) {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, x ptrace.Span) {
			sent[otlpsink.SpanKey{Trace: x.TraceID(), Span: x.SpanID()}] = x
		})
	}
	compared, deep := 0, 0
	for _, td := range decode(t, theirs) {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, w ptrace.Span) {
			g, ok := sent[otlpsink.SpanKey{Trace: w.TraceID(), Span: w.SpanID()}]
			if !assert.True(t, ok, "span %s of trace %s", w.SpanID(), w.TraceID()) {
				return
			}
			deep += requireSame(t, w, g)
			compared++
		})
	}
	require.Greater(t, compared, exported, "traces have several spans")
	require.LessOrEqual(t, deep, 1)
	require.Len(t, want, 12)
}

// export sends traces of a server with MLflow's own code and returns how many it could.
func export(t testing.TB, s *source, host string, ids []string) int {
	t.Helper()
	python, err := mlflowserver.Python(mlflowserver.Database)
	require.NoError(t, err)
	table := agents.Table(unity.SignalSpans, unity.LayoutV2).String()
	cmd := exec.Command(python,
		append([]string{filepath.Join(mlflowserver.Scripts(), "databricks_export.py"), s.URL, table}, ids...)...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "MLFLOW_") && !strings.HasPrefix(e, "DATABRICKS_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "DATABRICKS_HOST="+host, "DATABRICKS_TOKEN=dapi-mlflow-client", "HOME="+t.TempDir())
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, "%s", complaints.String())
	return len(strings.Fields(string(out)))
}

// requireSame compares every field that MLflow's exporter writes, and returns how many values are
// text because they are nested too deep.
func requireSame(t testing.TB, want, got ptrace.Span) (deep int) {
	t.Helper()
	where := []any{"span %s of trace %s", want.SpanID(), want.TraceID()}
	assert.Equal(t, want.Name(), got.Name(), where...)
	assert.Equal(t, want.ParentSpanID(), got.ParentSpanID(), where...)
	assert.Equal(t, want.StartTimestamp(), got.StartTimestamp(), where...)
	assert.Equal(t, want.EndTimestamp(), got.EndTimestamp(), where...)
	assert.Equal(t, want.Status().Code(), got.Status().Code(), where...)
	assert.Equal(t, want.Status().Message(), got.Status().Message(), where...)
	have := got.Attributes().AsRaw()
	asText := ""
	if listed, ok := got.Attributes().Get("mlflow.jsonAttributes"); ok {
		asText = listed.AsString()
	}
	for key, value := range want.Attributes().AsRaw() {
		switch {
		case key == "mlflow.traceRequestId":
			continue // theirs names the server that they were read from
		case strings.Contains(asText, `"`+key+`"`):
			deep++ // too deep for readers of protobuf: JSON text from a level on, and the span says so (docs/limits.md)
			continue
		}
		assert.Equal(t, value, have[key], "%s of span %s of trace %s", key, want.SpanID(), want.TraceID())
	}
	if assert.Equal(t, want.Events().Len(), got.Events().Len(), where...) {
		for i, e := range want.Events().All() {
			g := got.Events().At(i)
			assert.Equal(t, e.Name(), g.Name(), where...)
			assert.Equal(t, e.Timestamp(), g.Timestamp(), where...)
			assert.Equal(t, e.Attributes().AsRaw(), g.Attributes().AsRaw(), where...)
		}
	}
	if assert.Equal(t, want.Links().Len(), got.Links().Len(), where...) {
		for i, l := range want.Links().All() {
			assert.Equal(t, l.TraceID(), got.Links().At(i).TraceID(), where...)
			assert.Equal(t, l.SpanID(), got.Links().At(i).SpanID(), where...)
		}
	}
	return deep
}
