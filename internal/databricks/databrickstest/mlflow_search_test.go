// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// TestSearching runs filters, order and pages over traces of both kinds.
func TestSearching(t *testing.T) {
	w := start(t)
	w.SetWarehouse(Warehouse{ID: "wh"})
	place := unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}
	uc, plain := w.CreateExperiment("/uc", &place), w.CreateExperiment("/plain", nil)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := range 7 {
		start := at.Add(time.Duration(i/2) * time.Second)
		state := []string{"OK", "ERROR"}[i%2]
		w.AddRows("cat.sch.pre_otel_spans", Row{
			"trace_id": fmt.Sprintf("%032x", 7-i), "span_id": "0000000000000001", "parent_span_id": nil,
			"name": fmt.Sprint("n", i), "start_time_unix_nano": start.UnixNano(),
			"end_time_unix_nano": start.UnixNano() + int64(i)*1e9,
			"status":             map[string]any{"code": "STATUS_CODE_" + state},
			"attributes":         map[string]any{"model": "m AND n"},
		})
		w.AddOrdinaryTrace(json.RawMessage(fmt.Sprintf(`{"trace_id": "tr-%d", "request_time": %q,
			"trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": %q}},
			"execution_duration": "%ds", "state": %q, "tags": {"mlflow.traceName": "n%d"}}`,
			7-i, start.Format(time.RFC3339Nano), plain, i, state, i)), nil)
	}
	const v3, v4 = "/api/3.0/mlflow/traces/search", "/api/4.0/mlflow/traces/search-long-running"
	search := func(route, experiment string, more map[string]any) ([]string, string, string) {
		ask := map[string]any{"locations": []any{map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]any{"experiment_id": experiment}}}, "sql_warehouse_id": "wh"}
		maps.Copy(ask, more)
		status, doc := call(t, w, "POST", route, asText(t, ask))
		if status != http.StatusOK {
			return nil, "", fmt.Sprint(doc["message"])
		}
		list := "traces"
		if route == v4 {
			doc, list = doc["response"].(map[string]any), "trace_infos"
		}
		var names []string
		infos, _ := doc[list].([]any)
		for _, i := range infos {
			names = append(names, i.(map[string]any)["tags"].(map[string]any)["mlflow.traceName"].(string)[1:])
		}
		return names, server.Text(doc["next_page_token"]), ""
	}
	for _, where := range []struct{ route, experiment string }{{v4, uc}, {v4, plain}, {v3, plain}} {
		for _, c := range []struct {
			filter, order, want string
		}{
			{"", "", "6 5 4 3 2 1 0"},
			{"", "timestamp_ms ASC", "1 0 3 2 5 4 6"},
			{"", "execution_time DESC", "6 5 4 3 2 1 0"},
			{fmt.Sprintf("timestamp_ms >= %d AND timestamp_ms < %d", at.UnixMilli()+1000, at.UnixMilli()+3000),
				"trace.timestamp_ms", "3 2 5 4"},
			{fmt.Sprintf("trace.timestamp_ms >= %d and trace.status = 'ERROR'", at.UnixMilli()),
				"timestamp ASC", "1 3 5"},
			{"status = \"OK\" AND execution_time_ms > 3000", "timestamp_ms ASC", "4 6"},
			{"state != 'ERROR' AND end_time_ms <= " + strconv.FormatInt(at.UnixMilli()+1000, 10), "timestamp_ms", "0"},
		} {
			more := map[string]any{"filter": c.filter}
			if c.order != "" {
				more["order_by"] = []string{c.order}
			}
			names, _, message := search(where.route, where.experiment, more)
			require.Empty(t, message, c.filter)
			want := c.want
			if c.order == "" && c.filter == "" {
				require.ElementsMatch(t, strings.Fields(want), names, c.filter)
				continue
			}
			require.Equal(t, want, strings.Join(names, " "), "%s %s", c.filter, c.order)
		}
		for _, bad := range []string{"status = 'OK' OR status = 'ERROR'", "assessments.quality = 'yes'",
			"feedback.quality = 'yes'", "timestamp_ms = 'x'", "nothing = 'x'", "status = OK"} {
			_, _, message := search(where.route, where.experiment, map[string]any{"filter": bad})
			require.NotEmpty(t, message, bad)
		}
		_, _, message := search(where.route, where.experiment, map[string]any{"order_by": []string{"name ASC"}})
		require.NotEmpty(t, message)
		_, _, message = search(where.route, where.experiment, map[string]any{"max_results": 501})
		require.NotEmpty(t, message)

		for empty, pages := range []int{3, 6} {
			w.SetMLflow(func(s *MLflowSwitches) { s.EmptyPages = empty })
			var all []string
			n := 0
			for token := ""; ; n++ {
				names, next, message := search(where.route, where.experiment,
					map[string]any{"max_results": 3, "order_by": []string{"timestamp_ms ASC"}, "page_token": token})
				require.Empty(t, message)
				all = append(all, names...)
				if token = next; token == "" {
					break
				}
			}
			require.Equal(t, "1 0 3 2 5 4 6", strings.Join(all, " "))
			require.Equal(t, pages, n+1)
		}
		w.SetMLflow(func(s *MLflowSwitches) { s.EmptyPages = 0 })
		_, token, _ := search(where.route, where.experiment, map[string]any{"max_results": 3})
		_, _, message = search(where.route, where.experiment,
			map[string]any{"max_results": 3, "page_token": token, "filter": "status = 'OK'"})
		require.Equal(t, "Invalid page token", message)
	}
	w.AddToken("dapi-other", "other@example.com")
	got := send(t, "POST", w.URL()+v4, "dapi-other", nil,
		[]byte(`{"locations": [{"type": "UC_TABLE_PREFIX",
			"uc_table_prefix": {"catalog_name": "cat", "schema_name": "sch", "table_prefix": "pre"}}]}`))
	require.Equal(t, http.StatusForbidden, got.status)
}

