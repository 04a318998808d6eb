// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// A stop with held data ends at once: the producer that waits for the result gets the data back,
// and it is not counted as lost.
func TestStopWhileHeld(t *testing.T) {
	w := workspace(t)
	w.Revoke(writer, spansTable)
	cfg := configure(w)
	cfg.Retry.MaxInterval = time.Hour
	cfg.Retry.InitialInterval = time.Hour
	counted := counting(t)
	r := startOn(t, cfg, counted.settings(), newHost())
	first := r.send(t.Context(), spans("1", 0, 1, 3))
	eventually(t, func() bool { return r.host.destination(spansTable).Held != "" }, "held")
	second := r.send(t.Context(), spans("1", 1, 1, 2))
	eventually(t, func() bool { return counted.sum("otelcol_exporter_in_flight_requests") == 2 }, "both wait")
	require.NoError(t, r.Shutdown(t.Context()))
	for _, done := range []<-chan error{first, second} {
		err := within(t, done)
		require.ErrorContains(t, err, "GRANT")
		require.False(t, consumererror.IsPermanent(err))
	}
	require.EqualValues(t, 5, counted.sum("otelcol_exporter_databricks_returned", "reason", "shutdown"))
	require.Zero(t, counted.sum("otelcol_exporter_databricks_rejected"))
	d := r.host.destination(spansTable)
	require.Zero(t, d.Rejected)
	require.Contains(t, d.Held, "GRANT", "the report says that data waits, and for what")
	require.ErrorContains(t, r.ConsumeTraces(t.Context(), spans("1", 2, 1, 1)), "shut down")
	require.NoError(t, r.Shutdown(t.Context()), "twice")
}

// A queue in memory that answers at once can't give anything back: what a stop finds there is sent
// if the workspace takes it, and counted, or kept in the dead-letter file, if not.
func TestStopWithAQueueInMemory(t *testing.T) {
	for name, c := range map[string]struct{ down, dead bool }{
		"delivered": {}, "counted": {down: true}, "dead-lettered": {down: true, dead: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			cfg := configure(w)
			cfg.Queue.Get().WaitForResult = false
			cfg.Queue.Get().NumConsumers = 1
			cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Hour, time.Hour
			if c.dead {
				cfg.DeadLetter = filepath.Join(t.TempDir(), "dead.jsonl")
			}
			// The first request is on its way when the process stops.
			arrived, until := make(chan struct{}), make(chan struct{})
			outcome := databrickstest.Outcome{Until: until}
			if c.down {
				outcome.Status = 503
			}
			w.SetOutcome(spansTable, outcome)
			counted := counting(t)
			r := startOn(t, cfg, counted.settings(), newHost())
			for i := range 5 {
				require.NoError(t, r.ConsumeTraces(t.Context(), spans("1", i, 1, 2)))
			}
			eventually(t, func() bool { return w.Ingested(spansTable).Requests == 1 }, "on its way")
			go func() {
				assert.NoError(t, r.Shutdown(context.Background()))
				close(arrived)
			}()
			close(until)
			within(t, arrived)
			d := r.host.destination(spansTable)
			if !c.down {
				require.Len(t, ids(w, spansTable), 10)
				require.EqualValues(t, 10, d.Sent)
				return
			}
			require.EqualValues(t, 10, counted.sum("otelcol_exporter_databricks_rejected", "reason", "shutdown"))
			require.EqualValues(t, 10, d.Rejected)
			require.Less(
				t,
				w.Ingested(spansTable).Requests,
				3,
				"a workspace that is down is not tried for each of them",
			)
			if c.dead {
				require.EqualValues(t, 10, d.DeadLettered)
				require.Equal(t, 10, lettered(t, cfg.DeadLetter).SpanCount())
			}
		})
	}
}

// A stop does not wait for a batch that will never be full.
func TestStopWithABatchingQueue(t *testing.T) {
	w := workspace(t)
	cfg := configure(w)
	require.NoError(
		t,
		confmap.NewFromStringMap(map[string]any{
			"sending_queue": map[string]any{"batch": map[string]any{"flush_timeout": "1h"}},
		}).
			Unmarshal(cfg),
	)
	counted := counting(t)
	r := startOn(t, cfg, counted.settings(), newHost())
	require.True(t, r.Capabilities().MutatesData)
	done := r.send(t.Context(), spans("1", 0, 1, 3))
	eventually(t, func() bool { return counted.gauge("otelcol_exporter_queue_size") == 1 }, "it waits")
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, within(t, done))
	require.Len(t, ids(w, spansTable), 3)
}

