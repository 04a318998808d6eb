// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/usage"
)

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
	"generate_content": KindLLM, "generation": KindLLM,
	"ai.generatetext.dogenerate": KindLLM, "ai.streamtext.dostream": KindLLM,
	"ai.generateobject.dogenerate": KindLLM, "ai.streamobject.dostream": KindLLM,
	"embedding": KindEmbedding, "embeddings": KindEmbedding, "ai.embed.doembed": KindEmbedding,
	"ai.embedmany.doembed": KindEmbedding,
	"rerank":               KindRerank,
	"tool":                 KindTool, "execute_tool": KindTool, "ai.toolcall": KindTool,
}

// Direction is the side of a call.
type Direction int

// The two sides.
const (
	DirectionRequest Direction = iota
	DirectionResponse
	directions
)

// Source is a place where a dialect keeps the text of a request or response.
type Source int

// The sources, in the order in which they are checked.
const (
	SourceMLflow        Source = iota // mlflow.spanInputs, mlflow.spanOutputs
	SourceMessages                    // gen_ai.input.messages, gen_ai.output.messages
	SourceCall                        // arguments and result of a tool, query of a retrieval
	SourceOpenInference               // llm.input_messages.N.…
	SourceOpenLLMetry                 // gen_ai.prompt.N.…
	SourceValue                       // input.value and the like
	SourceEvents                      // span events of earlier conventions
	SourcePreview                     // previews of whole traces
	sources
)

// Texts are the places of one direction that a span has.
type Texts struct {
	Has [sources]bool // by source: the span has a text there
	// not for OpenInference, OpenLLMetry and Events, whose texts are spread over several attributes
	Value [sources]pcommon.Value
}

func (t *Texts) set(s Source, v pcommon.Value) {
	if !t.Has[s] && v.Type() != pcommon.ValueTypeEmpty {
		t.Has[s], t.Value[s] = true, v
	}
}

// Span is a span and what its attributes say.
type Span struct {
	ptrace.Span
	Resource ptrace.ResourceSpans
	Scope    ptrace.ScopeSpans
	Payloads genai.Payloads // how the mlflow receiver wrote the values; empty for spans of others

	GenAI   bool // it has an attribute of a GenAI dialect
	Counted bool // it carries token counts already
	Kind    Kind

	RequestModel, ResponseModel string
	// Provider is its name in the conventions, OtherProvider in MLflow, OpenInference or the Vercel
	// AI SDK: they have different ones.
	Provider, OtherProvider string
	Tool                    string // name of the tool
	Whole                   bool   // the mlflow receiver's mark on the topmost span of a whole trace

	Reported       [directions]bool // the producer reports the number of tokens
	BadUsage       int              // reported numbers that are none; complete after Usage
	usage          usage.Usage      // those numbers
	documents      [2]pcommon.Value // with further numbers, by document, if has
	hasDocuments   [2]bool
	estimated      bool // the numbers are this processor's own
	Texts          [directions]Texts
	System         pcommon.Value // gen_ai.system_instructions, if HasSystem
	HasSystem      bool
	Assessments    pcommon.Value // if HasAssessments
	HasAssessments bool
	Evaluations    []ptrace.SpanEvent // events gen_ai.evaluation.result

	jsonKeys    pcommon.Value
	hasJSONKeys bool
	// the ranks of the dialects that type, model, provider and tool are from; the lowest counts
	kindRank, requestRank, responseRank, providerRank, otherRank, toolRank int8

	parent   int  // index of the parent in the batch, or none
	cut      bool // it has a parent, which lies below it: the parents form a cycle
	root     int  // index of the topmost GenAI span at or above this one, or none
	below    bool // its topmost span in the batch has a parent in another one
	state    state
	model    string // the one model of the calls at and below a root
	mixed    bool   // there are several
	hasCalls bool   // a call of a model has this GenAI span as its nearest one
}

// Lists reports whether the span says that the attribute named key holds JSON text.
func (s *Span) Lists(key string) bool {
	if !s.hasJSONKeys {
		return false
	}
	for _, k := range s.jsonKeys.Slice().All() {
		if k.Str() == key {
			return true
		}
	}
	return false
}

// Models returns the names of the model that the span asked for and of the one that answered, or
// those of the only model that the calls below it use.
func (b *Batch) Models(s *Span) (request, response string) {
	if s.RequestModel != "" || s.ResponseModel != "" || s.root == none {
		return s.RequestModel, s.ResponseModel
	}
	if top := &b.Spans[s.root]; !top.mixed {
		return top.model, ""
	}
	return "", ""
}

// IsRoot reports whether s, the span with index i, is the topmost GenAI span of its trace.
func (b *Batch) IsRoot(i int) bool { return b.Spans[i].GenAI && b.Spans[i].root == i }

