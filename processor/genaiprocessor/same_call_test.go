// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// The call of the table of differences: 1,000 tokens of input, of which 400 are read from a cache
// and 100 written to it, and 50 of output, of which 20 are reasoning.
const (
	callModel  = "model-1"
	callInput  = "What is the weather in Paris?"
	callOutput = "It rains."
)

// sameCall is how a dialect writes the call.
type sameCall struct {
	dialect    genai.Dialect
	scope      string
	attributes map[string]any
	unsaid     []string // what the dialect has no attribute for: write, reasoning, text
}

func sameCalls() []sameCall {
	messages := func(role, content string) string { return `[{"role": "` + role + `", "content": "` + content + `"}]` }
	parts := func(role, content string) []any {
		return []any{map[string]any{"role": role, "parts": []any{map[string]any{"type": "text", "content": content}}}}
	}
	return []sameCall{
		{dialect: genai.DialectMLflow, attributes: map[string]any{
			"mlflow.spanType": "CHAT_MODEL", "mlflow.llm.model": callModel, "mlflow.llm.provider": "anthropic",
			"mlflow.spanInputs":  map[string]any{"messages": messageList("user", callInput)},
			"mlflow.spanOutputs": map[string]any{"role": "assistant", "content": callOutput},
			"mlflow.chat.tokenUsage": map[string]any{"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050,
				"cache_read_input_tokens": 400, "cache_creation_input_tokens": 100},
			"gen_ai.usage.reasoning.output_tokens": 20}},
		{dialect: genai.DialectMLflow, attributes: map[string]any{ // as mlflow.claude_code of 3.12 to 3.17 counts
			"mlflow.spanType": "LLM", "mlflow.llm.model": callModel,
			"mlflow.spanInputs":  map[string]any{"messages": messageList("user", callInput)},
			"mlflow.spanOutputs": map[string]any{"role": "assistant", "content": callOutput},
			"mlflow.chat.tokenUsage": map[string]any{"input_tokens": 500, "output_tokens": 50, "total_tokens": 1050,
				"cache_read_input_tokens": 400, "cache_creation_input_tokens": 100},
			"gen_ai.usage.reasoning.output_tokens": 20}},
		{dialect: genai.DialectConventions, attributes: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.request.model": callModel, "gen_ai.provider.name": "openai",
			"gen_ai.input.messages": parts("user", callInput), "gen_ai.output.messages": parts("assistant", callOutput),
			"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 50,
			"gen_ai.usage.cache_read.input_tokens": 400, "gen_ai.usage.cache_write.input_tokens": 100,
			"gen_ai.usage.reasoning.output_tokens": 20}},
		{dialect: genai.DialectConventions, attributes: map[string]any{ // older names
			"gen_ai.operation.name": "chat", "gen_ai.response.model": callModel, "gen_ai.system": "openai",
			"gen_ai.input.messages":      messages("user", callInput),
			"gen_ai.output.messages":     messages("assistant", callOutput),
			"gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 50,
			"gen_ai.usage.cache_read_input_tokens": 400, "gen_ai.usage.cache_creation_input_tokens": 100,
			"gen_ai.usage.reasoning_tokens": 20}},
		{dialect: genai.DialectOpenInference, attributes: map[string]any{
			"openinference.span.kind": "LLM", "llm.model_name": callModel, "llm.provider": "openai",
			"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": callInput,
			"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": callOutput,
			"llm.token_count.prompt": 1000, "llm.token_count.completion": 50, "llm.token_count.total": 1050,
			"llm.token_count.prompt_details.cache_read": 400, "llm.token_count.prompt_details.cache_write": 100,
			"llm.token_count.completion_details.reasoning": 20}},
		{dialect: genai.DialectOpenLLMetry, attributes: map[string]any{
			"llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.request.model": callModel,
			"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": callInput,
			"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": callOutput,
			"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 50, "llm.usage.total_tokens": 1050,
			"llm.usage.cache_read_input_tokens": 400, "llm.usage.cache_creation_input_tokens": 100,
			"llm.usage.reasoning_tokens": 20}},
		{dialect: genai.DialectOpenLLMetry, attributes: map[string]any{ // before the names of the conventions
			"llm.request.type": "chat", "llm.vendor": "Anthropic", "llm.request.model": callModel,
			"llm.prompts.0.role": "user", "llm.prompts.0.content": callInput,
			"llm.completions.0.role": "assistant", "llm.completions.0.content": callOutput,
			"llm.usage.prompt_tokens": 1000, "llm.usage.completion_tokens": 50, "llm.usage.total_tokens": 1050,
			"llm.anthropic.usage.cache_read_input_tokens": 400, "llm.anthropic.usage.cache_creation_input_tokens": 100},
			unsaid: []string{"reasoning"}},
		{dialect: genai.DialectLangfuse, attributes: map[string]any{
			"langfuse.observation.type": "generation", "langfuse.observation.model.name": callModel,
			"langfuse.observation.input":  messages("user", callInput),
			"langfuse.observation.output": callOutput,
			"langfuse.observation.usage_details": `{"input": 500, "output": 30, "input_cached_tokens": 400, ` +
				`"input_cache_creation": 100, "output_reasoning_tokens": 20, "total": 1050}`}},
		{dialect: genai.DialectPydanticAI, scope: "pydantic-ai", attributes: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "model_name": callModel,
			"pydantic_ai.all_messages": parts("user", callInput), "final_result": callOutput,
			"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 50,
			"gen_ai.usage.details.cache_read_tokens": 400, "gen_ai.usage.details.cache_write_tokens": 100,
			"gen_ai.usage.details.reasoning_tokens": 20}},
		{dialect: genai.DialectVercel, attributes: map[string]any{
			"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": callModel,
			"ai.model.provider":  "openai.chat",
			"ai.prompt.messages": messages("user", callInput), "ai.response.text": callOutput,
			"ai.usage.inputTokens": 1000, "ai.usage.outputTokens": 50, "ai.usage.totalTokens": 1050,
			"ai.usage.cachedInputTokens": 400, "ai.usage.reasoningTokens": 20},
			unsaid: []string{"write"}},
		{dialect: genai.DialectGoogleADK, scope: "gcp.vertex.agent", attributes: map[string]any{
			"gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": callModel,
			"gcp.vertex.agent.llm_request": `{"model": "model-1", "contents": [{"role": "user", "parts": [{"text": "` +
				callInput + `"}]}]}`,
			"gcp.vertex.agent.llm_response": `{"content": {"role": "model", "parts": [{"text": "` + callOutput +
				`"}]}, ` +
				`"usage_metadata": {"prompt_token_count": 1000, "candidates_token_count": 30, ` +
				`"thoughts_token_count": 20, ` +
				`"cached_content_token_count": 400, "total_token_count": 1050}}`,
			"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 30},
			unsaid: []string{"write"}},
		{dialect: genai.DialectClaudeCode, scope: "com.anthropic.claude_code.tracing", attributes: map[string]any{
			"span.type": "llm_request", "model": callModel, "gen_ai.system": "anthropic",
			"input_tokens": "500", "output_tokens": "50", "cache_read_tokens": "400", "cache_creation_tokens": "100"},
			unsaid: []string{"reasoning", "text"}},
		{dialect: genai.DialectOpenAIAgents, scope: "mlflow", attributes: map[string]any{
			"mlflow.spanType": "CHAT_MODEL", "model": callModel,
			"mlflow.spanInputs":  messageList("user", callInput),
			"mlflow.spanOutputs": messageList("assistant", callOutput),
			"usage": map[string]any{"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050,
				"input_tokens_details":  map[string]any{"cached_tokens": 400},
				"output_tokens_details": map[string]any{"reasoning_tokens": 20}}},
			unsaid: []string{"write"}},
		{dialect: genai.DialectLangSmith, scope: "langsmith", attributes: map[string]any{
			"langsmith.span.kind": "llm", "gen_ai.operation.name": "chat",
			"langsmith.metadata.ls_model_name": callModel,
			"langsmith.metadata.ls_provider":   "openai",
			"gen_ai.prompt":                    `{"messages": ` + messages("user", callInput) + `}`,
			"gen_ai.completion":                callOutput,
			"gen_ai.usage.input_tokens":        1000, "gen_ai.usage.output_tokens": 50,
			"gen_ai.usage.total_tokens":         1050,
			"gen_ai.usage.input_token_details":  `{"cache_read": 400, "cache_creation": 100}`,
			"gen_ai.usage.output_token_details": `{"reasoning": 20}`}},
	}
}

