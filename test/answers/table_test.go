// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// sent is the number of spans of the unit, with which a destination that rejects all answers.
const sent = 4

// effect is what an answer must lead to, whatever the exporter.
type effect uint8

const (
	delivered effect = iota // the call returns, and the destination was asked once
	partly                  // as delivered, and the unit knows how much was rejected
	refused                 // the call returns a permanent error, and the destination was asked once
	pending                 // the call returns an error, or only after the destination has taken the data
)

// answers is the table: what a destination says to the first request, and what that must lead to. It
// takes all others. Without a code of gRPC, and with no partial success, there is no such answer over
// gRPC.
var answers = []struct {
	name     string
	status   int
	media    string
	body     string
	rejected int64 // a partial success
	message  string
	code     codes.Code
	want     effect
}{
	{name: "taken", status: 200, want: delivered},
	{name: "taken, without content", status: 204, want: delivered},
	{name: "taken, in JSON", status: 200, media: "application/json", body: `{"partialSuccess":null}`, want: delivered},
	{name: "a remark", status: 200, message: "slow down", want: delivered},
	{name: "one span rejected", status: 200, rejected: 1, message: "too long", want: partly},
	{name: "all but one rejected", status: 200, rejected: sent - 1, message: "too long", want: partly},
	{name: "all rejected", status: 200, rejected: sent, message: "too long", want: refused},
	{name: "a web page", status: 200, media: "text/html", body: "<html>Sign in", want: pending},
	{name: "moved", status: 301, want: pending},
	{name: "found", status: 302, want: pending},
	{name: "see other", status: 303, want: pending},
	{name: "another body", status: 200, media: "text/plain", body: "fine", want: delivered},
	{name: "protobuf that is none", status: 200, media: "application/x-protobuf", body: "fine", want: delivered},
	{name: "invalid", status: 400, code: codes.InvalidArgument, want: refused},
	{name: "unauthenticated", status: 401, code: codes.Unauthenticated, want: pending},
	{name: "forbidden", status: 403, code: codes.PermissionDenied, want: pending},
	{name: "not found", status: 404, code: codes.NotFound, want: pending},
	{name: "timeout", status: 408, code: codes.DeadlineExceeded, want: pending},
	{name: "too large", status: 413, code: codes.ResourceExhausted, want: pending},
	{name: "too many", status: 429, code: codes.ResourceExhausted, want: pending},
	{name: "broken", status: 500, code: codes.Internal, want: pending},
	{name: "unavailable", status: 503, code: codes.Unavailable, want: pending},
	{name: "cut off", status: -1, code: codes.DataLoss, want: pending},
}

// TestTable: what the destination stored is not sent again, what it did not store is never taken for
// delivered, and what is not known is said.
func TestTable(t *testing.T) {
	for _, a := range answers {
		partial := ptraceotlp.NewExportResponse()
		partial.PartialSuccess().SetRejectedSpans(a.rejected)
		partial.PartialSuccess().SetErrorMessage(a.message)
		body, media := a.body, a.media
		if a.rejected > 0 || a.message != "" {
			b, err := partial.MarshalProto()
			require.NoError(t, err)
			body, media = string(b), "application/x-protobuf"
		}
		reply := func(w http.ResponseWriter, r *http.Request) {
			switch {
			case a.status < 0:
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "cut")
			case a.status/100 == 3:
				http.Redirect(w, r, "/login", a.status)
			default:
				w.Header().Set("Content-Type", media)
				w.WriteHeader(a.status)
				_, _ = io.WriteString(w, body)
			}
		}
		// Whether what it stored is known is nothing that an answer of Databricks decides: that is
		// counted in the table.
		doubt := a.name == "another body" || a.name == "protobuf that is none"
		t.Run(a.name+"/otlp_http", func(t *testing.T) {
			address, n := overTheWeb(t, reply)
			check(t, a.want, a.rejected, doubt, n, otlphttpexporter.NewFactory(), map[string]any{"endpoint": address})
		})
		t.Run(a.name+"/databricks", func(t *testing.T) {
			address, n := overTheWeb(t, reply)
			check(t, a.want, a.rejected, false, n, databricksexporter.NewFactory(), map[string]any{
				"host": address, "auth": map[string]any{"token": "token"}, "catalog": "main", "schema": "traces",
				"table_prefix": "agents", "preflight": map[string]any{"on_failure": "warn"},
				"verify": map[string]any{"when": "never"}})
		})
		if a.code == 0 && (a.body != "" || a.status/100 == 3 || a.status == 204) {
			continue
		}
		t.Run(a.name+"/otlp_grpc", func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := grpc.NewServer()
			d := &signed{destination{first: status.New(a.code, message)}, partial}
			ptraceotlp.RegisterGRPCServer(server, d)
			go func() { _ = server.Serve(listener) }()
			defer server.Stop()
			check(t, a.want, a.rejected, false, &d.requests, otlpexporter.NewFactory(), map[string]any{
				"endpoint": listener.Addr().String(), "tls": map[string]any{"insecure": true},
				"headers": map[string]any{"authorization": "Bearer token"}})
		})
	}
}

