// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// ids are the spans in a table, each with the number of its rows.
func ids(w *databrickstest.Workspace, table string) map[string]int {
	out := map[string]int{}
	for _, r := range w.Rows(table) {
		out[r["trace_id"].(string)+"/"+r["span_id"].(string)]++
	}
	return out
}

// Answers that pass by themselves: the batch arrives, no error is reported.
func TestRetried(t *testing.T) {
	for name, c := range map[string]struct {
		outcome databrickstest.Outcome
		label   string
		wait    time.Duration
		rows    int // per span
	}{
		"408":               {databrickstest.Refuse(408), "timeout", 0, 1},
		"429":               {databrickstest.Throttle(""), "throttled", 0, 1},
		"429 after seconds": {databrickstest.Throttle("1"), "throttled", time.Second, 1},
		"500":               {databrickstest.Refuse(500), "server_error", 0, 1},
		"502 with a page":   {databrickstest.Outcome{Status: 502, HTML: true}, "server_error", 0, 1},
		"503 after seconds": {databrickstest.Outcome{Status: 503, RetryAfter: "1"}, "server_error",
			time.Second, 1},
		"504":                 {databrickstest.Refuse(504), "server_error", 0, 1},
		"connection reset":    {databrickstest.Outcome{Reset: true}, "network", 0, 1},
		"written, then reset": {databrickstest.Ambiguous, "network", 0, 2},
		"no answer in time":   {databrickstest.Outcome{Until: make(chan struct{})}, "timeout", 0, 2},
		// the first one got there, too late
		"success that says nonsense": {databrickstest.Outcome{Garbage: true},
			"accepted_unreadable", 0, 1},
		"429 until a date, which is rounded to seconds": {databrickstest.Throttle("date"), "throttled", time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := workspace(t)
			cfg := configure(w)
			if c.outcome.Until != nil {
				cfg.Timeout.Timeout = 3 * time.Second // enough for the second request on a busy machine
			}
			if c.outcome.RetryAfter == "date" {
				c.outcome.RetryAfter = time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
			}
			w.NextOutcomes(spansTable, 1, c.outcome)
			counted := counting(t)
			r := startOn(t, cfg, counted.settings(), newHost())
			began := time.Now()
			require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 2, 3))))
			require.GreaterOrEqual(t, time.Since(began), c.wait, "Retry-After is kept to")
			if c.rows > 1 { // the workspace may be at work on the first request
				eventually(t, func() bool { return len(w.Rows(spansTable)) >= 6*c.rows }, "both")
			}
			rows := ids(w, spansTable)
			require.Len(t, rows, 6)
			for id, n := range rows {
				require.Equal(t, c.rows, n, id)
			}
			require.EqualValues(t, 6, counted.sum("otelcol_exporter_databricks_sent"))
			require.EqualValues(t, 1, counted.sum("otelcol_exporter_databricks_requests", "outcome", c.label))
			require.Zero(t, counted.sum("otelcol_exporter_databricks_rejected"))
		})
	}
}

// What is refused for good goes back to the producer that waits for the result, as a permanent
// error that says why.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		arrange        func(*databrickstest.Workspace)
		reason, remedy string
	}{
		"400 with missing columns": {
			func(w *databrickstest.Workspace) {
				w.DropColumn(spansTable, "flags")
				w.DropColumn(spansTable, "dropped_links_count")
			},
			"schema", "columns flags, dropped_links_count are missing in table main.traces.agents_otel_spans: " +
				"ALTER TABLE `main`.`traces`.`agents_otel_spans` ADD COLUMNS (flags INT, dropped_links_count INT)",
		},
		"400 with a missing column": {
			func(w *databrickstest.Workspace) { w.DropColumn(spansTable, "flags") },
			"schema", "column flags is missing in table main.traces.agents_otel_spans: ALTER TABLE " +
				"`main`.`traces`.`agents_otel_spans` ADD COLUMN flags INT",
		},
		"400": {
			func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Refuse(400)) }, "invalid",
			"status 400",
		},
		"422": {
			func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Refuse(422)) }, "invalid",
			"status 422",
		},
		"partial success with nothing taken": {
			func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Partly(100)) },
			"partial_success", "refused 6 of its 6 items",
		},
		"413 for single spans": {
			func(w *databrickstest.Workspace) { w.Set(func(s *databrickstest.Switches) { s.MaxBody = 10 }) },
			"too_large", "status 413",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := workspace(t)
			c.arrange(w)
			counted := counting(t)
			r := startOn(t, configure(w), counted.settings(), newHost())
			err := within(t, r.send(t.Context(), spans("1", 0, 2, 3)))
			require.ErrorContains(t, err, c.remedy)
			require.True(t, consumererror.IsPermanent(err))
			require.Empty(t, ids(w, spansTable))
			require.EqualValues(t, 6, counted.sum("otelcol_exporter_databricks_returned", "reason", c.reason))
			require.Zero(t, counted.sum("otelcol_exporter_databricks_rejected"), "the sender still has it")

			require.NoError(t, r.Shutdown(t.Context()))
			d := r.host.destination(spansTable)
			require.Zero(t, d.Sent+d.Rejected)
			require.Len(t, d.Problems, 1)
			require.Contains(t, d.Problems[0], c.remedy)
		})
	}
}

// A workspace that is down at the start, and comes up later, gets everything.
func TestWorkspaceIsDownAtStart(t *testing.T) {
	down := databrickstest.New()
	address := strings.TrimPrefix(down.URL(), "http://")
	cfg := configure(down)
	down.Close()
	r := start(t, cfg)
	done := r.send(t.Context(), spans("1", 0, 1, 3))
	eventually(t, func() bool { s, _ := r.host.status(); return s == componentstatus.StatusRecoverableError }, "status")
	_, text := r.host.status()
	require.Contains(t, text, "the workspace can't be reached")
	w := workspace(t, databrickstest.Options{Address: address})
	require.NoError(t, within(t, done))
	require.Len(t, ids(w, spansTable), 3)
	s, _ := r.host.status()
	require.Equal(t, componentstatus.StatusOK, s)
}

// Of a large answer only the beginning is read, and of that only what is known goes into logs and
// errors.
func TestLargeAnswers(t *testing.T) {
	w := workspace(t)
	body := `{"error_code": "INVALID_PARAMETER_VALUE", "message": "bad value 'Dear Sir, ` + strings.Repeat(
		"this is what a user wrote. ",
		50_000,
	) + `'"}`
	w.SetFault(func(*http.Request) *databrickstest.Fault { return &databrickstest.Fault{Status: 400, Body: body} })
	r := start(t, configure(w))
	err := within(t, r.send(t.Context(), spans("1", 0, 1, 1)))
	require.ErrorContains(t, err, "status 400")
	require.Less(t, len(err.Error()), 500)
	for _, e := range r.logs.All() {
		require.NotContains(t, e.Message, "what a user wrote")
		for _, f := range e.Context {
			require.NotContains(t, f.String, "what a user wrote")
		}
	}
}

// A producer that goes away gets its data back at once, although the destination is held.
func TestProducerGoesAway(t *testing.T) {
	w := workspace(t)
	w.Revoke(writer, spansTable)
	counted := counting(t)
	r := startOn(t, configure(w), counted.settings(), newHost())
	ctx, cancel := context.WithCancel(t.Context())
	done := r.send(ctx, spans("1", 0, 1, 3))
	eventually(t, func() bool { return r.host.destination(spansTable).Held != "" }, "held")
	cancel()
	err := within(t, done)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, consumererror.IsPermanent(err))
}
