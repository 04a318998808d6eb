package catalog

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// otelColumns are the columns of an OpenTelemetry table, as Databricks documents them ("OpenTelemetry table reference"). Layout v1 is v2 without the four columns
// that ingest makes up, and with maps in place of variants. There is no legacy table of metrics on record; it follows the same rule.
func OTelColumns(s unity.Signal, layout unity.Layout) []Column {
	columns := map[unity.Signal][]Column{unity.Spans: spansColumns, unity.Logs: logsColumns, unity.Metrics: metricsColumns, Annotations: annotationsColumns}[s]
	if layout != unity.V1 {
		return columns
	}
	var out []Column
	for _, c := range columns {
		switch c.Name {
		case "record_id", "time", "date", "service_name":
			continue
		case "body":
			c.Type = "string"
		}
		c.Type = strings.ReplaceAll(c.Type, "variant", "map<string,string>")
		out = append(out, c)
	}
	return out
}

func otelProperties(s unity.Signal, layout unity.Layout) map[string]string {
	switch {
	case s == Annotations:
		return nil
	case layout == unity.V1:
		return map[string]string{"otel.schemaVersion": "v1"}
	}
	return map[string]string{
		"otel.schemaVersion": "v2", "delta.checkpointPolicy": "classic", "delta.enableVariantShredding": "true", "delta.feature.variantShredding-preview": "supported",
		"delta.feature.variantType-preview": "supported",
	}
}

const (
	resourceType = "struct<attributes:variant,dropped_attributes_count:int>"
	scopeType    = "struct<name:string,version:string,attributes:variant,dropped_attributes_count:int>"
	exemplars    = "exemplars:array<struct<time_unix_nano:bigint,value:double,span_id:string,trace_id:string,filtered_attributes:variant>>"
)

var spansColumns = []Column{
	{Name: "record_id", Type: "string"},
	{Name: "time", Type: "timestamp"},
	{Name: "date", Type: "date"},
	{Name: "service_name", Type: "string"},
	{Name: "trace_id", Type: "string"},
	{Name: "span_id", Type: "string"},
	{Name: "trace_state", Type: "string"},
	{Name: "parent_span_id", Type: "string"},
	{Name: "flags", Type: "int"},
	{Name: "name", Type: "string"},
	{Name: "kind", Type: "string"},
	{Name: "start_time_unix_nano", Type: "bigint"},
	{Name: "end_time_unix_nano", Type: "bigint"},
	{Name: "attributes", Type: "variant"},
	{Name: "dropped_attributes_count", Type: "int"},
	{Name: "events", Type: "array<struct<time_unix_nano:bigint,name:string,attributes:variant,dropped_attributes_count:int>>"},
	{Name: "dropped_events_count", Type: "int"},
	{Name: "links", Type: "array<struct<trace_id:string,span_id:string,trace_state:string,attributes:variant,dropped_attributes_count:int,flags:int>>"},
	{Name: "dropped_links_count", Type: "int"},
	{Name: "status", Type: "struct<message:string,code:string>"},
	{Name: "resource", Type: resourceType},
	{Name: "resource_schema_url", Type: "string"},
	{Name: "instrumentation_scope", Type: scopeType},
	{Name: "span_schema_url", Type: "string"},
}

var logsColumns = []Column{
	{Name: "record_id", Type: "string"},
	{Name: "time", Type: "timestamp"},
	{Name: "date", Type: "date"},
	{Name: "service_name", Type: "string"},
	{Name: "event_name", Type: "string"},
	{Name: "trace_id", Type: "string"},
	{Name: "span_id", Type: "string"},
	{Name: "time_unix_nano", Type: "bigint"},
	{Name: "observed_time_unix_nano", Type: "bigint"},
	{Name: "severity_number", Type: "string"},
	{Name: "severity_text", Type: "string"},
	{Name: "body", Type: "variant"},
	{Name: "attributes", Type: "variant"},
	{Name: "dropped_attributes_count", Type: "int"},
	{Name: "flags", Type: "int"},
	{Name: "resource", Type: resourceType},
	{Name: "resource_schema_url", Type: "string"},
	{Name: "instrumentation_scope", Type: scopeType},
	{Name: "log_schema_url", Type: "string"},
}

var metricsColumns = []Column{
	{Name: "record_id", Type: "string"},
	{Name: "time", Type: "timestamp"},
	{Name: "date", Type: "date"},
	{Name: "service_name", Type: "string"},
	{Name: "start_time_unix_nano", Type: "bigint"},
	{Name: "time_unix_nano", Type: "bigint"},
	{Name: "name", Type: "string"},
	{Name: "description", Type: "string"},
	{Name: "unit", Type: "string"},
	{Name: "metric_type", Type: "string"},
	{Name: "gauge", Type: "struct<value:double," + exemplars + ",attributes:variant,flags:int>"},
	{Name: "sum", Type: "struct<value:double," + exemplars + ",attributes:variant,flags:int,aggregation_temporality:string,is_monotonic:boolean>"},
	{Name: "histogram", Type: "struct<count:bigint,sum:double,bucket_counts:array<bigint>,explicit_bounds:array<double>," + exemplars +
		",attributes:variant,flags:int,min:double,max:double,aggregation_temporality:string>"},
	{Name: "exponential_histogram", Type: "struct<attributes:variant,count:bigint,sum:double,scale:int,zero_count:bigint," +
		"positive_bucket:struct<offset:int,bucket_counts:array<bigint>>,negative_bucket:struct<offset:int,bucket_counts:array<bigint>>,flags:int," + exemplars +
		",min:double,max:double,zero_threshold:double,aggregation_temporality:string>"},
	{Name: "summary", Type: "struct<count:bigint,sum:double,quantile_values:array<struct<quantile:double,value:double>>,attributes:variant,flags:int>"},
	{Name: "metadata", Type: "variant"},
	{Name: "resource", Type: resourceType},
	{Name: "resource_schema_url", Type: "string"},
	{Name: "instrumentation_scope", Type: scopeType},
	{Name: "metric_schema_url", Type: "string"},
}

var annotationsColumns = []Column{
	{Name: "annotation_id", Type: "string"},
	{Name: "target_type", Type: "string"},
	{Name: "target_id", Type: "string"},
	{Name: "annotation_type", Type: "string"},
	{Name: "name", Type: "string"},
	{Name: "value", Type: "variant"},
	{Name: "comment", Type: "string"},
	{Name: "metadata", Type: "variant"},
	{Name: "created_at", Type: "timestamp"},
	{Name: "created_by", Type: "string"},
	{Name: "updated_at", Type: "timestamp"},
	{Name: "updated_by", Type: "string"},
	{Name: "deleted_at", Type: "timestamp"},
	{Name: "deleted_by", Type: "string"},
}
