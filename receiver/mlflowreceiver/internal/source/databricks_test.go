package source

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	warehouse = "wh1"
	spans     = "main.traces.agent_otel_spans"
)

var place = unity.Location{Catalog: "main", Schema: "traces", Prefix: "agent"}

// heard keeps what an Observer hears.
type heard struct {
	mu      sync.Mutex
	retries int
	routes  map[string]int
}

func (h *heard) Request(route string, _ int, _ int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.routes == nil {
		h.routes = map[string]int{}
	}
	h.routes[route]++
}

func (h *heard) Retry() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retries++
}

// settings read a workspace with the token of its owner.
func settings(w *databrickstest.Workspace) Settings {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Millisecond, 10*time.Millisecond, 20*time.Second
	return Settings{
		URI: "databricks", HTTP: confighttp.NewDefaultClientConfig(), Concurrency: 2, RequestsPerSecond: 1000, MaxTraceSize: 1 << 20, Retry: retry, Poll: time.Millisecond,
		Databricks: Databricks{SignIn: signin.Config{Host: w.URL(), Credentials: signin.Credentials{Token: databrickstest.AdminToken}}, Warehouse: warehouse},
		Host:       componenttest.NewNopHost(), Telemetry: componenttest.NewNopTelemetrySettings(), Observer: &heard{},
	}
}

func open(t *testing.T, s Settings) mlflow.Source {
	t.Helper()
	src, _, err := Open(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	return src
}

func workspace(t *testing.T) *databrickstest.Workspace {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.SetWarehouse(databrickstest.Warehouse{ID: warehouse})
	return w
}

// at is the start of a trace of the tests.
var at = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// row is a span as its table holds it.
func row(trace int, span int, parent int, more databrickstest.Row) databrickstest.Row {
	r := databrickstest.Row{
		"trace_id": hex(trace), "span_id": fmt.Sprintf("%016x", span), "parent_span_id": nil, "name": fmt.Sprintf("span %d", span),
		"start_time_unix_nano": at.Add(time.Duration(trace) * time.Second).UnixNano(), "end_time_unix_nano": at.Add(time.Duration(trace)*time.Second).UnixNano() + 1_500_000,
		"status": map[string]any{"code": "STATUS_CODE_OK"},
	}
	if parent != 0 {
		r["parent_span_id"] = fmt.Sprintf("%016x", parent)
	}
	for k, v := range more {
		r[k] = v
	}
	return r
}

func hex(trace int) string { return fmt.Sprintf("%032x", trace) }

// read takes everything that the source has of an experiment, as a backfill does.
func read(t *testing.T, src mlflow.Source, r mlflow.Range, page int) (traces map[string]*mlflow.Trace, skipped map[string]*mlflow.Skip, order []string) {
	t.Helper()
	ctx := context.Background()
	traces, skipped = map[string]*mlflow.Trace{}, map[string]*mlflow.Skip{}
	for after := (mlflow.Position{}); ; {
		infos, err := src.Infos(ctx, r, after, page)
		require.NoError(t, err)
		if len(infos) == 0 {
			return traces, skipped, order
		}
		for i := range infos {
			p := mlflow.Position{Timestamp: infos[i].Timestamp, ID: infos[i].ID}
			require.True(t, after.Less(p), "in order, each once")
			after = p
			order = append(order, infos[i].ID)
		}
		require.NoError(t, src.Traces(ctx, infos, func(i int, tr *mlflow.Trace, skip *mlflow.Skip) error {
			id := infos[i].ID
			require.Nil(t, traces[id])
			require.Nil(t, skipped[id])
			if traces[id] = tr; tr == nil {
				delete(traces, id)
				skipped[id] = skip
			}
			return nil
		}))
	}
}

// TestUnityCatalog reads traces in Unity Catalog back exactly as the tables hold them.
func TestUnityCatalog(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	w.AddRows(spans,
		row(1, 10, 0, databrickstest.Row{
			"kind": "SPAN_KIND_SERVER", "trace_state": "vendor=1", "flags": int64(257), "dropped_attributes_count": int64(1), "dropped_events_count": int64(2), "dropped_links_count": int64(3),
			"attributes": map[string]any{
				"mlflow.spanType": "AGENT", "mlflow.spanInputs": map[string]any{"q": "hi", "n": int64(1<<53 + 1), "none": nil}, "mlflow.spanOutputs": `{"looks": "like JSON"}`,
				"list": []any{true, 2.0, "x"}, "temperature": 0.5,
			},
			"events": []any{map[string]any{"time_unix_nano": at.UnixNano(), "name": "chosen", "attributes": map[string]any{"k": "v"}, "dropped_attributes_count": int64(4)}},
			"links":  []any{map[string]any{"trace_id": hex(9), "span_id": "0000000000000009", "trace_state": "a=b", "attributes": map[string]any{"k": int64(1)}, "flags": int64(1)}},
			"status": map[string]any{"code": "STATUS_CODE_ERROR", "message": "no luck"},
		}),
		row(1, 11, 10, nil))
	for _, numbers := range []bool{false, true} {
		w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.IntegersAsNumbers = numbers })
		src := open(t, settings(w))
		experiments, err := src.Experiments(context.Background())
		require.NoError(t, err)
		require.Equal(t, []mlflow.Experiment{{ID: x, Name: "/agent", ArtifactLocation: "dbfs:/databricks/mlflow-tracking/" + x, Place: "main.traces.agent"}}, experiments)

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
			TraceID: root.TraceID, ID: root.ID, Name: "span 10", Start: at.Add(time.Second).UnixNano(), End: at.Add(time.Second).UnixNano() + 1_500_000, Status: mlflow.StatusError,
			Message: "no luck", Kind: 2, TraceState: "vendor=1", Flags: 257, DroppedAttributes: 1, DroppedEvents: 2, DroppedLinks: 3,
			Attributes: []mlflow.Attribute{
				{Key: "list", Raw: []byte(`[true, 2.0, "x"]`)}, {Key: "mlflow.spanInputs", Raw: []byte(`{"n": 9007199254740993, "none": null, "q": "hi"}`)},
				{Key: "mlflow.spanOutputs", Raw: []byte(`"{\"looks\": \"like JSON\"}"`)}, {Key: "mlflow.spanType", Raw: []byte(`"AGENT"`)}, {Key: "temperature", Raw: []byte("0.5")},
			},
			Events: []mlflow.Event{{Name: "chosen", Time: at.UnixNano(), Attributes: []mlflow.Attribute{{Key: "k", Raw: []byte(`"v"`)}}, DroppedAttributes: 4}},
			Links:  []mlflow.Link{{TraceID: [16]byte{15: 9}, SpanID: [8]byte{7: 9}, Attributes: []mlflow.Attribute{{Key: "k", Raw: []byte("1")}}, TraceState: "a=b", Flags: 1}},
		}, root)
		require.Equal(t, root.ID, tr.Spans[1].Parent)

		found, err := src.Lookup(context.Background(), []string{id, "trace:/main.traces.agent/" + hex(2), "trace:/main.other.x/" + hex(1)})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, tr.Info, found[0])
		n, err := src.Count(context.Background(), mlflow.Range{ExperimentID: x})
		require.NoError(t, err)
		require.EqualValues(t, -1, n)
	}
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

