// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
)

// telemetry turns what the engine and the source tell into metrics.
type telemetry struct {
	*metadata.TelemetryBuilder
	count    atomic.Int64 // requests
	counters atomic.Pointer[progress.Counters]
	last     atomic.Int64 // Unix milliseconds of the last look that settled what it found; 0 for none
	next     atomic.Int64 // Unix milliseconds of the next look; 0 where no source is followed
	delivery atomic.Value // metric.MeasurementOption
}

func newTelemetry(set component.TelemetrySettings) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	t := &telemetry{TelemetryBuilder: b}
	t.deliver(progress.Unknown)
	inFlight := b.RegisterReceiverMlflowTracesInFlightCallback(func(_ context.Context, o metric.Int64Observer) error {
		var n int64
		for _, a := range t.experiments() {
			n += a.InFlight
		}
		o.Observe(n)
		return nil
	})
	pending := b.RegisterReceiverMlflowTracesPendingCallback(func(_ context.Context, o metric.Int64Observer) error {
		var sum progress.Totals
		for _, a := range t.experiments() {
			sum.Add(progress.Totals{Pending: a.Earlier.Pending})
			sum.Add(progress.Totals{Pending: a.Run.Pending})
		}
		for reason, n := range sum.Pending {
			o.Observe(n, metric.WithAttributes(attribute.String("reason", string(reason))))
		}
		return nil
	})
	lag := b.RegisterReceiverMlflowLagCallback(func(_ context.Context, o metric.Float64Observer) error {
		if last := t.last.Load(); last > 0 {
			o.Observe(time.Since(time.UnixMilli(last)).Seconds())
		}
		return nil
	})
	next := b.RegisterReceiverMlflowNextLookCallback(func(_ context.Context, o metric.Float64Observer) error {
		if at := t.next.Load(); at > 0 {
			o.Observe(max(0, time.Until(time.UnixMilli(at)).Seconds()))
		}
		return nil
	})
	age := b.RegisterReceiverMlflowPositionAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
		var oldest time.Time
		for _, a := range t.experiments() {
			if !a.Settled.IsZero() && (oldest.IsZero() || a.Settled.Before(oldest)) {
				oldest = a.Settled
			}
		}
		if !oldest.IsZero() {
			o.Observe(time.Since(oldest).Seconds())
		}
		return nil
	})
	waiting := b.RegisterReceiverMlflowTracesPendingAgesCallback(func(_ context.Context, o metric.Int64Observer) error {
		var sum progress.Ages
		for _, a := range t.experiments() {
			sum.Add(a.Waiting)
		}
		for _, p := range []struct {
			age string
			n   int64
		}{{"up_to_1m", sum.Minute}, {"up_to_1h", sum.Hour}, {"up_to_1d", sum.Day}, {"over_1d", sum.Older}} {
			o.Observe(p.n, metric.WithAttributes(attribute.String("age", p.age)))
		}
		return nil
	})
	return t, errors.Join(inFlight, pending, lag, next, age, waiting)
}

func (t *telemetry) experiments() []progress.Experiment {
	l := t.counters.Load()
	if l == nil {
		return nil
	}
	experiments, _ := l.Snapshot()
	return experiments
}

// deliver sets the word for what is accepted from now on.
func (t *telemetry) deliver(d progress.Delivery) {
	t.delivery.Store(metric.WithAttributeSet(attribute.NewSet(attribute.String("delivery", string(d)))))
}

// watch makes a counters the one that the gauge of traces in flight reads.
func (t *telemetry) watch(l *progress.Counters) { t.counters.Store(l) }

// told counts delivered traces whose late changes the pipeline of logs took, untold those that it
// refused for good.
func (t *telemetry) told(n int)   { t.ReceiverMlflowTracesEdited.Add(context.Background(), int64(n)) }
func (t *telemetry) untold(n int) { t.ReceiverMlflowEditsRefused.Add(context.Background(), int64(n)) }

// recorded counts what was left out of accepted log records.
func (t *telemetry) recorded(s genai.LogStats) {
	add(t.ReceiverMlflowValuesLeftOut, "bad_usage", s.BadUsage)
	add(t.ReceiverMlflowValuesLeftOut, "content", s.Dropped)
	add(t.ReceiverMlflowValuesLeftOut, "person", s.Persons)
	add(t.ReceiverMlflowValuesLeftOut, "truncated", s.Truncated)
}

// add counts what happened to values for a reason, if anything did.
func add(c metric.Int64Counter, reason string, n int) {
	if n > 0 {
		set := attribute.NewSet(attribute.String("reason", reason))
		c.Add(context.Background(), int64(n), metric.WithAttributeSet(set))
	}
}

// looked takes when a look began that has settled everything that it found.
func (t *telemetry) looked(began time.Time) { t.last.Store(began.UnixMilli()) }

// plan takes when the source is asked next; a time in the past is now.
func (t *telemetry) plan(at time.Time) { t.next.Store(max(at.UnixMilli(), 1)) }

// requests is the number of requests to the tracking server so far.
func (t *telemetry) requests() int64 { return t.count.Load() }

func (t *telemetry) Revisited(n int) {
	t.ReceiverMlflowTracesRevisited.Add(context.Background(), int64(n))
}

func (t *telemetry) Read(n int) { t.ReceiverMlflowTracesRead.Add(context.Background(), int64(n)) }
func (t *telemetry) Accepted(n int) {
	t.ReceiverMlflowTracesAccepted.Add(context.Background(), int64(n), t.delivery.Load().(metric.MeasurementOption))
}
func (t *telemetry) Rejected(n int) {
	t.ReceiverMlflowTracesRejected.Add(context.Background(), int64(n))
}

func (t *telemetry) Skipped(r mlflow.Reason, n int) {
	t.ReceiverMlflowTracesSkipped.Add(context.Background(), int64(n),
		metric.WithAttributes(attribute.String("reason", string(r))))
}

func (t *telemetry) Refused(permanent bool) {
	t.ReceiverMlflowRefusals.Add(context.Background(), 1, metric.WithAttributes(attribute.Bool("permanent", permanent)))
}

// Request counts a request to the tracking server; status is 0 for one without an answer.
func (t *telemetry) Request(route string, status int, bytes int64) {
	t.count.Add(1)
	ctx := context.Background()
	t.ReceiverMlflowSourceRequests.Add(ctx, 1, metric.WithAttributes(attribute.String("route", route),
		attribute.Int("status", status)))
	t.ReceiverMlflowSourceBytes.Add(ctx, bytes)
}

// Retry counts a repeated request.
func (t *telemetry) Retry() { t.ReceiverMlflowSourceRetries.Add(context.Background(), 1) }

// converted counts what was written as JSON text or left out of an accepted batch.
func (t *telemetry) converted(s genai.Stats) {
	add(t.ReceiverMlflowValuesAsJSON, "too_deep", s.TooDeep)
	add(t.ReceiverMlflowValuesAsJSON, "big_integer", s.BigIntegers)
	add(t.ReceiverMlflowValuesLeftOut, "bad_usage", s.BadUsage)
	add(t.ReceiverMlflowValuesLeftOut, "content", s.Dropped)
}
