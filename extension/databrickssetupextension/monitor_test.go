// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

const legacyPath = "/api/2.1/unity-catalog/tables/"

// answered counts requests with a status; legacy paths end in /monitor.
func answered(w *databrickstest.Workspace, method, prefix string, status int) (n int) {
	for _, r := range w.RequestsTo(method, prefix) {
		if r.Status == status && (prefix != legacyPath || strings.HasSuffix(r.Path, "/monitor")) {
			n++
		}
	}
	return n
}

// monitored are the keys for a workspace where tables stand for the views, so that a test is about
// monitors only.
func monitored(w *databrickstest.Workspace, monitor map[string]any) keys {
	for _, name := range []string{tracesView, scoresView} {
		w.CreateTable(nameOf(name), []databrickstest.Column{{Name: "request_time", Type: "timestamp"}}, nil)
	}
	k := keys{"experiment": map[string]any{}, "views": map[string]any{"enabled": false}}
	if monitor != nil {
		k["monitor"] = monitor
	}
	return k
}

// A monitor that comes into being between the look and the creation is fine, however the workspace
// says that it exists, and with either API. One that differs is changed.
func TestAlreadyExistsInEachSpelling(t *testing.T) {
	for api, prepare := range map[string]func(*databrickstest.MonitorSwitches){
		"current": func(*databrickstest.MonitorSwitches) {},
		"older":   func(s *databrickstest.MonitorSwitches) { s.NoDataQuality = true },
	} {
		for name, style := range map[string]databrickstest.ExistsStyle{
			"400": databrickstest.ExistsBadRequest, "409": databrickstest.ExistsConflict,
			"text": databrickstest.ExistsText,
		} {
			t.Run(api+" "+name, func(t *testing.T) {
				w := workspace(t)
				w.SetMonitors(func(s *databrickstest.MonitorSwitches) {
					prepare(s)
					s.Exists = &style
				})
				apply(t, w, monitored(w, nil))
				path, refused := currentAPI, style.Status
				if api == "older" {
					path = legacyPath
				}
				// The first GET of each monitor does not see it.
				seen := map[string]bool{}
				hide := func(r *http.Request) *databrickstest.Fault {
					if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, path) &&
						(api == "current" || strings.HasSuffix(r.URL.Path, "/monitor")) && !seen[r.URL.Path] {
						seen[r.URL.Path] = true
						return &databrickstest.Fault{Status: 404, Code: "NOT_FOUND", Body: "Monitor not found"}
					}
					return nil
				}
				if api == "current" {
					// nor does the older API, which is asked next
					current := hide
					hide = func(r *http.Request) *databrickstest.Fault {
						if strings.HasSuffix(r.URL.Path, "/monitor") {
							return &databrickstest.Fault{Status: 404, Code: "ENDPOINT_NOT_FOUND", Body: "no"}
						}
						return current(r)
					}
				}
				w.SetFault(hide)
				apply(t, w, monitored(w, nil))
				require.Equal(t, 2, answered(w, "POST", path, refused))
				require.Zero(t, w.Monitor(tracesView).Version, "as it was")

				seen = map[string]bool{}
				w.SetFault(hide)
				apply(t, w, monitored(w, map[string]any{"granularities": []any{"1 week"}}))
				require.Equal(t, 1, w.Monitor(tracesView).Version, "it differed, so it was changed")
			})
		}
	}
}

// A workspace that takes time series of tables only: the refusal names the key, the plan has said so
// before, and with that key the monitors are made on copies of the views.
func TestMonitorOnATable(t *testing.T) {
	for api, path := range map[string]string{"current": currentAPI, "older": legacyPath} {
		t.Run(api, func(t *testing.T) {
			w := workspace(t)
			w.SetMonitors(func(s *databrickstest.MonitorSwitches) {
				s.RefuseViews, s.NoDataQuality = true, api == "older"
			})
			out, err := run(t, w, keys{})
			require.NoError(t, err)
			require.Contains(t, out, "If the workspace refuses this one, write monitor::on: table")
			out, err = run(t, w, keys{"apply": true})
			require.ErrorContains(t, err, "if that is because it is a view, write monitor::on: table")
			require.Contains(t, out, "FAILED")
			require.Positive(t, answered(w, "POST", path, 400))

			onTable := keys{"monitor": map[string]any{"on": "table"}}
			out = apply(t, w, onTable)
			require.Contains(t, out, "INSERT OVERWRITE in a schedule of your own")
			require.NotContains(t, out, "If the workspace refuses this one")
			for _, view := range []string{tracesView, scoresView} {
				require.Nil(t, w.Monitor(view))
				require.NotNil(t, w.Monitor(view+"_table"))
				require.Equal(t, columns(w, view), columns(w, view+"_table"))
			}

			more := keys{"scores": []any{"tone"}}
			maps.Copy(more, onTable)
			out = apply(t, w, more)
			require.Contains(t, out,
				"ALTER TABLE `cat`.`sch`.`pre_genai_traces_table` ADD COLUMNS (`metric_tone` DOUBLE)")
			require.Contains(t, out, "INSERT OVERWRITE TABLE `cat`.`sch`.`pre_genai_traces_table`")
			require.Contains(t, columns(w, tracesView+"_table"), "metric_tone")

			out, err = run(t, w, keys{"teardown": true, "monitor": onTable["monitor"]})
			require.NoError(t, err)
			require.Contains(t, out, "DROP TABLE IF EXISTS `cat`.`sch`.`pre_genai_traces_table`")
		})
	}
}

