// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/usage"
)

// kind is what a span is to us. The kinds that cost something are bits of a set.
type kind uint8

const (
	untyped kind = 0
	model   kind = 1
	toolUse kind = 2
	other   kind = 4 // an agent, a chain, a retriever …
)

// kinds are the types of spans in all dialects, in lower case.
var kinds = map[string]kind{
	"llm": model, "chat_model": model, "embedding": model, // MLflow, OpenInference
	// gen_ai.operation.name, llm.request.type
	"chat": model, "text_completion": model, "completion": model, "generate_content": model,
	"embeddings": model, "rerank": model,
	"tool": toolUse, "execute_tool": toolUse,
	"unknown": untyped, "": untyped,
	// The common ones as they are mostly written, so that nothing has to be converted.
	"LLM": model, "CHAT_MODEL": model, "EMBEDDING": model, "TOOL": toolUse, "UNKNOWN": untyped, "AGENT": other,
	"CHAIN": other, "RETRIEVER": other, "WORKFLOW": other, "TASK": other,
	"PARSER": other, "MEMORY": other, "GUARDRAIL": other, "EVALUATOR": other, "RERANKER": other,
}

// call is what a span says about the call that it stands for.
type call struct {
	kind                        kind
	provider, otherProvider     string
	requestModel, responseModel string
	tool                        string
	usage                       usage.Usage
	reported                    bool // usage has input or output tokens
	genAI                       bool // the span has attributes of any GenAI dialect
	whole                       bool // the receiver's mark on the topmost span of a whole trace
	badUsage                    int

	kindRank     int8
	requestRank  int8
	toolRank     int8
	providerRank int8
}

const unset = 100

// read returns what the span says, in one pass over its attributes.
func (c *call) read(span ptrace.Span) {
	*c = call{kindRank: unset, requestRank: unset, toolRank: unset, providerRank: unset}
	estimated := false
	var chat pcommon.Value
	hasChat := false
	for key, v := range span.Attributes().All() {
		if !genai.Marks(key) {
			estimated = estimated || key == genai.TokensBackfilled && v.Bool()
			continue
		}
		c.genAI = true
		if known, bad := c.usage.Attribute(key, v); known {
			if bad {
				c.badUsage++
			}
			continue
		}
		switch key {
		case genai.Revision:
			c.whole = true
		case genai.ChatUsage:
			chat, hasChat = v, true
		case genai.SpanType:
			c.typed(0, genai.Unquoted(v.Str()))
		case genai.OperationName:
			c.typed(1, v.Str())
		case "openinference.span.kind":
			c.typed(2, v.Str())
		case "traceloop.span.kind":
			c.typed(3, v.Str())
		case "llm.request.type":
			c.typed(4, v.Str())
		case genai.ProviderName:
			c.from(0, v.Str())
		case "gen_ai.system":
			c.from(1, v.Str())
		case genai.LLMProvider:
			c.from(2, genai.Unquoted(v.Str()))
		case "llm.provider":
			c.from(3, v.Str())
		case genai.ResponseModel:
			c.responseModel = v.Str()
		case genai.RequestModel:
			first(&c.requestModel, &c.requestRank, 0, v.Str())
		case genai.LLMModel:
			first(&c.requestModel, &c.requestRank, 1, genai.Unquoted(v.Str()))
		case "llm.model_name":
			first(&c.requestModel, &c.requestRank, 2, v.Str())
		case "embedding.model_name":
			first(&c.requestModel, &c.requestRank, 3, v.Str())
		case genai.ToolName:
			first(&c.tool, &c.toolRank, 0, v.Str())
		case "tool.name":
			first(&c.tool, &c.toolRank, 1, v.Str())
		case "traceloop.entity.name":
			first(&c.tool, &c.toolRank, 2, v.Str())
		}
	}
	if hasChat {
		c.badUsage += c.usage.Chat(chat)
	}
	if estimated {
		c.usage = usage.Usage{}
	}
	c.reported = c.usage.Has(usage.FieldInput) || c.usage.Has(usage.FieldOutput)
	if c.kind == untyped && c.reported {
		c.kind = model
	}
	if c.kind == toolUse && c.tool == "" {
		c.tool = strings.TrimPrefix(span.Name(), "execute_tool ")
	}
}

// first keeps the value of the lowest rank.
func first(dst *string, current *int8, rank int8, value string) {
	if value != "" && rank < *current {
		*dst, *current = value, rank
	}
}

func (c *call) typed(rank int8, name string) {
	if rank >= c.kindRank {
		return
	}
	k, ok := kinds[name]
	if !ok {
		k, ok = kinds[strings.ToLower(name)]
	}
	if !ok {
		k = other
	}
	if k != untyped {
		c.kind, c.kindRank = k, rank
	}
}

// from keeps the provider's names in the conventions and, beside it, in MLflow or OpenInference.
func (c *call) from(rank int8, name string) {
	if rank > 1 {
		if c.otherProvider == "" {
			c.otherProvider = name
		}
		return
	}
	first(&c.provider, &c.providerRank, rank, name)
}
