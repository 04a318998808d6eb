// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package views executes the SQL of this project on Apache Spark, over rows in the layout of
// Databricks' tables: the refined views, whose every column is compared with an independent
// computation, the plan that databricks_setup prints, and the queries by which verify counts.
package views

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
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

// query is one that the fake workspace answered.
type query struct {
	SQL  string     `json:"sql"`
	Rows [][]string `json:"rows"` // NULL is empty
}

// input is what the script executes and compares.
type input struct {
	Tables  []table              `json:"tables"`
	Queries []query              `json:"queries"`
	Plans   [][]string           `json:"plans"` // statements; Later arrives before the second one
	Later   []databrickstest.Row `json:"later"` // spans
	// Agreement is what the three sources of scores say of one list of assessments.
	Agreement agreement `json:"agreement"`
	Late      late      `json:"late"`
}

func TestViewsOnSpark(t *testing.T) {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateTables(modern, unity.LayoutV2)
	w.CreateTables(legacy, unity.LayoutV1)
	lab := &lab{t, w}

	scored := lab.history()
	for _, d := range deliveries() {
		w.Set(func(s *databrickstest.Switches) { s.EmptyParent = d.empty })
		body, err := ptraceotlp.NewExportRequestFromTraces(d.td).MarshalProto()
		require.NoError(t, err)
		lab.send("traces", unity.SignalSpans, body)
	}
	body, err := plogotlp.NewExportRequestFromLogs(records()).MarshalProto()
	require.NoError(t, err)
	lab.send("logs", unity.SignalLogs, body)
	body, err = plogotlp.NewExportRequestFromLogs(logsOf(scored)).MarshalProto()
	require.NoError(t, err)
	lab.send("logs", unity.SignalLogs, body)
	for _, ld := range lateRecords() {
		body, err = plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
		require.NoError(t, err)
		lab.send("logs", unity.SignalLogs, body)
	}
	w.AddRows(modern.Table("annotations", unity.LayoutV2).String(), append(annotations(), annotationsOf(scored)...)...)
	zeros := databrickstest.Row{} // nobody promises that no parent is never spelled with zeros
	maps.Copy(zeros, w.Rows(modern.Table(unity.SignalSpans, unity.LayoutV2).String())[0])
	zeros["trace_id"], zeros["span_id"] = traceID(99).String(), spanID(99, 1).String()
	zeros["parent_span_id"] = "0000000000000000"
	w.AddRows(modern.Table(unity.SignalSpans, unity.LayoutV2).String(), zeros)
	for _, name := range []unity.Name{modern.Table(unity.SignalSpans, unity.LayoutV2),
		legacy.Table(unity.SignalSpans, unity.LayoutV1)} {
		nameless := databrickstest.Row{} // an inner span without an id, of a trace that is counted
		maps.Copy(nameless, w.Rows(name.String())[0])
		nameless["span_id"], nameless["parent_span_id"] = nil, spanID(98, 1).String()
		nameless["attributes"] = map[string]any{}
		w.AddRows(name.String(), nameless)
	}

	in := input{Tables: lab.tables(), Queries: lab.queries(), Agreement: agreement{
		Request: scored.Trace, Others: []string{traceID(loggedTrace).String(), traceID(annotatedTrace).String()},
		Scores: map[string]float64{"agree_quality": 0, "agree_tone": 0.5, "agree_root": 0.125, "agree_plain": 1},
	}, Late: lateScores()}
	in.Plans = append(in.Plans, lab.plan())
	lab.setup(true)
	later := spansOf(97, attrs{"service.name": "later"},
		span{1, 0, "agent", 0, 10, ptrace.StatusCodeOk,
			attrs{"gen_ai.system": "x", "metric_arrived_later": 0.5, "metric_Arrived_later": "no"}})
	before := len(w.Rows(modern.Table(unity.SignalSpans, unity.LayoutV2).String()))
	body, err = ptraceotlp.NewExportRequestFromTraces(later).MarshalProto()
	require.NoError(t, err)
	lab.send("traces", unity.SignalSpans, body)
	in.Later = w.Rows(modern.Table(unity.SignalSpans, unity.LayoutV2).String())[before:]
	in.Plans = append(in.Plans, lab.plan())
	lab.compare(in)
}

