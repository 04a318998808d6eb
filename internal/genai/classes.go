// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "strings"

// Class says what the values of an attribute may hold. It decides what leaves the collector when
// content is not captured, and what the content policy touches.
type Class uint8

const (
	// Unknown is an attribute that this project doesn't know: it may hold anything.
	ClassUnknown Class = iota
	// Safe is an identifier, a number or a setting.
	ClassSafe
	// Number is Safe as long as the value is a number or a truth value, for families of names whose
	// rest is free.
	ClassNumber
	// Name is what people call their spans, tools, agents and workflows, or what instrumentations
	// take from the names of spans.
	ClassName
	// Person is an identifier of a human being, often an e-mail address.
	ClassPerson
	// Content is text that people or models wrote, data that was given to them, or where it lies.
	ClassContent
)

// classes is the table of all attributes that are known, of all producers.
var classes = map[string]Class{
	// MLflow, on spans and their events
	SpanType: ClassSafe, SpanFunctionName: ClassSafe, ChatUsage: ClassSafe, LLMModel: ClassSafe, LLMProvider: ClassSafe,
	LinkedPrompts:  ClassSafe,
	TraceRequestID: ClassSafe, ExperimentID: ClassSafe, LLMCost: ClassSafe,
	"mlflow.message.format": ClassSafe, "mlflow.spanLogLevel": ClassSafe,
	"mlflow.spanStartTimeNs": ClassSafe, "mlflow.gateway.linkedTraceId": ClassSafe,
	SpanInputs: ClassContent, SpanOutputs: ClassContent, "mlflow.chat.messages": ClassContent,
	"mlflow.chat.tools":                 ClassContent,
	"mlflow.trace.intermediate_outputs": ClassContent, "mlflow.spanDescription": ClassContent, ChunkValue: ClassContent,
	ExceptionType: ClassSafe, ExceptionMessage: ClassContent, ExceptionStacktrace: ClassContent,
	"exception.escaped": ClassSafe,

	// MLflow, tags and metadata of a trace that keep their names
	TraceName: ClassName, "mlflow.trace.sourceScorer": ClassSafe, "mlflow.eval.requestId": ClassSafe,
	"mlflow.artifactLocation": ClassSafe, "mlflow.trace.spansLocation": ClassSafe,
	"mlflow.trace.archiveLocation": ClassSafe, "mlflow.trace.archivalFailure": ClassContent,
	"mlflow.traceSpans": ClassContent, "mlflow.traceInputs": ClassContent, "mlflow.traceOutputs": ClassContent,
	TraceSession: ClassSafe, TraceUser: ClassPerson, "mlflow.trace.tokenUsage": ClassSafe,
	"mlflow.trace.cost": ClassSafe, "mlflow.trace.sizeStats": ClassSafe,
	"mlflow.trace.sizeBytes": ClassSafe, "mlflow.trace.infoFinalized": ClassSafe,
	"mlflow.trace_schema.version": ClassSafe,
	"mlflow.sourceRun":            ClassSafe, "mlflow.modelId": ClassSafe, "mlflow.user": ClassPerson,
	"mlflow.source.name": ClassContent, "mlflow.source.type": ClassSafe,
	"mlflow.source.git.branch": ClassSafe, "mlflow.source.git.commit": ClassSafe,
	"mlflow.source.git.repoURL": ClassContent, // may hold a password
	"mlflow.gateway.endpointId": ClassSafe, "mlflow.gateway.requestType": ClassSafe, "mlflow.gateway.caller": ClassSafe,
	"mlflow.auth.userId": ClassPerson, "mlflow.auth.username": ClassPerson,

	// MLflow, one assessment as a log record or event
	AssessmentID: ClassSafe, AssessmentKind: ClassSafe, AssessmentSourceType: ClassSafe,
	AssessmentSourceID: ClassPerson,
	AssessmentValid:    ClassSafe, AssessmentOverrides: ClassSafe,
	AssessmentValue: ClassContent, AssessmentTruncated: ClassContent, "mlflow.assessment.rationale": ClassContent,
	"mlflow.assessment.sourceRunId": ClassSafe, "mlflow.assessment.onlineScoringSessionId": ClassSafe,
	"mlflow.assessment.scorerTraceId": ClassSafe, "mlflow.assessment.scorerName": ClassSafe,
	"mlflow.assessment.scorerVersion": ClassSafe, "mlflow.assessment.scorerDigest": ClassSafe,
	AssessmentJudgeCost: ClassSafe, AssessmentJudgeInput: ClassSafe, AssessmentJudgeOutput: ClassSafe,

	// MLflow, a trace that was edited, as a log record
	TraceAssessments: ClassSafe,

	// this project
	ExperimentName: ClassSafe, PayloadsMode: ClassSafe, JSONAttributes: ClassSafe, Revision: ClassSafe,
	TraceState: ClassSafe, TraceLocation: ClassSafe, TraceIDSynthetic: ClassSafe,
	ClientRequestID: ClassSafe, RequestPreview: ClassContent, ResponsePreview: ClassContent,
	Assessments:  ClassContent, // the converter writes it without content where none is captured, see withoutContent
	CostCurrency: ClassSafe, CostPriceList: ClassSafe, CostUncertain: ClassSafe, CostLimited: ClassSafe,
	"token_count_encoding": ClassSafe,

	// semantic conventions
	ServiceName: ClassSafe, SessionID: ClassSafe, UserID: ClassPerson, "user.name": ClassPerson,
	"user.email": ClassPerson, "user.account_id": ClassPerson, "user.account_uuid": ClassPerson, // of Claude Code
	"user.full_name": ClassPerson, "user.hash": ClassPerson, "enduser.id": ClassPerson,
	"enduser.pseudo.id": ClassPerson, "client.address": ClassPerson, ErrorType: ClassSafe, CodeFunctionName: ClassSafe,
	"code.function": ClassSafe, "code.namespace": ClassSafe, "code.lineno": ClassSafe,
	"code.line.number": ClassSafe, "code.file.path": ClassContent, "code.filepath": ClassContent,
	"code.stacktrace": ClassContent,
	"server.address":  ClassSafe, "server.port": ClassSafe, "http.request.method": ClassSafe,
	"http.response.status_code": ClassSafe, "network.protocol.name": ClassSafe,
	"network.protocol.version": ClassSafe, "thread.id": ClassSafe, "thread.name": ClassSafe,
	"otel.status_code": ClassSafe, "otel.scope.name": ClassSafe, "otel.scope.version": ClassSafe,
	OperationName: ClassSafe, ProviderName: ClassSafe, ConversationID: ClassSafe, ToolName: ClassName,
	AgentName: ClassName, PromptName: ClassSafe,
	"gen_ai.system": ClassSafe, "gen_ai.output.type": ClassSafe, "gen_ai.agent.id": ClassSafe,
	"gen_ai.agent.version": ClassSafe, "gen_ai.workflow.name": ClassName,
	"gen_ai.tool.type": ClassSafe, "gen_ai.tool.call.id": ClassSafe, "gen_ai.data_source.id": ClassSafe,
	"gen_ai.token.type": ClassSafe, "gen_ai.prompt.version": ClassSafe,
	RequestModel: ClassSafe, RequestTemperature: ClassSafe, RequestTopP: ClassSafe, RequestTopK: ClassSafe,
	RequestMaxTokens: ClassSafe, RequestStop: ClassSafe,
	RequestFrequency: ClassSafe, RequestPresence: ClassSafe, RequestSeed: ClassSafe, RequestChoices: ClassSafe,
	RequestStream:                     ClassSafe,
	"gen_ai.request.encoding_formats": ClassSafe, "gen_ai.request.reasoning.level": ClassSafe,
	"gen_ai.request.user": ClassPerson,
	ResponseID:            ClassSafe, ResponseModel: ClassSafe, ResponseFinish: ClassSafe,
	UsageInput: ClassSafe, UsageOutput: ClassSafe, UsageCacheRead: ClassSafe, UsageCacheWrite: ClassSafe,
	UsageReasoning: ClassSafe, EmbeddingsDimensions: ClassSafe,
	"gen_ai.usage.cache_creation.input_tokens": ClassSafe,
	"gen_ai.input.messages":                    ClassContent, "gen_ai.output.messages": ClassContent,
	"gen_ai.system_instructions": ClassContent,
	"gen_ai.tool.call.arguments": ClassContent, "gen_ai.tool.call.result": ClassContent,
	"gen_ai.tool.definitions": ClassContent, "gen_ai.tool.description": ClassContent,
	"gen_ai.agent.description": ClassContent, "gen_ai.retrieval.query.text": ClassContent,
	"gen_ai.retrieval.documents": ClassContent,
	"gen_ai.prompt":              ClassContent, "gen_ai.completion": ClassContent,
	"gen_ai.memory.query.text": ClassContent,
	"gen_ai.memory.records":    ClassContent, "gen_ai.event.content": ClassContent,
	EvaluationName: ClassSafe, EvaluationScore: ClassNumber,
	EvaluationLabel: ClassSafe, EvaluationExplanation: ClassContent,
	"gen_ai.openai.api_version": ClassSafe, "gen_ai.openai.request.service_tier": ClassSafe,
	"gen_ai.openai.response.service_tier":       ClassSafe,
	"gen_ai.openai.response.system_fingerprint": ClassSafe, "gen_ai.openai.system_fingerprint": ClassSafe,

	// OpenInference
	"openinference.span.kind": ClassSafe, "openinference.project.name": ClassSafe, "llm.model_name": ClassSafe,
	"llm.provider": ClassSafe, "llm.system": ClassSafe,
	"llm.finish_reason": ClassSafe, "embedding.model_name": ClassSafe, "tool.name": ClassName, "tool.id": ClassSafe,
	"agent.name": ClassName, "graph.node.id": ClassSafe, "graph.node.parent_id": ClassSafe,
	"graph.node.name": ClassName, "prompt.id": ClassSafe, "prompt.vendor": ClassSafe,
	"llm.token_count.prompt": ClassSafe, "llm.token_count.completion": ClassSafe, "llm.token_count.total": ClassSafe,
	"input.value": ClassContent, "output.value": ClassContent, "input.mime_type": ClassSafe,
	"output.mime_type": ClassSafe, "llm.invocation_parameters": ClassContent,
	"tool.parameters": ClassContent, "tool.description": ClassContent, "tool.json_schema": ClassContent,
	"metadata": ClassContent, "tag.tags": ClassContent, "llm.function_call": ClassContent,

	// OpenLLMetry
	"traceloop.span.kind": ClassSafe, "traceloop.entity.name": ClassName, "traceloop.entity.path": ClassName,
	"traceloop.workflow.name": ClassName, "traceloop.entity.version": ClassSafe,
	"traceloop.entity.input": ClassContent, "traceloop.entity.output": ClassContent,
	"traceloop.association.properties.user_id": ClassPerson, "traceloop.association.properties.session_id": ClassSafe,
	"llm.request.type": ClassSafe, "llm.is_streaming": ClassSafe, "llm.user": ClassPerson, "llm.headers": ClassContent,

	// Langfuse
	"langfuse.observation.type": ClassSafe, "langfuse.observation.level": ClassSafe,
	"langfuse.observation.model.name": ClassSafe, "langfuse.observation.usage_details": ClassSafe,
	"langfuse.observation.cost_details": ClassSafe, "langfuse.trace.name": ClassName,
	"langfuse.session.id": ClassSafe, "langfuse.user.id": ClassPerson,

	// Vercel AI SDK, Google ADK, LangSmith
	"ai.operationId": ClassSafe, "ai.model.id": ClassSafe, "ai.model.provider": ClassSafe,
	"ai.response.model": ClassSafe, "ai.response.finishReason": ClassSafe, "ai.toolCall.name": ClassName,
	"gcp.vertex.agent.session_id": ClassSafe, "gcp.vertex.agent.invocation_id": ClassSafe,
	"gcp.vertex.agent.event_id": ClassSafe,
	"langsmith.span.kind":       ClassSafe, "langsmith.metadata.ls_provider": ClassSafe,
	"langsmith.metadata.ls_model_name": ClassSafe,
}

