// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

const recordedTrace = "5017f67503ac44dc5a0b9699ab7d14ef"

// call asks and decodes the answer.
func call(t *testing.T, w *Workspace, method, path, body string) (int, map[string]any) {
	t.Helper()
	got := send(t, method, w.URL()+path, AdminToken, map[string]string{"Content-Type": "application/json"},
		[]byte(body))
	var doc map[string]any
	require.NoError(t, json.Unmarshal(got.body, &doc), string(got.body))
	return got.status, doc
}

// located is a workspace with two experiments and the location cat.sch.pre, as recorded.
func located(t *testing.T, o ...Options) *Workspace {
	w := start(t, o...)
	w.CreateSchema("cat", "sch")
	w.GrantWriting(Admin, "cat.sch.pre_otel_spans")
	for id, name := range map[string]string{"1234": "/Shared/x", "77": "/Shared/y"} {
		w.AddExperiment(id, name)
	}
	for _, id := range []string{"wh123", "w", "old"} {
		w.SetWarehouse(Warehouse{ID: id})
	}
	got := replay(t, w.URL(), AdminToken, fixture(t, "40_trace_location_v5.json")["create"])
	require.Equal(t, http.StatusOK, got.status, string(got.body))
	return w
}

// linked is located with experiment 1234 linked to the location, by the v5 routes.
func linked(t *testing.T, o ...Options) *Workspace {
	w := located(t, o...)
	link := fixture(t, "40_trace_location_v5.json")["link"]
	requireAnswer(t, link, replay(t, w.URL(), AdminToken, link))
	return w
}

// traced is linked, with the recorded trace: its info before or after its spans.
func traced(t *testing.T, infoFirst bool, o ...Options) *Workspace {
	w := linked(t, o...)
	info := func() {
		e := fixture(t, "44_traces_batch_get_and_info.json")["create_info"]
		requireAnswer(t, e, replay(t, w.URL(), AdminToken, e))
	}
	if infoFirst {
		info()
	}
	got := replay(t, w.URL(), AdminToken, fixture(t, "10_otlp_traces_request_mlflow.json")["export"])
	require.Equal(t, http.StatusOK, got.status)
	if !infoFirst {
		info()
	}
	return w
}

// asText replaces what the server made up.
func asText(t *testing.T, v any, madeUp ...string) string {
	doc, err := json.Marshal(v)
	require.NoError(t, err)
	return strings.NewReplacer(madeUp...).Replace(string(doc))
}

func TestTraceLocationsAsRecorded(t *testing.T) {
	w := linked(t)
	id := w.Experiment("1234").Tags[TagDestinationID]
	require.NotEmpty(t, id)
	v5 := fixture(t, "40_trace_location_v5.json")
	for _, name := range []string{"create", "get"} {
		e := v5[name]
		e.Request.Path = strings.ReplaceAll(e.Request.Path, "loc-uuid", id)
		got := replay(t, w.URL(), AdminToken, e)
		got.body = []byte(strings.ReplaceAll(string(got.body), id, "loc-uuid"))
		requireAnswer(t, e, got)
	}
	require.Equal(t, []string{"cat.sch.pre_otel_annotations", "cat.sch.pre_otel_logs", "cat.sch.pre_otel_metrics",
		"cat.sch.pre_otel_spans"}, w.Tables())

	e := fixture(t, "42_experiment_create_with_trace_location.json")["get_linked"]
	var want, got struct {
		Experiment struct{ Tags []struct{ Key, Value string } }
	}
	require.NoError(t, json.Unmarshal(e.Response.Body, &want))
	require.NoError(t, json.Unmarshal(replay(t, w.URL(), AdminToken, e).body, &got))
	for i := range got.Experiment.Tags {
		got.Experiment.Tags[i].Value = strings.ReplaceAll(got.Experiment.Tags[i].Value, id, "loc-uuid")
	}
	require.ElementsMatch(t, want.Experiment.Tags, got.Experiment.Tags)

	v4 := fixture(t, "41_trace_location_v4_legacy.json")
	w = located(t)
	w.SetMLflow(func(s *MLflowSwitches) { s.UnfitWarehouse = "old" })
	for _, name := range []string{"warehouse_incompatible", "create", "link", "create_exists"} {
		requireAnswer(t, v4[name], replay(t, w.URL(), AdminToken, v4[name]))
	}
	require.Equal(t, "cat.sch", w.Experiment("1234").Location)
	status, _ := call(t, w, "POST", "/api/5.0/mlflow/experiments/1234/trace-location:link",
		string(v5["link"].Request.Body))
	require.Equal(t, http.StatusBadRequest, status, "an experiment is linked once")

	fresh := start(t)
	fresh.CreateSchema("cat", "sch")
	fresh.SetMLflow(func(s *MLflowSwitches) { s.IncompatibleTables = true })
	requireAnswer(t, v5["incompatible"], replay(t, fresh.URL(), AdminToken, v5["incompatible"]))
	fresh.SetMLflow(func(s *MLflowSwitches) { s.NoLocationsV4, s.NoLocationsV5 = true, true })
	for _, e := range []exchange{v5["create"], v5["get"], v5["link"], v4["create"], v4["link"]} {
		require.Contains(t, string(replay(t, fresh.URL(), AdminToken, e).body), "ENDPOINT_NOT_FOUND")
	}
}

