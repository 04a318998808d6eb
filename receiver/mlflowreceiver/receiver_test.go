// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadatatest"
)

// sink stands for the report extension.
type sink struct {
	component.StartFunc
	component.ShutdownFunc
	mu      sync.Mutex
	skipped []progress.SkippedTrace
	runs    chan progress.Run

	check   progress.DeliveryCheck
	held    string
	earlier progress.EarlierRun
}

func newSink() *sink { return &sink{runs: make(chan progress.Run, 10)} }

func (s *sink) Delivery(component.ID) progress.DeliveryCheck {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.check.Delivery == "" {
		return progress.DeliveryCheck{Delivery: progress.Acknowledged}
	}
	return s.check
}

func (s *sink) Held(component.ID) string    { return s.held }
func (s *sink) EndLines(component.ID) error { return nil }
func (*sink) Examples() bool                { return false }

func (s *sink) Earlier(component.ID, mlflow.Description) (progress.EarlierRun, bool) {
	return s.earlier, s.earlier.Report != ""
}
func (*sink) SkipFile() string { return "skipped.jsonl" }
func (s *sink) Publish(r progress.Run) {
	if r.Mode != string(ModeBackfill) || !r.Ended.IsZero() { // not how far a slow one came
		s.runs <- r
	}
}
func (s *sink) Skip(list []progress.SkippedTrace) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped = append(s.skipped, list...)
	return nil
}

// host has extensions and remembers the status of the component.
type host struct {
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	events     []*componentstatus.Event
}

func newHost(extensions ...component.Component) *host {
	h := &host{extensions: map[component.ID]component.Component{}}
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

func (h *host) last() componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.StatusNone
	}
	return h.events[len(h.events)-1].Status()
}

func serve(t *testing.T, version string, traces int) *mlflowtest.Server {
	t.Helper()
	server := mlflowtest.New(version)
	t.Cleanup(server.Close)
	server.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "support-bot"})
	for i := range traces {
		server.Add(server.Synthetic("1", i, 3, 100))
	}
	return server
}

func configure() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Experiments.Names = []string{"support-*"}
	cfg.RetryOnFailure.InitialInterval, cfg.RetryOnFailure.MaxInterval = time.Millisecond, 10*time.Millisecond
	none := component.MustNewID("none")
	cfg.StorageID = &none
	return cfg
}

func start(t *testing.T, cfg *Config, set receiver.Settings, h *host, next consumer.Traces) component.Component {
	t.Helper()
	require.NoError(t, cfg.Validate())
	r, err := NewFactory().CreateTraces(t.Context(), set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), h))
	return r
}

// runOnce runs a receiver until its work is done, and returns its report.
func runOnce(t *testing.T, cfg *Config, set receiver.Settings, h *host, report *sink,
	next consumer.Traces) progress.Run {
	t.Helper()
	r := start(t, cfg, set, h, next)
	done := <-report.runs
	require.NoError(t, r.Shutdown(t.Context()))
	return done
}