// TestSearching reads many traces: in pages, in windows of time, through running and failing searches and empty pages.
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
				w.AddRows(spans, row(n, 1, 0, databrickstest.Row{"start_time_unix_nano": start.UnixNano(), "end_time_unix_nano": start.UnixNano()}))
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
		w.AddRows(spans, row(i, 1, 0, databrickstest.Row{"status": map[string]any{"code": []string{"STATUS_CODE_OK", "STATUS_CODE_ERROR"}[i%2]}}))
	}
	src := open(t, settings(w))
	_, _, order := read(t, src, mlflow.Range{ExperimentID: x, From: at.Add(3 * time.Second).UnixMilli(), To: at.Add(8 * time.Second).UnixMilli(), Filter: "trace.status = 'ERROR'"}, 2)
	require.Equal(t, []string{"trace:/main.traces.agent/" + hex(3), "trace:/main.traces.agent/" + hex(5), "trace:/main.traces.agent/" + hex(7)}, order)
	_, err := src.Infos(context.Background(), mlflow.Range{ExperimentID: x, Filter: "a = 1 OR b = 2"}, mlflow.Position{}, 10)
	require.ErrorContains(t, err, "Invalid clause")
}

// TestNotShown: what a workspace lists and doesn't show is skipped with its reason, and costs no other trace.
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
		require.Equal(t, mlflow.NoSpans, skipped["trace:/main.traces.agent/"+hex(i)].Reason)
	}
	infos, err := src.Infos(context.Background(), mlflow.Range{ExperimentID: x}, mlflow.Position{}, 50)
	require.NoError(t, err)
	infos = append(infos, mlflow.Info{ID: "trace:/main.traces.agent/" + hex(99), ExperimentID: x})
	require.NoError(t, src.Traces(context.Background(), infos[12:], func(_ int, tr *mlflow.Trace, skip *mlflow.Skip) error {
		require.Nil(t, tr)
		require.Equal(t, mlflow.Vanished, skip.Reason)
		return nil
	}))
}

