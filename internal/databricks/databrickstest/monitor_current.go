package databrickstest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func nameOf(parts []string) unity.Name {
	return unity.Name{Catalog: parts[0], Schema: parts[1], Table: parts[2]}
}

func (w *Workspace) routeDataQuality() {
	const path = "/api/data-quality/v1/monitors"
	route := func(pattern string, h func(rw http.ResponseWriter, r *http.Request, who *Principal)) {
		w.handle(pattern, func(rw http.ResponseWriter, r *http.Request) {
			w.mu.Lock()
			defer w.mu.Unlock()
			switch s := w.monitors.switches; {
			case s.NoDataQuality:
				noEndpoint(rw, r)
			case s.Disabled:
				fail(rw, http.StatusForbidden, "FEATURE_DISABLED", "Data quality monitoring is not enabled for this workspace")
			default:
				h(rw, r, caller(r).Principal)
			}
		})
	}
	route("POST "+path, w.postDataQuality)
	route("GET "+path, func(rw http.ResponseWriter, _ *http.Request, _ *Principal) {
		fail(rw, http.StatusNotImplemented, "NOT_IMPLEMENTED", "ListMonitor is not implemented")
	})
	one := path + "/{type}/{id}"
	route("GET "+one, w.withMonitor(func(rw http.ResponseWriter, _ *http.Request, _ *Principal, m *monitor) {
		w.look(m)
		answer(rw, http.StatusOK, w.dataQuality(m))
	}))
	route("PATCH "+one, w.withMonitor(w.patchDataQuality))
	route("DELETE "+one, w.withMonitor(func(rw http.ResponseWriter, _ *http.Request, who *Principal, m *monitor) {
		if f := mayChange(who, m); f != nil {
			f.send(rw)
			return
		}
		delete(w.monitors.monitors, m.table)
		answer(rw, http.StatusOK, map[string]any{})
	}))
	route("POST "+one+"/refreshes", w.withMonitor(func(rw http.ResponseWriter, _ *http.Request, _ *Principal, m *monitor) {
		answer(rw, http.StatusOK, w.refreshDocument(m, w.addRefresh(m)))
	}))
	route("GET "+one+"/refreshes", w.withMonitor(func(rw http.ResponseWriter, _ *http.Request, _ *Principal, m *monitor) {
		var list []any
		for _, r := range m.refreshes {
			list = append(list, w.refreshDocument(m, r))
		}
		answer(rw, http.StatusOK, map[string]any{"refreshes": list})
	}))
	route("GET "+one+"/refreshes/{refresh}", w.withMonitor(func(rw http.ResponseWriter, r *http.Request, _ *Principal, m *monitor) {
		if found := m.refresh(r.PathValue("refresh")); found != nil {
			found.next()
			answer(rw, http.StatusOK, w.refreshDocument(m, found))
			return
		}
		fail(rw, http.StatusNotFound, "NOT_FOUND", "Refresh not found")
	}))
}

// The rest of this file is under the lock.

// withMonitor finds the monitor of a request's path.
func (w *Workspace) withMonitor(h func(http.ResponseWriter, *http.Request, *Principal, *monitor)) func(http.ResponseWriter, *http.Request, *Principal) {
	return func(rw http.ResponseWriter, r *http.Request, who *Principal) {
		if t := w.tableByID(r.PathValue("id")); t != nil && r.PathValue("type") == "table" {
			if m := w.monitors.monitors[t.name.String()]; m != nil {
				h(rw, r, who, m)
				return
			}
		}
		fail(rw, http.StatusNotFound, "NOT_FOUND", "Monitor not found")
	}
}

