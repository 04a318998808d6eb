// Package chain queues, retries and accounts for the data of one destination, and routes batches to the chains of several.
//
// A chain is two exporters out of exporterhelper around a sender:
//
//	Consume ──► (share of memory) ──► sending queue ──► settle ──► retries ──► send.Sender
//
// The queue is the outer one, so that settle sees what retrying came to: only there is known whether somebody still has the data (a producer that waits for the result, a
// persistent queue) or it has to be given up, counted and written to the dead-letter file.
package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/send"
)

// Settings is what a chain is made of.
type Settings[T any] struct {
	// Exporter holds the id of the chain, which must stay the same from start to start: queues on disk are found by it.
	Exporter exporter.Settings
	Config   component.Config
	Helper   Helper[T]
	Sender   *send.Sender[T]
	Queue    configoptional.Optional[exporterhelper.QueueBatchConfig]
	Retry    configretry.BackOffConfig
	// Memory bounds the bytes of a queue in memory that answers at once.
	Memory int64
}

// Chain is the way to one destination. Its methods may be called at the same time.
type Chain[T any] struct {
	sender *send.Sender[T]
	queue  component.Component
	retry  component.Component
	offer  Consume[T] // into the queue
	try    Consume[T] // with retries
	share  *share

	waits   bool // the producer waits for the result and has the data until then
	keeps   bool // the queue is on disk
	blocks  bool // a producer waits for room
	batches bool // the queue merges

	used atomic.Bool

	mu      sync.RWMutex
	stopped bool
	calls   sync.WaitGroup
}

// New makes a chain.
func New[T any](ctx context.Context, s Settings[T]) (*Chain[T], error) {
	c := &Chain[T]{sender: s.Sender, share: newShare(s.Memory), waits: true, blocks: true}
	if q := s.Queue.Get(); q != nil {
		c.waits, c.keeps, c.blocks, c.batches = q.WaitForResult, q.StorageID != nil, q.BlockOnOverflow, q.Batch.HasValue()
	}

	outer := s.Exporter
	outer.Logger = quiet(outer.Logger)
	inner := outer
	// What happens inside is part of what the outer exporter counts.
	inner.MeterProvider, inner.TracerProvider = metricnoop.NewMeterProvider(), tracenoop.NewTracerProvider()
	none := exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}) // requests have their own
	var err error
	if c.retry, c.try, err = s.Helper(ctx, inner, s.Config, s.Sender.Send, exporterhelper.WithRetry(s.Retry), none); err != nil {
		return nil, err
	}
	c.queue, c.offer, err = s.Helper(ctx, outer, s.Config, c.push, exporterhelper.WithQueue(s.Queue), none)
	return c, err
}

// quiet leaves out what exporterhelper says of each attempt of each batch: a destination that is held has many, and the account says once what matters.
func quiet(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return quietCore{core} }))
}

type quietCore struct{ zapcore.Core }

// With implements zapcore.Core.
func (c quietCore) With(fields []zapcore.Field) zapcore.Core { return quietCore{c.Core.With(fields)} }

// Check implements zapcore.Core.
func (c quietCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if strings.HasPrefix(e.Message, "Exporting failed.") {
		return ce
	}
	return c.Core.Check(e, ce)
}

// Start starts the chain.
func (c *Chain[T]) Start(ctx context.Context, host component.Host) error {
	return errors.Join(c.retry.Start(ctx, host), c.queue.Start(ctx, host))
}

// Consume takes a batch, which belongs to the chain from then on. What it returns means what exporterhelper's settings for the queue say: that the workspace has answered, or
// that the batch is queued. An error that does not concern all of the batch carries the part that it concerns (Kind.Rest).
func (c *Chain[T]) Consume(ctx context.Context, b T) error {
	c.mu.RLock()
	if c.stopped {
		c.mu.RUnlock()
		return errClosed
	}
	c.calls.Add(1)
	c.mu.RUnlock()
	defer c.calls.Done()

	items := int64(c.sender.Kind.Items(b))
	if !c.bounded() || items == 0 {
		return c.offer(ctx, b)
	}
	if err := c.share.take(ctx, int64(c.sender.Kind.Size(b)), items, c.blocks); err != nil {
		return err
	}
	err := c.offer(ctx, b)
	if err != nil {
		c.share.give(items)
	}
	return err
}

