// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpsink is a destination for tests: it takes OTLP over HTTP or gRPC, remembers what it
// accepted, and answers what the test tells it to.
package otlpsink

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // exporters compress by default
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// SpanKey identifies a span.
type SpanKey struct {
	Trace pcommon.TraceID
	Span  pcommon.SpanID
}

// Answer decides about a request: an HTTP status or a gRPC code, and a message. The zero status
// accepts. It may block; done is closed when the client has gone.
type Answer func(td ptrace.Traces, done <-chan struct{}) (status int, message string)

const (
	// Reset is a status that cuts an HTTP connection instead of answering.
	Reset = -1
	// Busy is a code that answers over gRPC with ResourceExhausted and a RetryInfo of busyFor.
	Busy = -2

	busyFor = 100 * time.Millisecond
)

// Partial decides how many spans of a request that is accepted are rejected, and why: the first ones,
// which are not remembered then.
type Partial func(td ptrace.Traces) (rejected int, message string)

// Sink is a running destination.
type Sink struct {
	*httptest.Server        // nil for one over gRPC
	Address          string // of one over gRPC

	mu       sync.Mutex
	answer   Answer
	partial  Partial
	header   [2]string // name and value that each request must have
	requests int
	counts   bool // accepted stays empty
	accepted []ptrace.Traces
	logs     []plog.Logs
	spans    map[SpanKey]int
}

// New starts a sink that accepts everything until told otherwise.
func New(t testing.TB) *Sink {
	s := &Sink{spans: map[SpanKey]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// NewGRPC is New for a sink that takes OTLP over gRPC.
func NewGRPC(t testing.TB) *Sink {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Sink{spans: map[SpanKey]int{}, Address: listener.Addr().String()}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &grpcServer{sink: s})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return s
}

type grpcServer struct {
	ptraceotlp.UnimplementedGRPCServer
	sink *Sink
}

// Export implements ptraceotlp.GRPCServer.
func (g *grpcServer) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if g.sink.lacks(func(name string) string { return strings.Join(md.Get(name), ",") }) {
		return ptraceotlp.NewExportResponse(), status.Error(codes.Unauthenticated, "a header is missing")
	}
	response, code, message := g.sink.take(r.Traces(), ctx.Done())
	switch code {
	case 0:
		return response, nil
	case Busy:
		busy, err := status.New(codes.ResourceExhausted, message).WithDetails(
			&errdetails.RetryInfo{RetryDelay: durationpb.New(busyFor)})
		if err != nil {
			return response, err
		}
		return response, busy.Err()
	}
	return response, status.Error(codes.Code(code), message)
}

// takeLogs accepts a request of log records.
func (s *Sink) takeLogs(w http.ResponseWriter, raw []byte) {
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(raw); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, request.Logs())
}

// Logs returns the log records that were accepted.
func (s *Sink) Logs() []plog.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logs)
}

// Script replaces how the sink answers; nil accepts everything.
func (s *Sink) Script(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// Require lets the sink refuse requests without a header, over HTTP with 401.
func (s *Sink) Require(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header = [2]string{name, value}
}

// CountOnly lets the sink forget what it accepts. Spans and Distinct go on counting.
func (s *Sink) CountOnly() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = true
}

// lacks reports whether a request has not the header that is required; get returns its own.
func (s *Sink) lacks(get func(name string) string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header[0] != "" && get(s.header[0]) != s.header[1]
}

// Reject makes the sink answer with partial successes; nil ends it.
func (s *Sink) Reject(p Partial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = p
}

// ServeHTTP implements http.Handler.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.lacks(r.Header.Get) {
		http.Error(w, "a header is missing", http.StatusUnauthorized)
		return
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return // the client has gone
	}
	if r.URL.Path == "/v1/logs" {
		s.takeLogs(w, raw)
		return
	}
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalProto(raw); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, code, message := s.take(request.Traces(), r.Context().Done())
	if code == Reset {
		panic(http.ErrAbortHandler)
	}
	out, _ := response.MarshalProto()
	w.Header().Set("Content-Type", "application/x-protobuf")
	if code != 0 {
		w.WriteHeader(code)
		out = rpcStatus(message)
	}
	_, _ = w.Write(out)
}

// take asks the script about a request, and remembers what is accepted.
func (s *Sink) take(td ptrace.Traces, done <-chan struct{}) (response ptraceotlp.ExportResponse, code int,
	message string) {
	s.mu.Lock()
	s.requests++
	answer, partial := s.answer, s.partial
	s.mu.Unlock()
	response = ptraceotlp.NewExportResponse()
	if answer != nil {
		if code, message = answer(td, done); code != 0 {
			return response, code, message
		}
	}
	rejected := 0
	if partial != nil {
		rejected, message = partial(td)
		response.PartialSuccess().SetRejectedSpans(int64(rejected))
		response.PartialSuccess().SetErrorMessage(message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.counts {
		s.accepted = append(s.accepted, td)
	}
	Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, span ptrace.Span) {
		if rejected--; rejected < 0 {
			s.spans[SpanKey{span.TraceID(), span.SpanID()}]++
		}
	})
	return response, 0, ""
}

// rpcStatus is the google.rpc.Status with a message, which exporters pass on.
func rpcStatus(message string) []byte {
	return append(binary.AppendUvarint([]byte{2<<3 | 2}, uint64(len(message))), message...)
}

// Requests is the number of requests that could be read.
func (s *Sink) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Spans returns how often each span was accepted.
func (s *Sink) Spans() map[SpanKey]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[SpanKey]int, len(s.spans))
	maps.Copy(out, s.spans)
	return out
}

// Repeated is the number of traces that were accepted again, see Repeated.
func (s *Sink) Repeated() int { return Repeated(s.Spans()) }

// Distinct is the number of distinct spans that were accepted.
func (s *Sink) Distinct() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.spans)
}

// Accepted returns what was accepted.
func (s *Sink) Accepted() []ptrace.Traces {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]ptrace.Traces(nil), s.accepted...)
}

// Each calls f for every span.
func Each(td ptrace.Traces, f func(pcommon.Resource, pcommon.InstrumentationScope, ptrace.Span)) {
	for i := range td.ResourceSpans().Len() {
		rs := td.ResourceSpans().At(i)
		for j := range rs.ScopeSpans().Len() {
			ss := rs.ScopeSpans().At(j)
			for k := range ss.Spans().Len() {
				f(rs.Resource(), ss.Scope(), ss.Spans().At(k))
			}
		}
	}
}

// Count returns how often each span occurs.
func Count(all []ptrace.Traces) map[SpanKey]int {
	out := map[SpanKey]int{}
	for _, td := range all {
		Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			out[SpanKey{s.TraceID(), s.SpanID()}]++
		})
	}
	return out
}

// Repeated is the number of traces that came again, of which spans tells how often each span came. A trace
// that came three times counts twice.
func Repeated(spans map[SpanKey]int) int {
	most := map[pcommon.TraceID]int{}
	for k, n := range spans {
		most[k.Trace] = max(most[k.Trace], n-1)
	}
	sum := 0
	for _, n := range most {
		sum += n
	}
	return sum
}

// TraceIDs returns how often the topmost spans of each trace, those that carry MLflow's own trace
// id, occur.
func TraceIDs(all []ptrace.Traces) map[string]int {
	out := map[string]int{}
	for _, td := range all {
		Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			if _, topmost := s.Attributes().Get("mlflow.revision"); !topmost {
				return
			}
			if id, ok := s.Attributes().Get("mlflow.traceRequestId"); ok {
				out[id.Str()]++
			}
		})
	}
	return out
}
