package databrickstest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

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

func newOTLPState() otlpState {
	return otlpState{standing: map[string]Outcome{}, next: map[string][]Outcome{}, ingested: map[string]*Ingested{}, traces: map[string]bool{}}
}

// Ingested counts what the OTLP routes did for a table. Items are spans, log records or data points.
type Ingested struct {
	Requests int // that named the table
	Written  int // items
	Dropped  int // items answered with success and not written
	Rejected int // items of partial successes
	Refused  int // requests answered with an error or not at all
}

// Ingested returns the counts of a table.
func (w *Workspace) Ingested(table string) Ingested {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.ingested(table)
}

// ingested is Ingested under the lock, to change it.
func (w *Workspace) ingested(table string) *Ingested {
	c := w.otlp.ingested[key(table)]
	if c == nil {
		c = &Ingested{}
		w.otlp.ingested[key(table)] = c
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
	variant bool // the path of the Beta
	zerobus bool
}

func (w *Workspace) routeOTLP() {
	for _, s := range []signal{tracesSignal, logsSignal, metricsSignal} {
		w.handle("POST /api/2.0/otel/v1/"+s.path, w.ingest(endpoint{signal: s, header: tableHeader}))
		w.handle("POST /api/2.0/tracing/otel/v1/"+s.path, w.ingest(endpoint{signal: s, header: tableHeader, variant: true}))
	}
}

// ingest answers the requests of an endpoint.
func (w *Workspace) ingest(e endpoint) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		switches := w.switches
		w.mu.Unlock()
		if !e.zerobus && switches.PreviewOff || e.variant && switches.NoVariantPath {
			_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
			fail(rw, http.StatusNotFound, "ENDPOINT_NOT_FOUND", "No API found for 'POST /"+path+"'")
			return
		}
		table, f := tableOf(r, e)
		if f != nil {
			f.send(rw)
			return
		}
		w.mu.Lock()
		w.ingested(table).Requests++
		o := w.outcome(table)
		w.mu.Unlock()
		w.hold(r, o.Delay, o.Until)
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
			f.send(rw)
			return
		}
		w.store(rw, r, e, table, items, o)
	}
}

func (w *Workspace) refused(table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ingested(table).Refused++
}

// tableOf is the table that the request names: in exactly one header, and one that the signal can go to.
func tableOf(r *http.Request, e endpoint) (string, *failure) {
	named := r.Header.Values(e.header)
	switch {
	case len(named) == 0 || named[0] == "":
		return "", newFailure(400, "INVALID_PARAMETER_VALUE", "Missing required header: "+e.header)
	case len(named) > 1 || strings.Contains(named[0], ","):
		return "", newFailure(400, "INVALID_PARAMETER_VALUE", "A request goes to one table; the header "+e.header+" names several")
	}
	name, err := unity.ParseName(named[0])
	if err != nil {
		return "", newFailure(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf("'%s' is not a valid name for a table", named[0]))
	}
	if !strings.HasSuffix(key(name.Table), "_otel_"+string(e.signal.table)) {
		return "", newFailure(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf("Table '%s' does not take %s: its name must end in _otel_%s", name, e.signal.path,
			e.signal.table))
	}
	return name.String(), nil
}

// itemsOf decodes the body.
func itemsOf(r *http.Request, e endpoint, switches Switches) (items, *failure) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-protobuf" {
		return items{}, newFailure(415, "INVALID_PARAMETER_VALUE", fmt.Sprintf("Unsupported content type '%s', expected application/x-protobuf",
			r.Header.Get("Content-Type")))
	}
	body, _ := io.ReadAll(r.Body)
	switch encoding := r.Header.Get("Content-Encoding"); {
	case encoding == "gzip" && !switches.RefuseGzip:
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(io.LimitReader(z, maxBody+1))
		}
		if err != nil {
			return items{}, newFailure(400, "MALFORMED_REQUEST", "The body is no gzip")
		}
	case encoding != "" && encoding != "identity":
		return items{}, newFailure(415, "INVALID_PARAMETER_VALUE", fmt.Sprintf("Unsupported content encoding '%s'", encoding))
	}
	if len(body) > maxBody || switches.MaxBody > 0 && len(body) > switches.MaxBody {
		return items{}, newFailure(413, "REQUEST_ENTITY_TOO_LARGE", "Request body too large")
	}
	out, err := e.signal.decode(body)
	if err != nil {
		return items{}, newFailure(400, "MALFORMED_REQUEST", "The body is no "+e.signal.message)
	}
	return out, nil
}

// store checks what only the workspace knows, writes, and answers.
func (w *Workspace) store(rw http.ResponseWriter, r *http.Request, e endpoint, name string, in items, o Outcome) {
	w.mu.Lock()
	count := w.ingested(name)
	t, f := w.admit(r, e, name, in)
	silent := f != nil && f.status == http.StatusOK
	rejected := min(o.Reject, in.count)
	switch {
	case silent, f == nil && o.Drop:
		count.Dropped += in.count
		rejected = 0
	case f != nil:
		count.Refused++
	default:
		written := w.stamp(in.rows(layoutOf(t), w.switches)[rejected:])
		w.write(t, written)
		count.Written += len(written)
		count.Rejected += rejected
		if o.Status != 0 || o.Reset {
			count.Refused++
		}
	}
	w.mu.Unlock()
	switch {
	case f != nil && !silent:
		if f.status == http.StatusTooManyRequests {
			rw.Header().Set("Retry-After", "1")
		}
		f.send(rw)
	case o.Reset:
		panic(http.ErrAbortHandler)
	case o.Status != 0:
		refuse(rw, o)
	case rejected > 0:
		rw.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = rw.Write(e.signal.partial(rejected, fmt.Sprintf("%d %s rejected: invalid %s", rejected, e.signal.items, e.signal.fault)))
	default:
		kind := "application/json"
		if e.zerobus {
			kind = "application/x-protobuf"
		}
		rw.Header().Set("Content-Type", kind)
		if o.Garbage {
			_, _ = rw.Write([]byte("\xff<html>not an answer of OTLP"))
			return
		}
		rw.WriteHeader(http.StatusOK)
	}
}
