// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflowtest is a scripted MLflow tracking server for tests and load drivers. It answers as
// servers of a given version do, also with their paging by offsets, the special cases of batchGet
// and their error documents, and returns faults on demand. It needs no testing.T.
package mlflowtest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is a running server. All methods may be called while it serves.
type Server struct {
	HTTP *httptest.Server

	version      string
	major, minor int
	prefix       string

	mu          sync.Mutex
	experiments []Experiment
	traces      map[string]*Trace
	fault       func(*http.Request) *Fault
	credential  string
	requests    []Request
	maxInFlight map[string]int
	flying      map[string]int
	closed      chan struct{}
}

// Request is one request that came in.
type Request struct {
	Route  string // as Route names it
	Method string
	Path   string
	Query  string
	Header http.Header
	Status int
}

// Fault says how a request is answered in place of, or before, the normal answer.
type Fault struct {
	Delay    time.Duration // before anything else
	Status   int           // not 0: answered with this status, Header and Body
	Header   http.Header   // added to the answer, also to a normal one
	Body     string
	Truncate int              // > 0: the connection is closed after so many bytes of the answer's body
	Reset    bool             // the connection is closed without an answer
	Serve    http.HandlerFunc // not nil: writes the answer
}

// New starts a plain HTTP server of the given MLflow version, such as "3.17.2", with the experiment
// 0 "Default".
func New(version string) *Server {
	s := NewUnstarted(version)
	s.HTTP.Start()
	return s
}

// NewUnstarted returns a server whose HTTP can be configured and then started, for example with
// TLS.
func NewUnstarted(version string) *Server {
	s := &Server{
		version: version, traces: map[string]*Trace{}, maxInFlight: map[string]int{}, flying: map[string]int{},
		closed:      make(chan struct{}),
		experiments: []Experiment{{ID: "0", Name: "Default", ArtifactLocation: "mlflow-artifacts:/0"}},
	}
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		panic("mlflowtest: not a version: " + version)
	}
	s.major, _ = strconv.Atoi(parts[0])
	s.minor, _ = strconv.Atoi(parts[1])
	s.HTTP = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	return s
}

// Close stops the server. Requests that are held by a delay are let go.
func (s *Server) Close() {
	close(s.closed)
	s.HTTP.CloseClientConnections()
	s.HTTP.Close()
}

// URL is the address to give to a client, with the prefix.
func (s *Server) URL() string { return s.HTTP.URL + s.prefix }

// SetPrefix moves all routes below a path, like --static-prefix. Call it before the first request.
func (s *Server) SetPrefix(prefix string) { s.prefix = prefix }

// RequireAuthorization lets in only requests with this Authorization header; empty lets all in.
func (s *Server) RequireAuthorization(header string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credential = header
}

// SetFault calls f for each request, before anything of it is answered; nil from f means a normal
// answer. The function may change the server's traces.
func (s *Server) SetFault(f func(*http.Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests returns the requests that were answered so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Count returns how many requests of the route were answered so far; "" counts all.
func (s *Server) Count(route string) int {
	n := 0
	for _, r := range s.Requests() {
		if route == "" || r.Route == route {
			n++
		}
	}
	return n
}

// MaxInFlight returns the highest number of requests of the route that were in work at the same
// time; "" means all routes together.
func (s *Server) MaxInFlight(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxInFlight[route]
}

// Route names the route of a path: "traces/search", "traces/batchGet", "traces/get", "traces/info",
// "traces/batchGetInfos", "traces/metrics", "experiments/search", "get-trace-artifact",
// "mlflow-artifacts", "version" or "other".
func Route(path string) string {
	for _, known := range []struct{ part, name string }{
		{"/traces/search", "traces/search"}, {"/traces/batchGetInfos", "traces/batchGetInfos"},
		{"/traces/batchGet", "traces/batchGet"},
		{"/traces/get", "traces/get"}, {"/traces/metrics", "traces/metrics"},
		{"/experiments/search", "experiments/search"},
		{"/get-trace-artifact", "get-trace-artifact"}, {"/mlflow-artifacts/artifacts/", "mlflow-artifacts"},
		{"/mlflow/traces/", "traces/info"}, {"/mlflow/traces", "traces/search"}, {"/version", "version"},
	} {
		if strings.Contains(path, known.part) {
			return known.name
		}
	}
	return "other"
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	route := Route(r.URL.Path)
	s.mu.Lock()
	s.enter(route)
	s.enter("")
	fault, credential := s.fault, s.credential
	s.mu.Unlock()
	rec := &recorder{ResponseWriter: w}
	defer func() {
		s.mu.Lock()
		s.flying[route]--
		s.flying[""]--
		s.requests = append(s.requests, Request{Route: route, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
			Header: r.Header.Clone(), Status: rec.status})
		s.mu.Unlock()
	}()
	if fault != nil {
		if f := fault(r); f != nil && s.misbehave(rec, r, f) {
			return
		}
	}
	if credential != "" && r.Header.Get("Authorization") != credential {
		w.Header().Set("WWW-Authenticate", `Basic realm="mlflow"`)
		rec.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(rec, "You are not authenticated. Please see "+
			"https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, s.prefix)
	if !ok {
		notFound(rec)
		return
	}
	s.route(rec, r, path)
}

func (s *Server) enter(route string) {
	s.flying[route]++
	s.maxInFlight[route] = max(s.maxInFlight[route], s.flying[route])
}

// misbehave carries the fault out and reports whether the request is answered by it.
func (s *Server) misbehave(w *recorder, r *http.Request, f *Fault) bool {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		case <-s.closed:
		}
	}
	if f.Reset {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), f.Header)
	w.truncate = f.Truncate
	if f.Serve != nil {
		f.Serve(w, r)
		return true
	}
	if f.Status == 0 {
		return false
	}
	w.WriteHeader(f.Status)
	fmt.Fprint(w, f.Body)
	return true
}

// recorder notes the status and cuts an answer short.
type recorder struct {
	http.ResponseWriter
	status   int
	truncate int
}

func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.truncate == 0 {
		return w.ResponseWriter.Write(p)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(p)))
	_, _ = w.ResponseWriter.Write(p[:min(len(p), w.truncate)])
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}