func TestExperimentWithLocationAsRecorded(t *testing.T) {
	w := start(t)
	create := fixture(t, "42_experiment_create_with_trace_location.json")["create"]
	require.Contains(t, string(replay(t, w.URL(), AdminToken, create).body), "CATALOG_DOES_NOT_EXIST",
		"the schema must exist")
	w.CreateSchema("cat", "sch")
	got := replay(t, w.URL(), AdminToken, create)
	require.Equal(t, http.StatusOK, got.status)
	require.Len(t, w.Tables(), 4)
	e := fixture(t, "42_experiment_create_with_trace_location.json")["create_exists"]
	requireAnswer(t, e, replay(t, w.URL(), AdminToken, e))
	require.Equal(t, "cat.sch.pre", w.Experiment("1001").Location)

	w.AddToken("dapi-other", "other@example.com")
	w.Grant("other@example.com", "cat", "USE_CATALOG", "USE_SCHEMA")
	create.Request.Body = json.RawMessage(strings.NewReplacer(`"pre"`, `"pre2"`, "/Shared/x",
		"/Shared/z").Replace(string(create.Request.Body)))
	require.Contains(t, string(replay(t, w.URL(), "dapi-other", create).body), "CREATE TABLE")
	w.SetMLflow(func(s *MLflowSwitches) { s.NoTraceLocation = true })
	require.Equal(t, http.StatusOK, replay(t, w.URL(), "dapi-other", create).status)
	require.Empty(t, w.Experiment("1002").Location, "an old server ignores the field")
}

func TestSearchAsRecorded(t *testing.T) {
	for _, infoFirst := range []bool{true, false} {
		w := traced(t, infoFirst)
		fixtures := fixture(t, "43_traces_search.json")
		w.SetMLflow(func(s *MLflowSwitches) { s.RunningPolls = 1 })
		begun := replay(t, w.URL(), AdminToken, fixtures["start_uc"])
		var o struct{ Name string }
		require.NoError(t, json.Unmarshal(begun.body, &o))
		poll := fixtures["poll_done"]
		poll.Request.Path = strings.Replace(poll.Request.Path, "op-1", o.Name, 1)
		running := replay(t, w.URL(), AdminToken, poll)
		running.body = []byte(strings.ReplaceAll(string(running.body), o.Name, "op-1"))
		requireAnswer(t, fixtures["start_uc"], running, "metadata")
		require.Contains(t, string(running.body), "RUNNING")
		done := replay(t, w.URL(), AdminToken, poll)
		done.body = []byte(strings.ReplaceAll(string(done.body), o.Name, "op-1"))
		requireAnswer(t, poll, done, "metadata")
	}
}