type lab struct {
	t *testing.T
	w *databrickstest.Workspace
}

// send posts one request to the table of each layout.
func (l *lab) send(path string, signal unity.Signal, body []byte) {
	l.t.Helper()
	for _, name := range []unity.Name{modern.Table(signal, unity.LayoutV2), legacy.Table(signal, unity.LayoutV1)} {
		headers := map[string]string{"Content-Type": "application/x-protobuf", header: name.String()}
		l.post("/api/2.0/otel/v1/"+path, headers, body)
	}
}

// post sends a request as the administrator and returns the answer's body.
func (l *lab) post(path string, headers map[string]string, body []byte) []byte {
	l.t.Helper()
	r, err := http.NewRequest(http.MethodPost, l.w.URL()+path, bytes.NewReader(body))
	require.NoError(l.t, err)
	r.Header.Set("Authorization", "Bearer "+databrickstest.AdminToken)
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(l.t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(l.t, err)
	require.NoError(l.t, resp.Body.Close())
	require.Equal(l.t, http.StatusOK, resp.StatusCode, "%s", answer)
	return answer
}

// history delivers what a real server over the sample store holds, through the distribution, to the
// tables of both layouts, and some of it again.
func (l *lab) history() mlflowserver.Overridden {
	grant(l.w)
	store := l.t.TempDir()
	sample, err := os.ReadFile(filepath.Join(collector.Root(), "testdata", "sample", "mlflow.db"))
	require.NoError(l.t, err)
	require.NoError(l.t, os.WriteFile(filepath.Join(store, "mlflow.db"), sample, 0o600))
	server, err := mlflowserver.Start(mlflowserver.Database, store)
	require.NoError(l.t, err)
	l.t.Cleanup(server.Stop)
	scored, err := server.Override()
	require.NoError(l.t, err)

	dir := l.t.TempDir()
	c := collector.Backfill(server.URL, dir)
	exporter := func(at unity.Location, layout unity.Layout) map[string]any {
		return map[string]any{
			"host": l.w.URL(), "auth": map[string]any{"auth_type": "pat", "token": databrickstest.AdminToken},
			"traces_per_second": 0,
			"catalog":           at.Catalog, "schema": at.Schema, "table_prefix": at.Prefix, "layout": string(layout),
			"verify": map[string]any{"warehouse_id": databrickstest.WarehouseID},
		}
	}
	c.Set("exporters", map[string]any{
		"databricks/v2": exporter(modern, unity.LayoutV2), "databricks/v1": exporter(legacy, unity.LayoutV1),
	})
	c.Set("processors", map[string]any{"genai": map[string]any{"cost": map[string]any{
		"currency": "EUR", "models": []any{map[string]any{"match": "*", "input": 2.5, "output": 10}},
	}}})
	c.Set("service::pipelines::traces", map[string]any{
		"receivers": []any{"mlflow"}, "processors": []any{"genai"},
		"exporters": []any{"databricks/v2", "databricks/v1"},
	})
	collector.Run(l.t, dir, c, 0)
	rows := len(l.w.Rows(modern.Table(unity.SignalSpans, unity.LayoutV2).String()))
	require.Greater(l.t, rows, 500, "the sample store has 598 spans")
	require.Len(l.t, l.w.Rows(legacy.Table(unity.SignalSpans, unity.LayoutV1).String()), rows)
	for _, r := range l.w.RequestsTo(http.MethodPost, "/api/2.0/otel/v1/traces")[:2] {
		l.send("traces", unity.SignalSpans, r.Body) // as a retry after an answer that was lost
	}
	return scored
}

func grant(w *databrickstest.Workspace) {
	for _, s := range []unity.Signal{unity.SignalSpans, unity.SignalLogs} {
		w.GrantWriting(databrickstest.Admin, modern.Table(s, unity.LayoutV2).String(),
			legacy.Table(s, unity.LayoutV1).String())
	}
}

// queries are those by which verify counted, answered anew, and those by which it would have listed
// the spans.
func (l *lab) queries() (out []query) {
	l.t.Helper()
	const sums, list = "count(*), count(DISTINCT span_id), min(span_id), max(span_id)", "span_id, count(*)"
	for _, s := range l.w.Statements() {
		require.Contains(l.t, s.SQL, sums)
		for _, sql := range []string{s.SQL, strings.Replace(s.SQL, sums, list, 1) + ", span_id"} {
			out = append(out, query{sql, l.ask(sql)})
		}
	}
	require.NotEmpty(l.t, out)
	return out
}

// ask runs a query in the warehouse.
func (l *lab) ask(sql string) [][]string {
	l.t.Helper()
	ask, err := json.Marshal(map[string]string{"statement": sql, "warehouse_id": databrickstest.WarehouseID})
	require.NoError(l.t, err)
	var answer struct {
		Status   struct{ State string }
		Manifest struct {
			Rows int `json:"total_row_count"`
		}
		Result struct {
			Rows [][]string `json:"data_array"` // null is read as ""
		}
	}
	require.NoError(l.t, json.Unmarshal(l.post("/api/2.0/sql/statements", nil, ask), &answer))
	require.Equal(l.t, "SUCCEEDED", answer.Status.State)
	require.Len(l.t, answer.Result.Rows, answer.Manifest.Rows, "all in one chunk")
	return answer.Result.Rows
}

// plan are the statements that databricks_setup prints for views named planned over the tables of
// layout v2.
func (l *lab) plan() (list []string) {
	l.t.Helper()
	var b strings.Builder
	for line := range strings.Lines(l.setup(false)) {
		if !strings.HasPrefix(line, "--") {
			b.WriteString(line)
		}
	}
	for s := range strings.SplitSeq(b.String(), "\n;\n") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	require.NotEmpty(l.t, list)
	return list
}

// setup runs databricks_setup and returns what it prints.
func (l *lab) setup(apply bool) string {
	l.t.Helper()
	text, err := json.Marshal(map[string]any{ // JSON is YAML
		"extensions": map[string]any{"databricks_setup": map[string]any{
			"host": l.w.URL(), "auth": map[string]any{"auth_type": "pat", "token": databrickstest.AdminToken},
			"warehouse_id": databrickstest.WarehouseID, "apply": apply,
			"catalog": modern.Catalog, "schema": modern.Schema, "table_prefix": modern.Prefix,
			"views": map[string]any{"prefix": "planned"}, "monitor": map[string]any{"enabled": false},
		}},
		"service": map[string]any{
			"extensions": []string{"databricks_setup"}, "pipelines": map[string]any{},
			"telemetry": map[string]any{"metrics": map[string]any{"level": "none"}},
		},
	})
	require.NoError(l.t, err)
	dir := l.t.TempDir()
	config := filepath.Join(dir, "setup.yaml")
	require.NoError(l.t, os.WriteFile(config, text, 0o600))
	p := collector.Command(l.t, dir, nil, collector.Default(),
		"--feature-gates=service.AllowNoPipelines", "--config", config)
	p.Done(0)
	return p.Out()
}

// tables are those of both layouts with their rows.
func (l *lab) tables() (tables []table) {
	for _, n := range []unity.Name{
		modern.Table(unity.SignalSpans, unity.LayoutV2), modern.Table(unity.SignalLogs, unity.LayoutV2),
		modern.Table("annotations", unity.LayoutV2),
		legacy.Table(unity.SignalSpans, unity.LayoutV1), legacy.Table(unity.SignalLogs, unity.LayoutV1),
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
	return tables
}

// compare hands everything to Spark.
func (l *lab) compare(in input) {
	l.t.Helper()
	text, err := json.Marshal(in)
	require.NoError(l.t, err)
	dir := l.t.TempDir()
	data := filepath.Join(dir, "input.json")
	require.NoError(l.t, os.WriteFile(data, text, 0o600))

	python, err := mlflowserver.Python("spark")
	require.NoError(l.t, err)
	golden := filepath.Join(collector.Root(), "extension/databrickssetupextension/internal/views/testdata/golden")
	cmd := exec.Command(python, filepath.Join(mlflowserver.Scripts(), "views.py"), data, golden, dir)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	l.t.Logf("%s", out.String())
	require.NoError(l.t, err, "%s", log.String())
}
