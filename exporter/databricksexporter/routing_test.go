// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func prefixed(prefix string) unity.Location {
	return unity.Location{Catalog: "main", Schema: "traces", Prefix: prefix}
}

// merged is one batch with the resources of several.
func merged(batches ...ptrace.Traces) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, b := range batches {
		b.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return td
}

// One batch for several tables becomes a request per table, and ids take the form of each.
func TestRoutes(t *testing.T) {
	w := workspace(t)
	arrange(w, prefixed("one"), prefixed("two"), prefixed("blue"))
	cfg := configure(w)
	cfg.OnNoRoute = route.OnNoRouteDefault
	cfg.Routes = []route.Route{
		{ExperimentID: "1", TablePrefix: "one"},
		{Experiment: "/teams/tw*", TablePrefix: "two"},
		{Attribute: "team", Value: "blue", TablePrefix: "blue"},
	}
	r := start(t, cfg)
	blue := spans("7", 7, 1, 2)
	blue.ResourceSpans().At(0).Resource().Attributes().PutStr("team", "blue")
	require.NoError(
		t,
		r.ConsumeTraces(
			t.Context(),
			merged(spans("1", 1, 1, 2), spans("two", 2, 1, 2), blue, spans("other", 9, 1, 2), spans("1", 3, 1, 2)),
		),
	)
	for prefix, n := range map[string]int{"one": 4, "two": 2, "blue": 2, "agents": 2} {
		table := prefixed(prefix).Table(unity.SignalSpans, unity.LayoutV2).String()
		rows := w.Rows(table)
		require.Len(t, rows, n, prefix)
		require.Equal(t, 1, w.Ingested(table).Requests, prefix)
		attributes := rows[0]["attributes"].(map[string]any)
		require.Equal(
			t,
			"trace:/main.traces."+prefix+"/"+rows[0]["trace_id"].(string),
			attributes["mlflow.traceRequestId"],
		)
		require.Equal(t, "tr-source", attributes["mlflow.source.traceRequestId"])
		require.Equal(
			t,
			map[string]any{"q": "where is my order"},
			attributes["mlflow.spanInputs"],
			"native values stay native",
		)
	}
}

// What no route matches is refused by default, and the rest of the batch arrives.
func TestNoRoute(t *testing.T) {
	for name, dead := range map[string]bool{"refused": false, "to the dead-letter file": true} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			arrange(w, prefixed("one"))
			cfg := configure(w)
			cfg.Catalog, cfg.Schema, cfg.TablePrefix = "", "", ""
			cfg.Routes = []route.Route{{ExperimentID: "1", Catalog: "main", Schema: "traces", TablePrefix: "one"}}
			if dead {
				cfg.DeadLetter = filepath.Join(t.TempDir(), "dead.jsonl")
			}
			counted := counting(t)
			r := startOn(t, cfg, counted.settings(), newHost())
			err := r.ConsumeTraces(t.Context(), merged(spans("1", 1, 1, 2), spans("other", 2, 1, 3)))
			require.Len(t, w.Rows("main.traces.one_otel_spans"), 2)
			if dead {
				require.NoError(t, err)
				require.EqualValues(
					t,
					3,
					counted.sum("otelcol_exporter_databricks_dead_lettered", "reason", "no_route"),
				)
				require.Equal(t, 3, lettered(t, cfg.DeadLetter).SpanCount())
				return
			}
			require.ErrorContains(t, err, "no route matches")
			require.True(t, consumererror.IsPermanent(err))
			var partial consumererror.Traces
			require.ErrorAs(t, err, &partial)
			require.Equal(t, 3, partial.Data().SpanCount())
			require.EqualValues(t, 3, counted.sum("otelcol_exporter_databricks_returned", "reason", "no_route"))
		})
	}
}

// lettered reads a dead-letter file back as a receiver of OTLP/JSON lines would.
func lettered(t *testing.T, path string) ptrace.Traces {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	td := ptrace.NewTraces()
	for line := range strings.Lines(string(text)) {
		b, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(line))
		require.NoError(t, err)
		b.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return td
}

// unqueued is for tests that end the context once a part was counted: a queue hands the result to
// the producer a moment after that, and the end of the context could overtake it.
var unqueued = configoptional.None[exporterhelper.QueueBatchConfig]()

