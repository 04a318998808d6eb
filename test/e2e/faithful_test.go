// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faithful"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

func unhex(dst []byte, s string) error {
	_, err := hex.Decode(dst, []byte(s))
	return err
}

// farOff is an end of the range behind everything: MLflow's demo data has a trace of tomorrow.
const farOff = "2100-01-01"

// Every span, attribute, event, link, tag, metadata entry and assessment that MLflow's own client
// returns is emitted, nothing else is, and what is not emitted is listed.
func TestFaithful(t *testing.T) {
	for name, server := range map[string]func() (*shared, error){"database " + mlflowserver.Database: database,
		"artifacts 3.4.0": artifactsV3, "artifacts 2.22.5": artifactsV2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := need(t, server)
			dir, sink := t.TempDir(), otlpsink.New(t)
			c := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments::names",
				s.Names).Set("receivers::mlflow::max_skipped", "20%").
				Set("receivers::mlflow::end_time", farOff).Set("exporters::otlp_http", collector.OTLP(sink.URL, nil)).
				Set("service::pipelines::traces::exporters", []any{"file", "otlp_http"})
			collector.Run(t, dir, c, 0)

			all := faithful.Read(t, s.Truth)
			want, unfinished, empty := faithful.Deliverable(all, time.Now())
			spans := 0
			for i := range want {
				spans += len(want[i].Spans)
			}
			require.Greater(t, len(want), 100)
			assert.Equal(t, spans, faithful.Compare(t, want, sink.Accepted()))
			assert.Equal(t, spans, faithful.Compare(t, want, collector.Traces(t, dir)))

			var listed []string
			for _, x := range collector.ReadSkipped(t, dir) {
				listed = append(listed, x.TraceID)
				if slices.Contains(unfinished, x.TraceID) {
					assert.Equal(t, "in_progress", x.Reason)
				}
			}
			assert.ElementsMatch(t, slices.Concat(unfinished, empty), listed)

			report := collector.ReadReport(t, dir).Receivers[0]
			assert.True(t, report.Complete, report.Headline)
			assert.Equal(t, "acknowledged", report.Delivery)
			assert.Len(t, report.DeliveryNotes, 1) // there are two exporters
			assert.EqualValues(t, len(all), report.Totals.Read)
			assert.EqualValues(t, len(want), report.Totals.Accepted)
			assert.EqualValues(t, spans, report.Totals.Spans)
			assert.Len(t, report.Experiments, len(s.Names))
			assert.Contains(t, report.Source["version"], s.Version)
		})
	}
}

// The sample store, by the plain binary's own reader of SQLite, equals what MLflow's client
// returned when it was recorded.
func TestFaithfulSample(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	collector.Run(t, dir, collector.Backfill("sqlite:///"+sample, dir).Set("receivers::mlflow::experiments::deleted",
		true), 0)
	want, _, empty := faithful.Deliverable(faithful.Read(t, filepath.Join(filepath.Dir(sample), "expected.jsonl.gz")),
		time.Now())
	assert.Len(t, empty, 1)
	assert.Equal(t, 599, faithful.Compare(t, want, collector.Traces(t, dir)))
}

// One store gives the same bytes whether it is read by REST or from SQLite. A server of 3.4 has no
// route for the spans of traces that came by OTLP, which its database holds: what only SQLite gives
// are traces that REST lists as missing.
func TestSameByRESTAndSQLite(t *testing.T) {
	t.Run("generated", func(t *testing.T) {
		t.Parallel()
		s := need(t, database)
		sameBothWays(t, s.URL, s.SQLite(), s.Names)
	})
	t.Run("generated artifacts V3", func(t *testing.T) {
		t.Parallel()
		s := need(t, artifactsV3)
		sameBothWays(t, s.URL, s.SQLite(), s.Names)
	})
	t.Run("sample", func(t *testing.T) {
		t.Parallel()
		s := need(t, destination)
		sameBothWays(t, s.URL, s.SQLite(), []any{"support-bot", "support-bot-eval"})
	})
}

