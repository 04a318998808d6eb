// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faults"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

const (
	kills       = 5
	unit        = 20 // traces
	concurrency = 2
	// Units whose traces may be repeated after a kill: those in work, those that are settled and
	// wait for their turn, and those that wait to be written, each at most one per worker and one
	// more.
	unitsAtRisk = 3 * (concurrency + 2)
)

// killed runs a backfill that is killed again and again when progress() passes random marks between
// 0 and total, then lets it finish.
func killed(t *testing.T, dir string, c collector.Config, total int, progress func() int) {
	t.Helper()
	c.Set("receivers::mlflow::page_size", unit).Set("receivers::mlflow::concurrency", concurrency)
	d := faults.Driver{Config: c, Dir: dir, Seed: 1, Times: kills, Total: total, Progress: progress}
	// the last marks are close to the end
	require.GreaterOrEqual(t, d.Kill(t), kills/2, "the run was over before it could be killed")
}

// requireBounded requires that a kill repeats no more than the units in flight.
func requireBounded(t *testing.T, got map[otlpsink.SpanKey]int) {
	t.Helper()
	repeated := otlpsink.Repeated(got)
	t.Logf("%d kills: %d traces were sent again", kills, repeated)
	require.LessOrEqual(t, repeated, kills*unitsAtRisk*unit)
}

// A backfill to OTLP survives kill -9 at random moments, with a destination that is slow now and
// then.
func TestKillOTLP(t *testing.T) {
	t.Parallel()
	path := grown(t)
	sink := otlpsink.New(t)
	var requests atomic.Int64
	sink.Script(func(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
		pause := 2 * time.Millisecond
		if requests.Add(1)%20 == 0 {
			pause = 300 * time.Millisecond
		}
		wait(gone, pause)
		return 0, ""
	})
	dir := t.TempDir()
	want := openStore(t, path).spans()
	killed(t, dir, collector.Backfill("sqlite:///"+path, dir).ToOTLP(sink.URL, nil), len(want), sink.Distinct)
	requireSpans(t, want, sink.Spans())
	requireBounded(t, sink.Spans())
}

// One request that is not answered doesn't let the others run ahead so far that a kill repeats more
// than the units in flight.
func TestKillBehindSlowRequest(t *testing.T) {
	t.Parallel()
	path := grown(t)
	sink, dir := otlpsink.New(t), t.TempDir()
	var requests, passed atomic.Int64
	sink.Script(func(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
		if requests.Add(1) == 1 {
			<-gone
			return http.StatusServiceUnavailable, ""
		}
		passed.Add(1)
		return 0, ""
	})
	c := collector.Backfill("sqlite:///"+path, dir).ToOTLP(sink.URL, nil).Set("receivers::mlflow::page_size",
		unit).Set("receivers::mlflow::concurrency", concurrency).
		Set("receivers::mlflow::experiments::names", []any{"support-bot"})
	p := collector.Start(t, dir, c)
	var last int64
	since := time.Now()
	eventually(t, func() bool { // until nothing has passed for a second
		if n := passed.Load(); n != last {
			last, since = n, time.Now()
		}
		return last > 0 && time.Since(since) > time.Second
	}, "the others wait")
	p.Kill()
	traces := len(otlpsink.TraceIDs(sink.Accepted()))
	t.Logf("%d traces had passed", traces)
	require.LessOrEqual(t, traces, unitsAtRisk*unit)
}

// A backfill to a file survives kill -9: only a line that was being written may be broken, and
// nothing that was accepted is in it.
func TestKillFile(t *testing.T) {
	t.Parallel()
	path := grown(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "traces.jsonl")
	size := func() int {
		info, err := os.Stat(out)
		if err != nil {
			return 0
		}
		return int(info.Size())
	}
	want := openStore(t, path).spans()
	killed(t, dir, collector.Backfill("sqlite:///"+path, dir), len(want)*3000, size)
	traces, broken := collector.ReadTraces(t, dir)
	for _, line := range broken {
		t.Logf("a broken line: %d bytes, %.60q … %.60q", len(line), line, line[max(0, len(line)-60):])
	}
	require.LessOrEqual(t, len(broken), kills)
	requireSpans(t, want, otlpsink.Count(traces))
	requireBounded(t, otlpsink.Count(traces))
}

// wait returns after a pause, or when the other side has gone.
func wait(gone <-chan struct{}, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	}
}

// Traces that are written while a server is read neither hide nor repeat those that were there
// before, and the next run reads them.
func TestWritesDuringBackfill(t *testing.T) {
	t.Parallel()
	s := need(t, destination)
	id := experiment(t, s, t.Name())
	old := seed(t, s, mlflowserver.Login{}, id, 150, time.Now().Add(-time.Hour))

	sink := otlpsink.New(t)
	var requests atomic.Int64
	pass := make(chan struct{})
	sink.Script(func(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
		requests.Add(1)
		select {
		case <-pass:
		case <-gone:
		}
		return 0, ""
	})
	dir := t.TempDir()
	c := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments::names",
		[]any{t.Name()}).Set("receivers::mlflow::page_size", 10).ToOTLP(sink.URL, nil)
	p := collector.Start(t, dir, c)
	fresh := map[otlpsink.SpanKey]bool{}
	for i := range int64(10) { // a request is held, new traces are written, a request passes
		eventually(t, func() bool { return requests.Load() > i }, "request %d", i)
		for k := range seed(t, s, mlflowserver.Login{}, id, 5, time.Now()) {
			fresh[k] = true
		}
		pass <- struct{}{}
	}
	close(pass)
	p.Done(0)
	got := sink.Spans()
	requireOnce(t, got)
	for k := range old {
		require.Equal(t, 1, got[k], "span %s of trace %s, which was there before", k.Span, k.Trace)
	}

	collector.Run(t, dir, c, 0)
	requireOnce(t, sink.Spans())
	for k := range fresh {
		old[k] = true
	}
	requireSpans(t, old, sink.Spans())
}
