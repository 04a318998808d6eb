// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

const (
	pageSize    = 20 // traces
	concurrency = 2
	// windowsAtRisk are those whose traces a kill may repeat, as docs/guarantees.md says.
	windowsAtRisk = 2*(concurrency+1) + 1
)

// small makes the units small, so that an interruption meets many of them.
func small(c collector.Config) collector.Config {
	return quick(c).Set("receivers::mlflow::page_size", pageSize).Set("receivers::mlflow::concurrency", concurrency)
}

// slow answers after a pause, so that there is always something in work.
func slow(pause time.Duration) otlpsink.Answer {
	return func(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-gone:
		}
		return 0, ""
	}
}

// A backfill that is killed at random moments, while it starts, too, delivers everything, and a kill
// repeats no more than the units in work.
func TestKills(t *testing.T) {
	t.Parallel()
	const spans = 10
	sink, dir := otlpsink.New(t), t.TempDir()
	sink.CountOnly()
	sink.Script(slow(5 * time.Millisecond))
	source := history(t, "3.17.2", *tracesOf, spans)
	d := Driver{
		Config: small(collector.Backfill(source.URL(), dir).ToOTLP(sink.URL, nil)), Dir: dir,
		Seed: *seedFlag, Times: *killsFlag, Total: *tracesOf * spans, Progress: sink.Distinct,
	}
	began := time.Now()
	died := d.Kill(t)
	again := sink.Repeated()
	t.Logf("%d of %d runs died; %d traces of %d spans: all arrived, %d traces arrived again; %v", died, d.Times,
		*tracesOf, spans, again, time.Since(began).Round(time.Second))
	require.GreaterOrEqual(t, died, d.Times/2, "the backfill was over too early")
	requireAll(t, dir, sink, d.Total)
	require.LessOrEqual(t, again, died*windowsAtRisk*pageSize)
}

// stopLimit is the ten seconds that a stop may take, and as much again for a busy machine.
const stopLimit = 20 * time.Second

// A backfill that is stopped by SIGTERM at random moments says so, ends in time, with status 1, and
// repeats nothing. Every second time its destination has gone down just before.
func TestStops(t *testing.T) {
	t.Parallel()
	const spans = 2
	traces := max(1000, 100**stopsFlag)
	sink, dir := otlpsink.New(t), t.TempDir()
	sink.CountOnly()
	var down atomic.Bool
	up := slow(20 * time.Millisecond)
	sink.Script(func(td ptrace.Traces, gone <-chan struct{}) (int, string) {
		if down.Load() {
			return http.StatusServiceUnavailable, "down"
		}
		return up(td, gone)
	})
	source := history(t, "3.17.2", traces, spans)
	d := Driver{
		Config: small(collector.Backfill(source.URL(), dir).ToOTLP(sink.URL, nil)), Dir: dir,
		Seed: *seedFlag, Times: *stopsFlag, Total: traces * spans, Progress: sink.Distinct,
	}
	unfinished := 0
	longest := d.Stop(t, stopLimit, func(i int) { down.Store(i%2 == 1) }, func(p *collector.Process, status int) {
		down.Store(false)
		report := collector.ReadReport(t, dir).Receivers[0]
		if report.Complete {
			assert.Zero(t, status)
			return
		}
		unfinished++
		assert.Equal(t, 1, status, "an unfinished backfill is not a success")
		assert.Contains(t, headline(p), "stopped by SIGTERM after ")
	})
	again := sink.Repeated()
	t.Logf("%d of %d stops met an unfinished backfill; the longest took %v; %d traces arrived again", unfinished,
		d.Times, longest.Round(10*time.Millisecond), again)
	require.Positive(t, unfinished)
	requireAll(t, dir, sink, d.Total)
	require.Zero(t, again, "a stop repeats nothing")
}

// blip is an answer that a destination gives for some seconds.
type blip struct {
	grpc   bool
	name   string
	status int
}

// hangs is a blip without an answer.
const hangs = -100

func blips() (list []blip) {
	for _, status := range []int{400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504} {
		list = append(list, blip{false, fmt.Sprintf("HTTP %d", status), status})
	}
	list = append(list, blip{false, "HTTP reset", otlpsink.Reset}, blip{false, "HTTP timeout", hangs})
	for _, code := range []codes.Code{codes.Unauthenticated, codes.PermissionDenied, codes.NotFound,
		codes.InvalidArgument, codes.ResourceExhausted, codes.Internal, codes.Unavailable, codes.DeadlineExceeded} {
		list = append(list, blip{true, "gRPC " + code.String(), int(code)})
	}
	return append(list, blip{true, "gRPC ResourceExhausted with RetryInfo", otlpsink.Busy})
}

