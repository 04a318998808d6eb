// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

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
	s := e.signal
	link := &send.Link{
		Client: e.access.Client, Path: e.cfg.PathPrefix + "/" + s.kind.Path(), TableHeader: e.cfg.TableHeader,
		UserAgent: e.access.Agent, Principal: e.access.Principal, Timeout: e.cfg.Timeout.Timeout,
	}
	link.URL = e.access.Host + link.Path
	var pacer *send.Pacer
	if s.prepare != nil { // the quota is one of traces
		pacer = send.NewPacer(e.cfg.TracesPerSecond / float64(e.readers))
	}
	base := send.SenderSettings[T]{
		Kind: s.kind, Prepare: s.prepare, Link: link, Pacer: pacer, Verifier: e.verifier,
		DeadLetters: e.deadLetters, Exporter: e.set.ID.String(), Now: time.Now,
	}
	unrouted := base
	unrouted.Status = e.status.Add("(no route)", false)
	r := &send.Router[T]{Kind: s.kind, Rules: &e.plan.Rules, Unrouted: send.NewSender(unrouted)}
	for _, t := range e.plan.Targets {
		q, err := e.newQueue(ctx, t, base)
		if err != nil {
			return nil, err
		}
		r.Queues = append(r.Queues, q)
	}
	return r, nil
}

// newQueue makes the queue of a target. s holds what all senders of the exporter have in common.
func (e *databricksExporter[T]) newQueue(
	ctx context.Context, t route.Target, s send.SenderSettings[T],
) (*send.Queue[T], error) {
	interval := holdInterval(e.cfg.Retry)
	recorder := e.status.Add(t.Key(), t.Experiment == "")
	s.Status = recorder
	s.Gate = preflight.NewGate(e.checker, interval, e.cfg.HoldMax)
	s.Target = &route.Resolver{
		Target: t, Signal: e.signal.kind.Signal(), Client: e.access.API, RetryInterval: interval,
		Found: func(d route.Destination) { recorder.Identify(d.String()) },
	}
	set := e.set
	set.ID = send.QueueID(set.ID, t.Key())
	return send.NewQueue(ctx, send.QueueSettings[T]{
		Exporter: set, Config: e.cfg, Helper: e.signal.helper, Sender: send.NewSender(s),
		Queue: e.cfg.Queue, Retry: e.cfg.Retry, Memory: int64(e.cfg.MaxMemoryMiB) << 20 / int64(len(e.plan.Targets)),
	})
}

// holdInterval is the time between two requests while the workspace refuses: the longest that the
// user lets retries wait.
func holdInterval(r configretry.BackOffConfig) time.Duration {
	if !r.Enabled || r.MaxInterval <= 0 {
		return 30 * time.Second
	}
	return r.MaxInterval
}
