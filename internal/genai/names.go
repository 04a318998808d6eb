// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

// Names of attributes: MLflow's own.
const (
	SpanType             = "mlflow.spanType"
	SpanInputs           = "mlflow.spanInputs"
	SpanOutputs          = "mlflow.spanOutputs"
	SpanFunctionName     = "mlflow.spanFunctionName"
	ChatUsage            = "mlflow.chat.tokenUsage"
	LLMModel             = "mlflow.llm.model"
	LLMProvider          = "mlflow.llm.provider"
	LLMCost              = "mlflow.llm.cost"
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

// Names of attributes that this project adds under MLflow's prefix, because no convention has a
// place for them.
const (
	ExperimentName = "mlflow.experimentName" // resource
	PayloadsMode   = "mlflow.payloads"       // scope: Payloads
	// span, event, link: keys of the attributes beside it that hold JSON text
	JSONAttributes = "mlflow.jsonAttributes"
	Assessments    = "mlflow.assessments" // topmost span: all assessments of the trace
	// topmost span: newest change of an assessment, Unix milliseconds, 0 without
	Revision      = "mlflow.revision"
	TraceState    = "mlflow.traceState"    // topmost span: OK, ERROR, IN_PROGRESS
	TraceLocation = "mlflow.traceLocation" // topmost span: catalog.schema[.prefix] of a trace in Unity Catalog
	// topmost span: true when the OpenTelemetry ids were derived by hashing
	TraceIDSynthetic = "mlflow.traceIdSynthetic"
	ClientRequestID  = "mlflow.clientRequestId" // topmost span
	RequestPreview   = "mlflow.requestPreview"  // topmost span, when it has no inputs
	ResponsePreview  = "mlflow.responsePreview" // topmost span, when it has no outputs
)

// Names of log records. The first is one of OpenTelemetry's semantic conventions.
const (
	EvaluationResult = "gen_ai.evaluation.result"
	TraceUpdated     = "mlflow.trace.updated"
)

// Names of attributes of log records, beside those that MLflow gives the metadata of assessments.
const (
	EvaluationName        = "gen_ai.evaluation.name"
	EvaluationScore       = "gen_ai.evaluation.score.value"
	EvaluationLabel       = "gen_ai.evaluation.score.label"
	EvaluationExplanation = "gen_ai.evaluation.explanation" // the rationale

	assessmentPrefix         = "mlflow.assessment."
	AssessmentID             = "mlflow.assessment.id"
	AssessmentKind           = "mlflow.assessment.kind" // feedback, expectation, issue
	AssessmentSourceType     = "mlflow.assessment.source.type"
	AssessmentSourceID       = "mlflow.assessment.source.id"
	AssessmentValid          = "mlflow.assessment.valid"
	AssessmentOverrides      = "mlflow.assessment.overrides" // id of the assessment that it replaces
	AssessmentValue          = "mlflow.assessment.value"     // JSON text, where score and label don't say all
	AssessmentTruncated      = "mlflow.assessment.truncated" // keys of the attributes beside it that were cut
	AssessmentMetadataPrefix = "mlflow.assessment.metadata." // of the users' own metadata
	AssessmentJudgeCost      = "mlflow.assessment.judgeCost"
	AssessmentJudgeInput     = "mlflow.assessment.judgeInputTokens"
	AssessmentJudgeOutput    = "mlflow.assessment.judgeOutputTokens"

	TraceAssessments = "mlflow.trace.assessments" // ids of the assessments that are there
)

// PlainAssessments is the only name without a dot that is read in every scope: spans that are made of
// a table have their assessments under it.
const PlainAssessments = "assessments"

// Names of OpenTelemetry's semantic conventions (open-telemetry/semantic-conventions-genai, in
// development, as of 2026-11).
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

// Names of attributes that the genai processor adds. Those of counts and scores are made of a
// prefix and a name: token_count_*, metric_*.
const (
	TokenCountRequest     = "token_count_request"
	TokenCountResponse    = "token_count_response"
	TokenCountEncoding    = "token_count_encoding"
	TokenCountApproximate = "token_count_approximate" // the encoding isn't known to be the model's
	TokenCountTruncated   = "token_count_truncated"   // true when not all text was there to be counted

	TokensBackfilled = "token_count_backfilled" // usage of the span was counted here, not reported

	CostInput        = "contract_cost_input"         // model call: double, in the currency
	CostOutput       = "contract_cost_output"        // model call
	CostTotal        = "contract_cost_total"         // model or tool call
	CostCurrency     = "contract_cost_currency"      // model call: ISO 4217
	CostPriceList    = "contract_cost_price_list"    // model call: the configuration's name for the prices
	CostUncertain    = "contract_cost_uncertain"     // model call: true when its input may exclude cached tokens
	CostLimited      = "contract_cost_limited"       // model call: true when a part had more tokens than the whole
	CostTraceTotal   = "contract_cost_trace_total"   // topmost span of a whole trace
	CostTracePartial = "contract_cost_trace_partial" // topmost span: true when some call of the trace has no cost
)
