// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// missing is a source in which things happen between runs.
type missing interface {
	url() string
	experiment(t testing.TB, name string) (id string)
	// write writes a trace, or changes it, and returns its id.
	write(t testing.TB, c clientTrace, experiment string) (id string)
	// replace makes the experiment another one with the same id.
	replace(t testing.TB, experiment string)
}

// clientTrace is what a client writes.
type clientTrace struct {
	number   int
	start    time.Time
	duration time.Duration
	spans    int
}

var clientTraces atomic.Uint32

func newClientTrace(age time.Duration) clientTrace {
	return clientTrace{int(clientTraces.Add(1)), time.Now().Add(-age), time.Minute, 2}
}

// scripted answers as servers of 2.14.3 do.
type scripted struct{ *mlflowtest.Server }

func (s scripted) url() string { return s.URL() }

func (s scripted) experiment(_ testing.TB, name string) string {
	id := strconv.Itoa(int(clientTraces.Add(1)))
	s.AddExperiment(mlflowtest.Experiment{ID: id, Name: name, Created: 1_700_000_000_000})
	return id
}

func (s scripted) write(_ testing.TB, c clientTrace, experiment string) string {
	trace := s.Synthetic(experiment, c.number, c.spans, 10)
	trace.Timestamp, trace.Duration = c.start.UnixMilli(), c.duration.Milliseconds()
	s.Add(trace)
	return trace.ID
}

func (s scripted) replace(_ testing.TB, experiment string) {
	s.ChangeExperiment(experiment, func(x *mlflowtest.Experiment) { x.Created += 1000 })
}

// trackingServer is a server of 3.2 or later. Traces are written as its clients do: spans, into the database from
// 3.6 on, else into a file, and the info.
type trackingServer struct{ *mlflowserver.Server }

func (s trackingServer) url() string { return s.URL }

func (s trackingServer) experiment(t testing.TB, name string) string {
	t.Helper()
	return experiment(t, s.Server, name)
}

func (s trackingServer) replace(t testing.TB, experiment string) {
	t.Helper()
	store := openStore(t, filepath.Join(s.Dir, "mlflow.db"))
	store.exec(`PRAGMA busy_timeout = 60000`)
	store.exec(`UPDATE experiments SET creation_time = creation_time + 1000 WHERE experiment_id = ?`, experiment)
}

func (s trackingServer) write(t testing.TB, c clientTrace, experiment string) string {
	t.Helper()
	id := fmt.Sprintf("tr-%032x", c.number+1<<40)
	old := strings.HasPrefix(s.Version, "3.4.")
	if !old {
		s.exportSpans(t, c, id, experiment)
	}
	post(t, s.Server, "/api/3.0/mlflow/traces", map[string]any{"trace": map[string]any{"trace_info": map[string]any{
		"trace_id": id,
		"trace_location": map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]any{"experiment_id": experiment}},
		"request_time":       c.start.UTC().Format("2006-01-02T15:04:05.000Z"),
		"execution_duration": fmt.Sprintf("%.3fs", c.duration.Seconds()),
		"state":              "OK",
		"trace_metadata": map[string]any{"mlflow.trace_schema.version": "3",
			"mlflow.trace.sizeStats": fmt.Sprintf(`{"num_spans": %d}`, c.spans)},
		"tags": map[string]any{"mlflow.traceName": "written"},
	}}})
	if old {
		s.storeSpans(t, c, id, experiment)
	}
	return id
}

// exportSpans writes the spans of a trace into the database.
func (s trackingServer) exportSpans(t testing.TB, c clientTrace, id, experiment string) {
	t.Helper()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	var trace pcommon.TraceID
	require.NoError(t, unhex(trace[:], id[3:]))
	for n := range c.spans {
		span := spans.AppendEmpty()
		span.SetTraceID(trace)
		span.SetSpanID(pcommon.SpanID{byte(n + 1)})
		if n > 0 {
			span.SetParentSpanID(pcommon.SpanID{1})
		}
		span.SetName("written")
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(c.start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(c.start.Add(c.duration)))
	}
	export(t, s.Server, mlflowserver.Login{}, experiment, td)
}

