// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faithful"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// Every span that MLflow's own client returns is a row of the table: ids, times, native values; and
// what went over the wire is exactly what the client has, but for what the destination and the
// processor add.
func TestPipeline(t *testing.T) {
	t.Parallel()
	s := need(t, generated)
	w, dir := tables(t, agents), t.TempDir()
	collector.Run(t, dir, backfill(s, dir, exporter(w, agents)), 0)

	want, _, _ := faithful.Deliverable(faithful.Read(t, s.Truth), time.Now())
	require.Greater(t, len(want), 100)
	sent := requests(t, w)
	var spans, rooted, counted int
	for _, td := range sent {
		otlpsink.Each(td, func(r pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			if v, ok := s.Attributes().Get("mlflow.traceRequestId"); ok {
				assert.Equal(t, "trace:/main.agents.support_bot/"+s.TraceID().String(), v.AsString())
			}
			if _, ok := s.Attributes().Get("mlflow.revision"); ok {
				rooted++
			}
			if _, ok := s.Attributes().Get("token_count_request"); ok {
				counted++
			}
			restore(r.Attributes())
			restore(s.Attributes())
			s.Attributes().RemoveIf(func(k string, _ pcommon.Value) bool {
				return strings.HasPrefix(k, "token_count_") || strings.HasPrefix(k, "metric_")
			})
		})
	}
	spans = faithful.Compare(t, want, sent)
	assert.Equal(t, len(want), rooted)
	assert.Greater(t, counted, len(want)/2)

	rows := byID(t, w.Rows(agents.Table(unity.SignalSpans, unity.LayoutV2).String()))
	assert.Len(t, rows, spans)
	for i := range want {
		for k := range want[i].Spans {
			requireRow(t, &want[i].Spans[k], rows)
		}
	}
	report := collector.ReadReport(t, dir)
	assert.Equal(t, "acknowledged", report.Receivers[0].Delivery)
	assert.Contains(t, report.Headline, "arrived: not verified", "no warehouse, so nobody counted")
	noCanary(t, dir)
}

// requests decodes what our exporter sent and checks the headers.
func requests(t testing.TB, w *databrickstest.Workspace) []ptrace.Traces {
	t.Helper()
	for _, r := range w.RequestsTo("POST", ingest) {
		assert.Empty(t, r.Header.Get("Content-Encoding"))
		assert.Contains(t, r.Header.Get("User-Agent"), "otelcol-mlflow/")
	}
	return decode(t, w)
}

const ingest = "/api/2.0/otel/v1/traces"

// decode decodes what arrived at the ingest route.
func decode(t testing.TB, w *databrickstest.Workspace) (list []ptrace.Traces) {
	t.Helper()
	for _, r := range w.RequestsTo("POST", ingest) {
		require.Equal(t, 200, r.Status)
		assert.Equal(t, agents.Table(unity.SignalSpans, unity.LayoutV2).String(),
			r.Header.Get("X-Databricks-UC-Table-Name"))
		assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
		assert.Equal(t, writer, r.Principal)
		x := ptraceotlp.NewExportRequest()
		require.NoError(t, x.UnmarshalProto(r.Body))
		list = append(list, x.Traces())
	}
	return list
}

// restore undoes the rewriting of ids.
func restore(m pcommon.Map) {
	for _, name := range []string{"traceRequestId", "experimentId"} {
		if v, ok := m.Get("mlflow.source." + name); ok {
			v.CopyTo(m.PutEmpty("mlflow." + name))
			m.Remove("mlflow.source." + name)
		}
	}
}

func byID(t testing.TB, rows []databrickstest.Row) map[string]databrickstest.Row {
	t.Helper()
	m := map[string]databrickstest.Row{}
	for _, r := range rows {
		id := r["trace_id"].(string) + ":" + r["span_id"].(string)
		assert.NotContains(t, m, id, "written twice")
		m[id] = r
	}
	return m
}

// requireRow compares the columns of a row with the client's span.
func requireRow(t testing.TB, want *faithful.Span, rows map[string]databrickstest.Row) {
	t.Helper()
	row, ok := rows[want.TraceID+":"+want.SpanID]
	if !assert.True(t, ok, "span %s of trace %s has no row", want.SpanID, want.TraceID) {
		return
	}
	assert.Equal(t, want.Name, row["name"])
	if want.ParentID == nil {
		assert.Empty(t, row["parent_span_id"])
	} else {
		assert.Equal(t, *want.ParentID, row["parent_span_id"])
	}
	assert.EqualValues(t, want.StartNs, row["start_time_unix_nano"])
	if want.EndNs != nil {
		assert.EqualValues(t, *want.EndNs, row["end_time_unix_nano"])
	}
	attributes, _ := row["attributes"].(map[string]any)
	for _, key := range []string{"mlflow.spanInputs", "mlflow.spanOutputs"} {
		value, there := want.Attributes[key]
		if !there || value == nil {
			continue
		}
		if _, structured := value.(map[string]any); structured {
			assert.IsType(t, map[string]any{}, attributes[key],
				"%s of span %s is no object: VARIANT paths would give NULL", key, want.SpanID)
		}
	}
}

// noCanary requires that no credential stands in anything that a run leaves behind.
func noCanary(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) == "config.yaml" || filepath.Base(path) == "config.json" {
			return err
		}
		body, err := os.ReadFile(path)
		if err == nil {
			assert.NotContains(t, string(body), secret, path)
			assert.NotContains(t, string(body), "Bearer ", path)
		}
		return err
	}))
}