func (w *Workspace) postDataQuality(rw http.ResponseWriter, r *http.Request, who *Principal) {
	var ask struct {
		Type   string         `json:"object_type"`
		ID     string         `json:"object_id"`
		Config map[string]any `json:"data_profiling_config"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	t := w.tableByID(ask.ID)
	switch {
	case ask.Type != "table":
		invalid("object_type must be table for data profiling, got %q", ask.Type).send(rw)
		return
	case t == nil:
		notFound("Object %s does not exist.", ask.ID).send(rw)
		return
	case ask.Config == nil:
		invalid("Missing required field: data_profiling_config").send(rw)
		return
	}
	m, f := w.createMonitor(who, t, ask.Config, ExistsConflict)
	if f != nil {
		f.send(rw)
		return
	}
	answer(rw, http.StatusOK, w.dataQuality(m))
}

// patchDataQuality changes what the mask names.
func (w *Workspace) patchDataQuality(rw http.ResponseWriter, r *http.Request, who *Principal, m *monitor) {
	var ask struct {
		Config map[string]any `json:"data_profiling_config"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	f := mayChange(who, m)
	config := maps.Clone(m.config)
	mask := r.URL.Query().Get("update_mask")
	if f == nil && mask == "" {
		f = invalid("update_mask is required")
	}
	for _, path := range strings.Split(mask, ",") {
		field, ok := strings.CutPrefix(path, "data_profiling_config.")
		field, _, _ = strings.Cut(field, ".")
		switch {
		case f != nil:
		case path == "data_profiling_config":
			config = maps.Clone(ask.Config)
		case !ok:
			f = invalid("Unknown path in update_mask: %q", path)
		case field == "assets_dir" || field == "output_schema_id" && ask.Config[field] == nil:
			f = invalid("%s cannot be changed", field)
		case ask.Config[field] == nil:
			delete(config, field)
		default:
			config[field] = ask.Config[field]
		}
	}
	if f == nil {
		f = w.changeMonitor(m, config)
	}
	if f != nil {
		f.send(rw)
		return
	}
	answer(rw, http.StatusOK, w.dataQuality(m))
}

func (w *Workspace) changeMonitor(m *monitor, config map[string]any) *failure {
	if t := w.table(m.table); t != nil {
		if f := w.checkMonitor(t, config); f != nil {
			return f
		}
	}
	m.config = config
	m.version++
	return nil
}

// dataQuality is the monitor as the current API shows it: what is asked for on the way in and not shown are warehouse_id and skip_builtin_dashboard.
func (w *Workspace) dataQuality(m *monitor) map[string]any {
	config := maps.Clone(m.config)
	warehouse := config["warehouse_id"]
	delete(config, "warehouse_id")
	delete(config, "skip_builtin_dashboard")
	if warehouse == nil {
		warehouse = "default-warehouse"
	}
	maps.Copy(config, map[string]any{
		"status": "DATA_PROFILING_STATUS_" + m.status, "monitored_table_name": m.table, "profile_metrics_table_name": w.outputTable(m, "profile_metrics"),
		"drift_metrics_table_name": w.outputTable(m, "drift_metrics"), "effective_warehouse_id": warehouse, "monitor_version": m.version,
	})
	if m.config["skip_builtin_dashboard"] != true {
		config["dashboard_id"] = m.dashboard
	}
	if m.failure != "" {
		config["latest_monitor_failure_message"] = m.failure
	}
	id := ""
	if t := w.table(m.table); t != nil {
		id = t.id
	}
	return map[string]any{"object_type": "table", "object_id": id, "data_profiling_config": config}
}

func (w *Workspace) refreshDocument(m *monitor, r *refresh) map[string]any {
	id := ""
	if t := w.table(m.table); t != nil {
		id = t.id
	}
	return map[string]any{
		"object_type": "table", "object_id": id, "refresh_id": r.id, "state": "MONITOR_REFRESH_STATE_" + r.state, "start_time_ms": r.started.UnixMilli(),
	}
}

// copied is a deep copy of a document.
func copied(v map[string]any) map[string]any {
	doc, _ := json.Marshal(v)
	var out map[string]any
	_ = json.Unmarshal(doc, &out)
	return out
}
