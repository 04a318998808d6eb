// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// OfRecord returns the metric of one log record gen_ai.evaluation.result by its attributes, or why
// it has none. Its number is the one of a configured label, else the score's value, else the one
// that the label is by itself. Records don't compete with each other: each is a revision of one
// assessment.
func (s *Scorer) OfRecord(attrs pcommon.Map) (Metric, Reason) {
	name := stringAt(attrs, genai.EvaluationName)
	if reason := unusable(attrs, name); reason != "" {
		return Metric{}, reason
	}
	number, ok := s.recorded(name, attrs)
	if !ok {
		return Metric{}, ReasonNoNumber
	}
	return s.metric(name, stringAt(attrs, genai.AssessmentSourceType), number)
}

// unusable returns why the record of that name is no score that counts.
func unusable(attrs pcommon.Map, name string) Reason {
	if kind := stringAt(attrs, genai.AssessmentKind); kind != "" && kind != "feedback" {
		return ReasonNotFeedback
	}
	if valid, ok := attrs.Get(genai.AssessmentValid); ok && isFalse(valid) {
		return ReasonInvalid
	}
	if name == "" {
		return ReasonNoName
	}
	return ""
}

// recorded returns the number of a record.
func (s *Scorer) recorded(name string, attrs pcommon.Map) (float64, bool) {
	label := stringAt(attrs, genai.EvaluationLabel)
	if f, ok := s.configured(name, label); ok {
		return f, true
	}
	if v, ok := attrs.Get(genai.EvaluationScore); ok {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			if f, ok := s.label(name, v.Str()); ok {
				return f, true
			}
		case pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
			if score := genai.ScoreOf(genai.ValueText(nil, v)); score.HasValue {
				return score.Value, true
			}
		}
	}
	score := genai.ScoreOfLabel(label)
	return score.Value, score.HasValue
}

// stringAt returns an attribute that is a string.
func stringAt(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok {
		return v.Str()
	}
	return ""
}

// isFalse reports whether v is false, or the text of it.
func isFalse(v pcommon.Value) bool {
	return v.Type() == pcommon.ValueTypeBool && !v.Bool() || strings.EqualFold(v.Str(), "false")
}