// storeSpans writes the file of spans of a trace.
func (s trackingServer) storeSpans(t testing.TB, c clientTrace, id, experiment string) {
	t.Helper()
	encode := func(hex string) string {
		b := make([]byte, len(hex)/2)
		require.NoError(t, unhex(b, hex))
		return base64.StdEncoding.EncodeToString(b)
	}
	spans := make([]any, c.spans)
	for n := range spans {
		span := map[string]any{
			"trace_id": encode(id[3:]), "span_id": encode(fmt.Sprintf("%016x", n+1)), "parent_span_id": nil,
			"name": "written", "start_time_unix_nano": c.start.UnixNano(),
			"end_time_unix_nano": c.start.Add(c.duration).UnixNano(),
			"status":             map[string]any{"code": "STATUS_CODE_OK", "message": ""}, "events": []any{},
			"attributes": map[string]any{"mlflow.traceRequestId": strconv.Quote(id)},
		}
		if n > 0 {
			span["parent_span_id"] = encode(fmt.Sprintf("%016x", 1))
		}
		spans[n] = span
	}
	body, err := json.Marshal(map[string]any{"spans": spans})
	require.NoError(t, err)
	place := fmt.Sprintf("%s/api/2.0/mlflow-artifacts/artifacts/%s/traces/%s/artifacts/traces.json",
		s.URL, experiment, id)
	request, err := http.NewRequest(http.MethodPut, place, bytes.NewReader(body))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	content, _ := io.ReadAll(answer.Body)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", content)
}

// gateway is a server in front of an MLflow server that cuts its answers while told to.
type gateway struct {
	*httptest.Server
	hidden  atomic.Pointer[string] // trace that is left out of pages with others
	without atomic.Pointer[string] // trace whose last span is left out
}