// A request that hangs does not outlast the time that a stop has.
func TestStopHasADeadline(t *testing.T) {
	w := workspace(t)
	w.SetOutcome(spansTable, databrickstest.Outcome{Until: make(chan struct{})})
	r := start(t, configure(w))
	done := r.send(t.Context(), spans("1", 0, 1, 3))
	eventually(t, func() bool { return w.Ingested(spansTable).Requests == 1 }, "on its way")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, r.Shutdown(ctx))
	require.Error(t, within(t, done))
}

// A queue on disk keeps what is held over a restart, per destination, and a stop neither loses nor
// counts it.
func TestStorage(t *testing.T) {
	dir := t.TempDir()
	w := workspace(t)
	arrange(w, prefixed("one"), prefixed("two"))
	w.Revoke(writer, "main.traces.two_otel_spans")
	configured := func() *Config {
		cfg := configure(w)
		id := storagetest.NewStorageID("disk")
		cfg.Queue.Get().StorageID, cfg.Queue.Get().WaitForResult = &id, false
		cfg.Routes = []route.Route{{ExperimentID: "1", TablePrefix: "one"}, {ExperimentID: "2", TablePrefix: "two"}}
		return cfg
	}
	counted := counting(t)
	set := counted.settings()
	set.ID = component.MustNewIDWithName("databricks", "a")
	r := startOn(t, configured(), set, newHost(storagetest.NewFileBackedStorageExtension("disk", dir)))
	for i := range 20 {
		require.NoError(t, r.ConsumeTraces(t.Context(), merged(spans("1", i, 1, 2), spans("2", 100+i, 1, 2))))
	}
	eventually(t, func() bool { return len(w.Rows("main.traces.one_otel_spans")) == 40 }, "the other table")
	eventually(
		t,
		func() bool { return strings.Contains(r.host.destination("main.traces.two_otel_spans").Held, "GRANT") },
		"held",
	)
	require.NoError(t, r.Shutdown(t.Context()))
	require.Zero(
		t,
		counted.sum("otelcol_exporter_databricks_rejected")+counted.sum("otelcol_exporter_databricks_returned"),
	)

	w.GrantWriting(writer, "main.traces.two_otel_spans")
	r = startOn(t, configured(), set, newHost(storagetest.NewFileBackedStorageExtension("disk", dir)))
	eventually(t, func() bool { return len(ids(w, "main.traces.two_otel_spans")) == 40 }, "what was on disk")
	require.NoError(t, r.Shutdown(t.Context()))
	for id, n := range ids(w, "main.traces.two_otel_spans") {
		require.Equal(t, 1, n, id)
	}
}

// onDisk is a configuration whose queue is on disk. What no route matches goes to the default table.
func onDisk(w *databrickstest.Workspace, routes ...route.Route) *Config {
	cfg := configure(w)
	id := storagetest.NewStorageID("disk")
	cfg.Queue.Get().StorageID, cfg.Queue.Get().WaitForResult = &id, false
	cfg.OnNoRoute, cfg.Routes = route.OnNoRouteDefault, routes
	return cfg
}

