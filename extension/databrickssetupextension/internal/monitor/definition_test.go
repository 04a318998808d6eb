// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/dataquality"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

type exchange struct {
	Name    string
	Request struct {
		Method, Path string
		Body         json.RawMessage
	}
	Response struct {
		Body json.RawMessage
	}
}

func recorded(t *testing.T, file, name string) exchange {
	b, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	var doc struct{ Exchanges []exchange }
	require.NoError(t, json.Unmarshal(b, &doc))
	for _, e := range doc.Exchanges {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("no %s in %s", name, file)
	return exchange{}
}

const (
	tableID  = "aaaaaaaa-0000-0000-0000-0000000000ff"
	schemaID = "11111111-1111-1111-1111-111111111111"
)

func definition(slices ...string) Definition {
	return Definition{
		Table:         unity.Name{Catalog: "cat", Schema: "sch", Table: "pre_genai_traces"},
		OutputCatalog: "cat", OutputSchema: "sch",
		AssetsDir: "/Workspace/Users/me@example.com/genai_monitoring", Timestamp: "request_time",
		Granularities: []string{"1 hour", "1 day"}, Slices: slices,
	}
}

func document(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// The bodies are those on record, and the paths too.
func TestBodiesAreTheRecordedOnes(t *testing.T) {
	d := definition("service_name", "status")
	create := recorded(t, "31_data_quality_monitor.json", "create")
	require.JSONEq(t, string(create.Request.Body), document(t, d.Current(tableID, schemaID)))
	require.Equal(t, currentPath, create.Request.Path)

	before := definition("status")
	var have dataquality.Monitor
	require.NoError(t, json.Unmarshal([]byte(document(t, before.Current(tableID, schemaID))), &have))
	fields := d.DiffCurrent(have.DataProfilingConfig, schemaID)
	require.Equal(t, []string{"slicing_exprs"}, fields)
	body, mask := d.UpdateCurrent(tableID, schemaID, have.DataProfilingConfig, fields)
	update := recorded(t, "31_data_quality_monitor.json", "update")
	require.JSONEq(t, string(update.Request.Body), document(t, body))
	require.Equal(t, update.Request.Path, currentPath+"/table/"+tableID+"?update_mask="+mask)

	d = definition()
	create = recorded(t, "30_quality_monitor_legacy.json", "create")
	require.JSONEq(t, string(create.Request.Body), document(t, d.Legacy()))
	require.Equal(t, create.Request.Path, legacyPath(d.Table))
	put := recorded(t, "30_quality_monitor_legacy.json", "update_not_owner")
	require.JSONEq(t, string(put.Request.Body), document(t, d.UpdateLegacy(&catalog.MonitorInfo{})))
}

// A monitor as the workspace tells it is no different from what was asked for.
func TestWhatWasAskedForIsNoDifference(t *testing.T) {
	d := definition("service_name", "status")
	d.Warehouse, d.SkipDashboard = "another", true // not told by GET
	for _, name := range []string{"create", "get"} {
		var m dataquality.Monitor
		require.NoError(t, json.Unmarshal(recorded(t, "31_data_quality_monitor.json", name).Response.Body, &m))
		require.Empty(t, d.DiffCurrent(m.DataProfilingConfig, schemaID))
	}
	d = definition()
	for _, name := range []string{"create", "get_pending", "get_active", "get_error"} {
		var m catalog.MonitorInfo
		require.NoError(t, json.Unmarshal(recorded(t, "30_quality_monitor_legacy.json", name).Response.Body, &m))
		require.Empty(t, d.DiffLegacy(&m))
	}
	require.NotEmpty(t, d.DiffCurrent(nil, schemaID), "a monitor of another kind")
}

// Every part of the definition is seen in both directions and both APIs; order and white space are
// not.
func TestDifferences(t *testing.T) {
	base := func() Definition {
		d := definition("status", "trace_kind = 'live'")
		d.Cron, d.Zone, d.Scores = "0 0 6 * * ?", "UTC", []string{"metric_a", "metric_b"}
		return d
	}
	for name, tc := range map[string]struct {
		change func(*Definition)
		fields []string
	}{
		"nothing": {func(*Definition) {}, nil},
		"order": {func(d *Definition) {
			d.Slices, d.Scores = []string{"trace_kind  =  'live'", "status"}, []string{"metric_b", "metric_a"}
		}, nil},
		"assets":      {func(d *Definition) { d.AssetsDir = "/Workspace/x" }, nil},
		"timestamp":   {func(d *Definition) { d.Timestamp = "other" }, []string{"time_series"}},
		"granularity": {func(d *Definition) { d.Granularities = []string{"1 day"} }, []string{"time_series"}},
		"slices":      {func(d *Definition) { d.Slices = nil }, []string{"slicing_exprs"}},
		"no schedule": {func(d *Definition) { d.Cron = "" }, []string{"schedule"}},
		"zone":        {func(d *Definition) { d.Zone = "Europe/Paris" }, []string{"schedule"}},
		"score":       {func(d *Definition) { d.Scores = append(d.Scores, "metric_c") }, []string{"custom_metrics"}},
		"no scores":   {func(d *Definition) { d.Scores = nil }, []string{"custom_metrics"}},
		"output":      {func(d *Definition) { d.OutputSchema = "out" }, []string{"output_schema_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			id := func(d *Definition) string { return schemaID + d.OutputSchema }
			for _, swap := range []bool{false, true} {
				have, want := base(), base()
				tc.change(&want)
				if swap {
					have, want = want, have
				}
				made := have.Current(tableID, id(&have))
				require.Equal(t, tc.fields, want.DiffCurrent(made.DataProfilingConfig, id(&want)))
				legacy := have.Legacy()
				info := catalog.MonitorInfo{
					OutputSchemaName: legacy.OutputSchemaName, SlicingExprs: legacy.SlicingExprs,
					TimeSeries: legacy.TimeSeries, Schedule: legacy.Schedule, CustomMetrics: legacy.CustomMetrics,
				}
				require.Equal(t, tc.fields, want.DiffLegacy(&info))
			}
		})
	}
}

// An update keeps what others set.
func TestUpdatesKeepWhatIsNotOurs(t *testing.T) {
	d := definition()
	d.Scores = []string{"metric_a"}
	notifications := &catalog.MonitorNotifications{
		OnFailure: &catalog.MonitorDestination{EmailAddresses: []string{"a@example.com"}}}
	u := d.UpdateLegacy(&catalog.MonitorInfo{
		BaselineTableName: "cat.sch.base", Notifications: notifications, DashboardId: "dash",
		CustomMetrics: []catalog.MonitorMetric{{Name: "theirs"}, {Name: metricName, Definition: "old"}},
	})
	require.Equal(t, "cat.sch.base", u.BaselineTableName)
	require.Equal(t, notifications, u.Notifications)
	require.Equal(t, "dash", u.DashboardId)
	require.Equal(t, []catalog.MonitorMetric{{Name: "theirs"}, d.legacyMetric()}, u.CustomMetrics)

	m, mask := d.UpdateCurrent(tableID, schemaID, &dataquality.DataProfilingConfig{
		AssetsDir: "/Workspace/before", CustomMetrics: []dataquality.DataProfilingCustomMetric{{Name: "theirs"}},
	}, []string{"custom_metrics", "schedule"})
	require.Equal(t, "data_profiling_config.custom_metrics,data_profiling_config.schedule", mask)
	require.Equal(t, "/Workspace/before", m.DataProfilingConfig.AssetsDir, "it can't be changed")
	require.Len(t, m.DataProfilingConfig.CustomMetrics, 2)
}

// Each word that a definition takes is one that the current API knows.
func TestGranularities(t *testing.T) {
	require.Len(t, granularities, len(Granularities()))
	for _, g := range Granularities() {
		var v dataquality.AggregationGranularity
		require.NoError(t, v.Set(string(granularities[g])), g)
	}
}