// ordinary adds a trace of an ordinary experiment.
func ordinary(w *databrickstest.Workspace, experiment, id string, n int, metadata string, file []byte) {
	w.AddOrdinaryTrace(json.RawMessage(fmt.Sprintf(`{"trace_id": %q, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": %q}}, "request_time": %q,
		"execution_duration": "0.5s", "state": "OK", "trace_metadata": {"mlflow.trace_schema.version": "3"%s}, "tags": {"mlflow.traceName": "t"}}`,
		id, experiment, at.Add(time.Duration(n)*time.Second).Format(time.RFC3339), metadata)), file)
}

// file is a traces.json of schema 3 with one span.
func file(n int) []byte {
	return []byte(fmt.Sprintf(`{"spans": [{"trace_id": "%s", "span_id": "%s", "parent_span_id": "", "name": "span %d", "start_time_unix_nano": 1, "end_time_unix_nano": 2,
		"status": {"code": "STATUS_CODE_OK"}, "attributes": {"mlflow.spanInputs": "{\"q\": %d}"}}]}`, "AAAAAAAAAAAAAAAAAAAAAQ==", "AAAAAAAAAAE=", n, n))
}

// TestExperiment reads an ordinary experiment: by either search, its files through signed URLs, without the token ever leaving for the storage.
func TestExperiment(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*databrickstest.MLflowSwitches)
		long   int // searches by the long-running route
	}{
		{"v4", func(*databrickstest.MLflowSwitches) {}, 3},
		{"not rolled out", func(s *databrickstest.MLflowSwitches) { s.NoSearchV4 = true }, 1},
		{"not for experiments", func(s *databrickstest.MLflowSwitches) { s.NoExperimentSearchV4 = true }, 1},
		{"expired on the way", func(s *databrickstest.MLflowSwitches) { s.ExpiredURLs = 1 }, 3},
		{"with headers", func(s *databrickstest.MLflowSwitches) {
			s.URLHeaders = map[string]string{"X-Ms-Blob-Type": "BlockBlob"}
		}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := workspace(t)
			x := w.CreateExperiment("/plain", nil)
			for i := 1; i <= 5; i++ {
				ordinary(w, x, fmt.Sprintf("tr-%032x", i), i, "", file(i))
			}
			w.SetMLflow(c.change)
			s := settings(w)
			s.HTTP.Headers = configopaque.MapList{{Name: "X-Gateway-Key", Value: "secret"}}
			src := open(t, s)
			traces, skipped, order := read(t, src, mlflow.Range{ExperimentID: x}, 3)
			require.Empty(t, skipped)
			require.Len(t, traces, 5)
			require.True(t, slices.IsSorted(order))
			require.Equal(t, "span 4", traces["tr-"+hex(4)].Spans[0].Name)
			require.JSONEq(t, `{"q": 4}`, string(traces["tr-"+hex(4)].Spans[0].Attributes[0].Raw))
			require.Equal(t, c.long, w.Count(http.MethodPost, "/api/4.0/mlflow/traces/search-long-running"))
			require.NotEmpty(t, w.StorageRequests())
			for _, r := range w.StorageRequests() {
				require.Empty(t, r.Header.Get("Authorization"), "the token stays with the workspace")
				require.Empty(t, r.Header.Get("X-Gateway-Key"), "so does every configured header")
				require.NotEqual(t, http.StatusBadRequest, r.Status)
			}
		})
	}
}