// A table of that name that is not ours is left alone.
func TestMonitorOnATableOfAnother(t *testing.T) {
	w := workspace(t)
	w.CreateTable(nameOf(tracesView+"_table"), []databrickstest.Column{{Name: "request_time", Type: "timestamp"}}, nil)
	out := apply(t, w, keys{"monitor": map[string]any{"on": "table"}})
	require.Contains(t, out, "Table "+tracesView+"_table: left alone")
	require.Equal(t, []string{"request_time"}, columns(w, tracesView+"_table"))
}

// A changed definition changes what differs and nothing else; what GET does not tell is no
// difference.
func TestChangedDefinition(t *testing.T) {
	for _, older := range []bool{false, true} {
		w := workspace(t)
		w.SetMonitors(func(s *databrickstest.MonitorSwitches) { s.NoDataQuality = older })
		apply(t, w, monitored(w, map[string]any{"dashboard": false}))
		require.Equal(t, true, w.Monitor(tracesView).Config["skip_builtin_dashboard"])
		require.Equal(t, "wh", w.Monitor(tracesView).Config["warehouse_id"])
		apply(t, w, monitored(w, nil))
		w.SetWarehouse(databrickstest.Warehouse{ID: "wh2"})
		other := monitored(w, nil)
		other["warehouse_id"] = "wh2"
		apply(t, w, other)
		require.Zero(t, w.Monitor(tracesView).Version)

		changed := map[string]any{"slicing_exprs": []any{"status"},
			"schedule": map[string]any{"quartz_cron_expression": ""}}
		w.ForgetRequests()
		out := apply(t, w, monitored(w, changed))
		require.Contains(t, out, "changes slicing_exprs, schedule")
		m := w.Monitor(tracesView)
		require.Equal(t, 1, m.Version)
		require.Equal(t, []any{"status"}, m.Config["slicing_exprs"])
		require.Nil(t, m.Config["schedule"])
		require.Equal(t, []any{"AGGREGATION_GRANULARITY_1_HOUR", "AGGREGATION_GRANULARITY_1_DAY"},
			m.Config["time_series"].(map[string]any)["granularities"])
		if !older {
			require.Equal(t, 2, w.Count("PATCH", currentAPI))
			require.Contains(t, w.RequestsTo("PATCH", currentAPI)[0].Query,
				"update_mask=data_profiling_config.slicing_exprs%2Cdata_profiling_config.schedule")
		}
		require.Equal(t, 1, w.Monitor(scoresView).Version, "its schedule changed")
		apply(t, w, monitored(w, changed))
		require.Equal(t, 1, w.Monitor(tracesView).Version)
	}
}

// The current API goes first; without it, or where it is switched off, the older one is used;
// without either it is said so.
func TestAPIsThatAreNotThere(t *testing.T) {
	for name, tc := range map[string]struct {
		set          func(*databrickstest.MonitorSwitches)
		err, creates string
	}{
		"both":         {func(*databrickstest.MonitorSwitches) {}, "", currentAPI},
		"no current":   {func(s *databrickstest.MonitorSwitches) { s.NoDataQuality = true }, "", legacyPath},
		"switched off": {func(s *databrickstest.MonitorSwitches) { s.Disabled = true }, "", legacyPath},
		"no older":     {func(s *databrickstest.MonitorSwitches) { s.NoQualityMonitors = true }, "", currentAPI},
		"none": {func(s *databrickstest.MonitorSwitches) {
			s.NoDataQuality, s.NoQualityMonitors = true, true
		}, "neither API", ""},
		"views not taken": {func(s *databrickstest.MonitorSwitches) { s.RefuseViews = true },
			"not supported for monitoring", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			w.SetMonitors(tc.set)
			out, err := run(t, w, keys{"apply": true})
			require.NotNil(t, w.Table(tracesView), "views are made all the same")
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err, out)
				require.Nil(t, w.Monitor(tracesView))
				return
			}
			require.NoError(t, err, out)
			require.Equal(t, 2, answered(w, "POST", tc.creates, 200))
			require.Equal(t, 2, answered(w, "POST", currentAPI, 200)+answered(w, "POST", legacyPath, 200))
			require.Equal(t, "PENDING", w.Monitor(tracesView).Status, "pending is fine")
		})
	}
}

