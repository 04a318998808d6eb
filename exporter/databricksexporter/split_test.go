// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// A partial success is counted exactly, and is no error: it is not known which items to send again.
func TestPartialSuccess(t *testing.T) {
	w := workspace(t)
	w.NextOutcomes(spansTable, 1, databrickstest.Partly(2))
	counted := counting(t)
	r := startOn(t, configure(w), counted.settings(), newHost())
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 2, 3))))
	require.Len(t, ids(w, spansTable), 4)
	require.EqualValues(t, 4, counted.sum("otelcol_exporter_databricks_sent"))
	require.EqualValues(t, 2, counted.sum("otelcol_exporter_databricks_rejected", "reason", "partial_success"))
	require.NoError(t, r.Shutdown(t.Context()))
	d := r.host.destination(spansTable)
	require.EqualValues(t, 4, d.Sent)
	require.EqualValues(t, 2, d.Rejected)
	require.Equal(
		t,
		[]string{
			"the workspace took a request and refused 2 of its 6 items; it says: 2 spans rejected: invalid trace_id",
		},
		d.Problems,
	)
}

// A request that is too large is halved until its parts fit; a trace may come in several requests.
func TestSplit(t *testing.T) {
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.MaxBody = 500 })
	counted := counting(t)
	r := startOn(t, configure(w), counted.settings(), newHost())
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 4, 16))))
	rows := ids(w, spansTable)
	require.Len(t, rows, 64)
	for id, n := range rows {
		require.Equal(t, 1, n, id)
	}
	require.EqualValues(t, 64, counted.sum("otelcol_exporter_databricks_sent"))
	require.Positive(t, counted.sum("otelcol_exporter_databricks_requests", "outcome", "too_large"))
	for _, q := range w.RequestsTo("POST", "/api/2.0/otel/") {
		require.True(t, q.Size <= 500 == (q.Status == 200), "%d bytes: %d", q.Size, q.Status)
	}
}

// One span that is too large for the workspace comes back alone, as a permanent error that carries
// it; the others arrive once.
func TestSplitDownToOneSpan(t *testing.T) {
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.MaxBody = 2000 })
	td := spans("1", 0, 2, 3)
	large := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(4)
	large.SetName(strings.Repeat("large", 1000))
	counted := counting(t)
	r := startOn(t, configure(w), counted.settings(), newHost())
	err := within(t, r.send(t.Context(), td))
	require.True(t, consumererror.IsPermanent(err))
	var partial consumererror.Traces
	require.ErrorAs(t, err, &partial)
	require.Equal(t, 1, partial.Data().SpanCount())
	require.Equal(t, large.SpanID(), partial.Data().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SpanID())
	rows := ids(w, spansTable)
	require.Len(t, rows, 5)
	for id, n := range rows {
		require.Equal(t, 1, n, id)
	}
	require.EqualValues(t, 1, counted.sum("otelcol_exporter_databricks_returned", "reason", "too_large"))
}

// When a part is refused for good and another has to wait, the refusal is told only once the other
// has arrived, and nothing is sent twice.
func TestRefusedAndDelayedParts(t *testing.T) {
	w := workspace(t)
	w.Set(func(s *databrickstest.Switches) { s.MaxBody = 2000 })
	td := spans("1", 0, 2, 3)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName(strings.Repeat("large", 1000))
	// The whole, and the first half, are too large; of the first half the first span is too large
	// alone, the second is taken, and then the workspace is busy.
	for _, o := range []databrickstest.Outcome{{}, {}, {}, {}, databrickstest.Refuse(503)} {
		w.NextOutcomes(spansTable, 1, o)
	}
	r := start(t, configure(w))
	err := within(t, r.send(t.Context(), td))
	require.True(t, consumererror.IsPermanent(err), "%v", err)
	var partial consumererror.Traces
	require.ErrorAs(t, err, &partial)
	require.Equal(t, 1, partial.Data().SpanCount())
	rows := ids(w, spansTable)
	require.Len(t, rows, 5)
	for id, n := range rows {
		require.Equal(t, 1, n, id)
	}
}