const longestBlip = 15 // seconds

// Whatever a destination answers for 1 to 15 seconds, from a server and from a store: nothing is lost
// and nothing is rejected.
func TestBlips(t *testing.T) {
	t.Parallel()
	all := blips()
	random := rand.New(rand.NewPCG(*seedFlag, 4))
	source := history(t, "3.17.2", 120, 2)
	var played, refused atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d of %d blips, seed %d: nothing lost, nothing rejected; %d requests met one", played.Load(),
			len(all)*longestBlip, *seedFlag, refused.Load())
	})
	for i, b := range all {
		for seconds := 1; seconds <= longestBlip; seconds++ {
			if random.Float64() >= *blipsFlag {
				continue
			}
			uri, spans, from := source.URL(), 240, "a server"
			if (i+seconds)%2 == 0 {
				uri, spans, from = "sqlite:///"+sample, sampleSpans, "a store"
			}
			t.Run(fmt.Sprintf("%s for %d s from %s", b.name, seconds, from), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				c := collector.Backfill(uri, dir)
				var sink *otlpsink.Sink
				if b.grpc {
					sink = otlpsink.NewGRPC(t)
					c.ToGRPC(sink.Address)
				} else {
					sink = otlpsink.New(t)
					c.ToOTLP(sink.URL, nil)
					if b.status == hangs {
						c.Set("exporters::otlp_http::timeout", "1s")
					}
				}
				var first atomic.Int64
				sink.Script(func(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
					now := time.Now().UnixNano()
					first.CompareAndSwap(0, now)
					if time.Duration(now-first.Load()) >= time.Duration(seconds)*time.Second {
						return 0, ""
					}
					refused.Add(1)
					if b.status == hangs {
						<-gone
						return http.StatusServiceUnavailable, ""
					}
					return b.status, "for a moment"
				})
				p := collector.Run(t, dir, c, 0)
				assert.True(t, strings.HasPrefix(p.Out(), "complete: "), p.Out())
				requireAll(t, dir, sink, spans)
				played.Add(1)
			})
		}
	}
}

const (
	soakSpans  = 300  // per second
	soakFaults = 0.01 // share of requests, on both sides
)

// A backfill of 300 spans per second, with faults in 1 % of the requests on both sides, delivers
// everything, and its memory does not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	const spans = 10
	traces := max(100, int(soakFlag.Seconds()*soakSpans/spans))
	sink, dir := otlpsink.New(t), t.TempDir()
	sink.CountOnly()
	sink.Script(pace(soakSpans))
	from := NewProxy(t, history(t, "3.17.2", traces, spans).URL())
	from.Script(Random(*seedFlag, soakFaults, Trouble))
	to := NewProxy(t, sink.URL)
	to.Script(Random(*seedFlag+1, soakFaults, Trouble))
	c := small(collector.Backfill(from.URL, dir).ToOTLP(to.URL, nil)).Set("receivers::mlflow::page_size", pageSize/2)
	began := time.Now()
	p := collector.Start(t, dir, c)
	memory := watchMemory(t, p, *soakFlag)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := began.Add(2**soakFlag + patience); !p.Ended(); {
		require.True(t, time.Now().Before(deadline), "the soak does not end")
		select {
		case <-tick.C:
			memory.at(sink.Distinct() * soakWindow / (traces * spans))
		case <-p.Gone():
		}
	}
	took := time.Since(began)
	p.Done(0)
	badSource, askedSource := from.Faults()
	badSink, askedSink := to.Faults()
	t.Logf("seed %d: %d spans in %v, %.0f per second; faults: %d of %d requests to the source, %d of %d to the "+
		"destination; all arrived, %d traces arrived again; resident memory in MiB: %s",
		*seedFlag, traces*spans, took.Round(time.Second), float64(traces*spans)/took.Seconds(), badSource, askedSource,
		badSink, askedSink, sink.Repeated(), memory)
	requireAll(t, dir, sink, traces*spans)
	memory.requireSteady(t)
}

// pace lets so many spans pass in a second.
func pace(spans int) otlpsink.Answer {
	var mu sync.Mutex
	var next time.Time
	return func(td ptrace.Traces, gone <-chan struct{}) (int, string) {
		mu.Lock()
		if now := time.Now(); next.Before(now) {
			next = now
		}
		next = next.Add(time.Duration(td.SpanCount()) * time.Second / time.Duration(spans))
		due := next
		mu.Unlock()
		timer := time.NewTimer(time.Until(due))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-gone:
		}
		return 0, ""
	}
}
