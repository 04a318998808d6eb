// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// facts is what the attributes of a span say that others are derived from. Values that are not of
// the type they should have are left empty.
type facts struct {
	names                [Facts]string   // of facts that are names
	from                 [Facts]*Reading // what the names are from
	function             string
	inputs, outputs      []byte // JSON text
	prompts              []byte // JSON text
	parameters           []byte // JSON text: parameters of the request beside the inputs
	hasInputs, hasOutput bool
	usage                usage.Usage
	documents            [maxDocuments]usageDocument
	numDocuments         int
	badUsage             int // numbers of tokens that are none
}

// maxDocuments is how many documents of several numbers are read of one span. No dialect has more.
const maxDocuments = 3

type usageDocument struct {
	form *usage.Document
	text []byte
}

// span converts one span. t is the trace if the span is its topmost one, else nil.
func (w *worker) span(dst ptrace.Span, s *mlflow.Span, t *mlflow.Trace, experimentID string) {
	dst.SetTraceID(s.TraceID)
	dst.SetSpanID(s.ID)
	dst.SetParentSpanID(s.Parent)
	dst.SetName(validString(s.Name))
	dst.SetStartTimestamp(timestamp(s.Start))
	dst.SetEndTimestamp(timestamp(s.End))
	switch s.Status {
	case mlflow.StatusCodeOK:
		dst.Status().SetCode(ptrace.StatusCodeOk)
	case mlflow.StatusCodeError:
		dst.Status().SetCode(ptrace.StatusCodeError)
	}
	if s.Message != "" {
		if w.capture {
			dst.Status().SetMessage(validString(s.Message))
		} else {
			w.stats.Dropped++
		}
	}

	var f facts
	room := len(s.Attributes) + 10 // that many others are derived, as a rule
	if t != nil {
		room += len(t.Info.Tags) + len(t.Info.Metadata) + 8
	}
	w.levels[0].builder.EnsureCapacity(room)
	for i := range s.Attributes {
		a := &s.Attributes[i]
		f.note(a.Key, a.Raw, w.producer(a))
	}
	typ, kind := f.kind()
	dst.SetKind(kind.otlp())
	// MLflow 3.18 stores INTERNAL for all spans, so INTERNAL says nothing.
	if k := ptrace.SpanKind(s.Kind); k > ptrace.SpanKindInternal {
		dst.SetKind(k)
	}
	dst.TraceState().FromRaw(w.traceState(s.TraceState))
	dst.SetFlags(s.Flags)
	dst.SetDroppedAttributesCount(s.DroppedAttributes)
	dst.SetDroppedEventsCount(s.DroppedEvents)
	dst.SetDroppedLinksCount(s.DroppedLinks)
	w.derive(s, typ, kind, &f)
	if t != nil {
		w.trace(t, experimentID, &f)
	}
	w.putString(ConversationID, f.names[FactConversation])
	w.finish(dst.Attributes())

	for i := range s.Events {
		e := dst.Events().AppendEmpty()
		e.SetName(validString(s.Events[i].Name))
		e.SetTimestamp(timestamp(s.Events[i].Time))
		e.SetDroppedAttributesCount(s.Events[i].DroppedAttributes)
		w.attributes(e.Attributes(), s.Events[i].Attributes)
	}
	for i := range s.Links {
		l := dst.Links().AppendEmpty()
		l.SetTraceID(s.Links[i].TraceID)
		l.SetSpanID(s.Links[i].SpanID)
		l.TraceState().FromRaw(w.traceState(s.Links[i].TraceState))
		l.SetFlags(s.Links[i].Flags)
		l.SetDroppedAttributesCount(s.Links[i].DroppedAttributes)
		w.attributes(l.Attributes(), s.Links[i].Attributes)
	}
}

// traceState leaves out what may hold anything.
func (w *worker) traceState(s string) string {
	if s == "" || w.capture {
		return validString(s)
	}
	w.stats.Dropped++
	return ""
}

func timestamp(ns int64) pcommon.Timestamp { return pcommon.Timestamp(max(ns, 0)) }

// attributes converts the attributes of an event or a link.
func (w *worker) attributes(dst pcommon.Map, list []mlflow.Attribute) {
	if len(list) == 0 {
		return
	}
	w.levels[0].builder.EnsureCapacity(len(list))
	for i := range list {
		w.producer(&list[i])
	}
	w.finish(dst)
}

// producer adds an attribute as its producer wrote it and reports whether its value is JSON.
func (w *worker) producer(a *mlflow.Attribute) (valid bool) {
	if !w.admits(a.Key) {
		s := pyjson.NewScanner(a.Raw)
		s.Skip()
		s.End()
		return s.Err() == nil
	}
	key := validString(a.Key)
	valid, jsonText := w.value(w.levels[0].add(key), a.Raw, pyjson.NewValidScanner(a.Raw))
	if jsonText {
		w.marks = append(w.marks, key)
	}
	return valid
}

