// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
)

// holdAfter is how many batches the pipeline refuses in a row before the receiver holds and probes.
const holdAfter = 3

// NewFactory returns the factory of the mlflow receiver.
func NewFactory() receiver.Factory { return newFactory(holdAfter) }

func newFactory(hold int) receiver.Factory {
	create := func(_ context.Context, set receiver.Settings, cfg component.Config,
		next consumer.Traces) (receiver.Traces, error) {
		return newReceiver(cfg.(*Config), set, next, hold)
	}
	return receiver.NewFactory(metadata.Type, createDefaultConfig,
		receiver.WithTraces(create, metadata.TracesStability))
}