// TestFilesThatCannotBeRead: each trace that can't be had has its reason.
func TestFilesThatCannotBeRead(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/plain", nil)
	id := func(i int) string { return "tr-" + hex(i) }
	for i := 1; i <= 7; i++ {
		ordinary(w, x, id(i), i, "", file(i))
	}
	w.RemoveFile(id(1), "traces.json")
	w.HideSpans(id(2))
	w.StoreFile(id(3), "traces.json", []byte("<html>"))
	w.StoreFile(id(4), "traces.json", []byte(`{"spans": [`))
	w.StoreFile(id(5), "traces.json", slices.Concat([]byte(`{"spans": ["`), make([]byte, 2<<20)))
	src := open(t, settings(w))
	traces, skipped, _ := read(t, src, mlflow.Range{ExperimentID: x}, 50)
	require.Len(t, traces, 2)
	reasons := map[string]mlflow.Reason{}
	for id, s := range skipped {
		reasons[id] = s.Reason
	}
	require.Equal(t, map[string]mlflow.Reason{id(1): mlflow.ArtifactMissing, id(2): mlflow.NoSpans, id(3): mlflow.Corrupt, id(4): mlflow.Corrupt, id(5): mlflow.TooLarge}, reasons)

	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.ExpiredURLs = 100 })
	_, skipped, _ = read(t, src, mlflow.Range{ExperimentID: x}, 50)
	require.Equal(t, mlflow.Unreachable, skipped[id(6)].Reason)
	require.NotContains(t, skipped[id(6)].Detail, "Signature")
	w.NullTrace(id(7))
	found, err := src.Lookup(context.Background(), []string{id(7), id(6)})
	require.NoError(t, err)
	require.Len(t, found, 1, "trace: null is a trace that is not there")
}

// TestInferenceTable reads a trace whose id is that of a request to a model, from the inference table that its metadata names.
func TestInferenceTable(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/plain", nil)
	const id = "0b6a26c0-6b6c-4d53-9b3f-3f9c1c6f2a11"
	ordinary(w, x, id, 1, `, "mlflow.sourceTable": "main.serving.payload", "mlflow.databricksRequestId": "req-1"`, []byte(`{"spans": [{"name": "served", "context": {"span_id": "0x000000000000000a",
		"trace_id": "0x0000000000000000000000000000000b"}, "parent_id": null, "start_time": 1, "end_time": 2, "status_code": "OK", "status_message": "", "attributes": {}, "events": []}]}`))
	const lost = "0b6a26c0-6b6c-4d53-9b3f-3f9c1c6f2a12"
	ordinary(w, x, lost, 2, `, "mlflow.sourceTable": "main.serving.payload", "mlflow.databricksRequestId": "req-2"`, nil)
	traces, skipped, _ := read(t, open(t, settings(w)), mlflow.Range{ExperimentID: x}, 10)
	require.Equal(t, "served", traces[id].Spans[0].Name)
	require.Equal(t, [16]byte{15: 0xb}, traces[id].Spans[0].TraceID)
	require.Equal(t, mlflow.NoSpans, skipped[lost].Reason)
	require.Empty(t, w.StorageRequests())
}

// TestPatience: quotas, a warehouse that starts slowly and a workspace that is away for a moment are waited for.
func TestPatience(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 25; i++ {
		w.AddRows(spans, row(i, 1, 0, nil))
	}
	var mu sync.Mutex
	left := map[string]int{"batchGet": 4, "search-long-running": 3, "operations": 2}
	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.RunningPolls = 5 })
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		for name := range left {
			if strings.Contains(r.URL.Path, name) && left[name] > 0 {
				left[name]--
				switch left[name] % 3 {
				case 0:
					return &databrickstest.Fault{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Body: "The SQL warehouse is starting"}
				case 1:
					return &databrickstest.Fault{Status: http.StatusTooManyRequests, Code: "REQUEST_LIMIT_EXCEEDED", Body: "Too many requests"}
				}
				return &databrickstest.Fault{Reset: true}
			}
		}
		return nil
	})
	s := settings(w)
	traces, skipped, _ := read(t, open(t, s), mlflow.Range{ExperimentID: x}, 50)
	require.Len(t, traces, 25)
	require.Empty(t, skipped)
	require.Equal(t, map[string]int{"batchGet": 0, "search-long-running": 0, "operations": 0}, left)
	require.GreaterOrEqual(t, s.Observer.(*heard).retries, 6)
}

// TestColdWarehouse: a SQL warehouse that has to start is waited for, by searches and by what reads whole traces.
func TestColdWarehouse(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 25; i++ {
		w.AddRows(spans, row(i, 1, 0, nil))
	}
	src := open(t, settings(w))
	cold := databrickstest.Warehouse{ID: warehouse, State: "STOPPED", StartsIn: 300 * time.Millisecond}
	w.SetWarehouse(cold)
	infos, err := src.Infos(context.Background(), mlflow.Range{ExperimentID: x}, mlflow.Position{}, 50)
	require.NoError(t, err)
	require.Len(t, infos, 25)
	require.NotZero(t, w.Count(http.MethodGet, "/api/4.0/mlflow/traces/search/operations/"))
	w.SetWarehouse(cold)
	read := 0
	require.NoError(t, src.Traces(context.Background(), infos, func(int, *mlflow.Trace, *mlflow.Skip) error { read++; return nil }))
	require.Equal(t, 25, read)
	require.Equal(t, "RUNNING", w.WarehouseState(warehouse))
}

