// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlp serves the OTLP ingest of the fake workspace and of the ingest host of Zerobus. It
// takes requests of OTLP over HTTP, and writes rows into the tables of package catalog.
package otlp

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// otlpState is what the OTLP routes remember. Guarded by Workspace.mu.
type otlpState struct {
	standing map[string]Outcome   // by table, "" for all
	next     map[string][]Outcome // the same
	ingested map[string]*Ingested
	second   time.Time // of the quota
	traces   map[string]bool
	records  int // serial number of record_id
}

// Ingest are the routes of OTLP.
type Ingest struct {
	*catalog.Catalog
	zerobus *httptest.Server // the ingest host
	otlp    otlpState
}

// New registers the routes of the workspace.
func New(c *catalog.Catalog) *Ingest {
	w := &Ingest{Catalog: c, otlp: newOTLPState()}
	w.routeOTLP()
	return w
}

func newOTLPState() otlpState {
	return otlpState{standing: map[string]Outcome{}, next: map[string][]Outcome{}, ingested: map[string]*Ingested{},
		traces: map[string]bool{}}
}

// Ingested counts what the OTLP routes did for a table. Items are spans, log records or data
// points.
type Ingested struct {
	Requests int // that named the table
	Written  int // items
	Dropped  int // items answered with success and not written
	Rejected int // items of partial successes
	Refused  int // requests answered with an error or not at all
}

// Ingested returns the counts of a table.
func (w *Ingest) Ingested(table string) Ingested {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return *w.ingested(table)
}

// ingested is Ingested under the lock, to change it.
func (w *Ingest) ingested(table string) *Ingested {
	c := w.otlp.ingested[catalog.Key(table)]
	if c == nil {
		c = &Ingested{}
		w.otlp.ingested[catalog.Key(table)] = c
	}
	return c
}

const (
	tableHeader   = "X-Databricks-UC-Table-Name"
	zerobusHeader = "X-Databricks-Zerobus-Table-Name"
)

// endpoint is one way in.
type endpoint struct {
	signal  signal
	header  string
	zerobus bool
}

func (w *Ingest) routeOTLP() {
	for _, s := range []signal{tracesSignal, logsSignal, metricsSignal} {
		w.Handle("POST /api/2.0/otel/v1/"+s.path, w.ingest(endpoint{signal: s, header: tableHeader}))
		w.Handle("POST /api/2.0/tracing/otel/v1/"+s.path, w.ingest(endpoint{signal: s, header: tableHeader}))
	}
}

// ingest answers the requests of an endpoint.
func (w *Ingest) ingest(e endpoint) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w.Mu.Lock()
		switches := w.Switches
		w.Mu.Unlock()
		if !e.zerobus && switches.PreviewOff {
			_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
			server.Fail(rw, http.StatusNotFound, "ENDPOINT_NOT_FOUND", "No API found for 'POST /"+path+"'")
			return
		}
		table, f := tableOf(r, e)
		if f != nil {
			f.Send(rw)
			return
		}
		w.Mu.Lock()
		w.ingested(table).Requests++
		o := w.outcome(table)
		w.Mu.Unlock()
		w.Hold(r, o.Delay, o.Until)
		if o.Status != 0 && !o.Write {
			w.refused(table)
			refuse(rw, o)
			return
		}
		if o.Reset && !o.Write {
			w.refused(table)
			panic(http.ErrAbortHandler)
		}
		items, f := itemsOf(r, e, switches)
		if f != nil {
			w.refused(table)
			f.Send(rw)
			return
		}
		w.store(rw, r, e, table, items, o)
	}
}

func (w *Ingest) refused(table string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.ingested(table).Refused++
}

