package databrickstest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func (w *Workspace) routeLocations() {
	w.handle("POST /api/5.0/mlflow/tracing/locations", w.createLocationV5)
	w.handle("GET /api/5.0/mlflow/tracing/locations/{id}", w.getLocation)
	w.handle("POST /api/5.0/mlflow/experiments/{id}/trace-location:link", w.linkV5)
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

func (w *Workspace) createLocationV5(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV5 }) {
		return
	}
	var ask struct {
		Place     *tablePrefix `json:"uc_table_prefix"`
		Warehouse string       `json:"sql_warehouse_id"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ask.Place == nil {
		invalid("Missing required field: uc_table_prefix").send(rw)
		return
	}
	at := unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema, Prefix: ask.Place.Prefix}
	if f := w.mayCreate(caller(r).Principal, at); f != nil {
		f.send(rw)
		return
	}
	answer(rw, http.StatusOK, map[string]any{"uc_table_prefix": w.location(at, unity.V2, caller(r).Name).names()})
}

func (w *Workspace) getLocation(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV5 }) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.mlflow.locations {
		if l.id == r.PathValue("id") && l.layout == unity.V2 {
			answer(rw, http.StatusOK, map[string]any{"uc_table_prefix": l.names()})
			return
		}
	}
	notFound("Trace location %s does not exist.", r.PathValue("id")).send(rw)
}

func (w *Workspace) linkV5(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV5 }) {
		return
	}
	var ask struct {
		Place *tablePrefix `json:"uc_table_prefix"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ask.Place == nil {
		invalid("Missing required field: uc_table_prefix").send(rw)
		return
	}
	w.linkTo(rw, r.PathValue("id"), unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema, Prefix: ask.Place.Prefix})
}

func (w *Workspace) createLocationV4(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV4 }) {
		return
	}
	var ask struct {
		Place     *ucSchema `json:"uc_schema"`
		Warehouse string    `json:"sql_warehouse_id"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ask.Place == nil {
		invalid("Missing required field: uc_schema").send(rw)
		return
	}
	if _, f := w.warehouse(caller(r).Principal, ask.Warehouse); f != nil {
		f.send(rw)
		return
	}
	if unfit := w.mlflow.switches.UnfitWarehouse; unfit != "" && ask.Warehouse == unfit {
		fail(rw, http.StatusBadRequest, "INVALID_ARGUMENT", "Inline disposition only supports ARROW_STREAM format")
		return
	}
	at := unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema}
	if w.findLocation(at.String()) != nil {
		fail(rw, http.StatusConflict, "ALREADY_EXISTS", "Trace location already exists")
		return
	}
	if f := w.mayCreate(caller(r).Principal, at); f != nil {
		f.send(rw)
		return
	}
	answer(rw, http.StatusOK, map[string]any{"uc_schema": w.location(at, unity.V1, caller(r).Name).schemaNames()})
}

func (w *Workspace) linkV4(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoLocationsV4 }) {
		return
	}
	var ask struct {
		Place *ucSchema `json:"uc_schema"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ask.Place == nil {
		invalid("Missing required field: uc_schema").send(rw)
		return
	}
	w.linkTo(rw, r.PathValue("experiment"), unity.Location{Catalog: ask.Place.Catalog, Schema: ask.Place.Schema})
}

// The rest of this file is under the lock.

// linkTo links an experiment to a location that exists.
func (w *Workspace) linkTo(rw http.ResponseWriter, id string, at unity.Location) {
	e, l := w.experiment(id), w.findLocation(at.String())
	switch {
	case e == nil:
		notFound("No experiment with id %s", id).send(rw)
	case l == nil:
		notFound("Trace location %s does not exist.", at).send(rw)
	case e.location != nil && e.location != l:
		invalid("Experiment %s is already linked to trace location %s", id, e.location).send(rw)
	default:
		w.link(e, l, "")
		answer(rw, http.StatusOK, map[string]any{})
	}
}

// link makes the location that of the experiment, and says so in its tags.
func (w *Workspace) link(e *experiment, l *traceLocation, warehouse string) {
	e.location = l
	e.tags[TagDestinationPath] = l.String()
	e.tags[TagSpansTable] = l.Table(unity.Spans, l.layout).String()
	e.tags[TagLogsTable] = l.Table(unity.Logs, l.layout).String()
	if l.layout == unity.V2 {
		e.tags[TagAnnotationsTable] = l.Table(annotations, l.layout).String()
		e.tags[TagDestinationID] = l.id
	}
	if warehouse != "" {
		e.tags[TagWarehouse] = warehouse
	}
}

