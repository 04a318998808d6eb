// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// FuzzAssessments holds that assessments become, without their text, what their text would become.
func FuzzAssessments(f *testing.F) {
	add := func(kind mlflow.AssessmentKind, value string) {
		f.Add(string(kind), []byte(value), "text", "", int64(1), uint8(0xFF))
	}
	add(mlflow.AssessmentKindFeedback, `{"b": [1, 2.0, {"c": null}], "a": 99999999999999999999}`)
	add(mlflow.AssessmentKindExpectation, `NaN`)
	add(mlflow.AssessmentKindIssue, `"name"`)
	add("", ``)
	f.Add("feedback", []byte("\xff\x00 not JSON"), "invalid \xff\xc3 \"quoted\"\n", "\u2028 é",
		int64(-62135596800001), uint8(0x55))
	f.Add("custom\xff", []byte(`[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]`), "", "k", int64(1<<53), uint8(0xAA))
	f.Fuzz(func(t *testing.T, kind string, value []byte, a, b string, at int64, has uint8) {
		first := mlflow.Assessment{
			ID: a, Name: b, TraceID: a, SpanID: b, SourceType: a, SourceID: b, Created: at, Updated: at + 1,
			Kind: mlflow.AssessmentKind(kind), Rationale: a, Overrides: b, Invalid: has&1 != 0,
		}
		if has&2 != 0 {
			first.Value = mlflow.CanonicalValue(value)
		}
		if has&4 != 0 {
			first.Serialized = string(value)
		}
		if has&8 != 0 {
			first.Error = &mlflow.AssessmentError{Code: a, Message: b, StackTrace: string(value)}
		}
		if has&16 != 0 {
			first.Metadata = []mlflow.KeyValue{{Key: a, Value: b}, {Key: b, Value: a}, {Key: "x", Value: string(value)}}
		}
		list := []mlflow.Assessment{first, {ID: b, Created: at - 1, Kind: mlflow.AssessmentKindFeedback,
			Value: []byte("1.0")}}

		text := mlflow.AppendAssessments(nil, list)
		byText, direct := pcommon.NewValueEmpty(), pcommon.NewValueEmpty()
		want, got := &worker{capture: true}, &worker{capture: true}
		valid, _ := want.value(byText, text, pyjson.NewScanner(text))
		require.True(t, valid, "%s", text)
		got.assessmentList(direct, list)
		require.Equal(t, want.stats, got.stats)
		require.Equal(t, string(ValueText(nil, byText)), string(ValueText(nil, direct)))
		require.True(t, byText.Equal(direct) || containsNaN(byText))
	})
}

// containsNaN reports whether the value differs from itself.
func containsNaN(v pcommon.Value) bool { return !v.Equal(v) }
