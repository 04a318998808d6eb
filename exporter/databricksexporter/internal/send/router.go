// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
)

// Router sends the parts of batches to the queues of their destinations.
type Router[T any] struct {
	Kind   batch.Kind[T]
	Rules  *route.Rules
	Queues []*Queue[T] // by target
	// Unrouted refuses what no rule matches. It sends nothing.
	Unrouted *Sender[T]
}

// Start starts all queues. If one can't be started, those before it are stopped again.
func (r *Router[T]) Start(ctx context.Context, host component.Host) error {
	for i, q := range r.Queues {
		if err := q.Start(ctx, host); err != nil {
			for _, started := range r.Queues[:i] {
				err = errors.Join(err, started.Shutdown(ctx))
			}
			return err
		}
	}
	return nil
}

// Consume routes a batch. It returns once each part has been taken, or not, by its queue: with
// queues that wait for the result a batch of several destinations waits for the slowest. An error
// that does not concern all of the batch carries the part that it concerns.
//
// When some parts may be delivered later and others are refused for good, the error is about the
// former only: it must not be permanent, or they would be lost. The latter were counted.
func (r *Router[T]) Consume(ctx context.Context, b T) error {
	parts := route.Split(r.Kind, r.Rules, b)
	if len(parts) == 1 {
		return r.deliver(ctx, parts[0])
	}
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { errs[i] = r.deliver(ctx, parts[i]) })
	}
	wg.Wait()
	return r.merge(parts, errs)
}

func (r *Router[T]) deliver(ctx context.Context, p route.Part[T]) error {
	if p.Target == route.None {
		return r.Unrouted.Refuse(p.Batch, reasonNoRoute,
			"no route matches the data's resource: add a route, or write on_no_route: default")
	}
	return r.Queues[p.Target].Consume(ctx, p.Batch)
}

// merge makes one error out of those of the parts of a batch.
func (r *Router[T]) merge(parts []route.Part[T], errs []error) error {
	var later, refused []int
	for i, err := range errs {
		switch {
		case err == nil:
		case consumererror.IsPermanent(err):
			refused = append(refused, i)
		default:
			later = append(later, i)
		}
	}
	concerned := later
	if len(later) == 0 {
		concerned = refused
	}
	if len(concerned) == 0 {
		return nil
	}
	var texts []string
	var cause error
	partial := false
	var rests []T
	for _, i := range concerned {
		texts = append(texts, errs[i].Error())
		if rest, ok := r.Kind.Rest(errs[i]); ok {
			rests, partial = append(rests, rest), true
		} else {
			rests = append(rests, parts[i].Batch)
		}
		for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
			if errors.Is(errs[i], end) {
				cause = end
			}
		}
	}
	var err error = &mixed{strings.Join(texts, "; "), cause}
	if partial || len(concerned) < len(parts) {
		err = r.Kind.Undelivered(err, r.Kind.Join(rests))
	}
	if len(later) == 0 {
		return consumererror.NewPermanent(err)
	}
	return err
}

// mixed is the error of several parts. It wraps the end of the context if that is what ended one of
// them.
type mixed struct {
	text  string
	cause error
}

func (m *mixed) Error() string { return m.text }
func (m *mixed) Unwrap() error { return m.cause }

// Shutdown ends all queues at the same time.
func (r *Router[T]) Shutdown(ctx context.Context) error {
	errs := make([]error, len(r.Queues))
	var wg sync.WaitGroup
	for i, q := range r.Queues {
		wg.Go(func() { errs[i] = q.Shutdown(ctx) })
	}
	wg.Wait()
	r.Unrouted.Abort()
	return errors.Join(errs...)
}

// QueueID is the id of the queue of a destination: the exporter's, with the key of the target in
// its name. Queues on disk are found by it, so it is the same from start to start, and short
// enough, and without slashes, for the name of a file.
func QueueID(exporter component.ID, key string) component.ID {
	const most = 100
	if name := strings.ReplaceAll(key, "/", "~"); name != key || len(name) > most {
		sum := sha256.Sum256([]byte(key))
		key = name[:min(len(name), most-17)] + "~" + hex.EncodeToString(sum[:8])
	}
	if exporter.Name() != "" {
		key = exporter.Name() + "@" + key
	}
	return component.NewIDWithName(exporter.Type(), key)
}
