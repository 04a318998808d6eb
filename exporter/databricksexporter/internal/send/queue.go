// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// QueueSettings is what a queue is made of.
type QueueSettings[T any] struct {
	// Exporter holds the id of the queue (QueueID), which must stay the same from start to start:
	// queues on disk are found by it.
	Exporter exporter.Settings
	Config   component.Config
	Helper   Helper[T]
	Sender   *Sender[T]
	Queue    configoptional.Optional[exporterhelper.QueueBatchConfig]
	Retry    configretry.BackOffConfig
	// Memory bounds the bytes of a queue in memory that answers at once.
	Memory int64
}

// Queue queues and retries the batches of one destination, and accounts for those that are not
// delivered. Its methods may be called at the same time.
type Queue[T any] struct {
	sender *Sender[T]
	queue  component.Component
	retry  component.Component
	offer  Consume[T] // into the queue
	try    Consume[T] // with retries
	memory *memoryBudget

	waits   bool // the producer waits for the result and has the data until then
	keeps   bool // the queue is on disk
	blocks  bool // a producer waits for room
	batches bool // the queue merges

	retries    configretry.BackOffConfig
	maxElapsed time.Duration

	used atomic.Bool

	mu      sync.RWMutex
	stopped bool
	calls   sync.WaitGroup
}

// NewQueue makes a queue.
func NewQueue[T any](ctx context.Context, s QueueSettings[T]) (*Queue[T], error) {
	q := &Queue[T]{sender: s.Sender, memory: newMemoryBudget(s.Memory), waits: true, blocks: true, retries: s.Retry}
	if c := s.Queue.Get(); c != nil {
		q.waits, q.keeps, q.blocks, q.batches = c.WaitForResult, c.StorageID != nil, c.BlockOnOverflow,
			c.Batch.HasValue()
	}
	// Queue ends retries by time itself, see attempt.
	if s.Retry.Enabled {
		q.maxElapsed, s.Retry.MaxElapsedTime = s.Retry.MaxElapsedTime, 0
	}

	outer := s.Exporter
	outer.Logger = withoutAttempts(outer.Logger)
	inner := outer
	// What happens inside is part of what the outer exporter counts.
	inner.MeterProvider, inner.TracerProvider = metricnoop.NewMeterProvider(), tracenoop.NewTracerProvider()
	none := exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}) // requests have their own
	var err error
	if q.retry, q.try, err = s.Helper(ctx, inner, s.Config, q.attempt, exporterhelper.WithRetry(s.Retry),
		none); err != nil {
		return nil, err
	}
	q.queue, q.offer, err = s.Helper(ctx, outer, s.Config, q.push, exporterhelper.WithQueue(s.Queue), none)
	return q, err
}

// Start starts the queue. What a queue on disk holds is sent from now on.
func (q *Queue[T]) Start(ctx context.Context, host component.Host) error {
	return errors.Join(q.retry.Start(ctx, host), q.queue.Start(ctx, host))
}

// Consume takes a batch, which belongs to the queue from then on. What it returns means what
// exporterhelper's settings for the queue say: that the workspace has answered, or that the batch
// is queued. An error that does not concern all of the batch carries the part that it concerns
// (Kind.Rest).
func (q *Queue[T]) Consume(ctx context.Context, b T) error {
	q.mu.RLock()
	if q.stopped {
		q.mu.RUnlock()
		return errClosed
	}
	q.calls.Add(1)
	q.mu.RUnlock()
	defer q.calls.Done()

	items := int64(q.sender.Kind.Items(b))
	if items > 0 {
		q.sender.Status.Taken()
	}
	if !q.bounded() || items == 0 {
		return q.offer(ctx, b)
	}
	if err := q.memory.acquire(ctx, int64(q.sender.Kind.Size(b)), items, q.blocks); err != nil {
		return err
	}
	err := q.offer(ctx, b)
	if err != nil {
		q.memory.release(items)
	}
	return err
}

// bounded reports whether batches need memory of the queue's own: not those of a producer that
// waits with them, and not those on disk.
func (q *Queue[T]) bounded() bool { return !q.waits && !q.keeps }

// retrying is what the attempts at one batch share, through their context.
type retrying struct {
	end       time.Time // when retries end; zero for never
	exhausted bool      // they have ended
}

type retryingKey struct{}

