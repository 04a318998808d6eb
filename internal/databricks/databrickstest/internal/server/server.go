// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package server holds what all parts of the fake workspace share. It listens, records requests,
// applies the configured faults, and finds the principal that signed a request.
package server

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Names and secrets that every fake workspace has.
const (
	// Admin is the user who owns what the test arranges. The owner may do everything in Unity
	// Catalog, yet OTLP wants explicit grants of him too.
	Admin = "owner@example.com"
	// AdminToken is a personal access token of Admin.
	AdminToken = "dapi-admin"
	// WorkspaceID is what the workspace says it is.
	WorkspaceID = "1234567890123456"
	// MetastoreID and Region are what metastore_summary says.
	MetastoreID = "m-uuid"
	Region      = "us-west-2"
)

// Server is the front of a workspace. Its methods may be called while it serves.
type Server struct {
	http   *httptest.Server
	mux    *http.ServeMux
	now    func() time.Time
	closed chan struct{}

	// Mu guards the state of the whole workspace. Handlers take it themselves; functions whose
	// comment says "under the lock" expect it.
	Mu       sync.Mutex
	Switches Switches

	fault    func(*http.Request) *Fault
	requests []Request
	serial   int // of ids
	access   access
}

// New makes a server that does not listen yet.
func New(clock func() time.Time, switches Switches) *Server {
	w := &Server{mux: http.NewServeMux(), now: clock, closed: make(chan struct{}), Switches: switches.complete(),
		access: newAccess()}
	w.AddToken(AdminToken, Admin)
	return w
}

// Listen starts to serve the routes that were registered, on any port of loopback if the address is
// empty. An address that is not loopback, or taken, is an error.
func (w *Server) Listen(address string) error {
	w.http = httptest.NewUnstartedServer(w.Front(w.mux))
	if address != "" {
		l, err := listen(address)
		if err != nil {
			return err
		}
		_ = w.http.Listener.Close()
		w.http.Listener = l
	}
	w.http.Start()
	return nil
}

// URL is the workspace's address.
func (w *Server) URL() string { return w.http.URL }

// Close stops it. Requests that are held are let go.
func (w *Server) Close() {
	close(w.closed)
	w.http.CloseClientConnections()
	w.http.Close()
}

func listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address; write 127.0.0.1:8080", address)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%q is not loopback; write 127.0.0.1:8080", address)
	}
	return net.Listen("tcp", address)
}

// Now is the workspace's time.
func (w *Server) Now() time.Time { return w.now() }

// Next is a number that never repeats. Under the lock.
func (w *Server) Next() int {
	w.serial++
	return w.serial
}

// NewID makes an identifier that looks like those of Databricks and never repeats. Under the lock.
func (w *Server) NewID() string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012x", w.Next()) }

// Answer sends a document.
func Answer(rw http.ResponseWriter, status int, document any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(document)
}

// Fail answers with an error in the form of Databricks' REST APIs. The code is a string, or a
// number where Databricks' proxy writes one.
func Fail(rw http.ResponseWriter, status int, code any, message string) {
	Answer(rw, status, map[string]any{"error_code": code, "message": message})
}

// Failure is an error that knows how it is answered.
type Failure struct {
	Status        int
	Code, message string
}

// Refusal is an error that is answered with a status, a code and a message.
func Refusal(status int, code, message string) *Failure { return &Failure{status, code, message} }

// Error is the code and the message.
func (f *Failure) Error() string { return f.Code + ": " + f.message }

// Send answers with the error.
func (f *Failure) Send(rw http.ResponseWriter) { Fail(rw, f.Status, f.Code, f.message) }

// Decode reads a JSON body; what is no JSON is answered with 400 and reported as false.
func Decode(rw http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		Fail(rw, http.StatusBadRequest, "MALFORMED_REQUEST", "Could not parse request object: "+err.Error())
		return false
	}
	return true
}

// NoEndpoint answers as Databricks' proxy does for a route that is not rolled out.
func NoEndpoint(rw http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
	Fail(rw, http.StatusNotFound, "ENDPOINT_NOT_FOUND", fmt.Sprintf("No API found for '%s /%s'", r.Method, path))
}

// Invalid is the answer to a request that is wrong.
func Invalid(format string, args ...any) *Failure {
	return Refusal(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", fmt.Sprintf(format, args...))
}

// NotFound is the answer when what is asked for is not there.
func NotFound(format string, args ...any) *Failure {
	return Refusal(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf(format, args...))
}

// Text is a string of a JSON document; empty where there is none.
func Text(v any) string {
	s, _ := v.(string)
	return s
}
