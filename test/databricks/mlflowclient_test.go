// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// said is what databricks_mlflow_client.py prints.
type said struct {
	Experiment    string
	Traces        map[string]string // label → id
	Assessments   map[string]string
	Tags          map[string]string
	Found, Failed []string
	Searched      []seen
	Read          []seen
}

// seen is a trace as MLflow's client returned it.
type seen struct {
	ID, State, Session string
	ClientRequestID    string `json:"client_request_id"`
	Tags               map[string]string
	RequestPreview     string `json:"request_preview"`
	ResponsePreview    string `json:"response_preview"`
	Spans              []struct {
		ID, Parent, Name, Type string
		Start, End             int64
		Status                 string
		Inputs, Outputs        any
		Events                 []string
	}
	Assessments []struct {
		Name      string
		Value     any
		Rationale string
		Source    string
		Error     string
	}
}

// runMLflowClient lets MLflow's own client work with the workspace.
func runMLflowClient(t *testing.T, w *databrickstest.Workspace, args ...string) said {
	t.Helper()
	out, err := mlflowserver.Script(mlflowserver.Database, []string{
		"DATABRICKS_HOST=" + w.URL(), "DATABRICKS_TOKEN=" + databrickstest.AdminToken,
		"MLFLOW_TRACING_SQL_WAREHOUSE_ID=wh1",
	}, "databricks_mlflow_client.py", args...)
	require.NoError(t, err)
	var s said
	require.NoError(t, json.Unmarshal(out, &s))
	return s
}

func workspace(t *testing.T) *databrickstest.Workspace {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateSchema("main", "traces")
	w.SetWarehouse(databrickstest.Warehouse{ID: "wh1", State: "STOPPED", StartsIn: time.Second})
	return w
}

// TestClientWritesToUnityCatalog lets the client make a location, write to it, score and read, in
// each of the ways that it has.
func TestClientWritesToUnityCatalog(t *testing.T) {
	for _, c := range []struct {
		name, location, spans string
		args                  []string
	}{
		{"new experiment", "main.traces.agent", "main.traces.agent_otel_spans",
			[]string{"--location", "main.traces.agent"}},
		{"linked later", "main.traces.agent", "main.traces.agent_otel_spans",
			[]string{"--location", "main.traces.agent", "--link"}},
		{"legacy", "main.traces", "main.traces.mlflow_experiment_trace_otel_spans",
			[]string{"--legacy", "main.traces"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := workspace(t)
			w.GrantWriting(databrickstest.Admin, c.spans)
			w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.RunningPolls = 1 })
			s := runMLflowClient(t, w, append([]string{"/Shared/agent"}, c.args...)...)

			require.Equal(t, c.location, w.Experiment(s.Experiment).Location)
			require.Equal(t, c.location, s.Tags[databrickstest.TagDestinationPath])
			require.Equal(t, c.spans, s.Tags[databrickstest.TagSpansTable])
			for _, id := range s.Traces {
				require.True(t, strings.HasPrefix(id, "trace:/"+c.location+"/"), id)
			}
			require.Equal(t, []string{s.Traces["agent"], s.Traces["failing"], s.Traces["values"]}, s.Found)
			require.Equal(t, []string{s.Traces["failing"]}, s.Failed)
			requireRead(t, s, c.name == "legacy")

			agent := bare(s.Traces["agent"])
			rows := 0
			for _, row := range w.Rows(c.spans) {
				if row["trace_id"] == agent {
					rows++
				}
			}
			require.Equal(t, 3, rows)
			require.Len(t, w.Rows(c.spans), 5)
			for _, span := range w.Spans(c.location, agent) {
				var ids struct {
					Trace string `json:"trace_id"`
				}
				require.NoError(t, json.Unmarshal(span, &ids))
				raw, err := base64.StdEncoding.DecodeString(ids.Trace)
				require.NoError(t, err)
				require.Equal(t, agent, hex.EncodeToString(raw))
			}
			require.Equal(t, map[string]any{
				"FEEDBACK quality": "yes", "FEEDBACK stars": 4.0, "FEEDBACK broken": nil,
				"EXPECTATION expected": "an answer", "EXPECTATION facts": []any{"a", "b"},
				"FEEDBACK updated": "maybe", "TAG env": "test", "TAG reviewed": "true", "TAG mlflow.traceName": "agent",
			}, annotated(w.Annotations(c.location), agent))
			require.Len(t, w.TraceInfos(c.location), 3)
			require.Empty(t, w.StorageRequests())
			polls := 0
			for _, r := range w.RequestsTo(http.MethodGet, "/api/4.0/mlflow/traces/search/operations/") {
				require.Equal(t, http.StatusOK, r.Status)
				polls++
			}
			require.Equal(t, 4, polls, "two searches, each found running once")
		})
	}
}

