// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// admit says whether the request may write into the table. A failure with status 200 means: say
// yes, write nothing. Under the lock.
func (w *Ingest) admit(r *http.Request, e endpoint, name string, in items) (*catalog.Relation, *server.Failure) {
	who := server.Caller(r)
	t := w.Relation(name)
	if t == nil {
		return nil, server.Refusal(w.Switches.MissingTableStatus, "TABLE_DOES_NOT_EXIST",
			fmt.Sprintf("Table '%s' does not exist.", name))
	}
	s := catalog.SecurableOf(name)
	for _, at := range catalog.Lineage(s) {
		for _, p := range map[string][]string{"table": {"MODIFY", "SELECT"}, "schema": {"USE_SCHEMA"},
			"catalog": {"USE_CATALOG"}}[at.Kind] {
			has := w.May(who.Principal, at, p)
			if at.Kind == "table" {
				has = w.GrantedOn(who.Principal, at, p) || w.Switches.InheritedGrants &&
					w.HasGrant(who.Principal, at, p)
			}
			if !has {
				f := catalog.Denied(p, at)
				f.Status = w.Switches.NoGrantStatus
				return nil, f
			}
		}
	}
	if message := mismatch(t, e.signal.table); message != "" {
		return nil, server.Refusal(400, "INVALID_PARAMETER_VALUE", message)
	}
	if !w.withinQuota(in.traces) {
		return nil, server.Refusal(429, "REQUEST_LIMIT_EXCEEDED",
			fmt.Sprintf("Request limit exceeded: %d traces per second", w.Switches.TracesPerSecond))
	}
	return t, nil
}

// withinQuota counts the distinct traces of this second. A request that does not fit is refused as
// a whole, also one that alone holds more than the quota. Under the lock.
func (w *Ingest) withinQuota(traces map[string]bool) bool {
	if w.Switches.TracesPerSecond == 0 {
		return true
	}
	if second := w.Now().Truncate(time.Second); !second.Equal(w.otlp.second) {
		w.otlp.second = second
		clear(w.otlp.traces)
	}
	more := 0
	for id := range traces {
		if !w.otlp.traces[id] {
			more++
		}
	}
	if len(w.otlp.traces)+more > w.Switches.TracesPerSecond {
		return false
	}
	for id := range traces {
		w.otlp.traces[id] = true
	}
	return true
}

// mismatch compares the table with what ingest writes; empty if it fits.
func mismatch(t *catalog.Relation, s unity.Signal) string {
	if t.Kind != "MANAGED" && t.Kind != "EXTERNAL" {
		return fmt.Sprintf("Schema validation error: '%s' is a %s, not a table.", t.Name, t.Kind)
	}
	has := map[string]string{}
	for _, c := range t.Columns {
		has[strings.ToLower(c.Name)] = c.Type
	}
	var faults []string
	for _, c := range catalog.OTelColumns(s, layoutOf(t)) {
		switch kind, ok := has[c.Name]; {
		case !ok:
			faults = append(faults, fmt.Sprintf("Field %q found in the proto definition, but not in the table schema.",
				c.Name))
		case kind != c.Type:
			faults = append(faults,
				fmt.Sprintf("Field %q is %s in the table schema, which the proto definition can't be "+
					"written to.", c.Name, kind))
		}
	}
	if faults == nil {
		return ""
	}
	return "Schema validation error: " + strings.Join(faults, " ")
}

// refuse answers with the documented or likely error of a status.
func refuse(rw http.ResponseWriter, o Outcome) {
	if o.RetryAfter != "" {
		rw.Header().Set("Retry-After", o.RetryAfter)
	}
	if o.Reason != "" {
		rw.Header().Set(server.ReasonHeader, o.Reason)
	}
	if o.Empty {
		rw.WriteHeader(o.Status)
		return
	}
	if o.HTML {
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(o.Status)
		_, _ = fmt.Fprintf(rw, "<html><body><h1>%d %s</h1></body></html>", o.Status, http.StatusText(o.Status))
		return
	}
	code, message := o.Code, o.Message
	if code == "" {
		code = errorCodes[o.Status].code
	}
	if message == "" {
		message = errorCodes[o.Status].message
	}
	server.Fail(rw, o.Status, code, message)
}

var errorCodes = map[int]struct{ code, message string }{
	400: {"INVALID_PARAMETER_VALUE", "The request is invalid"},
	401: {"UNAUTHENTICATED", "Token is expired."},
	403: {"PERMISSION_DENIED", "User does not have MODIFY on the table."},
	404: {"ENDPOINT_NOT_FOUND", "No API found for 'POST /otel/v1/traces'"},
	408: {"DEADLINE_EXCEEDED", "Request timed out"},
	413: {"REQUEST_ENTITY_TOO_LARGE", "Request body too large"},
	429: {"REQUEST_LIMIT_EXCEEDED", "Request limit exceeded: 200 traces per second"},
	500: {"INTERNAL_ERROR", "Internal error"},
	501: {"NOT_IMPLEMENTED", "Ingestion into this table is not supported."},
	502: {"BAD_GATEWAY", "Bad gateway"},
	503: {"TEMPORARILY_UNAVAILABLE", "Service temporarily unavailable"},
	504: {"DEADLINE_EXCEEDED", "Gateway timeout"},
}
