// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// usage of the calls of a trace: spans are numbered from 1 on, each with its parent's number.
func TestReportedTokens(t *testing.T) {
	type span struct {
		parent     byte
		attributes map[string]any
	}
	chat := func(input, output int) map[string]any {
		return map[string]any{genai.SpanType: "CHAT_MODEL", genai.UsageInput: input, genai.UsageOutput: output}
	}
	agent := map[string]any{genai.SpanType: "AGENT", genai.UsageInput: 100, genai.UsageOutput: 100}
	for name, tc := range map[string]struct {
		spans         []span
		input, output int64
		calls         int
	}{
		"two calls":               {[]span{{0, agent}, {1, chat(1, 2)}, {1, chat(3, 4)}}, 4, 6, 2},
		"one call told twice":     {[]span{{0, agent}, {1, chat(1, 2)}, {2, chat(1, 2)}}, 1, 2, 1},
		"an agent between":        {[]span{{0, chat(1, 2)}, {1, agent}, {2, chat(1, 2)}}, 1, 2, 1},
		"only the inner one says": {[]span{{0, map[string]any{genai.SpanType: "LLM"}}, {1, chat(1, 2)}}, 1, 2, 1},
		"OpenInference": {
			[]span{{0, map[string]any{"openinference.span.kind": "LLM", "llm.token_count.prompt": 5,
				"llm.token_count.completion": 6}}}, 5, 6, 1},
		"Traceloop": {
			[]span{{0, map[string]any{"llm.request.type": "chat", "llm.usage.prompt_tokens": 5}}}, 5, 0, 1},
		"MLflow": {
			[]span{{0, map[string]any{genai.SpanType: "LLM", genai.ChatUsage: map[string]any{"input_tokens": 5,
				"output_tokens": 6}}}}, 5, 6, 1},
		"MLflow, JSON text": {
			[]span{{0, map[string]any{genai.SpanType: `"LLM"`,
				genai.ChatUsage: `{"input_tokens": 5, "output_tokens": 6}`}}}, 5, 6, 1},
		"both": {
			[]span{{0, map[string]any{genai.SpanType: "LLM", genai.UsageInput: 1,
				genai.ChatUsage: map[string]any{"input_tokens": 5, "output_tokens": 6}}}}, 1, 6, 1},
		"estimated": {
			[]span{{0, map[string]any{genai.SpanType: "LLM", genai.UsageInput: 1, genai.TokensBackfilled: true}}}, 0, 0,
			0},
		"an embedding": {[]span{{0, map[string]any{genai.SpanType: "EMBEDDING", genai.UsageInput: 1}}}, 1, 0, 1},
		"no type":      {[]span{{0, map[string]any{genai.UsageInput: 1}}}, 1, 0, 1},
		"a tool":       {[]span{{0, map[string]any{genai.SpanType: "TOOL", genai.UsageInput: 1}}}, 0, 0, 0},
		"an agent":     {[]span{{0, agent}}, 0, 0, 0},
		"only a total": {[]span{{0, map[string]any{genai.SpanType: "LLM", "llm.token_count.total": 1}}}, 0,
			0, 0},
		"no numbers": {
			[]span{{0, map[string]any{genai.SpanType: "LLM", genai.UsageInput: "many", genai.ChatUsage: "many"}}}, 0, 0,
			0},
		"circle": {[]span{{2, chat(1, 2)}, {1, chat(1, 2)}}, 1, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
			for i, x := range tc.spans {
				s := spans.AppendEmpty()
				s.SetTraceID(pcommon.TraceID{1})
				s.SetSpanID(pcommon.SpanID{byte(i + 1)})
				if x.parent != 0 {
					s.SetParentSpanID(pcommon.SpanID{x.parent})
				}
				require.NoError(t, s.Attributes().FromRaw(x.attributes))
			}
			var b Batch
			for range 2 { // a batch is used again
				b.Read(td)
				var input, output int64
				calls := 0
				for i := range b.Spans {
					if in, out, ok := b.ReportedTokens(i); ok {
						input, output, calls = input+in, output+out, calls+1
					}
				}
				require.Equal(t, []any{tc.input, tc.output, tc.calls}, []any{input, output, calls})
			}
		})
	}
}
