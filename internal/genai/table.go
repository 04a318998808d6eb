// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"

// row is a line of the table: an attribute that says a fact.
type row struct {
	key     string
	dialect Dialect
}

// group is a part of the table: the attributes that say one fact, or one number of tokens, or hold
// a text in one place. The first has the lowest rank.
type group struct {
	reading Reading
	rows    []row
}

const claudeCodeKind = "span.type"

// table is all that is read of a span, in all dialects. Names of the conventions come first, the
// newest before the older ones, where the conventions' meaning is the more certain one.
var table = []group{
	{Reading{Fact: FactKind}, []row{
		{SpanType, DialectMLflow}, {"langsmith.span.kind", DialectLangSmith}, {OperationName, DialectConventions},
		{"openinference.span.kind", DialectOpenInference},
		{"llm.request.type", DialectOpenLLMetry}, {"traceloop.span.kind", DialectOpenLLMetry},
		{"langfuse.observation.type", DialectLangfuse}, {"ai.operationId", DialectVercel},
		{claudeCodeKind, DialectClaudeCode},
	}},
	{Reading{Fact: FactProvider}, []row{{ProviderName, DialectConventions}, {"gen_ai.system", DialectConventions}}},
	{Reading{Fact: FactProviderOther}, []row{
		{LLMProvider, DialectMLflow}, {"llm.provider", DialectOpenInference}, {"llm.system", DialectOpenInference},
		{"ai.model.provider", DialectVercel}, {"llm.vendor", DialectOpenLLMetry},
		{"langsmith.metadata.ls_provider", DialectLangSmith},
	}},
	{Reading{Fact: FactRequestModel}, []row{
		{RequestModel, DialectConventions}, {LLMModel, DialectMLflow}, {"llm.model_name", DialectOpenInference},
		{"embedding.model_name", DialectOpenInference}, {"reranker.model_name", DialectOpenInference},
		{"langfuse.observation.model.name", DialectLangfuse}, {"ai.model.id", DialectVercel},
		{"llm.request.model", DialectOpenLLMetry}, {"langsmith.metadata.ls_model_name", DialectLangSmith},
		{"model", DialectClaudeCode}, {"model_name", DialectPydanticAI}, {"model", DialectOpenAIAgents},
	}},
	{Reading{Fact: FactResponseModel}, []row{
		{ResponseModel, DialectConventions}, {"ai.response.model", DialectVercel},
		{"llm.response.model", DialectOpenLLMetry},
	}},
	{Reading{Fact: FactTool}, []row{
		{ToolName, DialectConventions}, {"tool.name", DialectOpenInference}, {"ai.toolCall.name", DialectVercel},
		{"traceloop.entity.name", DialectOpenLLMetry}, {"tool_name", DialectClaudeCode},
	}},
	{Reading{Fact: FactAgent}, []row{
		{AgentName, DialectConventions}, {"agent.name", DialectOpenInference}, {"agent_name", DialectPydanticAI},
	}},
	{Reading{Fact: FactConversation}, []row{
		{ConversationID, DialectConventions}, {TraceSession, DialectMLflow}, {"langfuse.session.id", DialectLangfuse},
		{"traceloop.association.properties.session_id", DialectOpenLLMetry},
		{"gcp.vertex.agent.session_id", DialectGoogleADK}, {"langsmith.metadata.session_id", DialectLangSmith},
		{"langsmith.metadata.thread_id", DialectLangSmith}, {"langsmith.metadata.conversation_id", DialectLangSmith},
		{SessionID, DialectOpenInference},
	}},
	{Reading{Fact: FactRequestText, Source: SourceMLflow}, []row{{SpanInputs, DialectMLflow}}},
	{Reading{Fact: FactResponseText, Source: SourceMLflow}, []row{{SpanOutputs, DialectMLflow}}},
	{Reading{Fact: FactRequestText, Source: SourceMessages}, []row{{"gen_ai.input.messages", DialectConventions}}},
	{Reading{Fact: FactResponseText, Source: SourceMessages}, []row{{"gen_ai.output.messages", DialectConventions}}},
	{Reading{Fact: FactSystem}, []row{{"gen_ai.system_instructions", DialectConventions}}},
	{Reading{Fact: FactRequestText, Source: SourceCall}, []row{
		{"gen_ai.tool.call.arguments", DialectConventions}, {"gen_ai.retrieval.query.text", DialectConventions},
		{"gcp.vertex.agent.tool_call_args", DialectGoogleADK}, {"ai.toolCall.args", DialectVercel},
		{"tool_arguments", DialectPydanticAI},
	}},
	{Reading{Fact: FactResponseText, Source: SourceCall}, []row{
		{"gen_ai.tool.call.result", DialectConventions}, {"gcp.vertex.agent.tool_response", DialectGoogleADK},
		{"ai.toolCall.result", DialectVercel}, {"tool_response", DialectPydanticAI},
	}},
	{Reading{Fact: FactRequestText, Source: SourceOpenInference, Numbered: true},
		[]row{{"llm.input_messages.", DialectOpenInference}}},
	{Reading{Fact: FactResponseText, Source: SourceOpenInference, Numbered: true},
		[]row{{"llm.output_messages.", DialectOpenInference}}},
	{Reading{Fact: FactRequestText, Source: SourceOpenLLMetry, Numbered: true},
		[]row{{"gen_ai.prompt.", DialectOpenLLMetry}}},
	{Reading{Fact: FactResponseText, Source: SourceOpenLLMetry, Numbered: true},
		[]row{{"gen_ai.completion.", DialectOpenLLMetry}}},
	{Reading{Fact: FactRequestText, Source: SourceOldOpenLLMetry, Numbered: true},
		[]row{{"llm.prompts.", DialectOpenLLMetry}}},
	{Reading{Fact: FactResponseText, Source: SourceOldOpenLLMetry, Numbered: true},
		[]row{{"llm.completions.", DialectOpenLLMetry}}},
	{Reading{Fact: FactRequestText, Source: SourceValue}, []row{
		{"input.value", DialectOpenInference}, {"traceloop.entity.input", DialectOpenLLMetry},
		{"langfuse.observation.input", DialectLangfuse}, {"gen_ai.prompt", DialectLangSmith},
		{"ai.prompt.messages", DialectVercel}, {"ai.prompt", DialectVercel}, {"ai.value", DialectVercel},
		{"pydantic_ai.all_messages", DialectPydanticAI}, {"all_messages_events", DialectPydanticAI},
		{"user_prompt", DialectClaudeCode},
	}},
	{Reading{Fact: FactRequestText, Source: SourceValue, Implies: KindLLM, Rank: 50},
		[]row{{"gcp.vertex.agent.llm_request", DialectGoogleADK}}},
	{Reading{Fact: FactResponseText, Source: SourceValue}, []row{
		{"output.value", DialectOpenInference}, {"traceloop.entity.output", DialectOpenLLMetry},
		{"langfuse.observation.output", DialectLangfuse}, {"gen_ai.completion", DialectLangSmith},
		{"ai.response.text", DialectVercel}, {"ai.response.object", DialectVercel},
		{"ai.response.toolCalls", DialectVercel}, {"final_result", DialectPydanticAI},
	}},
	{Reading{Fact: FactResponseText, Source: SourceValue, Document: geminiResponse, Rank: 50},
		[]row{{"gcp.vertex.agent.llm_response", DialectGoogleADK}}},
	{Reading{Fact: FactRequestText, Source: SourcePreview}, []row{{RequestPreview, DialectMLflow}}},
	{Reading{Fact: FactResponseText, Source: SourcePreview}, []row{{ResponsePreview, DialectMLflow}}},
	{Reading{Fact: FactAssessments}, []row{{Assessments, DialectMLflow}, {PlainAssessments, DialectMLflow}}},
	tokens(usage.FieldInput,
		row{UsageInput, DialectConventions}, row{"gen_ai.usage.prompt_tokens", DialectConventions},
		row{"llm.token_count.prompt", DialectOpenInference}, row{"llm.usage.prompt_tokens", DialectOpenLLMetry},
		row{"ai.usage.inputTokens", DialectVercel}, row{"ai.usage.promptTokens", DialectVercel},
		row{"ai.usage.tokens", DialectVercel}, // of embeddings
		row{"input_tokens", DialectClaudeCode}),
	tokens(usage.FieldOutput,
		row{UsageOutput, DialectConventions}, row{"gen_ai.usage.completion_tokens", DialectConventions},
		row{"llm.token_count.completion", DialectOpenInference}, row{"llm.usage.completion_tokens", DialectOpenLLMetry},
		row{"ai.usage.outputTokens", DialectVercel}, row{"ai.usage.completionTokens", DialectVercel},
		row{"output_tokens", DialectClaudeCode}),
	tokens(usage.FieldTotal,
		row{"gen_ai.usage.total_tokens", DialectConventions}, row{"llm.token_count.total", DialectOpenInference},
		row{"llm.usage.total_tokens", DialectOpenLLMetry}, row{"ai.usage.totalTokens", DialectVercel}),
	tokens(usage.FieldCacheRead,
		row{UsageCacheRead, DialectConventions}, row{"gen_ai.usage.cache_read_input_tokens", DialectConventions},
		row{"gen_ai.usage.details.cache_read_tokens", DialectPydanticAI},
		row{"gen_ai.usage.details.cache_read_input_tokens", DialectPydanticAI},
		row{"gen_ai.usage.details.cached_tokens", DialectPydanticAI},
		row{"gen_ai.usage.input_cached_tokens", DialectConventions},
		row{"gen_ai.usage.cached_input_tokens", DialectConventions},
		row{"gen_ai.usage.input_tokens.cached", DialectConventions},
		row{"gen_ai.usage.cache_read_tokens", DialectConventions},
		row{"gen_ai.usage.input_cache_read_tokens", DialectConventions},
		row{"llm.token_count.prompt_details.cache_read", DialectOpenInference},
		row{"llm.usage.cache_read_input_tokens", DialectOpenLLMetry},
		row{"llm.anthropic.usage.cache_read_input_tokens", DialectOpenLLMetry},
		row{"ai.usage.cachedInputTokens", DialectVercel}, row{"cache_read_tokens", DialectClaudeCode}),
	tokens(usage.FieldCacheWrite,
		row{UsageCacheWrite, DialectConventions}, row{"gen_ai.usage.cache_creation.input_tokens", DialectConventions},
		row{"gen_ai.usage.cache_creation_input_tokens", DialectConventions},
		row{"gen_ai.usage.details.cache_write_tokens", DialectPydanticAI},
		row{"gen_ai.usage.details.cache_creation_input_tokens", DialectPydanticAI},
		row{"gen_ai.usage.input_tokens.cache_write", DialectConventions},
		row{"gen_ai.usage.cache_creation_tokens", DialectConventions},
		row{"gen_ai.usage.input_cache_written_tokens", DialectConventions},
		row{"llm.token_count.prompt_details.cache_write", DialectOpenInference},
		row{"llm.usage.cache_creation_input_tokens", DialectOpenLLMetry},
		row{"llm.anthropic.usage.cache_creation_input_tokens", DialectOpenLLMetry},
		row{"cache_creation_tokens", DialectClaudeCode}),
	tokens(usage.FieldReasoning,
		row{UsageReasoning, DialectConventions}, row{"gen_ai.usage.reasoning_tokens", DialectConventions},
		row{"gen_ai.usage.details.reasoning_tokens", DialectPydanticAI},
		row{"gen_ai.usage.output_tokens.reasoning", DialectConventions},
		row{"gen_ai.usage.output_reasoning_tokens", DialectConventions},
		row{"gen_ai.usage.experimental.reasoning_tokens", DialectGoogleADK},
		row{"llm.token_count.completion_details.reasoning", DialectOpenInference},
		row{"llm.usage.reasoning_tokens", DialectOpenLLMetry}, row{"ai.usage.reasoningTokens", DialectVercel}),
	document(chatUsage, row{ChatUsage, DialectMLflow}),
	document(langfuseUsage, row{"langfuse.observation.usage_details", DialectLangfuse}),
	document(openAIUsage, row{"usage", DialectOpenAIAgents}),
	document(inputDetails, row{"gen_ai.usage.input_token_details", DialectLangSmith}),
	document(outputDetails, row{"gen_ai.usage.output_token_details", DialectLangSmith}),
	{Reading{Fact: FactParameters}, []row{
		{"langfuse.observation.model.parameters", DialectLangfuse},
		{"llm.invocation_parameters", DialectOpenInference},
	}},
	{Reading{Fact: FactCost, Total: "total_cost"}, []row{{LLMCost, DialectMLflow}}},
	{Reading{Fact: FactCost}, []row{{"llm.cost.total", DialectOpenInference}}},
	{Reading{Fact: FactCost, Total: "total"}, []row{{"langfuse.observation.cost_details", DialectLangfuse}}},
}