// IsLeafCall reports whether s calls a model and has no other such call below it.
func (s *Span) IsLeafCall() bool { return s.callsModel() && !s.hasCalls }

// callsModel reports whether the span is a call whose tokens are counted.
func (s *Span) callsModel() bool { return s.Kind == KindLLM || s.Kind == KindEmbedding }

// Typed reports whether the span has a type in any dialect.
func (s *Span) Typed() bool { return s.kindRank != unset }

// unset ranks behind every dialect.
const unset = 100

// read fills s from its attributes and events, in one pass over them.
func (s *Span) read() {
	s.kindRank, s.requestRank, s.responseRank = unset, unset, unset
	s.providerRank, s.otherRank, s.toolRank = unset, unset, unset
	for key, v := range s.Attributes().All() {
		if genai.Marks(key) {
			s.GenAI = true
			s.attribute(key, v)
			continue
		}
		switch key {
		case genai.TokenCountEncoding:
			s.Counted = true
		case genai.TokensBackfilled:
			s.estimated = v.Bool()
		case "assessments":
			s.assessments(v, false)
		}
	}
	for _, e := range s.Events().All() {
		s.event(e)
	}
	if s.Payloads != "" {
		s.GenAI = true
	}
	document := s.hasDocuments != [2]bool{}
	total := document || s.usage.Has(usage.FieldTotal)
	s.Reported[DirectionRequest] = total || s.usage.Has(usage.FieldInput)
	s.Reported[DirectionResponse] = total || s.usage.Has(usage.FieldOutput)
}

func (s *Span) attribute(key string, v pcommon.Value) {
	switch key {
	case genai.SpanInputs:
		s.payload(DirectionRequest, v)
	case genai.SpanOutputs:
		s.payload(DirectionResponse, v)
	case genai.SpanType:
		s.typed(0, genai.Unquoted(v.Str()))
	case genai.JSONAttributes:
		s.jsonKeys, s.hasJSONKeys = v, v.Type() == pcommon.ValueTypeSlice
	case genai.Assessments:
		s.assessments(v, true)
	case genai.RequestPreview:
		s.Texts[DirectionRequest].set(SourcePreview, v)
	case genai.ResponsePreview:
		s.Texts[DirectionResponse].set(SourcePreview, v)
	case genai.Revision:
		s.Whole = true
	case genai.ChatUsage:
		s.document(documentMLflow, v)
	case "langfuse.observation.usage_details":
		s.document(documentLangfuse, v)
	case genai.RequestModel:
		first(&s.RequestModel, &s.requestRank, 0, v.Str())
	case genai.LLMModel:
		first(&s.RequestModel, &s.requestRank, 1, genai.Unquoted(v.Str()))
	case "llm.model_name":
		first(&s.RequestModel, &s.requestRank, 2, v.Str())
	case "embedding.model_name":
		first(&s.RequestModel, &s.requestRank, 3, v.Str())
	case "langfuse.observation.model.name":
		first(&s.RequestModel, &s.requestRank, 4, v.Str())
	case "ai.model.id":
		first(&s.RequestModel, &s.requestRank, 5, v.Str())
	case genai.ResponseModel:
		first(&s.ResponseModel, &s.responseRank, 0, v.Str())
	case "ai.response.model":
		first(&s.ResponseModel, &s.responseRank, 1, v.Str())
	case genai.ProviderName:
		first(&s.Provider, &s.providerRank, 0, v.Str())
	case "gen_ai.system":
		first(&s.Provider, &s.providerRank, 1, v.Str())
	case genai.LLMProvider:
		first(&s.OtherProvider, &s.otherRank, 0, genai.Unquoted(v.Str()))
	case "llm.provider":
		first(&s.OtherProvider, &s.otherRank, 1, v.Str())
	case "ai.model.provider":
		first(&s.OtherProvider, &s.otherRank, 2, v.Str())
	case genai.ToolName:
		first(&s.Tool, &s.toolRank, 0, v.Str())
	case "tool.name":
		first(&s.Tool, &s.toolRank, 1, v.Str())
	case "ai.toolCall.name":
		first(&s.Tool, &s.toolRank, 2, v.Str())
	case "traceloop.entity.name":
		first(&s.Tool, &s.toolRank, 3, v.Str())
	case genai.OperationName:
		s.typed(1, v.Str())
	case "openinference.span.kind":
		s.typed(2, v.Str())
	case "llm.request.type":
		s.typed(3, v.Str())
	case "traceloop.span.kind":
		s.typed(4, v.Str())
	case "langfuse.observation.type":
		s.typed(5, v.Str())
	case "ai.operationId":
		s.typed(6, v.Str())
	case "gen_ai.input.messages":
		s.Texts[DirectionRequest].set(SourceMessages, v)
	case "gen_ai.output.messages":
		s.Texts[DirectionResponse].set(SourceMessages, v)
	case "gen_ai.system_instructions":
		s.System, s.HasSystem = v, v.Type() != pcommon.ValueTypeEmpty
	case "gen_ai.tool.call.arguments", "gen_ai.retrieval.query.text":
		s.Texts[DirectionRequest].set(SourceCall, v)
	case "gen_ai.tool.call.result":
		s.Texts[DirectionResponse].set(SourceCall, v)
	case "input.value", "traceloop.entity.input", "langfuse.observation.input", "gen_ai.prompt":
		s.Texts[DirectionRequest].set(SourceValue, v)
	case "output.value", "traceloop.entity.output", "langfuse.observation.output", "gen_ai.completion":
		s.Texts[DirectionResponse].set(SourceValue, v)
	default:
		s.family(key, v)
	}
}

