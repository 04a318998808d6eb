// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/warehouse"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func (w *MLflow) routeLocations() {
	w.Handle("POST /api/5.0/mlflow/tracing/locations", w.createLocationV5)
	w.Handle("GET /api/5.0/mlflow/tracing/locations/{id}", w.getLocation)
	w.Handle("POST /api/5.0/mlflow/experiments/{id}/trace-location:link", w.linkV5)
}

// tablePrefix and ucSchema are the two forms of a location on the wire.
type tablePrefix struct {
	Catalog     string `json:"catalog_name"`
	Schema      string `json:"schema_name"`
	Prefix      string `json:"table_prefix"`
	Spans       string `json:"spans_table_name,omitempty"`
	Logs        string `json:"logs_table_name,omitempty"`
	Metrics     string `json:"metrics_table_name,omitempty"`
	Annotations string `json:"annotations_table_name,omitempty"`
	ID          string `json:"location_id,omitempty"`
}

type ucSchema struct {
	Catalog string `json:"catalog_name"`
	Schema  string `json:"schema_name"`
	Spans   string `json:"otel_spans_table_name,omitempty"`
	Logs    string `json:"otel_logs_table_name,omitempty"`
}

func (w *MLflow) createLocationV5(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV5 }) {
		return
	}
	var ask struct {
		Place     *tablePrefix `json:"uc_table_prefix"`
		Warehouse string       `json:"sql_warehouse_id"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if ask.Place == nil {
		server.Invalid("Missing required field: uc_table_prefix").Send(rw)
		return
	}
	at := unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema, Prefix: ask.Place.Prefix}
	if f := w.mayCreate(server.Caller(r).Principal, at); f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, map[string]any{"uc_table_prefix": w.location(at, unity.LayoutV2,
		server.Caller(r).Name).names()})
}

func (w *MLflow) getLocation(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV5 }) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	for _, l := range w.mlflow.locations {
		if l.id == r.PathValue("id") && l.layout == unity.LayoutV2 {
			server.Answer(rw, http.StatusOK, map[string]any{"uc_table_prefix": l.names()})
			return
		}
	}
	server.NotFound("Trace location %s does not exist.", r.PathValue("id")).Send(rw)
}

func (w *MLflow) linkV5(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV5 }) {
		return
	}
	var ask struct {
		Place *tablePrefix `json:"uc_table_prefix"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if ask.Place == nil {
		server.Invalid("Missing required field: uc_table_prefix").Send(rw)
		return
	}
	w.linkTo(rw, r.PathValue("id"), unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema,
		Prefix: ask.Place.Prefix})
}

func (w *MLflow) createLocationV4(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV4 }) {
		return
	}
	var ask struct {
		Place     *ucSchema `json:"uc_schema"`
		Warehouse string    `json:"sql_warehouse_id"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if ask.Place == nil {
		server.Invalid("Missing required field: uc_schema").Send(rw)
		return
	}
	if _, f := w.warehouse(server.Caller(r).Principal, ask.Warehouse); f != nil {
		f.Send(rw)
		return
	}
	if unfit := w.mlflow.switches.UnfitWarehouse; unfit != "" && ask.Warehouse == unfit {
		server.Fail(rw, http.StatusBadRequest, "INVALID_ARGUMENT",
			"Inline disposition only supports ARROW_STREAM format")
		return
	}
	at := unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema}
	if w.findLocation(at.String()) != nil {
		server.Fail(rw, http.StatusConflict, "ALREADY_EXISTS", "Trace location already exists")
		return
	}
	if f := w.mayCreate(server.Caller(r).Principal, at); f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, map[string]any{"uc_schema": w.location(at, unity.LayoutV1,
		server.Caller(r).Name).schemaNames()})
}

func (w *MLflow) linkV4(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV4 }) {
		return
	}
	var ask struct {
		Place *ucSchema `json:"uc_schema"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if ask.Place == nil {
		server.Invalid("Missing required field: uc_schema").Send(rw)
		return
	}
	w.linkTo(rw, r.PathValue("experiment"), unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema})
}

// The rest of this file is under the lock.

// linkTo links an experiment to a location that exists.
func (w *MLflow) linkTo(rw http.ResponseWriter, id string, at unity.Location) {
	e, l := w.experiment(id), w.findLocation(at.String())
	switch {
	case e == nil:
		server.NotFound("No experiment with id %s", id).Send(rw)
	case l == nil:
		server.NotFound("Trace location %s does not exist.", at).Send(rw)
	case e.location != nil && e.location != l:
		server.Invalid("Experiment %s is already linked to trace location %s", id, e.location).Send(rw)
	default:
		w.link(e, l, "")
		server.Answer(rw, http.StatusOK, map[string]any{})
	}
}

// link makes the location that of the experiment, and says so in its tags.
func (w *MLflow) link(e *experiment, l *traceLocation, warehouse string) {
	e.location = l
	e.tags[TagDestinationPath] = l.String()
	e.tags[TagSpansTable] = l.Table(unity.SignalSpans, l.layout).String()
	e.tags[TagLogsTable] = l.Table(unity.SignalLogs, l.layout).String()
	if l.layout == unity.LayoutV2 {
		e.tags[TagAnnotationsTable] = l.Table(unity.SignalAnnotations, l.layout).String()
		e.tags[TagDestinationID] = l.id
	}
	if warehouse != "" {
		e.tags[TagWarehouse] = warehouse
	}
}