// admits reports whether the attribute may be written, and counts it if not.
func (w *worker) admits(key string) bool {
	if w.capture {
		return true
	}
	switch ClassOf(key) {
	case ClassSafe, ClassName, ClassPerson:
		return true
	}
	w.stats.Dropped++
	return false
}

// put adds an attribute of our own and returns its value, unless the producer wrote one of that
// name, which is never replaced.
func (w *worker) put(key string) (v pcommon.Value, ok bool) {
	if w.levels[0].find(key) >= 0 || !w.admits(key) {
		return v, false
	}
	return w.levels[0].addNew(key), true
}

// replace is put for names that only this project writes: found on a span, they come from an
// earlier transfer of the trace and are out of date.
func (w *worker) replace(key string) pcommon.Value {
	return w.levels[0].add(key)
}

// putString adds a string that isn't empty.
func (w *worker) putString(key, s string) {
	if s == "" {
		return
	}
	if v, ok := w.put(key); ok {
		v.SetStr(validString(s))
	}
}

func (w *worker) putInt(key string, n int64) {
	if v, ok := w.put(key); ok {
		v.SetInt(n)
	}
}

// finish completes the map at level 0 and makes it the content of dst.
func (w *worker) finish(dst pcommon.Map) {
	if len(w.marks) > 0 {
		keys := w.replace(JSONAttributes).SetEmptySlice()
		keys.EnsureCapacity(len(w.marks))
		for _, k := range w.marks {
			keys.AppendEmpty().SetStr(k)
		}
		clear(w.marks) // they point into the trace
		w.marks = w.marks[:0]
	}
	w.levels[0].finish(dst)
}

// note keeps what an attribute of the producer says. Of attributes with the same key the last one
// counts.
func (f *facts) note(key string, raw []byte, valid bool) {
	container := func() []byte {
		if !valid {
			return nil
		}
		return unwrapped(raw)
	}
	switch key {
	case SpanInputs:
		f.inputs, f.hasInputs = container(), true
		return
	case SpanOutputs:
		f.outputs, f.hasOutput = container(), true
		return
	case LinkedPrompts:
		f.prompts = container()
		return
	case SpanFunctionName:
		f.function, _ = stringValue(raw)
		return
	}
	r := ReadAttribute(key, DialectOpenAIAgents)
	if r == nil {
		return
	}
	switch r.Fact {
	case FactKind, FactProvider, FactProviderOther, FactRequestModel, FactResponseModel, FactTool, FactAgent,
		FactConversation:
		f.name(r, raw)
	case FactParameters:
		if current := f.from[FactParameters]; current == nil || current.Rank >= r.Rank {
			f.parameters, f.from[FactParameters] = container(), r
		}
	case FactUsage:
		if !f.usage.Raw(r.Tokens, raw) {
			f.badUsage++
		}
	}
	if r.Document != nil {
		f.document(r.Document, container())
	}
}

func (f *facts) document(form *usage.Document, text []byte) {
	if f.numDocuments < maxDocuments {
		f.documents[f.numDocuments] = usageDocument{form, text}
		f.numDocuments++
	}
}

// name keeps the name of the lowest rank. Clients that encode what is encoded already write quotes
// around it.
func (f *facts) name(r *Reading, raw []byte) {
	if current := f.from[r.Fact]; current != nil && current.Rank < r.Rank {
		return
	}
	name, _ := stringValue(raw)
	name = Unquoted(name)
	if r.Fact == FactKind {
		if _, said := KindOf(name); !said {
			return
		}
	}
	if name != "" || f.from[r.Fact] == r {
		f.names[r.Fact], f.from[r.Fact] = name, r
	}
}

// kind returns what the type of the span becomes.
func (f *facts) kind() (typ string, k spanKind) {
	typ = f.names[FactKind]
	if k, ok := spanKinds[typ]; ok || f.from[FactKind] != nil && f.from[FactKind].Dialect == DialectMLflow {
		return typ, k
	}
	kind, _ := KindOf(typ)
	typ = typesOfKinds[kind]
	return typ, spanKinds[typ]
}

// typesOfKinds are MLflow's types for what other dialects say.
var typesOfKinds = map[Kind]string{KindLLM: "LLM", KindEmbedding: "EMBEDDING", KindTool: "TOOL"}

// stringValue returns the value of an attribute that is a string, or text that isn't JSON, and
// whether it is one.
func stringValue(raw []byte) (string, bool) {
	s := pyjson.NewScanner(raw)
	if s.Kind() == pyjson.KindString {
		v := s.Str()
		if s.End(); s.Err() == nil {
			return v, true
		}
		return stringOf(raw), true
	}
	s.Skip()
	if s.End(); s.Err() == nil {
		return "", false
	}
	return stringOf(raw), true
}

// unwrapped returns the JSON text of a value, without the string around it where a producer encoded
// the text once more.
func unwrapped(raw []byte) []byte {
	s := pyjson.NewScanner(raw)
	if s.Kind() == pyjson.KindString {
		if inner := s.Bytes(); len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') {
			check := pyjson.NewScanner(inner)
			check.Skip()
			if check.End(); check.Err() == nil {
				return inner
			}
		}
	}
	return raw
}
