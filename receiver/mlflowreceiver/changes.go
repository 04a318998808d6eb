// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/late"
)

// resendBytes is how much of traces that are sent again, as the source stores them, goes into one call
// of the pipeline. One trace may be larger.
const resendBytes = 4 << 20

// looksForChanges reports whether changes of delivered traces are looked for: a pipeline takes them.
func (r *mlflowReceiver) looksForChanges() bool {
	return r.nextLogs != nil || r.resends()
}

// resends reports whether spans of changed traces are sent again.
func (r *mlflowReceiver) resends() bool { return r.cfg.LateChanges.ResendSpans && r.next != nil }

// lateChanges says how late changes are found and told; nil where no pipeline takes them.
func (r *mlflowReceiver) lateChanges(converter *genai.Converter) *backfill.LateChanges {
	if !r.looksForChanges() {
		return nil
	}
	return &backfill.LateChanges{
		LookBack: r.cfg.LateChanges.LookBack,
		Tell: func(ctx context.Context, x mlflow.Experiment, edited []backfill.Edited) error {
			if err := r.tellChanges(ctx, converter, x, edited); err != nil {
				return err
			}
			return r.resend(ctx, converter, x, edited)
		},
		Told:    r.tel.told,
		Refused: r.tel.untold,
	}
}

// tellChanges hands log records of edited traces to the pipeline of logs, if there is one.
func (r *mlflowReceiver) tellChanges(ctx context.Context, converter *genai.Converter, x mlflow.Experiment,
	edited []backfill.Edited) error {
	if r.nextLogs == nil {
		return nil
	}
	traces := make([]*mlflow.Trace, len(edited))
	changes := make([]genai.Changes, len(edited))
	for i := range edited {
		traces[i] = &mlflow.Trace{Info: edited[i].Info}
		changes[i] = r.teller.Changes(&edited[i])
	}
	return r.sendLogs(ctx, converter, x, traces, changes)
}

// resend sends edited traces once more, with a higher revision, if that is wanted. It reads all of their
// spans, since a processor may sum over them. Traces of which it isn't known that they have changed are
// left out.
func (r *mlflowReceiver) resend(ctx context.Context, converter *genai.Converter, x mlflow.Experiment,
	edited []backfill.Edited) error {
	if !r.resends() {
		return nil
	}
	var infos []mlflow.Info
	for i := range edited {
		if !edited[i].Untold {
			infos = append(infos, edited[i].Info)
		}
	}
	if len(infos) == 0 {
		return nil
	}
	var stats genai.Stats
	td, size := ptrace.NewTraces(), 0
	var refused error
	flush := func() error {
		if size == 0 {
			return nil
		}
		late.Raise(td, time.Now())
		refused = r.sendSpans(progress.WithUnit(ctx, progress.NewUnit(0)), td, stats)
		if some, ok := errors.AsType[*refusal.PartialSuccess](refused); ok && some.Rest == nil {
			refused = consumererror.NewPermanent(some)
		}
		td, stats, size = ptrace.NewTraces(), genai.Stats{}, 0
		return refused
	}
	err := r.source.Traces(ctx, infos, func(i int, t *mlflow.Trace, skip *mlflow.Skip) error {
		if skip != nil {
			r.set.Logger.Warn("A changed trace could not be read and is not sent again",
				zap.String("trace_id", infos[i].ID), zap.String("experiment_id", x.ID), zap.Error(skip))
			r.tel.untold(1)
			return nil
		}
		stats.Add(converter.Append(td, x, t))
		if size += max(t.Size, 1); size < resendBytes {
			return nil
		}
		return flush()
	})
	if err != nil && refused == nil {
		return &backfill.SourceError{Err: err}
	}
	if refused != nil {
		return refused
	}
	return flush()
}
