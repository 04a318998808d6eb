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

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/account"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/chain"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/deadletter"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/remember"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/rewrite"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/verify"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// databricksExporter writes one signal.
type databricksExporter[T any] struct {
	cfg     *Config
	set     exporter.Settings
	kind    batch.Kind[T]
	helper  chain.Helper[T]
	prepare func(destination.Destination, T)
	plan    *plan
	tel     *telemetry
	book    *account.Book

	access *access.Access
	dead   *deadletter.File
	gate   destination.Gate
	ledger destination.Ledger
	router *chain.Router[T]

	list       *remember.List // of destinations with queues on disk; nil without
	configured int            // of the plan's targets are of this configuration
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

func rewriteIDs(d destination.Destination, td ptrace.Traces) { rewrite.New(d).Apply(td) }

func newExporter[T any](cfg *Config, set exporter.Settings, kind batch.Kind[T], helper chain.Helper[T], prepare func(destination.Destination, T)) (*databricksExporter[T], error) {
	e := &databricksExporter[T]{cfg: cfg, set: set, kind: kind, helper: helper, prepare: prepare, gate: destination.OpenGate{}, ledger: destination.NoLedger{}}
	var err error
	if e.plan, err = cfg.plan(kind.Signal()); err != nil {
		return nil, err
	}
	if e.tel, err = newTelemetry(set.TelemetrySettings, kind.Path()); err != nil {
		return nil, err
	}
	e.book = account.New(account.Settings{Exporter: set.ID, Signal: kind.Path(), Observer: e.tel, Log: set.Logger, Now: time.Now})
	return e, e.tel.watch(e.book.Waiters)
}

// Capabilities implements consumer.Traces, Logs and Metrics: ids of traces are rewritten in place, and a batching queue moves data.
func (e *databricksExporter[T]) Capabilities() consumer.Capabilities {
	q := e.cfg.Queue.Get()
	return consumer.Capabilities{MutatesData: e.prepare != nil || q != nil && q.Batch.HasValue()}
}

// Start implements component.Component. The workspace is not asked, except for preflight with on_failure: fail.
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
		if e.dead, err = deadletter.Open(e.cfg.DeadLetter); err != nil {
			return fmt.Errorf("dead_letter: %w", err)
		}
	}
	if err = e.recall(ctx, host); err != nil {
		return err
	}
	e.watch(host)
	e.book.Connect(first[progress.DestinationSink](host), func(err error) {
		event := componentstatus.NewEvent(componentstatus.StatusOK)
		if err != nil {
			event = componentstatus.NewRecoverableErrorEvent(err)
		}
		componentstatus.ReportStatus(host, event)
	})
	if e.router, err = e.route(ctx); err != nil {
		return err
	}
	var fixed []destination.Destination
	var names []string
	for _, t := range e.plan.targets {
		names = append(names, t.key())
		if t.experiment == "" {
			fixed = append(fixed, t.table)
		}
	}
	e.set.Logger.Info("Data goes to Unity Catalog", zap.String("workspace", e.access.Host),
		zap.String("as", e.access.SignedInAs), zap.String("tables", some(names)))
	if err = e.gate.Start(ctx, fixed); err != nil {
		return err
	}
	return e.router.Start(ctx, host)
}

// watch makes what looks at destinations before, and at what arrived after.
func (e *databricksExporter[T]) watch(host component.Host) {
	if e.gate = e.cfg.gate; e.gate == nil {
		e.gate = preflight.NewGate(preflight.Settings{
			Client: e.access.API, OnFailure: e.cfg.Preflight.OnFailure, Logger: e.set.Logger, Again: e.cfg.again, AgainMost: e.cfg.again, Calm: e.cfg.again,
		})
	}
	if e.kind.Signal() == unity.Spans {
		e.ledger = verify.NewLedger(verify.Settings{Config: e.cfg.Verify, Client: e.access.API, Logger: e.set.Logger, Ending: first[progress.Ending](host)})
	}
}

// first finds the extension that is a T, if there is one.
func first[T any](host component.Host) (found T) {
	for _, ext := range host.GetExtensions() {
		if t, ok := ext.(T); ok {
			return t
		}
	}
	return found
}

// some is the beginning of a list.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// Shutdown implements component.Component: what is queued is sent as far as the workspace takes it, then what was sent is verified and reported. It may be called without Start
// and twice.
func (e *databricksExporter[T]) Shutdown(ctx context.Context) error {
	if e == nil || e.access == nil {
		return nil
	}
	var errs []error
	if e.router != nil {
		errs = append(errs, e.router.Shutdown(ctx))
	}
	errs = append(errs, e.gate.Shutdown(ctx))
	verified, err := e.ledger.Finish(ctx)
	errs = append(errs, err)
	e.note()
	e.book.Close(verified)
	if e.dead != nil {
		errs = append(errs, e.dead.Close())
	}
	if e.list != nil {
		errs = append(errs, e.forget(ctx))
	}
	e.access.Close()
	e.tel.Shutdown()
	e.access = nil
	return errors.Join(errs...)
}

// note puts what preflight has to say about destinations into the report.
func (e *databricksExporter[T]) note() {
	g, ok := e.gate.(interface {
		Problems(destination.Destination) []string
	})
	if !ok || e.router == nil {
		return
	}
	for _, c := range e.router.Chains {
		if d, known := c.Destination(); known {
			c.Note(g.Problems(d))
		}
	}
}
