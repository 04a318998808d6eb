// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"golang.org/x/sync/errgroup"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// testdata holds stores of real MLflow servers.
const testdata = "../../testdata"

// newTest returns a processor with the default configuration and what change makes of it, and where
// its output goes.
func newTest(t testing.TB, change func(*Config)) (processor.Traces, *consumertest.TracesSink) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	require.NoError(t, cfg.Tokens.Validate())
	require.NoError(t, cfg.Assessments.Validate())
	sink := &consumertest.TracesSink{}
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)
	return p, sink
}

// refine returns td as the processor passes it on.
func refine(t testing.TB, td ptrace.Traces, change func(*Config)) ptrace.Traces {
	t.Helper()
	p, sink := newTest(t, change)
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	require.Len(t, sink.AllTraces(), 1)
	return sink.AllTraces()[0]
}

// sample returns all traces of the sample store, as the receiver converts them, 20 to a batch.
func sample(t testing.TB, payloads genai.Payloads) []ptrace.Traces {
	return readStore(t, "sample", payloads)
}

func readStore(t testing.TB, name string, payloads genai.Payloads) (batches []ptrace.Traces) {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Target{Path: filepath.Join(testdata, name, "mlflow.db")},
		store.Options{MaxTraceSize: 64 << 20})
	require.NoError(t, err)
	defer s.Close()
	experiments, err := s.Experiments(ctx)
	require.NoError(t, err)
	convert := genai.NewConverter(genai.Options{Payloads: payloads, CaptureContent: true})
	n := 0
	for _, e := range experiments {
		infos, err := s.Infos(ctx, mlflow.Range{ExperimentID: e.ID}, mlflow.Position{}, 1000)
		require.NoError(t, err)
		require.NoError(t, s.Detailed(ctx, infos))
		require.NoError(t, s.Traces(ctx, infos, func(_ int, trace *mlflow.Trace, _ *mlflow.Skip) error {
			if trace == nil {
				return nil
			}
			if n%20 == 0 {
				batches = append(batches, ptrace.NewTraces())
			}
			n++
			convert.Append(batches[len(batches)-1], e, trace)
			return nil
		}))
	}
	return batches
}

// expectations are attributes by store, trace id and span id.
type expectations map[string]map[string]map[string]map[string]any

func readExpectations(t testing.TB) expectations {
	t.Helper()
	f, err := os.Open("testdata/expected.jsonl.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	all := expectations{}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Store   string
			TraceID string `json:"trace_id"`
			Spans   map[string]map[string]any
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		if all[e.Store] == nil {
			all[e.Store] = map[string]map[string]map[string]any{}
		}
		all[e.Store][e.TraceID] = e.Spans
	}
	require.NoError(t, lines.Err())
	return all
}

// written returns the attributes that the processor wrote, in the form of the expectation.
func written(span ptrace.Span) map[string]any {
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

// Every count and score on every span of every trace equals what Python computes from what MLflow's
// client returns (testdata/expected.py).
func TestAgainstPython(t *testing.T) {
	tests := map[string]struct {
		payloads genai.Payloads
		engine   encodings.Engine
	}{
		"structured":  {genai.PayloadsStructured, encodings.EngineNative},
		"json":        {genai.PayloadsJSON, encodings.EngineNative},
		"tiktoken_go": {genai.PayloadsStructured, encodings.EngineTiktokenGo},
	}
	all := readExpectations(t)
	require.Len(t, all, 8)
	for name, tt := range tests {
		for store, want := range all {
			t.Run(name+"/"+store, func(t *testing.T) {
				compared := 0
				for _, td := range readStore(t, store, tt.payloads) {
					out := refine(t, td, func(c *Config) { c.Tokens.Engine = tt.engine })
					each(out, out, func(span, _ ptrace.Span) {
						trace, ok := want[span.TraceID().String()]
						if !ok {
							return
						}
						expected := trace[span.SpanID().String()]
						if expected == nil {
							expected = map[string]any{}
						}
						assert.Equal(t, expected, written(span), "trace %s span %s", span.TraceID(), span.SpanID())
						compared++
					})
				}
				require.Greater(t, compared, 20)
				if store == "sample" {
					require.Equal(t, 599, compared)
				}
			})
		}
	}
}

// What people read is the same, however the receiver wrote the values.
func TestHumanTextOfBothPayloads(t *testing.T) {
	change := func(c *Config) { c.Tokens.Spans, c.Tokens.Mode = SpansAll, text.ModeText }
	counted := 0
	for store := range readExpectations(t) {
		structured, asJSON := readStore(t, store, genai.PayloadsStructured), readStore(t, store, genai.PayloadsJSON)
		for i := range structured {
			each(refine(t, structured[i], change), refine(t, asJSON[i], change), func(a, b ptrace.Span) {
				require.Equal(t, a.SpanID(), b.SpanID())
				assert.Equal(t, written(a), written(b), "%s: trace %s span %s", store, a.TraceID(), a.SpanID())
				if n, ok := a.Attributes().Get(genai.TokenCountResponse); ok && n.Int() > 0 {
					counted++
				}
			})
		}
	}
	require.Greater(t, counted, 500)
}

func TestSampleIsRefinedOnce(t *testing.T) {
	for _, td := range sample(t, genai.PayloadsStructured) {
		once := refine(t, td, nil)
		before := ptrace.NewTraces()
		once.CopyTo(before)
		require.Equal(t, before, refine(t, once, nil))
	}
}

// One processor serves many goroutines.
func TestConcurrently(t *testing.T) {
	want := map[string]map[string]any{}
	for _, td := range sample(t, genai.PayloadsStructured) {
		out := refine(t, td, nil)
		each(out, out, func(s, _ ptrace.Span) { want[s.TraceID().String()+s.SpanID().String()] = written(s) })
	}
	p, sink := newTest(t, nil)
	var group errgroup.Group
	for range 4 {
		batches := sample(t, genai.PayloadsStructured)
		group.Go(func() error {
			for _, td := range batches {
				if err := p.ConsumeTraces(context.Background(), td); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	n := 0
	for _, td := range sink.AllTraces() {
		each(td, td, func(s, _ ptrace.Span) {
			require.Equal(t, want[s.TraceID().String()+s.SpanID().String()], written(s))
			n++
		})
	}
	require.Equal(t, 4*599, n)
}
