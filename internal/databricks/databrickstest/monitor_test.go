// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"context"
	"net/http"
	"testing"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/config"
	uc "github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/dataquality"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

const monitored = "main.traces.agent_genai_traces"

// withView is a workspace with the object to monitor.
func withView(t *testing.T) (*Workspace, *client.DatabricksClient) {
	w := start(t)
	w.CreateTable(unity.Name{Catalog: "main", Schema: "traces", Table: "agent_genai_traces"},
		[]Column{{Name: "request_time", Type: "timestamp"}, {Name: "status", Type: "string"}}, nil)
	return w, admin(t, w)
}

func legacyMonitor() uc.CreateMonitor {
	return uc.CreateMonitor{
		TableName: monitored, AssetsDir: "/Workspace/monitoring", OutputSchemaName: "main.traces",
		SlicingExprs: []string{"status"}, WarehouseId: "wh1",
		TimeSeries: &uc.MonitorTimeSeries{TimestampCol: "request_time", Granularities: []string{"1 hour", "1 day"}},
		CustomMetrics: []uc.MonitorMetric{{
			Name: "errors", Definition: "avg(status = 'ERROR')", InputColumns: []string{":table"},
			OutputDataType: "double",
			Type:           uc.MonitorMetricTypeCustomMetricTypeAggregate,
		}},
	}
}

// TestQualityMonitors drives the legacy API with the official client.
func TestQualityMonitors(t *testing.T) {
	ctx := context.Background()
	w, sdk := withView(t)
	monitors := uc.NewQualityMonitors(sdk)
	_, err := monitors.Get(ctx, uc.GetQualityMonitorRequest{TableName: monitored})
	require.ErrorIs(t, err, apierr.ErrNotFound)
	made, err := monitors.Create(ctx, legacyMonitor())
	require.NoError(t, err)
	require.Equal(t, uc.MonitorInfoStatusMonitorStatusPending, made.Status)
	require.Equal(t, monitored+"_profile_metrics", made.ProfileMetricsTableName)
	require.Equal(t, []string{"1 hour", "1 day"}, made.TimeSeries.Granularities)
	require.Equal(t, uc.MonitorMetricTypeCustomMetricTypeAggregate, made.CustomMetrics[0].Type)
	require.Nil(t, w.Table(made.ProfileMetricsTableName), "the tables come later")

	got, err := monitors.Get(ctx, uc.GetQualityMonitorRequest{TableName: monitored})
	require.NoError(t, err)
	require.Equal(t, uc.MonitorInfoStatusMonitorStatusPending, got.Status)
	got, err = monitors.Get(ctx, uc.GetQualityMonitorRequest{TableName: monitored})
	require.NoError(t, err)
	require.Equal(t, uc.MonitorInfoStatusMonitorStatusActive, got.Status)
	require.NotNil(t, w.Table(made.ProfileMetricsTableName))
	require.Equal(t, "wh1", w.Monitor(monitored).Config["warehouse_id"])

	update := uc.UpdateMonitor{TableName: monitored, OutputSchemaName: "main.traces",
		TimeSeries: legacyMonitor().TimeSeries}
	changed, err := monitors.Update(ctx, update)
	require.NoError(t, err)
	require.Empty(t, changed.SlicingExprs, "PUT replaces everything")
	require.Equal(t, "/Workspace/monitoring", changed.AssetsDir, "except for this")
	require.EqualValues(t, 1, changed.MonitorVersion)

	w.AddToken("other", "other@example.com")
	w.Grant("other@example.com", "main", "ALL_PRIVILEGES", "MANAGE")
	_, err = uc.NewQualityMonitors(sdkOf(t, w, "other")).Update(ctx, update)
	require.ErrorIs(t, err, apierr.ErrPermissionDenied)
}

