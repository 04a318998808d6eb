// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"encoding/binary"
	"maps"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

func pricer(t testing.TB, yaml string) *Pricer {
	t.Helper()
	tt, ok := t.(*testing.T)
	if !ok {
		tt = &testing.T{}
	}
	c, err := load(tt, yaml)
	require.NoError(t, err)
	p, err := New(c)
	require.NoError(t, err)
	return p
}

func at(text string) pcommon.Timestamp {
	tm, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return pcommon.NewTimestampFromTime(tm)
}

func id(n uint64) (s pcommon.SpanID) {
	binary.BigEndian.PutUint64(s[:], n)
	return s
}

// add appends a span of trace 1.
func add(t testing.TB, td ptrace.Traces, n, parent uint64, attrs map[string]any) ptrace.Span {
	if td.ResourceSpans().Len() == 0 {
		scope := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		scope.Scope().Attributes().PutStr(genai.PayloadsMode, "structured")
	}
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(id(n))
	s.SetParentSpanID(id(parent))
	s.SetStartTimestamp(pcommon.Timestamp(n))
	s.SetEndTimestamp(at("2026-11-01"))
	require.NoError(t, s.Attributes().FromRaw(attrs))
	return s
}

func TestFormula(t *testing.T) {
	p := pricer(t, prices)
	const m = 1_000_000
	chat := func(model string, attrs map[string]any) map[string]any {
		all := map[string]any{genai.OperationName: "chat", genai.ProviderName: "openai", genai.RequestModel: model}
		maps.Copy(all, attrs)
		return all
	}
	for name, test := range map[string]struct {
		attrs         map[string]any
		end           string
		input, output float64
	}{
		"plain": {chat("gpt-4o", map[string]any{genai.UsageInput: 100_000, genai.UsageOutput: m}), "", 0.2,
			8},
		"doubles": {chat("gpt-4o", map[string]any{genai.UsageInput: 1e5, genai.UsageOutput: 1e6}), "", 0.2,
			8},
		"old names": {chat("gpt-4o", map[string]any{"gen_ai.usage.prompt_tokens": 100_000,
			"gen_ai.usage.completion_tokens": m}), "", 0.2, 8},
		"new before old": {chat("gpt-4o", map[string]any{"gen_ai.usage.prompt_tokens": 7, genai.UsageInput: 100_000,
			genai.UsageOutput: m}), "", 0.2, 8},
		"openinference": {map[string]any{"openinference.span.kind": "LLM", "llm.provider": "openai",
			"llm.model_name": "gpt-4o", "llm.token_count.prompt": 100_000, "llm.token_count.completion": m,
			"llm.token_count.prompt_details.cache_read": 50_000}, "", 0.15, 8},
		"structured": {map[string]any{genai.SpanType: "CHAT_MODEL", genai.LLMProvider: "openai",
			genai.LLMModel: "gpt-4o", genai.ChatUsage: map[string]any{"input_tokens": 100_000, "output_tokens": m,
				"total_tokens": 1_100_000}}, "", 0.2, 8},
		"JSON text": {map[string]any{genai.SpanType: `"LLM"`, genai.LLMProvider: "openai",
			genai.LLMModel:  "gpt-4o",
			genai.ChatUsage: `{"input_tokens": 100000, "output_tokens": 1000000.0, "cache_read_input_tokens": null}`},
			"", 0.2, 8},
		"cache read": {chat("gpt-4o", map[string]any{genai.UsageInput: 100_000, genai.UsageCacheRead: 40_000,
			genai.UsageOutput: 0}), "", 0.16, 0},
		"more read than in": {chat("gpt-4o", map[string]any{genai.UsageInput: 100_000, genai.UsageCacheRead: 900_000}),
			"", 4*0.1 + 2*0.9, 0}, // a long context
		"numbers as text": {chat("gpt-4o", map[string]any{genai.UsageInput: "100000", genai.UsageOutput: "1000000"}),
			"",
			0.2, 8},
		"Langfuse": {map[string]any{"langfuse.observation.type": "generation", "llm.provider": "openai",
			"langfuse.observation.model.name":    "gpt-4o",
			"langfuse.observation.usage_details": `{"input": 60000, "input_cached_tokens": 40000, "output": 0}`}, "",
			0.16, 0},
		"LangSmith, cache writes by their life": {map[string]any{"langsmith.span.kind": "llm",
			"langsmith.metadata.ls_model_name": "claude-sonnet", genai.UsageInput: m, genai.UsageOutput: 0,
			"gen_ai.usage.total_tokens": m, "gen_ai.usage.input_token_details": `{"cache_read": 400000,
				"cache_creation": 0, "ephemeral_5m_input_tokens": 200000, "ephemeral_1h_input_tokens": 100000}`}, "",
			0.3*3 + 0.4*0.3 + 0.2*3.75 + 0.1*6, 0},
		"Vercel": {map[string]any{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "openai",
			"ai.model.id": "gpt-4o", "ai.usage.inputTokens": 100_000, "ai.usage.cachedInputTokens": 40_000,
			"ai.usage.outputTokens": 0}, "", 0.16, 0},
		"long context": {chat("gpt-4o", map[string]any{genai.UsageInput: 200_001, genai.UsageOutput: m}), "",
			0.800004, 12},
		"not yet long": {chat("gpt-4o", map[string]any{genai.UsageInput: 200_000, genai.UsageOutput: m}), "", 0.4,
			8},
		"before the date": {chat("gpt-4o", map[string]any{genai.UsageInput: 100_000, genai.UsageOutput: m}),
			"2026-09-30", 0.3, 9},
		"on the date": {chat("gpt-4o", map[string]any{genai.UsageInput: 100_000, genai.UsageOutput: m}),
			"2026-10-01", 0.2, 8},
		"all fields": {chat("claude-sonnet",
			map[string]any{genai.ChatUsage: map[string]any{"input_tokens": m, "output_tokens": m,
				"cache_read_input_tokens": 400_000, "cache_creation_input_tokens": 300_000,
				"cache_creation_input_tokens_above_1hr": 100_000}, genai.UsageReasoning: 250_000}), "",
			0.3*3 + 0.4*0.3 + 0.2*3.75 + 0.1*6, 0.75*15 + 0.25*20},
		"answering model first": {chat("gpt-4o", map[string]any{genai.ResponseModel: "claude-sonnet",
			genai.UsageInput: m}), "", 3, 0},
		"answering model without a price": {chat("claude-sonnet",
			map[string]any{genai.ResponseModel: "claude-sonnet-20260101", genai.UsageInput: m}), "", 3, 0},
		"no type but usage": {map[string]any{genai.ProviderName: "openai",
			genai.RequestModel: "gpt-4o-mini", genai.UsageInput: 100_000}, "", 0.2, 0},
		"unknown type": {map[string]any{genai.SpanType: "UNKNOWN", genai.ProviderName: "openai",
			genai.RequestModel: "gpt-4o-mini", genai.UsageInput: 100_000}, "", 0.2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			span := add(t, td, 1, 0, test.attrs)
			if test.end != "" {
				span.SetEndTimestamp(at(test.end))
			}
			stats := apply(p, td)
			assert.InDelta(t, test.input+test.output, stats.Cost, 1e-9)
			assert.Equal(t, Stats{Models: 1, Cost: stats.Cost}, stats)
			got := span.Attributes().AsRaw()
			assert.InDelta(t, test.input, got[genai.CostInput], 1e-9)
			assert.InDelta(t, test.output, got[genai.CostOutput], 1e-9)
			assert.InDelta(t, test.input+test.output, got[genai.CostTotal], 1e-9)
			assert.Equal(t, "EUR", got[genai.CostCurrency])
			assert.Equal(t, "acme-2026-q4", got[genai.CostPriceList])
			assert.NotContains(t, got, genai.CostTraceTotal, "nobody said that the trace is whole")
			for key, v := range test.attrs { // what was there stays
				if n, ok := v.(int); ok {
					v = int64(n)
				}
				if _, isMap := v.(map[string]any); !isMap {
					assert.Equal(t, v, got[key], key)
				}
			}

			before := ptrace.NewTraces()
			td.CopyTo(before)
			assert.Equal(t, stats, apply(p, td))
			assert.Equal(t, before, td, "idempotent")
		})
	}
}