// families are the classes of names whose rest is free, by their start.
var families = []struct {
	prefix string
	class  Class
}{
	{TraceTagPrefix, ClassContent}, {TraceMetadataPrefix, ClassContent}, {AssessmentMetadataPrefix, ClassContent},
	{"token_count_", ClassNumber}, {"metric_", ClassNumber}, {"contract_cost_", ClassNumber}, // this project's
	{"gen_ai.usage.", ClassNumber}, {"gen_ai.prompt.", ClassContent}, {"gen_ai.completion.", ClassContent},
	{"llm.input_messages.", ClassContent}, {"llm.output_messages.", ClassContent}, {"llm.tools.", ClassContent},
	{"llm.prompts.", ClassContent}, {"llm.prompt_template.", ClassContent},
	{"llm.request.functions.", ClassContent}, {"llm.token_count.", ClassNumber}, {"llm.usage.", ClassNumber},
	{"llm.cost.", ClassNumber}, {"ai.usage.", ClassNumber},
	{"retrieval.documents.", ClassContent}, {"reranker.", ClassContent}, {"embedding.embeddings.", ClassContent},
	{"traceloop.association.properties.", ClassContent}, {"traceloop.prompt.", ClassContent},
	{"langfuse.", ClassContent},
}

// ClassOf returns what the attribute named key may hold. Tags and metadata with names of their
// users' choice are Content.
func ClassOf(key string) Class {
	if c, ok := classes[key]; ok {
		return c
	}
	return family(key)
}