// TestQuotas: the workspace's quotas are never reached, so that nobody else is refused because of us.
func TestQuotas(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 60; i++ {
		w.AddRows(spans, row(i, 1, 0, nil))
	}
	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.SearchesPerSecond, s.DownloadsPerSecond = 25, 200 })
	traces, _, _ := read(t, open(t, settings(w)), mlflow.Range{ExperimentID: x}, 1)
	require.Len(t, traces, 60)
	require.Greater(t, w.Count(http.MethodPost, "/api/4.0/mlflow/traces/search-long-running"), 50)
	for _, r := range w.Requests() {
		require.NotEqual(t, http.StatusTooManyRequests, r.Status)
	}
}

// TestRefusals: what is wrong is said once, in words that name the key.
func TestRefusals(t *testing.T) {
	ctx := context.Background()
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	w.AddToken("other", "other@example.com")
	for _, c := range []struct {
		name   string
		change func(*Settings)
		kind   rest.Kind
		text   string
	}{
		{"wrong token", func(s *Settings) { s.Databricks.SignIn.Credentials.Token = "wrong" }, rest.Credentials, "databricks::auth"},
		{"no grant", func(s *Settings) { s.Databricks.SignIn.Credentials.Token = "other" }, rest.Permission, "User does not have"},
		{"no warehouse", func(s *Settings) { s.Databricks.Warehouse = "" }, rest.BadRequest, "set sql_warehouse_id"},
		{"wrong secret", func(s *Settings) {
			s.Databricks.SignIn.Credentials = signin.Credentials{ClientID: "app", ClientSecret: "wrong"}
		}, rest.Credentials, "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings(w)
			c.change(&s)
			src := open(t, s)
			_, err := src.Infos(ctx, mlflow.Range{ExperimentID: x}, mlflow.Position{}, 10)
			var e *rest.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.kind, e.Kind, e.Error())
			require.ErrorContains(t, err, c.text)
			require.True(t, e.Permanent())
			require.NotContains(t, err.Error(), "wrong")
			require.Zero(t, s.Observer.(*heard).retries)
		})
	}
	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.NoSearchV4 = true })
	_, err := open(t, settings(w)).Infos(ctx, mlflow.Range{ExperimentID: x}, mlflow.Position{}, 10)
	require.ErrorContains(t, err, "Unity Catalog (main.traces.agent), and this workspace has no route to search there yet")

	d, err := open(t, settings(w)).Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, mlflow.Description{Kind: "MLflow on Databricks", Location: w.URL()}, d)
}

// extension is a host with an authenticator.
type extension struct {
	component.Component
	session *signin.Session
}

func (e extension) Session() *signin.Session { return e.session }

func (e extension) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return e.session.RoundTripper(base), nil
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// TestExtension reads by an authenticator extension, whose host is used.
func TestExtension(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	w.AddRows(spans, row(1, 1, 0, nil))
	w.AddServicePrincipal("app", "s3cret")
	w.Grant("app", "main", "USE_CATALOG", "USE_SCHEMA", "SELECT")
	session, err := signin.New(signin.Config{Host: w.URL(), Credentials: signin.Credentials{ClientID: "app", ClientSecret: "s3cret"}}, signin.Settings{})
	require.NoError(t, err)
	defer session.Close()
	id := component.MustNewID("databricks_auth")
	s := settings(w)
	s.Databricks.SignIn = signin.Config{}
	s.HTTP.Auth = configoptional.Some(configauth.Config{AuthenticatorID: id})
	s.Host = host{id: extension{session: session}}
	src, about, err := Open(context.Background(), s)
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	require.Equal(t, "extension databricks_auth", about.Authentication)
	require.Equal(t, "databricks:"+w.URL(), about.Identity)
	traces, _, _ := read(t, src, mlflow.Range{ExperimentID: x}, 10)
	require.Len(t, traces, 1)
	for _, r := range w.RequestsTo("", "/api/4.0/") {
		require.Equal(t, "app", r.Principal)
	}

	s.Host = componenttest.NewNopHost()
	_, _, err = Open(context.Background(), s)
	require.ErrorContains(t, err, `the extension "databricks_auth" is not there`)
}

