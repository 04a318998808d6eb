// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// TestUnityCatalog reads traces in Unity Catalog back exactly as the tables hold them.
func TestUnityCatalog(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	w.AddRows(spans,
		row(1, 10, 0, databrickstest.Row{
			"kind": "SPAN_KIND_SERVER", "trace_state": "vendor=1", "flags": int64(257),
			"dropped_attributes_count": int64(1), "dropped_events_count": int64(2), "dropped_links_count": int64(3),
			"attributes": map[string]any{
				"mlflow.spanType": "AGENT", "mlflow.spanInputs": map[string]any{"q": "hi", "n": int64(1<<53 + 1),
					"none": nil}, "mlflow.spanOutputs": `{"looks": "like JSON"}`,
				"list": []any{true, 2.0, "x"}, "temperature": 0.5,
			},
			"events": []any{map[string]any{"time_unix_nano": at.UnixNano(), "name": "chosen",
				"attributes": map[string]any{"k": "v"}, "dropped_attributes_count": int64(4)}},
			"links": []any{map[string]any{"trace_id": hex(9), "span_id": "0000000000000009", "trace_state": "a=b",
				"attributes": map[string]any{"k": int64(1)}, "flags": int64(1)}},
			"status": map[string]any{"code": "STATUS_CODE_ERROR", "message": "no luck"},
		}),
		row(1, 11, 10, nil))
	for _, numbers := range []bool{false, true} {
		w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.IntegersAsNumbers = numbers })
		src := open(t, settings(w))
		experiments, err := src.Experiments(context.Background())
		require.NoError(t, err)
		require.Len(t, experiments, 1)
		require.Positive(t, experiments[0].Created)
		experiments[0].Created = 0
		require.Equal(t,
			[]mlflow.Experiment{{ID: x, Name: "/agent", ArtifactLocation: "dbfs:/databricks/mlflow-tracking/" + x,
				Place: "main.traces.agent"}}, experiments)

		traces, skipped, order := read(t, src, mlflow.Range{ExperimentID: x}, 10)
		require.Empty(t, skipped)
		id := "trace:/main.traces.agent/" + hex(1)
		require.Equal(t, []string{id}, order)
		tr := traces[id]
		require.Equal(t, x, tr.Info.ExperimentID)
		require.Equal(t, mlflow.StateError, tr.Info.State)
		require.Equal(t, at.Add(time.Second).UnixMilli(), tr.Info.Timestamp)
		require.Len(t, tr.Spans, 2)
		root := tr.Spans[0]
		require.Equal(t, [16]byte{15: 1}, root.TraceID)
		require.Equal(t, [8]byte{7: 10}, root.ID)
		require.Equal(t, mlflow.Span{
			TraceID: root.TraceID, ID: root.ID, Name: "span 10", Start: at.Add(time.Second).UnixNano(),
			End: at.Add(time.Second).UnixNano() + 1_500_000, Status: mlflow.StatusCodeError,
			Message: "no luck", Kind: 2, TraceState: "vendor=1", Flags: 257, DroppedAttributes: 1,
			DroppedEvents: 2, DroppedLinks: 3,
			Attributes: []mlflow.Attribute{
				{Key: "list", Raw: []byte(`[true, 2.0, "x"]`)},
				{Key: "mlflow.spanInputs", Raw: []byte(`{"n": 9007199254740993, "none": null, "q": "hi"}`)},
				{Key: "mlflow.spanOutputs", Raw: []byte(`"{\"looks\": \"like JSON\"}"`)},
				{Key: "mlflow.spanType", Raw: []byte(`"AGENT"`)}, {Key: "temperature", Raw: []byte("0.5")},
			},
			Events: []mlflow.Event{{Name: "chosen", Time: at.UnixNano(),
				Attributes: []mlflow.Attribute{{Key: "k", Raw: []byte(`"v"`)}}, DroppedAttributes: 4}},
			Links: []mlflow.Link{{TraceID: [16]byte{15: 9}, SpanID: [8]byte{7: 9},
				Attributes: []mlflow.Attribute{{Key: "k", Raw: []byte("1")}}, TraceState: "a=b", Flags: 1}},
		}, root)
		require.Equal(t, root.ID, tr.Spans[1].Parent)

		found, err := src.Lookup(context.Background(), "", []string{id, "trace:/main.traces.agent/" + hex(2),
			"trace:/main.other.x/" + hex(1)})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, tr.Info, found[0])
		_, err = src.Daily(context.Background(), []string{x}, 0, 0)
		require.ErrorIs(t, err, mlflow.ErrUnsupported)
		_, err = src.SpanCount(context.Background(), []string{x}, 0, 0)
		require.ErrorIs(t, err, mlflow.ErrUnsupported)
		_, err = src.Exactly(context.Background(), mlflow.Range{ExperimentID: x}, 1)
		require.ErrorIs(t, err, mlflow.ErrUnsupported)
		_, err = src.Ended(context.Background(), mlflow.Range{ExperimentID: x}, 1, mlflow.Position{}, 1)
		require.ErrorIs(t, err, mlflow.ErrUnsupported)
		n, err := src.Count(context.Background(), mlflow.Range{ExperimentID: x})
		require.NoError(t, err)
		require.EqualValues(t, -1, n)
	}
}

