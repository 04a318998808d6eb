// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// safeName returns a name for the span that is made of safe attributes, and whether the span has it
// already, or is named after its function in the code.
func safeName(span ptrace.Span) (string, bool) {
	attrs, name := span.Attributes(), span.Name()
	text := func(keys ...string) string {
		for _, key := range keys {
			if v, ok := attrs.Get(key); ok {
				if s := genai.Unquoted(v.Str()); s != "" {
					return s
				}
			}
		}
		return ""
	}
	safe := text(genai.OperationName, genai.SpanType, "openinference.span.kind",
		"traceloop.span.kind", "llm.request.type")
	if safe == "" {
		safe = "span"
	}
	if model := text(genai.RequestModel, genai.ResponseModel, genai.LLMModel, "llm.model_name"); model != "" {
		safe += " " + model
	}
	if name == "" || name == safe || name == text(genai.OperationName) {
		return name, true
	}
	for _, function := range []string{text(genai.SpanFunctionName), text(genai.CodeFunctionName)} {
		if function != "" && name == function {
			return name, true
		}
	}
	return safe, false
}

// eventNames are those that instrumentations and clients write.
var eventNames = map[string]bool{
	genai.ExceptionEvent: true, "gen_ai.system.message": true, "gen_ai.user.message": true,
	"gen_ai.assistant.message": true, "gen_ai.tool.message": true, "gen_ai.choice": true,
	"gen_ai.content.prompt": true, "gen_ai.content.completion": true,
	genai.EvaluationResult: true, genai.TraceUpdated: true,
	"gen_ai.client.inference.operation.details": true,
	"llm.content.completion.chunk":              true,
}

// eventName returns a name for an event that holds no content, and whether it is the same.
func eventName(name string) (string, bool) {
	if number, ok := strings.CutPrefix(name, "mlflow.chunk.item."); ok && strings.Trim(number, "0123456789") == "" {
		return name, true
	}
	if name == "" || eventNames[name] {
		return name, true
	}
	return "event", false
}
