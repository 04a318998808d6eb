// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// Dialect is a set of names of attributes that instrumentations use together.
type Dialect string

// The dialects.
const (
	DialectMLflow        Dialect = "MLflow"
	DialectConventions   Dialect = "OpenTelemetry GenAI"
	DialectOpenInference Dialect = "OpenInference"
	DialectOpenLLMetry   Dialect = "OpenLLMetry"
	DialectLangfuse      Dialect = "Langfuse"
	DialectPydanticAI    Dialect = "Pydantic AI, Logfire"
	DialectVercel        Dialect = "Vercel AI SDK"
	DialectGoogleADK     Dialect = "Google ADK"
	DialectClaudeCode    Dialect = "Claude Code"
	DialectOpenAIAgents  Dialect = "OpenAI Agents"
	DialectLangSmith     Dialect = "LangSmith"
)

// Fact is what an attribute says of its span.
type Fact uint8

// The facts.
const (
	FactKind          Fact = iota // what the span stands for, see KindOf
	FactProvider                  // who serves the model, by the names of the conventions
	FactProviderOther             // the same by the names of the dialect
	FactRequestModel              // the model that was asked for
	FactResponseModel             // the model that answered
	FactTool                      // the name of a tool
	FactAgent                     // the name of an agent
	FactConversation              // the id of a conversation or session
	FactRequestText               // what was asked, see Reading.Source
	FactResponseText              // what was answered, see Reading.Source
	FactSystem                    // instructions beside the messages
	FactUsage                     // a number of tokens, see Reading.Tokens
	FactUsageDocument             // several numbers of tokens, see Reading.Document
	FactAssessments               // assessments of the span or trace
	Facts                         // the number of facts
)

var factNames = [Facts]string{
	"kind", "provider", "provider, own names", "model, request", "model, response", "tool", "agent", "conversation",
	"request", "response", "instructions", "tokens", "tokens, documents", "assessments",
}

func (f Fact) String() string { return factNames[f] }

// Kind is what a span stands for.
type Kind uint8

// The kinds.
const (
	KindOther     Kind = iota // an agent, a chain, a retriever …, or not said
	KindLLM                   // a call of a language model
	KindEmbedding             // a call of an embedding model
	KindRerank                // a call of a model that ranks documents
	KindTool                  // a call of a tool
)

// kinds are the types of spans in all dialects, in lower case, that are calls. Other types are
// KindOther.
var kinds = map[string]Kind{
	"llm": KindLLM, "chat_model": KindLLM, "chat": KindLLM, "text_completion": KindLLM, "completion": KindLLM,
	"generate_content": KindLLM, "generation": KindLLM, "llm_request": KindLLM,
	"ai.generatetext.dogenerate": KindLLM, "ai.streamtext.dostream": KindLLM,
	"ai.generateobject.dogenerate": KindLLM, "ai.streamobject.dostream": KindLLM,
	"embedding": KindEmbedding, "embeddings": KindEmbedding, "ai.embed.doembed": KindEmbedding,
	"ai.embedmany.doembed": KindEmbedding,
	"rerank":               KindRerank,
	"tool":                 KindTool, "execute_tool": KindTool, "ai.toolcall": KindTool,
}

// KindOf returns the kind that a value of FactKind stands for. said is false for the values by which
// a dialect says that it does not know.
func KindOf(name string) (k Kind, said bool) {
	switch name { // the usual ones of MLflow and OpenInference, without an allocation
	case "":
		return KindOther, false
	case "LLM":
		return KindLLM, true
	case "CHAT_MODEL":
		return KindLLM, true
	case "EMBEDDING":
		return KindEmbedding, true
	case "TOOL":
		return KindTool, true
	case "AGENT", "CHAIN", "RETRIEVER", "WORKFLOW", "TASK", "PARSER", "MEMORY", "GUARDRAIL", "EVALUATOR", "RERANKER":
		return KindOther, true
	}
	name = strings.ToLower(name)
	return kinds[name], name != "unknown"
}

// TextSource is a place where a dialect keeps the text of a request or response.
type TextSource int

// The sources, in the order in which they are looked at.
const (
	SourceMLflow         TextSource = iota // mlflow.spanInputs, mlflow.spanOutputs
	SourceMessages                         // gen_ai.input.messages, gen_ai.output.messages
	SourceCall                             // arguments and result of a tool, query of a retrieval
	SourceOpenInference                    // llm.input_messages.N.…
	SourceOpenLLMetry                      // gen_ai.prompt.N.…
	SourceOldOpenLLMetry                   // llm.prompts.N.…
	SourceValue                            // input.value and the like
	SourceEvents                           // span events of earlier conventions
	SourcePreview                          // previews of whole traces
	TextSources                            // the number of sources
)

