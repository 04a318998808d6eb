package genai

import "strings"

// Class says what the values of an attribute may hold. It decides what leaves the collector when content is not captured.
type Class uint8

const (
	// Unknown is an attribute that this project doesn't know: it may hold anything.
	Unknown Class = iota
	// Safe is an identifier, a name, a number or a setting.
	Safe
	// Content is text that people or models wrote, or data that was given to them.
	Content
)

// Names of attributes: MLflow's own.
const (
	SpanType             = "mlflow.spanType"
	SpanInputs           = "mlflow.spanInputs"
	SpanOutputs          = "mlflow.spanOutputs"
	SpanFunctionName     = "mlflow.spanFunctionName"
	ChatUsage            = "mlflow.chat.tokenUsage"
	LLMModel             = "mlflow.llm.model"
	LLMProvider          = "mlflow.llm.provider"
	LinkedPrompts        = "mlflow.linkedPrompts"
	TraceRequestID       = "mlflow.traceRequestId"
	ExperimentID         = "mlflow.experimentId"
	TraceName            = "mlflow.traceName"
	TraceSession         = "mlflow.trace.session"
	TraceUser            = "mlflow.trace.user"
	ChunkValue           = "mlflow.chunk.value"
	ExceptionType        = "exception.type"
	ExceptionMessage     = "exception.message"
	ExceptionStacktrace  = "exception.stacktrace"
	ExceptionEvent       = "exception" // name of the span event
	TraceTagPrefix       = "mlflow.traceTag."
	TraceMetadataPrefix  = "mlflow.traceMetadata."
	sourceMetadataPrefix = "mlflow.source."
)

// Names of attributes that this project adds under MLflow's prefix, because no convention has a place for them.
const (
	ExperimentName   = "mlflow.experimentName"   // resource
	PayloadsMode     = "mlflow.payloads"         // scope: Payloads
	JSONAttributes   = "mlflow.jsonAttributes"   // span, event, link: keys of the attributes beside it that hold JSON text
	Assessments      = "mlflow.assessments"      // topmost span: all assessments of the trace
	Revision         = "mlflow.revision"         // topmost span: newest change of an assessment, Unix milliseconds, 0 without
	TraceState       = "mlflow.traceState"       // topmost span: OK, ERROR, IN_PROGRESS
	TraceLocation    = "mlflow.traceLocation"    // topmost span: catalog.schema[.prefix] of a trace in Unity Catalog
	TraceIDSynthetic = "mlflow.traceIdSynthetic" // topmost span: true when the OpenTelemetry ids were derived by hashing
	ClientRequestID  = "mlflow.clientRequestId"  // topmost span
	RequestPreview   = "mlflow.requestPreview"   // topmost span, when it has no inputs
	ResponsePreview  = "mlflow.responsePreview"  // topmost span, when it has no outputs
)

// Names of OpenTelemetry's semantic conventions (open-telemetry/semantic-conventions-genai, in development, as of 2026-11).
const (
	ServiceName          = "service.name"
	SessionID            = "session.id"
	UserID               = "user.id"
	ErrorType            = "error.type"
	CodeFunctionName     = "code.function.name"
	OperationName        = "gen_ai.operation.name"
	ProviderName         = "gen_ai.provider.name"
	ConversationID       = "gen_ai.conversation.id"
	ToolName             = "gen_ai.tool.name"
	AgentName            = "gen_ai.agent.name"
	PromptName           = "gen_ai.prompt.name"
	RequestModel         = "gen_ai.request.model"
	RequestTemperature   = "gen_ai.request.temperature"
	RequestTopP          = "gen_ai.request.top_p"
	RequestTopK          = "gen_ai.request.top_k"
	RequestMaxTokens     = "gen_ai.request.max_tokens"
	RequestStop          = "gen_ai.request.stop_sequences"
	RequestFrequency     = "gen_ai.request.frequency_penalty"
	RequestPresence      = "gen_ai.request.presence_penalty"
	RequestSeed          = "gen_ai.request.seed"
	RequestChoices       = "gen_ai.request.choice.count"
	RequestStream        = "gen_ai.request.stream"
	ResponseID           = "gen_ai.response.id"
	ResponseModel        = "gen_ai.response.model"
	ResponseFinish       = "gen_ai.response.finish_reasons"
	UsageInput           = "gen_ai.usage.input_tokens"
	UsageOutput          = "gen_ai.usage.output_tokens"
	UsageCacheRead       = "gen_ai.usage.cache_read.input_tokens"
	UsageCacheWrite      = "gen_ai.usage.cache_write.input_tokens"
	UsageReasoning       = "gen_ai.usage.reasoning.output_tokens"
	EmbeddingsDimensions = "gen_ai.embeddings.dimension.count"
)

// Names of attributes that the genai processor adds. Names that begin with one of ownPrefixes are this project's.
const (
	TokensBackfilled = "token_count_backfilled" // usage of the span was counted here, not reported

	CostInput        = "contract_cost_input"         // model call: double, in the currency
	CostOutput       = "contract_cost_output"        // model call
	CostTotal        = "contract_cost_total"         // model or tool call
	CostCurrency     = "contract_cost_currency"      // model call: ISO 4217
	CostPriceList    = "contract_cost_price_list"    // model call: the configuration's name for the prices
	CostTraceTotal   = "contract_cost_trace_total"   // topmost span of a whole trace
	CostTracePartial = "contract_cost_trace_partial" // topmost span: true when some call of the trace has no cost
)

