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
	f := &factory{sendOnce: sendOnce, sharing: sharing{shared: map[*Config]*shared{}}}
	return receiver.NewFactory(metadata.Type, createDefaultConfig,
		receiver.WithTraces(f.traces, metadata.TracesStability), receiver.WithLogs(f.logs, metadata.LogsStability))
}

// factory makes one receiver for the pipelines of one configuration.
type factory struct {
	sendOnce bool
	sharing
}

func (f *factory) traces(_ context.Context, set receiver.Settings, cfg component.Config,
	next consumer.Traces) (receiver.Traces, error) {
	s, err := f.of(cfg.(*Config), set, f.sendOnce)
	if err == nil {
		s.next = next
	}
	return s, err
}

func (f *factory) logs(_ context.Context, set receiver.Settings, cfg component.Config,
	next consumer.Logs) (receiver.Logs, error) {
	s, err := f.of(cfg.(*Config), set, f.sendOnce)
	if err == nil {
		s.nextLogs = next
	}
	return s, err
}
