package genaiprocessor

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
)

const sampleStore = "../../testdata/sample/mlflow.db"

// newTest returns a processor with the default configuration and what change makes of it, and where its output goes.
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
func sample(t testing.TB, payloads genai.Payloads) (batches []ptrace.Traces) {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Target{Path: sampleStore}, store.Options{MaxTraceSize: 64 << 20})
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

// expectedTrace is a line of testdata/sample.jsonl.gz.
type expectedTrace struct {
	TraceID string                    `json:"trace_id"`
	Spans   map[string]map[string]any `json:"spans"`
}

func expectedSample(t testing.TB) map[string]map[string]map[string]any {
	t.Helper()
	f, err := os.Open("testdata/sample.jsonl.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	all := map[string]map[string]map[string]any{}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e expectedTrace
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		all[e.TraceID] = e.Spans
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

// Every count and score on every span of every trace equals what Python computes from what MLflow's client returns (testdata/sample.py).
func TestSampleStore(t *testing.T) {
	tests := map[string]struct {
		payloads genai.Payloads
		engine   encodings.Engine
	}{
		"structured":  {genai.Structured, encodings.Native},
		"json":        {genai.JSON, encodings.Native},
		"tiktoken_go": {genai.Structured, encodings.TiktokenGo},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := expectedSample(t)
			traces, spans := map[pcommon.TraceID]bool{}, 0
			for _, td := range sample(t, tt.payloads) {
				out := refine(t, td, func(c *Config) { c.Tokens.Engine = tt.engine })
				for _, rs := range out.ResourceSpans().All() {
					for _, ss := range rs.ScopeSpans().All() {
						for _, span := range ss.Spans().All() {
							traces[span.TraceID()] = true
							expected := want["tr-"+span.TraceID().String()][span.SpanID().String()]
							if expected == nil {
								expected = map[string]any{}
							}
							assert.Equal(t, expected, written(span), "trace %s span %s %s", span.TraceID(), span.SpanID(), span.Name())
							spans++
						}
					}
				}
			}
			require.Len(t, traces, 123)
			require.Equal(t, 599, spans)
		})
	}
}

func TestSampleIsRefinedOnce(t *testing.T) {
	for _, td := range sample(t, genai.Structured) {
		once := refine(t, td, nil)
		before := ptrace.NewTraces()
		once.CopyTo(before)
		require.Equal(t, before, refine(t, once, nil))
	}
}
