package genai

import "strings"

// Class says what the values of an attribute may hold. It decides what leaves the collector when content is not captured, and what the content policy touches.
type Class uint8

const (
	// Unknown is an attribute that this project doesn't know: it may hold anything.
	Unknown Class = iota
	// Safe is an identifier, a number or a setting.
	Safe
	// Number is Safe as long as the value is a number or a truth value, for families of names whose rest is free.
	Number
	// Name is what people call their spans, tools, agents and workflows, or what instrumentations take from the names of spans.
	Name
	// Person is an identifier of a human being, often an e-mail address.
	Person
	// Content is text that people or models wrote, data that was given to them, or where it lies.
	Content
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
	TraceName: Name, "mlflow.trace.sourceScorer": Safe, "mlflow.eval.requestId": Safe,
	"mlflow.artifactLocation": Safe, "mlflow.trace.spansLocation": Safe, "mlflow.trace.archiveLocation": Safe, "mlflow.trace.archivalFailure": Content,
	"mlflow.traceSpans": Content, "mlflow.traceInputs": Content, "mlflow.traceOutputs": Content,
	TraceSession: Safe, TraceUser: Person, "mlflow.trace.tokenUsage": Safe, "mlflow.trace.cost": Safe, "mlflow.trace.sizeStats": Safe,
	"mlflow.trace.sizeBytes": Safe, "mlflow.trace.infoFinalized": Safe, "mlflow.trace_schema.version": Safe,
	"mlflow.sourceRun": Safe, "mlflow.modelId": Safe, "mlflow.user": Person, "mlflow.source.name": Content, "mlflow.source.type": Safe,
	"mlflow.source.git.branch": Safe, "mlflow.source.git.commit": Safe,
	"mlflow.source.git.repoURL": Content, // may hold a password
	"mlflow.gateway.endpointId": Safe, "mlflow.gateway.requestType": Safe, "mlflow.gateway.caller": Safe,
	"mlflow.auth.userId": Person, "mlflow.auth.username": Person,

	// MLflow, one assessment as a log record or event
	"mlflow.assessment.id": Safe, "mlflow.assessment.kind": Safe, "mlflow.assessment.source.type": Safe, "mlflow.assessment.source.id": Person,
	"mlflow.assessment.valid": Safe, "mlflow.assessment.overrides": Safe, "mlflow.assessment.value": Content, "mlflow.assessment.rationale": Content,
	"mlflow.assessment.sourceRunId": Safe, "mlflow.assessment.scorerTraceId": Safe, "mlflow.assessment.judgeCost": Safe,
	"mlflow.assessment.judgeInputTokens": Safe, "mlflow.assessment.judgeOutputTokens": Safe,

	// this project
	ExperimentName: Safe, PayloadsMode: Safe, JSONAttributes: Safe, Revision: Safe, TraceState: Safe, TraceLocation: Safe, TraceIDSynthetic: Safe,
	ClientRequestID: Safe, RequestPreview: Content, ResponsePreview: Content,
	Assessments:  Content, // the converter writes it without content where none is captured, see withoutContent
	CostCurrency: Safe, CostPriceList: Safe, "token_count_encoding": Safe,

	// semantic conventions
	ServiceName: Safe, SessionID: Safe, UserID: Person, "user.name": Person, "user.email": Person, "user.full_name": Person, "user.hash": Person, "enduser.id": Person,
	"enduser.pseudo.id": Person, "client.address": Person, ErrorType: Safe, CodeFunctionName: Safe, "code.function": Safe, "code.namespace": Safe, "code.lineno": Safe,
	"code.line.number": Safe, "code.file.path": Content, "code.filepath": Content, "code.stacktrace": Content,
	"server.address": Safe, "server.port": Safe, "http.request.method": Safe, "http.response.status_code": Safe, "network.protocol.name": Safe,
	"network.protocol.version": Safe, "thread.id": Safe, "thread.name": Safe, "otel.status_code": Safe, "otel.scope.name": Safe, "otel.scope.version": Safe,
	OperationName: Safe, ProviderName: Safe, ConversationID: Safe, ToolName: Name, AgentName: Name, PromptName: Safe,
	"gen_ai.system": Safe, "gen_ai.output.type": Safe, "gen_ai.agent.id": Safe, "gen_ai.agent.version": Safe, "gen_ai.workflow.name": Name,
	"gen_ai.tool.type": Safe, "gen_ai.tool.call.id": Safe, "gen_ai.data_source.id": Safe, "gen_ai.token.type": Safe, "gen_ai.prompt.version": Safe,
	RequestModel: Safe, RequestTemperature: Safe, RequestTopP: Safe, RequestTopK: Safe, RequestMaxTokens: Safe, RequestStop: Safe,
	RequestFrequency: Safe, RequestPresence: Safe, RequestSeed: Safe, RequestChoices: Safe, RequestStream: Safe,
	"gen_ai.request.encoding_formats": Safe, "gen_ai.request.reasoning.level": Safe, "gen_ai.request.user": Person,
	ResponseID: Safe, ResponseModel: Safe, ResponseFinish: Safe,
	UsageInput: Safe, UsageOutput: Safe, UsageCacheRead: Safe, UsageCacheWrite: Safe, UsageReasoning: Safe, EmbeddingsDimensions: Safe,
	"gen_ai.usage.cache_creation.input_tokens": Safe,
	"gen_ai.input.messages":                    Content, "gen_ai.output.messages": Content, "gen_ai.system_instructions": Content,
	"gen_ai.tool.call.arguments": Content, "gen_ai.tool.call.result": Content, "gen_ai.tool.definitions": Content, "gen_ai.tool.description": Content,
	"gen_ai.agent.description": Content, "gen_ai.retrieval.query.text": Content, "gen_ai.retrieval.documents": Content,
	"gen_ai.prompt": Content, "gen_ai.completion": Content, "gen_ai.memory.query.text": Content, "gen_ai.memory.records": Content, "gen_ai.event.content": Content,
	"gen_ai.evaluation.name": Safe, "gen_ai.evaluation.score.value": Safe, "gen_ai.evaluation.score.label": Safe, "gen_ai.evaluation.explanation": Content,
	"gen_ai.openai.api_version": Safe, "gen_ai.openai.request.service_tier": Safe, "gen_ai.openai.response.service_tier": Safe,
	"gen_ai.openai.response.system_fingerprint": Safe, "gen_ai.openai.system_fingerprint": Safe,

	// OpenInference
	"openinference.span.kind": Safe, "openinference.project.name": Safe, "llm.model_name": Safe, "llm.provider": Safe, "llm.system": Safe,
	"llm.finish_reason": Safe, "embedding.model_name": Safe, "tool.name": Name, "tool.id": Safe, "agent.name": Name, "graph.node.id": Safe, "graph.node.parent_id": Safe,
	"graph.node.name": Name, "prompt.id": Safe, "prompt.vendor": Safe,
	"llm.token_count.prompt": Safe, "llm.token_count.completion": Safe, "llm.token_count.total": Safe,
	"input.value": Content, "output.value": Content, "input.mime_type": Safe, "output.mime_type": Safe, "llm.invocation_parameters": Content,
	"tool.parameters": Content, "tool.description": Content, "tool.json_schema": Content, "metadata": Content, "tag.tags": Content, "llm.function_call": Content,

	// OpenLLMetry
	"traceloop.span.kind": Safe, "traceloop.entity.name": Name, "traceloop.entity.path": Name, "traceloop.workflow.name": Name, "traceloop.entity.version": Safe,
	"traceloop.entity.input": Content, "traceloop.entity.output": Content,
	"traceloop.association.properties.user_id": Person, "traceloop.association.properties.session_id": Safe,
	"llm.request.type": Safe, "llm.is_streaming": Safe, "llm.user": Person, "llm.headers": Content,

	// Langfuse
	"langfuse.observation.type": Safe, "langfuse.observation.level": Safe, "langfuse.observation.model.name": Safe, "langfuse.trace.name": Name,
	"langfuse.session.id": Safe, "langfuse.user.id": Person,
}

