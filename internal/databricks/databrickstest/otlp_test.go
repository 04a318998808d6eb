// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

var pre = unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}

const spansTable = "cat.sch.pre_otel_spans"

// ready is a workspace with the tables of cat.sch.pre, where Admin may write.
func ready(t *testing.T, o ...Options) *Workspace {
	w := start(t, o...)
	w.CreateTables(pre, unity.LayoutV2)
	w.GrantWriting(Admin, spansTable, "cat.sch.pre_otel_logs", "cat.sch.pre_otel_metrics")
	return w
}

// spans is a request body with one span for each trace.
func spans(t *testing.T, traces ...byte) []byte {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for _, id := range traces {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{15: id})
		s.SetSpanID(pcommon.SpanID{7: id})
		s.SetStartTimestamp(1795237484937883886)
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	return body
}

func post(t *testing.T, w *Workspace, path, table string, body []byte) reply {
	return send(t, "POST", w.URL()+path, AdminToken, map[string]string{"Content-Type": "application/x-protobuf",
		tableHeader: table}, body)
}

// TestRecordedRequest replays what MLflow's own client sent and finds the row that the
// documentation's rules give.
func TestRecordedRequest(t *testing.T) {
	w := ready(t)
	got := replay(t, w.URL(), AdminToken, fixture(t, "10_otlp_traces_request_mlflow.json")["export"])
	requireAnswer(t, fixture(t, "11_otlp_responses_workspace.json")["ok_empty"], got)
	require.Empty(t, got.body)
	require.Equal(t, Ingested{Requests: 1, Written: 3}, w.Ingested(spansTable))

	text, err := os.ReadFile("testdata/51_spans_row_v2.json")
	require.NoError(t, err)
	want := jsonOf(t, string(text)).(map[string]any)["row"].(map[string]any)
	rows := w.Rows(spansTable)
	require.Len(t, rows, 3)
	require.Less(t, rows[0]["record_id"], rows[1]["record_id"])
	require.Less(t, rows[1]["record_id"], rows[2]["record_id"])
	body, err := json.Marshal(rows[2])
	require.NoError(t, err)
	row := jsonOf(t, string(body)).(map[string]any)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`, row["record_id"])
	for column, value := range want {
		switch column {
		case "record_id": // made up
		case "attributes": // the fixture names five of them
			for k, v := range value.(map[string]any) {
				require.Equal(t, v, row["attributes"].(map[string]any)[k], k)
			}
			require.Len(t, row["attributes"], 8)
		case "resource": // and one here
			require.Equal(t, "mlflow",
				row["resource"].(map[string]any)["attributes"].(map[string]any)["telemetry.sdk.name"])
		default:
			require.Equal(t, value, row[column], column)
		}
	}
	require.Len(t, row, len(want))
	require.Len(t, row, len(catalog.OTelColumns(unity.SignalSpans, unity.LayoutV2)))
	require.Equal(t, map[string]any{"x": int64(1)}, rows[0]["attributes"].(map[string]any)["mlflow.spanInputs"])
	require.Equal(t, "f46bc5a933edd159", rows[0]["parent_span_id"])
}

var requestID = regexp.MustCompile(`\[ReqId: [0-9a-f-]{36}\]`)

// TestAnswers brings each answer of fixture 11 about and compares it.
func TestAnswers(t *testing.T) {
	answers := fixture(t, "11_otlp_responses_workspace.json")
	for name, arrange := range map[string]func(*Workspace){
		"ok_empty":            func(*Workspace) {},
		"ok_silently_dropped": func(w *Workspace) { w.SetOutcome("", SilentDrop) },
		"partial_success":     func(w *Workspace) { w.SetOutcome(spansTable, Partly(2)) },
		"schema_mismatch": func(w *Workspace) {
			w.DropColumn(spansTable, "flags")
			w.DropColumn(spansTable, "dropped_attributes_count")
		},
		"missing_table_header": func(*Workspace) {},
		"pat_rejected":         func(w *Workspace) { w.Set(func(s *Switches) { s.RefusePATOnOTLP = true }) },
		"token_expired":        func(w *Workspace) { w.RevokeTokens(Admin) },
		"permission_denied":    func(w *Workspace) { w.Revoke(Admin, spansTable, "MODIFY") },
		"endpoint_absent":      func(w *Workspace) { w.Set(func(s *Switches) { s.PreviewOff = true }) },
		"table_missing":        func(w *Workspace) { w.DropTable(spansTable) },
		"too_large":            func(w *Workspace) { w.Set(func(s *Switches) { s.MaxBody = 10 }) },
		"rate_limited":         func(w *Workspace) { w.SetOutcome("", Throttle("1")) },
		"unavailable":          func(w *Workspace) { w.SetOutcome("", Outcome{Status: 503, RetryAfter: "1"}) },
		"html_502":             func(w *Workspace) { w.SetOutcome("", Outcome{Status: 502, HTML: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			e, ok := answers[name]
			require.True(t, ok)
			w := ready(t)
			arrange(w)
			header := map[string]string{}
			maps.Copy(header, e.Request.Headers)
			delete(header, "Authorization")
			got := send(t, "POST", w.URL()+e.Request.Path, AdminToken, header, spans(t, 1, 2, 3))
			if name == "partial_success" { // the order of fields on the wire is free
				got.body = canonical(t, got.body)
				require.Equal(t, canonical(t, bytesOf(t, e.Response.Body)), got.body)
				e.Response.Body = nil
			}
			if name == "token_expired" {
				got.body = requestID.ReplaceAll(got.body, []byte("[ReqId: {id}]"))
			}
			requireAnswer(t, e, got)
			switch name {
			case "ok_empty":
				require.Len(t, w.Rows(spansTable), 3)
			case "partial_success":
				require.Len(t, w.Rows(spansTable), 1)
				require.Equal(t, Ingested{Requests: 1, Written: 1, Rejected: 2}, w.Ingested(spansTable))
			case "ok_silently_dropped":
				require.Empty(t, w.Rows(spansTable))
				require.Equal(t, Ingested{Requests: 1, Dropped: 3}, w.Ingested(spansTable))
			default:
				require.Empty(t, w.Rows(spansTable))
				require.Zero(t, w.Ingested(spansTable).Written)
			}
		})
		delete(answers, name)
	}
	require.Empty(t, answers, "each answer of the fixture is tried")
}

// canonical writes an answer of OTLP in one way.
func canonical(t *testing.T, body []byte) []byte {
	r := ptraceotlp.NewExportResponse()
	require.NoError(t, r.UnmarshalProto(body))
	require.NotZero(t, r.PartialSuccess().RejectedSpans())
	out, err := r.MarshalProto()
	require.NoError(t, err)
	return out
}

func TestRefusals(t *testing.T) {
	w := ready(t)
	const path = "/api/2.0/otel/v1/traces"
	w.AddToken("dapi-all", "greedy@example.com")
	w.Grant("greedy@example.com", spansTable, "ALL_PRIVILEGES")
	w.Grant("greedy@example.com", "cat", "ALL PRIVILEGES")
	for name, c := range map[string]struct {
		path, token string
		header      map[string]string
		body        []byte
		status      int
		message     string
	}{
		"table of another signal": {header: map[string]string{tableHeader: "cat.sch.pre_otel_logs"}, status: 400,
			message: "must end in _otel_spans"},
		"several tables": {header: map[string]string{tableHeader: "cat.sch.a_otel_spans, cat.sch.b_otel_spans"},
			status: 400, message: "names several"},
		"no name": {header: map[string]string{tableHeader: "pre_otel_spans"}, status: 400,
			message: "not a valid name"},
		"json": {header: map[string]string{"Content-Type": "application/json"}, status: 415,
			message: "application/json"},
		"deflate": {header: map[string]string{"Content-Encoding": "deflate"}, status: 415,
			message: "deflate"},
		"garbage": {body: []byte("\xff\xff"), status: 400, message: "ExportTraceServiceRequest"},
		"no gzip": {header: map[string]string{"Content-Encoding": "gzip"}, status: 400, message: "no gzip"},
		"all privileges": {token: "dapi-all", status: 403,
			message: "does not have MODIFY on Table 'cat.sch.pre_otel_spans'"},
		"nobody":              {token: "dapi-unknown", status: 403, message: "Invalid access token"},
		"the path of Zerobus": {path: "/v1/traces", status: 404},
	} {
		if c.path == "" {
			c.path = path
		}
		if c.token == "" {
			c.token = AdminToken
		}
		header := map[string]string{"Content-Type": "application/x-protobuf", tableHeader: spansTable}
		maps.Copy(header, c.header)
		if c.body == nil {
			c.body = spans(t, 1)
		}
		got := send(t, "POST", w.URL()+c.path, c.token, header, c.body)
		require.Equal(t, c.status, got.status, "%s: %s", name, got.body)
		require.Contains(t, string(got.body), c.message, name)
	}
	require.Empty(t, w.Rows(spansTable))
	require.Equal(t, "greedy@example.com", func() string {
		for _, r := range w.Requests() {
			if r.Status == 403 && r.Principal != "" {
				return r.Principal
			}
		}
		return ""
	}())
	require.Equal(t, http.StatusOK, post(t, w, path, spansTable, nil).status, "an empty body is no error")
	require.Equal(t, http.StatusOK, post(t, w, "/api/2.0/tracing/otel/v1/traces", spansTable, spans(t, 1)).status,
		"the variant path")
}

func TestGrantsForWriting(t *testing.T) {
	for _, c := range []struct {
		name  string
		grant func(*Workspace)
		want  string
	}{
		{"nothing", func(*Workspace) {}, "MODIFY on Table"},
		{"no SELECT", func(w *Workspace) { w.Grant("app", spansTable, "MODIFY") }, "SELECT on Table"},
		{"no USE SCHEMA", func(w *Workspace) { w.Grant("app", spansTable, "MODIFY", "SELECT") },
			"USE SCHEMA on Schema 'cat.sch'"},
		{"no USE CATALOG", func(w *Workspace) {
			w.Grant("app", spansTable, "MODIFY", "SELECT")
			w.Grant("app", "cat.sch", "USE_SCHEMA")
		}, "USE CATALOG on Catalog 'cat'"},
		{"inherited", func(w *Workspace) { w.Grant("app", "cat", "USE CATALOG", "USE SCHEMA", "MODIFY", "SELECT") },
			"MODIFY on Table"},
		{"inherited, allowed", func(w *Workspace) {
			w.Set(func(s *Switches) { s.InheritedGrants = true })
			w.Grant("app", "cat", "USE CATALOG", "USE SCHEMA", "MODIFY", "SELECT")
		}, ""},
		{"of a group", func(w *Workspace) { w.JoinGroup("app", "writers"); w.GrantWriting("writers", spansTable) }, ""},
		{"all", func(w *Workspace) { w.GrantWriting("app", spansTable) }, ""},
		{"silent", func(w *Workspace) { w.Set(func(s *Switches) { s.NoGrantStatus = 200 }) }, "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ready(t)
			w.AddToken("dapi-app", "app")
			c.grant(w)
			got := send(t, "POST", w.URL()+"/api/2.0/otel/v1/traces", "dapi-app",
				map[string]string{"Content-Type": "application/x-protobuf",
					tableHeader: spansTable}, spans(t, 1))
			switch c.want {
			case "":
				require.Equal(t, 200, got.status, string(got.body))
				require.Len(t, w.Rows(spansTable), 1)
			case "-":
				require.Equal(t, 200, got.status)
				require.Empty(t, w.Rows(spansTable))
			default:
				require.Equal(t, 403, got.status)
				require.Contains(t, string(got.body), c.want)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	c := newClock()
	w := ready(t, Options{Clock: c.Now})
	const path = "/api/2.0/otel/v1/traces"
	w.NextOutcomes(spansTable, 2, Throttle("Sat, 21 Nov 2026 06:00:05 GMT"))
	w.NextOutcomes("", 1, Refuse(500))
	w.NextOutcomes(spansTable, 1, Outcome{Write: true, Status: 504})
	var statuses []int
	for range 5 {
		statuses = append(statuses, post(t, w, path, spansTable, spans(t, 1)).status)
	}
	require.Equal(t, []int{429, 429, 504, 500, 200}, statuses)
	require.Equal(t, Ingested{Requests: 5, Written: 2, Refused: 4}, w.Ingested(spansTable))

	w.NextOutcomes("", 1, Ambiguous)
	req, err := http.NewRequest(http.MethodPost, w.URL()+path, bytes.NewReader(spans(t, 9)))
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {"Bearer " + AdminToken}, "Content-Type": {"application/x-protobuf"},
		tableHeader: {spansTable}}
	_, err = http.DefaultTransport.RoundTrip(req)
	require.Error(t, err, "the connection is closed")
	require.Len(t, w.Rows(spansTable), 3, "but the row was written")

	w.NextOutcomes("", 1, Outcome{Garbage: true})
	require.Contains(t, string(post(t, w, path, spansTable, spans(t, 1)).body), "not an answer")

	release := make(chan struct{})
	w.SetOutcome(spansTable, Outcome{Until: release})
	done := make(chan int)
	go func() {
		defer close(done)
		done <- post(t, w, path, spansTable, spans(t, 1)).status
	}()
	require.Eventually(t, func() bool { return w.Ingested(spansTable).Requests == 8 }, 10*time.Second, time.Millisecond)
	require.Len(t, w.Rows(spansTable), 4)
	close(release)
	require.Equal(t, 200, <-done)
	require.Len(t, w.Rows(spansTable), 5)

	w.Set(func(s *Switches) { s.VisibleAfter = time.Minute })
	post(t, w, path, spansTable, spans(t, 1))
	require.Len(t, w.Rows(spansTable), 5)
	require.Len(t, w.WrittenRows(spansTable), 6)
	c.Advance(time.Minute)
	require.Len(t, w.Rows(spansTable), 6)
}

func TestQuota(t *testing.T) {
	c := newClock()
	w := ready(t, Options{Clock: c.Now})
	w.Set(func(s *Switches) { s.TracesPerSecond = 3 })
	const path = "/api/2.0/otel/v1/traces"
	require.Equal(t, 200, post(t, w, path, spansTable, spans(t, 1, 1, 2)).status)
	require.Equal(t, 200, post(t, w, path, spansTable, spans(t, 1, 2, 3)).status, "no new trace but one")
	got := post(t, w, path, spansTable, spans(t, 4))
	require.Equal(t, 429, got.status)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	c.Advance(time.Second)
	require.Equal(t, 200, post(t, w, path, spansTable, spans(t, 4)).status)
	require.Equal(t, 429, post(t, w, path, spansTable, spans(t, 5, 6, 7)).status)
	require.Len(t, w.Rows(spansTable), 7)
}

func TestGzip(t *testing.T) {
	w := ready(t)
	var z bytes.Buffer
	g := gzip.NewWriter(&z)
	_, err := g.Write(spans(t, 1))
	require.NoError(t, err)
	require.NoError(t, g.Close())
	header := map[string]string{"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip",
		tableHeader: spansTable}
	require.Equal(t, 200, send(t, "POST", w.URL()+"/api/2.0/otel/v1/traces", AdminToken, header, z.Bytes()).status)
	require.Len(t, w.Rows(spansTable), 1)
	w.Set(func(s *Switches) { s.RefuseGzip = true })
	require.Equal(t, 415, send(t, "POST", w.URL()+"/api/2.0/otel/v1/traces", AdminToken, header, z.Bytes()).status)
	require.Equal(t, z.Len(), w.Requests()[0].Size)
	require.Equal(t, z.Bytes(), w.Requests()[0].Body)
}

// TestWholeSpan has everything that a span can carry, in both layouts.
func TestWholeSpan(t *testing.T) {
	w := ready(t)
	w.CreateTables(pre, unity.LayoutV1)
	const legacy = "cat.sch.mlflow_experiment_trace_otel_spans"
	w.GrantWriting(Admin, legacy)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("https://resource")
	rs.Resource().Attributes().PutStr("service.name", "agent")
	rs.Resource().SetDroppedAttributesCount(1)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl("https://scope")
	ss.Scope().SetName("lib")
	ss.Scope().SetVersion("1.2")
	ss.Scope().Attributes().PutBool("b", true)
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetParentSpanID(pcommon.SpanID{3})
	s.TraceState().FromRaw("k=v")
	s.SetFlags(257)
	s.SetName("chat")
	s.SetKind(ptrace.SpanKindClient)
	s.SetStartTimestamp(1795237484937883886)
	s.SetEndTimestamp(1795237485000000001)
	s.SetDroppedAttributesCount(4)
	s.SetDroppedEventsCount(5)
	s.SetDroppedLinksCount(6)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("no")
	require.NoError(t, s.Attributes().FromRaw(map[string]any{"s": "x", "i": int64(1) << 60, "d": 0.5,
		"list": []any{"a", int64(1)},
		"map":  map[string]any{"k": nil}, "raw": []byte{1}}))
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(7)
	e.Attributes().PutStr("m", "boom")
	l := s.Links().AppendEmpty()
	l.SetTraceID(pcommon.TraceID{4})
	l.SetSpanID(pcommon.SpanID{5})
	l.SetFlags(8)
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	for _, table := range []string{spansTable, legacy} {
		require.Equal(t, 200, post(t, w, "/api/2.0/otel/v1/traces", table, body).status)
	}
	row := w.Rows(spansTable)[0]
	delete(row, "record_id")
	want := Row{
		"time": "2026-11-21T05:04:44.937883Z", "date": "2026-11-21", "service_name": "agent",
		"trace_id": "01000000000000000000000000000000", "span_id": "0200000000000000",
		"parent_span_id": "0300000000000000", "trace_state": "k=v",
		"flags": int64(257),
		"name":  "chat", "kind": "SPAN_KIND_CLIENT", "start_time_unix_nano": int64(1795237484937883886),
		"end_time_unix_nano": int64(1795237485000000001),
		"attributes": map[string]any{
			"s": "x", "i": int64(1) << 60, "d": 0.5, "list": []any{"a", int64(1)}, "map": map[string]any{"k": nil},
			"raw": "AQ==",
		},
		"dropped_attributes_count": int64(4), "dropped_events_count": int64(5), "dropped_links_count": int64(6),
		"events": []any{map[string]any{"time_unix_nano": int64(7), "name": "exception",
			"attributes":               map[string]any{"m": "boom"},
			"dropped_attributes_count": int64(0)}},
		"links": []any{map[string]any{
			"trace_id": "04000000000000000000000000000000", "span_id": "0500000000000000",
			"trace_state": "", "attributes": nil,
			"dropped_attributes_count": int64(0), "flags": int64(8),
		}},
		"status": map[string]any{"message": "no", "code": "STATUS_CODE_ERROR"},
		"resource": map[string]any{"attributes": map[string]any{"service.name": "agent"},
			"dropped_attributes_count": int64(1)}, "resource_schema_url": "https://resource",
		"instrumentation_scope": map[string]any{"name": "lib", "version": "1.2",
			"attributes":               map[string]any{"b": true},
			"dropped_attributes_count": int64(0)},
		"span_schema_url": "https://scope",
	}
	require.Equal(t, want, row)
	for _, c := range []string{"time", "date", "service_name"} {
		delete(want, c)
	}
	want["attributes"] = map[string]any{"s": "x", "i": "1152921504606846976", "d": "0.5", "list": `["a",1]`,
		"map": `{"k":null}`, "raw": "AQ=="}
	want["instrumentation_scope"].(map[string]any)["attributes"] = map[string]any{"b": "true"}
	require.Equal(t, want, w.Rows(legacy)[0])
	require.Len(t, w.Rows(legacy)[0], len(catalog.OTelColumns(unity.SignalSpans, unity.LayoutV1)))
}

func TestLogsAndMetrics(t *testing.T) {
	w := ready(t)
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "agent")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetObservedTimestamp(1795237484937883886)
	r.SetSeverityNumber(plog.SeverityNumberInfo2)
	r.SetEventName("e")
	r.Body().SetEmptyMap().PutInt("n", 1)
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)
	require.Equal(t, 200, post(t, w, "/api/2.0/otel/v1/logs", "cat.sch.pre_otel_logs", body).status)
	row := w.Rows("cat.sch.pre_otel_logs")[0]
	require.Len(t, row, len(catalog.OTelColumns(unity.SignalLogs, unity.LayoutV2)))
	require.Equal(t, "2026-11-21T05:04:44.937883Z", row["time"])
	require.Equal(t, "SEVERITY_NUMBER_INFO2", row["severity_number"])
	require.Equal(t, map[string]any{"n": int64(1)}, row["body"])
	require.Nil(t, row["trace_id"])

	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	m := ms.AppendEmpty()
	m.SetName("g")
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(3)
	m = ms.AppendEmpty()
	sum := m.SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	sum.SetIsMonotonic(true)
	p := sum.DataPoints().AppendEmpty()
	p.SetDoubleValue(1.5)
	p.Exemplars().AppendEmpty().SetIntValue(2)
	h := ms.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	h.SetCount(2)
	h.SetSum(7)
	h.BucketCounts().FromRaw([]uint64{1, 1})
	h.ExplicitBounds().FromRaw([]float64{5})
	x := ms.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	x.SetScale(3)
	x.Positive().BucketCounts().FromRaw([]uint64{4})
	q := ms.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty().QuantileValues().AppendEmpty()
	q.SetQuantile(0.5)
	q.SetValue(9)
	body, err = pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	require.Equal(t, 200, post(t, w, "/api/2.0/otel/v1/metrics", "cat.sch.pre_otel_metrics", body).status)
	rows := w.Rows("cat.sch.pre_otel_metrics")
	require.Len(t, rows, 5)
	for i, kind := range []string{"gauge", "sum", "histogram", "exponential_histogram", "summary"} {
		require.Len(t, rows[i], len(catalog.OTelColumns(unity.SignalMetrics, unity.LayoutV2)))
		require.Equal(t, kind, rows[i]["metric_type"])
		for _, other := range []string{"gauge", "sum", "histogram", "exponential_histogram", "summary"} {
			require.Equal(t, other == kind, rows[i][other] != nil, "%s of %s", other, kind)
		}
	}
	require.Equal(t, map[string]any{"value": 3.0, "exemplars": []any{}, "attributes": nil, "flags": int64(0)},
		rows[0]["gauge"])
	require.Equal(t, "AGGREGATION_TEMPORALITY_CUMULATIVE", rows[1]["sum"].(map[string]any)["aggregation_temporality"])
	require.Equal(t, []any{int64(1), int64(1)}, rows[2]["histogram"].(map[string]any)["bucket_counts"])
	require.Equal(t, map[string]any{"offset": int64(0), "bucket_counts": []any{int64(4)}},
		rows[3]["exponential_histogram"].(map[string]any)["positive_bucket"])
	require.Equal(t, []any{map[string]any{"quantile": 0.5, "value": 9.0}},
		rows[4]["summary"].(map[string]any)["quantile_values"])

	w.SetOutcome("", Partly(2))
	got := post(t, w, "/api/2.0/otel/v1/metrics", "cat.sch.pre_otel_metrics", body)
	metrics := pmetricotlp.NewExportResponse()
	require.NoError(t, metrics.UnmarshalProto(got.body))
	require.EqualValues(t, 2, metrics.PartialSuccess().RejectedDataPoints())
	require.Len(t, w.Rows("cat.sch.pre_otel_metrics"), 8)
	body, err = plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)
	got = post(t, w, "/api/2.0/otel/v1/logs", "cat.sch.pre_otel_logs", body)
	logs := plogotlp.NewExportResponse()
	require.NoError(t, logs.UnmarshalProto(got.body))
	require.EqualValues(t, 1, logs.PartialSuccess().RejectedLogRecords(), "no more than there are")
	require.Len(t, w.Rows("cat.sch.pre_otel_logs"), 1)
}