// TestClientWritesToExperiment does the same with an experiment whose traces lie in files behind
// signed URLs.
func TestClientWritesToExperiment(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*databrickstest.MLflowSwitches)
	}{
		{"v4", func(*databrickstest.MLflowSwitches) {}},
		{"search not rolled out", func(s *databrickstest.MLflowSwitches) { s.NoSearchV4 = true }},
		{"search of experiments not rolled out",
			func(s *databrickstest.MLflowSwitches) { s.NoExperimentSearchV4 = true }},
		{"headers to send along",
			func(s *databrickstest.MLflowSwitches) { s.URLHeaders = map[string]string{"x-goog-meta": "1"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := workspace(t)
			w.SetMLflow(c.change)
			s := runMLflowClient(t, w, "/Shared/agent")
			require.Empty(t, w.Experiment(s.Experiment).Location)
			for _, id := range s.Traces {
				require.True(t, strings.HasPrefix(id, "tr-"), id)
			}
			require.ElementsMatch(t, []string{s.Traces["agent"], s.Traces["failing"], s.Traces["values"]}, s.Found)
			require.Equal(t, []string{s.Traces["failing"]}, s.Failed)
			requireRead(t, s, false)

			var info struct {
				Tags        map[string]string
				Assessments []any
			}
			stored := w.OrdinaryTraces(s.Experiment)
			require.Len(t, stored, 3)
			for _, doc := range stored {
				if strings.Contains(string(doc), s.Traces["agent"]) {
					require.NoError(t, json.Unmarshal(doc, &info))
				}
			}
			require.Equal(t, "dbfs:/databricks/mlflow-tracking/"+s.Experiment+"/"+s.Traces["agent"]+"/artifacts",
				info.Tags["mlflow.artifactLocation"])
			require.Equal(t, "true", info.Tags["reviewed"])
			require.Len(t, info.Assessments, 6)
			require.Contains(t, string(w.StoredFile(s.Traces["agent"], "traces.json")), `"mlflow.spanInputs"`)
			require.NotEmpty(t, w.StorageRequests())
			for _, r := range w.StorageRequests() {
				require.Equal(t, http.StatusOK, r.Status)
				require.Empty(t, r.Header.Get("Authorization"))
			}
		})
	}
}

// requireRead checks what the client got back, whole searches and single traces alike. Tables of
// the older layout hold text only: whether Databricks gives objects and numbers back as such is not
// known; the fake gives the text.
func requireRead(t *testing.T, s said, text bool) {
	t.Helper()
	value := func(v any) any {
		if s, ok := v.(string); ok && text {
			_ = json.Unmarshal([]byte(s), &v)
		}
		return v
	}
	for _, list := range [][]seen{s.Searched, s.Read} {
		require.Len(t, list, 3)
		for _, r := range list {
			switch r.ID {
			case s.Traces["agent"]:
				requireAgent(t, r, value)
			case s.Traces["failing"]:
				require.Equal(t, "ERROR", r.State)
				require.Len(t, r.Spans, 1)
				require.Equal(t, "ERROR", r.Spans[0].Status)
				require.Equal(t, `{"looks": "like JSON"}`, r.Spans[0].Inputs, "text stays text")
				require.Equal(t, []string{"exception"}, r.Spans[0].Events)
			case s.Traces["values"]:
				require.Len(t, r.Spans, 1)
				require.Equal(t, map[string]any{
					"int": float64(1 << 53), "float": 1.0, "none": nil, "list": []any{true, []any{}, map[string]any{}},
					"text": "日本 \n\"",
				}, value(r.Spans[0].Inputs))
				require.Nil(t, r.Spans[0].Outputs)
			default:
				require.Fail(t, "another trace", r.ID)
			}
		}
	}
}

func requireAgent(t *testing.T, r seen, value func(any) any) {
	t.Helper()
	require.Equal(t, "OK", r.State)
	require.Equal(t, "s1", r.Session)
	require.Equal(t, "request 1", r.ClientRequestID)
	require.Equal(t, map[string]string{"env": "test", "reviewed": "true"}, r.Tags)
	require.JSONEq(t, `{"question": "what?"}`, r.RequestPreview)
	require.Len(t, r.Spans, 3)
	root := ""
	for _, sp := range r.Spans {
		if sp.Parent == "" {
			root = sp.ID
			require.Equal(t, "agent", sp.Name)
			require.Equal(t, map[string]any{"question": "what?"}, value(sp.Inputs))
		}
	}
	for _, sp := range r.Spans {
		if sp.Parent != "" {
			require.Equal(t, root, sp.Parent)
		}
		if sp.Name == "model" {
			require.Equal(t, "LLM", sp.Type)
			require.Equal(t, []string{"chosen"}, sp.Events)
		}
	}
	scores := map[string]string{}
	for _, a := range r.Assessments {
		scores[a.Name] = fmt.Sprint(a.Value, " ", a.Source, " ", a.Rationale, a.Error)
	}
	require.Equal(t, map[string]string{
		"broken": "<nil> judge ValueError", "expected": "an answer default ", "facts": "[a b] default ",
		"quality": "yes judge fine", "stars": "4 default ",
		"updated": "maybe default second thoughts",
	}, scores)
}

// annotated is what the annotations say of a trace in the end: type and name → value, without
// metadata.
func annotated(rows []databrickstest.Row, trace string) map[string]any {
	last := map[any]databrickstest.Row{}
	for _, r := range rows {
		if r["target_id"] == trace {
			last[r["annotation_id"]] = r
		}
	}
	out := map[string]any{}
	for _, r := range last {
		if r["deleted_at"] == nil && r["annotation_type"] != "METADATA" {
			out[fmt.Sprint(r["annotation_type"], " ", r["name"])] = r["value"]
		}
	}
	return out
}

// bare is the last part of an id.
func bare(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