// classes is the table of all attributes that are known, whoever writes them.
var classes = map[string]Class{
	// MLflow, on spans and their events
	SpanType: Safe, SpanFunctionName: Safe, ChatUsage: Safe, LLMModel: Safe, LLMProvider: Safe, LinkedPrompts: Safe,
	TraceRequestID: Safe, ExperimentID: Safe, "mlflow.llm.cost": Safe, "mlflow.message.format": Safe, "mlflow.spanLogLevel": Safe,
	"mlflow.spanStartTimeNs": Safe, "mlflow.gateway.linkedTraceId": Safe,
	SpanInputs: Content, SpanOutputs: Content, "mlflow.chat.messages": Content, "mlflow.chat.tools": Content,
	"mlflow.trace.intermediate_outputs": Content, "mlflow.spanDescription": Content, ChunkValue: Content,
	ExceptionType: Safe, ExceptionMessage: Content, ExceptionStacktrace: Content, "exception.escaped": Safe,

	// MLflow, tags and metadata of a trace that keep their names
	TraceName: Safe, "mlflow.trace.sourceScorer": Safe, "mlflow.eval.requestId": Safe,
	"mlflow.artifactLocation": Safe, "mlflow.trace.spansLocation": Safe, "mlflow.trace.archiveLocation": Safe, "mlflow.trace.archivalFailure": Content,
	"mlflow.traceSpans": Content, "mlflow.traceInputs": Content, "mlflow.traceOutputs": Content,
	TraceSession: Safe, TraceUser: Safe, "mlflow.trace.tokenUsage": Safe, "mlflow.trace.cost": Safe, "mlflow.trace.sizeStats": Safe,
	"mlflow.trace.sizeBytes": Safe, "mlflow.trace.infoFinalized": Safe, "mlflow.trace_schema.version": Safe,
	"mlflow.sourceRun": Safe, "mlflow.modelId": Safe, "mlflow.user": Safe, "mlflow.source.name": Safe, "mlflow.source.type": Safe,
	"mlflow.source.git.branch": Safe, "mlflow.source.git.commit": Safe, "mlflow.source.git.repoURL": Safe,
	"mlflow.gateway.endpointId": Safe, "mlflow.gateway.requestType": Safe, "mlflow.gateway.caller": Safe,
	"mlflow.auth.userId": Safe, "mlflow.auth.username": Safe,

	// this project
	ExperimentName: Safe, PayloadsMode: Safe, JSONAttributes: Safe, Revision: Safe, TraceState: Safe, TraceLocation: Safe, TraceIDSynthetic: Safe,
	ClientRequestID: Safe, RequestPreview: Content, ResponsePreview: Content,
	Assessments: Safe, // cleaned before it is written, see withoutContent

	// semantic conventions
	ServiceName: Safe, SessionID: Safe, UserID: Safe, ErrorType: Safe, CodeFunctionName: Safe,
	OperationName: Safe, ProviderName: Safe, ConversationID: Safe, ToolName: Safe, AgentName: Safe, PromptName: Safe,
	"gen_ai.system": Safe, "gen_ai.output.type": Safe, "gen_ai.agent.id": Safe, "gen_ai.agent.version": Safe, "gen_ai.workflow.name": Safe,
	"gen_ai.tool.type": Safe, "gen_ai.tool.call.id": Safe, "gen_ai.data_source.id": Safe,
	RequestModel: Safe, RequestTemperature: Safe, RequestTopP: Safe, RequestTopK: Safe, RequestMaxTokens: Safe, RequestStop: Safe,
	RequestFrequency: Safe, RequestPresence: Safe, RequestSeed: Safe, RequestChoices: Safe, RequestStream: Safe,
	ResponseID: Safe, ResponseModel: Safe, ResponseFinish: Safe,
	UsageInput: Safe, UsageOutput: Safe, UsageCacheRead: Safe, UsageCacheWrite: Safe, UsageReasoning: Safe, EmbeddingsDimensions: Safe,
	"gen_ai.usage.cache_creation.input_tokens": Safe,
	"gen_ai.input.messages":                    Content, "gen_ai.output.messages": Content, "gen_ai.system_instructions": Content,
	"gen_ai.tool.call.arguments": Content, "gen_ai.tool.call.result": Content, "gen_ai.tool.definitions": Content, "gen_ai.tool.description": Content,
	"gen_ai.agent.description": Content, "gen_ai.retrieval.query.text": Content, "gen_ai.retrieval.documents": Content,
	"gen_ai.prompt": Content, "gen_ai.completion": Content, "gen_ai.memory.query.text": Content, "gen_ai.memory.records": Content,

	// other dialects that MLflow takes in
	"openinference.span.kind": Safe, "llm.model_name": Safe, "llm.provider": Safe, "llm.system": Safe, "embedding.model_name": Safe, "tool.name": Safe,
	"llm.token_count.prompt": Safe, "llm.token_count.completion": Safe, "llm.token_count.total": Safe,
	"input.value": Content, "output.value": Content, "input.mime_type": Safe, "output.mime_type": Safe, "llm.invocation_parameters": Content,
	"tool.parameters": Content, "traceloop.entity.input": Content, "traceloop.entity.output": Content,
}

// contentPrefixes are the starts of names whose rest is free.
var contentPrefixes = []string{
	TraceTagPrefix, TraceMetadataPrefix, "llm.input_messages.", "llm.output_messages.", "llm.tools.", "retrieval.documents.", "reranker.", "embedding.embeddings.",
	"gen_ai.prompt.", "gen_ai.completion.",
}

// ClassOf returns what the attribute named key may hold. Tags and metadata with names of their users' choice are Content.
func ClassOf(key string) Class {
	if c, ok := classes[key]; ok {
		return c
	}
	for _, p := range contentPrefixes {
		if strings.HasPrefix(key, p) {
			return Content
		}
	}
	return Unknown
}
