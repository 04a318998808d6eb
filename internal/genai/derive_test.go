// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func TestKinds(t *testing.T) {
	client, internal := ptrace.SpanKindClient, ptrace.SpanKindInternal
	tests := []struct {
		raw       string
		kind      ptrace.SpanKind
		operation any
		name      string // attribute that holds the span's name
	}{
		{`"CHAT_MODEL"`, client, "chat", ""}, {`CHAT_MODEL`, client, "chat", ""},
		{`"\"CHAT_MODEL\""`, client, "chat", ""},
		{`"LLM"`, client, "generate_content", ""}, {`"EMBEDDING"`, client, "embeddings", ""},
		{`"RETRIEVER"`, client, "retrieval", ""},
		{`"TOOL"`, internal, "execute_tool", ToolName}, {`"AGENT"`, internal, "invoke_agent", AgentName},
		{`"WORKFLOW"`, internal, "invoke_workflow", ""},
		{`"CHAIN"`, internal, nil, ""}, {`"TASK"`, internal, nil, ""}, {`"PARSER"`, internal, nil, ""},
		{`"MEMORY"`, internal, nil, ""}, {`"RERANKER"`, internal, nil, ""},
		{`"GUARDRAIL"`, internal, nil, ""}, {`"EVALUATOR"`, internal, nil, ""}, {`"UNKNOWN"`, internal, nil, ""},
		{`"MY_TYPE"`, internal, nil, ""}, {`null`, internal, nil, ""}, {`7`, internal, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			span, _ := convert(t, captured, attribute(SpanType, tt.raw))
			assert.Equal(t, tt.kind, span.Kind())
			attrs := span.Attributes().AsRaw()
			assert.Equal(t, tt.operation, attrs[OperationName])
			for _, key := range []string{ToolName, AgentName} {
				if key == tt.name {
					assert.Equal(t, "span", attrs[key])
				} else {
					assert.NotContains(t, attrs, key)
				}
			}
		})
	}
}

func TestNamesOfToolsAndAgents(t *testing.T) {
	name := func(span string, more ...mlflow.Attribute) any {
		td := ptrace.NewTraces()
		trace := &mlflow.Trace{
			Spans: []mlflow.Span{{Name: span, Attributes: append(more, attribute(SpanType, `"TOOL"`))}}}
		NewConverter(captured).Append(td, mlflow.Experiment{}, trace)
		return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()[ToolName]
	}
	assert.Equal(t, "search", name("search"))
	assert.Equal(t, "search", name("execute_tool search"))
	assert.Nil(t, name("execute_tool"))
	assert.Nil(t, name(""))
	assert.Equal(t, "mine", name("search", attribute(ToolName, `"mine"`)))
}

func TestProviders(t *testing.T) {
	for _, tt := range []struct{ name, model, want string }{
		{"openai", "", "openai"}, {"OpenAI", "", "openai"}, {"azure", "", "azure.ai.openai"},
		{"azure_openai", "", "azure.ai.openai"}, {"azure_ai", "", "azure.ai.inference"},
		{"anthropic", "", "anthropic"}, {"bedrock", "", "aws.bedrock"}, {"bedrock_converse", "", "aws.bedrock"},
		{"gemini", "", "gcp.gemini"},
		{"vertex_ai", "", "gcp.vertex_ai"}, {"vertex_ai-anthropic_models", "", "gcp.vertex_ai"},
		{"databricks", "", "databricks"}, {"mistral", "", "mistral_ai"},
		{"mistralai", "", "mistral_ai"}, {"groq", "", "groq"}, {"xai", "", "x_ai"}, {"deepseek", "", "deepseek"},
		{"cohere", "", "cohere"}, {"perplexity", "", "perplexity"},
		{"watsonx", "", "ibm.watsonx.ai"}, {"moonshot", "", "moonshot_ai"}, {"google", "", "gcp.gen_ai"},
		{"My Own", "", "my own"},
		{"", "databricks-claude", "databricks"}, {"", "gpt-4o", ""}, {"openai", "databricks-claude", "openai"},
	} {
		assert.Equal(t, tt.want, provider(tt.name, tt.model), "%s %s", tt.name, tt.model)
	}
}

