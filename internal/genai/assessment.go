// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// assessments adds all assessments of the trace, and the time of the newest change.
func (w *worker) assessments(list []mlflow.Assessment) {
	var newest int64
	for i := range list {
		newest = max(newest, list[i].Updated)
	}
	w.replace(Revision).SetInt(newest)
	if len(list) == 0 {
		return
	}
	if !w.capture {
		list = w.withoutContent(list)
	}
	before := w.texts
	if v := w.replace(Assessments); w.asJSON {
		const usual = 512 // bytes of an assessment
		w.jsonText(v, mlflow.AppendAssessments(make([]byte, 0, usual*len(list)), list))
	} else {
		w.assessmentList(v, list)
	}
	if w.texts > before {
		w.marks = append(w.marks, Assessments)
	}
}

// assessmentList writes into v the value that the text of mlflow.AppendAssessments stands for: the
// same members in the same order. It spares the text.
func (w *worker) assessmentList(v pcommon.Value, list []mlflow.Assessment) {
	elements := v.SetEmptySlice()
	elements.EnsureCapacity(len(list))
	for _, a := range mlflow.ByCreation(list) {
		w.assessment(elements.AppendEmpty(), &a)
	}
}

func (w *worker) assessment(v pcommon.Value, a *mlflow.Assessment) {
	const depth, members = 2, 12 // an element of a list; at most
	o := w.object(v, depth, members)
	o.string("assessment_id", a.ID)
	o.string("assessment_name", a.Name)
	o.string("trace_id", a.TraceID)
	o.optional("span_id", a.SpanID)
	source := o.object("source", 2)
	source.string("source_type", a.SourceType)
	source.optional("source_id", a.SourceID)
	source.end()
	o.string("create_time", mlflow.FormatTime(a.Created))
	o.string("last_update_time", mlflow.FormatTime(a.Updated))
	if a.Kind != "" {
		o.assessed(a)
	}
	o.optional("rationale", a.Rationale)
	if len(a.Metadata) > 0 {
		metadata := o.object("metadata", len(a.Metadata))
		for _, kv := range a.Metadata {
			metadata.string(kv.Key, kv.Value)
		}
		metadata.end()
	}
	o.optional("overrides", a.Overrides)
	o.add("valid").SetBool(!a.Invalid)
	o.end()
}

// object writes a map with members that are known, as decode would from JSON text. Objects in it
// are ended before it gets its next member.
type object struct {
	w     *worker
	depth int // as the one of decode
	dst   pcommon.Map
}

// assessed adds what was found: the value of a feedback, an expectation or an issue, or why there
// is none.
func (o object) assessed(a *mlflow.Assessment) {
	kind := o.object(string(a.Kind), 1)
	if a.Value != nil {
		name := "value"
		if a.Kind == mlflow.AssessmentKindIssue {
			name = "issue_name"
		}
		s := pyjson.NewScanner(a.Value)
		o.w.decode(kind.add(name), &s, kind.depth+1)
	}
	if a.Serialized != "" {
		serialized := kind.object("serialized_value", 2)
		serialized.string("serialization_format", "JSON_FORMAT")
		serialized.string("value", a.Serialized)
		serialized.end()
	}
	if a.Error != nil {
		failure := kind.object("error", 3)
		failure.string("error_code", a.Error.Code)
		failure.optional("error_message", a.Error.Message)
		failure.optional("stack_trace", a.Error.StackTrace)
		failure.end()
	}
	kind.end()
}

// object makes v an object with room for so many members.
func (w *worker) object(v pcommon.Value, depth, room int) object {
	w.levels[depth].builder.EnsureCapacity(room)
	return object{w, depth, v.SetEmptyMap()}
}

// end puts the members into the map.
func (o object) end() { o.w.levels[o.depth].finish(o.dst) }

func (o object) add(name string) pcommon.Value {
	return o.w.levels[o.depth].add(pyjson.ValidString(name))
}

func (o object) object(name string, room int) object { return o.w.object(o.add(name), o.depth+1, room) }

func (o object) string(name, s string) { o.add(name).SetStr(pyjson.ValidString(s)) }

// optional adds a string unless it is empty.
func (o object) optional(name, s string) {
	if s != "" {
		o.string(name, s)
	}
}
