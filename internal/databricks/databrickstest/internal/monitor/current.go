// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func nameOf(parts []string) unity.Name {
	return unity.Name{Catalog: parts[0], Schema: parts[1], Table: parts[2]}
}

func (w *Monitors) routeDataQuality() {
	const path = "/api/data-quality/v1/monitors"
	route := func(pattern string, h func(rw http.ResponseWriter, r *http.Request, who *server.Principal)) {
		w.Handle(pattern, func(rw http.ResponseWriter, r *http.Request) {
			w.Mu.Lock()
			defer w.Mu.Unlock()
			switch s := w.monitors.switches; {
			case s.NoDataQuality:
				server.NoEndpoint(rw, r)
			case s.Disabled:
				server.Fail(rw, http.StatusForbidden, "FEATURE_DISABLED",
					"Data quality monitoring is not enabled for this workspace")
			default:
				h(rw, r, server.Caller(r).Principal)
			}
		})
	}
	route("POST "+path, w.postDataQuality)
	route("GET "+path, func(rw http.ResponseWriter, _ *http.Request, _ *server.Principal) {
		server.Fail(rw, http.StatusNotImplemented, "NOT_IMPLEMENTED", "ListMonitor is not implemented")
	})
	one := path + "/{type}/{id}"
	route("GET "+one, w.withMonitor(func(rw http.ResponseWriter, _ *http.Request, _ *server.Principal, m *monitor) {
		w.look(m)
		server.Answer(rw, http.StatusOK, w.dataQuality(m))
	}))
	route("PATCH "+one, w.withMonitor(w.patchDataQuality))
}

// The rest of this file is under the lock.

// withMonitor finds the monitor of a request's path.
func (w *Monitors) withMonitor(h func(http.ResponseWriter, *http.Request, *server.Principal,
	*monitor)) func(http.ResponseWriter, *http.Request, *server.Principal) {
	return func(rw http.ResponseWriter, r *http.Request, who *server.Principal) {
		if t := w.RelationByID(r.PathValue("id")); t != nil && r.PathValue("type") == "table" {
			if m := w.monitors.monitors[t.Name.String()]; m != nil {
				h(rw, r, who, m)
				return
			}
		}
		server.Fail(rw, http.StatusNotFound, "NOT_FOUND", "Monitor not found")
	}
}

func (w *Monitors) postDataQuality(rw http.ResponseWriter, r *http.Request, who *server.Principal) {
	var ask struct {
		Type   string         `json:"object_type"`
		ID     string         `json:"object_id"`
		Config map[string]any `json:"data_profiling_config"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	t := w.RelationByID(ask.ID)
	switch {
	case ask.Type != "table":
		server.Invalid("object_type must be table for data profiling, got %q", ask.Type).Send(rw)
		return
	case t == nil:
		server.NotFound("Object %s does not exist.", ask.ID).Send(rw)
		return
	case ask.Config == nil:
		server.Invalid("Missing required field: data_profiling_config").Send(rw)
		return
	}
	m, f := w.createMonitor(who, t, ask.Config, ExistsConflict)
	if f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, w.dataQuality(m))
}

// patchDataQuality changes what the mask names.
func (w *Monitors) patchDataQuality(rw http.ResponseWriter, r *http.Request, who *server.Principal, m *monitor) {
	var ask struct {
		Config map[string]any `json:"data_profiling_config"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	f := mayChange(who, m)
	config := maps.Clone(m.config)
	mask := r.URL.Query().Get("update_mask")
	if f == nil && mask == "" {
		f = server.Invalid("update_mask is required")
	}
	for path := range strings.SplitSeq(mask, ",") {
		field, ok := strings.CutPrefix(path, "data_profiling_config.")
		field, _, _ = strings.Cut(field, ".")
		switch {
		case f != nil:
		case path == "data_profiling_config":
			config = maps.Clone(ask.Config)
		case !ok:
			f = server.Invalid("Unknown path in update_mask: %q", path)
		case field == "assets_dir" || field == "output_schema_id" && ask.Config[field] == nil:
			f = server.Invalid("%s cannot be changed", field)
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
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, w.dataQuality(m))
}

func (w *Monitors) changeMonitor(m *monitor, config map[string]any) *server.Failure {
	if t := w.Relation(m.table); t != nil {
		if f := w.checkMonitor(t, config); f != nil {
			return f
		}
	}
	m.config = config
	m.version++
	return nil
}

// dataQuality is the monitor as the current API shows it: what is asked for on the way in and not
// shown are warehouse_id and skip_builtin_dashboard.
func (w *Monitors) dataQuality(m *monitor) map[string]any {
	config := maps.Clone(m.config)
	warehouse := config["warehouse_id"]
	delete(config, "warehouse_id")
	delete(config, "skip_builtin_dashboard")
	if warehouse == nil {
		warehouse = "default-warehouse"
	}
	maps.Copy(config, map[string]any{
		"status": "DATA_PROFILING_STATUS_" + m.status, "monitored_table_name": m.table,
		"profile_metrics_table_name": w.outputTable(m, "profile_metrics"),
		"drift_metrics_table_name":   w.outputTable(m, "drift_metrics"), "effective_warehouse_id": warehouse,
		"monitor_version": m.version,
	})
	if m.config["skip_builtin_dashboard"] != true {
		config["dashboard_id"] = m.dashboard
	}
	if m.failure != "" {
		config["latest_monitor_failure_message"] = m.failure
	}
	id := ""
	if t := w.Relation(m.table); t != nil {
		id = t.ID
	}
	return map[string]any{"object_type": "table", "object_id": id, "data_profiling_config": config}
}

// copied is a deep copy of a document.
func copied(v map[string]any) map[string]any {
	doc, _ := json.Marshal(v)
	var out map[string]any
	_ = json.Unmarshal(doc, &out)
	return out
}