// family notes attributes whose names go on with numbers, and the ones that report usage.
func (s *Span) family(key string, v pcommon.Value) {
	switch {
	case strings.HasPrefix(key, "llm.input_messages."):
		s.Texts[DirectionRequest].Has[SourceOpenInference] = true
	case strings.HasPrefix(key, "llm.output_messages."):
		s.Texts[DirectionResponse].Has[SourceOpenInference] = true
	case strings.HasPrefix(key, "gen_ai.prompt.") && numbered(key[len("gen_ai.prompt."):]):
		s.Texts[DirectionRequest].Has[SourceOpenLLMetry] = true
	case strings.HasPrefix(key, "gen_ai.completion.") && numbered(key[len("gen_ai.completion."):]):
		s.Texts[DirectionResponse].Has[SourceOpenLLMetry] = true
	default:
		if known, bad := s.usage.Attribute(key, v); known && bad {
			s.BadUsage++
		}
	}
}

// first keeps the value of the lowest rank.
func first(dst *string, current *int8, rank int8, value string) {
	if value != "" && rank < *current {
		*dst, *current = value, rank
	}
}

// payload notes inputs or outputs. MLflow's exporter for OTLP sends None as the JSON text of it;
// the mlflow receiver doesn't send it.
func (s *Span) payload(d Direction, v pcommon.Value) {
	if s.Payloads != "" || v.Str() != "null" {
		s.Texts[d].set(SourceMLflow, v)
	}
}

func numbered(rest string) bool { return rest != "" && rest[0] >= '0' && rest[0] <= '9' }

// event notes the events in which earlier conventions, and some SDKs today, put messages.
func (s *Span) event(e ptrace.SpanEvent) {
	name := e.Name()
	if !strings.HasPrefix(name, "gen_ai.") {
		return
	}
	s.GenAI = true
	switch name {
	case "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message",
		"gen_ai.content.prompt":
		s.Texts[DirectionRequest].Has[SourceEvents] = true
	case "gen_ai.choice", "gen_ai.content.completion":
		s.Texts[DirectionResponse].Has[SourceEvents] = true
	case "gen_ai.evaluation.result":
		s.Evaluations = append(s.Evaluations, e)
	case "gen_ai.client.inference.operation.details":
		for key, v := range e.Attributes().All() {
			switch key {
			case "gen_ai.input.messages":
				s.Texts[DirectionRequest].set(SourceMessages, v)
			case "gen_ai.output.messages":
				s.Texts[DirectionResponse].set(SourceMessages, v)
			case "gen_ai.system_instructions":
				s.System, s.HasSystem = v, v.Type() != pcommon.ValueTypeEmpty
			}
		}
	}
}

// typed notes the type of the span that the dialect with the given rank names, the lowest of which
// counts.
func (s *Span) typed(rank int8, name string) {
	if rank >= s.kindRank || name == "" || strings.EqualFold(name, "unknown") {
		return
	}
	s.kindRank = rank
	s.Kind = kinds[lower(name)]
}

// lower is strings.ToLower without an allocation for the names that are common.
func lower(name string) string {
	switch name {
	case "LLM":
		return "llm"
	case "CHAT_MODEL":
		return "chat_model"
	case "EMBEDDING":
		return "embedding"
	case "TOOL":
		return "tool"
	case "AGENT", "CHAIN", "RETRIEVER", "WORKFLOW", "TASK", "PARSER", "MEMORY", "GUARDRAIL",
		"EVALUATOR", "RERANKER":
		return ""
	}
	return strings.ToLower(name)
}

// assessments notes where the span's assessments are. MLflow's own name comes first.
func (s *Span) assessments(v pcommon.Value, first bool) {
	if first || !s.HasAssessments {
		s.Assessments, s.HasAssessments = v, true
	}
}
