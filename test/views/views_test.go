// Package views executes the SQL of the refined views on Apache Spark, over rows in the layout of Databricks' tables, and compares every column with an independent computation.
package views

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

const header = "X-Databricks-UC-Table-Name"

var (
	modern = unity.Location{Catalog: "spark_catalog", Schema: "lab", Prefix: "agents"}
	legacy = unity.Location{Catalog: "spark_catalog", Schema: "lab"}
)

// table is a table as the script makes it.
type table struct {
	Name    string               `json:"name"`
	Columns string               `json:"columns"` // name type, …
	Rows    []databrickstest.Row `json:"rows"`
}

func TestViewsOnSpark(t *testing.T) {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateTables(modern, unity.V2)
	w.CreateTables(legacy, unity.V1)
	lab := &lab{t, w}

	lab.history()
	for _, d := range deliveries() {
		w.Set(func(s *databrickstest.Switches) { s.EmptyParent = d.empty })
		body, err := ptraceotlp.NewExportRequestFromTraces(d.td).MarshalProto()
		require.NoError(t, err)
		lab.send("traces", unity.Spans, body)
	}
	body, err := plogotlp.NewExportRequestFromLogs(records()).MarshalProto()
	require.NoError(t, err)
	lab.send("logs", unity.Logs, body)
	w.AddRows(modern.Table("annotations", unity.V2).String(), annotations()...)
	zeros := databrickstest.Row{} // nobody promises that no parent is never spelled with zeros
	for k, v := range w.Rows(modern.Table(unity.Spans, unity.V2).String())[0] {
		zeros[k] = v
	}
	zeros["trace_id"], zeros["span_id"], zeros["parent_span_id"] = traceID(99).String(), spanID(99, 1).String(), "0000000000000000"
	w.AddRows(modern.Table(unity.Spans, unity.V2).String(), zeros)

	lab.compare()
}

type lab struct {
	t *testing.T
	w *databrickstest.Workspace
}

// send posts one request to the table of each layout.
func (l *lab) send(path string, signal unity.Signal, body []byte) {
	l.t.Helper()
	for _, name := range []unity.Name{modern.Table(signal, unity.V2), legacy.Table(signal, unity.V1)} {
		r, err := http.NewRequest(http.MethodPost, l.w.URL()+"/api/2.0/otel/v1/"+path, bytes.NewReader(body))
		require.NoError(l.t, err)
		r.Header.Set("Content-Type", "application/x-protobuf")
		r.Header.Set("Authorization", "Bearer "+databrickstest.AdminToken)
		r.Header.Set(header, name.String())
		resp, err := http.DefaultClient.Do(r)
		require.NoError(l.t, err)
		require.NoError(l.t, resp.Body.Close())
		require.Equal(l.t, http.StatusOK, resp.StatusCode)
	}
}

// history delivers what a real server over the sample store holds, through the distribution, to the tables of both layouts, and some of it again.
func (l *lab) history() {
	grant(l.w)
	store := l.t.TempDir()
	sample, err := os.ReadFile(filepath.Join(collector.Root(), "testdata", "sample", "mlflow.db"))
	require.NoError(l.t, err)
	require.NoError(l.t, os.WriteFile(filepath.Join(store, "mlflow.db"), sample, 0o600))
	server, err := mlflowserver.Start(mlflowserver.Database, store)
	require.NoError(l.t, err)
	l.t.Cleanup(server.Stop)

	dir := l.t.TempDir()
	c := collector.Backfill(server.URL, dir)
	exporter := func(at unity.Location, layout unity.Layout) map[string]any {
		return map[string]any{
			"host": l.w.URL(), "auth": map[string]any{"auth_type": "pat", "token": databrickstest.AdminToken}, "traces_per_second": 0,
			"catalog": at.Catalog, "schema": at.Schema, "table_prefix": at.Prefix, "layout": string(layout),
		}
	}
	c.Set("exporters", map[string]any{"databricks/v2": exporter(modern, unity.V2), "databricks/v1": exporter(legacy, unity.V1)})
	c.Set("processors", map[string]any{"genai": map[string]any{"cost": map[string]any{"currency": "EUR", "models": []any{map[string]any{"match": "*", "input": 2.5, "output": 10}}}}})
	c.Set("service::pipelines::traces", map[string]any{"receivers": []any{"mlflow"}, "processors": []any{"genai"}, "exporters": []any{"databricks/v2", "databricks/v1"}})
	collector.Run(l.t, dir, c, 0)
	rows := len(l.w.Rows(modern.Table(unity.Spans, unity.V2).String()))
	require.Greater(l.t, rows, 500, "the sample store has 598 spans")
	require.Len(l.t, l.w.Rows(legacy.Table(unity.Spans, unity.V1).String()), rows)
	for _, r := range l.w.RequestsTo(http.MethodPost, "/api/2.0/otel/v1/traces")[:2] {
		l.send("traces", unity.Spans, r.Body) // as a retry after an answer that was lost
	}
}

func grant(w *databrickstest.Workspace) {
	for _, s := range []unity.Signal{unity.Spans, unity.Logs} {
		w.GrantWriting(databrickstest.Admin, modern.Table(s, unity.V2).String(), legacy.Table(s, unity.V1).String())
	}
}

// compare hands everything to Spark.
func (l *lab) compare() {
	l.t.Helper()
	var tables []table
	for _, n := range []unity.Name{
		modern.Table(unity.Spans, unity.V2), modern.Table(unity.Logs, unity.V2), modern.Table("annotations", unity.V2), legacy.Table(unity.Spans, unity.V1), legacy.Table(unity.Logs, unity.V1),
	} {
		x := table{Name: n.String(), Rows: l.w.Rows(n.String())}
		for i, c := range l.w.Table(n.String()).Columns {
			if i > 0 {
				x.Columns += ", "
			}
			x.Columns += c.Name + " " + c.Type
		}
		tables = append(tables, x)
	}
	text, err := json.Marshal(tables)
	require.NoError(l.t, err)
	dir := l.t.TempDir()
	data := filepath.Join(dir, "tables.json")
	require.NoError(l.t, os.WriteFile(data, text, 0o600))

	python, err := mlflowserver.Python("spark")
	require.NoError(l.t, err)
	golden := filepath.Join(collector.Root(), "extension", "databrickssetupextension", "internal", "views", "testdata", "golden")
	cmd := exec.Command(python, filepath.Join(mlflowserver.Scripts(), "views.py"), data, golden, dir)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	l.t.Logf("%s", out.String())
	require.NoError(l.t, err, "%s", log.String())
}