func TestNotPriced(t *testing.T) {
	p := pricer(t, prices)
	for name, test := range map[string]struct {
		attrs map[string]any
		want  Stats
	}{
		"unknown model": {map[string]any{genai.OperationName: "chat", genai.RequestModel: "llama",
			genai.UsageInput: 1}, Stats{UnknownModels: 1}},
		"no model": {map[string]any{genai.OperationName: "chat", genai.UsageInput: 1}, Stats{UnknownModels: 1}},
		"other provider": {map[string]any{genai.OperationName: "chat", genai.ProviderName: "azure",
			genai.RequestModel: "gpt-4o", genai.UsageInput: 1}, Stats{UnknownModels: 1}},
		"no usage": {map[string]any{genai.OperationName: "chat", genai.RequestModel: "gpt-4o"},
			Stats{NoUsage: 1}},
		"estimated": {map[string]any{genai.OperationName: "chat", genai.RequestModel: "claude-sonnet",
			genai.UsageInput: 1, genai.TokensBackfilled: true}, Stats{NoUsage: 1}},
		"bad usage": {map[string]any{genai.OperationName: "chat", genai.RequestModel: "claude-sonnet",
			genai.UsageInput: -1, genai.UsageOutput: 1.5}, Stats{NoUsage: 1, BadUsage: 2}},
		"not numbers": {map[string]any{genai.OperationName: "chat", genai.UsageInput: math.NaN(),
			genai.UsageOutput: "twelve", genai.ChatUsage: `{"input_tokens": NaN, "output_tokens": "three"}`},
			Stats{NoUsage: 1, BadUsage: 4}},
		"sum on an agent": {map[string]any{genai.OperationName: "invoke_agent", genai.RequestModel: "claude-sonnet",
			genai.UsageInput: 1}, Stats{}},
		"sum on a chain": {map[string]any{genai.SpanType: "CHAIN", genai.LLMModel: "claude-sonnet",
			genai.UsageInput: 1}, Stats{}},
		"tool not in list": {map[string]any{genai.OperationName: "execute_tool", genai.ToolName: "search"}, Stats{}},
		"not GenAI":        {map[string]any{"http.route": "/"}, Stats{}},
	} {
		td := ptrace.NewTraces()
		span := add(t, td, 1, 0, test.attrs)
		before := span.Attributes().Len()
		assert.Equal(t, test.want, apply(p, td), name)
		assert.Equal(t, before, span.Attributes().Len(), name)
	}
}