// TestNothingAmbient: what the environment says of Databricks is not used.
func TestNothingAmbient(t *testing.T) {
	other, w := workspace(t), workspace(t)
	t.Setenv("DATABRICKS_HOST", other.URL())
	t.Setenv("DATABRICKS_TOKEN", "from the environment")
	t.Setenv("MLFLOW_TRACING_SQL_WAREHOUSE_ID", "from the environment")
	s := settings(w)
	require.NoError(t, ValidateDatabricks(s.URI, s.Databricks, &s.HTTP))
	_, err := open(t, s).Describe(context.Background())
	require.NoError(t, err)
	require.Empty(t, other.Requests())
	require.NotEmpty(t, w.Requests())

	s.Databricks.SignIn.Host = ""
	err = ValidateDatabricks(s.URI, s.Databricks, &s.HTTP)
	require.ErrorContains(t, err, "databricks::host: required")
	require.ErrorContains(t, err, "Neither DATABRICKS_HOST nor the profile DEFAULT is used unasked")
}

// TestProfile reads by a profile that the URI names.
func TestProfile(t *testing.T) {
	w := workspace(t)
	path := filepath.Join(t.TempDir(), "databrickscfg")
	require.NoError(t, os.WriteFile(path, []byte("[DEFAULT]\nhost = http://127.0.0.1:1\ntoken = x\n\n[lab]\nhost = "+w.URL()+"\ntoken = "+databrickstest.AdminToken+"\n"), 0o600))
	s := settings(w)
	s.URI, s.Databricks.SignIn = "databricks://lab", signin.Config{Credentials: signin.Credentials{ConfigFile: path}}
	require.NoError(t, ValidateDatabricks(s.URI, s.Databricks, &s.HTTP))
	d, err := open(t, s).Describe(context.Background())
	require.NoError(t, err)
	require.Equal(t, w.URL(), d.Location)

	s.URI = "databricks://other"
	_, _, err = Open(context.Background(), s)
	require.ErrorContains(t, err, "other")
}

func TestValidateDatabricks(t *testing.T) {
	header := confighttp.ClientConfig{Headers: configopaque.MapList{{Name: "authorization", Value: "Bearer x"}}}
	auth := confighttp.ClientConfig{Auth: configoptional.Some(configauth.Config{AuthenticatorID: component.MustNewID("databricks_auth")})}
	good := signin.Config{Host: "https://dbc-1.cloud.databricks.com", Credentials: signin.Credentials{Token: "x"}}
	for _, c := range []struct {
		uri  string
		cfg  signin.Config
		http confighttp.ClientConfig
		err  string
	}{
		{"databricks", good, confighttp.ClientConfig{}, ""},
		{"databricks://prod", signin.Config{}, confighttp.ClientConfig{}, ""},
		{"databricks", signin.Config{Profile: "prod"}, confighttp.ClientConfig{}, ""},
		{"databricks", signin.Config{}, auth, ""},
		{"http://localhost:5000", signin.Config{}, confighttp.ClientConfig{}, ""},
		{"databricks", good, auth, "http::auth: databricks_auth signs the requests"},
		{"databricks://prod", signin.Config{}, auth, "http::auth: databricks_auth signs the requests"},
		{"databricks", good, header, "databricks::auth::token"},
		{"databricks://prod", signin.Config{Profile: "test"}, confighttp.ClientConfig{}, `databricks::profile: "test", but tracking_uri names "prod"`},
		{"databricks", signin.Config{Host: "http://dbc-1.cloud.databricks.com"}, confighttp.ClientConfig{}, "databricks::host: "},
		{"databricks", signin.Config{Host: "https://dbc-1.cloud.databricks.com"}, confighttp.ClientConfig{}, "databricks::"},
	} {
		err := ValidateDatabricks(c.uri, Databricks{SignIn: c.cfg}, &c.http)
		if c.err == "" {
			require.NoError(t, err, c.uri)
			continue
		}
		require.ErrorContains(t, err, c.err)
	}
	for uri, text := range map[string]string{
		"databricks://scope:key": "secret scope", "databricks-uc": "registry of models", "databricks://": "names no workspace", "databricks://a/b": "names no workspace",
		"databricks:prod": "names no workspace", "databricksx": "no scheme",
	} {
		require.ErrorContains(t, Validate(uri), text, uri)
	}
}
