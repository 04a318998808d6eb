// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/status"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/verify"
)

// Reasons why data is given up or given back, besides those of outcome.go.
const (
	reasonHeldTooLong = "held_too_long"
	reasonExhausted   = "retries_exhausted"
	reasonStopped     = "shutdown"
	reasonCanceled    = "canceled"
	reasonNoRoute     = "no_route"
)

// SenderSettings is what a sender is made of. DeadLetters and Pacer may be nil.
type SenderSettings[T any] struct {
	Kind   batch.Kind[T]
	Target *route.Resolver
	// Prepare changes a batch, in place and so that doing it again changes nothing, before it goes
	// to a destination; nil for signals that need nothing.
	Prepare func(route.Destination, T)
	Link    *Link
	Pacer   *Pacer
	Gate    *preflight.Gate
	// Verifier records what was acknowledged; nil for signals that are not counted.
	Verifier *verify.Verifier
	// Status is the destination's.
	Status *status.Recorder
	// DeadLetters is the file for what is given up; Exporter is the id that it notes.
	DeadLetters *DeadLetters
	Exporter    string
	Now         func() time.Time
}

// Sender sends to one destination. Its methods may be called at the same time.
type Sender[T any] struct {
	SenderSettings[T]
	stopping atomic.Bool
	life     context.Context // ends with Abort
	// Abort cuts off requests in flight, and all that come.
	Abort context.CancelFunc
}

// NewSender makes a sender. Abort must be called at its end.
func NewSender[T any](s SenderSettings[T]) *Sender[T] {
	out := &Sender[T]{SenderSettings: s}
	out.life, out.Abort = context.WithCancel(context.Background())
	return out
}

// StopRetrying makes attempts at a destination whose data waits fail at once: nothing is tried
// again after them.
func (s *Sender[T]) StopRetrying() { s.stopping.Store(true) }

// Send makes one attempt. An error that is not permanent wraps *Delayed, carries what was not
// delivered (Kind.Rest), and tells how long to wait. A permanent one wraps *Refused and carries
// what was refused, which is all that was not delivered. With a dead-letter file nothing is
// refused: it goes there.
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
