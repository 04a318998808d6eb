// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Consume takes a batch.
type Consume[T any] func(context.Context, T) error

// Helper makes an exporter out of exporterhelper for one signal.
type Helper[T any] func(ctx context.Context, set exporter.Settings, cfg component.Config, push Consume[T],
	options ...exporterhelper.Option) (component.Component, Consume[T], error)

// Traces is the Helper for spans.
func Traces(
	ctx context.Context,
	set exporter.Settings,
	cfg component.Config,
	push Consume[ptrace.Traces],
	options ...exporterhelper.Option,
) (component.Component, Consume[ptrace.Traces], error) {
	e, err := exporterhelper.NewTraces(ctx, set, cfg, consumer.ConsumeTracesFunc(push), options...)
	if err != nil {
		return nil, nil, err
	}
	return e, e.ConsumeTraces, nil
}

// Logs is the Helper for log records.
func Logs(
	ctx context.Context,
	set exporter.Settings,
	cfg component.Config,
	push Consume[plog.Logs],
	options ...exporterhelper.Option,
) (component.Component, Consume[plog.Logs], error) {
	e, err := exporterhelper.NewLogs(ctx, set, cfg, consumer.ConsumeLogsFunc(push), options...)
	if err != nil {
		return nil, nil, err
	}
	return e, e.ConsumeLogs, nil
}

// Metrics is the Helper for metrics.
func Metrics(
	ctx context.Context,
	set exporter.Settings,
	cfg component.Config,
	push Consume[pmetric.Metrics],
	options ...exporterhelper.Option,
) (component.Component, Consume[pmetric.Metrics], error) {
	e, err := exporterhelper.NewMetrics(ctx, set, cfg, consumer.ConsumeMetricsFunc(push), options...)
	if err != nil {
		return nil, nil, err
	}
	return e, e.ConsumeMetrics, nil
}