// derived returns the attributes of the semantic conventions of a span with these inputs and
// outputs.
func derived(t *testing.T, spanType string, attributes ...mlflow.Attribute) map[string]any {
	t.Helper()
	span, _ := convert(t, captured, append(attributes, attribute(SpanType, `"`+spanType+`"`))...)
	all := span.Attributes().AsRaw()
	for _, key := range []string{SpanType, SpanInputs, SpanOutputs, ChatUsage, LLMModel, LLMProvider, Revision,
		ExperimentID, OperationName} {
		delete(all, key)
	}
	return all
}

func TestRequest(t *testing.T) {
	inputs := `{"model": "m", "temperature": 1, "top_p": 0.5, "top_k": 40, "max_completion_tokens": 100.0, ` +
		`"max_tokens": 7, "stop": ["a", 1, "b"],
		"frequency_penalty": 0, "presence_penalty": -1.5, "seed": 42, "n": 2, "stream": true, ` +
		`"messages": [{"temperature": 9}], "reasoning_effort": "low"}`
	want := map[string]any{
		RequestModel: "m", RequestTemperature: 1.0, RequestTopP: 0.5, RequestTopK: 40.0, RequestMaxTokens: int64(100),
		RequestStop:      []any{"a", "b"},
		RequestFrequency: 0.0, RequestPresence: -1.5, RequestSeed: int64(42),
		RequestChoices: int64(2), RequestStream: true,
	}
	assert.Equal(t, want, derived(t, "CHAT_MODEL", attribute(SpanInputs, inputs)))
	assert.Empty(t, derived(t, "CHAIN", attribute(SpanInputs, inputs)))
	assert.Equal(t, map[string]any{RequestStop: []any{"x"}},
		derived(t, "LLM",
			attribute(SpanInputs,
				`{"stop": "x", "n": 1, "stream": false, "seed": 1.5, "temperature": "hot", "max_tokens": null}`)))
	assert.Empty(t, derived(t, "LLM", attribute(SpanInputs, `{"temperature": 1`)), "text that only begins like JSON")
	assert.Equal(t, map[string]any{RequestSeed: int64(1)}, derived(t, "LLM", attribute(SpanInputs, `"{\"seed\": 1}"`)),
		"JSON in a string")
	assert.Empty(t, derived(t, "LLM", attribute(SpanInputs, `[{"seed": 1}]`)))
	assert.Equal(t, map[string]any{RequestTemperature: int64(3)},
		derived(t, "LLM", attribute(SpanInputs, `{"temperature": 1}`), attribute(RequestTemperature, `3`)),
		"the producer's own stays")
}

// Langfuse and OpenInference hold the parameters apart from the input.
func TestParametersBesideInputs(t *testing.T) {
	const langfuse, openInference = "langfuse.observation.model.parameters", "llm.invocation_parameters"
	generation := attribute("langfuse.observation.type", `"generation"`)
	parameters := func(attributes ...mlflow.Attribute) map[string]any {
		span, _ := convert(t, Options{}, attributes...)
		all := span.Attributes().AsRaw()
		for _, key := range []string{OperationName, "langfuse.observation.type", ExperimentID, Revision,
			JSONAttributes} {
			delete(all, key)
		}
		return all
	}
	assert.Equal(t, map[string]any{RequestTemperature: 0.5, RequestMaxTokens: int64(10), RequestStop: []any{"x"}},
		parameters(generation, attribute(langfuse,
			`"{\"temperature\": 0.5, \"max_tokens\": 10, \"stop\": \"x\", \"tools\": [1]}"`)), "as JSON in a string")
	assert.Equal(t, map[string]any{RequestSeed: int64(1)},
		parameters(generation, attribute(langfuse, `{"seed": 1, "top_k": "many"}`)))
	assert.Equal(t, map[string]any{RequestSeed: int64(1), RequestTopP: 0.5},
		parameters(generation, attribute(SpanInputs, `{"seed": 1}`),
			attribute(langfuse, `{"seed": 2, "top_p": 0.5}`)), "the inputs come first")
	for _, list := range [][]mlflow.Attribute{
		{attribute(openInference, `{"seed": 3}`), attribute(langfuse, `{"seed": 2}`)},
		{attribute(langfuse, `{"seed": 2}`), attribute(openInference, `{"seed": 3}`)},
	} {
		assert.Equal(t, map[string]any{RequestSeed: int64(2)}, parameters(append(list, generation)...))
	}
	assert.Equal(t, map[string]any{"openinference.span.kind": "LLM", RequestSeed: int64(3)},
		parameters(attribute("openinference.span.kind", `"LLM"`), attribute(openInference, `"{\"seed\": 3}"`)))
	for _, none := range []string{`"seed"`, `[{"seed": 1}]`, `null`, `"{\"seed\": 1"`} {
		assert.Empty(t, parameters(generation, attribute(langfuse, none)), none)
	}
	assert.Equal(t, map[string]any{"langfuse.observation.usage_details": `{"input": 1}`, UsageInput: int64(1),
		"langfuse.observation.cost_details": `{"total": 0.5}`},
		parameters(generation, attribute("langfuse.observation.usage_details", `"{\"input\": 1}"`),
			attribute("langfuse.observation.cost_details", `"{\"total\": 0.5}"`)), "numbers are no content")
}