func TestSearchRefusalsAsRecorded(t *testing.T) {
	w := traced(t, true)
	fixtures := fixture(t, "43_traces_search.json")
	w.SetMLflow(func(s *MLflowSwitches) { s.FailSearches = 1 })
	status, doc := call(t, w, "POST", "/api/4.0/mlflow/traces/search-long-running",
		string(fixtures["start_uc"].Request.Body))
	require.Equal(t, http.StatusOK, status, "a search that failed is no failed request")
	require.Equal(t, "FAILED", doc["metadata"].(map[string]any)["state"])
	require.Equal(t, map[string]any{"error_code": "INTERNAL_ERROR", "message": "query failed"}, doc["error"])

	got := replay(t, w.URL(), AdminToken, fixtures["no_warehouse"])
	require.Equal(t, http.StatusBadRequest, got.status)
	status, doc = call(t, w, "POST", "/api/4.0/mlflow/traces/search-long-running",
		strings.Replace(string(fixtures["start_uc"].Request.Body), "wh123", "", 1))
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, mlflow.NoWarehouse, doc["message"])
	w.SetMLflow(func(s *MLflowSwitches) { s.WarehouseMessage = mlflow.WarehouseMissing })
	_, doc = call(t, w, "GET", "/api/4.0/mlflow/traces/cat.sch.pre/batchGet?trace_ids="+recordedTrace, "")
	require.Equal(t, mlflow.WarehouseMissing, doc["message"])

	w.SetMLflow(func(s *MLflowSwitches) { s.NoSearchV4 = true })
	got = replay(t, w.URL(), AdminToken, fixtures["not_rolled_out"])
	require.Equal(t, http.StatusNotFound, got.status)
	require.Contains(t, string(got.body), `"ENDPOINT_NOT_FOUND"`)
	w.SetMLflow(func(s *MLflowSwitches) { s.NoSearchV4, s.NoExperimentSearchV4 = false, true })
	_, doc = call(t, w, "POST", "/api/4.0/mlflow/traces/search-long-running",
		string(fixtures["start_experiment"].Request.Body))
	require.Equal(t, "INVALID_PARAMETER_VALUE", doc["error_code"])
	require.Contains(t, doc["message"], "locations not yet supported")
	status, _ = call(t, w, "POST", "/api/4.0/mlflow/traces/search-long-running",
		string(fixtures["start_uc"].Request.Body))
	require.Equal(t, http.StatusOK, status)
	status, doc = call(t, w, "POST", "/api/3.0/mlflow/traces/search", string(fixtures["v3_fallback"].Request.Body))
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, doc, "no traces, no fields")
	status, _ = call(t, w, "POST", "/api/3.0/mlflow/traces/search", string(fixtures["start_uc"].Request.Body))
	require.Equal(t, http.StatusBadRequest, status, "v3 knows experiments only")

	clock := newClock()
	w = traced(t, true, Options{Clock: clock.Now})
	w.SetMLflow(func(s *MLflowSwitches) { s.SearchesPerSecond = 2; s.DownloadsPerSecond = 1 })
	var answers []int
	for i := range 4 {
		if i == 3 {
			clock.Advance(time.Second)
		}
		got = replay(t, w.URL(), AdminToken, fixtures["start_uc"])
		answers = append(answers, got.status)
		if got.status == http.StatusTooManyRequests {
			requireAnswer(t, fixtures["rate_limited"], got)
		}
	}
	require.Equal(t, []int{200, 200, 429, 200}, answers)
	download := fixture(t, "44_traces_batch_get_and_info.json")["missing_trace"]
	require.Equal(t, http.StatusOK, replay(t, w.URL(), AdminToken, download).status)
	require.Equal(t, http.StatusTooManyRequests, replay(t, w.URL(), AdminToken, download).status)
}

