// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// withoutContent returns the assessments without what people or judges wrote and without the
// expected answers. What remains is who judged what when, and the score: a feedback's number, truth
// value or label.
func (w *worker) withoutContent(list []mlflow.Assessment) []mlflow.Assessment {
	clean := make([]mlflow.Assessment, len(list))
	for i, a := range list {
		if a.Rationale != "" {
			a.Rationale = ""
			w.stats.Dropped++
		}
		if a.Kind == mlflow.AssessmentKindExpectation || a.Kind == mlflow.AssessmentKindFeedback && !isLabel(a.Value) {
			a.Value, a.Serialized = nil, ""
			w.stats.Dropped++
		}
		if a.Error != nil {
			a.Error = &mlflow.AssessmentError{Code: a.Error.Code}
			w.stats.Dropped++
		}
		var kept []mlflow.KeyValue
		for _, m := range a.Metadata {
			if strings.HasPrefix(m.Key, assessmentPrefix) {
				kept = append(kept, m)
			} else {
				w.stats.Dropped++
			}
		}
		a.Metadata = kept
		clean[i] = a
	}
	return clean
}

// isLabel reports whether the value of a feedback is a scalar that isn't long text.
func isLabel(value []byte) bool {
	s := pyjson.NewScanner(value)
	switch s.Kind() {
	case pyjson.KindObject, pyjson.KindArray:
		return false
	case pyjson.KindString:
		return len(value) <= MaxLabel+2
	}
	return true
}