// A route that is removed leaves nothing behind: its queue on disk is emptied, with a warning, and
// forgotten afterwards.
func TestStorageOfARemovedRoute(t *testing.T) {
	dir := t.TempDir()
	w := workspace(t)
	arrange(w, prefixed("one"))
	w.Revoke(writer, "main.traces.one_otel_spans")
	set := counting(t).settings()
	set.ID = component.MustNewID("databricks")
	run := func(routes ...route.Route) *started {
		return startOn(t, onDisk(w, routes...), set, newHost(storagetest.NewFileBackedStorageExtension("disk", dir)))
	}
	const warning = "A destination is no longer in the configuration; what is left in its queue on disk is still " +
		"sent there"
	r := run(route.Route{ExperimentID: "1", TablePrefix: "one"})
	require.NoError(t, r.ConsumeTraces(t.Context(), spans("1", 0, 1, 2)))
	eventually(t, func() bool { return r.host.destination("main.traces.one_otel_spans").Held != "" }, "held")
	require.NoError(t, r.Shutdown(t.Context()))

	w.GrantWriting(writer, "main.traces.one_otel_spans")
	r = run()
	require.Equal(t, 1, r.logs.FilterMessage(warning).Len())
	require.NoError(t, r.ConsumeTraces(t.Context(), spans("1", 1, 1, 2)))
	eventually(
		t,
		func() bool { return len(ids(w, "main.traces.one_otel_spans")) == 2 && len(ids(w, spansTable)) == 2 },
		"both",
	)
	require.NoError(t, r.Shutdown(t.Context()))

	r = run()
	require.Equal(t, 1, r.logs.FilterMessage(warning).Len(), "it is not known yet that nothing is left")
	require.NoError(t, r.Shutdown(t.Context()))
	r = run()
	require.Zero(t, r.logs.FilterMessage(warning).Len())
	require.NoError(t, r.Shutdown(t.Context()))
}

// A start that fails before the queues run forgets no destination: data may lie in its queue.
func TestStorageOfARemovedRouteOutlivesAFailedStart(t *testing.T) {
	dir := t.TempDir()
	w := workspace(t)
	arrange(w, prefixed("one"))
	w.Revoke(writer, "main.traces.one_otel_spans")
	set := counting(t).settings()
	set.ID = component.MustNewID("databricks")
	disk := func() *host { return newHost(storagetest.NewFileBackedStorageExtension("disk", dir)) }
	r := startOn(t, onDisk(w, route.Route{ExperimentID: "1", TablePrefix: "one"}), set, disk())
	require.NoError(t, r.ConsumeTraces(t.Context(), spans("1", 0, 1, 2)))
	eventually(t, func() bool { return r.host.destination("main.traces.one_otel_spans").Held != "" }, "held")
	require.NoError(t, r.Shutdown(t.Context()))

	w.GrantWriting(writer, "main.traces.one_otel_spans")
	w.Revoke(writer, spansTable)
	cfg := onDisk(w)
	cfg.Preflight.OnFailure = preflight.OnFailureFail
	e, err := checked.createTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(t.Context(), disk()), spansTable)

	w.GrantWriting(writer, spansTable)
	r = startOn(t, onDisk(w), set, disk())
	eventually(t, func() bool { return len(ids(w, "main.traces.one_otel_spans")) == 2 }, "what was queued")
	require.NoError(t, r.Shutdown(t.Context()))
}

// What lies in a queue has not arrived, also where the process ends before anything was tried.
func TestQueuedIsNotArrived(t *testing.T) {
	w := workspace(t)
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if strings.HasPrefix(r.URL.Path, "/api/2.1/unity-catalog/") { // preflight goes on
			asked <- struct{}{}
			<-answer
		}
		return nil
	})
	defer close(answer)
	cfg := configure(w)
	id := storagetest.NewStorageID("disk")
	cfg.Queue.Get().StorageID, cfg.Queue.Get().WaitForResult = &id, false
	r := startChecked(t, cfg, ended{}, storagetest.NewFileBackedStorageExtension("disk", t.TempDir()))
	require.NoError(t, r.ConsumeTraces(t.Context(), spans("1", 0, 1, 2)))
	<-asked
	require.NoError(t, r.Shutdown(t.Context()))
	d := r.host.destination(spansTable)
	require.Zero(t, d.Sent)
	require.Equal(t, progress.NotVerified, d.Verification)
	require.Contains(t, d.Detail, "still in the queue")
}

func TestStorageThatIsNotThere(t *testing.T) {
	cfg := configure(workspace(t))
	id := component.MustNewID("file_storage")
	cfg.Queue.Get().StorageID, cfg.Queue.Get().WaitForResult = &id, false
	e, err := unchecked.createTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.ErrorContains(
		t,
		e.Start(t.Context(), newHost()),
		"sending_queue::storage: the extension file_storage is not there",
	)
	sink := component.MustNewID("sink")
	cfg.Queue.Get().StorageID = &sink
	e, err = unchecked.createTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, e.Start(t.Context(), newHost()), "does not store anything")
}