// A batch whose destinations are partly held waits for the slowest; when the producer goes away,
// exactly what is missing comes back.
func TestMixedBatchWithAHeldPart(t *testing.T) {
	w := workspace(t)
	arrange(w, prefixed("one"), prefixed("two"))
	w.Revoke(writer, "main.traces.two_otel_spans")
	cfg := configure(w)
	cfg.Routes = []route.Route{{ExperimentID: "1", TablePrefix: "one"}, {ExperimentID: "2", TablePrefix: "two"}}
	cfg.Queue = unqueued
	counted := counting(t)
	r := startOn(t, cfg, counted.settings(), newHost())
	ctx, cancel := context.WithCancel(t.Context())
	done := r.send(ctx, merged(spans("1", 1, 1, 2), spans("2", 2, 1, 3)))
	eventually(t, func() bool { return r.host.destination("main.traces.two_otel_spans").Held != "" }, "held")
	eventually(t, func() bool { return counted.sum("otelcol_exporter_databricks_sent") == 2 }, "the other part arrives")
	cancel()
	err := within(t, done)
	require.False(t, consumererror.IsPermanent(err))
	require.ErrorIs(t, err, context.Canceled)
	var partial consumererror.Traces
	require.ErrorAs(t, err, &partial)
	require.Equal(t, 3, partial.Data().SpanCount())

	// Sent again, it goes where it belongs, although its ids may have been rewritten.
	w.GrantWriting(writer, "main.traces.two_otel_spans")
	require.NoError(t, within(t, r.send(t.Context(), partial.Data())))
	require.Len(t, ids(w, "main.traces.one_otel_spans"), 2)
	require.Len(t, ids(w, "main.traces.two_otel_spans"), 3)
}

// A part that is refused for good does not make the error of a part that waits permanent.
func TestMixedBatchWithARefusedPart(t *testing.T) {
	w := workspace(t)
	arrange(w, prefixed("one"), prefixed("two"))
	w.Revoke(writer, "main.traces.two_otel_spans")
	w.SetOutcome("main.traces.one_otel_spans", databrickstest.Refuse(400))
	cfg := configure(w)
	cfg.Routes = []route.Route{{ExperimentID: "1", TablePrefix: "one"}, {ExperimentID: "2", TablePrefix: "two"}}
	cfg.Queue = unqueued
	counted := counting(t)
	r := startOn(t, cfg, counted.settings(), newHost())
	ctx, cancel := context.WithCancel(t.Context())
	done := r.send(ctx, merged(spans("1", 1, 1, 2), spans("2", 2, 1, 3)))
	eventually(t, func() bool { return r.host.destination("main.traces.two_otel_spans").Held != "" }, "held")
	eventually(
		t,
		func() bool { return counted.sum("otelcol_exporter_databricks_returned", "reason", "invalid") == 2 },
		"refused",
	)
	cancel()
	err := within(t, done)
	require.False(t, consumererror.IsPermanent(err))
	var partial consumererror.Traces
	require.ErrorAs(t, err, &partial)
	require.Equal(t, 3, partial.Data().SpanCount())
}

// Forty tables, 40 experiments, 40 routes: table 17 loses its grant in the middle. The other 39
// finish, the report lists 17 as held with the statement, and after the grant everything arrives.
// Once with producers that wait for the result, as the mlflow receiver does, and once with queues
// in memory, whose bound holds all the while.
func TestForty(t *testing.T) {
	for name, waits := range map[string]bool{"producers wait": true, "queues in memory": false} {
		t.Run(name, func(t *testing.T) { forty(t, waits) })
	}
}

