package databricksexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
)

// telemetry turns what accounts count into metrics. The number of destinations is bounded by the configuration.
type telemetry struct {
	*metadata.TelemetryBuilder
	signal string
}

func newTelemetry(set component.TelemetrySettings, signal string) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	return &telemetry{b, signal}, err
}

// watch makes the gauge of destinations whose data waits read names.
func (t *telemetry) watch(names func() []string) error {
	return t.RegisterExporterDatabricksWaitingCallback(func(_ context.Context, o metric.Int64Observer) error {
		for _, name := range names() {
			o.Observe(1, t.attributes(name))
		}
		return nil
	})
}

func (t *telemetry) attributes(destination string, more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("destination", destination), attribute.String("signal", t.signal))...))
}

// Sent implements account.Observer.
func (t *telemetry) Sent(destination string, items int64) {
	t.ExporterDatabricksSent.Add(context.Background(), items, t.attributes(destination))
}

// Rejected implements account.Observer.
func (t *telemetry) Rejected(destination, reason string, items, deadLettered int64) {
	at := t.attributes(destination, attribute.String("reason", reason))
	t.ExporterDatabricksRejected.Add(context.Background(), items, at)
	if deadLettered > 0 {
		t.ExporterDatabricksDeadLettered.Add(context.Background(), deadLettered, at)
	}
}

// Returned implements account.Observer.
func (t *telemetry) Returned(destination, reason string, items int64) {
	t.ExporterDatabricksReturned.Add(context.Background(), items, t.attributes(destination, attribute.String("reason", reason)))
}

// Request implements account.Observer.
func (t *telemetry) Request(destination, outcome string) {
	t.ExporterDatabricksRequests.Add(context.Background(), 1, t.attributes(destination, attribute.String("outcome", outcome)))
}