// TestDataQuality drives the current API with the official client.
func TestDataQuality(t *testing.T) {
	ctx := context.Background()
	_, sdk := withView(t)
	monitors := dataquality.NewDataQuality(sdk)
	table, err := uc.NewTables(sdk).GetByFullName(ctx, monitored)
	require.NoError(t, err)
	schema, err := uc.NewSchemas(sdk).GetByFullName(ctx, "main.traces")
	require.NoError(t, err)
	ask := dataquality.Monitor{ObjectType: "table", ObjectId: table.TableId,
		DataProfilingConfig: &dataquality.DataProfilingConfig{
			OutputSchemaId: schema.SchemaId, AssetsDir: "/Workspace/monitoring", WarehouseId: "wh1",
			SkipBuiltinDashboard: true,
			TimeSeries: &dataquality.TimeSeriesConfig{TimestampColumn: "request_time",
				Granularities: []dataquality.AggregationGranularity{
					dataquality.AggregationGranularityAggregationGranularity1Hour,
					dataquality.AggregationGranularityAggregationGranularity1Day,
				}},
		}}
	_, err = monitors.GetMonitor(ctx, dataquality.GetMonitorRequest{ObjectType: "table", ObjectId: table.TableId})
	require.ErrorIs(t, err, apierr.ErrNotFound)
	made, err := monitors.CreateMonitor(ctx, dataquality.CreateMonitorRequest{Monitor: ask})
	require.NoError(t, err)
	require.Equal(t, dataquality.DataProfilingStatusDataProfilingStatusPending, made.DataProfilingConfig.Status)
	require.Empty(t, made.DataProfilingConfig.WarehouseId, "dropped")
	require.Equal(t, "wh1", made.DataProfilingConfig.EffectiveWarehouseId)
	require.False(t, made.DataProfilingConfig.SkipBuiltinDashboard, "dropped")

	for _, want := range []dataquality.DataProfilingStatus{
		dataquality.DataProfilingStatusDataProfilingStatusPending,
		dataquality.DataProfilingStatusDataProfilingStatusActive,
	} {
		got, err := monitors.GetMonitor(ctx, dataquality.GetMonitorRequest{ObjectType: "table",
			ObjectId: table.TableId})
		require.NoError(t, err)
		require.Equal(t, want, got.DataProfilingConfig.Status)
	}
	ask.DataProfilingConfig.SlicingExprs = []string{"status"}
	changed, err := monitors.UpdateMonitor(ctx, dataquality.UpdateMonitorRequest{
		ObjectType: "table", ObjectId: table.TableId, Monitor: ask, UpdateMask: "data_profiling_config.slicing_exprs",
	})
	require.NoError(t, err)
	require.Equal(t, []string{"status"}, changed.DataProfilingConfig.SlicingExprs)
	_, err = monitors.UpdateMonitor(ctx, dataquality.UpdateMonitorRequest{ObjectType: "table", ObjectId: table.TableId,
		Monitor: ask, UpdateMask: "slicing_exprs"})
	require.ErrorIs(t, err, apierr.ErrInvalidParameterValue)

	legacy, err := uc.NewQualityMonitors(sdk).Get(ctx, uc.GetQualityMonitorRequest{TableName: monitored})
	require.NoError(t, err, "one monitor, two APIs")
	require.Equal(t, []string{"1 hour", "1 day"}, legacy.TimeSeries.Granularities)
	require.Equal(t, "main.traces", legacy.OutputSchemaName)
}

// TestMonitorExists shows how a second monitor is refused, in each style and API.
func TestMonitorExists(t *testing.T) {
	ctx := context.Background()
	w, sdk := withView(t)
	table, err := uc.NewTables(sdk).GetByFullName(ctx, monitored)
	require.NoError(t, err)
	schema, err := uc.NewSchemas(sdk).GetByFullName(ctx, "main.traces")
	require.NoError(t, err)
	_, err = uc.NewQualityMonitors(sdk).Create(ctx, legacyMonitor())
	require.NoError(t, err)
	again := map[string]func() error{
		"legacy": func() error { _, err := uc.NewQualityMonitors(sdk).Create(ctx, legacyMonitor()); return err },
		"current": func() error {
			_, err := dataquality.NewDataQuality(sdk).CreateMonitor(ctx,
				dataquality.CreateMonitorRequest{Monitor: dataquality.Monitor{
					ObjectType: "table", ObjectId: table.TableId,
					DataProfilingConfig: &dataquality.DataProfilingConfig{OutputSchemaId: schema.SchemaId,
						Snapshot: &dataquality.SnapshotConfig{}},
				}})
			return err
		},
	}
	for _, c := range []struct {
		api   string
		style *ExistsStyle
		is    error
	}{
		{"legacy", nil, apierr.ErrAlreadyExists},
		{"current", nil, apierr.ErrResourceAlreadyExists},
		{"legacy", &ExistsConflict, apierr.ErrResourceAlreadyExists},
		{"current", &ExistsBadRequest, apierr.ErrAlreadyExists},
		{"current", &ExistsText, apierr.ErrBadRequest},
	} {
		w.SetMonitors(func(s *MonitorSwitches) { s.Exists = c.style })
		err := again[c.api]()
		require.ErrorIs(t, err, c.is)
		require.ErrorContains(t, err, "Data Monitor '"+monitored+"' already exists")
	}
}

