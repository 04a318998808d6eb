// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// Direction is the side of a call.
type Direction int

// The two sides.
const (
	DirectionRequest Direction = iota
	DirectionResponse
	directions
)

// Texts are the places of one direction that a span has.
type Texts struct {
	Has [genai.TextSources]bool // by source: the span has a text there
	// not for texts that are spread over several attributes or events
	Value [genai.TextSources]pcommon.Value
	rank  [genai.TextSources]int16
}

// set notes a text, unless one of a lower rank was there.
func (t *Texts) set(s genai.TextSource, rank int16, v pcommon.Value) {
	if (!t.Has[s] || rank < t.rank[s]) && v.Type() != pcommon.ValueTypeEmpty {
		t.Has[s], t.Value[s], t.rank[s] = true, v, rank
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
	Kind    genai.Kind

	RequestModel, ResponseModel string
	// Provider is its name in the conventions, OtherProvider in another dialect: they have different
	// ones.
	Provider, OtherProvider string
	Tool                    string // name of the tool
	Whole                   bool   // the mlflow receiver's mark on the topmost span of a whole trace

	Reported       [directions]bool // the producer reports the number of tokens
	BadUsage       int              // reported numbers that are none; complete after Usage
	usage          usage.Usage      // those numbers
	documents      [maxDocuments]document
	numDocuments   int
	estimated      bool // the numbers are this processor's own
	Texts          [directions]Texts
	System         pcommon.Value // gen_ai.system_instructions, if HasSystem
	HasSystem      bool
	Assessments    pcommon.Value // if HasAssessments
	HasAssessments bool
	Evaluations    []ptrace.SpanEvent // events genai.EvaluationResult

	// Set by package cost: the span has the cost of a call of a model; the call that it stands for
	// has a cost, here or on a span below.
	Priced, CallPriced bool
	ToolPriced         bool // set by package cost: the span has the cost of a call of a tool

	jsonKeys    pcommon.Value
	hasJSONKeys bool
	ranks       [genai.Facts]int16 // of the attributes that the facts are from; 0: not said
	implied     genai.Kind         // what an attribute implies where nothing says the kind

	parent   int  // index of the parent in the batch, or none
	cut      bool // it has a parent, which lies below it: the parents form a cycle
	root     int  // index of the topmost GenAI span at or above this one, or none
	call     int  // index of the topmost span at or above this one that reports usage of a model, or none
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
func (s *Span) callsModel() bool { return s.Kind == genai.KindLLM || s.Kind == genai.KindEmbedding }

// read fills s from its attributes and events, in one pass over them. scope is the dialect of its
// instrumentation scope.
func (s *Span) read(scope genai.Dialect) {
	s.GenAI = s.Payloads != "" || scope == genai.DialectClaudeCode
	for key, v := range s.Attributes().All() {
		marked := genai.MarksIn(key, scope)
		s.GenAI = s.GenAI || marked
		switch {
		case s.own(key, v):
		case !marked && scope == "" && key != genai.PlainAssessments: // a name of other conventions
		default:
			if r := genai.ReadAttribute(key, scope); r != nil {
				s.attribute(r, v)
			}
		}
	}
	if s.ranks[genai.FactKind] == 0 {
		s.Kind = s.implied
	}
	for _, e := range s.Events().All() {
		s.event(e)
	}
	total := s.numDocuments > 0 || s.usage.Has(usage.FieldTotal)
	s.Reported[DirectionRequest] = total || s.usage.Has(usage.FieldInput)
	s.Reported[DirectionResponse] = total || s.usage.Has(usage.FieldOutput)
}

// own notes the attributes by which this project describes a span. It reports whether key is the name
// of one.
func (s *Span) own(key string, v pcommon.Value) bool {
	switch key {
	case genai.JSONAttributes:
		s.jsonKeys, s.hasJSONKeys = v, v.Type() == pcommon.ValueTypeSlice
	case genai.Revision:
		s.Whole = true
	case genai.TokenCountEncoding:
		s.Counted = true
	case genai.TokensBackfilled:
		s.estimated = v.Bool()
	default:
		return false
	}
	return true
}

func (s *Span) attribute(r *genai.Reading, v pcommon.Value) {
	switch r.Fact {
	case genai.FactKind:
		s.typed(r.Rank, genai.Unquoted(v.Str()))
	case genai.FactProvider:
		s.name(&s.Provider, r, v)
	case genai.FactProviderOther:
		s.name(&s.OtherProvider, r, v)
	case genai.FactRequestModel:
		s.name(&s.RequestModel, r, v)
	case genai.FactResponseModel:
		s.name(&s.ResponseModel, r, v)
	case genai.FactTool:
		s.name(&s.Tool, r, v)
	case genai.FactRequestText:
		s.text(DirectionRequest, r, v)
	case genai.FactResponseText:
		s.text(DirectionResponse, r, v)
	case genai.FactSystem:
		s.System, s.HasSystem = v, v.Type() != pcommon.ValueTypeEmpty
	case genai.FactUsage:
		if !s.usage.Value(r.Tokens, v) {
			s.BadUsage++
		}
	case genai.FactUsageDocument:
		s.document(r.Document, v)
	case genai.FactAssessments:
		if current := s.ranks[r.Fact]; current == 0 || r.Rank < current {
			s.Assessments, s.HasAssessments, s.ranks[r.Fact] = v, true, r.Rank
		}
	}
}

// name keeps the value of the lowest rank.
func (s *Span) name(dst *string, r *genai.Reading, v pcommon.Value) {
	if current := s.ranks[r.Fact]; current != 0 && r.Rank > current {
		return
	}
	if value := genai.Unquoted(v.Str()); value != "" {
		*dst, s.ranks[r.Fact] = value, r.Rank
	}
}

// text notes a text of the request or response. Absent are the JSON text of None, which MLflow's
// exporter for OTLP sends, but the mlflow receiver doesn't, and the empty object that Google ADK
// writes in place of a text.
func (s *Span) text(d Direction, r *genai.Reading, v pcommon.Value) {
	switch {
	case r.Numbered:
		s.Texts[d].Has[r.Source] = true
		return
	case r.Dialect == genai.DialectMLflow && s.Payloads == "" && v.Str() == "null":
		return
	case r.Dialect == genai.DialectGoogleADK && isEmptyObject(v):
		return
	}
	s.Texts[d].set(r.Source, r.Rank, v)
	if r.Implies != genai.KindOther {
		s.implied = r.Implies
	}
	if r.Document != nil {
		s.document(r.Document, v)
	}
}

func isEmptyObject(v pcommon.Value) bool {
	return v.Str() == "{}" || v.Type() == pcommon.ValueTypeMap && v.Map().Len() == 0
}

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
		s.Texts[DirectionRequest].Has[genai.SourceEvents] = true
	case "gen_ai.choice", "gen_ai.content.completion":
		s.Texts[DirectionResponse].Has[genai.SourceEvents] = true
	case genai.EvaluationResult:
		s.Evaluations = append(s.Evaluations, e)
	case "gen_ai.client.inference.operation.details":
		for key, v := range e.Attributes().All() {
			if r := genai.ReadAttribute(key, ""); r != nil && (r.Source == genai.SourceMessages ||
				r.Fact == genai.FactSystem) {
				s.attribute(r, v)
			}
		}
	}
}

// typed notes the type of the span that the attribute with the given rank names, the lowest of
// which counts.
func (s *Span) typed(rank int16, name string) {
	if current := s.ranks[genai.FactKind]; current != 0 && rank > current {
		return
	}
	if kind, said := genai.KindOf(name); said {
		s.Kind, s.ranks[genai.FactKind] = kind, rank
	}
}
