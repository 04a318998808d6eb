// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// A source or a destination that breaks a third of all requests, in every way that passes, costs nothing.
// What arrives twice was taken before its answer was lost.
func TestTrouble(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.14.3", "3.17.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			const traces, spans = 150, 3
			sink, dir := otlpsink.New(t), t.TempDir()
			from := NewProxy(t, history(t, version, traces, spans).URL())
			from.Script(Random(*seedFlag, 0.3, Trouble))
			to := NewProxy(t, sink.URL)
			to.Script(Random(*seedFlag+1, 0.3, Trouble))
			c := small(collector.Backfill(from.URL, dir).ToOTLP(to.URL, nil)).
				Set("receivers::mlflow::page_size", 5)
			p := collector.Run(t, dir, c, 0)
			badSource, allSource := from.Faults()
			badSink, allSink := to.Faults()
			t.Logf("faults: %d of %d requests to the source, %d of %d to the destination; %s", badSource, allSource,
				badSink, allSink, headline(p))
			require.Positive(t, badSource)
			require.Positive(t, badSink)
			require.Empty(t, collector.ReadSkipped(t, dir))
			requireAll(t, dir, sink, traces*spans)
			lost := 0
			for _, s := range to.Seen() {
				if s.Fault.Lost || s.Fault.Cut > 0 {
					lost++
				}
			}
			assert.LessOrEqual(t, sink.Repeated(), lost*5, "only what was taken and not answered is sent again")
		})
	}
}

// Nothing is asked for again earlier than a Retry-After says, by the source or by the destination.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const asked = 2 * time.Second
	for name, header := range map[string]func() string{
		"seconds": func() string { return "2" },
		"date":    func() string { return time.Now().Add(asked + time.Second).UTC().Format(http.TimeFormat) },
	} {
		for _, side := range []string{"source", "destination"} {
			t.Run(name+" from the "+side, func(t *testing.T) {
				t.Parallel()
				sink, dir := otlpsink.New(t), t.TempDir()
				from, to := NewProxy(t, history(t, "3.17.2", 20, 2).URL()), NewProxy(t, sink.URL)
				proxy := from
				if side == "destination" {
					proxy = to
				}
				busy := false
				proxy.Script(func(r *http.Request, _ time.Duration) Fault {
					if busy || side == "source" && !strings.Contains(r.URL.Path, "batchGet") {
						return Fault{}
					}
					busy = true
					return Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {header()}}}
				})
				collector.Run(t, dir, quick(collector.Backfill(from.URL, dir).ToOTLP(to.URL, nil)), 0)
				requireAll(t, dir, sink, 40)
				seen := proxy.Seen()
				at := slices.IndexFunc(seen, func(s Seen) bool { return s.Fault.Status != 0 })
				require.GreaterOrEqual(t, at, 0)
				first, again := seen[at], 0
				for _, s := range seen[at+1:] {
					if s.URI == first.URI {
						again++
						assert.GreaterOrEqual(t, s.At.Sub(first.At), asked*9/10)
					}
				}
				require.Positive(t, again)
			})
		}
	}
}

// A destination that takes no more than some spans at once gets what fits, and no trace is divided.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	const traces, spans, most = 60, 4, 10
	for name, status := range map[string]int{"400": http.StatusBadRequest, "413": http.StatusRequestEntityTooLarge} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, dir := otlpsink.New(t), t.TempDir()
			sink.Script(func(td ptrace.Traces, _ <-chan struct{}) (int, string) {
				if td.SpanCount() > most {
					return status, "too large"
				}
				return 0, ""
			})
			collector.Run(t, dir, quick(collector.Backfill(history(t, "3.17.2", traces, spans).URL(), dir).
				ToOTLP(sink.URL, nil)), 0)
			requireAll(t, dir, sink, traces*spans)
			require.Zero(t, sink.Repeated())
			for _, td := range sink.Accepted() {
				of := map[pcommon.TraceID]int{}
				otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
					of[s.TraceID()]++
				})
				for id, n := range of {
					require.Equal(t, spans, n, "trace %s was divided", id)
				}
			}
		})
	}
}