// TestMonitorRefusals shows what can't be monitored, and workspaces without the APIs.
func TestMonitorRefusals(t *testing.T) {
	ctx := context.Background()
	w, sdk := withView(t)
	monitors := uc.NewQualityMonitors(sdk)
	for _, c := range []struct {
		name   string
		change func(*uc.CreateMonitor)
		is     error
		text   string
	}{
		{"no such table", func(m *uc.CreateMonitor) { m.TableName = "main.traces.other" }, apierr.ErrNotFound,
			"does not exist"},
		{"no such column", func(m *uc.CreateMonitor) { m.TimeSeries.TimestampCol = "start_time" },
			apierr.ErrInvalidParameterValue, "Timestamp column 'start_time'"},
		{"granularity", func(m *uc.CreateMonitor) { m.TimeSeries.Granularities = []string{"1 fortnight"} },
			apierr.ErrInvalidParameterValue, "1 fortnight"},
		{"no kind", func(m *uc.CreateMonitor) { m.TimeSeries = nil }, apierr.ErrInvalidParameterValue, "Exactly one"},
		{"no schema", func(m *uc.CreateMonitor) { m.OutputSchemaName = "main.other" },
			apierr.ErrNotFound, "main.other"},
	} {
		m := legacyMonitor()
		c.change(&m)
		_, err := monitors.Create(ctx, m)
		require.ErrorIs(t, err, c.is, c.name)
		require.ErrorContains(t, err, c.text)
	}
	w.AddToken("reader", "reader@example.com")
	w.Grant("reader@example.com", "main", "USE_CATALOG", "USE_SCHEMA", "SELECT")
	_, err := uc.NewQualityMonitors(sdkOf(t, w, "reader")).Create(ctx, legacyMonitor())
	require.ErrorContains(t, err, "MANAGE")

	w.SetMonitors(func(s *MonitorSwitches) { s.FailWith = "timestamp column cannot be converted"; s.PendingGets = 0 })
	_, err = monitors.Create(ctx, legacyMonitor())
	require.NoError(t, err)
	got, err := monitors.Get(ctx, uc.GetQualityMonitorRequest{TableName: monitored})
	require.NoError(t, err)
	require.Equal(t, uc.MonitorInfoStatusMonitorStatusError, got.Status)
	require.Equal(t, "timestamp column cannot be converted", got.LatestMonitorFailureMsg)

	get := func() error {
		_, err := dataquality.NewDataQuality(sdk).GetMonitor(ctx,
			dataquality.GetMonitorRequest{ObjectType: "table", ObjectId: "x"})
		return err
	}
	w.SetMonitors(func(s *MonitorSwitches) { s.Disabled = true })
	require.ErrorContains(t, get(), "not enabled")
	w.SetMonitors(func(s *MonitorSwitches) { s.NoDataQuality, s.NoQualityMonitors = true, true })
	var e *apierr.APIError
	for _, err := range []error{get(), func() error {
		_, err := monitors.Get(ctx, uc.GetQualityMonitorRequest{TableName: monitored})
		return err
	}()} {
		require.ErrorAs(t, err, &e)
		require.Equal(t, http.StatusNotFound, e.StatusCode)
		require.Equal(t, "ENDPOINT_NOT_FOUND", e.ErrorCode)
	}
}

// sdkOf is a client that signs in with a token.
func sdkOf(t *testing.T, w *Workspace, token string) *client.DatabricksClient {
	return sdk(t, &config.Config{Host: w.URL(), Token: token})
}
