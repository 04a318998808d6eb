// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// scene is a workspace with a warehouse, and a clock that only sleeping moves.
type scene struct {
	t      *testing.T
	w      *databrickstest.Workspace
	http   *http.Client // signs
	client *databricks.Client

	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	// answer takes the place of a statement's result: the body of an answer 200, or "503 …"; ""
	// leaves it to the warehouse.
	answer func(statement string) string
}

var begin = time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, now: begin}
	s.w = databrickstest.New(databrickstest.Options{Clock: s.Now})
	t.Cleanup(s.w.Close)
	s.w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}, unity.LayoutV2)
	s.w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: "two"}, unity.LayoutV2)
	s.w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch"}, unity.LayoutV1)
	s.w.GrantWriting(databrickstest.Admin, one.String(), two.String(), old.String())
	s.w.SetWarehouse(databrickstest.Warehouse{ID: "wh"})
	s.w.SetFault(s.meddle)
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	s.http = &http.Client{Transport: bearer{base}}
	var err error
	s.client, err = databricks.New(s.w.URL(), s.http, databricks.Settings{RequestsPerSecond: 10_000, Sleep: s.Sleep})
	require.NoError(t, err)
	return s
}

func table(prefix string, layout unity.Layout) route.Destination {
	l := unity.Location{Catalog: "cat", Schema: "sch", Prefix: prefix}
	return route.Destination{Signal: unity.SignalSpans, Layout: layout, Table: l.Table(unity.SignalSpans, layout),
		Location: l}
}

var one, two, old = table("pre", unity.LayoutV2), table("two", unity.LayoutV2), table("", unity.LayoutV1)

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

func (s *scene) verifier(change ...func(*Settings)) *Verifier {
	set := Settings{Config: NewDefaultConfig(), Client: s.client, Ending: ended(true), Now: s.Now, Sleep: s.Sleep}
	set.Config.WarehouseID, set.Config.Timeout = "wh", timeout
	for _, f := range change {
		f(&set)
	}
	return New(set)
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

// send writes to the workspace as the exporter does, and tells the verifier.
func (s *scene) send(v *Verifier, d route.Destination, td ptrace.Traces) {
	s.t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(s.t, err)
	r, err := http.NewRequestWithContext(
		s.t.Context(),
		http.MethodPost,
		s.w.URL()+"/api/2.0/otel/v1/traces",
		bytes.NewReader(body),
	)
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
	v.Acknowledged(d, td, out.PartialSuccess().RejectedSpans())
}

// meddle puts scripted answers in the place of those of the warehouse.
func (s *scene) meddle(r *http.Request) *databrickstest.Fault {
	if s.answer == nil || r.Method != http.MethodPost || r.URL.Path != "/api/2.0/sql/statements" {
		return nil
	}
	var in struct{ Statement string }
	sent, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(sent))
	_ = json.Unmarshal(sent, &in)
	body := s.answer(in.Statement)
	if body == "" {
		return nil
	}
	status := 200
	if n, err := strconv.Atoi(body[:3]); err == nil {
		status, body = n, body[4:]
	}
	return &databrickstest.Fault{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

// asked counts the statements that came in.
func (s *scene) asked() int { return s.w.Count(http.MethodPost, "/api/2.0/sql/statements") }
