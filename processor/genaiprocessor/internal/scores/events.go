// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// OfEvents returns a new JSON text with an assessment for each event gen_ai.evaluation.result of
// OpenTelemetry's GenAI conventions: its value is the score's value, else its label.
func OfEvents(events []ptrace.SpanEvent) []byte {
	out := append(make([]byte, 0, 128*len(events)), '[')
	for i, e := range events {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendEvent(out, e)
	}
	return append(out, ']')
}

func appendEvent(out []byte, e ptrace.SpanEvent) []byte {
	out = append(out, `{"name":`...)
	if name, ok := e.Attributes().Get(genai.EvaluationName); ok {
		out = pyjson.AppendString(out, name.AsString())
	} else {
		out = append(out, "null"...)
	}
	value, ok := e.Attributes().Get(genai.EvaluationScore)
	if !ok || value.Type() == pcommon.ValueTypeEmpty {
		value, ok = e.Attributes().Get(genai.EvaluationLabel)
	}
	if ok {
		out = append(out, `,"value":`...)
		out = genai.ValueText(out, value)
	}
	if t := e.Timestamp(); t != 0 {
		out = append(out, `,"timestamp":`...)
		out = pyjson.AppendString(out, t.AsTime().Format(time.RFC3339Nano))
	}
	return append(out, '}')
}
