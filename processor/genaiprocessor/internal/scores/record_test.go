// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

func TestOfRecord(t *testing.T) {
	const name, value, label = genai.EvaluationName, genai.EvaluationScore, genai.EvaluationLabel
	friendly := func(c *Config) { c.LabelScores = []LabelScore{{Match: "tone*", Label: "Friendly", Score: 5}} }
	tests := map[string]struct {
		attributes map[string]any
		change     func(*Config)
		key        string
		number     float64
		reason     Reason
	}{
		"value":         {map[string]any{name: "Relevance", value: 0.5}, nil, "metric_relevance", 0.5, ""},
		"zero":          {map[string]any{name: "x", value: 0.0, label: "yes"}, nil, "metric_x", 0, ""},
		"whole":         {map[string]any{name: "x", value: 3}, nil, "metric_x", 3, ""},
		"truth":         {map[string]any{name: "x", value: true}, nil, "metric_x", 1, ""},
		"text":          {map[string]any{name: "x", value: "0.25"}, nil, "metric_x", 0.25, ""},
		"label":         {map[string]any{name: "x", label: "PASS"}, nil, "metric_x", 1, ""},
		"empty value":   {map[string]any{name: "x", value: nil, label: "no"}, nil, "metric_x", 0, ""},
		"NaN and label": {map[string]any{name: "x", value: math.NaN(), label: "yes"}, nil, "metric_x", 1, ""},
		"NaN":           {map[string]any{name: "x", value: math.NaN()}, nil, "", 0, ReasonNoNumber},
		"infinity":      {map[string]any{name: "x", value: math.Inf(1)}, nil, "", 0, ReasonNoNumber},
		"list":          {map[string]any{name: "x", value: []any{1}}, nil, "", 0, ReasonNoNumber},
		"other label":   {map[string]any{name: "x", label: "good"}, nil, "", 0, ReasonNoNumber},
		"prose":         {map[string]any{name: "x", label: strings.Repeat("1", 200)}, nil, "", 0, ReasonNoNumber},
		"nothing":       {map[string]any{name: "x"}, nil, "", 0, ReasonNoNumber},
		"no name":       {map[string]any{value: 1.0}, nil, "", 0, ReasonNoName},
		"no letter":     {map[string]any{name: "!?", value: 1.0}, nil, "", 0, ReasonNoName},
		"name is none":  {map[string]any{name: 7, value: 1.0}, nil, "", 0, ReasonNoName},

		"valid":   {map[string]any{name: "x", value: 1.0, genai.AssessmentValid: true}, nil, "metric_x", 1, ""},
		"invalid": {map[string]any{name: "x", value: 1.0, genai.AssessmentValid: false}, nil, "", 0, ReasonInvalid},
		"as text": {map[string]any{name: "x", value: 1.0, genai.AssessmentValid: "False"}, nil, "", 0, ReasonInvalid},
		"feedback": {map[string]any{name: "x", value: 1.0, genai.AssessmentKind: "feedback"}, nil, "metric_x", 1,
			""},
		"expectation": {map[string]any{name: "x", value: 1.0, genai.AssessmentKind: "expectation"}, nil, "", 0,
			ReasonNotFeedback},

		"configured label": {map[string]any{name: "tone/1", label: " friendly"}, friendly, "metric_tone_1", 5, ""},
		"label of others":  {map[string]any{name: "x", label: "friendly"}, friendly, "", 0, ReasonNoNumber},
		"label first": {map[string]any{name: "tone", label: "Friendly", value: 1.0}, friendly, "metric_tone", 5,
			""},
		"value as label": {map[string]any{name: "tone", value: "friendly"}, friendly, "metric_tone", 5, ""},
		"prefix":         {map[string]any{name: "x", value: 1.0}, func(c *Config) { c.Prefix = "s_" }, "s_x", 1, ""},
		"renamed": {map[string]any{name: "x", value: 1.0},
			func(c *Config) { c.Rename = []Rename{{Name: "x", To: "y"}} }, "metric_y", 1, ""},
		"ascii": {map[string]any{name: "été", value: 1.0},
			func(c *Config) { c.Names = genai.ScoreNamesASCII }, "metric_ete", 1, ""},
		"by source": {map[string]any{name: "x", value: 1.0, genai.AssessmentSourceType: "HUMAN"},
			func(c *Config) { c.OnDuplicate = OnDuplicateBySource }, "metric_x_human", 1, ""},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			attrs := pcommon.NewMap()
			require.NoError(t, attrs.FromRaw(tt.attributes))
			m, reason := scorer(t, tt.change).OfRecord(attrs)
			assert.Equal(t, tt.reason, reason)
			assert.Equal(t, Metric{Key: tt.key, Value: tt.number}, m)
		})
	}
}

func TestRecordsShareTheLimitOfNames(t *testing.T) {
	s := scorer(t, func(c *Config) { c.MaxNames = 1 })
	attrs := pcommon.NewMap()
	attrs.PutDouble(genai.EvaluationScore, 1)
	for i, want := range []struct {
		name   string
		shared bool
		reason Reason
	}{{"a", false, ""}, {"A", true, ""}, {"b", false, ReasonNameLimit}} {
		attrs.PutStr(genai.EvaluationName, want.name)
		m, reason := s.OfRecord(attrs)
		assert.Equal(t, want.reason, reason, i)
		assert.Equal(t, want.shared, m.Shared, i)
	}
	assert.Equal(t, []string{"metric_a"}, s.Keys())
}