func TestOperationOfLLM(t *testing.T) {
	for inputs, want := range map[string]string{
		`{"prompt": "x"}`: "text_completion", `{"prompt": "x", "messages": []}`: "chat", `{"messages": []}`: "chat",
		`{"input": [{}]}`: "chat",
		`{"input": "x"}`:  "generate_content", `{"prompt": null}`: "generate_content", `"x"`: "generate_content",
		`null`: "generate_content", `{"contents": []}`: "generate_content",
	} {
		span, _ := convert(t, captured, attribute(SpanType, `"LLM"`), attribute(SpanInputs, inputs))
		assert.Equal(t, want, get(t, span.Attributes(), OperationName).Str(), inputs)
	}
	span, _ := convert(t, captured, attribute(SpanType, `"LLM"`), attribute(OperationName, `"mine"`))
	assert.Equal(t, "mine", get(t, span.Attributes(), OperationName).Str())
}

func TestModelAndProvider(t *testing.T) {
	assert.Equal(t, map[string]any{RequestModel: "asked", ResponseModel: "answered", ProviderName: "aws.bedrock"},
		derived(t, "CHAT_MODEL",
			attribute(LLMModel, `"answered"`), attribute(LLMProvider, `"bedrock"`),
			attribute(SpanInputs, `{"model": "asked"}`), attribute(SpanOutputs, `{"model": "answered"}`)))
	assert.Equal(t, map[string]any{RequestModel: "m", ProviderName: "databricks"},
		derived(t, "CHAIN", attribute(LLMModel, `"m"`), attribute(LLMProvider, `"databricks"`)), "on any type")
}

func TestResponse(t *testing.T) {
	assert.Equal(t, map[string]any{ResponseID: "r1", ResponseModel: "m2", ResponseFinish: []any{"stop", "length"},
		UsageReasoning: int64(7)}, derived(t, "CHAT_MODEL",
		attribute(SpanOutputs,
			`{"id": "r1", "model": "m2", "choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}, `+
				`{"finish_reason": null}, 1],
			"usage": {"completion_tokens_details": {"reasoning_tokens": 7}, "output_tokens_details": null}}`)))
	assert.Equal(t, map[string]any{ResponseFinish: []any{"end_turn"}},
		derived(t, "CHAT_MODEL", attribute(SpanOutputs, `{"stop_reason": "end_turn", "id": 5, "choices": {}}`)))
	assert.Equal(t, map[string]any{ResponseFinish: []any{"STOP"}},
		derived(t, "LLM", attribute(SpanOutputs, `{"candidates": [{"finishReason": "STOP"}]}`)))
	assert.Empty(t, derived(t, "TOOL", attribute(ToolName, "null"), attribute(SpanOutputs, `{"id": "r1"}`))[ResponseID])
}

func TestUsage(t *testing.T) {
	full := `{"input_tokens": 12, "output_tokens": 3.0, "total_tokens": 15, "cache_read_input_tokens": 4, ` +
		`"cache_creation_input_tokens": 5}`
	want := map[string]any{UsageInput: int64(12), UsageOutput: int64(3), UsageCacheRead: int64(4),
		UsageCacheWrite: int64(5)}
	assert.Equal(t, want, derived(t, "CHAT_MODEL", attribute(ChatUsage, full)))
	assert.Equal(t, want, derived(t, "CHAIN", attribute(ChatUsage, `"`+`{\"input_tokens\": 12, \"output_tokens\": `+
		`3, \"cache_read_input_tokens\": 4, \"cache_creation_input_tokens\": 5}"`)), "JSON in a string")
	for _, bad := range []string{`{"input_tokens": -1}`, `{"input_tokens": 1.5}`, `{"input_tokens": "many"}`,
		`{"input_tokens": NaN}`, `{"input_tokens": 1e300}`, `{"input_tokens": 99999999999999999999}`} {
		span, stats := convert(t, captured, attribute(ChatUsage, bad))
		_, there := span.Attributes().Get(UsageInput)
		assert.False(t, there, bad)
		assert.Equal(t, 1, stats.BadUsage, bad)
	}
	for _, nothing := range []string{`{"input_tokens": null}`, `[]`, `null`, `text`, `"{"`} {
		span, stats := convert(t, captured, attribute(ChatUsage, nothing))
		_, there := span.Attributes().Get(UsageInput)
		assert.False(t, there, nothing)
		assert.Zero(t, stats.BadUsage, nothing)
	}
}