func family(key string) Class {
	for i := range families {
		if strings.HasPrefix(key, families[i].prefix) {
			return families[i].class
		}
	}
	return ClassUnknown
}

// resources are the classes of resource attributes beside those of classes, exact or, with a dot at
// the end, by their start; of several the longest counts. What a machine says of itself is Safe;
// what its operator may write freely isn't.
var resources = map[string]Class{
	"service.": ClassSafe, "telemetry.": ClassSafe, "deployment.": ClassSafe, "cloud.": ClassSafe, "k8s.": ClassSafe,
	"container.": ClassSafe, "host.": ClassSafe, "os.": ClassSafe, "process.": ClassSafe, "faas.": ClassSafe,
	"aws.": ClassSafe, "gcp.": ClassSafe, "azure.": ClassSafe, "device.": ClassSafe, "webengine.": ClassSafe,
	"process.owner": ClassPerson, "process.user.": ClassPerson, "process.real_user.": ClassPerson,
	"process.saved_user.": ClassPerson, "process.command": ClassContent,
	"process.command_line": ClassContent, "process.command_args": ClassContent, "process.executable.path": ClassContent,
	"process.working_directory": ClassContent, "process.environment_variable.": ClassContent,
	"container.command": ClassContent, "container.command_line": ClassContent, "container.command_args": ClassContent,
	"k8s.pod.annotation.": ClassContent, "k8s.namespace.annotation.": ClassContent,
}

// ResourceClassOf is ClassOf for attributes of a resource.
func ResourceClassOf(key string) Class {
	if c, ok := classes[key]; ok {
		return c
	}
	if c, ok := resources[key]; ok {
		return c
	}
	for end := strings.LastIndexByte(key, '.'); end >= 0; end = strings.LastIndexByte(key[:end], '.') {
		if c, ok := resources[key[:end+1]]; ok {
			return c
		}
	}
	return family(key)
}
