// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/send"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/status"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/verify"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// signal is what differs between the exporters of traces, logs and metrics.
type signal[T any] struct {
	kind   batch.Kind[T]
	helper send.Helper[T]
	// prepare changes a batch in place before it goes to a destination; nil for signals that need
	// nothing.
	prepare func(route.Destination, T)
}

// databricksExporter writes one signal.
type databricksExporter[T any] struct {
	cfg    *Config
	set    exporter.Settings
	signal signal[T]
	plan   *route.Plan
	status *status.Registry

	access      *access.Access
	deadLetters *send.DeadLetters
	checker     *preflight.Checker
	newChecker  func(preflight.Settings) *preflight.Checker
	verifier    *verify.Verifier // nil for logs and metrics, which are not counted
	router      *send.Router[T]
	readers     int // processes that share traces_per_second

	stored  *route.Stored // nil without queues on disk
	started bool          // the queues run, or ran
}

type tracesExporter struct {
	*databricksExporter[ptrace.Traces]
}

// ConsumeTraces implements consumer.Traces.
func (e tracesExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	return e.router.Consume(ctx, td)
}

type logsExporter struct {
	*databricksExporter[plog.Logs]
}

// ConsumeLogs implements consumer.Logs.
func (e logsExporter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	return e.router.Consume(ctx, ld)
}

type metricsExporter struct {
	*databricksExporter[pmetric.Metrics]
}

// ConsumeMetrics implements consumer.Metrics.
func (e metricsExporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	return e.router.Consume(ctx, md)
}

func newExporter[T any](
	cfg *Config, set exporter.Settings, s signal[T], newChecker func(preflight.Settings) *preflight.Checker,
) (*databricksExporter[T], error) {
	e := &databricksExporter[T]{cfg: cfg, set: set, signal: s, newChecker: newChecker}
	var err error
	if e.plan, err = cfg.Plan(s.kind.Signal()); err != nil {
		return nil, err
	}
	e.status, err = status.New(status.Settings{
		Exporter: set.ID, Signal: s.kind.Path(), Telemetry: set.TelemetrySettings, Now: time.Now,
	})
	return e, err
}

// Capabilities implements consumer.Traces, Logs and Metrics: ids of traces are rewritten in place,
// and a batching queue moves data.
func (e *databricksExporter[T]) Capabilities() consumer.Capabilities {
	q := e.cfg.Queue.Get()
	return consumer.Capabilities{MutatesData: e.signal.prepare != nil || q != nil && q.Batch.HasValue()}
}

// Start implements component.Component. The workspace is not asked, except for preflight with
// on_failure: fail.
func (e *databricksExporter[T]) Start(ctx context.Context, host component.Host) error {
	err := e.start(ctx, host)
	if err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	return nil
}

func (e *databricksExporter[T]) start(ctx context.Context, host component.Host) error {
	var err error
	if e.access, err = access.Open(ctx, e.cfg.access(e.set), host); err != nil {
		return err
	}
	if e.cfg.DeadLetter != "" {
		if e.deadLetters, err = send.OpenDeadLetters(e.cfg.DeadLetter); err != nil {
			return fmt.Errorf("dead_letter: %w", err)
		}
	}
	if err := e.recall(ctx, host); err != nil {
		return err
	}
	e.readers = 1
	if s := progress.Find[progress.Sharing](host); s != nil {
		e.readers = s.Readers(e.set.ID)
	}
	e.watch(host)
	e.status.Connect(progress.Find[progress.DestinationSink](host), func(err error) {
		event := componentstatus.NewEvent(componentstatus.StatusOK)
		if err != nil {
			event = componentstatus.NewRecoverableErrorEvent(err)
		}
		componentstatus.ReportStatus(host, event)
	})
	if e.router, err = e.newRouter(ctx); err != nil {
		return err
	}
	var fixed []route.Destination
	var names []string
	for _, t := range e.plan.Targets {
		names = append(names, t.Key())
		if t.Experiment == "" {
			fixed = append(fixed, t.Table)
		}
	}
	e.set.Logger.Info("Data goes to Unity Catalog", zap.String("workspace", e.access.Host),
		zap.String("as", e.access.SignedInAs), zap.String("tables", some(names)))
	if err := e.checker.Start(ctx, fixed); err != nil {
		return err
	}
	if err := e.router.Start(ctx, host); err != nil {
		return err
	}
	e.started = true
	return nil
}

// recall adds, when queues are on disk, the destinations of earlier configurations: what was
// accepted for them is still sent. They are forgotten after a run in which their queue was empty.
func (e *databricksExporter[T]) recall(ctx context.Context, host component.Host) error {
	q := e.cfg.Queue.Get()
	if q == nil || q.StorageID == nil {
		return nil
	}
	configured := len(e.plan.Targets)
	var err error
	if e.stored, err = route.Recall(ctx, host, *q.StorageID, e.set.ID, e.signal.kind.Path(), e.plan); err != nil {
		return err
	}
	for _, t := range e.plan.Targets[configured:] {
		e.set.Logger.Warn(
			"A destination is no longer in the configuration; what is left in its queue on disk is still sent there",
			zap.String("destination", t.Key()),
		)
	}
	return nil
}

// watch makes what looks at destinations before data is sent, and at what arrived afterwards.
func (e *databricksExporter[T]) watch(host component.Host) {
	e.checker = e.newChecker(preflight.Settings{
		Client: e.access.API, OnFailure: e.cfg.Preflight.OnFailure, Logger: e.set.Logger,
	})
	if e.signal.kind.Signal() == unity.SignalSpans {
		e.verifier = verify.New(verify.Settings{
			Config: e.cfg.Verify, Client: e.access.API, Logger: e.set.Logger,
			Ending: progress.Find[progress.Ending](host),
		})
	}
}

// some is the beginning of a list.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// Shutdown implements component.Component: what is queued is sent as far as the workspace takes it,
// then what was sent is verified and reported. It may be called without Start and twice.
func (e *databricksExporter[T]) Shutdown(ctx context.Context) error {
	if e == nil || e.access == nil {
		return nil
	}
	var errs []error
	if e.router != nil {
		errs = append(errs, e.router.Shutdown(ctx))
	}
	errs = append(errs, e.checker.Shutdown(ctx))
	verified, err := e.verifier.Verify(ctx)
	errs = append(errs, err)
	e.note()
	e.status.Close(verified)
	if e.deadLetters != nil {
		errs = append(errs, e.deadLetters.Close())
	}
	errs = append(errs, e.stored.Close(ctx, func(target int) bool {
		// What queues hold that never ran is not known.
		return !e.started || e.router.Queues[target].Used()
	}))
	e.access.Close()
	e.access = nil
	return errors.Join(errs...)
}

// note puts what preflight has to say about destinations into the report.
func (e *databricksExporter[T]) note() {
	if e.router == nil {
		return
	}
	for _, q := range e.router.Queues {
		s := q.Sender()
		if d, known := s.Target.Destination(); known {
			s.Status.Note(e.checker.Problems(d))
		}
	}
}