// overTheWeb answers the first request for spans so, takes all others, and knows no other request.
func overTheWeb(t *testing.T, reply http.HandlerFunc) (string, *atomic.Int64) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/v1/traces") {
			http.NotFound(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if n.Add(1) == 1 {
			reply(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, &n
}

// signed is a destination over gRPC that answers with a partial success, and refuses calls without
// the configured header: the middleware must leave it there.
type signed struct {
	destination
	partial ptraceotlp.ExportResponse
}

func (d *signed) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if got := fmt.Sprint(md.Get("authorization")); got != "[Bearer token]" {
		return ptraceotlp.NewExportResponse(), status.Error(codes.InvalidArgument, "the header is missing: "+got)
	}
	first, err := d.destination.Export(ctx, r)
	if d.requests.Load() == 1 {
		return d.partial, err
	}
	return first, err
}

// extensions is a host with an mlflow_report extension.
type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// check sends a unit through an exporter, which has the extension as middleware if it is a stock one,
// and requires the effect.
func check(t *testing.T, want effect, rejected int64, doubt bool, requests *atomic.Int64, factory exporter.Factory,
	settings map[string]any) {
	t.Helper()
	id := component.MustNewID("mlflow_report")
	name := factory.Type().String()
	settings["timeout"] = "10s"
	settings["sending_queue"] = map[string]any{"wait_for_result": true, "block_on_overflow": true}
	settings["retry_on_failure"] = map[string]any{"initial_interval": "1ms", "max_interval": "1ms",
		"max_elapsed_time": 0}
	if name != "databricks" {
		settings["middlewares"] = []any{map[string]any{"id": id.String()}}
	}
	report := mlflowreportextension.NewFactory()
	conf := report.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"path": filepath.Join(t.TempDir(), "report.json")}).
		Unmarshal(conf))
	ext, err := report.Create(t.Context(), extensiontest.NewNopSettings(report.Type()), conf)
	require.NoError(t, err)
	host := extensions{id: ext}
	require.NoError(t, ext.Start(t.Context(), host))
	whole := confmap.NewFromStringMap(map[string]any{
		"receivers": map[string]any{"mlflow": nil}, "exporters": map[string]any{name: settings},
		"service": map[string]any{"extensions": []any{id.String()}, "pipelines": map[string]any{
			"traces": map[string]any{"receivers": []any{"mlflow"}, "exporters": []any{name}}}}})
	require.NoError(t, ext.(extensioncapabilities.ConfigSnapshotWatcher).NotifyConfigSnapshot(t.Context(),
		extensioncapabilities.NewConfigSnapshot(whole, whole)))

	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	e, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), host))
	td := ptrace.NewTraces()
	for i := range sent {
		s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID([16]byte{15: 1})
		s.SetSpanID([8]byte{7: byte(i + 1)})
	}
	unit := progress.NewUnit(td.SpanCount())
	ctx, cancel := context.WithTimeout(progress.WithUnit(t.Context(), unit), time.Minute)
	defer cancel()
	err = e.ConsumeTraces(ctx, td)
	n, _ := unit.Rejected()
	switch want {
	case delivered, partly:
		require.NoError(t, err)
		require.EqualValues(t, 1, requests.Load())
	case refused:
		require.Error(t, err)
		require.True(t, consumererror.IsPermanent(err), err)
		require.EqualValues(t, 1, requests.Load())
	case pending:
		if err == nil {
			require.Greater(t, requests.Load(), int64(1), "it was taken for delivered")
		} else {
			require.NoError(t, ctx.Err())
		}
	}
	if want == partly {
		require.Equal(t, rejected, n)
	} else {
		require.Zero(t, n)
	}
	word := progress.Acknowledged
	if doubt {
		word = progress.Unknown
	}
	require.Equal(t, word, ext.(progress.Sink).Delivery(component.MustNewID("mlflow")).Delivery)
	require.NoError(t, e.Shutdown(context.Background()))
	require.NoError(t, ext.Shutdown(context.Background()))
}
