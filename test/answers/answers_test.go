// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package answers records what a pipeline returns for each answer of a destination: the errors of
// the stock OTLP exporters. The tests of the receiver read the record.
package answers

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

var update = flag.Bool("update", false, "write the record")

// Answer is what an exporter makes of an answer of its destination.
type Answer struct {
	Exporter string `json:"exporter"`
	Answer   string `json:"answer"`
	// Repeats is true when the exporter sends again by itself until the destination takes the data:
	// its call does not return meanwhile.
	Repeats bool `json:"repeats,omitempty"`
	// The error that the call returns otherwise.
	Permanent bool   `json:"permanent,omitempty"`
	Code      string `json:"code,omitempty"`
	Message   string `json:"message,omitempty"`
}

// message is what each destination answers.
const message = "not now"

// TestAnswers keeps the record up to date. With -update it is written.
func TestAnswers(t *testing.T) {
	var got []Answer
	for _, code := range []int{400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504} {
		got = append(got, overHTTP(t, http.StatusText(code), func(w http.ResponseWriter) {
			http.Error(w, message, code)
		}))
	}
	got = append(got, overHTTP(t, "reset", func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			err = conn.(*net.TCPConn).SetLinger(0)
		}
		if err == nil {
			err = conn.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}))
	blocked := make(chan struct{})
	got = append(got, overHTTP(t, "timeout", func(http.ResponseWriter) { <-blocked }))
	close(blocked)
	for _, code := range []codes.Code{codes.Unauthenticated, codes.PermissionDenied, codes.NotFound,
		codes.InvalidArgument, codes.ResourceExhausted, codes.Internal, codes.Unavailable, codes.DeadlineExceeded} {
		got = append(got, overGRPC(t, code.String(), status.New(code, message)))
	}
	busy, err := status.New(codes.ResourceExhausted, message).WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	require.NoError(t, err)
	got = append(got, overGRPC(t, "ResourceExhausted with RetryInfo", busy))

	text, err := json.MarshalIndent(got, "", "  ")
	require.NoError(t, err)
	path := filepath.Join(collector.Root(), "receiver", "mlflowreceiver", "internal", "backfill", "testdata",
		"answers.json")
	if *update {
		require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(text))
}

// overHTTP is what otlp_http makes of an answer.
func overHTTP(t *testing.T, name string, answer func(http.ResponseWriter)) Answer {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			answer(w)
		}
	}))
	defer server.CloseClientConnections()
	a := ask(t, otlphttpexporter.NewFactory(), map[string]any{"endpoint": server.URL}, &requests)
	a.Exporter, a.Answer = "otlp_http", name
	a.Message = strings.ReplaceAll(a.Message, server.URL, "http://destination")
	return a
}

// destination answers the first call with a status, and takes all others.
type destination struct {
	ptraceotlp.UnimplementedGRPCServer
	first    *status.Status
	requests atomic.Int64
}

func (d *destination) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	if d.requests.Add(1) == 1 {
		return ptraceotlp.NewExportResponse(), d.first.Err()
	}
	return ptraceotlp.NewExportResponse(), nil
}

// overGRPC is what otlp_grpc makes of an answer.
func overGRPC(t *testing.T, name string, first *status.Status) Answer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	d := &destination{first: first}
	ptraceotlp.RegisterGRPCServer(server, d)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	a := ask(t, otlpexporter.NewFactory(), map[string]any{"endpoint": listener.Addr().String(),
		"tls": map[string]any{"insecure": true}}, &d.requests)
	a.Exporter, a.Answer = "otlp_grpc", name
	return a
}

// ask sends a trace through an exporter that returns after its destination has answered.
func ask(t *testing.T, factory exporter.Factory, settings map[string]any, requests *atomic.Int64) (a Answer) {
	t.Helper()
	conf := confmap.NewFromStringMap(settings)
	require.NoError(t, conf.Merge(confmap.NewFromStringMap(map[string]any{
		"timeout":          "200ms",
		"sending_queue":    map[string]any{"wait_for_result": true, "block_on_overflow": true},
		"retry_on_failure": map[string]any{"initial_interval": "1ms", "max_interval": "1ms", "max_elapsed_time": 0},
	})))
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, conf.Unmarshal(cfg))
	e, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("span")
	err = e.ConsumeTraces(t.Context(), td)
	require.NoError(t, e.(component.Component).Shutdown(t.Context()))
	if err == nil {
		require.Greater(t, requests.Load(), int64(1), "it was accepted at once")
		return Answer{Repeats: true}
	}
	require.EqualValues(t, 1, requests.Load())
	a.Permanent, a.Message = consumererror.IsPermanent(err), err.Error()
	if s, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		a.Code = s.GRPCStatus().Code().String()
	}
	return a
}
