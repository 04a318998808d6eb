package databricksexporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/chain"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/send"
)

// route makes a chain for each destination and the router in front of them.
func (e *databricksExporter[T]) route(ctx context.Context) (*chain.Router[T], error) {
	link := &send.Link{
		Client: e.access.Client, Path: e.cfg.PathPrefix + "/" + e.signal.kind.Path(), TableHeader: e.cfg.TableHeader, UserAgent: e.access.Agent,
		Principal: e.access.Principal, Timeout: e.cfg.Timeout.Timeout,
	}
	link.URL = e.access.Host + link.Path
	var pacer *send.Pacer
	if e.signal.prepare != nil { // the quota is one of traces
		pacer = send.NewPacer(e.cfg.TracesPerSecond)
	}
	r := &chain.Router[T]{Kind: e.signal.kind, Rules: &e.plan.Rules, Refuse: e.refuser()}
	for _, t := range e.plan.Targets {
		set := e.set
		set.ID = chainID(e.set.ID, t.Key())
		c, err := chain.New(ctx, chain.Settings[T]{
			Exporter: set, Config: e.cfg, Helper: e.signal.helper, Queue: e.cfg.Queue, Retry: e.cfg.Retry,
			Memory: int64(e.cfg.MaxMemoryMiB) << 20 / int64(len(e.plan.Targets)),
			Sender: send.New(send.Settings[T]{
				Kind: e.signal.kind, Target: &route.Resolver{Target: t, Signal: e.signal.kind.Signal(), Client: e.access.API, RetryInterval: holdInterval(e.cfg.Retry)},
				Prepare: e.signal.prepare, Link: link, Pacer: pacer, Gate: preflight.NewGate(e.checker, holdInterval(e.cfg.Retry), e.cfg.HoldMax), Verifier: e.verifier,
				Status: e.status.Add(t.Key(), t.Experiment == ""), DeadLetter: e.dead, Exporter: e.set.ID.String(),
				Now: time.Now,
			}),
		})
		if err != nil {
			return nil, err
		}
		r.Chains = append(r.Chains, c)
	}
	return r, nil
}

// holdInterval is the time between two requests while the workspace refuses: the longest that the user lets retries wait.
func holdInterval(r configretry.BackOffConfig) time.Duration {
	if !r.Enabled || r.MaxInterval <= 0 {
		return 30 * time.Second
	}
	return r.MaxInterval
}

// refuser takes data that no route wants.
func (e *databricksExporter[T]) refuser() func(T) error {
	const message = "no route matches the data's resource: add a route, or write on_no_route: default"
	open := sync.OnceValue(func() *send.Sender[T] {
		s := send.New(send.Settings[T]{Kind: e.signal.kind, Status: e.status.Add("(no route)", false), DeadLetter: e.dead, Exporter: e.set.ID.String(), Now: time.Now})
		s.Cut() // nothing is sent
		return s
	})
	return func(b T) error {
		if e.dead != nil {
			return open().Bury(b, send.NoRoute, message)
		}
		open().Status.Returned(send.NoRoute, int64(e.signal.kind.Items(b)), message)
		return consumererror.NewPermanent(&send.Refused{Reason: send.NoRoute, Message: message})
	}
}

// chainID is the id of the chain of a destination: the exporter's, with the destination in its name. Queues on disk are found by it, so it is the same from start to start, and
// short enough, and without slashes, for the name of a file.
func chainID(id component.ID, key string) component.ID {
	const most = 100
	if name := strings.ReplaceAll(key, "/", "~"); name != key || len(name) > most {
		sum := sha256.Sum256([]byte(key))
		key = name[:min(len(name), most-17)] + "~" + hex.EncodeToString(sum[:8])
	}
	if id.Name() != "" {
		key = id.Name() + "@" + key
	}
	return component.NewIDWithName(id.Type(), key)
}