// sameBothWays reads by REST and from the store underneath.
func sameBothWays(t *testing.T, rest, store string, names []any) {
	sameWithArtifacts(t, rest, store, nil, names)
}

// sameWithArtifacts is sameBothWays where artifacts is the key of that name for the store.
func sameWithArtifacts(t *testing.T, rest, store string, artifacts map[string]any, names []any) {
	t.Helper()
	var spans [2]map[otlpsink.SpanKey][]byte
	missing := map[string]bool{} // by REST
	far := map[string]bool{}     // in artifacts that a reader of the database does not reach
	for i, source := range []string{rest, store} {
		dir, sink := t.TempDir(), otlpsink.New(t)
		c := collector.Backfill(source, dir).Set("receivers::mlflow::experiments::names",
			names).Set("receivers::mlflow::max_skipped", "20%").
			Set("receivers::mlflow::end_time", farOff)
		if i == 1 && artifacts != nil {
			c.Set("receivers::mlflow::artifacts", artifacts)
		}
		collector.Run(t, dir, c.ToOTLP(sink.URL, nil), 0)
		spans[i] = single(t, sink.Accepted())
		for _, skipped := range collector.ReadSkipped(t, dir) {
			switch {
			case i == 0:
				missing[skipped.TraceID] = true
			case skipped.Reason == "spans_unreachable" && !strings.HasPrefix(store, "sqlite:") && artifacts == nil:
				far[skipped.TraceID] = true
			}
		}
	}
	require.Greater(t, len(spans[0]), 200)
	require.Less(t, len(far), 10)
	for k := range spans[1] {
		if _, ok := spans[0][k]; !ok {
			require.True(t, missing["tr-"+k.Trace.String()], "only the store gives span %s of trace %s", k.Span,
				k.Trace)
		}
	}
	for k, byREST := range spans[0] {
		fromStore, ok := spans[1][k]
		if !ok && far["tr-"+k.Trace.String()] {
			continue
		}
		if !assert.True(t, ok, "span %s of trace %s was not read from the store", k.Span, k.Trace) {
			continue
		}
		if !bytes.Equal(byREST, fromStore) {
			assert.JSONEq(t, asJSON(t, byREST), asJSON(t, fromStore), "span %s of trace %s", k.Span, k.Trace)
			assert.Equal(t, byREST, fromStore, "bytes of span %s of trace %s", k.Span, k.Trace)
		}
		if t.Failed() {
			return // one difference at a time is enough to read
		}
	}
}

// single marshals every span on its own, with its resource and scope.
func single(t testing.TB, all []ptrace.Traces) map[otlpsink.SpanKey][]byte {
	t.Helper()
	out := map[otlpsink.SpanKey][]byte{}
	var proto ptrace.ProtoMarshaler
	for _, td := range all {
		otlpsink.Each(td, func(r pcommon.Resource, scope pcommon.InstrumentationScope, s ptrace.Span) {
			one := ptrace.NewTraces()
			rs := one.ResourceSpans().AppendEmpty()
			r.CopyTo(rs.Resource())
			ss := rs.ScopeSpans().AppendEmpty()
			scope.CopyTo(ss.Scope())
			s.CopyTo(ss.Spans().AppendEmpty())
			b, err := proto.MarshalTraces(one)
			require.NoError(t, err)
			out[otlpsink.SpanKey{Trace: s.TraceID(), Span: s.SpanID()}] = b
		})
	}
	return out
}

func asJSON(t testing.TB, proto []byte) string {
	t.Helper()
	var read ptrace.ProtoUnmarshaler
	td, err := read.UnmarshalTraces(proto)
	require.NoError(t, err)
	var write ptrace.JSONMarshaler
	text, err := write.MarshalTraces(td)
	require.NoError(t, err)
	return string(text)
}
