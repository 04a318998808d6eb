// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// signal is one of the three kinds of OTLP requests.
type signal struct {
	path    string       // last element of the URL
	table   unity.Signal // whose table it goes to
	message string       // of the protocol
	items   string       // what is counted
	fault   string       // what a rejected item suffers from
	decode  func([]byte) (items, error)
	partial func(rejected int, message string) []byte
}

// items is a decoded request.
type items struct {
	count  int
	traces map[string]bool // distinct trace ids, of spans only
	rows   func(unity.Layout, server.Switches) []catalog.Row
}

var tracesSignal = signal{
	path: "traces", table: unity.SignalSpans, message: "ExportTraceServiceRequest", items: "spans", fault: "trace_id",
	decode: func(body []byte) (items, error) {
		r := ptraceotlp.NewExportRequest()
		if err := r.UnmarshalProto(body); err != nil {
			return items{}, err
		}
		out := items{count: r.Traces().SpanCount(), traces: map[string]bool{},
			rows: func(l unity.Layout, s server.Switches) []catalog.Row { return spanRows(r.Traces(), l, s) }}
		for _, rs := range r.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					out.traces[span.TraceID().String()] = true
				}
			}
		}
		return out, nil
	},
	partial: func(rejected int, message string) []byte {
		r := ptraceotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedSpans(int64(rejected))
		r.PartialSuccess().SetErrorMessage(message)
		body, _ := r.MarshalProto()
		return body
	},
}

var logsSignal = signal{
	path: "logs", table: unity.SignalLogs, message: "ExportLogsServiceRequest", items: "log records", fault: "body",
	decode: func(body []byte) (items, error) {
		r := plogotlp.NewExportRequest()
		if err := r.UnmarshalProto(body); err != nil {
			return items{}, err
		}
		return items{count: r.Logs().LogRecordCount(), rows: func(l unity.Layout,
			_ server.Switches) []catalog.Row {
			return logRows(r.Logs(), l)
		}}, nil
	},
	partial: func(rejected int, message string) []byte {
		r := plogotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedLogRecords(int64(rejected))
		r.PartialSuccess().SetErrorMessage(message)
		body, _ := r.MarshalProto()
		return body
	},
}

var metricsSignal = signal{
	path: "metrics", table: unity.SignalMetrics, message: "ExportMetricsServiceRequest",
	items: "data points", fault: "value",
	decode: func(body []byte) (items, error) {
		r := pmetricotlp.NewExportRequest()
		if err := r.UnmarshalProto(body); err != nil {
			return items{}, err
		}
		return items{count: r.Metrics().DataPointCount(), rows: func(l unity.Layout,
			_ server.Switches) []catalog.Row {
			return metricRows(r.Metrics(), l)
		}}, nil
	},
	partial: func(rejected int, message string) []byte {
		r := pmetricotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedDataPoints(int64(rejected))
		r.PartialSuccess().SetErrorMessage(message)
		body, _ := r.MarshalProto()
		return body
	},
}

// variant is a map of attributes as its column holds it: native values in layout v2, text in v1
// (what is no text there is JSON). No attributes are NULL.
func variant(m pcommon.Map, layout unity.Layout) any {
	if m.Len() == 0 {
		return nil
	}
	out := map[string]any{}
	for k, v := range m.All() {
		if layout == unity.LayoutV1 {
			out[k] = text(v)
		} else {
			out[k] = native(v)
		}
	}
	return out
}

// native is a value as VARIANT holds it. Bytes are base64.
func native(v pcommon.Value) any {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		return v.Double()
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.EncodeToString(v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		out := []any{}
		for _, e := range v.Slice().All() {
			out = append(out, native(e))
		}
		return out
	case pcommon.ValueTypeMap:
		out := map[string]any{}
		for k, e := range v.Map().All() {
			out[k] = native(e)
		}
		return out
	}
	return nil
}

// text is a value as layout v1 holds it.
func text(v pcommon.Value) any {
	switch n := native(v).(type) {
	case nil:
		return nil
	case string:
		return n
	default:
		body, err := json.Marshal(n)
		if err != nil { // NaN and the infinities
			return fmt.Sprint(n)
		}
		return string(body)
	}
}

// hexID is a trace or span id in hex; none is NULL.
func hexID(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func resourceColumn(r pcommon.Resource, layout unity.Layout) map[string]any {
	return map[string]any{"attributes": variant(r.Attributes(), layout),
		"dropped_attributes_count": int64(r.DroppedAttributesCount())}
}

func scopeColumn(s pcommon.InstrumentationScope, layout unity.Layout) map[string]any {
	return map[string]any{
		"name": s.Name(), "version": s.Version(), "attributes": variant(s.Attributes(), layout),
		"dropped_attributes_count": int64(s.DroppedAttributesCount()),
	}
}

// made adds what ingest makes up in layout v2, apart from record_id.
func made(r catalog.Row, layout unity.Layout, at pcommon.Timestamp, resource pcommon.Resource) catalog.Row {
	if layout == unity.LayoutV1 {
		return r
	}
	t := at.AsTime()
	r["time"], r["date"], r["service_name"] = catalog.Timestamp(t), t.Format("2006-01-02"), nil
	if v, ok := resource.Attributes().Get("service.name"); ok {
		r["service_name"] = v.AsString()
	}
	return r
}

// layoutOf tells a table's layout by the type of its attributes.
func layoutOf(t *catalog.Relation) unity.Layout {
	for _, c := range t.Columns {
		if c.Name == "attributes" && c.Type == "map<string,string>" {
			return unity.LayoutV1
		}
	}
	if t.Properties["otel.schemaVersion"] == string(unity.LayoutV1) {
		return unity.LayoutV1
	}
	return unity.LayoutV2
}

// stamp numbers rows of layout v2 in order of time, as UUIDs of version 7. Under the lock.
func (w *Ingest) stamp(rows []catalog.Row) []catalog.Row {
	milli := uint64(w.Now().UnixMilli())
	for _, r := range rows {
		if _, v2 := r["time"]; !v2 {
			continue
		}
		w.otlp.records++
		n := uint64(w.otlp.records)
		r["record_id"] = fmt.Sprintf("%08x-%04x-7%03x-8000-%012x", milli>>16, milli&0xffff,
			n>>48&0xfff, n&0xffffffffffff)
	}
	return rows
}
