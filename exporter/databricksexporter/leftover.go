package databricksexporter

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/remember"
)

// recall adds, when queues are on disk, the destinations of earlier configurations: what was accepted for them is still sent. They are forgotten after a run in which their
// queue was empty.
func (e *databricksExporter[T]) recall(ctx context.Context, host component.Host) error {
	q := e.cfg.Queue.Get()
	if q == nil || q.StorageID == nil {
		return nil
	}
	var err error
	if e.list, err = remember.Open(ctx, host, *q.StorageID, e.set.ID, e.kind.Path()); err != nil {
		return err
	}
	known, err := e.list.Load(ctx)
	if err != nil {
		return err
	}
	e.configured = len(e.plan.targets)
	for _, k := range known {
		if t := (target{table: k.Table, experiment: k.Experiment}); !slices.Contains(e.plan.targets, t) {
			e.plan.targets = append(e.plan.targets, t)
			e.set.Logger.Warn("A destination is no longer in the configuration; what is left in its queue on disk is still sent there", zap.String("destination", t.key()))
		}
	}
	return e.list.Save(ctx, e.entries(func(int) bool { return true }))
}

// forget saves the destinations without those of earlier configurations whose queues were empty.
func (e *databricksExporter[T]) forget(ctx context.Context) error {
	err := e.list.Save(ctx, e.entries(func(i int) bool {
		return i < e.configured || e.router == nil || i >= len(e.router.Chains) || e.router.Chains[i].Used()
	}))
	if cerr := e.list.Close(ctx); err == nil {
		err = cerr
	}
	return err
}

func (e *databricksExporter[T]) entries(keep func(int) bool) []remember.Entry {
	var out []remember.Entry
	for i, t := range e.plan.targets {
		if keep(i) {
			out = append(out, remember.Entry{Table: t.table, Experiment: t.experiment})
		}
	}
	return out
}
