// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// facts is what the attributes of a span say that others are derived from. Values that are not of
// the type they should have are left empty.
type facts struct {
	spanType, model, provider, function string
	plainModel                          string // of the attribute `model` that integrations write
	inputs, outputs, usage, prompts     []byte // JSON text
	hasInputs, hasOutputs               bool
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
	kind := spanKinds[f.spanType]
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
	w.derive(s, kind, &f)
	if t != nil {
		w.trace(t, experimentID, &f)
	}
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
	return w.levels[0].add(key), true
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
	case SpanType:
		f.spanType, _ = stringValue(raw)
		f.spanType = strings.Trim(f.spanType, `"`) // quoted twice by clients that encode what is encoded already
	case SpanInputs:
		f.inputs, f.hasInputs = container(), true
	case SpanOutputs:
		f.outputs, f.hasOutputs = container(), true
	case ChatUsage:
		f.usage = container()
	case LinkedPrompts:
		f.prompts = container()
	case LLMModel:
		f.model, _ = stringValue(raw)
	case LLMProvider:
		f.provider, _ = stringValue(raw)
	case SpanFunctionName:
		f.function, _ = stringValue(raw)
	case "model":
		f.plainModel, _ = stringValue(raw)
	}
}

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