// What is derived is what the conventions mean, whatever MLflow's number means, and MLflow's own
// number stays.
func TestUsageByTheConventions(t *testing.T) {
	for name, tt := range map[string]struct {
		attributes []mlflow.Attribute
		want       map[string]any
	}{
		"input below cached": {[]mlflow.Attribute{attribute(ChatUsage, `{"input_tokens": 3, "output_tokens": 100, `+
			`"total_tokens": 103, "cache_read_input_tokens": 15000, "cache_creation_input_tokens": 200}`)},
			map[string]any{UsageInput: int64(15203), UsageOutput: int64(100), UsageCacheRead: int64(15000),
				UsageCacheWrite: int64(200)}},
		"a total that tells": {[]mlflow.Attribute{attribute(ChatUsage, `{"input_tokens": 500, "output_tokens": 1, `+
			`"total_tokens": 601, "cache_read_input_tokens": 100}`)},
			map[string]any{UsageInput: int64(600), UsageOutput: int64(1), UsageCacheRead: int64(100)}},
		"nothing tells": {[]mlflow.Attribute{attribute(ChatUsage,
			`{"input_tokens": 500, "cache_read_input_tokens": 100}`)},
			map[string]any{UsageInput: int64(500), UsageCacheRead: int64(100)}},
		"text": {[]mlflow.Attribute{attribute(ChatUsage, `{"input_tokens": "12", "output_tokens": "3.0"}`)},
			map[string]any{UsageInput: int64(12), UsageOutput: int64(3)}},
		"Gemini's thoughts": {[]mlflow.Attribute{attribute(ChatUsage, `{"input_tokens": 10, "output_tokens": 20, `+
			`"total_tokens": 35}`), attribute(SpanOutputs, `{"candidates": [], "usage_metadata": {`+
			`"prompt_token_count": 10, `+
			`"candidates_token_count": 20, "thoughts_token_count": 5, "total_token_count": 35}}`)},
			map[string]any{UsageInput: int64(10), UsageOutput: int64(25), UsageReasoning: int64(5)}},
		"Gemini's thoughts, without a total": {[]mlflow.Attribute{
			attribute(ChatUsage, `{"input_tokens": 10, "output_tokens": 20}`),
			attribute(SpanOutputs, `{"usageMetadata": {"candidatesTokenCount": 20, "thoughtsTokenCount": 5}}`)},
			map[string]any{UsageInput: int64(10), UsageOutput: int64(25), UsageReasoning: int64(5)}},
		"an output that has them already": {[]mlflow.Attribute{
			attribute(ChatUsage, `{"input_tokens": 10, "output_tokens": 25}`),
			attribute(SpanOutputs, `{"usageMetadata": {"candidatesTokenCount": 20, "thoughtsTokenCount": 5}}`)},
			map[string]any{UsageInput: int64(10), UsageOutput: int64(25), UsageReasoning: int64(5)}},
		"OpenAI Agents": {[]mlflow.Attribute{attribute("model", `"m"`), attribute("usage", `{"input_tokens": 50, `+
			`"input_tokens_details": {"cached_tokens": 40}, "output_tokens": 9, `+
			`"output_tokens_details": {"reasoning_tokens": 8}, "total_tokens": 59}`)},
			map[string]any{"model": "m", RequestModel: "m", UsageInput: int64(50), UsageOutput: int64(9),
				UsageCacheRead: int64(40), UsageReasoning: int64(8)}},
		"another dialect": {[]mlflow.Attribute{attribute("llm.token_count.prompt", `50`),
			attribute("llm.token_count.completion", `5`), attribute("llm.model_name", `"m"`),
			attribute("llm.provider", `"azure"`), attribute("langfuse.session.id", `"s"`)},
			map[string]any{"llm.token_count.prompt": int64(50), "llm.token_count.completion": int64(5),
				"llm.model_name": "m", "llm.provider": "azure", "langfuse.session.id": "s", ConversationID: "s",
				UsageInput: int64(50), UsageOutput: int64(5), RequestModel: "m", ProviderName: "azure.ai.openai"}},
		"the producer's own": {[]mlflow.Attribute{attribute(UsageInput, `3`), attribute(UsageCacheRead, `15000`),
			attribute(ChatUsage, `{"input_tokens": 3, "cache_read_input_tokens": 15000}`)},
			map[string]any{UsageInput: int64(3), UsageCacheRead: int64(15000)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := derived(t, "CHAT_MODEL", tt.attributes...)
			delete(got, "usage")
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestKindsOfOtherDialects(t *testing.T) {
	for key, value := range map[string]string{"openinference.span.kind": `"LLM"`,
		"langfuse.observation.type": `"generation"`, "llm.request.type": `"completion"`} {
		for _, typ := range []string{`"UNKNOWN"`, `null`} {
			span, _ := convert(t, captured, attribute(SpanType, typ), attribute(key, value))
			assert.Equal(t, ptrace.SpanKindClient, span.Kind(), key)
			assert.Equal(t, "generate_content", get(t, span.Attributes(), OperationName).Str(), key)
		}
		span, _ := convert(t, captured, attribute(SpanType, `"CHAIN"`), attribute(key, value))
		assert.Equal(t, ptrace.SpanKindInternal, span.Kind(), "MLflow's type comes first")
	}
}

func TestEmbeddings(t *testing.T) {
	assert.Equal(t, map[string]any{EmbeddingsDimensions: int64(3)},
		derived(t, "EMBEDDING", attribute(SpanOutputs, `[0.1, -0.2, 1e-07]`)))
	assert.Equal(t, map[string]any{EmbeddingsDimensions: int64(256)},
		derived(t, "EMBEDDING", attribute(SpanInputs, `{"dimensions": 256}`), attribute(SpanOutputs, `[1]`)))
	assert.Empty(t, derived(t, "EMBEDDING", attribute(SpanOutputs, `[[1], [2]]`)))
}

func TestErrorType(t *testing.T) {
	exception := func(of string) mlflow.Event {
		return mlflow.Event{Name: "exception", Attributes: []mlflow.Attribute{attribute(ExceptionMessage, `"m"`),
			attribute(ExceptionType, of)}}
	}
	assert.Equal(t, "ValueError",
		errorType([]mlflow.Event{exception(`"KeyError"`), exception(`"ValueError"`), {Name: "done"}}))
	assert.Equal(t, "KeyError",
		errorType([]mlflow.Event{exception(`"KeyError"`), exception(`null`), {Name: "exception"}}))
	assert.Equal(t, "_OTHER",
		errorType([]mlflow.Event{{Name: "exception"}, {Name: "x", Attributes: exception(`"T"`).Attributes}}))
	assert.Equal(t, "_OTHER", errorType(nil))

	span, _ := convert(t, captured)
	_, there := span.Attributes().Get(ErrorType)
	assert.False(t, there, "only failed spans have one")
}

func TestOnlyPrompt(t *testing.T) {
	assert.Equal(t, "p", onlyPrompt([]byte(`[{"name": "p", "version": "3"}]`)))
	for _, text := range []string{`[{"name": "p"}, {"name": "q"}]`, `[]`, `[1]`, `{}`, ``, `[{"name": 1}]`} {
		assert.Empty(t, onlyPrompt([]byte(text)), text)
	}
}

// MLflow 3.18 stores the kind INTERNAL for every span: only the other kinds say something.
func TestKindOfTheSource(t *testing.T) {
	for stored, want := range map[uint8]ptrace.SpanKind{
		0: ptrace.SpanKindClient, 1: ptrace.SpanKindClient, 2: ptrace.SpanKindServer, 3: ptrace.SpanKindClient,
		4: ptrace.SpanKindProducer, 5: ptrace.SpanKindConsumer,
	} {
		td := ptrace.NewTraces()
		NewConverter(captured).Append(td, mlflow.Experiment{ID: "1"}, &mlflow.Trace{Info: mlflow.Info{ID: "tr-1"},
			Spans: []mlflow.Span{{Kind: stored, Attributes: []mlflow.Attribute{attribute(SpanType, `"LLM"`)}}}})
		assert.Equal(t, want, td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Kind(), stored)
	}
}
