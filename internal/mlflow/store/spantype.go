// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// When the server reads a span from its database it gives it an mlflow.spanType if it has none, or
// UNKNOWN, and attributes of a known instrumentation tell the kind (mlflow/tracing/otel/translation
// of 3.17.2). Newer servers do so when they store the span, so this matters for spans that came by
// OTLP to servers up to 3.6. It is the only thing that a server changes in a span on reading.

const spanTypeKey = "mlflow.spanType"

// kinds are the attributes that tell the kind, in the order in which the server tries them.
var kinds = []struct {
	key   string
	types map[string]string
	// only, if set, is a condition on all attributes.
	only func([]mlflow.Attribute) bool
}{
	{key: "openinference.span.kind", types: map[string]string{
		"TOOL": "TOOL", "CHAIN": "CHAIN", "LLM": "LLM", "RETRIEVER": "RETRIEVER", "EMBEDDING": "EMBEDDING",
		"AGENT": "AGENT", "RERANKER": "RERANKER",
		"UNKNOWN": "UNKNOWN", "GUARDRAIL": "GUARDRAIL", "EVALUATOR": "EVALUATOR",
	}},
	{key: "gen_ai.operation.name", types: map[string]string{"llm_call": "LLM", "tool_call": "TOOL",
		"agent_call": "AGENT"}, only: isGeminiCLI},
	{key: "span.type", types: map[string]string{
		"claude_code.interaction": "AGENT", "claude_code.llm_request": "LLM", "claude_code.tool": "TOOL",
		"interaction": "AGENT", "llm_request": "LLM", "tool": "TOOL",
	}},
	{key: "gen_ai.operation.name", types: operationTypes},
	{key: "traceloop.span.kind", types: map[string]string{"workflow": "WORKFLOW", "task": "TASK", "agent": "AGENT",
		"tool": "TOOL", "unknown": "UNKNOWN"}},
	{key: "ai.operationId", types: map[string]string{
		"ai.generateText": "LLM", "ai.generateText.doGenerate": "LLM", "ai.toolCall": "TOOL", "ai.streamText": "LLM",
		"ai.streamText.doStream": "LLM",
		"ai.generateObject":      "LLM", "ai.generateObject.doGenerate": "LLM", "ai.streamObject": "LLM",
		"ai.streamObject.doStream": "LLM",
		"ai.embed":                 "EMBEDDING", "ai.embed.doEmbed": "EMBEDDING", "ai.embedMany": "EMBEDDING",
	}},
	{key: "span.type", types: voltAgentTypes},
	{key: "entity.type", types: voltAgentTypes},
	{key: "", types: nil}, // LiveKit, see liveKitType
	{key: "lmnr.span.type", types: map[string]string{
		"LLM": "LLM", "TOOL": "TOOL", "DEFAULT": "CHAIN", "PIPELINE": "CHAIN", "EXECUTOR": "AGENT",
		"EVALUATOR": "EVALUATOR", "HUMAN_EVALUATOR": "EVALUATOR",
		"EVALUATION": "EVALUATOR", "CACHED": "LLM",
	}},
	{key: "langfuse.observation.type", types: map[string]string{
		"generation": "LLM", "embedding": "EMBEDDING", "tool": "TOOL", "retriever": "RETRIEVER", "agent": "AGENT",
		"chain": "CHAIN", "evaluator": "EVALUATOR",
		"guardrail": "GUARDRAIL", "span": "UNKNOWN",
	}},
}

var operationTypes = map[string]string{
	"chat": "CHAT_MODEL", "create_agent": "AGENT", "embeddings": "EMBEDDING", "execute_tool": "TOOL",
	"generate_content": "LLM", "invoke_agent": "AGENT",
	"text_completion": "LLM", "response": "LLM",
}

var voltAgentTypes = map[string]string{"agent": "AGENT", "llm": "LLM", "tool": "TOOL", "memory": "MEMORY"}

// translateType sets mlflow.spanType as the server does.
func translateType(span *mlflow.Span) {
	at := -1
	for i := range span.Attributes {
		if span.Attributes[i].Key == spanTypeKey {
			switch string(span.Attributes[i].Raw) {
			case "", "null", `"UNKNOWN"`, "UNKNOWN":
				at = i
			default:
				return
			}
		}
	}
	found := spanType(span.Attributes)
	switch {
	case found == "":
	case at >= 0:
		span.Attributes[at].Raw = []byte(`"` + found + `"`)
	default:
		span.Attributes = append(span.Attributes, mlflow.Attribute{Key: spanTypeKey, Raw: []byte(`"` + found + `"`)})
	}
}

func spanType(attributes []mlflow.Attribute) string {
	for _, kind := range kinds {
		if kind.key == "" {
			if t := liveKitType(attributes); t != "" {
				return t
			}
			continue
		}
		if value, ok := stringAttribute(attributes, kind.key); ok && kind.types[value] != "" &&
			(kind.only == nil || kind.only(attributes)) {
			return kind.types[value]
		}
	}
	return ""
}

func isGeminiCLI(attributes []mlflow.Attribute) bool {
	name, _ := stringAttribute(attributes, "gen_ai.agent.name")
	return name == "gemini-cli"
}

// liveKitType tells the type by the presence of attributes.
func liveKitType(attributes []mlflow.Attribute) string {
	if _, ok := attribute(attributes, "gen_ai.request.model"); ok {
		return "LLM"
	}
	if operation, ok := stringAttribute(attributes, "gen_ai.operation.name"); ok &&
		operationTypes[strings.ToLower(operation)] != "" {
		return operationTypes[strings.ToLower(operation)]
	}
	for i := range attributes {
		switch key := attributes[i].Key; {
		case key == "lk.retry_count":
			return "LLM"
		case strings.HasPrefix(key, "lk.function_tool"):
			return "TOOL"
		case key == "lk.agent_name", key == "lk.instructions", key == "lk.generation_id":
			return "AGENT"
		case strings.HasPrefix(key, "lk.tts"), key == "lk.input_text", key == "lk.user_transcript",
			key == "lk.transcript_confidence", key == "lk.transcription_delay":
			return "UNKNOWN"
		}
	}
	return ""
}

func attribute(attributes []mlflow.Attribute, key string) ([]byte, bool) {
	for i := range attributes {
		if attributes[i].Key == key {
			return attributes[i].Raw, true
		}
	}
	return nil, false
}

// stringAttribute returns the value of an attribute: its string if it is JSON text of one, else the
// text itself.
func stringAttribute(attributes []mlflow.Attribute, key string) (string, bool) {
	raw, ok := attribute(attributes, key)
	if !ok {
		return "", false
	}
	s := pyjson.NewScanner(raw)
	if s.Kind() == pyjson.KindString {
		value := s.Str()
		if s.End(); s.Err() == nil {
			return value, true
		}
	}
	return string(raw), true
}