func TestBackfill(t *testing.T) {
	server := serve(t, "3.17.2", 120)
	server.Change(server.Synthetic("1", 7, 3, 100).ID,
		func(trace *mlflowtest.Trace) { trace.Typed, trace.Artifact = nil, nil })
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(tel)
	report, got := newSink(), new(consumertest.TracesSink)
	h := newHost(report, storagetest.NewFileBackedStorageExtension("s", t.TempDir()))
	cfg := configure()
	cfg.TrackingURI = opaque(server.URL())
	cfg.StorageID = storageID("s")

	r := start(t, cfg, set, h, got)
	run := <-report.runs
	require.True(t, run.Complete, run.Problems)
	require.Equal(t, progress.Acknowledged, run.Delivery)
	require.Equal(t, "complete: 119 of 120 traces acknowledged, with 357 spans, 1 skipped", run.Headline)
	require.Equal(t, int64(120), run.Experiments[0].SourceCount)
	require.Equal(t, 357, got.SpanCount())
	require.Len(t, report.skipped, 1)
	require.Equal(t, componentstatus.StatusOK, h.last())
	ignore := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualReceiverMlflowTracesRead(t, tel, []metricdata.DataPoint[int64]{{Value: 120}}, ignore)
	metadatatest.AssertEqualReceiverMlflowTracesAccepted(t, tel, []metricdata.DataPoint[int64]{
		{Value: 119, Attributes: attribute.NewSet(attribute.String("delivery", "acknowledged"))},
	}, ignore)
	metadatatest.AssertEqualReceiverMlflowTracesSkipped(t, tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", string(report.skipped[0].Reason)))},
	}, ignore)
	metadatatest.AssertEqualReceiverMlflowTracesInFlight(t, tel, []metricdata.DataPoint[int64]{{Value: 0}}, ignore)
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()), "twice")

	// Again, as after a restart: nothing is read a second time, but for what was skipped.
	late := server.Synthetic("1", 500, 3, 100)
	late.Timestamp = time.Now().UnixMilli()
	server.Add(late)
	require.Eventually(t, func() bool { return time.Now().UnixMilli() > late.Timestamp }, time.Minute, time.Millisecond,
		"the end of a range does not belong to it")
	r = start(t, cfg, set, h, got)
	run = <-report.runs
	require.NoError(t, r.Shutdown(t.Context()))
	require.True(t, run.Complete, run.Problems)
	require.Equal(t, int64(2), run.Experiments[0].Run.Read)
	require.Equal(t, "complete: 1 of 2 traces acknowledged, with 3 spans, 1 skipped; with earlier runs 120 of 121",
		run.Headline)
	require.Equal(t, 360, got.SpanCount())
	require.Len(t, report.skipped, 1, "it is in the list already")
}

// An answer without some of the spans that the metadata of a trace tells makes the run incomplete: the
// trace is named, and delivered as a whole once the answers are.
func TestSpansCutOutOfAnswers(t *testing.T) {
	for _, version := range []string{"3.4.0", "3.17.2"} {
		t.Run(version, func(t *testing.T) {
			server := serve(t, version, 120)
			whole := server.Synthetic("1", 7, 3, 100)
			server.Change(whole.ID, func(trace *mlflowtest.Trace) {
				part := server.Synthetic("1", 7, 2, 100)
				trace.Typed, trace.Artifact = part.Typed, part.Artifact
			})
			report, got := newSink(), new(consumertest.TracesSink)
			h := newHost(report, storagetest.NewFileBackedStorageExtension("s", t.TempDir()))
			cfg, set := configure(), receivertest.NewNopSettings(metadata.Type)
			cfg.TrackingURI, cfg.StorageID = opaque(server.URL()), storageID("s")
			run := func() progress.Run { return runOnce(t, cfg, set, h, report, got) }
			first := run()
			require.False(t, first.Complete)
			require.Equal(t, "not complete: 119 of 120 traces acknowledged, with 359 spans, 1 incomplete; "+
				"1 lack spans: trace "+whole.ID+": 2 of 3 spans came", first.Headline)
			require.Equal(t, 359, got.SpanCount())
			require.Len(t, report.skipped, 1)
			require.Equal(t, mlflow.ReasonSpansMissing, report.skipped[0].Reason)
			require.False(t, run().Complete)
			require.Equal(t, 359, got.SpanCount(), "nothing is sent again")
			server.Add(whole)
			last := run()
			require.True(t, last.Complete, last.Problems)
			require.Equal(t, 362, got.SpanCount())
			require.Contains(t, run().Headline, "complete: nothing new; 120 traces with 360 spans")
		})
	}
}

// A span that is added inside a finished trace shows in the server's number of spans.
func TestSpansAddedAtTheServer(t *testing.T) {
	server := serve(t, "3.17.2", 120)
	report, got := newSink(), new(consumertest.TracesSink)
	h := newHost(report, storagetest.NewFileBackedStorageExtension("s", t.TempDir()))
	cfg, set := configure(), receivertest.NewNopSettings(metadata.Type)
	cfg.TrackingURI, cfg.StorageID = opaque(server.URL()), storageID("s")
	run := func() progress.Run { return runOnce(t, cfg, set, h, report, got) }
	require.True(t, run().Complete)
	require.True(t, run().Complete)
	server.Change(server.Synthetic("1", 7, 3, 100).ID, func(trace *mlflowtest.Trace) {
		trace.Typed = server.Synthetic("1", 7, 4, 100).Typed
	})
	server.Add(server.Synthetic("1", 200, 3, 100))
	done := run()
	require.False(t, done.Complete)
	require.Contains(t, done.Headline, "1 span added to finished traces after their delivery")
	require.Equal(t, 363, got.SpanCount())
}

