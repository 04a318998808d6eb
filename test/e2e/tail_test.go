// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// tailing follows a source after a backfill, with short intervals.
func tailing(source, dir string) collector.Config {
	return collector.Backfill(source, dir).
		Set("receivers::mlflow::mode", "backfill_then_tail").
		Set("receivers::mlflow::collection_interval", "200ms").
		Set("receivers::mlflow::on_complete", "stay")
}

// A source is followed: what is there and what comes arrives, while the collector runs and after it was
// killed.
func TestTail(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	for name, source := range map[string]string{"REST": s.URL, "SQLite": s.SQLite()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := experiment(t, s.Server, t.Name())
			add := func(age time.Duration, n int) {
				seed(t, s.Server, mlflowserver.Login{}, id, n, time.Now().Add(-age))
			}
			add(50*24*time.Hour, 20)
			dir, sink := t.TempDir(), otlpsink.New(t)
			config := tailing(source, dir).ToOTLP(sink.URL, nil).
				Set("receivers::mlflow::experiments::names", []any{t.Name() + "*"})
			want := 20
			arrives := func(n int) {
				t.Helper()
				want += n
				eventually(t, func() bool { return sink.Distinct() == 2*want }, "%d traces", want)
			}
			p := collector.Start(t, dir, config)
			arrives(0)
			for range 3 {
				add(time.Second, 5)
				arrives(5)
			}
			p.Kill()
			p.Wait()
			before := sink.Spans()
			add(time.Second, 5)
			add(25*time.Hour, 2)
			p = collector.Start(t, dir, config)
			arrives(7)
			other := experiment(t, s.Server, t.Name()+"/other")
			seed(t, s.Server, mlflowserver.Login{}, other, 3, time.Now())
			p.Signal(syscall.SIGTERM)
			p.Done(0)
			assert.True(t, strings.HasPrefix(p.Out(), "followed the source until "), p.Out())
			assert.Contains(t, p.Out(),
				fmt.Sprintf(": %d of %d traces acknowledged, with %d spans", want, want, 2*want))
			p = collector.Start(t, dir, config)
			arrives(3)
			p.Signal(syscall.SIGTERM)
			p.Done(0)
			for k, n := range sink.Spans() {
				require.LessOrEqual(t, n, 1+min(1, before[k]), "a kill repeats what was in flight, once")
			}
		})
	}
}

// Scores that are given, overridden and deleted after a trace was delivered arrive as log records, from a
// server and from its store.
func TestLateScores(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	for name, source := range map[string]string{"REST": s.URL, "SQLite": s.SQLite()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := experiment(t, s.Server, t.Name())
			trace := "tr-" + anyOf(seed(t, s.Server, mlflowserver.Login{}, id, 1, time.Now())).Trace.String()
			dir, sink := t.TempDir(), otlpsink.New(t)
			records := filepath.Join(dir, "logs.jsonl")
			config := tailing(source, dir).ToOTLP(sink.URL, nil).
				Set("receivers::mlflow::experiments::names", []any{t.Name()}).
				Set("receivers::mlflow::late_changes::interval", "200ms").
				Set("exporters::file/logs", map[string]any{"path": records,
					"rotation": map[string]any{"max_megabytes": 1024, "max_backups": 0}}).
				Set("service::pipelines::logs", map[string]any{"receivers": []any{"mlflow"},
					"exporters": []any{"file/logs"}})
			p := collector.Start(t, dir, config)
			eventually(t, func() bool { return sink.Distinct() == 2 }, "the trace")
			say := func(value any, overrides string) string { return assess(t, s.Server, trace, value, overrides) }
			says := func(parts ...string) {
				t.Helper()
				eventually(t, func() bool {
					text, err := os.ReadFile(records)
					return err == nil && !slices.ContainsFunc(parts, func(part string) bool {
						return !strings.Contains(string(text), part)
					})
				}, "%v", parts)
			}
			first := say("yes", "")
			says("gen_ai.evaluation.result", first, `"gen_ai.evaluation.score.value","value":{"doubleValue":1}`)
			second := say(0.25, "")
			says(second, `"gen_ai.evaluation.score.value","value":{"doubleValue":0.25}`)
			removeAssessment(t, s.Server, trace, first)
			says(`"mlflow.trace.assessments","value":{"arrayValue":{"values":[{"stringValue":"` + second + `"}]}}`)
			third := say("no", second) // and what it overrides counts again once it is deleted
			says(third, `"mlflow.assessment.valid","value":{"boolValue":false}`)
			removeAssessment(t, s.Server, trace, third)
			eventually(t, func() bool {
				text, err := os.ReadFile(records)
				is := regexp.MustCompile(`"mlflow.assessment.id","value":{"stringValue":"`+second+
					`"}},.*?"mlflow.assessment.valid","value":{"boolValue":(\w+)`).FindAllSubmatch(text, -1)
				return err == nil && len(is) == 3 && string(is[2][1]) == "true"
			}, "the second score counts again")
			p.Signal(syscall.SIGTERM)
			p.Done(0)
			assert.Equal(t, 2, sink.Distinct())
			requireOnce(t, sink.Spans())
		})
	}
}

