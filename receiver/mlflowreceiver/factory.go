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

// NewFactory returns the factory of the mlflow receiver.
func NewFactory() receiver.Factory { return newFactory(false) }

// newFactory makes receivers that, with sendOnce, leave refused traces to the next run: the consume
// contract takes a second attempt for a fault.
func newFactory(sendOnce bool) receiver.Factory {
	create := func(_ context.Context, set receiver.Settings, cfg component.Config,
		next consumer.Traces) (receiver.Traces, error) {
		return newReceiver(cfg.(*Config), set, next, sendOnce)
	}
	return receiver.NewFactory(metadata.Type, createDefaultConfig,
		receiver.WithTraces(create, metadata.TracesStability))
}