// push is what the sending queue hands batches to.
func (q *Queue[T]) push(ctx context.Context, b T) error {
	q.used.Store(true)
	q.sender.Status.Taken()
	if q.bounded() {
		defer q.memory.release(int64(q.sender.Kind.Items(b)))
	}
	r := &retrying{}
	if q.maxElapsed > 0 {
		r.end = time.Now().Add(q.maxElapsed)
	}
	err := q.try(context.WithValue(ctx, retryingKey{}, r), b)
	return q.settle(ctx, b, err, r.exhausted)
}

// attempt is what the retry helper calls for each attempt. It ends the retries when
// max_elapsed_time is over, by an error that the helper does not retry. The helper can end them
// itself, but by an error that differs in its text only from the one for an end by Shutdown; the
// queue on disk keeps data for the latter and deletes it for the former.
func (q *Queue[T]) attempt(ctx context.Context, b T) error {
	err := q.sender.Send(ctx, b)
	r, _ := ctx.Value(retryingKey{}).(*retrying)
	if err == nil || r == nil || r.end.IsZero() || consumererror.IsPermanent(err) {
		return err
	}
	wait := q.retries.InitialInterval
	if delayed, ok := errors.AsType[*Delayed](err); ok {
		wait = max(wait, delayed.Wait)
	}
	if time.Now().Add(wait).Before(r.end) {
		return err
	}
	r.exhausted = true
	return consumererror.NewPermanent(err)
}

// settle decides what becomes of data that was not delivered. An error of the retry helper that is
// neither permanent nor explained by an end of retries, of the queue or of the producer's time
// means that nothing is retried.
func (q *Queue[T]) settle(ctx context.Context, b T, err error, exhausted bool) error {
	if err == nil {
		return nil
	}
	k := q.sender.Kind
	rest, partial := k.Rest(err)
	if !partial || k.Units(rest) == k.Units(b) {
		rest, partial = b, false
	}
	stopping := q.stopping()
	_, hurried := ctx.Deadline() // then the helper does not wait for an attempt that would come too late
	var refused *Refused
	var delayed *Delayed
	reason, message, permanent := reasonExhausted, err.Error(), false
	switch {
	case errors.As(err, &refused):
		reason, message, permanent = refused.Reason, refused.Message, true
	case errors.As(err, &delayed):
		message = delayed.Message
	}
	switch {
	case permanent, exhausted:
	case stopping:
		reason = reasonStopped
	case ctx.Err() != nil, hurried && q.retries.Enabled:
		reason = reasonCanceled
	}
	if q.keeps && reason == reasonStopped {
		return err // the queue keeps it for the next start, and tells by this error
	}
	items := int64(k.Items(rest))
	text := message
	if q.waits {
		if reason == reasonCanceled || reason == reasonStopped {
			message = "" // nothing is wrong with the destination
		}
		q.sender.Status.Returned(reason, items, message)
	} else {
		q.sender.Drop(rest, reason, message)
	}
	// A clean error: it holds neither the batch, which the queue may use again, nor the wrappings
	// of the way.
	out := errors.New(text)
	if ctx.Err() != nil {
		out = fmt.Errorf("%s: %w", text, ctx.Err())
	}
	if partial {
		out = k.Undelivered(out, rest)
	}
	if permanent {
		return consumererror.NewPermanent(out)
	}
	return out
}

// Memory is the number of bytes of the batches that a queue in memory has taken, as protobuf.
func (q *Queue[T]) Memory() int64 { return q.memory.used() }

// Used reports whether anything came out of the queue.
func (q *Queue[T]) Used() bool { return q.used.Load() }

// Sender is what the queue sends by.
func (q *Queue[T]) Sender() *Sender[T] { return q.sender }

func (q *Queue[T]) stopping() bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.stopped
}

// Shutdown takes nothing more, ends retries and drains the queue: each batch in it gets one
// attempt, as long as the destination takes data. What can't be delivered is given back, stays on
// disk, or is dropped. When ctx ends, requests in flight are cut off. It may be called without
// Start and twice.
func (q *Queue[T]) Shutdown(ctx context.Context) error {
	q.mu.Lock()
	again := q.stopped
	q.stopped = true
	q.mu.Unlock()
	if again {
		return nil
	}
	defer q.sender.Abort()
	defer context.AfterFunc(ctx, q.sender.Abort)()
	q.sender.StopRetrying()
	q.memory.close()
	err := q.retry.Shutdown(ctx)
	if q.waits && !q.batches {
		q.calls.Wait() // they end, since nothing is tried again; those in a batch that is not full end with the queue
	}
	return errors.Join(err, q.queue.Shutdown(ctx))
}