// TestOlderLayout reads a place without a prefix: its tables hold text, which is what arrives.
func TestOlderLayout(t *testing.T) {
	w := workspace(t)
	w.CreateSchema("main", "old")
	x := w.CreateExperiment("/old", nil)
	const body = `{"uc_schema": {"catalog_name": "main", "schema_name": "old"}, "sql_warehouse_id": "wh1"}`
	post(t, w, "/api/4.0/mlflow/traces/location", body)
	post(t, w, "/api/4.0/mlflow/traces/"+x+"/link-location", body)
	w.AddRows("main.old.mlflow_experiment_trace_otel_spans",
		row(1, 1, 0, databrickstest.Row{"attributes": map[string]any{"mlflow.spanInputs": `{"q": 1}`}}))
	src := open(t, settings(w))
	traces, skipped, _ := read(t, src, mlflow.Range{ExperimentID: x}, 10)
	require.Empty(t, skipped)
	tr := traces["trace:/main.old/"+hex(1)]
	require.NotNil(t, tr)
	require.Equal(t, []mlflow.Attribute{{Key: "mlflow.spanInputs", Raw: []byte(`"{\"q\": 1}"`)}},
		tr.Spans[0].Attributes)
	experiments, err := src.Experiments(context.Background())
	require.NoError(t, err)
	require.Equal(t, "main.old", experiments[0].Place)
}

// TestRepeatedRows: a row that was written twice is one span; rows that differ are all there.
func TestRepeatedRows(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	child := row(1, 2, 1, databrickstest.Row{"attributes": map[string]any{"k": "v"}})
	other := row(1, 3, 1, databrickstest.Row{"attributes": map[string]any{"k": "new"}})
	w.AddRows(spans, row(1, 1, 0, nil), child, child, row(1, 1, 0, nil), row(1, 3, 1, nil), other)
	traces, _, _ := read(t, open(t, settings(w)), mlflow.Range{ExperimentID: x}, 10)
	var ids []byte
	for _, s := range traces["trace:/main.traces.agent/"+hex(1)].Spans {
		ids = append(ids, s.ID[7])
	}
	require.Equal(t, []byte{1, 2, 3, 3}, ids)
}

