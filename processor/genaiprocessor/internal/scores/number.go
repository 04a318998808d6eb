// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// number returns the number that the value of a feedback stands for: that of a configured label,
// else the one of genai.ScoreOf.
func (s *Scorer) number(name string, value []byte) (float64, bool) {
	if scan := pyjson.NewScanner(value); scan.Kind() == pyjson.KindString {
		return s.label(name, scan.Str())
	}
	score := genai.ScoreOf(value)
	return score.Value, score.HasValue
}

// label is number for a text.
func (s *Scorer) label(name, label string) (float64, bool) {
	if f, ok := s.configured(name, label); ok {
		return f, true
	}
	score := genai.ScoreOfLabel(label)
	return score.Value, score.HasValue
}

// configured returns the number that the configuration gives a label.
func (s *Scorer) configured(name, label string) (float64, bool) {
	label = strings.TrimSpace(label)
	if label == "" || len(label) > genai.MaxLabel {
		return 0, false
	}
	for i := range s.labels {
		if l := &s.labels[i]; strings.EqualFold(l.Label, label) && l.matches(name) {
			return l.Score, true
		}
	}
	return 0, false
}
