// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/send"
)

// NewFactory returns the factory of the databricks exporter.
func NewFactory() exporter.Factory { return factory{newChecker: preflight.NewChecker}.exporters() }

// factory makes exporters. Tests replace what looks at destinations.
type factory struct {
	newChecker func(preflight.Settings) *preflight.Checker
}

func (f factory) exporters() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig,
		exporter.WithTraces(f.createTraces, metadata.TracesStability),
		exporter.WithLogs(f.createLogs, metadata.LogsStability),
		exporter.WithMetrics(f.createMetrics, metadata.MetricsStability))
}

func (f factory) createTraces(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	s := signal[ptrace.Traces]{kind: batch.Traces{}, helper: send.Traces, prepare: route.RewriteIDs}
	e, err := newExporter(cfg.(*Config), set, s, f.newChecker)
	return tracesExporter{e}, err
}

func (f factory) createLogs(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	e, err := newExporter(cfg.(*Config), set, signal[plog.Logs]{kind: batch.Logs{}, helper: send.Logs}, f.newChecker)
	return logsExporter{e}, err
}

func (f factory) createMetrics(
	_ context.Context,
	set exporter.Settings,
	cfg component.Config,
) (exporter.Metrics, error) {
	s := signal[pmetric.Metrics]{kind: batch.Metrics{}, helper: send.Metrics}
	e, err := newExporter(cfg.(*Config), set, s, f.newChecker)
	return metricsExporter{e}, err
}
