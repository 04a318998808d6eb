// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// refinedTrace is what Python computed for a trace from what MLflow's client returned.
type refinedTrace struct {
	Experiment  string
	TraceID     string `json:"trace_id"`
	OtelTraceID string `json:"otel_trace_id"`
	State       string
	AllSpans    int                       `json:"all_spans"`
	Spans       map[string]map[string]any // span id → attributes
}

// scored is a server with the sample store, MLflow's demo data and 2,000 generated traces, and what
// has to be written on them.
type scored struct {
	*mlflowserver.Server
	Names  []any
	Traces map[string]refinedTrace // by OpenTelemetry trace id, the ones that have spans
	Empty  int                     // the others
}

// scoredTraces is how many are generated.
const scoredTraces = 2000

var scoredServer = sync.OnceValues(func() (*scored, error) {
	dir := filepath.Join(work, "scored")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db := filepath.Join(dir, "mlflow.db")
	if err := copyFile(sample, db); err != nil {
		return nil, err
	}
	if err := mlflowserver.Scored(scoredTraces, db); err != nil {
		return nil, err
	}
	server, err := start(mlflowserver.Database, dir, "--workers", "2")
	if err != nil {
		return nil, err
	}
	s := &scored{Server: server, Names: []any{"support-bot", "support-bot-eval", "MLflow Demo", "scored"},
		Traces: map[string]refinedTrace{}}
	both := []string{filepath.Join(work, "refined-scored.jsonl"), filepath.Join(work, "refined.jsonl")}
	beside := make(chan error, 1)
	go func() { beside <- s.Refined(s.SQLite(), both[0], "scored") }()
	if err := errors.Join(s.Demo(), s.Refined(s.URL, both[1], "support-bot", "support-bot-eval", "MLflow Demo"),
		<-beside); err != nil {
		return nil, err
	}
	for _, path := range both {
		if err := s.read(path); err != nil {
			return nil, err
		}
	}
	return s, nil
})

func (s *scored) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var t refinedTrace
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return err
		}
		if t.AllSpans == 0 {
			s.Empty++
			continue
		}
		s.Traces[t.OtelTraceID] = t
	}
	return lines.Err()
}

// Counts and scores that the binary writes are the ones that Python computes with tiktoken from
// what MLflow's client returns, on every span of every trace of the sample store, MLflow's demo
// data and 2,000 generated traces, however the traces are read and their values written.
func TestRefinedAgainstPython(t *testing.T) {
	t.Parallel()
	s := need(t, scoredServer)
	require.Greater(t, len(s.Traces), scoredTraces+150)
	for name, tc := range map[string]struct{ source, payloads string }{
		"structured by REST": {s.URL, "structured"}, "JSON by REST": {s.URL, "json"},
		"structured from SQLite": {s.SQLite(), "structured"}, "JSON from SQLite": {s.SQLite(), "json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := collector.Backfill(tc.source, dir).Set("receivers::mlflow::experiments::names",
				s.Names).Set("receivers::mlflow::payloads", tc.payloads).
				Set("receivers::mlflow::end_time", farOff).Set("receivers::mlflow::max_skipped", "1%").
				Set("processors::genai", map[string]any{}).Set("service::pipelines::traces::processors", []any{"genai"})
			collector.Run(t, dir, c, 0)
			compareRefined(t, s, collector.Traces(t, dir))
		})
	}
}

func compareRefined(t *testing.T, s *scored, got []ptrace.Traces) {
	t.Helper()
	spans, counts, scores := map[string]int{}, 0, 0
	for _, td := range got {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, span ptrace.Span) {
			id := span.TraceID().String()
			spans[id]++
			trace, known := s.Traces[id]
			if !assert.True(t, known, "trace %s is not one that MLflow's client returned", id) {
				return
			}
			want := trace.Spans[span.SpanID().String()]
			if want == nil {
				want = map[string]any{}
			}
			assert.Equal(t, want, refinedAttributes(span), "%s %s span %s", trace.Experiment,
				trace.TraceID, span.SpanID())
			for key := range want {
				if strings.HasPrefix(key, "metric_") {
					scores++
				} else if strings.HasPrefix(key, "token_count_re") {
					counts++
				}
			}
		})
	}
	assert.Len(t, spans, len(s.Traces))
	for id, trace := range s.Traces {
		assert.Equal(t, trace.AllSpans, spans[id], "spans of %s %s", trace.Experiment, trace.TraceID)
	}
	assert.Greater(t, counts, scoredTraces)
	assert.Greater(t, scores, scoredTraces)
}

// refinedAttributes are the attributes that the processor wrote, as Python writes them in JSON.
func refinedAttributes(span ptrace.Span) map[string]any {
	found := map[string]any{}
	for key, v := range span.Attributes().All() {
		if !strings.HasPrefix(key, "token_count_") && !strings.HasPrefix(key, "metric_") {
			continue
		}
		if v.Type() == pcommon.ValueTypeInt {
			found[key] = float64(v.Int())
		} else {
			found[key] = v.AsRaw()
		}
	}
	return found
}