// tableOf is the table that the request names: in exactly one header, and one that the signal can
// go to.
func tableOf(r *http.Request, e endpoint) (string, *server.Failure) {
	named := r.Header.Values(e.header)
	switch {
	case len(named) == 0 || named[0] == "":
		return "", server.Refusal(400, "INVALID_PARAMETER_VALUE", "Missing required header: "+e.header)
	case len(named) > 1 || strings.Contains(named[0], ","):
		return "", server.Refusal(400, "INVALID_PARAMETER_VALUE",
			"A request goes to one table; the header "+e.header+" names several")
	}
	name, err := unity.ParseName(named[0])
	if err != nil {
		return "", server.Refusal(400, "INVALID_PARAMETER_VALUE",
			fmt.Sprintf("'%s' is not a valid name for a table", named[0]))
	}
	if !strings.HasSuffix(catalog.Key(name.Table), "_otel_"+string(e.signal.table)) {
		return "", server.Refusal(400, "INVALID_PARAMETER_VALUE",
			fmt.Sprintf("Table '%s' does not take %s: its name must end in _otel_%s", name, e.signal.path,
				e.signal.table))
	}
	return name.String(), nil
}

// itemsOf decodes the body.
func itemsOf(r *http.Request, e endpoint, switches server.Switches) (items, *server.Failure) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-protobuf" {
		return items{}, server.Refusal(415, "INVALID_PARAMETER_VALUE",
			fmt.Sprintf("Unsupported content type '%s', expected application/x-protobuf",
				r.Header.Get("Content-Type")))
	}
	body, _ := io.ReadAll(r.Body)
	switch encoding := r.Header.Get("Content-Encoding"); {
	case encoding == "gzip" && !switches.RefuseGzip:
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(io.LimitReader(z, server.MaxBody+1))
		}
		if err != nil {
			return items{}, server.Refusal(400, "MALFORMED_REQUEST", "The body is no gzip")
		}
	case encoding != "" && encoding != "identity":
		return items{}, server.Refusal(415, "INVALID_PARAMETER_VALUE",
			fmt.Sprintf("Unsupported content encoding '%s'", encoding))
	}
	if len(body) > server.MaxBody || switches.MaxBody > 0 && len(body) > switches.MaxBody {
		return items{}, server.Refusal(413, "REQUEST_ENTITY_TOO_LARGE", "Request body too large")
	}
	out, err := e.signal.decode(body)
	if err != nil {
		return items{}, server.Refusal(400, "MALFORMED_REQUEST", "The body is no "+e.signal.message)
	}
	return out, nil
}

// store checks what only the workspace knows, writes, and answers.
func (w *Ingest) store(rw http.ResponseWriter, r *http.Request, e endpoint, name string, in items, o Outcome) {
	w.Mu.Lock()
	count := w.ingested(name)
	t, f := w.admit(r, e, name, in)
	silent := f != nil && f.Status == http.StatusOK
	rejected := min(o.Reject, in.count)
	switch {
	case silent, f == nil && (o.Drop || o.Reason != ""):
		count.Dropped += in.count
		rejected = 0
	case f != nil:
		count.Refused++
	default:
		written := w.stamp(in.rows(layoutOf(t), w.Switches)[rejected:])
		w.Write(t, written)
		count.Written += len(written)
		count.Rejected += rejected
		if o.Status != 0 || o.Reset {
			count.Refused++
		}
	}
	w.Mu.Unlock()
	switch {
	case f != nil && !silent:
		if f.Status == http.StatusTooManyRequests {
			rw.Header().Set("Retry-After", "1")
		}
		f.Send(rw)
	case o.Reset:
		panic(http.ErrAbortHandler)
	case o.Status != 0:
		refuse(rw, o)
	case rejected > 0:
		rw.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = rw.Write(e.signal.partial(rejected, fmt.Sprintf("%d %s rejected: invalid %s", rejected, e.signal.items,
			e.signal.fault)))
	default:
		kind := "application/json"
		if e.zerobus {
			kind = "application/x-protobuf"
		}
		rw.Header().Set("Content-Type", kind)
		if o.Reason != "" {
			rw.Header().Set(server.ReasonHeader, o.Reason)
		}
		if o.Garbage {
			_, _ = rw.Write([]byte("\xff<html>not an answer of OTLP"))
			return
		}
		rw.WriteHeader(http.StatusOK)
	}
}