func messageList(role, content string) []any {
	return []any{map[string]any{"role": role, "content": content}}
}

// The same call has the same counts, scores and costs in every dialect.
func TestSameCallInEveryDialect(t *testing.T) {
	models := []cost.ModelPrice{{Match: cost.ModelMatch{Model: callModel}, Rates: cost.Rates{
		Input: new(float64(1000)), Output: new(float64(10_000)), CacheRead: new(float64(100)),
		CacheWrite: new(float64(2000)), Reasoning: new(float64(20_000))}}}
	seen := map[genai.Dialect]bool{}
	for _, c := range sameCalls() {
		seen[c.dialect] = true
		t.Run(string(c.dialect), func(t *testing.T) {
			td := one(t, c.attributes)
			td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName(c.scope)
			e := spanAt(td, 0).Events().AppendEmpty()
			e.SetName("gen_ai.evaluation.result")
			e.Attributes().PutStr("gen_ai.evaluation.name", "Relevance")
			e.Attributes().PutDouble("gen_ai.evaluation.score.value", 0.75)
			got := refine(t, td, func(cfg *Config) {
				cfg.Tokens.Mode, cfg.Tokens.Spans = text.ModeText, SpansLLM
				cfg.Cost = cost.Config{Currency: "USD", Models: models}
				require.NoError(t, cfg.Validate())
			})
			attributes := spanAt(got, 0).Attributes().AsRaw()

			// 500 new tokens, 400 cached, 100 written; 30 of the answer, 20 of reasoning.
			input, output := 0.5+0.04+0.2, 0.3+0.4
			if slices.Contains(c.unsaid, "write") {
				input = 0.6 + 0.04
			}
			if slices.Contains(c.unsaid, "reasoning") {
				output = 0.5
			}
			assert.InDelta(t, input, attributes[genai.CostInput], 1e-12)
			assert.InDelta(t, output, attributes[genai.CostOutput], 1e-12)
			assert.NotContains(t, attributes, genai.CostLimited)
			assert.Equal(t, 0.75, attributes["metric_relevance"])
			if !slices.Contains(c.unsaid, "text") {
				assert.Equal(t, int64(7), attributes[genai.TokenCountRequest])
				assert.Equal(t, int64(3), attributes[genai.TokenCountResponse])
			}
		})
	}
	for _, d := range genai.Dialects {
		assert.True(t, seen[d], "%s is not compared", d)
	}
}