// assess gives a trace a score and returns its id.
func assess(t *testing.T, s *mlflowserver.Server, trace string, value any, overrides string) string {
	t.Helper()
	now := time.Now().UTC().Format(time.RFC3339Nano)
	a := map[string]any{"assessment_name": "quality", "trace_id": trace,
		"source":      map[string]any{"source_type": "CODE", "source_id": "check"},
		"create_time": now, "last_update_time": now, "feedback": map[string]any{"value": value}}
	if overrides != "" {
		a["overrides"] = overrides
	}
	answer := post(t, s, "/api/3.0/mlflow/traces/"+trace+"/assessments", map[string]any{"assessment": a})
	return answer["assessment"].(map[string]any)["assessment_id"].(string)
}

func removeAssessment(t *testing.T, s *mlflowserver.Server, trace, id string) {
	t.Helper()
	gone, err := http.NewRequestWithContext(t.Context(), http.MethodDelete,
		s.URL+"/api/3.0/mlflow/traces/"+trace+"/assessments/"+id, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(gone)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// With resend_spans a trace that gets a score comes again, with a higher revision.
func TestResendSpans(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	id := experiment(t, s.Server, t.Name())
	trace := "tr-" + anyOf(seed(t, s.Server, mlflowserver.Login{}, id, 1, time.Now())).Trace.String()
	dir, sink := t.TempDir(), otlpsink.New(t)
	p := collector.Start(t, dir, tailing(s.URL, dir).ToOTLP(sink.URL, nil).
		Set("receivers::mlflow::experiments::names", []any{t.Name()}).
		Set("receivers::mlflow::late_changes", map[string]any{"interval": "200ms", "resend_spans": true}))
	came := func(n int) {
		t.Helper()
		eventually(t, func() bool {
			spans := sink.Spans()
			for _, k := range spans {
				if k != n {
					return false
				}
			}
			return len(spans) == 2
		}, "the spans, %d times", n)
	}
	came(1)
	assess(t, s.Server, trace, "yes", "")
	came(2)
	p.Signal(syscall.SIGTERM)
	p.Done(0)
	came(2)
	var revisions []int64
	for _, td := range sink.Accepted() {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, span ptrace.Span) {
			if v, ok := span.Attributes().Get("mlflow.revision"); ok {
				revisions = append(revisions, v.Int())
			}
		})
	}
	require.Len(t, revisions, 2)
	assert.Greater(t, revisions[1], revisions[0])
}

// config/tail.yaml delivers the sample with its scores as log records, says how far it is behind, and ends
// with status 0.
func TestShippedTail(t *testing.T) {
	t.Parallel()
	dir, sink := t.TempDir(), otlpsink.New(t)
	port := strings.TrimPrefix(collector.FreeAddress(t), "127.0.0.1:")
	env := []string{"OTELCOL_MLFLOW_SOURCE=" + copyOf(t, sample, dir).URI(), "OTELCOL_MLFLOW_EXPERIMENT=*",
		"OTELCOL_MLFLOW_ENDPOINT=" + sink.URL, "OTELCOL_MLFLOW_OUT=" + dir, "OTELCOL_MLFLOW_INTERVAL=200ms",
		"OTELCOL_MLFLOW_METRICS_PORT=" + port}
	for range 2 {
		p := collector.Command(t, dir, env, collector.Default(), "--config", "config/tail.yaml")
		eventually(t, func() bool {
			answer, err := http.Get("http://127.0.0.1:" + port + "/metrics")
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			return err == nil && strings.Contains(string(text), "receiver_mlflow_lag")
		}, "the lag")
		p.Signal(syscall.SIGTERM)
		p.Done(0)
		assert.Equal(t, sampleSpans, sink.Distinct())
	}
	requireOnce(t, sink.Spans())
	records := 0
	for _, ld := range sink.Logs() {
		records += ld.LogRecordCount()
	}
	assert.Positive(t, records)
}

// anyOf is one of the keys.
func anyOf(keys map[otlpsink.SpanKey]bool) otlpsink.SpanKey {
	for k := range keys {
		return k
	}
	return otlpsink.SpanKey{}
}