// TestColdWarehouse shows a SQL warehouse that starts slowly: searches run until it is up, other
// requests are told to come back.
func TestColdWarehouse(t *testing.T) {
	clock := newClock()
	w := traced(t, true, Options{Clock: clock.Now})
	w.SetWarehouse(Warehouse{ID: "wh123", State: "STOPPED", StartsIn: time.Minute,
		Denied: []string{"other@example.com"}})
	status, begun := call(t, w, "POST", "/api/4.0/mlflow/traces/search-long-running",
		string(fixture(t, "43_traces_search.json")["start_uc"].Request.Body))
	require.Equal(t, []any{200, false}, []any{status, begun["done"]})
	require.Equal(t, "STARTING", w.WarehouseState("wh123"))
	get := fixture(t, "44_traces_batch_get_and_info.json")["batch_get"]
	require.Equal(t, http.StatusServiceUnavailable, replay(t, w.URL(), AdminToken, get).status)
	poll := func() any {
		_, o := call(t, w, "GET", "/api/4.0/mlflow/traces/search/operations/"+server.Text(begun["name"]), "")
		return o["done"]
	}
	require.Equal(t, false, poll())
	clock.Advance(time.Minute)
	require.Equal(t, true, poll())
	require.Equal(t, http.StatusOK, replay(t, w.URL(), AdminToken, get).status)
	w.AddToken("dapi-other", "other@example.com")
	w.Grant("other@example.com", "cat", "USE_CATALOG", "USE_SCHEMA", "SELECT")
	require.Contains(t, string(replay(t, w.URL(), "dapi-other", get).body), "CAN_USE is needed")
}

func TestBatchGetAsRecorded(t *testing.T) {
	w := traced(t, true)
	fixtures := fixture(t, "44_traces_batch_get_and_info.json")
	requireAnswer(t, fixtures["missing_trace"], replay(t, w.URL(), AdminToken, fixtures["missing_trace"]))
	type answer struct {
		Traces []*struct {
			Info  map[string]any   `json:"trace_info"`
			Spans []map[string]any `json:"spans"`
		}
	}
	get := func() (out answer) {
		require.NoError(t, json.Unmarshal(replay(t, w.URL(), AdminToken, fixtures["batch_get"]).body, &out))
		return out
	}
	var want answer
	require.NoError(t, json.Unmarshal(fixtures["batch_get"].Response.Body, &want))
	got := get()
	require.Len(t, got.Traces, 1)
	require.Equal(t, want.Traces[0].Info, got.Traces[0].Info)
	require.Len(t, got.Traces[0].Spans, 3)
	shown, root := want.Traces[0].Spans[0], map[string]any{}
	for _, s := range got.Traces[0].Spans {
		if s["span_id"] == shown["span_id"] {
			root = s
		}
	}
	for k, v := range shown {
		if k != "attributes" { // of which the fixture shows some
			require.Equal(t, v, root[k], k)
			continue
		}
		for _, a := range v.([]any) {
			require.Contains(t, root[k], a)
		}
	}

	w.HideSpans(recordedTrace)
	require.Nil(t, get().Traces[0].Spans)
	w.NullTrace(recordedTrace)
	require.Equal(t, []*struct {
		Info  map[string]any   `json:"trace_info"`
		Spans []map[string]any `json:"spans"`
	}{nil}, get().Traces)
	w.LoseTrace(recordedTrace)
	require.Empty(t, get().Traces)

	status, doc := call(t, w, "GET",
		"/api/4.0/mlflow/traces/cat.sch.pre/batchGet?sql_warehouse_id=w"+strings.Repeat("&trace_ids=0", 11), "")
	require.Equal(t, http.StatusBadRequest, status, doc)
	status, doc = call(t, w, "GET", "/api/4.0/mlflow/traces/cat.sch.pre/"+recordedTrace+"/info?sql_warehouse_id=w", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, want.Traces[0].Info, doc["trace"].(map[string]any)["trace_info"])
	status, _ = call(t, w, "GET", "/api/4.0/mlflow/traces/cat.sch.pre/00/info?sql_warehouse_id=w", "")
	require.Equal(t, http.StatusNotFound, status)
}