// location finds or makes a location with its tables.
func (w *MLflow) location(at unity.Location, layout unity.Layout, owner string) *traceLocation {
	if l := w.findLocation(at.String()); l != nil {
		return l
	}
	w.AddTables(at, layout, owner)
	l := &traceLocation{Location: at, layout: layout, id: w.NewID(), posted: map[string]*postedInfo{}}
	w.mlflow.locations = append(w.mlflow.locations, l)
	return l
}

func (w *MLflow) findLocation(name string) *traceLocation {
	for _, l := range w.mlflow.locations {
		if strings.EqualFold(l.String(), name) {
			return l
		}
	}
	return nil
}

// mayCreate checks what creating tables takes: the schema exists, the caller may create tables
// there, and what is there already fits.
func (w *MLflow) mayCreate(who *server.Principal, at unity.Location) *server.Failure {
	layout := unity.LayoutV2
	if at.Prefix == "" {
		layout = unity.LayoutV1
	}
	if err := at.Validate(layout); err != nil {
		return server.Invalid("%s", err)
	}
	name := at.Catalog + "." + at.Schema
	if f := w.FindSchema(name); f != nil {
		return f
	}
	if w.findLocation(at.String()) != nil {
		return nil
	}
	schema := catalog.SecurableOf(name)
	if f := w.MayReach(who, schema); f != nil {
		return f
	}
	if !w.May(who, schema, "CREATE_TABLE") {
		return catalog.Denied("CREATE_TABLE", schema)
	}
	for _, s := range unity.Signals(layout) {
		t := w.Relation(at.Table(s, layout).String())
		if w.mlflow.switches.IncompatibleTables || t != nil && t.Kind != "MANAGED" && t.Kind != "EXTERNAL" {
			return server.Invalid("Failed to validate table compatibility")
		}
	}
	return nil
}

// warehouse finds the SQL warehouse that a request names; nil if it names none and none is needed.
func (w *MLflow) warehouse(who *server.Principal, id string) (*warehouse.Instance, *server.Failure) {
	if id == "" {
		if w.mlflow.switches.WarehouseRequired {
			return nil, server.Invalid("%s", w.mlflow.switches.WarehouseMessage)
		}
		return nil, nil
	}
	return w.Usable(who, id)
}

// running checks that the SQL warehouse of a request runs; one that is stopped is started. What a
// plain request is answered with meanwhile is not known.
func (w *MLflow) running(r *http.Request) *server.Failure {
	h, f := w.warehouse(server.Caller(r).Principal, r.URL.Query().Get("sql_warehouse_id"))
	if f != nil || h == nil {
		return f
	}
	if h.Start(w.Now()); h.StateAt(w.Now()) != "RUNNING" {
		return server.Refusal(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE",
			"The SQL warehouse "+h.ID+" is starting")
	}
	return nil
}

func (l *traceLocation) names() tablePrefix {
	return tablePrefix{
		Catalog: l.Catalog, Schema: l.Schema, Prefix: l.Prefix, Spans: l.Table(unity.SignalSpans, l.layout).String(),
		Logs:        l.Table(unity.SignalLogs, l.layout).String(),
		Metrics:     l.Table(unity.SignalMetrics, l.layout).String(),
		Annotations: l.Table(unity.SignalAnnotations, l.layout).String(),
		ID:          l.id,
	}
}

func (l *traceLocation) schemaNames() ucSchema {
	return ucSchema{Catalog: l.Catalog, Schema: l.Schema, Spans: l.Table(unity.SignalSpans, l.layout).Table,
		Logs: l.Table(unity.SignalLogs, l.layout).Table}
}

// wire is the location as infos and assessments show it.
func (l *traceLocation) wire() map[string]any {
	if l.layout == unity.LayoutV1 {
		return map[string]any{"type": "UC_SCHEMA", "uc_schema": l.schemaNames()}
	}
	return map[string]any{"type": "UC_TABLE_PREFIX", "uc_table_prefix": tablePrefix{
		Catalog: l.Catalog, Schema: l.Schema, Prefix: l.Prefix, Spans: l.Table(unity.SignalSpans, l.layout).String(),
	}}
}

// place finds the location of a request's path and checks what the caller may do there: SELECT on
// the spans to read, MODIFY and SELECT on the annotations to write.
func (w *MLflow) place(r *http.Request, write bool) (*traceLocation, *server.Failure) {
	l := w.findLocation(r.PathValue("location"))
	if l == nil {
		return nil, server.NotFound("Trace location %s does not exist.", r.PathValue("location"))
	}
	return l, w.allowed(server.Caller(r).Principal, l, write)
}

func (w *MLflow) allowed(who *server.Principal, l *traceLocation, write bool) *server.Failure {
	table, needs := l.Table(unity.SignalSpans, l.layout), []string{"SELECT"}
	if write {
		needs = []string{"MODIFY", "SELECT"}
		if l.layout == unity.LayoutV2 {
			table = l.Table(unity.SignalAnnotations, l.layout)
		}
	}
	at := catalog.SecurableOf(table.String())
	if f := w.MayReach(who, at); f != nil {
		return f
	}
	for _, p := range needs {
		if !w.May(who, at, p) {
			return server.Refusal(http.StatusForbidden, "PERMISSION_DENIED",
				fmt.Sprintf("User does not have %s on Table '%s'.", p, table))
		}
	}
	return nil
}
