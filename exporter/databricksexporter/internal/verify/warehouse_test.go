package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// scene is a workspace with a warehouse that understands the two statements of this package, and a clock that only sleeping moves.
type scene struct {
	t      *testing.T
	w      *databrickstest.Workspace
	http   *http.Client // signs
	client *databricks.Client

	mu         sync.Mutex
	now        time.Time
	slept      []time.Duration
	statements []string
	// pending is how often a statement is not ready yet; perChunk cuts results.
	pending, perChunk int
	// answer takes the place of a statement's result: the body of an answer 200, or "503 …".
	answer  func(statement string) string
	results map[string][]string // bodies still to come, by statement id
}

var begin = time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, now: begin, perChunk: 1 << 30, results: map[string][]string{}}
	s.w = databrickstest.New(databrickstest.Options{Clock: s.Now})
	t.Cleanup(s.w.Close)
	s.w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}, unity.V2)
	s.w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: "two"}, unity.V2)
	s.w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch"}, unity.V1)
	s.w.GrantWriting(databrickstest.Admin, one.String(), two.String(), old.String())
	s.w.SetFault(s.warehouse)
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	s.http = &http.Client{Transport: bearer{base}}
	var err error
	s.client, err = databricks.New(s.w.URL(), s.http, databricks.Settings{Sleep: s.Sleep})
	require.NoError(t, err)
	return s
}

func table(prefix string, layout unity.Layout) destination.Destination {
	l := unity.Location{Catalog: "cat", Schema: "sch", Prefix: prefix}
	return destination.Destination{Signal: unity.Spans, Layout: layout, Table: l.Table(unity.Spans, layout), Location: l}
}

var one, two, old = table("pre", unity.V2), table("two", unity.V2), table("", unity.V1)

type bearer struct{ base http.RoundTripper }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+databrickstest.AdminToken)
	return b.base.RoundTrip(r)
}

func (s *scene) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *scene) Sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
	s.slept = append(s.slept, d)
	return ctx.Err()
}

type ended bool

func (e ended) Finished() bool { return bool(e) }

func (s *scene) ledger(change ...func(*Settings)) *Ledger {
	set := Settings{Config: DefaultConfig(), Client: s.client, Ending: ended(true), Now: s.Now, Sleep: s.Sleep}
	set.Config.WarehouseID = "wh"
	for _, f := range change {
		f(&set)
	}
	return NewLedger(set)
}

// traces makes n traces of k spans, numbered from first.
func traces(first, n, k int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := first; i < first+n; i++ {
		for j := range k {
			s := spans.AppendEmpty()
			s.SetTraceID(traceID(i))
			s.SetSpanID(pcommon.SpanID{0, 0, 0, byte(i >> 16), byte(i >> 8), byte(i), byte(j >> 8), byte(j + 1)})
			s.SetName("span")
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Duration(i)*time.Minute - 1000*time.Hour)))
			s.SetEndTimestamp(s.StartTimestamp() + 1000)
		}
	}
	return td
}

func traceID(i int) pcommon.TraceID {
	return pcommon.TraceID{15: byte(i), 14: byte(i >> 8), 13: byte(i >> 16), 0: 0xab}
}

// send writes to the workspace as the exporter does, and tells the ledger.
func (s *scene) send(l *Ledger, d destination.Destination, td ptrace.Traces) {
	s.t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(s.t, err)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.w.URL()+"/api/2.0/otel/v1/traces", bytes.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("X-Databricks-UC-Table-Name", d.String())
	res, err := s.http.Do(r)
	require.NoError(s.t, err)
	answer, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	require.Equal(s.t, 200, res.StatusCode, "%s", answer)
	out := ptraceotlp.NewExportResponse()
	require.NoError(s.t, out.UnmarshalProto(answer))
	l.Acknowledged(d, td, out.PartialSuccess().RejectedSpans())
}