// bounded reports whether batches stay in memory that nobody else has: not those of a producer that waits with them, and not those on disk.
func (c *Chain[T]) bounded() bool { return !c.waits && !c.keeps }

// push is what the queue hands batches to.
func (c *Chain[T]) push(ctx context.Context, b T) error {
	c.used.Store(true)
	if c.bounded() {
		defer c.share.give(int64(c.sender.Kind.Items(b)))
	}
	return c.settle(ctx, b, c.try(ctx, b))
}

// How exporterhelper begins the error of data that retry_on_failure::max_elapsed_time has given up, and of data whose producer has no time for another attempt.
const (
	exhausted = "no more retries left"
	hurried   = "request will be cancelled"
)

// settle decides what becomes of data that was not delivered.
func (c *Chain[T]) settle(ctx context.Context, b T, err error) error {
	if err == nil {
		return nil
	}
	k := c.sender.Kind
	rest, partial := k.Rest(err)
	if !partial || k.Units(rest) == k.Units(b) {
		rest, partial = b, false
	}
	stopping := c.stopping()
	var refused *send.Refused
	var delayed *send.Delayed
	reason, message, permanent := send.Exhausted, err.Error(), false
	switch {
	case errors.As(err, &refused):
		reason, message, permanent = refused.Reason, refused.Message, true
	case errors.As(err, &delayed):
		message = delayed.Message
	}
	switch {
	case permanent, strings.HasPrefix(err.Error(), exhausted):
	case stopping:
		reason = send.Stopped
	case ctx.Err() != nil, strings.HasPrefix(err.Error(), hurried):
		reason = send.Canceled
	}
	if c.keeps && reason == send.Stopped {
		return err // the queue keeps it for the next start, and tells by this error
	}
	items := int64(k.Items(rest))
	text := message
	if c.waits {
		if reason == send.Canceled || reason == send.Stopped {
			message = "" // nothing is wrong with the destination
		}
		c.sender.Status.Returned(reason, items, message)
	} else {
		c.sender.GiveUp(rest, reason, message)
	}
	// A clean error: it holds neither the batch, which the queue may use again, nor the wrappings of the way.
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

// Memory is the number of bytes of the batches that a queue in memory has taken, on the wire's scale.
func (c *Chain[T]) Memory() int64 { return c.share.used() }

// Used reports whether anything came out of the queue.
func (c *Chain[T]) Used() bool { return c.used.Load() }

// Destination is the table, if it is known.
func (c *Chain[T]) Destination() (route.Destination, bool) { return c.sender.Target.Destination() }

// Note adds sentences to what the report says of the destination.
func (c *Chain[T]) Note(problems []string) { c.sender.Status.Note(problems) }

func (c *Chain[T]) stopping() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.stopped
}

// Shutdown takes nothing more, ends retries and drains the queue: each batch in it gets one attempt, as long as the destination takes data. What can't be delivered is given
// back, stays on disk, or is given up. When ctx ends, requests in flight are cut off. It may be called without Start and twice.
func (c *Chain[T]) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	again := c.stopped
	c.stopped = true
	c.mu.Unlock()
	if again {
		return nil
	}
	defer c.sender.Cut()
	defer context.AfterFunc(ctx, c.sender.Cut)()
	c.sender.Stop()
	c.share.close()
	err := c.retry.Shutdown(ctx)
	if c.waits && !c.batches {
		c.calls.Wait() // they end, since nothing is tried again; those in a batch that is not full end with the queue
	}
	return errors.Join(err, c.queue.Shutdown(ctx))
}
