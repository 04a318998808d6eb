// Package send brings batches to one table: one attempt, with everything that a single answer does not decide. It waits for the quota, cuts what is too large, holds what may
// not be written, keeps the books, and says exactly what was not delivered.
package send

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/deadletter"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/status"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/verify"
)

// Reasons besides those of package outcome.
const (
	HeldTooLong = "held_too_long"
	Exhausted   = "retries_exhausted"
	Stopped     = "shutdown"
	Canceled    = "canceled"
	NoRoute     = "no_route"
)

// Settings is what a sender needs. DeadLetter and Pacer may be nil.
type Settings[T any] struct {
	Kind   batch.Kind[T]
	Target *route.Resolver
	// Prepare changes a batch, in place and so that doing it again changes nothing, before it goes to a destination; nil for signals that need nothing.
	Prepare func(route.Destination, T)
	Link    *Link
	Pacer   *Pacer
	Gate    *preflight.Gate
	// Verifier records what was acknowledged; nil for signals that are not counted.
	Verifier *verify.Verifier
	// Status is the destination's.
	Status     *status.Recorder
	DeadLetter *deadletter.File
	Exporter   string // id, for notes in the dead-letter file
	Now        func() time.Time
}

// Sender sends to one destination. Its methods may be called at the same time.
type Sender[T any] struct {
	Settings[T]
	stopping atomic.Bool
	life     context.Context
	// Cut cuts off requests in flight, and all that come.
	Cut context.CancelFunc
}

// New makes a sender. Cut must be called at its end.
func New[T any](s Settings[T]) *Sender[T] {
	out := &Sender[T]{Settings: s}
	out.life, out.Cut = context.WithCancel(context.Background())
	return out
}

// Stop makes attempts at a destination whose data waits fail at once: nobody tries again after them.
func (s *Sender[T]) Stop() { s.stopping.Store(true) }

// Send makes one attempt. An error that is not permanent wraps *Delayed, carries what was not delivered (Kind.Rest), and tells how long to wait. A permanent one wraps
// *Refused and carries what was refused, which is all that was not delivered. With a dead-letter file nothing is refused: it goes there.
func (s *Sender[T]) Send(ctx context.Context, b T) error {
	a := attempt[T]{Sender: s, b: b, whole: batch.Whole(s.Kind, b), began: s.Now()}
	if a.whole.Len() == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	if a.admitted(ctx) {
		if s.Prepare != nil {
			s.Prepare(a.d, b)
		}
		a.run(ctx)
	}
	return a.result()
}
