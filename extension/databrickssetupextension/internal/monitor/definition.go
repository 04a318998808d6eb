// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package monitor takes the definition of a quality monitor and returns the step that creates the
// monitor, or updates it where it differs. It uses the current API of Databricks, and the older API
// in a workspace that does not have the current one.
package monitor

import (
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/dataquality"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Definition is a monitor as it should be, in the words of neither API.
type Definition struct {
	Table unity.Name
	// OutputCatalog and OutputSchema are where the tables of metrics are made.
	OutputCatalog, OutputSchema string
	// AssetsDir is the folder of the workspace that the dashboard goes into. It can't be changed
	// later.
	AssetsDir string
	Timestamp string
	// Granularities are spelled as the older API spells them: 1 hour, 1 day.
	Granularities []string
	Slices        []string
	// Cron and Zone are the schedule; without Cron there is none.
	Cron, Zone string
	// Scores are columns that get a metric of their own. They make the definition differ when a
	// score is added: a monitor only profiles columns that it was told of.
	Scores []string
	// Warehouse builds the dashboard. The APIs do not tell it again, so it is not compared; nor is
	// SkipDashboard.
	Warehouse     string
	SkipDashboard bool
}

var granularities = map[string]dataquality.AggregationGranularity{
	"5 minutes": "AGGREGATION_GRANULARITY_5_MINUTES", "30 minutes": "AGGREGATION_GRANULARITY_30_MINUTES",
	"1 hour": "AGGREGATION_GRANULARITY_1_HOUR",
	"1 day":  "AGGREGATION_GRANULARITY_1_DAY", "1 week": "AGGREGATION_GRANULARITY_1_WEEK",
	"2 weeks": "AGGREGATION_GRANULARITY_2_WEEKS",
	"3 weeks": "AGGREGATION_GRANULARITY_3_WEEKS", "4 weeks": "AGGREGATION_GRANULARITY_4_WEEKS",
	"1 month": "AGGREGATION_GRANULARITY_1_MONTH",
	"1 year":  "AGGREGATION_GRANULARITY_1_YEAR",
}

// Granularities are the words that a definition takes.
func Granularities() []string {
	return []string{"5 minutes", "30 minutes", "1 hour", "1 day", "1 week", "2 weeks", "3 weeks",
		"4 weeks", "1 month", "1 year"}
}

// The metric of scores: how many rows have one, for each column.
const (
	metricName       = "otelcol_mlflow_scored"
	metricDefinition = "count(`{{input_column}}`)"
	metricOutput     = `{"metadata":{},"name":"output","nullable":true,"type":"long"}`
)

// Current is the body that creates the monitor by the current API, which knows tables and schemas
// by their UUIDs.
func (d *Definition) Current(tableID, schemaID string) dataquality.Monitor {
	c := &dataquality.DataProfilingConfig{
		AssetsDir: d.AssetsDir, OutputSchemaId: schemaID, SlicingExprs: slices.Clone(d.Slices),
		WarehouseId: d.Warehouse, SkipBuiltinDashboard: d.SkipDashboard,
		TimeSeries: &dataquality.TimeSeriesConfig{TimestampColumn: d.Timestamp, Granularities: d.granularities()},
	}
	if d.Cron != "" {
		c.Schedule = &dataquality.CronSchedule{QuartzCronExpression: d.Cron, TimezoneId: d.Zone}
	}
	if len(d.Scores) > 0 {
		c.CustomMetrics = []dataquality.DataProfilingCustomMetric{d.metric()}
	}
	return dataquality.Monitor{ObjectType: "table", ObjectId: tableID, DataProfilingConfig: c}
}

func (d *Definition) granularities() []dataquality.AggregationGranularity {
	var out []dataquality.AggregationGranularity
	for _, g := range d.Granularities {
		out = append(out, granularities[g])
	}
	return out
}

func (d *Definition) metric() dataquality.DataProfilingCustomMetric {
	return dataquality.DataProfilingCustomMetric{
		Name: metricName, Definition: metricDefinition, InputColumns: slices.Clone(d.Scores),
		OutputDataType: metricOutput,
		Type:           dataquality.DataProfilingCustomMetricTypeDataProfilingCustomMetricTypeAggregate,
	}
}

// Legacy is the body that creates the monitor by the older API.
func (d *Definition) Legacy() catalog.CreateMonitor {
	m := catalog.CreateMonitor{
		AssetsDir: d.AssetsDir, OutputSchemaName: d.output(), SlicingExprs: slices.Clone(d.Slices),
		WarehouseId: d.Warehouse, SkipBuiltinDashboard: d.SkipDashboard,
		TimeSeries: &catalog.MonitorTimeSeries{TimestampCol: d.Timestamp, Granularities: slices.Clone(d.Granularities)},
	}
	if d.Cron != "" {
		m.Schedule = &catalog.MonitorCronSchedule{QuartzCronExpression: d.Cron, TimezoneId: d.Zone}
	}
	if len(d.Scores) > 0 {
		m.CustomMetrics = []catalog.MonitorMetric{d.legacyMetric()}
	}
	return m
}

func (d *Definition) output() string { return d.OutputCatalog + "." + d.OutputSchema }

func (d *Definition) legacyMetric() catalog.MonitorMetric {
	return catalog.MonitorMetric{
		Name: metricName, Definition: metricDefinition, InputColumns: slices.Clone(d.Scores),
		OutputDataType: metricOutput,
		Type:           catalog.MonitorMetricTypeCustomMetricTypeAggregate,
	}
}

// Fields that may differ, as masks of the current API name them.
const (
	fieldOutput   = "output_schema_id"
	fieldSeries   = "time_series"
	fieldSlices   = "slicing_exprs"
	fieldSchedule = "schedule"
	fieldMetrics  = "custom_metrics"
)

// changes compares the definition with a monitor, in which order is no matter. Metrics of others
// are theirs.
func (d *Definition) changes(output bool, timestamp string, have, slicing []string, scheduled bool, cron, zone string,
	scores []string, metric bool) []string {
	var out []string
	put := func(differs bool, field string) {
		if differs {
			out = append(out, field)
		}
	}
	put(!output, fieldOutput)
	put(timestamp != d.Timestamp || !equal(have, d.Granularities), fieldSeries)
	put(!equal(slicing, d.Slices), fieldSlices)
	put(scheduled != (d.Cron != "") || scheduled && (cron != d.Cron || zone != d.Zone), fieldSchedule)
	put(metric != (len(d.Scores) > 0) || metric && !equal(scores, d.Scores), fieldMetrics)
	return out
}

// equal compares lists as sets.
func equal(a, b []string) bool {
	norm := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = strings.Join(strings.Fields(s), " ")
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(norm(a), norm(b))
}

// DiffCurrent names the fields in which a monitor differs from the definition.
func (d *Definition) DiffCurrent(c *dataquality.DataProfilingConfig, schemaID string) []string {
	if c == nil {
		c = &dataquality.DataProfilingConfig{}
	}
	var timestamp, cron, zone string
	var have, scores []string
	if c.TimeSeries != nil {
		timestamp = c.TimeSeries.TimestampColumn
		for _, g := range c.TimeSeries.Granularities {
			have = append(have, words(g))
		}
	}
	if c.Schedule != nil {
		cron, zone = c.Schedule.QuartzCronExpression, c.Schedule.TimezoneId
	}
	at := metricOf(c)
	if at >= 0 {
		scores = c.CustomMetrics[at].InputColumns
	}
	return d.changes(c.OutputSchemaId == schemaID, timestamp, have, c.SlicingExprs, c.Schedule != nil, cron,
		zone, scores, at >= 0)
}

// metricOf is the place of the metric of scores, or -1.
func metricOf(c *dataquality.DataProfilingConfig) int {
	return slices.IndexFunc(c.CustomMetrics,
		func(m dataquality.DataProfilingCustomMetric) bool { return m.Name == metricName })
}

// CurrentScores are the columns of scores that a monitor was told of.
func CurrentScores(c *dataquality.DataProfilingConfig) []string {
	if at := metricOf(c); at >= 0 {
		return c.CustomMetrics[at].InputColumns
	}
	return nil
}

func words(g dataquality.AggregationGranularity) string {
	for text, name := range granularities {
		if name == g {
			return text
		}
	}
	return string(g)
}

// UpdateCurrent is the body and the mask that bring a monitor up to the definition.
func (d *Definition) UpdateCurrent(tableID, schemaID string, have *dataquality.DataProfilingConfig,
	fields []string) (dataquality.Monitor, string) {
	m := d.Current(tableID, schemaID)
	if have != nil {
		var metrics []dataquality.DataProfilingCustomMetric
		for _, other := range have.CustomMetrics {
			if other.Name != metricName {
				metrics = append(metrics, other)
			}
		}
		m.DataProfilingConfig.CustomMetrics = append(metrics, m.DataProfilingConfig.CustomMetrics...)
		if have.AssetsDir != "" {
			m.DataProfilingConfig.AssetsDir = have.AssetsDir
		}
	}
	mask := make([]string, len(fields))
	for i, f := range fields {
		mask[i] = "data_profiling_config." + f
	}
	return m, strings.Join(mask, ",")
}

// DiffLegacy names the fields in which a monitor of the older API differs.
func (d *Definition) DiffLegacy(m *catalog.MonitorInfo) []string {
	var timestamp, cron, zone string
	var have, scores []string
	if m.TimeSeries != nil {
		timestamp, have = m.TimeSeries.TimestampCol, m.TimeSeries.Granularities
	}
	if m.Schedule != nil {
		cron, zone = m.Schedule.QuartzCronExpression, m.Schedule.TimezoneId
	}
	at := legacyMetricOf(m)
	if at >= 0 {
		scores = m.CustomMetrics[at].InputColumns
	}
	return d.changes(strings.EqualFold(m.OutputSchemaName, d.output()), timestamp, have, m.SlicingExprs,
		m.Schedule != nil, cron, zone, scores, at >= 0)
}

func legacyMetricOf(m *catalog.MonitorInfo) int {
	return slices.IndexFunc(m.CustomMetrics, func(m catalog.MonitorMetric) bool { return m.Name == metricName })
}

// LegacyScores is CurrentScores for a monitor of the older API.
func LegacyScores(m *catalog.MonitorInfo) []string {
	if at := legacyMetricOf(m); at >= 0 {
		return m.CustomMetrics[at].InputColumns
	}
	return nil
}

// UpdateLegacy is the body that replaces a monitor's configuration. What others set and the
// definition does not know is kept.
func (d *Definition) UpdateLegacy(have *catalog.MonitorInfo) catalog.UpdateMonitor {
	want := d.Legacy()
	u := catalog.UpdateMonitor{
		OutputSchemaName: want.OutputSchemaName, SlicingExprs: want.SlicingExprs, TimeSeries: want.TimeSeries,
		Schedule:          want.Schedule,
		BaselineTableName: have.BaselineTableName, DataClassificationConfig: have.DataClassificationConfig,
		Notifications: have.Notifications, DashboardId: have.DashboardId,
	}
	for _, other := range have.CustomMetrics {
		if other.Name != metricName {
			u.CustomMetrics = append(u.CustomMetrics, other)
		}
	}
	u.CustomMetrics = append(u.CustomMetrics, want.CustomMetrics...)
	return u
}