// The unit of a call travels in its context: what a destination rejects of it is listed, and an answer
// that confirms nothing makes the word weaker from there on.
func TestAnswersOfDestinations(t *testing.T) {
	server := serve(t, "3.17.2", 10)
	report := newSink()
	h := newHost(report, storagetest.NewFileBackedStorageExtension("s", t.TempDir()))
	cfg := configure()
	cfg.TrackingURI, cfg.StorageID = opaque(server.URL()), storageID("s")
	next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		unit := progress.UnitOf(ctx)
		if unit.Spans() != int64(td.SpanCount()) {
			return fmt.Errorf("%d of %d spans", unit.Spans(), td.SpanCount())
		}
		unit.Reject(2, "too long")
		return nil
	})
	require.NoError(t, err)
	r := start(t, cfg, metadatatest.NewSettings(componenttest.NewTelemetry()), h, next)
	run := <-report.runs
	require.NoError(t, r.Shutdown(t.Context()))
	require.Equal(t, "not complete: 0 of 10 traces acknowledged, with 0 spans, 10 partially rejected", run.Headline)
	require.Len(t, report.skipped, 10)
	require.Equal(t, progress.PartiallyRejected, report.skipped[0].Reason)
	require.Equal(t, "2 of the 30 spans that were sent together were rejected: too long", report.skipped[0].Detail)

	late := server.Synthetic("1", 500, 3, 100)
	server.Add(late)
	next, err = consumer.NewTraces(func(context.Context, ptrace.Traces) error {
		report.mu.Lock()
		defer report.mu.Unlock()
		report.check = progress.DeliveryCheck{Delivery: progress.Unknown, Reason: "it answered OK"}
		return nil
	})
	require.NoError(t, err)
	for range 2 { // the second run delivers nothing, and says it of the first
		r = start(t, cfg, metadatatest.NewSettings(componenttest.NewTelemetry()), h, next)
		run = <-report.runs
		require.NoError(t, r.Shutdown(t.Context()))
		require.Equal(t, progress.Unknown, run.Delivery)
		report.mu.Lock()
		report.check = progress.DeliveryCheck{}
		report.mu.Unlock()
	}
}

func TestCheckIsCheap(t *testing.T) {
	server := serve(t, "3.17.2", 20_000)
	report := newSink()
	cfg := configure()
	cfg.TrackingURI, cfg.Mode, cfg.StorageID = opaque(server.URL()), ModeCheck, nil
	got := new(consumertest.TracesSink)
	r := start(t, cfg, receivertest.NewNopSettings(metadata.Type), newHost(report), got)
	run := <-report.runs
	require.NoError(t, r.Shutdown(t.Context()))
	require.True(t, run.Complete, run.Problems)
	require.Zero(t, got.SpanCount())
	require.Less(t, server.Count(""), 60)
	require.EqualValues(t, server.Count(""), run.Check.Requests)
	x := run.Check.Experiments[0]
	require.Equal(t, int64(20_000), x.Traces)
	require.Equal(t, map[string]int64{"database": 20_000}, x.Eras)
	require.Equal(t, map[string]bool{"database": true}, x.Reachable)
	require.Positive(t, x.BytesPerTrace)
	require.Equal(t, "2023-11-14T22:13:20.000Z", x.First)
	require.InDelta(t, 200, run.Check.QuotaSeconds, 1)
}

