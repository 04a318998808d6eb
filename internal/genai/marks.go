// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "strings"

// Marks reports whether an attribute of that name says that its span is a GenAI span, in any
// dialect: MLflow, OpenTelemetry's GenAI conventions, OpenInference, OpenLLMetry (Traceloop),
// Langfuse, the Vercel AI SDK, LangSmith, Google ADK.
func Marks(key string) bool {
	if key == "" {
		return false
	}
	switch key[0] { // most names of other conventions end here
	case 'a':
		return strings.HasPrefix(key, "ai.")
	case 'm':
		return strings.HasPrefix(key, "mlflow.")
	case 'g':
		return strings.HasPrefix(key, "gen_ai.") || strings.HasPrefix(key, "gcp.vertex.agent.")
	case 'l':
		return strings.HasPrefix(key, "llm.") || strings.HasPrefix(key, "langfuse.") ||
			strings.HasPrefix(key, "langsmith.")
	case 'o':
		return strings.HasPrefix(key, "openinference.") || key == "output.value" || key == "output.mime_type"
	case 'p':
		return strings.HasPrefix(key, "pydantic_ai.")
	case 't':
		return strings.HasPrefix(key, "traceloop.") || key == "tool.name" || key == "tool.parameters"
	case 'i':
		return key == "input.value" || key == "input.mime_type"
	case 'e':
		return strings.HasPrefix(key, "embedding.")
	case 'r':
		return strings.HasPrefix(key, "retrieval.documents.") || strings.HasPrefix(key, "reranker.")
	}
	return false
}

// MarksIn is Marks for a span of a scope whose dialect may have names without a namespace.
func MarksIn(key string, scope Dialect) bool {
	switch {
	case Marks(key):
		return true
	case scope == "":
		return false
	}
	r := ReadAttribute(key, scope)
	return r != nil && r.Dialect == scope
}

// Unquoted returns the value of an attribute without the quotes around it. MLflow's exporter for
// OTLP sends every value as its JSON text.
func Unquoted(s string) string { return strings.Trim(s, `"`) }
