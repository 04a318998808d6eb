// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package week

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// make faults sets these.
var (
	seedFlag  = flag.Uint64("seed", 1, "of everything that is random; 0 takes one from the clock")
	stepsFlag = flag.Int("steps", 400, "how many things happen at the server")
	killsFlag = flag.Int("kills", 7, "how often each collector is killed or stopped: the days of the week")
)

const (
	pageSize    = 20 // traces
	concurrency = 2
	// windowsAtRisk are those whose traces a kill may repeat, as docs/guarantees.md says.
	windowsAtRisk = 2*(concurrency+1) + 1
	// patience is how long something that must happen may take on a busy machine.
	patience = 2 * time.Minute
)

const (
	// compared is what the log says when everything was compared, which each start begins with.
	compared = "Everything was compared"
	// ready is what it says when the collector takes signals.
	ready = "Everything is ready."
)

// follower is a collector that follows the source, with its destination.
type follower struct {
	name    string
	dir     string
	config  collector.Config
	sink    *otlpsink.Sink
	p       *collector.Process
	started int
	killed  int
	early   int // killed before it was ready
}

func newFollower(t *testing.T, name, source string) *follower {
	t.Helper()
	dir, sink := t.TempDir(), otlpsink.New(t)
	logs := collector.OTLP(sink.URL, nil)
	return &follower{name: name, dir: dir, sink: sink, config: collector.Backfill(source, dir).ToOTLP(sink.URL, nil).
		Set("receivers::mlflow::mode", "backfill_then_tail").
		Set("receivers::mlflow::on_complete", "stay").
		Set("receivers::mlflow::collection_interval", "200ms").
		Set("receivers::mlflow::late_changes::interval", "200ms").
		Set("receivers::mlflow::page_size", pageSize).
		Set("receivers::mlflow::concurrency", concurrency).
		Set("receivers::mlflow::experiments::names", []any{"week*"}).
		Set("exporters::otlp_http/logs", logs).
		Set("service::pipelines::logs", map[string]any{"receivers": []any{"mlflow"},
			"exporters": []any{"otlp_http/logs"}})}
}

func (f *follower) start(t *testing.T) {
	t.Helper()
	f.p = collector.Start(t, f.dir, f.config)
	f.started++
}

// stop stops the collector as an operator does, once it takes signals.
func (f *follower) stop(t *testing.T) {
	t.Helper()
	eventually(t, func() bool { return strings.Count(f.p.Logs(), ready) >= f.started-f.early }, "%s: ready", f.name)
	f.p.Signal(syscall.SIGTERM)
	f.p.Done(0)
}

// live kills or stops the collector at random moments and starts it again, until the world is over.
func (f *follower) live(t *testing.T, w *World, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 6))
	f.start(t)
	for day := range *killsFlag {
		mark := int64(*stepsFlag / *killsFlag * day + random.IntN(max(1, *stepsFlag / *killsFlag)))
		eventually(t, func() bool { return w.steps.Load() >= mark || t.Failed() }, "step %d", mark)
		if random.IntN(3) == 0 {
			f.stop(t)
		} else {
			f.p.Kill()
			f.p.Wait()
			f.killed++
			f.early = f.started - strings.Count(f.p.Logs(), ready)
		}
		f.start(t)
	}
}

// settle stops the collector, starts it again, and returns when everything was compared and all spans
// are there.
func (f *follower) settle(t *testing.T, want map[otlpsink.SpanKey]bool) {
	t.Helper()
	f.stop(t)
	before := strings.Count(f.p.Logs(), compared)
	f.start(t)
	eventually(t, func() bool { return strings.Count(f.p.Logs(), compared) > before },
		"%s: everything compared", f.name)
	eventually(t, func() bool {
		got := f.sink.Spans()
		for k := range want {
			if got[k] == 0 {
				return false
			}
		}
		return true
	}, "%s: all spans", f.name)
	f.stop(t)
}

// A week of a server: at its end, source and destination agree on every trace, every span, every
// assessment and every tag, though the collectors that followed it, one by REST and one from the store,
// were killed and stopped again and again.
func TestWeek(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	began := time.Now()
	server, err := mlflowserver.Start(mlflowserver.Database, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	w := NewWorld(t, server.URL, "week-", seed)
	followers := []*follower{newFollower(t, "REST", server.URL), newFollower(t, "SQLite", server.SQLite())}
	var lives sync.WaitGroup
	for i, f := range followers {
		lives.Go(func() { f.live(t, w, seed+uint64(i)) })
	}
	for range *stepsFlag {
		w.Step()
	}
	w.Finish()
	lives.Wait()
	t.Logf("seed %d: %v in %v", seed, w.done, time.Since(began).Round(time.Second))
	truth := filepath.Join(t.TempDir(), "truth.jsonl")
	require.NoError(t, server.Expected(truth, w.experiments...))
	for _, f := range followers {
		f.settle(t, w.Spans())
		deleted, err := json.Marshal(w.deleted)
		require.NoError(t, err)
		traces, logs := write(t, f)
		out, err := mlflowserver.Script(mlflowserver.Database, nil, "week.py", truth, traces, logs, string(deleted))
		require.NoError(t, err, f.name)
		again := f.sink.Repeated()
		t.Logf("%s: %s; killed %d times, %d traces arrived again; %s", f.name, strings.TrimSpace(string(out)),
			f.killed, again, time.Since(began).Round(time.Second))
		require.LessOrEqual(t, again, f.killed*windowsAtRisk*pageSize+w.done["late root"])
	}
}

// write writes what arrived to files, one request on a line.
func write(t *testing.T, f *follower) (traces, logs string) {
	t.Helper()
	var text strings.Builder
	for _, td := range f.sink.Accepted() {
		b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		text.Write(append(b, '\n'))
	}
	traces = filepath.Join(f.dir, "traces.jsonl")
	require.NoError(t, os.WriteFile(traces, []byte(text.String()), 0o600))
	text.Reset()
	for _, ld := range f.sink.Logs() {
		b, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
		require.NoError(t, err)
		text.Write(append(b, '\n'))
	}
	logs = filepath.Join(f.dir, "logs.jsonl")
	require.NoError(t, os.WriteFile(logs, []byte(text.String()), 0o600))
	return traces, logs
}

func eventually(t *testing.T, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond, append([]any{what}, args...)...)
}

func TestMain(m *testing.M) {
	if _, err := os.Stat(collector.Default()); err != nil {
		fmt.Fprintln(os.Stderr, "run make build first:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
