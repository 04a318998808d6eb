// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package monitor keeps the quality monitors of the fake workspace, and serves both of their APIs.
package monitor

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// MonitorSwitches are the choices of both APIs of quality monitors.
type MonitorSwitches struct {
	// NoDataQuality takes the current API away, NoQualityMonitors the legacy one:
	// ENDPOINT_NOT_FOUND.
	NoDataQuality, NoQualityMonitors bool
	// Disabled: the feature is off in the workspace (403 FEATURE_DISABLED), current API.
	Disabled bool
	// RefuseViews: only tables can be monitored. One page of the documentation says so, others name
	// views too.
	RefuseViews bool
	// PendingGets is how many times a new monitor is seen PENDING before it is ACTIVE; its tables
	// come into being then.
	PendingGets int
	// FailWith, if not empty, lets monitors end as ERROR with this message in place of ACTIVE.
	FailWith string
	// Exists is how a second monitor of a table is refused; nil means that of each API: 400
	// ALREADY_EXISTS in the legacy one, 409 RESOURCE_ALREADY_EXISTS in the current one.
	Exists *ExistsStyle
}

// ExistsStyle is a way of saying that a monitor exists. An empty Message is the text on record,
// Data Monitor 'c.s.t' already exists.
type ExistsStyle struct {
	Status        int
	Code, Message string
}

// Ways of saying that a monitor exists. Of ExistsText only the text tells.
var (
	ExistsBadRequest = ExistsStyle{Status: http.StatusBadRequest, Code: "ALREADY_EXISTS"}
	ExistsConflict   = ExistsStyle{Status: http.StatusConflict, Code: "RESOURCE_ALREADY_EXISTS"}
	ExistsText       = ExistsStyle{Status: http.StatusBadRequest, Code: "BAD_REQUEST"}
)

// Monitor is what a test sees of a quality monitor. Config is in the form of the current API
// (data_profiling_config), as it was asked for, nothing dropped.
type Monitor struct {
	Table, Creator string
	Status         string // PENDING, ACTIVE, ERROR
	Version        int
	Config         map[string]any
}

// monitorState is what the routes of quality monitors remember. Guarded by Workspace.mu.
type monitorState struct {
	switches MonitorSwitches
	monitors map[string]*monitor // by full name of the table
}

type monitor struct {
	table, creator, status, failure string
	version, gets                   int
	config                          map[string]any // of the current API
	dashboard                       string
}

// Monitors are the routes of quality monitors.
type Monitors struct {
	*catalog.Catalog
	monitors monitorState
}

// SetMonitors changes the switches of quality monitors while the workspace serves.
func (w *Monitors) SetMonitors(change func(*MonitorSwitches)) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	change(&w.monitors.switches)
}

// Monitor describes the monitor of a table; nil if there is none.
func (w *Monitors) Monitor(table string) *Monitor {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	m := w.monitors.monitors[catalog.Key(table)]
	if m == nil {
		return nil
	}
	return &Monitor{Table: m.table, Creator: m.creator, Status: m.status, Version: m.version,
		Config: maps.Clone(m.config)}
}

// New registers the routes.
func New(c *catalog.Catalog) *Monitors {
	w := &Monitors{Catalog: c}
	w.monitors = monitorState{switches: MonitorSwitches{PendingGets: 1}, monitors: map[string]*monitor{}}
	w.routeDataQuality()
	w.routeQualityMonitors()
	return w
}

// The rest of this file is under the lock.

// createMonitor makes a monitor of a table out of a configuration of the current API.
func (w *Monitors) createMonitor(who *server.Principal, t *catalog.Relation, config map[string]any,
	exists ExistsStyle) (*monitor, *server.Failure) {
	name := t.Name.String()
	if f := w.mayMonitor(who, t); f != nil {
		return nil, f
	}
	if w.monitors.monitors[name] != nil {
		if s := w.monitors.switches.Exists; s != nil {
			exists = *s
		}
		if exists.Message == "" {
			exists.Message = fmt.Sprintf("Data Monitor '%s' already exists", name)
		}
		return nil, server.Refusal(exists.Status, exists.Code, exists.Message)
	}
	if f := w.checkMonitor(t, config); f != nil {
		return nil, f
	}
	m := &monitor{table: name, creator: who.Name, status: "PENDING", config: config,
		dashboard: fmt.Sprintf("01ef%028x", w.Next())}
	w.monitors.monitors[name] = m
	return m, nil
}