func forty(t *testing.T, waits bool) {
	const tables, traces = 40, 4
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.ForgetBodies = true })
	cfg := configure(w)
	cfg.MaxMemoryMiB = tables
	cfg.Queue.Get().WaitForResult = waits
	var locations []unity.Location
	for i := range tables {
		l := prefixed(fmt.Sprintf("team_%02d", i))
		locations = append(locations, l)
		cfg.Routes = append(cfg.Routes, route.Route{ExperimentID: strconv.Itoa(i), TablePrefix: l.Prefix})
	}
	arrange(w, locations...)
	table := func(i int) string { return locations[i].Table(unity.SignalSpans, unity.LayoutV2).String() }
	counted := counting(t)
	r := checked.start(t, cfg, counted.settings(), newHost())

	// A producer per experiment, as the mlflow receiver has one. Batches of 17 are padded
	// to 300 KiB, and in the second half there are eight: more than its share.
	first, last := 3, make([]int, tables)
	for i := range tables {
		last[i] = 6
	}
	last[17] = 11
	finished := make([]chan error, tables)
	produce := func(i, from, to int) {
		for b := from; b < to; b++ {
			td := spans(strconv.Itoa(i), i*1000+b, traces, 3)
			if i == 17 {
				td.ResourceSpans().
					At(0).
					ScopeSpans().
					At(0).
					Spans().
					At(0).
					Attributes().
					PutStr("padding", strings.Repeat("x", 300<<10))
			}
			if err := r.ConsumeTraces(t.Context(), td); err != nil {
				finished[i] <- err
				return
			}
		}
		finished[i] <- nil
	}
	arrived := func(i, batches int) bool { return len(ids(w, table(i))) == batches*traces*3 }
	for i := range tables {
		finished[i] = make(chan error, 2)
		go produce(i, 0, first)
	}
	for i := range tables {
		require.NoError(t, within(t, finished[i]))
		eventually(t, func() bool { return arrived(i, first) }, table(i))
	}
	w.Revoke(writer, table(17), "MODIFY")
	for i := range tables {
		go produce(i, first, last[i])
	}
	for i := range tables {
		if i != 17 {
			require.NoError(t, within(t, finished[i]))
			eventually(t, func() bool { return arrived(i, last[i]) }, table(i))
		}
	}
	eventually(t, func() bool { return r.host.destination(table(17)).Held != "" }, "held")
	require.Regexp(
		t,
		"GRANT MODIFY(, SELECT)? ON TABLE `main`.`traces`.`team_17_otel_spans` TO",
		r.host.destination(table(17)).Held,
	)
	require.EqualValues(t, 1, counted.gauge("otelcol_exporter_databricks_waiting"))
	require.EqualValues(t, 1, counted.gauge("otelcol_exporter_databricks_waiting", "destination", table(17)))
	require.True(t, arrived(17, first))

	// 17 fills its share of memory and no more, and the others have theirs.
	queues := r.Traces.(tracesExporter).router.Queues
	most := int64(0)
	if !waits {
		most = 1 << 20
		eventually(t, func() bool { return queues[17].Memory() > 900<<10 }, "the share fills")
	}
	require.Empty(t, finished[17], "its producer waits")
	require.NoError(t, within(t, r.send(t.Context(), spans("3", 3999, traces, 3))))
	last[3]++
	require.LessOrEqual(t, queues[17].Memory(), most)

	w.Grant(writer, table(17), "MODIFY")
	require.NoError(t, within(t, finished[17]))
	for i := range tables {
		eventually(
			t,
			func() bool { return arrived(i, last[i]) && queues[i].Memory() == 0 },
			"everything has arrived, and memory is given back",
		)
		for id, n := range ids(w, table(i)) {
			require.Equal(t, 1, n, "%s %s", table(i), id)
		}
	}
	require.NoError(t, r.Shutdown(t.Context()))
	require.Empty(t, r.host.destination(table(17)).Held)
	require.EqualValues(t, last[17]*traces*3, r.host.destination(table(17)).Sent)
	require.Zero(
		t,
		counted.sum("otelcol_exporter_databricks_rejected")+counted.sum("otelcol_exporter_databricks_returned"),
	)
}

// Two hundred traces a second are the workspace's: a backfill with the default takes its half
// evenly, so that live agents beside it are never refused.
func TestQuotaIsShared(t *testing.T) {
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.TracesPerSecond = 200; s.ForgetBodies = true })
	arrange(w, prefixed("one"), prefixed("two"), prefixed("live"))
	cfg := configure(w)
	cfg.TracesPerSecond = createDefaultConfig().(*Config).TracesPerSecond
	cfg.Routes = []route.Route{{ExperimentID: "1", TablePrefix: "one"}, {ExperimentID: "2", TablePrefix: "two"}}
	backfill := start(t, cfg)
	live := configure(w)
	live.TablePrefix = "live"
	agent := start(t, live)

	// The backfill: two experiments, batches far larger than what may go at a time.
	began := time.Now()
	one, two := backfill.send(t.Context(), spans("1", 1, 150, 2)), backfill.send(t.Context(), spans("2", 2, 150, 2))
	// The agent: 80 traces a second, one by one, for as long as the backfill takes.
	ended := make(chan struct{})
	sent := make(chan int)
	go func() {
		tick := time.NewTicker(time.Second / 80)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				_ = agent.ConsumeTraces(context.Background(), spans("live", 1000+i, 1, 1))
			case <-ended:
				sent <- i
				return
			}
		}
	}()
	require.NoError(t, within(t, one))
	require.NoError(t, within(t, two))
	took := time.Since(began)
	close(ended)
	n := within(t, sent)
	require.Zero(t, w.Ingested("main.traces.live_otel_spans").Refused, "the live agent")
	require.Equal(t, n, w.Ingested("main.traces.live_otel_spans").Written)
	require.Zero(t, w.Ingested("main.traces.one_otel_spans").Refused+w.Ingested("main.traces.two_otel_spans").Refused)
	require.Len(t, ids(w, "main.traces.one_otel_spans"), 300)
	require.Len(t, ids(w, "main.traces.two_otel_spans"), 300)
	require.InDelta(t, 3, took.Seconds(), 1, "300 traces at 100 a second")
}
