// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package warehouse serves the SQL warehouses of the fake workspace. It implements the whole
// protocol of statements. Of SQL it recognizes only the statements that this project sends, see
// known.
package warehouse

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// sqlState is what the SQL routes remember. Guarded by Workspace.mu.
type sqlState struct {
	warehouses map[string]*Instance
	statements map[string]*statement
	order      []*statement
}

// SQL are the warehouses and their statements.
type SQL struct {
	*catalog.Catalog
	sql sqlState
}

// New registers the routes.
func New(c *catalog.Catalog) *SQL {
	w := &SQL{Catalog: c, sql: newSQLState()}
	w.routeStatements()
	w.routeWarehouses()
	return w
}

func newSQLState() sqlState {
	return sqlState{warehouses: map[string]*Instance{}, statements: map[string]*statement{}}
}

// Statement is a SQL statement that came in.
type Statement struct {
	ID, SQL, Principal, Warehouse string
	State                         string // PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED
	Error                         string
	Rows                          int // of its result
}

// Statements returns the statements that came in, in order.
func (w *SQL) Statements() []Statement {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	var out []Statement
	for _, s := range w.sql.order {
		st := Statement{ID: s.id, SQL: s.in.Statement, Principal: s.who.Name,
			Warehouse: s.in.WarehouseID, State: s.state}
		if s.err != nil {
			st.Error = s.err.Error()
		}
		if s.result != nil {
			st.Rows = len(s.result.values)
		}
		out = append(out, st)
	}
	return out
}

// statement is one that is under way or done.
type statement struct {
	id               string
	who              *server.Principal
	in               statementRequest
	state            string
	pending, running int // answers left
	err              *sqlError
	result           *rowSet // nil for statements without one
	cells            [][]*string
	truncated        bool
	bytes            int
}

type statementRequest struct {
	Statement     string
	WarehouseID   string `json:"warehouse_id"`
	WaitTimeout   string `json:"wait_timeout"`
	OnWaitTimeout string `json:"on_wait_timeout"`
	Disposition   string
	Format        string
	RowLimit      int `json:"row_limit"`
	Parameters    []json.RawMessage
}

func (w *SQL) routeStatements() {
	const api = "/api/2.0/sql/statements"
	w.Handle("POST "+api, w.submit)
	w.Handle("GET "+api+"/{id}", w.withStatement(func(rw http.ResponseWriter, _ *http.Request, s *statement) {
		w.advance(s)
		server.Answer(rw, http.StatusOK, w.document(s))
	}))
	w.Handle("POST "+api+"/{id}/cancel", w.withStatement(func(rw http.ResponseWriter, _ *http.Request, s *statement) {
		if s.state == "PENDING" || s.state == "RUNNING" {
			s.state = "CANCELED"
		}
		server.Answer(rw, http.StatusOK, struct{}{})
	}))
	w.Handle("GET "+api+"/{id}/result/chunks/{chunk}", w.withStatement(func(rw http.ResponseWriter, r *http.Request,
		s *statement) {
		n, err := strconv.Atoi(r.PathValue("chunk"))
		if err != nil || s.state != "SUCCEEDED" || n < 0 || n >= w.chunks(s) {
			server.Fail(rw, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("The statement %s has no chunk %s.", s.id,
				r.PathValue("chunk")))
			return
		}
		server.Answer(rw, http.StatusOK, w.chunk(s, n))
	}))
}

// withStatement finds the statement of a path; statements of others can't be seen. The handler runs
// under the lock.
func (w *SQL) withStatement(do func(http.ResponseWriter, *http.Request, *statement)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w.Mu.Lock()
		defer w.Mu.Unlock()
		s := w.sql.statements[r.PathValue("id")]
		if s == nil || s.who != server.Caller(r).Principal {
			server.Fail(rw, http.StatusNotFound, "NOT_FOUND",
				fmt.Sprintf("The statement %s was not found.", r.PathValue("id")))
			return
		}
		do(rw, r, s)
	}
}

// submit takes a statement. Waiting takes no time: within wait_timeout a statement gets as far as
// the warehouse's number of answers allows.
func (w *SQL) submit(rw http.ResponseWriter, r *http.Request) {
	var in statementRequest
	if !server.Decode(rw, r, &in) {
		return
	}
	wait, f := in.check()
	if f != nil {
		f.Send(rw)
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	h, f := w.Usable(server.Caller(r).Principal, in.WarehouseID)
	if f != nil {
		f.Send(rw)
		return
	}
	h.Start(w.Now())
	s := &statement{
		id: fmt.Sprintf("01ef-%08x", w.Next()), who: server.Caller(r).Principal, in: in, state: "PENDING",
		pending: h.PendingAnswers, running: h.RunningAnswers,
	}
	w.sql.statements[s.id] = s
	w.sql.order = append(w.sql.order, s)
	if wait > 0 {
		w.advance(s)
		if (s.state == "PENDING" || s.state == "RUNNING") && in.OnWaitTimeout == "CANCEL" {
			s.state = "CANCELED"
		}
	}
	server.Answer(rw, http.StatusOK, w.document(s))
}

// check refuses what the API refuses before anything runs.
func (in *statementRequest) check() (time.Duration, *server.Failure) {
	invalid := func(format string, args ...any) (time.Duration, *server.Failure) {
		return 0, server.Refusal(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf(format, args...))
	}
	wait := 10 * time.Second
	if in.WaitTimeout != "" {
		var err error
		if wait, err = time.ParseDuration(in.WaitTimeout); err != nil || wait != 0 &&
			(wait < 5*time.Second || wait > 50*time.Second) {
			return invalid("wait_timeout must be 0s, or between 5s and 50s, but it is %q", in.WaitTimeout)
		}
	}
	switch {
	case in.Statement == "":
		return invalid("statement is required")
	case in.WarehouseID == "":
		return invalid("warehouse_id is required")
	case len(in.Statement) > 16<<20:
		return invalid("The statement is longer than 16 MiB")
	case in.OnWaitTimeout != "" && in.OnWaitTimeout != "CONTINUE" && in.OnWaitTimeout != "CANCEL":
		return invalid("on_wait_timeout must be CONTINUE or CANCEL, but it is %q", in.OnWaitTimeout)
	case in.OnWaitTimeout == "CANCEL" && wait == 0:
		return invalid("on_wait_timeout can't be CANCEL when wait_timeout is 0s")
	case in.Disposition != "" && in.Disposition != "INLINE":
		return invalid("The fake workspace has no disposition but INLINE")
	case len(in.Parameters) > 0:
		return invalid("The fake workspace takes no parameters")
	case in.Format != "" && in.Format != "JSON_ARRAY":
		return invalid("The format %s is not supported with disposition INLINE; use JSON_ARRAY", in.Format)
	}
	return wait, nil
}

// advance brings a statement one answer further: it waits for the warehouse, is pending, then
// running, then done. Under the lock.
func (w *SQL) advance(s *statement) {
	if s.state != "PENDING" && s.state != "RUNNING" {
		return
	}
	h := w.sql.warehouses[s.in.WarehouseID]
	switch {
	case h.StateAt(w.Now()) != "RUNNING":
		h.Start(w.Now()) // it may have been stopped
		return
	case s.pending > 0:
		s.pending--
		return
	case s.running > 0:
		s.running--
		s.state = "RUNNING"
		return
	}
	s.state = "SUCCEEDED"
	result, err := w.execute(s.who, s.in.Statement)
	if err == nil && result != nil {
		err = w.fill(s, result)
	}
	if err != nil {
		s.state = "FAILED"
		_ = errors.As(err, &s.err)
	}
}