// mayMonitor checks the privileges: the owner of the table, or a principal with MANAGE and SELECT.
func (w *Monitors) mayMonitor(who *server.Principal, t *catalog.Relation) *server.Failure {
	at := catalog.SecurableOf(t.Name.String())
	if f := w.MayReach(who, at); f != nil {
		return f
	}
	for _, p := range []string{"MANAGE", "SELECT"} {
		if !w.May(who, at, p) {
			return catalog.Denied(p, at)
		}
	}
	if t.Kind == "VIEW" && w.monitors.switches.RefuseViews {
		return server.Invalid("Table type VIEW of '%s' is not supported for monitoring", t.Name)
	}
	return nil
}

var granularities = map[string]string{
	"5 minutes": "5_MINUTES", "30 minutes": "30_MINUTES", "1 hour": "1_HOUR", "1 day": "1_DAY", "1 week": "1_WEEK",
	"2 weeks": "2_WEEKS", "3 weeks": "3_WEEKS",
	"4 weeks": "4_WEEKS", "1 month": "1_MONTH", "1 year": "1_YEAR",
}

// checkMonitor checks a configuration: one kind of profile, columns that are there, an output
// schema.
func (w *Monitors) checkMonitor(t *catalog.Relation, config map[string]any) *server.Failure {
	kinds := 0
	for _, kind := range []string{"time_series", "snapshot", "inference_log"} {
		if config[kind] != nil {
			kinds++
		}
	}
	if kinds != 1 {
		return server.Invalid("Exactly one of time_series, snapshot and inference_log must be set")
	}
	if w.SchemaByID(server.Text(config["output_schema_id"])) == nil {
		return server.NotFound("The output schema %v does not exist.", config["output_schema_id"])
	}
	series, _ := config["time_series"].(map[string]any)
	if series == nil {
		return nil
	}
	column := server.Text(series["timestamp_column"])
	if !slices.ContainsFunc(t.Columns, func(c catalog.Column) bool { return strings.EqualFold(c.Name, column) }) {
		return server.Invalid("Timestamp column '%s' does not exist in table '%s'", column, t.Name)
	}
	given, _ := series["granularities"].([]any)
	if len(given) == 0 {
		return server.Invalid("time_series needs at least one granularity")
	}
	for _, g := range given {
		short := strings.TrimPrefix(server.Text(g), "AGGREGATION_GRANULARITY_")
		if short == server.Text(g) || !slices.Contains(slices.Collect(maps.Values(granularities)), short) {
			return server.Invalid("Unknown granularity: %v", g)
		}
	}
	return nil
}

// look moves the monitor on, as one GET more sees it.
func (w *Monitors) look(m *monitor) {
	if m.gets++; m.status != "PENDING" || m.gets <= w.monitors.switches.PendingGets {
		return
	}
	if m.failure = w.monitors.switches.FailWith; m.failure != "" {
		m.status = "ERROR"
		return
	}
	m.status = "ACTIVE"
	for _, name := range []string{w.outputTable(m, "profile_metrics"), w.outputTable(m, "drift_metrics")} {
		parts := strings.SplitN(name, ".", 3)
		w.AddTable(nameOf(parts), "MANAGED", m.creator, []catalog.Column{{Name: "window",
			Type: "struct<start:timestamp,end:timestamp>"}, {Name: "column_name", Type: "string"}}, nil)
	}
}

// outputTable names one of the two tables that a monitor writes.
func (w *Monitors) outputTable(m *monitor, suffix string) string {
	s := w.SchemaByID(server.Text(m.config["output_schema_id"]))
	if s == nil {
		return ""
	}
	return s.Catalog + "." + s.Name + "." + m.table[strings.LastIndexByte(m.table, '.')+1:] + "_" + suffix
}

// mayChange refuses everybody but the creator.
func mayChange(who *server.Principal, m *monitor) *server.Failure {
	if who.Name != m.creator {
		return server.Refusal(http.StatusForbidden, "PERMISSION_DENIED", "Only the monitor creator may update it.")
	}
	return nil
}