// families are the classes of names whose rest is free, by their start.
var families = []struct {
	prefix string
	class  Class
}{
	{TraceTagPrefix, Content}, {TraceMetadataPrefix, Content},
	{"token_count_", Number}, {"metric_", Number}, {"contract_cost_", Number}, // this project's
	{"gen_ai.usage.", Number}, {"gen_ai.prompt.", Content}, {"gen_ai.completion.", Content},
	{"llm.input_messages.", Content}, {"llm.output_messages.", Content}, {"llm.tools.", Content}, {"llm.prompts.", Content}, {"llm.prompt_template.", Content},
	{"llm.request.functions.", Content}, {"llm.token_count.", Number}, {"llm.usage.", Number}, {"llm.cost.", Number},
	{"retrieval.documents.", Content}, {"reranker.", Content}, {"embedding.embeddings.", Content},
	{"traceloop.association.properties.", Content}, {"traceloop.prompt.", Content},
	{"langfuse.", Content},
}

// ClassOf returns what the attribute named key may hold. Tags and metadata with names of their users' choice are Content.
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
	return Unknown
}

// resources are the classes of resource attributes beside those of classes, exact or, with a dot at the end, by their start; of several the longest counts.
// What a machine says of itself is Safe; what its operator may write freely isn't.
var resources = map[string]Class{
	"service.": Safe, "telemetry.": Safe, "deployment.": Safe, "cloud.": Safe, "k8s.": Safe, "container.": Safe, "host.": Safe, "os.": Safe, "process.": Safe, "faas.": Safe,
	"aws.": Safe, "gcp.": Safe, "azure.": Safe, "device.": Safe, "webengine.": Safe,
	"process.owner": Person, "process.user.": Person, "process.real_user.": Person, "process.saved_user.": Person, "process.command": Content,
	"process.command_line": Content, "process.command_args": Content, "process.executable.path": Content, "process.working_directory": Content, "process.environment_variable.": Content,
	"container.command": Content, "container.command_line": Content, "container.command_args": Content, "k8s.pod.annotation.": Content, "k8s.namespace.annotation.": Content,
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
