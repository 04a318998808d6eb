// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowquarantineconnector

import (
	"context"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/letter"
	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/connector/mlflowquarantineconnector/internal/send"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// quarantine is the connector.
type quarantine struct {
	sender      *send.Sender
	watch       *watch
	deadLetters consumer.Traces
	tel         *metadata.TelemetryBuilder
}

func newQuarantine(cfg *Config, set connector.Settings, router connector.TracesRouterAndConsumer) (*quarantine, error) {
	ids, err := cfg.divide(router.PipelineIDs())
	if err != nil {
		return nil, err
	}
	deliver, err := router.Consumer(ids...)
	if err != nil {
		return nil, err
	}
	deadLetters, err := router.Consumer(cfg.DeadLetters...)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	q := &quarantine{deadLetters: deadLetters, tel: tel, watch: &watch{log: set.Logger, tel: tel}}
	q.sender = send.New(send.Settings{
		Deliver: deliver.ConsumeTraces, Mutates: deliver.Capabilities().MutatesData, SetAside: q.setAside,
		RejectAfter: cfg.RejectAfter, Observer: q.watch,
		NewBackOff: func() send.BackOff {
			b := backoff.NewExponentialBackOff()
			b.InitialInterval, b.MaxInterval = cfg.Retry.InitialInterval, cfg.Retry.MaxInterval
			b.Reset()
			return b
		},
	})
	return q, nil
}

// Start implements component.Component.
func (q *quarantine) Start(_ context.Context, host component.Host) error {
	q.watch.start(host)
	return nil
}

// Shutdown implements component.Component. Batches that wait are given back.
func (q *quarantine) Shutdown(context.Context) error {
	q.sender.Stop()
	q.tel.Shutdown()
	return nil
}

// Capabilities implements consumer.Traces.
func (*quarantine) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeTraces implements consumer.Traces. It returns nil once each trace is delivered or stored as a dead letter.
func (q *quarantine) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	return q.sender.Deliver(ctx, letter.Open(td))
}

// setAside stores traces that are refused for good as dead letters.
func (q *quarantine) setAside(ctx context.Context, refused []send.Refused) error {
	td := ptrace.NewTraces()
	for _, r := range refused {
		letter.Seal(td, r.Traces, letter.Reason(r.Err), refusal.Message(r.Err))
	}
	if err := q.deadLetters.ConsumeTraces(ctx, td); err != nil {
		return err
	}
	q.watch.setAside(ctx, refused)
	return nil
}
