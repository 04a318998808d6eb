// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// metricRows are the rows of _otel_metrics: one per data point, with the column of its kind filled
// and those of the other kinds NULL.
func metricRows(md pmetric.Metrics, layout unity.Layout) []catalog.Row {
	var out []catalog.Row
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, p := range points(m, layout) {
					r := catalog.Row{
						"name": m.Name(), "description": m.Description(), "unit": m.Unit(),
						"metric_type": p.kind, "gauge": nil, "sum": nil, "histogram": nil,
						"exponential_histogram": nil, "summary": nil,
						"metadata": variant(m.Metadata(), layout), "resource": resourceColumn(rm.Resource(), layout),
						"resource_schema_url":   rm.SchemaUrl(),
						"instrumentation_scope": scopeColumn(sm.Scope(), layout), "metric_schema_url": sm.SchemaUrl(),
					}
					times := r // in layout v1 the data point holds them
					if layout == unity.LayoutV1 {
						times = p.column
					}
					times["start_time_unix_nano"], times["time_unix_nano"] = int64(p.start), int64(p.time)
					r[p.kind] = p.column
					out = append(out, made(r, layout, p.time, rm.Resource()))
				}
			}
		}
	}
	return out
}

type point struct {
	kind        string
	start, time pcommon.Timestamp
	column      map[string]any
}

func points(m pmetric.Metric, layout unity.Layout) []point {
	var out []point
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			out = append(out, point{"gauge", p.StartTimestamp(), p.Timestamp(), number(p, layout)})
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			c := number(p, layout)
			c["aggregation_temporality"], c["is_monotonic"] = temporality(m.Sum().AggregationTemporality()),
				m.Sum().IsMonotonic()
			out = append(out, point{"sum", p.StartTimestamp(), p.Timestamp(), c})
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			c := map[string]any{
				"count": int64(p.Count()), "sum": optional(p.HasSum(),
					p.Sum()), "bucket_counts": counts(p.BucketCounts()), "explicit_bounds": bounds(p.ExplicitBounds()),
				"exemplars": exemplarsColumn(p.Exemplars(), layout), "attributes": variant(p.Attributes(), layout),
				"flags": int64(p.Flags()),
				"min":   optional(p.HasMin(), p.Min()), "max": optional(p.HasMax(),
					p.Max()), "aggregation_temporality": temporality(m.Histogram().AggregationTemporality()),
			}
			out = append(out, point{"histogram", p.StartTimestamp(), p.Timestamp(), c})
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			c := map[string]any{
				"attributes": variant(p.Attributes(), layout), "count": int64(p.Count()),
				"sum":        optional(p.HasSum(), p.Sum()),
				"scale":      int64(p.Scale()),
				"zero_count": int64(p.ZeroCount()), "positive_bucket": buckets(p.Positive()),
				"negative_bucket": buckets(p.Negative()), "flags": int64(p.Flags()),
				"exemplars": exemplarsColumn(p.Exemplars(), layout), "min": optional(p.HasMin(), p.Min()),
				"max":                     optional(p.HasMax(), p.Max()),
				"zero_threshold":          p.ZeroThreshold(),
				"aggregation_temporality": temporality(m.ExponentialHistogram().AggregationTemporality()),
			}
			out = append(out, point{"exponential_histogram", p.StartTimestamp(), p.Timestamp(), c})
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			quantiles := []any{}
			for _, q := range p.QuantileValues().All() {
				quantiles = append(quantiles, map[string]any{"quantile": q.Quantile(), "value": q.Value()})
			}
			c := map[string]any{
				"count": int64(p.Count()), "sum": p.Sum(), "quantile_values": quantiles,
				"attributes": variant(p.Attributes(), layout), "flags": int64(p.Flags()),
			}
			out = append(out, point{"summary", p.StartTimestamp(), p.Timestamp(), c})
		}
	}
	return out
}

// number is the value of a gauge or sum. Integers become DOUBLE, which loses what is beyond 2^53,
// as documented.
func number(p pmetric.NumberDataPoint, layout unity.Layout) map[string]any {
	var value any
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		value = float64(p.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		value = p.DoubleValue()
	}
	return map[string]any{"value": value, "exemplars": exemplarsColumn(p.Exemplars(), layout),
		"attributes": variant(p.Attributes(), layout),
		"flags":      int64(p.Flags())}
}

func exemplarsColumn(in pmetric.ExemplarSlice, layout unity.Layout) []any {
	out := []any{}
	for _, e := range in.All() {
		value := e.DoubleValue()
		if e.ValueType() == pmetric.ExemplarValueTypeInt {
			value = float64(e.IntValue())
		}
		out = append(out, map[string]any{
			"time_unix_nano": int64(e.Timestamp()), "value": value, "span_id": hexID(e.SpanID().String()),
			"trace_id":            hexID(e.TraceID().String()),
			"filtered_attributes": variant(e.FilteredAttributes(), layout),
		})
	}
	return out
}

func buckets(b pmetric.ExponentialHistogramDataPointBuckets) map[string]any {
	return map[string]any{"offset": int64(b.Offset()), "bucket_counts": counts(b.BucketCounts())}
}

func counts(s pcommon.UInt64Slice) []any {
	out := []any{}
	for _, n := range s.All() {
		out = append(out, int64(n))
	}
	return out
}

func bounds(s pcommon.Float64Slice) []any {
	out := []any{}
	for _, n := range s.All() {
		out = append(out, n)
	}
	return out
}

func optional(has bool, value float64) any {
	if !has {
		return nil
	}
	return value
}

func temporality(t pmetric.AggregationTemporality) string {
	return "AGGREGATION_TEMPORALITY_" + strings.ToUpper(t.String())
}
