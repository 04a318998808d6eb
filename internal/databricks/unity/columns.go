// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package unity

import "strings"

// Column is a column as SQL declares it.
type Column struct {
	Name, Type string
}

// SchemaVersion is the table property that names the layout.
const SchemaVersion = "otel.schemaVersion"

// Columns are the columns that a table of a signal needs. The workspace maps each field of OTLP to a
// column by its name, and refuses or drops rows when one is missing (Databricks documentation,
// "OpenTelemetry table reference").
func Columns(s Signal, layout Layout) []Column {
	var v2, v1 string
	switch s {
	case SignalSpans:
		v2, v1 = serverMade+spans, spans
	case SignalLogs:
		v2, v1 = serverMade+logsV2, logsV1
	case SignalMetrics:
		v2, v1 = serverMade+metricTimes+metrics(""), metrics(pointTimes)
	}
	list := v2
	if layout == LayoutV1 {
		list = v1
	}
	return columns(list, AttributeType(layout))
}

// AttributeType is the type of attributes in a layout.
func AttributeType(layout Layout) string {
	if layout == LayoutV1 {
		return "MAP<STRING, STRING>"
	}
	return "VARIANT"
}

// CreateTable is the statement that creates a table of a signal. The schema must be there.
func CreateTable(n Name, s Signal, layout Layout) string {
	columns := Columns(s, layout)
	var b strings.Builder
	b.WriteString("CREATE TABLE IF NOT EXISTS " + n.Quoted() + " (")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.Name + " " + c.Type)
	}
	b.WriteString(") USING DELTA")
	if layout == LayoutV1 {
		b.WriteString(" TBLPROPERTIES ('" + SchemaVersion + "' = 'v1')")
		return b.String()
	}
	if s == SignalSpans {
		b.WriteString(" CLUSTER BY (time, service_name, trace_id)")
	} else {
		b.WriteString(" CLUSTER BY (time, service_name)")
	}
	b.WriteString(" TBLPROPERTIES ('" + SchemaVersion + "' = 'v2', 'delta.checkpointPolicy' = 'classic', " +
		"'delta.enableVariantShredding' = 'true'," +
		" 'delta.feature.variantShredding-preview' = 'supported', 'delta.feature.variantType-preview' = 'supported')")
	return b.String()
}

// columns reads a list with a column a line. @ stands for the type of attributes, $ for exemplars.
func columns(list, attributes string) []Column {
	list = strings.NewReplacer("$", exemplars, "@", attributes).Replace(list)
	list = strings.ReplaceAll(list, "@", attributes) // those of exemplars
	var out []Column
	for line := range strings.Lines(list) {
		name, typ, _ := strings.Cut(strings.TrimSpace(line), " ")
		out = append(out, Column{name, typ})
	}
	return out
}

const serverMade = `record_id STRING
time TIMESTAMP
date DATE
service_name STRING
`

const spans = `trace_id STRING
span_id STRING
trace_state STRING
parent_span_id STRING
flags INT
name STRING
kind STRING
start_time_unix_nano LONG
end_time_unix_nano LONG
attributes @
dropped_attributes_count INT
events ARRAY<STRUCT<time_unix_nano: BIGINT, name: STRING, attributes: @, dropped_attributes_count: INT>>
dropped_events_count INT
links ARRAY<STRUCT<trace_id: STRING, span_id: STRING, trace_state: STRING, attributes: @, ` +
	`dropped_attributes_count: INT, flags: INT>>
dropped_links_count INT
status STRUCT<message: STRING, code: STRING>
` + resource + `span_schema_url STRING
`

const resource = `resource STRUCT<attributes: @, dropped_attributes_count: INT>
resource_schema_url STRING
instrumentation_scope STRUCT<name: STRING, version: STRING, attributes: @, dropped_attributes_count: INT>
`

const logHead = `event_name STRING
trace_id STRING
span_id STRING
time_unix_nano LONG
observed_time_unix_nano LONG
severity_number STRING
severity_text STRING
`

const logTail = `attributes @
dropped_attributes_count INT
flags INT
` + resource + `log_schema_url STRING
`

const (
	logsV2 = logHead + "body VARIANT\n" + logTail
	logsV1 = logHead + "body STRING\n" + logTail
)

const exemplars = `ARRAY<STRUCT<time_unix_nano: BIGINT, value: DOUBLE, span_id: STRING, trace_id: STRING, ` +
	`filtered_attributes: @>>`

const buckets = `STRUCT<offset: INT, bucket_counts: ARRAY<BIGINT>>`

// The times of a data point are columns in layout v2, and fields of the point in v1.
const (
	metricTimes = "start_time_unix_nano LONG\ntime_unix_nano LONG\n"
	pointTimes  = "start_time_unix_nano: BIGINT, time_unix_nano: BIGINT, "
)

// metrics is the list for the table of metrics. times are further fields of each data point.
func metrics(times string) string {
	return `name STRING
description STRING
unit STRING
metric_type STRING
gauge STRUCT<` + times + `value: DOUBLE, exemplars: $, attributes: @, flags: INT>
sum STRUCT<` + times + `value: DOUBLE, exemplars: $, attributes: @, flags: INT, ` +
		`aggregation_temporality: STRING, is_monotonic: BOOLEAN>
histogram STRUCT<` + times + `count: BIGINT, sum: DOUBLE, bucket_counts: ARRAY<BIGINT>, ` +
		`explicit_bounds: ARRAY<DOUBLE>, exemplars: $, attributes: @, flags: INT, min: DOUBLE, ` +
		`max: DOUBLE, aggregation_temporality: STRING>
exponential_histogram STRUCT<attributes: @, ` + times + `count: BIGINT, sum: DOUBLE, scale: INT, ` +
		`zero_count: BIGINT, positive_bucket: ` + buckets + `, negative_bucket: ` + buckets +
		`, flags: INT, exemplars: $, min: DOUBLE, max: DOUBLE, zero_threshold: DOUBLE, ` +
		`aggregation_temporality: STRING>
summary STRUCT<` + times + `count: BIGINT, sum: DOUBLE, ` +
		`quantile_values: ARRAY<STRUCT<quantile: DOUBLE, value: DOUBLE>>, attributes: @, flags: INT>
metadata @
` + resource + `metric_schema_url STRING
`
}