func TestExactBeforeGlob(t *testing.T) {
	p := pricer(t, `{models: [{match: "*", input: 1, output: 1}, {match: exact, input: 2, output: 2}, {match: `+
		`exact, input: 3, output: 3}, {match: "ex*", input: 4, output: 4}]}`)
	for model, want := range map[string]float64{"exact": 2, "example": 1} {
		td := ptrace.NewTraces()
		span := add(t, td, 1, 0, map[string]any{genai.RequestModel: model, genai.UsageInput: 1_000_000})
		apply(p, td)
		got := span.Attributes().AsRaw()
		assert.Equal(t, want, got[genai.CostTotal])
		assert.Equal(t, "USD", got[genai.CostCurrency])
		assert.NotContains(t, got, genai.CostPriceList)
	}
}

// Dates that people write for "always" and "for ever" are no matter of what 64 bits of nanoseconds
// can hold.
func TestFarDates(t *testing.T) {
	for dates, applies := range map[string]bool{
		"valid_to: 9999-12-31": true, "valid_to: 2600-01-01": true, "valid_to: 2262-04-12": true,
		"valid_from: 0001-01-02": true, "valid_from: 1900-01-01": true,
		"valid_from: 9999-12-31": false, "valid_from: 2600-01-01": false, "valid_to: 1900-01-01": false,
	} {
		td := ptrace.NewTraces()
		add(t, td, 1, 0, map[string]any{genai.RequestModel: "m", genai.UsageInput: 1})
		assert.Equal(t, applies,
			apply(pricer(t, `{models: [{match: m, input: 1, output: 1, `+dates+`}]}`), td).Models == 1, dates)
	}
}

