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

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"golang.org/x/sync/errgroup"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/tally"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// collector is a host with an extension that takes what processors report.
type collector struct {
	component.StartFunc
	component.ShutdownFunc
	published []progress.Refinement
}

func (c *collector) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("mlflow_report"): c,
		component.MustNewID("other"): nil}
}

func (c *collector) PublishRefinement(r progress.Refinement) { c.published = append(c.published, r) }

// reported returns what a processor with a changed default configuration reports after work.
func reported(t *testing.T, change func(*Config), work func(processor.Traces)) progress.Refinement {
	t.Helper()
	var host collector
	p, _ := newTest(t, change)
	require.NoError(t, p.Start(t.Context(), &host))
	work(p)
	require.Empty(t, host.published)
	require.NoError(t, p.Shutdown(t.Context()))
	require.Len(t, host.published, 1)
	require.NoError(t, p.Shutdown(t.Context()))
	require.Len(t, host.published, 1, "once")
	require.Equal(t, metadata.Type, host.published[0].Processor.Type())
	host.published[0].Processor = component.ID{}
	return host.published[0]
}

// examplePrices are per million tokens.
var examplePrices = cost.Config{Currency: "EUR", PriceList: "example", Models: []cost.ModelPrice{
	{Match: cost.ModelMatch{Model: "gpt-4o-mini"}, Rates: cost.Rates{Input: new(float64(1)), Output: new(float64(4)),
		CacheRead: new(0.5)}},
	{Match: cost.ModelMatch{Model: "claude-*"}, Rates: cost.Rates{Input: new(float64(10)), Output: new(float64(40))}},
}}

// What is reported of the sample store is what Python counts and what MLflow's client says of it,
// from several goroutines, although the content goes.
func TestReportOfTheSampleStore(t *testing.T) {
	want := progress.Refinement{Spans: 599, Prices: true, Currency: "EUR", PriceList: "example",
		LeftOut: map[string]int64{"invalid": 4, "no_number": 85, "not_feedback": 57}}
	type sum struct {
		n   int64
		sum float64
	}
	scores := map[string]*sum{}
	for _, spans := range readExpectations(t)["sample"] {
		for _, s := range spans {
			if _, ok := s[genai.TokenCountEncoding]; ok {
				want.Counted++
			}
			for key, v := range s {
				switch n, _ := v.(float64); {
				case key == genai.TokenCountRequest:
					want.CountedRequest += int64(n)
				case key == genai.TokenCountResponse:
					want.CountedResponse += int64(n)
				case strings.HasPrefix(key, "metric_"):
					if scores[key] == nil {
						scores[key] = &sum{}
					}
					scores[key].n++
					scores[key].sum += n
				}
			}
		}
	}
	for _, span := range clientSpans(t) {
		if span.Type != "CHAT_MODEL" {
			if span.Type == "EMBEDDING" {
				want.ModelCalls++
				want.WithoutUsage++
			}
			continue
		}
		u := span.Usage
		want.ModelCalls++
		want.Reported++
		want.ReportedInput += int64(u.Input)
		want.ReportedOutput += int64(u.Output)
		want.Priced++
		if span.Model == "gpt-4o-mini" {
			want.Cost += (u.Input - u.CacheRead + 0.5*u.CacheRead + 4*u.Output) / 1e6
		} else {
			want.Cost += (10*u.Input + 40*u.Output) / 1e6
		}
	}
	require.Positive(t, want.Reported)
	require.Len(t, scores, 10)

	for name, change := range map[string]func(*Config){
		"content kept": func(*Config) {},
		"content dropped": func(c *Config) {
			c.Content = content.Config{Action: content.ActionDrop, PersonIDs: content.PersonIDsDrop}
		},
		"nothing counted": nil,
	} {
		t.Run(name, func(t *testing.T) {
			got := reported(t, func(c *Config) {
				c.Cost = examplePrices
				if change != nil {
					change(c)
				} else {
					c.Tokens.Spans = SpansNone
				}
			}, func(p processor.Traces) {
				var group errgroup.Group
				for _, td := range sample(t, genai.PayloadsJSON) {
					group.Go(func() error { return p.ConsumeTraces(context.Background(), td) })
				}
				require.NoError(t, group.Wait())
			})
			require.InDelta(t, want.Cost, got.Cost, 1e-9)
			require.Len(t, got.Scores, len(scores))
			for i, s := range got.Scores {
				require.Equal(t, scores[s.Name].n, s.Count, s.Name)
				require.InDelta(t, scores[s.Name].sum/float64(scores[s.Name].n), s.Mean, 1e-9, s.Name)
				require.True(t, i == 0 || got.Scores[i-1].Name < s.Name, "ordered by name")
			}
			want := want
			want.Cost, want.Scores = got.Cost, got.Scores
			if change == nil {
				want.Counted, want.CountedRequest, want.CountedResponse = 0, 0, 0
			}
			require.Equal(t, want, got)
		})
	}
}

type clientSpan struct {
	Type, Model string
	Usage       struct {
		Input     float64 `json:"input_tokens"`
		Output    float64 `json:"output_tokens"`
		CacheRead float64 `json:"cache_read_input_tokens"`
	}
}

