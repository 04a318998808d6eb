// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/late"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
)

// send converts traces and hands them to the pipelines, see backfill.Sender. The log records of their
// assessments go first: where the spans are refused, they are the ones that are repeated, and they can be
// told apart. Of traces of which something was told before, it is told which assessments are there.
func (r *mlflowReceiver) send(converter *genai.Converter) backfill.Sender {
	return func(ctx context.Context, x mlflow.Experiment, traces []*mlflow.Trace, toldBefore func(string) bool) error {
		if r.nextLogs != nil {
			changes := make([]genai.Changes, len(traces))
			for i, t := range traces {
				changes[i] = late.Delivered(&t.Info, toldBefore(t.Info.ID))
			}
			if err := r.sendLogs(ctx, converter, x, traces, changes); err != nil {
				return err
			}
		}
		if r.next == nil {
			return nil
		}
		td := ptrace.NewTraces()
		var stats genai.Stats
		for _, t := range traces {
			stats.Add(converter.Append(td, x, t))
		}
		return r.sendSpans(ctx, td, stats)
	}
}

// sendSpans hands spans to the pipeline of traces and returns its answer. The context carries their unit.
func (r *mlflowReceiver) sendSpans(ctx context.Context, td ptrace.Traces, stats genai.Stats) error {
	unit := progress.UnitOf(ctx)
	unit.Carry(td.SpanCount())
	ctx = r.obs.StartTracesOp(ctx)
	err := r.lines.send(func() error { return r.next.ConsumeTraces(ctx, td) })
	r.obs.EndTracesOp(ctx, metadata.Type.String(), stats.Spans, err)
	if err == nil {
		r.tel.converted(stats)
	}
	if n, message := unit.Rejected(); n > 0 {
		return &refusal.PartialSuccess{Rejected: n, Spans: unit.Spans(), Message: message, Rest: err}
	}
	return err
}

// sendLogs hands log records of what has happened to traces to the pipeline of logs.
func (r *mlflowReceiver) sendLogs(ctx context.Context, converter *genai.Converter, x mlflow.Experiment,
	traces []*mlflow.Trace, changes []genai.Changes) error {
	ld := plog.NewLogs()
	var stats genai.LogStats
	now := time.Now()
	for i, t := range traces {
		stats.Add(converter.AppendChanges(ld, x, t, &changes[i], now))
	}
	if stats.Records == 0 {
		return nil
	}
	ctx = r.obs.StartLogsOp(ctx)
	err := r.lines.send(func() error { return r.nextLogs.ConsumeLogs(ctx, ld) })
	r.obs.EndLogsOp(ctx, metadata.Type.String(), stats.Records, err)
	if err != nil {
		return err
	}
	r.tel.recorded(stats)
	for i := range changes {
		r.teller.Told(&traces[i].Info, changes[i].Assessments)
	}
	return nil
}