// One answer that does not come, or comes byte by byte, is given up after the timeout. Nothing is lost.
func TestSlow(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]Fault{"hangs": {Hang: true}, "trickles": {Pause: 100 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, dir := otlpsink.New(t), t.TempDir()
			sink.Reject(func(ptrace.Traces) (int, string) { // an answer that is long enough to trickle
				return 0, strings.Repeat("slowly ", 20)
			})
			from, to := NewProxy(t, history(t, "3.17.2", 40, 2).URL()), NewProxy(t, sink.URL)
			once := func() Script { // the first of each route
				met := map[string]bool{}
				return func(r *http.Request, _ time.Duration) Fault {
					if met[mlflowtest.Route(r.URL.Path)] {
						return Fault{}
					}
					met[mlflowtest.Route(r.URL.Path)] = true
					return fault
				}
			}
			from.Script(once())
			to.Script(once())
			c := small(collector.Backfill(from.URL, dir).ToOTLP(to.URL, nil)).
				Set("receivers::mlflow::http::timeout", "1s").Set("exporters::otlp_http::timeout", "1s")
			began := time.Now()
			collector.Run(t, dir, c, 0)
			t.Logf("%d requests to the source, %v", len(from.Seen()), time.Since(began).Round(time.Millisecond))
			requireAll(t, dir, sink, 80)
			assert.LessOrEqual(t, sink.Repeated(), pageSize, "what was taken before its answer was given up")
		})
	}
}

// A destination that stands still keeps the source from being read further; it goes on at once when the
// destination does.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	const traces = 2000
	source := history(t, "3.17.2", traces, 2)
	sink, dir := otlpsink.New(t), t.TempDir()
	open := make(chan struct{})
	sink.Script(func(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
		select {
		case <-open:
		case <-gone:
		}
		return 0, ""
	})
	p := collector.Start(t, dir, small(collector.Backfill(source.URL(), dir).ToOTLP(sink.URL, nil)))
	last, since := 0, time.Now()
	Eventually(t, func() bool { // until nothing was asked for in two seconds
		if n := source.Count("traces/batchGet"); n != last {
			last, since = n, time.Now()
		}
		return sink.Requests() > 0 && time.Since(since) > 2*time.Second
	}, "the source is left alone")
	t.Logf("%d requests for spans while nothing passed; %d MiB", last, p.Resident())
	assert.LessOrEqual(t, last, 2*windowsAtRisk)
	released := time.Now()
	close(open)
	Eventually(t, func() bool { return sink.Distinct() > 0 }, "it goes on")
	assert.Less(t, time.Since(released), 5*time.Second)
	p.Done(0)
	requireAll(t, dir, sink, 2*traces)
}

// A stock exporter with its default queue before an address where nothing listens is handed over, not
// complete.
func TestDeadAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := collector.Backfill("sqlite:///"+sample, dir).ToOTLP("http://"+collector.FreeAddress(t), nil)
	delete(c["exporters"].(map[string]any)["otlp_http"].(map[string]any), "sending_queue")
	c.Set("exporters::otlp_http::retry_on_failure", map[string]any{"initial_interval": "100ms",
		"max_interval": "500ms", "max_elapsed_time": "1s"})
	p := collector.Run(t, dir, c, 1)
	assert.True(t, strings.HasPrefix(p.Out(), "handed over: 122 of 123 traces"), p.Out())
	assert.Contains(t, headline(p), "wait_for_result: true")
}

// A list whose page token has expired is never taken for complete.
func TestPageTokenExpires(t *testing.T) {
	t.Parallel()
	const traces = 40
	source := history(t, "3.17.2", traces, 2)
	for i := range traces { // of one millisecond, so that they are read by page tokens
		source.Change(source.Synthetic("1", i, 1, 1).ID, func(t *mlflowtest.Trace) { t.Timestamp = 1_700_000_000_000 })
	}
	sink, dir := otlpsink.New(t), t.TempDir()
	var searches atomic.Int64
	source.SetFault(func(r *http.Request) *mlflowtest.Fault {
		if mlflowtest.Route(r.URL.Path) != "traces/search" || searches.Add(1) != 4 {
			return nil
		}
		return &mlflowtest.Fault{Status: http.StatusBadRequest, Header: http.Header{
			"Content-Type": {"application/json"}}, Body: `{"error_code": "INVALID_PARAMETER_VALUE", "message": ` +
			`"Invalid page token, it has expired"}`}
	})
	c := small(collector.Backfill(source.URL(), dir).ToOTLP(sink.URL, nil)).Set("receivers::mlflow::page_size", 10)
	p := collector.Start(t, dir, c)
	status := p.Wait()
	t.Logf("status %d: %s", status, headline(p))
	if status != 0 {
		require.Contains(t, headline(p), "it has expired")
		collector.Run(t, dir, c, 0)
	}
	require.Greater(t, searches.Load(), int64(4))
	requireAll(t, dir, sink, 2*traces)
}
