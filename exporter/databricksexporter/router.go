package databricksexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/config/configretry"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/send"
)

// newRouter makes the queue of each destination and the router in front of them.
func (e *databricksExporter[T]) newRouter(ctx context.Context) (*send.Router[T], error) {
	s, id := e.signal, e.set.ID.String()
	link := &send.Link{
		Client: e.access.Client, Path: e.cfg.PathPrefix + "/" + s.kind.Path(), TableHeader: e.cfg.TableHeader,
		UserAgent: e.access.Agent, Principal: e.access.Principal, Timeout: e.cfg.Timeout.Timeout,
	}
	link.URL = e.access.Host + link.Path
	var pacer *send.Pacer
	if s.prepare != nil { // the quota is one of traces
		pacer = send.NewPacer(e.cfg.TracesPerSecond)
	}
	interval := holdInterval(e.cfg.Retry)
	r := &send.Router[T]{
		Kind: s.kind, Rules: &e.plan.Rules,
		Unrouted: send.NewSender(send.SenderSettings[T]{
			Kind: s.kind, Status: e.status.Add("(no "+
				"route)", false), DeadLetters: e.deadLetters, Exporter: id, Now: time.Now,
		}),
	}
	for _, t := range e.plan.Targets {
		set := e.set
		set.ID = send.QueueID(set.ID, t.Key())
		q, err := send.NewQueue(ctx, send.QueueSettings[T]{
			Exporter: set, Config: e.cfg, Helper: s.helper, Queue: e.cfg.Queue, Retry: e.cfg.Retry,
			Memory: int64(e.cfg.MaxMemoryMiB) << 20 / int64(len(e.plan.Targets)),
			Sender: send.NewSender(send.SenderSettings[T]{
				Kind: s.kind, Prepare: s.prepare, Link: link, Pacer: pacer, Verifier: e.verifier,
				Target: &route.Resolver{
					Target:        t,
					Signal:        s.kind.Signal(),
					Client:        e.access.API,
					RetryInterval: interval,
				},
				Gate: preflight.NewGate(e.checker, interval, e.cfg.HoldMax),
				Status: e.status.Add(
					t.Key(),
					t.Experiment == "",
				), DeadLetters: e.deadLetters, Exporter: id, Now: time.Now,
			}),
		})
		if err != nil {
			return nil, err
		}
		r.Queues = append(r.Queues, q)
	}
	return r, nil
}

// holdInterval is the time between two requests while the workspace refuses: the longest that the user lets retries
// wait.
func holdInterval(r configretry.BackOffConfig) time.Duration {
	if !r.Enabled || r.MaxInterval <= 0 {
		return 30 * time.Second
	}
	return r.MaxInterval
}
