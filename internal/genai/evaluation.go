// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// maxText is the length, in bytes, of the longest text of a log record: a rationale, the value of an
// assessment or an entry of its metadata. The topmost span has all of it, if it is there.
const maxText = 4096

// evaluations adds a record for each assessment.
func (r *recorder) evaluations(list []mlflow.Assessment) {
	if !r.capture {
		list = r.withoutContent(list)
	}
	list = mlflow.ByCreation(list)
	for i := range list {
		r.evaluation(&list[i])
	}
}

func (r *recorder) evaluation(a *mlflow.Assessment) {
	at := r.found
	if changed := max(a.Updated, a.Created); changed > 0 {
		at = timestamp(changed * 1e6)
	}
	span := r.root
	if a.SpanID != "" {
		span = mlflow.SpanID(a.SpanID)
	}
	lr := r.record(EvaluationResult, at, span)
	r.putString(EvaluationName, a.Name)
	r.putString(AssessmentID, a.ID)
	r.putString(AssessmentKind, string(a.Kind))
	r.score(a)
	r.putLimited(EvaluationExplanation, a.Rationale, maxText)
	if a.Error != nil {
		r.putLimited(ErrorType, a.Error.Code, MaxLabel)
	}
	r.putString(ResponseID, r.responseID(span))
	r.putString(AssessmentSourceType, a.SourceType)
	if a.SourceID != "" && !Machine(a.SourceType) {
		r.counts.Persons++
	} else {
		r.putString(AssessmentSourceID, a.SourceID)
	}
	r.replace(AssessmentValid).SetBool(!a.Invalid)
	r.putString(AssessmentOverrides, a.Overrides)
	for _, m := range a.Metadata {
		r.assessmentMetadata(m)
	}
	r.putStrings(AssessmentTruncated, r.truncated)
	clear(r.truncated)
	r.truncated = r.truncated[:0]
	r.finish(lr.Attributes())
}

// score adds the score and the label of a feedback, and the value of whatever these two don't say
// in whole.
func (r *recorder) score(a *mlflow.Assessment) {
	value := stringOf(a.Value)
	if a.Kind == mlflow.AssessmentKindFeedback {
		s := ScoreOf(a.Value)
		if s.HasValue {
			if v, ok := r.put(EvaluationScore); ok {
				v.SetDouble(s.Value)
			}
		}
		r.putString(EvaluationLabel, s.Label)
		if s.HasValue || s.Label != "" || isNothing(a.Value) {
			return
		}
	}
	if a.Serialized != "" {
		value = a.Serialized
	}
	if r.putLimited(AssessmentValue, value, maxText) {
		r.marks = append(r.marks, AssessmentValue)
	}
}

// isNothing reports whether the value of a feedback is null or a text without characters.
func isNothing(value []byte) bool {
	s := pyjson.NewScanner(value)
	switch s.Kind() {
	case pyjson.KindNull:
		return true
	case pyjson.KindString:
		return strings.TrimSpace(s.Str()) == ""
	}
	return len(value) == 0
}

// putLimited adds a text that isn't empty, up to a number of bytes. It reports whether it did, in
// whole.
func (r *recorder) putLimited(key, text string, limit int) (whole bool) {
	if text == "" {
		return false
	}
	v, ok := r.put(key)
	if !ok {
		return false
	}
	text = validString(text)
	if whole = len(text) <= limit; !whole {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit]
		r.truncated = append(r.truncated, key)
		r.counts.Truncated++
	}
	v.SetStr(text)
	return whole
}

// Machine reports whether an assessor of that type is none of the people.
func Machine(sourceType string) bool {
	return sourceType == "LLM_JUDGE" || sourceType == "AI_JUDGE" || sourceType == "CODE"
}

// ownOfAssessments are the attributes that an entry of metadata can't stand in for.
var ownOfAssessments = map[string]bool{
	AssessmentID: true, AssessmentKind: true, AssessmentSourceType: true, AssessmentSourceID: true,
	AssessmentValid: true, AssessmentOverrides: true, AssessmentValue: true, AssessmentTruncated: true,
}

// assessmentMetadata adds an entry of an assessment's metadata: MLflow's own under its name, what a
// judge has cost as numbers.
func (r *recorder) assessmentMetadata(m mlflow.KeyValue) {
	switch m.Key {
	case AssessmentJudgeCost:
		cost, err := strconv.ParseFloat(strings.TrimSpace(m.Value), 64)
		if err != nil || math.IsNaN(cost) || math.IsInf(cost, 0) {
			r.counts.BadUsage++
		} else if v, ok := r.put(m.Key); ok {
			v.SetDouble(cost)
		}
	case AssessmentJudgeInput, AssessmentJudgeOutput:
		s := pyjson.NewScanner([]byte(strings.TrimSpace(m.Value)))
		n, ok := count(&s)
		if s.End(); ok && s.Err() == nil {
			r.putInt(m.Key, n)
		} else {
			r.counts.BadUsage++
		}
	default:
		key := m.Key
		if !strings.HasPrefix(key, assessmentPrefix) || ownOfAssessments[key] {
			key = AssessmentMetadataPrefix + key
		}
		r.putLimited(validString(key), m.Value, maxText)
	}
}

// responseID returns the id of the response that a call of a model got, if the span is one and at
// hand.
func (r *recorder) responseID(id pcommon.SpanID) string {
	for i := range r.spans {
		s := &r.spans[i]
		if s.ID != id {
			continue
		}
		if found := stringAttribute(s, ResponseID); found != "" {
			return found
		}
		if spanKinds[stringAttribute(s, SpanType)].model {
			return idOfResponse(s)
		}
		return ""
	}
	return ""
}

// idOfResponse returns the id that the outputs of a call hold.
func idOfResponse(span *mlflow.Span) (id string) {
	for i := range span.Attributes {
		if span.Attributes[i].Key != SpanOutputs {
			continue
		}
		s := pyjson.NewScanner(unwrapped(span.Attributes[i].Raw))
		if s.Kind() != pyjson.KindObject {
			continue
		}
		eachMember(&s, func(key string) {
			if key == "id" {
				id = optionalString(&s)
			} else {
				s.Skip()
			}
		})
		if s.End(); s.Err() != nil {
			id = ""
		}
	}
	return id
}
