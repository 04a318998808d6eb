// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

func (w *Monitors) routeQualityMonitors() {
	const path = "/api/2.1/unity-catalog/tables/{table}/monitor"
	route := func(pattern string, h func(rw http.ResponseWriter, r *http.Request, who *server.Principal,
		t *catalog.Relation)) {
		w.Handle(pattern, func(rw http.ResponseWriter, r *http.Request) {
			w.Mu.Lock()
			defer w.Mu.Unlock()
			if w.monitors.switches.NoQualityMonitors {
				server.NoEndpoint(rw, r)
				return
			}
			t, f := w.Find(r.PathValue("table"))
			if f != nil {
				f.Send(rw)
				return
			}
			h(rw, r, server.Caller(r).Principal, t)
		})
	}
	known := func(h func(http.ResponseWriter, *http.Request, *server.Principal, *monitor)) func(http.ResponseWriter,
		*http.Request, *server.Principal, *catalog.Relation) {
		return func(rw http.ResponseWriter, r *http.Request, who *server.Principal, t *catalog.Relation) {
			if m := w.monitors.monitors[t.Name.String()]; m != nil {
				h(rw, r, who, m)
				return
			}
			server.Fail(rw, http.StatusNotFound, "MONITOR_DOES_NOT_EXIST",
				"Monitor for table "+t.Name.String()+" does not exist.")
		}
	}
	route("POST "+path, w.postQualityMonitor)
	route("GET "+path, known(func(rw http.ResponseWriter, _ *http.Request, _ *server.Principal, m *monitor) {
		w.look(m)
		server.Answer(rw, http.StatusOK, w.qualityMonitor(m))
	}))
	route("PUT "+path, known(w.putQualityMonitor))
}

// The rest of this file is under the lock.

func (w *Monitors) postQualityMonitor(rw http.ResponseWriter, r *http.Request, who *server.Principal,
	t *catalog.Relation) {
	var ask map[string]any
	if !server.Decode(rw, r, &ask) {
		return
	}
	if server.Text(ask["assets_dir"]) == "" {
		server.Invalid("Missing required field: assets_dir").Send(rw)
		return
	}
	config, f := w.fromLegacy(ask)
	var m *monitor
	if f == nil {
		m, f = w.createMonitor(who, t, config, ExistsBadRequest)
	}
	if f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, w.qualityMonitor(m))
}

// putQualityMonitor replaces the whole configuration, except for assets_dir.
func (w *Monitors) putQualityMonitor(rw http.ResponseWriter, r *http.Request, who *server.Principal, m *monitor) {
	var ask map[string]any
	if !server.Decode(rw, r, &ask) {
		return
	}
	f := mayChange(who, m)
	var config map[string]any
	if f == nil {
		config, f = w.fromLegacy(ask)
	}
	if f == nil {
		config["assets_dir"] = m.config["assets_dir"]
		f = w.changeMonitor(m, config)
	}
	if f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, w.qualityMonitor(m))
}

const (
	granularityPrefix = "AGGREGATION_GRANULARITY_"
	metricPrefix      = "DATA_PROFILING_CUSTOM_METRIC_TYPE_"
	legacyPrefix      = "CUSTOM_METRIC_TYPE_"
)

// fromLegacy turns a configuration of the legacy API into one of the current API.
func (w *Monitors) fromLegacy(ask map[string]any) (map[string]any, *server.Failure) {
	out := copied(ask)
	delete(out, "output_schema_name")
	delete(out, "notifications")
	output := server.Text(ask["output_schema_name"])
	s := w.Schema(output)
	if s == nil {
		return nil, server.NotFound("The output schema '%s' does not exist.", output)
	}
	out["output_schema_id"] = s.ID
	if n := ask["notifications"]; n != nil {
		out["notification_settings"] = n
	}
	for _, kind := range []string{"time_series", "inference_log"} {
		series, _ := out[kind].(map[string]any)
		if series == nil {
			continue
		}
		series["timestamp_column"] = series["timestamp_col"]
		delete(series, "timestamp_col")
		given, _ := series["granularities"].([]any)
		for i, g := range given {
			short := granularities[server.Text(g)]
			if short == "" {
				return nil, server.Invalid("Unknown granularity: %v", g)
			}
			given[i] = granularityPrefix + short
		}
	}
	metrics, _ := out["custom_metrics"].([]any)
	for _, m := range metrics {
		if m, ok := m.(map[string]any); ok {
			m["type"] = metricPrefix + strings.TrimPrefix(server.Text(m["type"]), legacyPrefix)
		}
	}
	return out, nil
}

// qualityMonitor is the monitor as the legacy API shows it.
func (w *Monitors) qualityMonitor(m *monitor) map[string]any {
	out := copied(m.config)
	for _, k := range []string{"warehouse_id", "skip_builtin_dashboard", "output_schema_id", "notification_settings"} {
		delete(out, k)
	}
	if s := w.SchemaByID(server.Text(m.config["output_schema_id"])); s != nil {
		out["output_schema_name"] = s.Catalog + "." + s.Name
	}
	if n := m.config["notification_settings"]; n != nil {
		out["notifications"] = n
	}
	for _, kind := range []string{"time_series", "inference_log"} {
		series, _ := out[kind].(map[string]any)
		if series == nil {
			continue
		}
		series["timestamp_col"] = series["timestamp_column"]
		delete(series, "timestamp_column")
		given, _ := series["granularities"].([]any)
		for i, g := range given {
			for text, short := range granularities {
				if granularityPrefix+short == g {
					given[i] = text
				}
			}
		}
	}
	metrics, _ := out["custom_metrics"].([]any)
	for _, c := range metrics {
		if c, ok := c.(map[string]any); ok {
			c["type"] = legacyPrefix + strings.TrimPrefix(server.Text(c["type"]), metricPrefix)
		}
	}
	out["table_name"], out["status"], out["monitor_version"] = m.table, "MONITOR_STATUS_"+m.status, m.version
	out["profile_metrics_table_name"], out["drift_metrics_table_name"] = w.outputTable(m, "profile_metrics"),
		w.outputTable(m, "drift_metrics")
	if m.config["skip_builtin_dashboard"] != true {
		out["dashboard_id"] = m.dashboard
	}
	if m.failure != "" {
		out["latest_monitor_failure_msg"] = m.failure
	}
	return out
}