// TestSearching reads many traces: in pages, in windows of time, through running and failing
// searches and empty pages.
func TestSearching(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*databrickstest.MLflowSwitches)
	}{
		{"plain", func(*databrickstest.MLflowSwitches) {}},
		{"running", func(s *databrickstest.MLflowSwitches) { s.RunningPolls = 3 }},
		{"failing", func(s *databrickstest.MLflowSwitches) { s.FailSearches, s.RunningPolls = 2, 1 }},
		{"busy", func(s *databrickstest.MLflowSwitches) { s.FailSearches, s.FailCode = 2, "TEMPORARILY_UNAVAILABLE" }},
		{"empty pages", func(s *databrickstest.MLflowSwitches) { s.EmptyPages = 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := workspace(t)
			x := w.CreateExperiment("/agent", &place)
			var want []string
			for i := range 40 {
				n := i*5000 + 1 // over two days and a half, so that windows end in between
				w.AddRows(spans, row(n, 1, 0, nil))
				want = append(want, "trace:/main.traces.agent/"+hex(n))
			}
			for i := range 7 { // one millisecond that is larger than a page
				n := 1_000_000 + i
				start := at.Add(30 * 24 * time.Hour)
				w.AddRows(spans,
					row(n, 1, 0, databrickstest.Row{"start_time_unix_nano": start.UnixNano(),
						"end_time_unix_nano": start.UnixNano()}))
				want = append(want, "trace:/main.traces.agent/"+hex(n))
			}
			w.SetMLflow(c.change)
			src := open(t, settings(w))
			_, skipped, order := read(t, src, mlflow.Range{ExperimentID: x}, 6)
			require.Empty(t, skipped)
			require.Equal(t, want, order)
			narrow := 0
			for _, r := range w.RequestsTo(http.MethodPost, "/api/4.0/mlflow/traces/search-long-running") {
				var ask struct {
					Filter    string
					Order     []string `json:"order_by"`
					Warehouse string   `json:"sql_warehouse_id"`
				}
				require.NoError(t, json.Unmarshal(r.Body, &ask))
				require.Contains(t, ask.Filter, "trace.timestamp_ms >= ", "no search without a bound in time")
				require.Contains(t, ask.Filter, "trace.timestamp_ms < ")
				require.Equal(t, []string{"timestamp_ms ASC"}, ask.Order)
				require.Equal(t, warehouse, ask.Warehouse)
				if !strings.Contains(ask.Filter, "253402300800000") {
					narrow++
				}
			}
			require.Greater(t, narrow, 5, "most searches look at a part of the time only")
			for _, r := range w.RequestsTo(http.MethodGet, "/api/4.0/mlflow/traces/main.traces.agent/batchGet") {
				require.LessOrEqual(t, strings.Count(r.Query, "trace_ids="), 10)
			}
		})
	}
}

func TestRangeAndFilter(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 9; i++ {
		w.AddRows(spans,
			row(i, 1, 0,
				databrickstest.Row{"status": map[string]any{"code": []string{"STATUS_CODE_OK",
					"STATUS_CODE_ERROR"}[i%2]}}))
	}
	src := open(t, settings(w))
	_, _, order := read(t, src, mlflow.Range{ExperimentID: x, From: at.Add(3 * time.Second).UnixMilli(),
		To: at.Add(8 * time.Second).UnixMilli(), Filter: "trace.status = 'ERROR'"}, 2)
	require.Equal(t, []string{"trace:/main.traces.agent/" + hex(3), "trace:/main.traces.agent/" + hex(5),
		"trace:/main.traces.agent/" + hex(7)}, order)
	_, err := src.Infos(context.Background(), mlflow.Range{ExperimentID: x, Filter: "a = 1 OR b = 2"},
		mlflow.Position{}, 10)
	require.ErrorContains(t, err, "Invalid clause")
}

// TestNotShown: what a workspace lists and doesn't show is skipped with its reason, and costs no
// other trace.
func TestNotShown(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 12; i++ {
		w.AddRows(spans, row(i, 1, 0, nil))
	}
	w.NullTrace(hex(2))
	w.HideSpans(hex(3))
	w.LoseTrace(hex(12))
	src := open(t, settings(w))
	traces, skipped, _ := read(t, src, mlflow.Range{ExperimentID: x}, 50)
	require.Len(t, traces, 9)
	require.Len(t, skipped, 3)
	for _, i := range []int{2, 3, 12} {
		require.Equal(t, mlflow.ReasonNoSpans, skipped["trace:/main.traces.agent/"+hex(i)].Reason)
	}
	infos, err := src.Infos(context.Background(), mlflow.Range{ExperimentID: x}, mlflow.Position{}, 50)
	require.NoError(t, err)
	infos = append(infos, mlflow.Info{ID: "trace:/main.traces.agent/" + hex(99), ExperimentID: x})
	require.NoError(t,
		src.Traces(context.Background(), infos[12:], func(_ int, tr *mlflow.Trace, skip *mlflow.Skip) error {
			require.Nil(t, tr)
			require.Equal(t, mlflow.ReasonVanished, skip.Reason)
			return nil
		}))
}