// A receiver that ends the process returns an error from Shutdown unless everything is complete:
// that is the exit status.
func TestOutcomeIsTheExitStatus(t *testing.T) {
	server := serve(t, "3.17.2", 3)
	for name, tc := range map[string]struct {
		change func(*Config)
		err    string
	}{
		"complete": {func(*Config) {}, ""},
		"unknown experiment": {func(c *Config) { c.Experiments.Names = []string{"suport-bot"} },
			"did you mean support-bot"},
		"bad filter": {func(c *Config) { c.Filter = "colour = 'red'" }, "colour"},
		"check":      {func(c *Config) { c.Mode = ModeCheck }, ""},
		"unreachable": {func(c *Config) {
			c.TrackingURI, c.RetryOnFailure.MaxElapsedTime = "http://127.0.0.1:1", 20*time.Millisecond
		}, "not complete"},
	} {
		t.Run(name, func(t *testing.T) {
			report := newSink()
			cfg := configure()
			cfg.TrackingURI, cfg.OnComplete = opaque(server.URL()), OnCompleteShutdown
			tc.change(cfg)
			r := start(t, cfg, receivertest.NewNopSettings(metadata.Type), newHost(report), consumertest.NewNop())
			run := <-report.runs
			require.False(t, run.Stopped, "it ended by itself")
			err := r.Shutdown(t.Context())
			if tc.err == "" {
				require.NoError(t, err)
				require.True(t, run.Complete)
				return
			}
			require.ErrorContains(t, err, tc.err)
			require.False(t, run.Complete)
		})
	}
}

// A fault that may pass is tried again as long as the receiver stays.
func TestStaysAndTriesAgain(t *testing.T) {
	server := serve(t, "3.17.2", 3)
	server.RequireAuthorization("Bearer right")
	report := newSink()
	cfg := configure()
	cfg.TrackingURI = opaque(server.URL())
	h := newHost(report)
	r := start(t, cfg, receivertest.NewNopSettings(metadata.Type), h, consumertest.NewNop())
	first := <-report.runs
	require.False(t, first.Complete)
	server.RequireAuthorization("")
	for run := range report.runs {
		if run.Complete {
			break
		}
	}
	require.Equal(t, componentstatus.StatusOK, h.last())
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestShutdownDoesNotWaitForADestinationThatIsDown(t *testing.T) {
	server := serve(t, "3.17.2", 50)
	cfg := configure()
	cfg.TrackingURI, cfg.ShutdownTimeout = opaque(server.URL()), time.Millisecond
	called := make(chan struct{}, 10)
	down, err := consumer.NewTraces(func(ctx context.Context, _ ptrace.Traces) error {
		called <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	require.NoError(t, err)
	report := newSink()
	r := start(t, cfg, receivertest.NewNopSettings(metadata.Type), newHost(report), down)
	<-called
	require.NoError(t, r.Shutdown(t.Context()))
	require.True(t, (<-report.runs).Stopped, "the run did not end by itself")
}

func TestStartMistakes(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte("# nothing\n"), 0o600))
	for name, tc := range map[string]struct {
		change func(*Config)
		err    string
	}{
		"no such storage": {func(c *Config) { c.StorageID = storageID("absent") }, "storage: there is no extension"},
		"not a storage": {func(c *Config) { id := component.MustNewIDWithName("extension", "0"); c.StorageID = &id },
			"does not store anything"},
		"no such list": {func(c *Config) { c.TraceIDsFile = filepath.Join(dir, "absent") }, "trace_ids_file"},
		"empty list":   {func(c *Config) { c.TraceIDsFile = empty }, "it lists no trace"},
		"no such database": {func(c *Config) { c.TrackingURI = opaque("sqlite:///" + filepath.Join(dir, "absent.db")) },
			"tracking_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configure()
			cfg.TrackingURI = "http://127.0.0.1:1"
			tc.change(cfg)
			r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg,
				consumertest.NewNop())
			require.NoError(t, err)
			require.ErrorContains(t, r.Start(t.Context(), newHost(newSink())), tc.err)
			require.NoError(t, r.Shutdown(t.Context()))
		})
	}
}

func TestShutdownWithoutStart(t *testing.T) {
	cfg := configure()
	cfg.TrackingURI = "http://127.0.0.1:1"
	r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg,
		consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()))
}

// generator hands out the ids of traces that the server has had from the beginning: a backfill ends
// at its start.
type generator struct {
	ids chan receivertest.UniqueIDAttrVal
}

func (*generator) Start() {}
func (*generator) Stop()  {}
func (g *generator) Generate() []receivertest.UniqueIDAttrVal {
	return []receivertest.UniqueIDAttrVal{<-g.ids}
}