// Reading is what an attribute says.
type Reading struct {
	Fact    Fact
	Dialect Dialect
	// Rank orders the attributes that say the same: of several on a span the lowest counts.
	Rank     int16
	Source   TextSource      // of FactRequestText and FactResponseText
	Tokens   usage.Source    // of FactUsage
	Document *usage.Document // of FactUsageDocument, and of a text that holds such numbers, too
	// Implies is the kind of a span that has the attribute, where nothing else says it.
	Implies Kind
	// Numbered says that the name goes on with a number: the texts of messages are spread over
	// several attributes.
	Numbered bool
}

// ReadAttribute returns what an attribute says, or nil if it says none of the facts. Dialects are
// told apart by the names; scope is the dialect of the instrumentation scope (DialectOfScope),
// whose names may be bare words.
func ReadAttribute(key string, scope Dialect) *Reading {
	if r, ok := readings[key]; ok {
		return r
	}
	if scope != "" && (strings.IndexByte(key, '.') < 0 || key == claudeCodeKind) {
		return bare[bareName{scope, key}]
	}
	if key == "" || key[0] != 'g' && key[0] != 'l' { // no name of numbered begins otherwise
		return nil
	}
	for i := range numbered {
		rest, ok := strings.CutPrefix(key, numbered[i].prefix)
		if ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return numbered[i].reading
		}
	}
	return nil
}

// bareScopes are the beginnings of the names of scopes whose attributes have names without a
// namespace.
var bareScopes = []struct {
	prefix  string
	dialect Dialect
}{
	{"com.anthropic.claude_code", DialectClaudeCode},
	{"pydantic-ai", DialectPydanticAI},
	{"mlflow", DialectOpenAIAgents}, // MLflow's instrumentation of OpenAI Agents
}

// DialectOfScope returns the dialect of an instrumentation scope whose attributes have names
// without a namespace, or "".
func DialectOfScope(name string) Dialect {
	for _, s := range bareScopes {
		if strings.HasPrefix(name, s.prefix) {
			return s.dialect
		}
	}
	return ""
}

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
	// inputDetails and outputDetails are LangSmith's.
	inputDetails = &usage.Document{Members: membersOf(rankDetails, map[usage.Field][]string{
		usage.FieldCacheRead: {"cache_read"}, usage.FieldCacheWrite: {"cache_creation"},
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

// CachedBy returns what the producer of a call is known to do with cached tokens, by the name of its
// scope and the names of its provider in the conventions and in its dialect.
//
//   - OpenAI's and Google's APIs report an input that includes them, and so do all instrumentations
//     of their clients that were looked at.
//   - OpenLLMetry's package for Bedrock reports Bedrock's inputTokens, Claude Code reports
//     Anthropic's input_tokens, which exclude them.
func CachedBy(scope, provider, other string) usage.Cached {
	if scope == "opentelemetry.instrumentation.bedrock" || DialectOfScope(scope) == DialectClaudeCode {
		return usage.CachedExcluded
	}
	for _, name := range [...]string{provider, other} {
		for _, known := range [...]string{"openai", "azure", "gemini", "google", "gcp", "vertex"} {
			if strings.HasPrefix(name, known) {
				return usage.CachedIncluded
			}
		}
	}
	return usage.CachedUnknown
}

type bareName struct {
	dialect Dialect
	key     string
}

type numberedName struct {
	prefix  string
	reading *Reading
}

// readings is the table by the names of the attributes; bare holds the names that only mean
// something in their dialect, numbered the beginnings of names that go on with a number.
var readings, bare, numbered = indexed(table)

func indexed(table []group) (byKey map[string]*Reading, bare map[bareName]*Reading, numbered []numberedName) {
	byKey, bare = map[string]*Reading{}, map[bareName]*Reading{}
	for _, g := range table {
		for i, row := range g.rows {
			r := g.reading
			r.Dialect, r.Rank = row.dialect, r.Rank+int16(i)+1
			r.Tokens.Rank = r.Rank
			switch {
			case r.Numbered:
				numbered = append(numbered, numberedName{row.key, &r})
			case isBare(row):
				bare[bareName{row.dialect, row.key}] = &r
			default:
				byKey[row.key] = &r
			}
		}
	}
	return byKey, bare, numbered
}

// isBare reports whether a name only means something in its dialect.
func isBare(r row) bool {
	return r.key == claudeCodeKind || !strings.Contains(r.key, ".") && r.key != PlainAssessments
}