// CostAttribute is an attribute that says what a call costs at list prices, in USD.
type CostAttribute struct {
	Key string
	// Total is the member that holds the sum, if the value is an object or its JSON text. "" is a number.
	Total string
}

// CostAttributes returns the attributes that say what a call costs, by rank.
func CostAttributes() (list []CostAttribute) {
	for _, g := range table {
		if g.reading.Fact == FactCost {
			for _, r := range g.rows {
				list = append(list, CostAttribute{r.key, g.reading.Total})
			}
		}
	}
	return list
}

func tokens(f usage.Field, rows ...row) group {
	return group{Reading{Fact: FactUsage, Tokens: usage.Source{Field: f}}, rows}
}

func document(d *usage.Document, rows ...row) group {
	return group{Reading{Fact: FactUsageDocument, Document: d}, rows}
}

// Ranks of the numbers in documents. Single attributes come before them.
const (
	rankChat = 100 + 10*iota
	rankLangfuse
	rankOpenAI
	rankDetails
	rankGemini
)

// membersOf returns the members of a document that stand for numbers: for each, by rank, the names.
func membersOf(rank int16, names map[usage.Field][]string) map[string]usage.Source {
	out := map[string]usage.Source{}
	for f, list := range names {
		for i, name := range list {
			out[name] = usage.Source{Field: f, Rank: rank + int16(i)}
		}
	}
	return out
}

