// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// CanonicalValue returns the JSON text of a feedback's value or a scalar expectation as every
// source gives it: integers are floats, the keys of objects ascend. (MLflow's REST answers go
// through a protobuf value that knows doubles only and forgets the order.) Text that is not JSON
// becomes a string.
func CanonicalValue(text []byte) []byte {
	value, err := pyjson.AppendCanonicalFloats(nil, text, true)
	if err != nil {
		value = pyjson.AppendString(nil, strings.ToValidUTF8(string(text), "\ufffd"))
	}
	return value
}

// assessments reads a list of assessments in MLflow's REST form and returns it in the order of
// creation, then of ids.
func (d *decoder) assessments() []Assessment {
	if !d.open(pyjson.KindArray) {
		return nil
	}
	var list []Assessment
	for d.NextElement() {
		if d.Kind() == pyjson.KindObject {
			list = append(list, d.assessment())
			d.Spend(sizeOfAssessment)
		} else {
			d.Skip()
		}
	}
	slices.SortStableFunc(list, byCreation)
	return list
}

func (d *decoder) assessment() Assessment {
	var a Assessment
	var outer *AssessmentError // a deprecated place of it
	d.Open(pyjson.KindObject)
	for d.NextMember() {
		switch key := string(d.Key()); key {
		case "assessment_id":
			a.ID = d.text()
		case "assessment_name":
			a.Name = d.text()
		case "trace_id":
			a.TraceID = d.text()
		case "span_id":
			a.SpanID = d.text()
		case "source":
			d.source(&a)
		case "create_time":
			a.Created = d.timestamp()
		case "last_update_time":
			a.Updated = d.timestamp()
		case "feedback", "expectation", "issue":
			if d.Kind() == pyjson.KindObject {
				a.Kind = AssessmentKind(key)
			}
			d.assessmentValue(&a)
		case "rationale":
			a.Rationale = d.text()
		case "metadata":
			a.Metadata = d.keyValues()
		case "overrides":
			a.Overrides = d.text()
		case "valid":
			a.Invalid = !d.boolean(true)
		case "error":
			outer = d.assessmentError()
		default:
			d.Skip()
		}
	}
	if a.Error == nil && a.Kind == AssessmentKindFeedback {
		a.Error = outer
	}
	return a
}

func (d *decoder) source(a *Assessment) {
	if !d.open(pyjson.KindObject) {
		return
	}
	for d.NextMember() {
		switch string(d.Key()) {
		case "source_type":
			a.SourceType = d.text()
		case "source_id":
			a.SourceID = d.text()
		default:
			d.Skip()
		}
	}
}

// assessmentValue reads {"value": …, "error": {…}}, {"serialized_value": {"value": "…"}} or
// {"issue_name": "…"}.
func (d *decoder) assessmentValue(a *Assessment) {
	if !d.open(pyjson.KindObject) {
		return
	}
	for d.NextMember() {
		switch string(d.Key()) {
		case "value":
			a.Value = CanonicalValue(d.Skip())
		case "issue_name":
			a.Value = pyjson.AppendString(nil, d.text())
		case "error":
			a.Error = d.assessmentError()
		case "serialized_value":
			if !d.open(pyjson.KindObject) {
				continue
			}
			for d.NextMember() {
				if string(d.Key()) == "value" {
					a.Serialized = d.text()
				} else {
					d.Skip()
				}
			}
		default:
			d.Skip()
		}
	}
}

func (d *decoder) assessmentError() *AssessmentError {
	if !d.open(pyjson.KindObject) {
		return nil
	}
	e := &AssessmentError{}
	for d.NextMember() {
		switch string(d.Key()) {
		case "error_code":
			e.Code = d.text()
		case "error_message":
			e.Message = d.text()
		case "stack_trace":
			e.StackTrace = d.text()
		default:
			d.Skip()
		}
	}
	return e
}

// AppendAssessments appends the JSON text of the complete list in the form of MLflow's REST
// answers, in the order of creation, then of ids. The order of members is fixed and absent ones are
// left out, so that equal lists give equal bytes.
func AppendAssessments(dst []byte, list []Assessment) []byte {
	list = ByCreation(list)
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = list[i].append(dst)
	}
	return append(dst, ']')
}

// ByCreation returns the list in the order of creation, then of ids. It doesn't change the list
// that it is given.
func ByCreation(list []Assessment) []Assessment {
	if !slices.IsSortedFunc(list, byCreation) {
		list = slices.Clone(list)
		slices.SortStableFunc(list, byCreation)
	}
	return list
}

func byCreation(a, b Assessment) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
}

func (a *Assessment) append(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendMember(dst, "assessment_id", a.ID)
	dst = appendMember(dst, "assessment_name", a.Name)
	dst = appendMember(dst, "trace_id", a.TraceID)
	dst = appendOptional(dst, "span_id", a.SpanID)
	dst = append(appendName(dst, "source"), '{')
	dst = appendMember(dst, "source_type", a.SourceType)
	dst = appendOptional(dst, "source_id", a.SourceID)
	dst = append(dst, '}')
	dst = appendTime(dst, "create_time", a.Created)
	dst = appendTime(dst, "last_update_time", a.Updated)
	dst = a.appendValue(dst)
	dst = appendOptional(dst, "rationale", a.Rationale)
	if len(a.Metadata) > 0 {
		dst = append(appendName(dst, "metadata"), '{')
		for _, kv := range a.Metadata {
			dst = appendMember(dst, kv.Key, kv.Value)
		}
		dst = append(dst, '}')
	}
	dst = appendOptional(dst, "overrides", a.Overrides)
	dst = appendName(dst, "valid")
	if a.Invalid {
		dst = append(dst, "false"...)
	} else {
		dst = append(dst, "true"...)
	}
	return append(dst, '}')
}

func (a *Assessment) appendValue(dst []byte) []byte {
	if a.Kind == "" {
		return dst
	}
	dst = append(appendName(dst, string(a.Kind)), '{')
	if a.Value != nil {
		name := "value"
		if a.Kind == AssessmentKindIssue {
			name = "issue_name"
		}
		dst = append(appendName(dst, name), a.Value...)
	}
	if a.Serialized != "" {
		dst = append(appendName(dst, "serialized_value"), '{')
		dst = appendMember(dst, "serialization_format", "JSON_FORMAT")
		dst = appendMember(dst, "value", a.Serialized)
		dst = append(dst, '}')
	}
	if a.Error != nil {
		dst = append(appendName(dst, "error"), '{')
		dst = appendMember(dst, "error_code", a.Error.Code)
		dst = appendOptional(dst, "error_message", a.Error.Message)
		dst = appendOptional(dst, "stack_trace", a.Error.StackTrace)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func appendTime(dst []byte, name string, unixMilli int64) []byte {
	dst = append(appendName(dst, name), '"')
	dst = time.UnixMilli(unixMilli).UTC().AppendFormat(dst, timeLayout)
	return append(dst, '"')
}

// timeLayout is how MLflow's REST answers write times.
const timeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime writes a time, in milliseconds since 1970, as MLflow's REST answers do.
func FormatTime(unixMilli int64) string { return time.UnixMilli(unixMilli).UTC().Format(timeLayout) }

// appendName appends what stands before a member's value.
func appendName(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ", "...)
	}
	return append(pyjson.AppendString(dst, name), ": "...)
}

func appendMember(dst []byte, name, value string) []byte {
	return pyjson.AppendString(appendName(dst, name), value)
}

func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendMember(dst, name, value)
}