// warehouse answers statement execution.
func (s *scene) warehouse(r *http.Request) *databrickstest.Fault {
	path, ok := strings.CutPrefix(r.URL.Path, "/api/2.0/sql/statements")
	if !ok {
		return nil
	}
	body := `{"status":{"state":"CANCELED"}}`
	switch {
	case path == "":
		var in struct {
			Statement   string
			WarehouseID string `json:"warehouse_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		body = s.execute(in.Statement)
	case strings.HasSuffix(path, "/cancel"):
	default:
		s.mu.Lock()
		id := strings.Split(path, "/")[1]
		body, s.results[id] = s.results[id][0], s.results[id][1:]
		s.mu.Unlock()
	}
	status := 200
	if n, err := strconv.Atoi(body[:3]); err == nil {
		status, body = n, body[4:]
	}
	return &databrickstest.Fault{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

func (s *scene) execute(statement string) string {
	s.mu.Lock()
	s.statements = append(s.statements, statement)
	id := fmt.Sprintf("st-%d", len(s.statements))
	answer, pending := s.answer, s.pending
	s.mu.Unlock()
	if answer != nil {
		if body := answer(statement); body != "" {
			return body
		}
	}
	columns, rows := s.query(statement)
	chunks := s.encode(id, columns, rows)
	waiting := `{"statement_id":"` + id + `","status":{"state":"PENDING"}}`
	bodies := append(slices.Repeat([]string{waiting}, pending), chunks...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[id] = bodies[1:]
	return bodies[0]
}

// encode writes a result in chunks.
func (s *scene) encode(id string, columns []string, rows [][]string) []string {
	var names []map[string]string
	for _, c := range columns {
		names = append(names, map[string]string{"name": c})
	}
	var out []string
	chunks := slices.Collect(slices.Chunk(rows, s.perChunk))
	if chunks == nil {
		chunks = [][][]string{{}}
	}
	for n, chunk := range chunks {
		data := map[string]any{"chunk_index": n, "data_array": chunk}
		if n+1 < len(chunks) {
			data["next_chunk_index"] = n + 1
		}
		if n > 0 {
			body, _ := json.Marshal(data)
			out = append(out, string(body))
			continue
		}
		body, _ := json.Marshal(map[string]any{
			"statement_id": id, "status": map[string]string{"state": "SUCCEEDED"}, "result": data,
			"manifest": map[string]any{"schema": map[string]any{"columns": names}, "total_row_count": len(rows)},
		})
		out = append(out, string(body))
	}
	return out
}

var (
	form   = regexp.MustCompile("^SELECT (.*) FROM `(.*)`\\.`(.*)`\\.`(.*)` WHERE (.*) AND (.*) AND trace_id IN \\(('[0-9a-f]{32}'(?:,'[0-9a-f]{32}')*)\\) GROUP BY (.*)$")
	bounds = regexp.MustCompile(`^(?:time ([<>]=) timestamp_seconds\((\d+)\)|start_time_unix_nano ([<>]=) (\d+)000000000)$`)
)

const (
	wholes = "trace_id, count(*), count(DISTINCT span_id), min(span_id), max(span_id)"
	single = "trace_id, span_id, count(*)"
)

// query runs one of the two statements on the rows that can be seen; anything else is a fault of the statement.
func (s *scene) query(statement string) (columns []string, rows [][]string) {
	m := form.FindStringSubmatch(statement)
	if m == nil || m[1] != wholes && m[1] != single {
		s.t.Errorf("the warehouse does not understand %s", statement)
		return nil, nil
	}
	wanted := map[string]bool{}
	for _, id := range strings.Split(m[7], ",") {
		wanted[strings.Trim(id, "'")] = true
	}
	counts := map[string]map[string]int{}
	for _, r := range s.w.Rows(m[2] + "." + m[3] + "." + m[4]) {
		id, span := r["trace_id"].(string), r["span_id"].(string)
		if !wanted[id] || !s.within(r, m[5]) || !s.within(r, m[6]) {
			continue
		}
		if counts[id] == nil {
			counts[id] = map[string]int{}
		}
		counts[id][span]++
	}
	for id, spans := range counts {
		names, total := []string{}, 0
		for span, n := range spans {
			names, total = append(names, span), total+n
			if m[1] == single {
				rows = append(rows, []string{id, span, strconv.Itoa(n)})
			}
		}
		if m[1] == wholes {
			slices.Sort(names)
			rows = append(rows, []string{id, strconv.Itoa(total), strconv.Itoa(len(names)), names[0], names[len(names)-1]})
		}
	}
	return strings.Split(m[1], ", "), rows
}

func (s *scene) within(r databrickstest.Row, condition string) bool {
	m := bounds.FindStringSubmatch(condition)
	if m == nil {
		s.t.Errorf("the warehouse does not understand %s", condition)
		return false
	}
	have, limit := r["start_time_unix_nano"].(int64)/1e9, m[4]
	if m[2] != "" {
		at, err := time.Parse(time.RFC3339, r["time"].(string)) // layout v1 has no such column
		require.NoError(s.t, err)
		have, limit = at.Unix(), m[2]
	}
	n, _ := strconv.ParseInt(limit, 10, 64)
	if m[1] == ">=" || m[3] == ">=" {
		return have >= n
	}
	return have <= n
}