// clientSpans are the spans of the sample store as MLflow's own client returns them.
func clientSpans(t *testing.T) (spans []clientSpan) {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata, "sample", "expected.jsonl.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var trace struct {
			Spans []struct {
				Attributes map[string]json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &trace))
		for _, s := range trace.Spans {
			var c clientSpan
			for key, to := range map[string]any{genai.SpanType: &c.Type, genai.LLMModel: &c.Model,
				genai.ChatUsage: &c.Usage} {
				if raw, ok := s.Attributes[key]; ok {
					require.NoError(t, json.Unmarshal(raw, to))
				}
			}
			spans = append(spans, c)
		}
	}
	require.NoError(t, lines.Err())
	require.Len(t, spans, 599)
	return spans
}

func TestReport(t *testing.T) {
	call := map[string]any{genai.SpanType: "LLM", genai.RequestModel: "gpt-4o-mini", genai.UsageInput: 1000,
		genai.UsageOutput: 100, genai.SpanInputs: "q", genai.SpanOutputs: "a b c",
		genai.Assessments: `[{"name": "a", "value": 1}, {"name": "b", "value": 0}]`}
	consume := func(batches ...map[string]any) func(processor.Traces) {
		return func(p processor.Traces) {
			for _, attributes := range batches {
				_ = p.ConsumeTraces(context.Background(), one(t, attributes))
			}
		}
	}
	scores := func(n int64) []progress.Score {
		return []progress.Score{{Name: "metric_a", Count: n, Mean: 1}, {Name: "metric_b", Count: n}}
	}
	image := `{"content": [{"type": "text", "text": "Look!"}, {"type": "image", "source": {"data": "` +
		strings.Repeat("iVBORw0KGgoAAAAN", 40) + `"}}]}`
	for name, tc := range map[string]struct {
		change func(*Config)
		work   func(processor.Traces)
		want   progress.Refinement
	}{
		"nothing":       {nil, consume(), progress.Refinement{Currency: "USD"}},
		"no GenAI span": {nil, consume(map[string]any{"http.route": "/"}), progress.Refinement{Currency: "USD"}},
		"no prices": {nil, consume(call), progress.Refinement{Spans: 1, ModelCalls: 1, Counted: 1, CountedRequest: 1,
			CountedResponse: 3, Reported: 1, ReportedInput: 1000, ReportedOutput: 100,
			Scores: scores(1), Currency: "USD"}},
		"prices, twice": {func(c *Config) { c.Cost = examplePrices }, consume(call, call),
			progress.Refinement{Spans: 2, ModelCalls: 2, Counted: 2, CountedRequest: 2, CountedResponse: 6,
				Reported: 2, ReportedInput: 2000, ReportedOutput: 200, Scores: scores(2), Prices: true, Currency: "EUR",
				PriceList: "example", Cost: 2 * 0.0014, Priced: 2}},
		"no price, no usage": {func(c *Config) { c.Cost, c.Tokens.Spans = examplePrices, SpansNone },
			consume(map[string]any{genai.SpanType: "LLM", genai.RequestModel: "x", genai.UsageInput: 1},
				map[string]any{genai.SpanType: "LLM", genai.RequestModel: "x"}),
			progress.Refinement{Spans: 2, ModelCalls: 2, Reported: 1, ReportedInput: 1, Prices: true, Currency: "EUR",
				PriceList: "example", Unpriced: 1, WithoutUsage: 1}},
		"an estimate is not reported": {func(c *Config) { c.Tokens.FillMissingUsage, c.Tokens.Spans = true, SpansNone },
			func(p processor.Traces) {
				td := one(t, map[string]any{genai.SpanType: "LLM", genai.SpanInputs: "q"})
				require.NoError(t, p.ConsumeTraces(context.Background(), td))
				_, filled := spanAt(td, 0).Attributes().Get(genai.TokensBackfilled)
				require.True(t, filled)
				require.NoError(t, p.ConsumeTraces(context.Background(), td))
			}, progress.Refinement{Spans: 2, ModelCalls: 2, Currency: "USD"}},
		"a batch that is refused": {func(c *Config) {
			c.ErrorMode, c.Tokens.Request = ottl.PropagateError, `ParseJSON("{")`
		}, consume(call), progress.Refinement{Currency: "USD"}},
		"calls and spans": {func(c *Config) { c.Cost, c.Tokens.Spans = examplePrices, SpansNone },
			func(p processor.Traces) {
				td := one(t, map[string]any{"openinference.span.kind": "LLM", "llm.model_name": "other",
					"llm.token_count.prompt": 1000, "llm.token_count.completion": 0})
				addSpan(t, td, 2, 1, map[string]any{genai.OperationName: "chat", genai.RequestModel: "gpt-4o-mini",
					genai.UsageInput: 1000, genai.UsageOutput: 0})
				addSpan(t, td, 3, 2, map[string]any{genai.OperationName: "chat", genai.RequestModel: "gpt-4o-mini",
					genai.UsageInput: 1000, genai.UsageOutput: 0})
				require.NoError(t, p.ConsumeTraces(context.Background(), td))
			},
			progress.Refinement{Spans: 3, ModelCalls: 3, Reported: 1, ReportedInput: 1000, Prices: true,
				Currency: "EUR", PriceList: "example", Priced: 1, Cost: 0.001}},
		"embeddings": {func(c *Config) { c.Cost, c.Tokens.Spans = examplePrices, SpansNone },
			consume(map[string]any{genai.OperationName: "embeddings", genai.RequestModel: "gpt-4o-mini",
				genai.UsageInput: 1000}),
			progress.Refinement{Spans: 1, ModelCalls: 1, Reported: 1, ReportedInput: 1000, Prices: true,
				Currency: "EUR", PriceList: "example", Priced: 1, Cost: 0.001}},
		"what is left out": {func(c *Config) { c.Assessments.MaxMetrics = 1 },
			consume(map[string]any{genai.SpanType: "AGENT", genai.Assessments: `[{"name": "a", "value": 1}, ` +
				`{"name": "b", "value": 1}, {"name": "!", "value": 1}, {"name": "A", "value": "?"}]`}),
			progress.Refinement{Spans: 1, Scores: []progress.Score{{Name: "metric_a", Count: 1, Mean: 1}},
				LeftOut: map[string]int64{"span_limit": 1, "no_name": 1, "no_number": 1}, Currency: "USD"}},
		"shared": {nil,
			consume(map[string]any{genai.SpanType: "AGENT", genai.Assessments: `[{"name": "a", "value": 1}]`},
				map[string]any{genai.SpanType: "AGENT", genai.Assessments: `[{"name": "A", "value": 1}]`}),
			progress.Refinement{Spans: 2, Scores: []progress.Score{{Name: "metric_a", Count: 2, Mean: 1}},
				SharedScores: 1, Currency: "USD"}},
		"images": {nil, consume(map[string]any{genai.SpanType: "AGENT", genai.SpanInputs: image,
			genai.SpanOutputs: "data:image/png;base64,iVBORw0KGgo="}),
			progress.Refinement{Spans: 1, Counted: 1, CountedRequest: 391, CountedResponse: 13, MediaCounted: 2,
				Currency: "USD"}},
		"images that are skipped": {func(c *Config) { c.Tokens.Media = text.MediaSkip },
			consume(map[string]any{genai.SpanType: "AGENT", genai.SpanInputs: image,
				genai.SpanOutputs: "data:image/png;base64,iVBORw0KGgo="}),
			progress.Refinement{Spans: 1, Counted: 1, CountedRequest: 31, CountedResponse: 6, MediaSkipped: 2,
				Currency: "USD"}},
		"counted before": {nil,
			consume(map[string]any{genai.SpanType: "AGENT", genai.SpanInputs: "q",
				genai.TokenCountEncoding: "cl100k_base", genai.TokenCountRequest: 7}),
			progress.Refinement{Spans: 1, Currency: "USD"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := reported(t, tc.change, tc.work)
			require.InDelta(t, tc.want.Cost, got.Cost, 1e-12)
			got.Cost = tc.want.Cost
			require.Equal(t, tc.want, got)
		})
	}
}