// With a dead-letter file nothing comes back: what is refused lies there, is counted, and can be
// fed back.
func TestDeadLetter(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*databrickstest.Workspace, *Config)
		reason  string
		sent    int
		dead    int
		lines   int // spans in the file
	}{
		"schema": {func(w *databrickstest.Workspace, _ *Config) { w.DropColumn(spansTable, "flags") }, "schema", 0, 6,
			6},
		"too large": {func(w *databrickstest.Workspace, _ *Config) {
			w.Set(func(s *databrickstest.Switches) { s.MaxBody = 2000 })
		}, "too_large", 5, 1, 1},
		"partial success": {func(w *databrickstest.Workspace, _ *Config) {
			w.NextOutcomes(spansTable, 1, databrickstest.Partly(2))
		}, "partial_success", 4, 2, 6},
		"held for too long": {func(w *databrickstest.Workspace, c *Config) {
			w.Revoke(writer, spansTable)
			c.HoldMax = 50 * time.Millisecond
		}, "held_too_long", 0, 6, 6},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			cfg := configure(w)
			cfg.DeadLetter = filepath.Join(t.TempDir(), "dead.jsonl")
			c.arrange(w, cfg)
			counted := counting(t)
			r := startOn(t, cfg, counted.settings(), newHost())
			td := spans("1", 0, 2, 3)
			if c.reason == "too_large" {
				td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(4).SetName(strings.Repeat("large", 1000))
			}
			require.NoError(t, within(t, r.send(t.Context(), td)))
			require.NoError(t, r.Shutdown(t.Context()))
			require.Len(t, ids(w, spansTable), c.sent)
			require.EqualValues(t, c.dead, counted.sum("otelcol_exporter_databricks_rejected", "reason", c.reason))
			require.EqualValues(t, c.dead, counted.sum("otelcol_exporter_databricks_dead_lettered", "reason", c.reason))
			require.Zero(t, counted.sum("otelcol_exporter_databricks_returned"))
			d := r.host.destination(spansTable)
			require.EqualValues(t, c.dead, d.Rejected)
			require.EqualValues(t, c.dead, d.DeadLettered)
			require.Equal(t, c.lines, lettered(t, cfg.DeadLetter).SpanCount())
			text, err := os.ReadFile(cfg.DeadLetter)
			require.NoError(t, err)
			require.Contains(t, string(text), `"reason":"`+c.reason+`"`)
			info, err := os.Stat(cfg.DeadLetter)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		})
	}
}

// What retrying gives up is counted when it exists nowhere else, and goes back when a producer has
// it.
func TestRetriesEnd(t *testing.T) {
	for name, waits := range map[string]bool{"the producer waits": true, "no producer waits": false} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			w.SetOutcome(spansTable, databrickstest.Refuse(503))
			cfg := configure(w)
			cfg.Retry.MaxElapsedTime = 50 * time.Millisecond
			cfg.Queue.Get().WaitForResult = waits
			counted := counting(t)
			r := startOn(t, cfg, counted.settings(), newHost())
			err := within(t, r.send(t.Context(), spans("1", 0, 1, 3)))
			if waits {
				require.ErrorContains(t, err, "status 503")
				require.False(t, consumererror.IsPermanent(err))
				require.EqualValues(
					t,
					3,
					counted.sum("otelcol_exporter_databricks_returned", "reason", "retries_exhausted"),
				)
				return
			}
			require.NoError(t, err)
			eventually(t, func() bool {
				return counted.sum("otelcol_exporter_databricks_rejected", "reason", "retries_exhausted") == 3
			}, "counted")
		})
	}
}

// A dead-letter file that can't be written keeps the data waiting, and says so.
func TestDeadLetterIsFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Fatal("this test needs /dev/full")
	}
	w := workspace(t)
	w.DropColumn(spansTable, "flags")
	cfg := configure(w)
	cfg.DeadLetter = "/dev/full"
	r := start(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := r.send(ctx, spans("1", 0, 1, 3))
	eventually(t, func() bool { s, _ := r.host.status(); return s == componentstatus.StatusRecoverableError }, "status")
	_, text := r.host.status()
	require.Contains(t, text, "dead_letter can't be written")
	cancel()
	err := within(t, done)
	require.False(t, consumererror.IsPermanent(err))
}