// location finds or makes a location with its tables.
func (w *Workspace) location(at unity.Location, layout unity.Layout, owner string) *traceLocation {
	if l := w.findLocation(at.String()); l != nil {
		return l
	}
	w.createTables(at, layout, owner)
	l := &traceLocation{Location: at, layout: layout, id: w.id(), posted: map[string]*postedInfo{}}
	w.mlflow.locations = append(w.mlflow.locations, l)
	return l
}

func (w *Workspace) findLocation(name string) *traceLocation {
	for _, l := range w.mlflow.locations {
		if strings.EqualFold(l.String(), name) {
			return l
		}
	}
	return nil
}

// mayCreate checks what creating tables takes: the schema exists, the caller may create tables there, and what is there already fits.
func (w *Workspace) mayCreate(who *Principal, at unity.Location) *failure {
	layout := unity.V2
	if at.Prefix == "" {
		layout = unity.V1
	}
	if err := at.Validate(layout); err != nil {
		return invalid("%s", err)
	}
	name := at.Catalog + "." + at.Schema
	if f := w.findSchema(name); f != nil {
		return f
	}
	if w.findLocation(at.String()) != nil {
		return nil
	}
	schema := securableOf(name)
	if f := w.mayReach(who, schema); f != nil {
		return f
	}
	if !w.may(who, schema, "CREATE_TABLE") {
		return denied("CREATE_TABLE", schema)
	}
	for _, s := range signals(layout) {
		t := w.table(at.Table(s, layout).String())
		if w.mlflow.switches.IncompatibleTables || t != nil && t.kind != "MANAGED" && t.kind != "EXTERNAL" {
			return invalid("Failed to validate table compatibility")
		}
	}
	return nil
}

// warehouse finds the SQL warehouse that a request names; nil if it names none and none is needed.
func (w *Workspace) warehouse(who *Principal, id string) (*warehouse, *failure) {
	if id == "" {
		if w.mlflow.switches.WarehouseRequired {
			return nil, invalid("%s", w.mlflow.switches.WarehouseMessage)
		}
		return nil, nil
	}
	return w.usable(who, id)
}

// running checks that the SQL warehouse of a request runs; one that is stopped is started. What a plain request is answered with meanwhile is not known.
func (w *Workspace) running(r *http.Request) *failure {
	h, f := w.warehouse(caller(r).Principal, r.URL.Query().Get("sql_warehouse_id"))
	if f != nil || h == nil {
		return f
	}
	if h.start(w.now()); h.state(w.now()) != "RUNNING" {
		return newFailure(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "The SQL warehouse "+h.ID+" is starting")
	}
	return nil
}

func (l *traceLocation) names() tablePrefix {
	return tablePrefix{
		Catalog: l.Catalog, Schema: l.Schema, Prefix: l.Prefix, Spans: l.Table(unity.Spans, l.layout).String(), Logs: l.Table(unity.Logs, l.layout).String(),
		Metrics: l.Table(unity.Metrics, l.layout).String(), Annotations: l.Table(annotations, l.layout).String(), ID: l.id,
	}
}

func (l *traceLocation) schemaNames() ucSchema {
	return ucSchema{Catalog: l.Catalog, Schema: l.Schema, Spans: l.Table(unity.Spans, l.layout).Table, Logs: l.Table(unity.Logs, l.layout).Table}
}

// wire is the location as infos and assessments show it.
func (l *traceLocation) wire() map[string]any {
	if l.layout == unity.V1 {
		return map[string]any{"type": "UC_SCHEMA", "uc_schema": l.schemaNames()}
	}
	return map[string]any{"type": "UC_TABLE_PREFIX", "uc_table_prefix": tablePrefix{
		Catalog: l.Catalog, Schema: l.Schema, Prefix: l.Prefix, Spans: l.Table(unity.Spans, l.layout).String(),
	}}
}

// place finds the location of a request's path and checks what the caller may do there: SELECT on the spans to read, MODIFY and SELECT on the annotations to write.
func (w *Workspace) place(r *http.Request, write bool) (*traceLocation, *failure) {
	l := w.findLocation(r.PathValue("location"))
	if l == nil {
		return nil, notFound("Trace location %s does not exist.", r.PathValue("location"))
	}
	return l, w.allowed(caller(r).Principal, l, write)
}

func (w *Workspace) allowed(who *Principal, l *traceLocation, write bool) *failure {
	table, needs := l.Table(unity.Spans, l.layout), []string{"SELECT"}
	if write {
		needs = []string{"MODIFY", "SELECT"}
		if l.layout == unity.V2 {
			table = l.Table(annotations, l.layout)
		}
	}
	at := securableOf(table.String())
	if f := w.mayReach(who, at); f != nil {
		return f
	}
	for _, p := range needs {
		if !w.may(who, at, p) {
			return newFailure(http.StatusForbidden, "PERMISSION_DENIED", fmt.Sprintf("User does not have %s on Table '%s'.", p, table))
		}
	}
	return nil
}
