// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"
)

// MaxBody is what is read of a request at most; more is answered with 413.
const MaxBody = 64 << 20

// Request is one request that came in.
type Request struct {
	Time   time.Time // of the workspace
	Host   string
	Method string
	Path   string
	Query  string
	Header http.Header
	Body   []byte // as sent, unless Switches.ForgetBodies
	Size   int    // of the body as sent
	// Principal is who signed the request; empty for open routes and refused credentials.
	Principal string
	// Status is what was answered; 0 means that the connection was closed without an answer.
	Status int
}

// Requests returns the requests that were answered so far, in the order of the answers.
func (w *Server) Requests() []Request {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return append([]Request(nil), w.requests...)
}

// RequestsTo returns those of one method ("" for all) whose path begins with the prefix.
func (w *Server) RequestsTo(method, prefix string) []Request {
	var out []Request
	for _, r := range w.Requests() {
		if (method == "" || r.Method == method) && strings.HasPrefix(r.Path, prefix) {
			out = append(out, r)
		}
	}
	return out
}

// Count is the number of requests that RequestsTo would return.
func (w *Server) Count(method, prefix string) int { return len(w.RequestsTo(method, prefix)) }

// ForgetRequests empties the list.
func (w *Server) ForgetRequests() {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.requests = nil
}

// Front records each request, lets faults act, asks who it is and hands it on.
func (w *Server) Front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.serve(next, rw, r) })
}

func (w *Server) serve(next http.Handler, rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	rec := &Recorder{ResponseWriter: rw}
	req := Request{Time: w.Now(), Host: r.Host, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Size: len(body)}
	defer func() {
		w.Mu.Lock()
		defer w.Mu.Unlock()
		req.Status = rec.Status
		if !w.Switches.ForgetBodies {
			req.Body = body
		}
		w.requests = append(w.requests, req)
	}()
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away
	}
	if len(body) > MaxBody {
		Fail(rec, http.StatusRequestEntityTooLarge, "REQUEST_ENTITY_TOO_LARGE", "Request body too large")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.Mu.Lock()
	fault := w.fault
	w.Mu.Unlock()
	if fault != nil {
		if f := fault(r); f != nil && w.misbehave(rec, r, f) {
			return
		}
	}
	if !isOpen(r.URL.Path) {
		who, failed := w.signedIn(r)
		if failed != nil {
			failed(rec)
			return
		}
		req.Principal = who.Name
		r = r.WithContext(withPrincipal(r.Context(), who))
	}
	next.ServeHTTP(rec, r)
}

// Recorder notes the status.
type Recorder struct {
	http.ResponseWriter
	Status int
}

// WriteHeader implements http.ResponseWriter.
func (r *Recorder) WriteHeader(status int) {
	r.Status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *Recorder) Write(p []byte) (int, error) {
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}