// TestSignedURLs shows the storage host: it refuses a second credential, wrong methods, missing
// headers and what has expired.
func TestSignedURLs(t *testing.T) {
	clock := newClock()
	w := start(t, Options{Clock: clock.Now})
	id := w.CreateExperiment("/plain", nil)
	w.AddOrdinaryTrace(json.RawMessage(fmt.Sprintf(`{"trace_id": "tr-1", "request_time": "2026-11-01T00:00:00Z",
		"trace_location": {"mlflow_experiment": {"experiment_id": %q}}}`, id)), []byte(`{"spans": [1]}`))
	sign := func(kind string) string {
		status, doc := call(t, w, "GET", "/api/2.0/mlflow/traces/tr-1/credentials-for-data-"+kind, "")
		require.Equal(t, http.StatusOK, status)
		info := doc["credential_info"].(map[string]any)
		require.Equal(t, "AWS_PRESIGNED_URL", info["type"])
		return server.Text(info["signed_uri"])
	}
	down := sign("download")
	require.False(t, strings.HasPrefix(down, w.URL()), "another host")
	require.NotContains(t, down, w.URL())
	got := send(t, "GET", down, "", nil, nil)
	require.Equal(t, []any{200, `{"spans": [1]}`}, []any{got.status, string(got.body)})
	require.Equal(t, http.StatusBadRequest, send(t, "GET", down, AdminToken, nil, nil).status, "two credentials")
	require.NotEmpty(t, w.StorageRequests()[1].Header.Get("Authorization"), "a leak is seen")
	require.Equal(t, http.StatusForbidden, send(t, "PUT", down, "", nil, []byte("x")).status)
	require.Equal(t, http.StatusOK, send(t, "PUT", sign("upload"), "", nil, []byte(`{"spans": []}`)).status)
	require.JSONEq(t, `{"spans": []}`, string(w.StoredFile("tr-1", "traces.json")))
	clock.Advance(time.Hour)
	require.Equal(t, http.StatusForbidden, send(t, "GET", down, "", nil, nil).status)
	w.SetMLflow(func(s *MLflowSwitches) { s.ExpiredURLs = 1 })
	got = send(t, "GET", sign("download"), "", nil, nil)
	require.Equal(t, http.StatusForbidden, got.status)
	require.Contains(t, string(got.body), "expired")
	require.Equal(t, http.StatusOK, send(t, "GET", sign("download"), "", nil, nil).status, "the next one is good")
	w.SetMLflow(func(s *MLflowSwitches) { s.URLHeaders = map[string]string{"x-meta": "1"} })
	require.Equal(t, http.StatusForbidden, send(t, "GET", sign("download"), "", nil, nil).status)
	require.Equal(t, http.StatusOK, send(t, "GET", sign("download"), "", map[string]string{"x-meta": "1"}, nil).status)
	w.SetMLflow(func(s *MLflowSwitches) { s.URLHeaders = nil })
	w.RemoveFile("tr-1", "traces.json")
	require.Equal(t, http.StatusNotFound, send(t, "GET", sign("download"), "", nil, nil).status)
	w.NullTrace("tr-1")
	_, doc := call(t, w, "GET", "/api/3.0/mlflow/traces/tr-1", "")
	require.Equal(t, map[string]any{"trace": nil}, doc)
}
