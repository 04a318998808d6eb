// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowquarantineconnector

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/metadata"
)

// NewFactory returns the factory of the mlflow_quarantine connector.
func NewFactory() connector.Factory {
	return connector.NewFactory(metadata.Type, createDefaultConfig,
		connector.WithTracesToTraces(createTraces, metadata.TracesToTracesStability))
}

func createTraces(_ context.Context, set connector.Settings, cfg component.Config,
	next consumer.Traces) (connector.Traces, error) {
	router, ok := next.(connector.TracesRouterAndConsumer)
	if !ok {
		return nil, errors.New("mlflow_quarantine must be the exporter of one pipeline and the receiver of others")
	}
	return newQuarantine(cfg.(*Config), set, router)
}
