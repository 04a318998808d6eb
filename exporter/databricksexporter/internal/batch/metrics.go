// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Metrics are batches of metrics.
type Metrics struct{}

var _ Kind[pmetric.Metrics] = Metrics{}

// Signal implements Kind.
func (Metrics) Signal() unity.Signal { return unity.SignalMetrics }

// Path implements Kind.
func (Metrics) Path() string { return "metrics" }

// Units implements Kind.
func (Metrics) Units(b pmetric.Metrics) int { return b.MetricCount() }

// Items implements Kind.
func (Metrics) Items(b pmetric.Metrics) int { return b.DataPointCount() }

// Size implements Kind.
func (Metrics) Size(b pmetric.Metrics) int { return (&pmetric.ProtoMarshaler{}).MetricsSize(b) }

// Marshal implements Kind.
func (Metrics) Marshal(b pmetric.Metrics) ([]byte, error) {
	return pmetricotlp.NewExportRequestFromMetrics(b).MarshalProto()
}

// JSON implements Kind.
func (Metrics) JSON(b pmetric.Metrics) ([]byte, error) {
	return (&pmetric.JSONMarshaler{}).MarshalMetrics(b)
}

// Pick implements Kind.
func (Metrics) Pick(b pmetric.Metrics, ranges ...Range) pmetric.Metrics {
	out := pmetric.NewMetrics()
	c := cutter{ranges: ranges}
	for _, rm := range b.ResourceMetrics().All() {
		n := 0
		for _, sm := range rm.ScopeMetrics().All() {
			n += sm.Metrics().Len()
		}
		if !c.overlaps(n) {
			continue
		}
		toResource := out.ResourceMetrics().AppendEmpty()
		rm.Resource().CopyTo(toResource.Resource())
		toResource.SetSchemaUrl(rm.SchemaUrl())
		for _, sm := range rm.ScopeMetrics().All() {
			if !c.overlaps(sm.Metrics().Len()) {
				continue
			}
			to := toResource.ScopeMetrics().AppendEmpty()
			sm.Scope().CopyTo(to.Scope())
			to.SetSchemaUrl(sm.SchemaUrl())
			for _, m := range sm.Metrics().All() {
				if c.next() {
					m.CopyTo(to.Metrics().AppendEmpty())
				}
			}
		}
	}
	return out
}

// Resources implements Kind.
func (Metrics) Resources(b pmetric.Metrics) int { return b.ResourceMetrics().Len() }

// Resource implements Kind.
func (Metrics) Resource(b pmetric.Metrics, i int) pcommon.Map {
	return b.ResourceMetrics().At(i).Resource().Attributes()
}

// PickResources implements Kind.
func (Metrics) PickResources(b pmetric.Metrics, indexes []int) pmetric.Metrics {
	out := pmetric.NewMetrics()
	out.ResourceMetrics().EnsureCapacity(len(indexes))
	for _, i := range indexes {
		b.ResourceMetrics().At(i).CopyTo(out.ResourceMetrics().AppendEmpty())
	}
	return out
}

// Join implements Kind.
func (Metrics) Join(all []pmetric.Metrics) pmetric.Metrics {
	out := pmetric.NewMetrics()
	for _, b := range all {
		for _, group := range b.ResourceMetrics().All() {
			group.CopyTo(out.ResourceMetrics().AppendEmpty())
		}
	}
	return out
}

// Traces implements Kind.
func (Metrics) Traces(pmetric.Metrics) int { return 0 }

// Paces implements Kind.
func (k Metrics) Paces(b pmetric.Metrics, _ int) []Range { return []Range{Whole(k, b)} }

// Rejected implements Kind.
func (Metrics) Rejected(body []byte, contentType string) (int64, string, error) {
	r := pmetricotlp.NewExportResponse()
	if err := decode(body, contentType, r.UnmarshalProto, r.UnmarshalJSON); err != nil {
		return 0, "", err
	}
	return r.PartialSuccess().RejectedDataPoints(), r.PartialSuccess().ErrorMessage(), nil
}

// Undelivered implements Kind.
func (Metrics) Undelivered(err error, rest pmetric.Metrics) error {
	return consumererror.NewMetrics(err, rest)
}

// Rest implements Kind.
func (Metrics) Rest(err error) (pmetric.Metrics, bool) {
	if partial, ok := errors.AsType[consumererror.Metrics](err); ok {
		return partial.Data(), true
	}
	return pmetric.Metrics{}, false
}
