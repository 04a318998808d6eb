// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
)

// metrics are the exporter's own. The number of destinations is bounded by the configuration.
type metrics struct {
	*metadata.TelemetryBuilder
	signal string
}

// newMetrics makes them. The gauge of destinations whose data waits reads names.
func newMetrics(set component.TelemetrySettings, signal string, names func() []string) (*metrics, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	m := &metrics{b, signal}
	return m, b.RegisterExporterDatabricksWaitingCallback(func(_ context.Context, o metric.Int64Observer) error {
		for _, name := range names() {
			o.Observe(1, m.attributes(name))
		}
		return nil
	})
}

func (m *metrics) attributes(destination string, more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(
		attribute.NewSet(
			append(more, attribute.String("destination", destination), attribute.String("signal", m.signal))...),
	)
}

func (m *metrics) sent(destination string, items int64) {
	m.ExporterDatabricksSent.Add(context.Background(), items, m.attributes(destination))
}

func (m *metrics) rejected(destination, reason string, items, deadLettered int64) {
	at := m.attributes(destination, attribute.String("reason", reason))
	m.ExporterDatabricksRejected.Add(context.Background(), items, at)
	if deadLettered > 0 {
		m.ExporterDatabricksDeadLettered.Add(context.Background(), deadLettered, at)
	}
}

func (m *metrics) returned(destination, reason string, items int64) {
	m.ExporterDatabricksReturned.Add(
		context.Background(),
		items,
		m.attributes(destination, attribute.String("reason", reason)),
	)
}

func (m *metrics) request(destination, outcome string) {
	m.ExporterDatabricksRequests.Add(
		context.Background(),
		1,
		m.attributes(destination, attribute.String("outcome", outcome)),
	)
}