// TestTraceOfSpansAlone shows what becomes of spans that no client posted an info for: a trace if
// there is a root.
func TestTraceOfSpansAlone(t *testing.T) {
	w := linked(t)
	replay(t, w.URL(), AdminToken, fixture(t, "10_otlp_traces_request_mlflow.json")["export"])
	infos := w.TraceInfos("cat.sch.pre")
	require.Len(t, infos, 1)
	var i mlflow.TraceInfo
	require.NoError(t, json.Unmarshal(infos[0], &i))
	require.Equal(t, recordedTrace, i.ID)
	require.Equal(t, "2026-11-21T05:04:44.937Z", i.RequestTime)
	require.Equal(t, "0.119s", i.Duration)
	require.Equal(t, "OK", i.State)
	require.JSONEq(t, `{"q": "hi"}`, i.RequestPreview)
	require.Equal(t, "root", i.Tags["mlflow.traceName"])

	w = linked(t)
	w.AddRows("cat.sch.pre_otel_spans", Row{
		"trace_id": "00000000000000000000000000000001", "span_id": "0000000000000002",
		"parent_span_id": "0000000000000001", "start_time_unix_nano": int64(1),
	})
	require.Empty(t, w.TraceInfos("cat.sch.pre"), "without a root it does not show")
}

func TestAnnotationsAsRecorded(t *testing.T) {
	clock := newClock()
	w := traced(t, true, Options{Clock: clock.Now})
	fixtures := fixture(t, "45_assessments_and_tags.json")
	got := replay(t, w.URL(), AdminToken, fixtures["feedback"])
	var made struct {
		ID string `json:"assessment_id"`
	}
	require.NoError(t, json.Unmarshal(got.body, &made))
	require.Regexp(t, "^a-[0-9a-f]{32}$", made.ID)
	requireAnswer(t, fixtures["set_tag"], replay(t, w.URL(), AdminToken, fixtures["set_tag"]))
	require.Equal(t, http.StatusOK, replay(t, w.URL(), AdminToken, fixtures["expectation"]).status)

	// The recorded changes name a trace of the older layout; the routes are the same.
	at := func(name string) exchange {
		e := fixtures[name]
		e.Request.Path = strings.NewReplacer("cat.sch/", "cat.sch.pre/", "e89a014525fdf0bc56855553421531c6",
			recordedTrace,
			"/a-1", "/"+made.ID).Replace(e.Request.Path)
		return e
	}
	clock.Advance(time.Hour)
	require.Equal(t, http.StatusOK, replay(t, w.URL(), AdminToken, at("update")).status)
	requireAnswer(t, fixtures["delete_tag"], replay(t, w.URL(), AdminToken, at("delete_tag")))

	var want struct{ Rows []map[string]any }
	body, err := os.ReadFile("testdata/50_annotations_rows.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &want))
	rows := w.Annotations("cat.sch.pre")
	require.Equal(t, rows, w.Rows("cat.sch.pre_otel_annotations"))
	shape := map[any]map[string]any{}
	for _, r := range want.Rows {
		shape[r["annotation_type"]] = r
	}
	kinds := map[any]int{}
	for _, r := range rows {
		kinds[r["annotation_type"]]++
		if s := shape[r["annotation_type"]]; s != nil {
			for column := range s {
				require.Contains(t, r, column)
			}
			require.Len(t, r, len(s))
			require.Equal(t, s["target_id"], r["target_id"])
			if r["annotation_type"] != "FEEDBACK" {
				require.IsType(t, s["value"], r["value"])
			}
		}
	}
	require.Equal(t, map[any]int{"METADATA": 1, "TAG": 4, "FEEDBACK": 2, "EXPECTATION": 1}, kinds,
		"every change is a row")
	last := rows[len(rows)-2]
	require.Equal(t, []any{made.ID, "q", 0.0, "2026-11-21T05:04:45.076000Z", "2026-11-21T07:00:00.000000Z"},
		[]any{last["annotation_id"], last["name"], last["value"], last["created_at"], last["updated_at"]})

	require.Equal(t, http.StatusOK, replay(t, w.URL(), AdminToken, at("delete")).status)
	var info mlflow.TraceInfo
	require.NoError(t, json.Unmarshal(w.TraceInfos("cat.sch.pre")[0], &info))
	require.Len(t, info.Assessments, 1, "the deleted one is gone")
	require.Equal(t, map[string]any{"value": "ans hi"}, info.Assessments[0]["expectation"])
	require.NotContains(t, info.Tags, "k")
	require.Equal(t, http.StatusNotFound, replay(t, w.URL(), AdminToken, at("update")).status)
}