var (
	// chatUsage is mlflow.chat.tokenUsage.
	chatUsage = &usage.Document{Standard: true, Members: membersOf(rankChat, map[usage.Field][]string{
		usage.FieldInput: {"input_tokens"}, usage.FieldOutput: {"output_tokens"}, usage.FieldTotal: {"total_tokens"},
		usage.FieldCacheRead:    {"cache_read_input_tokens"},
		usage.FieldCacheWrite:   {"cache_creation_input_tokens"},
		usage.FieldCacheWrite1h: {"cache_creation_input_tokens_above_1hr"},
	})}
	// langfuseUsage is langfuse.observation.usage_details. Langfuse's types of usage do not contain
	// each other.
	langfuseUsage = &usage.Document{Apart: true, Members: membersOf(rankLangfuse, map[usage.Field][]string{
		usage.FieldInput:     {"input", "input_tokens", "prompt_tokens"},
		usage.FieldOutput:    {"output", "output_tokens", "completion_tokens"},
		usage.FieldTotal:     {"total", "total_tokens"},
		usage.FieldCacheRead: {"input_cached_tokens", "cache_read_input_tokens", "input_cache_read"},
		usage.FieldCacheWrite: {"cache_creation_input_tokens", "input_cache_creation", "input_cache_creation_5m",
			"cache_write_input_tokens"},
		usage.FieldCacheWrite1h: {"input_cache_creation_1h"},
		usage.FieldReasoning:    {"output_reasoning_tokens", "output_reasoning"},
	})}
	// openAIUsage is the usage of OpenAI's answers.
	openAIUsage = &usage.Document{
		Members: membersOf(rankOpenAI, map[usage.Field][]string{
			usage.FieldInput:  {"input_tokens", "prompt_tokens"},
			usage.FieldOutput: {"output_tokens", "completion_tokens"}, usage.FieldTotal: {"total_tokens"},
		}),
		Inner: map[string]*usage.Document{
			"input_tokens_details": openAIInput, "prompt_tokens_details": openAIInput,
			"output_tokens_details": openAIOutput, "completion_tokens_details": openAIOutput,
		},
	}
	openAIInput = &usage.Document{Members: membersOf(rankOpenAI, map[usage.Field][]string{
		usage.FieldCacheRead: {"cached_tokens"}, usage.FieldCacheWrite: {"cache_write_tokens"},
	})}
	openAIOutput = &usage.Document{Members: membersOf(rankOpenAI, map[usage.Field][]string{
		usage.FieldReasoning: {"reasoning_tokens"},
	})}
	// inputDetails and outputDetails are LangSmith's. LangChain reports a cache_creation of 0 where it
	// tells writes by their life.
	inputDetails = &usage.Document{Members: membersOf(rankDetails, map[usage.Field][]string{
		usage.FieldCacheRead: {"cache_read"}, usage.FieldCacheWrite: {"cache_creation"},
		usage.FieldCacheWrite5m: {"ephemeral_5m_input_tokens"},
		usage.FieldCacheWrite1h: {"ephemeral_1h_input_tokens"},
	})}
	outputDetails = &usage.Document{Members: membersOf(rankDetails, map[usage.Field][]string{
		usage.FieldReasoning: {"reasoning"},
	})}
	// answerUsage is the number that an answer of OpenAI has and mlflow.chat.tokenUsage has not.
	answerUsage = &usage.Document{Inner: map[string]*usage.Document{
		"output_tokens_details": openAIOutput, "completion_tokens_details": openAIOutput}}
	// geminiResponse is an answer of Gemini, whose usage tells thoughts beside the answer.
	geminiResponse = &usage.Document{ReasoningApart: true, Inner: map[string]*usage.Document{
		"usage_metadata": geminiUsage, "usageMetadata": geminiUsage}}
	geminiUsage = &usage.Document{Members: membersOf(rankGemini, map[usage.Field][]string{
		usage.FieldInput:     {"prompt_token_count", "promptTokenCount"},
		usage.FieldOutput:    {"candidates_token_count", "candidatesTokenCount"},
		usage.FieldTotal:     {"total_token_count", "totalTokenCount"},
		usage.FieldCacheRead: {"cached_content_token_count", "cachedContentTokenCount"},
		usage.FieldReasoning: {"thoughts_token_count", "thoughtsTokenCount"},
	})}
)
