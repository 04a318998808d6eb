// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"maps"
	"net/http"
	"time"
)

// Switches are the choices where the truth is not known, or differs between workspaces.
type Switches struct {
	// HostMetadata: /.well-known/databricks-config answers with JSON instead of 404.
	HostMetadata bool
	// TokenLife is how long OAuth tokens are valid.
	TokenLife time.Duration
	// UnknownTokenStatus answers a token that is unknown, revoked or expired: 403 as recorded, or 401.
	UnknownTokenStatus int

	// RefusePATOnOTLP: the OTLP routes take OAuth tokens only.
	RefusePATOnOTLP bool
	// RefuseGzip: the OTLP routes answer 415 to compressed bodies.
	RefuseGzip bool
	// PreviewOff: the OTLP routes answer 404.
	PreviewOff bool
	// MissingTableStatus answers OTLP for a table that does not exist: 404, 400, or 200 (and
	// nothing is written).
	MissingTableStatus int
	// NoGrantStatus answers OTLP without grants: 403, or 200 (and nothing is written).
	NoGrantStatus int
	// InheritedGrants: MODIFY and SELECT on the schema or catalog are enough to write by OTLP; else
	// they must be granted on the table.
	InheritedGrants bool
	// MaxBody is the largest OTLP body, uncompressed; 0 means no limit.
	MaxBody int
	// TracesPerSecond is the workspace's quota of distinct traces in a second; 0 means none.
	TracesPerSecond int
	// VisibleAfter is how long rows written stay invisible to Rows and SQL.
	VisibleAfter time.Duration
	// EmptyParent writes "" into a root's parent_span_id in place of NULL.
	EmptyParent bool

	// ChunkRows is how many rows a chunk of a statement's result has.
	ChunkRows int
	// InlineLimit is how many bytes a statement's result may have.
	InlineLimit int

	// ForgetBodies keeps the bodies of requests out of Requests, for load tests.
	ForgetBodies bool
}

// DefaultSwitches is a workspace that takes everything that any source says is taken, without
// limits.
func DefaultSwitches() Switches {
	return Switches{
		HostMetadata: true, TokenLife: time.Hour, UnknownTokenStatus: http.StatusForbidden,
		MissingTableStatus: http.StatusNotFound,
		NoGrantStatus:      http.StatusForbidden,
		ChunkRows:          10000, InlineLimit: 25 << 20,
	}
}

// Set changes switches while the workspace serves.
func (w *Server) Set(change func(*Switches)) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	change(&w.Switches)
	w.Switches = w.Switches.complete()
}

// complete gives the defaults to what can't be zero.
func (s Switches) complete() Switches {
	d := DefaultSwitches()
	if s.TokenLife == 0 {
		s.TokenLife = d.TokenLife
	}
	for _, f := range []struct {
		value     *int
		otherwise int
	}{
		{&s.UnknownTokenStatus, d.UnknownTokenStatus}, {&s.MissingTableStatus, d.MissingTableStatus},
		{&s.NoGrantStatus, d.NoGrantStatus},
		{&s.ChunkRows, d.ChunkRows},
		{&s.InlineLimit, d.InlineLimit},
	} {
		if *f.value == 0 {
			*f.value = f.otherwise
		}
	}
	return s
}

// Fault says how a request of any route is answered in place of, or before, the normal answer.
type Fault struct {
	Delay  time.Duration   // real time, before anything else
	Until  <-chan struct{} // not nil: held until it is closed
	Status int             // not 0: answered with this status, Header and Body
	Header http.Header
	Code   string // not empty: the body is an error document with this code
	Body   string // the body, or the message of the error document
	Reset  bool   // the connection is closed without an answer
}

// SetFault calls f for each request, before the credential is checked; nil from f means a normal
// answer. SetFault(nil) ends it.
func (w *Server) SetFault(f func(*http.Request) *Fault) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.fault = f
}

// misbehave carries the fault out and reports whether the request is answered by it.
func (w *Server) misbehave(rw http.ResponseWriter, r *http.Request, f *Fault) bool {
	w.Hold(r, f.Delay, f.Until)
	if f.Reset {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(rw.Header(), f.Header)
	switch {
	case f.Status == 0:
		return false
	case f.Code != "":
		Fail(rw, f.Status, f.Code, f.Body)
	default:
		rw.WriteHeader(f.Status)
		_, _ = rw.Write([]byte(f.Body))
	}
	return true
}

// Hold keeps a request waiting, until the client goes away or the workspace is closed at the
// latest.
func (w *Server) Hold(r *http.Request, delay time.Duration, until <-chan struct{}) {
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-w.closed:
		}
	}
	if until != nil {
		select {
		case <-until:
		case <-r.Context().Done():
		case <-w.closed:
		}
	}
}