func newGateway(t testing.TB, to string) *gateway {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	g := &gateway{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			body = g.cut(r.Request, body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
	}
	g.Server = httptest.NewServer(proxy)
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) cut(r *http.Request, body []byte) []byte {
	var doc map[string]any
	if json.Unmarshal(body, &doc) != nil {
		return body
	}
	traces, _ := doc["traces"].([]any)
	if id := g.hidden.Load(); id != nil && len(traces) > 1 {
		doc["traces"] = slices.DeleteFunc(traces, func(trace any) bool {
			m := trace.(map[string]any)
			return m["trace_id"] == *id || m["request_id"] == *id
		})
	}
	if id := g.without.Load(); id != nil {
		if strings.Contains(r.URL.RawQuery, *id) { // of one trace
			cutSpans(doc)
			if trace, ok := doc["trace"].(map[string]any); ok {
				cutSpans(trace)
			}
		}
		for _, trace := range traces { // of several
			m := trace.(map[string]any)
			if info, ok := m["trace_info"].(map[string]any); ok && info["trace_id"] == *id {
				cutSpans(m)
			}
		}
	}
	if g.hidden.Load() == nil && g.without.Load() == nil {
		return body
	}
	cut, err := json.Marshal(doc)
	if err != nil {
		return body
	}
	return cut
}

func cutSpans(m map[string]any) {
	if spans, ok := m["spans"].([]any); ok {
		m["spans"] = spans[:len(spans)-1]
	}
}

// Whatever happens between two runs, or to the answers of a server: each trace and span arrives by the
// next run, or the headline says what is missing and the exit status is 1.
func TestNothingIsMissedInSilence(t *testing.T) {
	t.Parallel()
	t.Run(mlflowserver.Database, func(t *testing.T) {
		t.Parallel()
		s, err := start(mlflowserver.Database, filepath.Join(work, "missed"))
		require.NoError(t, err)
		old := strings.HasPrefix(s.Version, "3.4.") || strings.HasPrefix(s.Version, "3.6.")
		requireNothingMissed(t, trackingServer{s}, map[string]string{"REST": s.URL, "SQLite": s.SQLite()}, !old, true)
	})
	t.Run("2.14.3", func(t *testing.T) {
		t.Parallel()
		s := mlflowtest.New("2.14.3")
		t.Cleanup(s.Close)
		requireNothingMissed(t, scripted{s}, map[string]string{"REST": s.URL()}, false, false)
	})
}

// requireNothingMissed plays it on each way to read a source. counts says that its server counts traces
// by day, tells that the metadata of traces tells the number of their spans.
func requireNothingMissed(t *testing.T, s missing, ways map[string]string, counts, tells bool) {
	type run struct {
		*testing.T
		id     string // of the experiment
		sink   *otlpsink.Sink
		dir    string
		config collector.Config
	}
	// begin makes an experiment with 30 traces and delivers it.
	begin := func(t *testing.T, source string) run {
		r := run{T: t, sink: otlpsink.New(t), dir: t.TempDir(), id: s.experiment(t, t.Name())}
		for i := range 30 {
			s.write(t, newClientTrace(time.Duration(1+i)*24*time.Hour), r.id)
		}
		r.config = collector.Backfill(source, r.dir).ToOTLP(r.sink.URL, nil).
			Set("receivers::mlflow::experiments::names", []any{t.Name()})
		p := collector.Run(t, r.dir, r.config, 0)
		require.True(t, strings.HasPrefix(p.Out(), "complete: 30 of 30 traces"), p.Out())
		return r
	}
	again := func(r run, status int) string {
		first, _, _ := strings.Cut(collector.Run(r.T, r.dir, r.config, status).Out(), "\n")
		return first
	}
	for name, source := range ways {
		t.Run("late "+name, func(t *testing.T) {
			r := begin(t, source)
			for _, age := range []time.Duration{2 * time.Minute, 50 * time.Hour, 40 * 24 * time.Hour} {
				s.write(t, newClientTrace(age), r.id)
			}
			assert.Contains(t, again(r, 0), "complete: 3 of 3 traces")
			assert.Len(t, r.sink.Spans(), 66)
			requireOnce(t, r.sink.Spans())
			assert.Contains(t, again(r, 0), "complete: nothing new")
		})
		t.Run("grown "+name, func(t *testing.T) {
			r := begin(t, source)
			trace := newClientTrace(time.Hour)
			s.write(t, trace, r.id)
			again(r, 0)
			trace.spans, trace.duration = 3, 50*time.Minute
			s.write(t, trace, r.id)
			again(r, 0)
			assert.Len(t, r.sink.Spans(), 63)
			assert.Contains(t, again(r, 0), "complete: nothing new")
		})
		t.Run("replaced "+name, func(t *testing.T) {
			r := begin(t, source)
			s.replace(t, r.id)
			assert.Contains(t, again(r, 1), "the source was replaced")
		})
		t.Run("emptied "+name, func(t *testing.T) {
			r := begin(t, source)
			require.NoError(t, os.RemoveAll(filepath.Join(r.dir, "position")))
			assert.Contains(t, again(r, 0), "the storage is new, so this run begins again")
		})
	}
	t.Run("short pages", func(t *testing.T) {
		g := newGateway(t, s.url())
		r := begin(t, g.URL)
		id := s.write(t, newClientTrace(36*time.Hour), r.id)
		g.hidden.Store(&id)
		first := again(r, 1)
		if counts {
			assert.Contains(t, first, " traces, ")
			assert.Contains(t, first, "the source has ")
		} else {
			assert.Contains(t, first, "the source has another number")
		}
		g.hidden.Store(nil)
		assert.Contains(t, again(r, 0), "complete: 1 of 1 trace ")
		assert.Len(t, r.sink.Spans(), 62)
	})
	if !tells {
		return
	}
	t.Run("spans cut out", func(t *testing.T) {
		g := newGateway(t, s.url())
		r := begin(t, g.URL)
		id := s.write(t, newClientTrace(36*time.Hour), r.id)
		g.without.Store(&id)
		assert.Contains(t, again(r, 1), "1 lack spans: trace "+id+": 1 of 2 spans came")
		g.without.Store(nil)
		again(r, 0)
		assert.Len(t, r.sink.Spans(), 62)
	})
}
