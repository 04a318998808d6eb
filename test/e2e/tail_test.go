// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
			say := func(value any) string {
				t.Helper()
				now := time.Now().UTC().Format(time.RFC3339Nano)
				answer := post(t, s.Server, "/api/3.0/mlflow/traces/"+trace+"/assessments", map[string]any{
					"assessment": map[string]any{"assessment_name": "quality", "trace_id": trace,
						"source":      map[string]any{"source_type": "CODE", "source_id": "check"},
						"create_time": now, "last_update_time": now, "feedback": map[string]any{"value": value}}})
				return answer["assessment"].(map[string]any)["assessment_id"].(string)
			}
			says := func(parts ...string) {
				t.Helper()
				eventually(t, func() bool {
					text, err := os.ReadFile(records)
					return err == nil && !slices.ContainsFunc(parts, func(part string) bool {
						return !strings.Contains(string(text), part)
					})
				}, "%v", parts)
			}
			first := say("yes")
			says("gen_ai.evaluation.result", first, `"gen_ai.evaluation.score.value","value":{"doubleValue":1}`)
			second := say(0.25)
			says(second, `"gen_ai.evaluation.score.value","value":{"doubleValue":0.25}`)
			gone, err := http.NewRequestWithContext(t.Context(), http.MethodDelete,
				s.URL+"/api/3.0/mlflow/traces/"+trace+"/assessments/"+first, http.NoBody)
			require.NoError(t, err)
			answer, err := http.DefaultClient.Do(gone)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode)
			says(`"mlflow.trace.assessments","value":{"arrayValue":{"values":[{"stringValue":"` + second + `"}]}}`)
			p.Signal(syscall.SIGTERM)
			p.Done(0)
			assert.Equal(t, 2, sink.Distinct())
			requireOnce(t, sink.Spans())
		})
	}
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
