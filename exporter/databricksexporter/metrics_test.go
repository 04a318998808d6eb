// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
)

// counts reads the metrics of an exporter.
type counts struct {
	t   testing.TB
	tel *componenttest.Telemetry
}

func counting(t testing.TB) *counts {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	return &counts{t, tel}
}

func (c *counts) settings() exporter.Settings {
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = c.tel.NewTelemetrySettings()
	return set
}

// points are those of a metric whose attributes have the given keys and values.
func (c *counts) points(name string, pairs ...string) []metricdata.DataPoint[int64] {
	m, err := c.tel.GetMetric(name)
	if err != nil {
		return nil // nothing was counted
	}
	var all []metricdata.DataPoint[int64]
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		all = data.DataPoints
	case metricdata.Gauge[int64]:
		all = data.DataPoints
	default:
		require.FailNow(c.t, "another kind of metric", name)
	}
	var out []metricdata.DataPoint[int64]
next:
	for _, p := range all {
		for i := 0; i < len(pairs); i += 2 {
			if v, _ := p.Attributes.Value(attribute.Key(pairs[i])); v.AsString() != pairs[i+1] {
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

func (c *counts) sum(name string, pairs ...string) (n int64) {
	for _, p := range c.points(name, pairs...) {
		n += p.Value
	}
	return n
}

func (c *counts) gauge(name string, pairs ...string) int64 { return c.sum(name, pairs...) }
