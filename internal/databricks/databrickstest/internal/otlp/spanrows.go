// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// spanRows are the rows of _otel_spans.
func spanRows(td ptrace.Traces, layout unity.Layout, switches server.Switches) []catalog.Row {
	var out []catalog.Row
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				parent := hexID(s.ParentSpanID().String())
				if parent == nil && switches.EmptyParent {
					parent = ""
				}
				out = append(out, made(catalog.Row{
					"trace_id": hexID(s.TraceID().String()), "span_id": hexID(s.SpanID().String()),
					"trace_state": s.TraceState().AsRaw(), "parent_span_id": parent,
					"flags": int64(s.Flags()), "name": s.Name(), "kind": "SPAN_KIND_" +
						strings.ToUpper(s.Kind().String()),
					"start_time_unix_nano": int64(s.StartTimestamp()), "end_time_unix_nano": int64(s.EndTimestamp()),
					"attributes":               variant(s.Attributes(), layout),
					"dropped_attributes_count": int64(s.DroppedAttributesCount()),
					"events":                   eventsColumn(s.Events(), layout),
					"dropped_events_count":     int64(s.DroppedEventsCount()),
					"links":                    linksColumn(s.Links(), layout),
					"dropped_links_count":      int64(s.DroppedLinksCount()),
					"status": map[string]any{"message": s.Status().Message(),
						"code": "STATUS_CODE_" + strings.ToUpper(s.Status().Code().String())},
					"resource": resourceColumn(rs.Resource(), layout), "resource_schema_url": rs.SchemaUrl(),
					"instrumentation_scope": scopeColumn(ss.Scope(), layout), "span_schema_url": ss.SchemaUrl(),
				}, layout, s.StartTimestamp(), rs.Resource()))
			}
		}
	}
	return out
}

func eventsColumn(events ptrace.SpanEventSlice, layout unity.Layout) []any {
	out := []any{}
	for _, e := range events.All() {
		out = append(out, map[string]any{
			"time_unix_nano": int64(e.Timestamp()), "name": e.Name(), "attributes": variant(e.Attributes(), layout),
			"dropped_attributes_count": int64(e.DroppedAttributesCount()),
		})
	}
	return out
}

func linksColumn(links ptrace.SpanLinkSlice, layout unity.Layout) []any {
	out := []any{}
	for _, l := range links.All() {
		out = append(out, map[string]any{
			"trace_id": hexID(l.TraceID().String()), "span_id": hexID(l.SpanID().String()),
			"trace_state":              l.TraceState().AsRaw(),
			"attributes":               variant(l.Attributes(), layout),
			"dropped_attributes_count": int64(l.DroppedAttributesCount()),
			"flags":                    int64(l.Flags()),
		})
	}
	return out
}

// logRows are the rows of _otel_logs. The time of a record without one is when it was observed.
func logRows(ld plog.Logs, layout unity.Layout) []catalog.Row {
	var out []catalog.Row
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, l := range sl.LogRecords().All() {
				body := native(l.Body())
				if layout == unity.LayoutV1 {
					body = text(l.Body())
				}
				at := l.Timestamp()
				if at == 0 {
					at = l.ObservedTimestamp()
				}
				out = append(out, made(catalog.Row{
					"event_name": l.EventName(), "trace_id": hexID(l.TraceID().String()),
					"span_id":        hexID(l.SpanID().String()),
					"time_unix_nano": int64(l.Timestamp()), "observed_time_unix_nano": int64(l.ObservedTimestamp()),
					"severity_number": "SEVERITY_NUMBER_" + strings.ToUpper(l.SeverityNumber().String()),
					"severity_text":   l.SeverityText(),
					"body":            body, "attributes": variant(l.Attributes(), layout),
					"dropped_attributes_count": int64(l.DroppedAttributesCount()),
					"flags":                    int64(l.Flags()), "resource": resourceColumn(rl.Resource(), layout),
					"resource_schema_url":   rl.SchemaUrl(),
					"instrumentation_scope": scopeColumn(sl.Scope(), layout), "log_schema_url": sl.SchemaUrl(),
				}, layout, at, rl.Resource()))
			}
		}
	}
	return out
}