// Without the extension, and without a start, there is nobody to report to.
// A cost that a span had before is not one of this processor.
func TestCostsOfOthersAreNotReported(t *testing.T) {
	unit := progress.NewUnit(1)
	td := one(t, map[string]any{genai.SpanType: "TOOL", genai.CostTotal: 5.0})
	p, _ := newTest(t, nil)
	require.NoError(t, p.ConsumeTraces(progress.WithUnit(t.Context(), unit), td))
	refined := unit.Refined(spanAt(td, 0).TraceID())
	require.NotNil(t, refined)
	require.False(t, refined.Priced)
	require.Zero(t, refined.Cost)
	require.Zero(t, refined.Tools[0].Priced)
}

func TestNobodyToReportTo(t *testing.T) {
	p, _ := newTest(t, nil)
	require.NoError(t, p.ConsumeTraces(t.Context(), ptrace.NewTraces()))
	require.NoError(t, p.Shutdown(t.Context()))
}

// Summing up costs no allocation per batch, however many scores the batch has.
func TestSummingUpDoesNotAllocate(t *testing.T) {
	p, err := newProcessor(createDefaultConfig().(*Config), processortest.NewNopSettings(metadata.Type))
	require.NoError(t, err)
	w := p.workers.Get().(*worker)
	td := one(t, map[string]any{genai.SpanType: "LLM", genai.UsageInput: 1, genai.UsageOutput: 1})
	for i := range 100 {
		addSpan(t, td, byte(i+2), 1,
			map[string]any{genai.SpanType: "LLM", genai.ChatUsage: map[string]any{"input_tokens": 1}})
	}
	w.batch.Read(td)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		w.look()
		w.counts.Scores = append(w.counts.Scores[:0], make([]tally.Score, 50)...)
		w.keep()
	}))
	require.Positive(t, p.tally.Sum([]string{"metric_a"}).Reported)
}