// What the receiver derives from MLflow's numbers costs what those numbers cost, whatever they mean
// by cached tokens, and the configuration's word on them isn't applied twice.
func TestReceivedUsage(t *testing.T) {
	rates := cost.Rates{Input: new(float64(1000)), Output: new(float64(10_000)), CacheRead: new(float64(100)),
		CacheWrite: new(float64(2000)), Reasoning: new(float64(20_000))}
	for name, tc := range map[string]struct {
		usage, outputs string
		included       *bool
		input, output  float64
		uncertain      any
	}{
		"included": {`{"input_tokens": 1000, "output_tokens": 50, "cache_read_input_tokens": 400}`, ``, nil,
			0.6 + 0.04, 0.5, true},
		"included, it is said": {`{"input_tokens": 1000, "output_tokens": 50, "cache_read_input_tokens": 400}`, ``,
			new(true), 0.6 + 0.04, 0.5, nil},
		"excluded, it is said": {`{"input_tokens": 600, "output_tokens": 50, "cache_read_input_tokens": 400}`, ``,
			new(false), 0.6 + 0.04, 0.5, nil},
		"excluded by evidence": {`{"input_tokens": 6, "output_tokens": 50, "total_tokens": 56, ` +
			`"cache_read_input_tokens": 400, "cache_creation_input_tokens": 100}`, ``, nil,
			0.006 + 0.04 + 0.2, 0.5, nil},
		"excluded by evidence, it is said": {`{"input_tokens": 6, "output_tokens": 50, "total_tokens": 56, ` +
			`"cache_read_input_tokens": 400, "cache_creation_input_tokens": 100}`, ``, new(false),
			0.006 + 0.04 + 0.2, 0.5, nil},
		"excluded by the total": {`{"input_tokens": 600, "output_tokens": 50, "total_tokens": 1050, ` +
			`"cache_read_input_tokens": 400}`, ``, nil, 0.6 + 0.04, 0.5, nil},
		"thoughts": {`{"input_tokens": 1000, "output_tokens": 30, "total_tokens": 1050}`,
			`{"usage_metadata": {"candidates_token_count": 30, "thoughts_token_count": 20}}`, nil, 1, 0.3 + 0.4, nil},
	} {
		t.Run(name, func(t *testing.T) {
			trace := &mlflow.Trace{Spans: []mlflow.Span{{ID: [8]byte{1}, Attributes: []mlflow.Attribute{
				{Key: genai.SpanType, Raw: []byte(`"CHAT_MODEL"`)},
				{Key: genai.LLMModel, Raw: []byte(`"` + callModel + `"`)},
				{Key: genai.ChatUsage, Raw: []byte(tc.usage)}, {Key: genai.SpanOutputs, Raw: []byte(tc.outputs)},
			}}}}
			if tc.outputs == "" {
				trace.Spans[0].Attributes = trace.Spans[0].Attributes[:3]
			}
			td := ptrace.NewTraces()
			genai.NewConverter(genai.Options{CaptureContent: true}).Append(td, mlflow.Experiment{}, trace)
			got := spanAt(refine(t, td, func(cfg *Config) {
				cfg.Cost = cost.Config{Currency: "USD", Models: []cost.ModelPrice{{
					Match: cost.ModelMatch{Model: callModel}, Rates: rates, InputIncludesCached: tc.included}}}
			}), 0).Attributes().AsRaw()
			assert.InDelta(t, tc.input, got[genai.CostInput], 1e-12)
			assert.InDelta(t, tc.output, got[genai.CostOutput], 1e-12)
			assert.Equal(t, tc.uncertain, got[genai.CostUncertain])
			if read, ok := got[genai.UsageCacheRead]; ok {
				assert.GreaterOrEqual(t, got[genai.UsageInput], read)
			}
		})
	}
}

// The names of Claude Code's attributes say nothing on spans of others.
func TestNamesWithoutNamespace(t *testing.T) {
	td := one(t, map[string]any{"span.type": "llm_request", "model": callModel, "input_tokens": 5, "usage": "x"})
	before := ptrace.NewTraces()
	td.CopyTo(before)
	assert.Equal(t, before, refine(t, td, func(cfg *Config) { cfg.Tokens.Spans = SpansAll }))
}