func TestTools(t *testing.T) {
	p := pricer(t, prices)
	for _, attrs := range []map[string]any{
		{genai.SpanType: "TOOL", genai.ToolName: "ask_support"}, {genai.OperationName: "execute_tool"},
		{"openinference.span.kind": "TOOL", "tool.name": "ask_me"},
		{"traceloop.span.kind": "tool", "traceloop.entity.name": "ask_me"},
	} {
		td := ptrace.NewTraces()
		span := add(t, td, 1, 0, attrs)
		span.SetName("execute_tool ask_support")
		assert.Equal(t, Stats{Tools: 1, Cost: 0.01}, apply(p, td))
		assert.Equal(t, 0.01, span.Attributes().AsRaw()[genai.CostTotal])
		assert.Equal(t, len(attrs)+1, span.Attributes().Len())
	}
}

func TestTraceTotal(t *testing.T) {
	const yaml = `{models: [{match: m, input: 1, output: 0}], tools: [{match: t, per_call: 0.5}]}`
	call := func(tokens int) map[string]any {
		return map[string]any{genai.OperationName: "chat", genai.RequestModel: "m", genai.UsageInput: tokens}
	}
	unknown := map[string]any{genai.OperationName: "chat", genai.RequestModel: "?", genai.UsageInput: 1}
	silent := map[string]any{genai.OperationName: "chat", genai.RequestModel: "m"}
	agent := map[string]any{genai.OperationName: "invoke_agent", genai.Revision: 0}
	use := map[string]any{genai.OperationName: "execute_tool", genai.ToolName: "t"}
	type spans []struct {
		n, parent uint64
		attrs     map[string]any
	}
	const million = 1_000_000
	for name, test := range map[string]struct {
		spans   spans
		total   float64
		partial bool
	}{
		"siblings": {spans{{1, 0, agent}, {2, 1, call(million)}, {3, 1, call(2 * million)}}, 3, false},
		"one call told twice": {spans{{1, 0, agent}, {2, 1, call(million)}, {3, 2, call(million)},
			{4, 3, call(million)}}, 1, false},
		"children first": {spans{{3, 2, call(million)}, {2, 1, call(million)}, {1, 0, agent}}, 1, false},
		"tool and model": {spans{{1, 0, agent}, {2, 1, use}, {3, 2, call(million)}, {4, 3, use}}, 1.5, false},
		"model in tool in model": {spans{{1, 0, agent}, {2, 1, call(million)}, {3, 2, use}, {4, 3, call(million)}},
			1.5, false},
		"unknown model":            {spans{{1, 0, agent}, {2, 1, call(million)}, {3, 1, unknown}}, 1, true},
		"unknown within a counted": {spans{{1, 0, agent}, {2, 1, call(million)}, {3, 2, unknown}}, 1, false},
		"unknown around a counted": {spans{{1, 0, agent}, {2, 1, unknown}, {3, 2, call(million)}}, 1, false},
		"silent call":              {spans{{1, 0, agent}, {2, 1, call(million)}, {3, 1, silent}}, 1, true},
		"span repeated":            {spans{{1, 0, agent}, {2, 1, call(million)}, {2, 1, call(million)}}, 1, false},
		"circle":                   {spans{{1, 0, agent}, {2, 3, call(million)}, {3, 2, call(million)}}, 1, false},
		"own parent":               {spans{{1, 1, agent}, {2, 1, call(million)}}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := pricer(t, yaml)
			td := ptrace.NewTraces()
			var top ptrace.Span
			for _, s := range test.spans {
				span := add(t, td, s.n, s.parent, s.attrs)
				if s.n == 1 {
					top = span
				}
			}
			stats := apply(p, td)
			assert.Equal(t, 1, stats.Totals)
			assert.Equal(t, test.total, stats.Cost, "the sum says nothing that the trace doesn't")
			got := top.Attributes().AsRaw()
			assert.Equal(t, test.total, got[genai.CostTraceTotal])
			assert.Equal(t, test.partial, got[genai.CostTracePartial] == true)
			before := ptrace.NewTraces()
			td.CopyTo(before)
			apply(p, td)
			assert.Equal(t, before, td, "idempotent")
		})
	}
}