// The current API may vanish between the look and the creation.
func TestFallsBackAtCreation(t *testing.T) {
	w := workspace(t)
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.Method == http.MethodPost && r.URL.Path == currentAPI {
			return &databrickstest.Fault{Status: 403, Code: "FEATURE_DISABLED",
				Body: "Data quality monitoring is not enabled for this workspace"}
		}
		return nil
	})
	apply(t, w, monitored(w, nil))
	require.Equal(t, 2, answered(w, "POST", legacyPath, 200))
}

// A monitored view that was deleted is made again; where it is not to be made, the monitor is
// refused with a reason.
func TestDeletedTable(t *testing.T) {
	w := workspace(t)
	apply(t, w, nil)
	w.DropTable(tracesView)
	out, err := run(t, w, keys{"apply": true, "views": map[string]any{"enabled": false}})
	require.ErrorContains(t, err, "there is no "+tracesView+" to monitor", out)
	apply(t, w, nil)
	require.NotNil(t, w.Table(tracesView))

	// It may also vanish between the look and the creation.
	w = workspace(t)
	gone := false
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.Method == http.MethodPost && r.URL.Path == currentAPI && !gone {
			gone = true
			return &databrickstest.Fault{Status: 404, Code: "TABLE_DOES_NOT_EXIST", Body: "Table does not exist."}
		}
		return nil
	})
	out, err = run(t, w, keys{"apply": true})
	require.ErrorContains(t, err, "TABLE_DOES_NOT_EXIST", out)
	require.NotNil(t, w.Monitor(scoresView), "the other one is made")
	apply(t, w, nil)
	require.NotNil(t, w.Monitor(tracesView))
}

// What others added to a monitor stays; a monitor of another owner can't be changed, and the
// message says whose it must be.
func TestMonitorsOfOthers(t *testing.T) {
	w := workspace(t)
	apply(t, w, nil)
	c := client(t, w)
	table, err := c.Table(t.Context(), nameOf(tracesView))
	require.NoError(t, err)
	m, err := c.DataMonitor(t.Context(), table.ID)
	require.NoError(t, err)
	var theirs map[string]any
	require.NoError(t,
		json.Unmarshal(
			[]byte(`{"name":"theirs","definition":"count(*)","input_columns":[":table"],"output_data_type":"{}",`+
				`"type":"DATA_PROFILING_CUSTOM_METRIC_TYPE_AGGREGATE"}`), &theirs))
	body, err := json.Marshal(theirs)
	require.NoError(t, err)
	m.DataProfilingConfig.CustomMetrics = append(m.DataProfilingConfig.CustomMetrics, metricOf(t, body))
	require.NoError(t, c.UpdateDataMonitor(t.Context(), *m, "data_profiling_config.custom_metrics"))
	apply(t, w, keys{"scores": []any{"quality"}})
	metrics := w.Monitor(tracesView).Config["custom_metrics"].([]any)
	require.Len(t, metrics, 2)
	require.Equal(t, "theirs", metrics[0].(map[string]any)["name"])

	w.AddToken("dapi-other", "other@example.com")
	for _, on := range []string{"cat", "cat.sch", tracesView, scoresView, contentView} {
		w.Grant("other@example.com", on, "ALL_PRIVILEGES", "MANAGE", "SELECT", "USE_CATALOG", "USE_SCHEMA")
	}
	out, err := run(t, w, keys{
		"apply": true, "auth": map[string]any{"token": "dapi-other"}, "experiment": map[string]any{},
		"monitor": map[string]any{"granularities": []any{"1 week"}},
	})
	require.ErrorContains(t, err, "only who made a monitor may change it", out)
	require.NotContains(t, out, "dapi-other")
}
