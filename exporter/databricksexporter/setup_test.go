// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// patience is the limit of everything that tests wait for.
const patience = 20 * time.Second

var location = unity.Location{Catalog: "main", Schema: "traces", Prefix: "agents"}

const (
	spansTable = "main.traces.agents_otel_spans"
	// writer is who writes, and owns nothing.
	writer, writerToken = "writer@example.com", "dapi-writer"
)

// workspace is a fake workspace with tables that the writer may write to.
func workspace(t testing.TB, o ...databrickstest.Options) *databrickstest.Workspace {
	w := databrickstest.New(o...)
	t.Cleanup(w.Close)
	w.AddToken(writerToken, writer)
	arrange(w, location)
	return w
}

// arrange lets the writer write to the tables of locations and then makes them, so that a request that comes in
// between finds no table, and not one that it may not write to.
func arrange(w *databrickstest.Workspace, locations ...unity.Location) {
	for _, l := range locations {
		for _, s := range []unity.Signal{unity.SignalSpans, unity.SignalLogs, unity.SignalMetrics} {
			w.GrantWriting(writer, l.Table(s, unity.LayoutV2).String())
		}
		w.CreateTables(l, unity.LayoutV2)
	}
}

// unchecked makes exporters without preflight, checked those with it, which look again soon where
// something is wrong.
var (
	unchecked = factory{newChecker: func(preflight.Settings) *preflight.Checker { return nil }}
	checked   = factory{newChecker: func(s preflight.Settings) *preflight.Checker {
		s.RetryInterval, s.MaxRetryInterval, s.MinInterval = 20*time.Millisecond, 20*time.Millisecond,
			20*time.Millisecond
		return preflight.NewChecker(s)
	}}
)

// configure returns the defaults for a workspace, with short waits and no bound of traces.
func configure(w *databrickstest.Workspace) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Host = w.URL()
	cfg.Auth.Credentials.Token = writerToken
	cfg.Catalog, cfg.Schema, cfg.TablePrefix = location.Catalog, location.Schema, location.Prefix
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, 20*time.Millisecond
	cfg.TracesPerSecond = 0
	return cfg
}

// host has extensions, remembers the status of the component, and is the sink of destinations.
type host struct {
	component.StartFunc
	component.ShutdownFunc
	extensions map[component.ID]component.Component

	mu           sync.Mutex
	events       []*componentstatus.Event
	destinations map[string]progress.Destination
}

func newHost(extensions ...component.Component) *host {
	h := &host{extensions: map[component.ID]component.Component{}, destinations: map[string]progress.Destination{}}
	h.extensions[component.MustNewID("sink")] = h
	for i, e := range extensions {
		id := component.MustNewIDWithName("extension", strconv.Itoa(i))
		if s, ok := e.(*storagetest.TestStorage); ok {
			id = s.ID
		}
		h.extensions[id] = e
	}
	return h
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *host) PublishDestination(d progress.Destination) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.destinations[d.Name] = d
}

func (h *host) destination(name string) progress.Destination {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.destinations[name]
}

// status is the newest one, with the text of its error.
func (h *host) status() (componentstatus.Status, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.StatusNone, ""
	}
	e := h.events[len(h.events)-1]
	if e.Err() != nil {
		return e.Status(), e.Err().Error()
	}
	return e.Status(), ""
}

// started is an exporter that has started.
type started struct {
	exporter.Traces
	host *host
	logs *observer.ObservedLogs
}

func start(t testing.TB, cfg *Config, extensions ...component.Component) *started {
	t.Helper()
	return startOn(t, cfg, exportertest.NewNopSettings(metadata.Type), newHost(extensions...))
}

func startOn(t testing.TB, cfg *Config, set exporter.Settings, h *host) *started {
	t.Helper()
	return unchecked.start(t, cfg, set, h)
}

func startChecked(t testing.TB, cfg *Config, extensions ...component.Component) *started {
	t.Helper()
	return checked.start(t, cfg, exportertest.NewNopSettings(metadata.Type), newHost(extensions...))
}

func (f factory) start(t testing.TB, cfg *Config, set exporter.Settings, h *host) *started {
	t.Helper()
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zapcore.DebugLevel)
	set.Logger = zap.New(core)
	e, err := f.createTraces(context.Background(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(context.Background(), h))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return &started{e, h, logs}
}

// send gives spans to the exporter in the background; the channel has what it returned.
func (r *started) send(ctx context.Context, td ptrace.Traces) <-chan error {
	done := make(chan error, 1)
	go func() { done <- r.ConsumeTraces(ctx, td) }()
	return done
}

// within waits for something to come.
func within[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came in time")
		panic("not reached")
	}
}

func eventually(t testing.TB, f func() bool, what string) {
	t.Helper()
	require.Eventually(t, f, patience, time.Millisecond, what)
}

// spans makes traces of an experiment, each with a root and children. Different seeds give
// different ids.
func spans(experiment string, seed, traces, perTrace int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "bot")
	rs.Resource().Attributes().PutStr("mlflow.experimentId", experiment)
	rs.Resource().Attributes().PutStr("mlflow.experimentName", "/teams/"+experiment)
	ss := rs.ScopeSpans().AppendEmpty()
	for i := range traces {
		var id [16]byte
		binary.BigEndian.PutUint64(id[:], uint64(seed)+1)
		binary.BigEndian.PutUint64(id[8:], uint64(i)+1)
		for j := range perTrace {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(id)
			s.SetSpanID([8]byte{7: byte(j + 1), 6: byte((j + 1) >> 8)})
			s.SetName("step")
			s.SetStartTimestamp(1_700_000_000_000_000_000)
			s.SetEndTimestamp(1_700_000_001_000_000_000)
			if j == 0 {
				s.Attributes().PutStr("mlflow.traceRequestId", "tr-source")
				s.Attributes().PutEmptyMap("mlflow.spanInputs").PutStr("q", "where is my order")
			} else {
				s.SetParentSpanID([8]byte{7: 1})
			}
		}
	}
	return td
}