func TestConsumeContract(t *testing.T) {
	const count, scenarios = 20, 4 // the checker waits for 5 s
	server := mlflowtest.New("3.4.0")
	defer server.Close()
	server.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "support-bot"})
	g := &generator{ids: make(chan receivertest.UniqueIDAttrVal, count*scenarios)}
	for i := range count {
		trace := server.Synthetic("1", i, 1, 10)
		id := fmt.Sprint("id-", i)
		trace.Artifact = bytes.Replace(trace.Artifact, []byte(`"attributes":{`),
			fmt.Appendf(nil, `"attributes":{%q:%q,`, receivertest.UniqueIDAttrName, fmt.Sprintf("%q", id)), 1)
		server.Add(trace)
	}
	for range scenarios {
		for i := range count {
			g.ids <- receivertest.UniqueIDAttrVal(fmt.Sprint("id-", i))
		}
	}
	cfg := configure()
	cfg.TrackingURI = opaque(server.URL())
	cfg.RetryOnFailure.MaxInterval = time.Millisecond
	cfg.MaxSourceUtilization = 1
	// a trace per window: the checker takes whatever is sent again after a permanent error for a
	// fault
	cfg.PageSize = 1
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T: t, Factory: newFactory(true), Signal: pipeline.SignalTraces, Config: cfg, Generator: g,
		GenerateCount: count,
	})
}

func opaque(s string) configopaque.String { return configopaque.String(s) }

func storageID(name string) *component.ID {
	id := storagetest.NewStorageID(name)
	return &id
}

// keeper is a storage extension that can't open its client.
type keeper struct {
	storage.Extension
	err   error
	panic string
}

func (k keeper) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	if k.panic != "" {
		panic(k.panic)
	}
	return nil, k.err
}

// A storage that can't be opened names the cause, and another process only where there is one.
func TestStorageThatCannotBeOpened(t *testing.T) {
	for name, c := range map[string]struct {
		keeper keeper
		want   string
	}{
		"locked":    {keeper{err: errors.New("timeout")}, "another process with the same storage folder is running"},
		"damaged":   {keeper{err: errors.New("invalid database")}, "its file is damaged: invalid database; restore"},
		"cut":       {keeper{err: errors.New("file size too small 5000")}, "its file is damaged: file size too small"},
		"bad pages": {keeper{panic: "page 7 already freed"}, "its file is damaged: page 7 already freed; restore"},
		"else":      {keeper{err: errors.New("permission denied")}, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openClient(t.Context(), c.keeper, component.MustNewID("mlflow"))
			require.ErrorContains(t, err, c.want)
			require.Equal(t, name == "locked", strings.Contains(err.Error(), "another process"))
		})
	}
}

// A finished backfill of 20,000 traces over 90 days costs few requests when it is run again.
func TestRunAgainIsCheap(t *testing.T) {
	const traces, span = 20_000, 90 * 24 * time.Hour
	for version, most := range map[string]int{"3.17.2": 30, "2.14.3": 70} {
		t.Run(version, func(t *testing.T) {
			server := mlflowtest.New(version)
			t.Cleanup(server.Close)
			server.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "support-bot"})
			for i := range traces {
				trace := server.Synthetic("1", i, 1, 1)
				trace.Timestamp = time.Now().Add(-span + time.Duration(i)*(span/traces)).UnixMilli()
				server.Add(trace)
			}
			report := newSink()
			h := newHost(report, storagetest.NewFileBackedStorageExtension("s", t.TempDir()))
			cfg := configure()
			cfg.TrackingURI, cfg.StorageID = opaque(server.URL()), storageID("s")
			set := receivertest.NewNopSettings(metadata.Type) // with an id of its own
			run := func() (requests int) {
				before := server.Count("")
				r := start(t, cfg, set, h, consumertest.NewNop())
				done := <-report.runs
				require.NoError(t, r.Shutdown(t.Context()))
				require.True(t, done.Complete, done.Problems)
				return server.Count("") - before
			}
			run()
			again := run()
			t.Logf("%s: %d requests", version, again)
			require.LessOrEqual(t, again, most)
		})
	}
}