func TestTraceTotalOfLiveTraffic(t *testing.T) {
	for _, whole := range []bool{false, true} {
		td := ptrace.NewTraces()
		web := add(t, td, 1, 0, map[string]any{"http.route": "/"})
		td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Attributes().Clear()
		agent := add(t, td, 2, 1, map[string]any{genai.OperationName: "invoke_agent"})
		add(t, td, 3, 2, map[string]any{genai.OperationName: "chat", genai.RequestModel: "m",
			genai.UsageInput: 1_000_000})
		p := pricer(t, `{models: [{match: m, input: 1, output: 0}]}`)
		p.wholeTraces = whole
		assert.Equal(t, 1.0, apply(p, td).Cost)
		_, ok := agent.Attributes().Get(genai.CostTraceTotal)
		assert.Equal(t, whole, ok)
		assert.Equal(t, 1, web.Attributes().Len())
	}
}

// A chain of 200,000 calls and a circle of as many take no time and no stack.
func TestHostileTrees(t *testing.T) {
	const n = 200_000
	td := ptrace.NewTraces()
	attrs := map[string]any{genai.OperationName: "chat", genai.RequestModel: "m", genai.UsageInput: 1_000_000}
	for i := uint64(1); i <= n; i++ {
		add(t, td, i, i%n+1, attrs)
	}
	p := pricer(t, `{whole_traces: true, models: [{match: m, input: 1, output: 0}]}`)
	assert.Equal(t, 1, apply(p, td).Models, "one call, of which all spans tell")
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		if _, ok := s.Attributes().Get(genai.CostTotal); !ok {
			t.Fatal("a span without a cost")
		}
	}
	start := time.Now()
	apply(p, td)
	assert.Less(t, time.Since(start), 5*time.Minute)
}

func BenchmarkApply(b *testing.B) {
	p := pricer(b, prices)
	td := ptrace.NewTraces()
	const spans = 100
	for i := uint64(1); i <= spans; i++ {
		attrs := map[string]any{
			genai.SpanType: "CHAT_MODEL", genai.OperationName: "chat", genai.ProviderName: "openai",
			genai.RequestModel: "gpt-4o", genai.UsageInput: 1000, genai.UsageOutput: 100,
			genai.ChatUsage:  map[string]any{"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
			genai.SpanInputs: "text", genai.SpanOutputs: "text",
		}
		if i == 1 {
			attrs[genai.Revision] = 0
		}
		add(b, td, i, i/2, attrs)
	}
	apply(p, td)
	b.ReportAllocs()
	for b.Loop() {
		apply(p, td)
	}
	b.ReportMetric(float64(b.N)*spans/b.Elapsed().Seconds(), "spans/s")
}

// apply prices the spans of td as a batch.
func apply(p *Pricer, td ptrace.Traces) Stats {
	var b spans.Batch
	b.Read(td)
	return p.Apply(&b)
}

// What nothing decides is the convention, and the span says so. The configuration can decide.
func TestUncertainCost(t *testing.T) {
	for included, want := range map[string]struct {
		input     float64
		uncertain bool
	}{
		"":                               {0.6*3 + 0.4*0.3, true},
		", input_includes_cached: true":  {0.6*3 + 0.4*0.3, false},
		", input_includes_cached: false": {3 + 0.4*0.3, false},
	} {
		p := pricer(t, `{models: [{match: m, input: 3, output: 1, cache_read: 0.3`+included+`}]}`)
		td := ptrace.NewTraces()
		span := add(t, td, 1, 0, map[string]any{genai.OperationName: "chat", genai.ProviderName: "anthropic",
			genai.RequestModel: "m", genai.UsageInput: 1_000_000, genai.UsageCacheRead: 400_000})
		stats := apply(p, td)
		got := span.Attributes().AsRaw()
		assert.InDelta(t, want.input, got[genai.CostInput], 1e-9, included)
		if want.uncertain {
			assert.Equal(t, true, got[genai.CostUncertain])
			assert.Equal(t, 1, stats.Uncertain)
		} else {
			assert.NotContains(t, got, genai.CostUncertain)
			assert.Zero(t, stats.Uncertain)
		}
	}
}
