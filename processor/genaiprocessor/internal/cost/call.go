package cost

import (
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
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
	"chat": model, "text_completion": model, "completion": model, "generate_content": model, "embeddings": model, "rerank": model, // gen_ai.operation.name, llm.request.type
	"tool": toolUse, "execute_tool": toolUse,
	"unknown": untyped, "": untyped,
	// The common ones as they are mostly written, so that nothing has to be converted.
	"LLM": model, "CHAT_MODEL": model, "EMBEDDING": model, "TOOL": toolUse, "UNKNOWN": untyped, "AGENT": other, "CHAIN": other, "RETRIEVER": other, "WORKFLOW": other, "TASK": other,
	"PARSER": other, "MEMORY": other, "GUARDRAIL": other, "EVALUATOR": other, "RERANKER": other,
}

// The fields of usage.
const (
	inputTokens = iota
	outputTokens
	cacheRead
	cacheWrite
	cacheWrite1h
	reasoning
	fields
)

// usage is the reported numbers of tokens; -1 before one was seen, never after read.
type usage [fields]int64

// source is an attribute that reports one field; of several the lowest rank counts.
type source struct {
	field int
	rank  int8
}

var sources = map[string]source{
	genai.UsageInput: {inputTokens, 0}, "gen_ai.usage.prompt_tokens": {inputTokens, 1}, "llm.token_count.prompt": {inputTokens, 2}, "llm.usage.prompt_tokens": {inputTokens, 3},
	genai.UsageOutput: {outputTokens, 0}, "gen_ai.usage.completion_tokens": {outputTokens, 1}, "llm.token_count.completion": {outputTokens, 2},
	"llm.usage.completion_tokens": {outputTokens, 3},
	genai.UsageCacheRead:          {cacheRead, 0}, "gen_ai.usage.cache_read_input_tokens": {cacheRead, 1}, "llm.token_count.prompt_details.cache_read": {cacheRead, 2},
	genai.UsageCacheWrite: {cacheWrite, 0}, "gen_ai.usage.cache_creation.input_tokens": {cacheWrite, 1}, "gen_ai.usage.cache_creation_input_tokens": {cacheWrite, 2},
	"llm.token_count.prompt_details.cache_write": {cacheWrite, 3},
	genai.UsageReasoning:                         {reasoning, 0}, "gen_ai.usage.reasoning_tokens": {reasoning, 1}, "llm.token_count.completion_details.reasoning": {reasoning, 2},
}

// members are the fields of mlflow.chat.tokenUsage, which come after all attributes.
var members = map[string]int{
	"input_tokens": inputTokens, "output_tokens": outputTokens, "cache_read_input_tokens": cacheRead, "cache_creation_input_tokens": cacheWrite,
	"cache_creation_input_tokens_above_1hr": cacheWrite1h,
}

const mlflowRank = 10

// call is what a span says about the call that it stands for.
type call struct {
	kind                        kind
	provider, otherProvider     string
	requestModel, responseModel string
	tool                        string
	usage                       usage
	reported                    bool // usage has input or output tokens
	genAI                       bool // the span has attributes of any GenAI dialect
	whole                       bool // the receiver's mark on the topmost span of a whole trace
	badUsage                    int

	ranks        [fields]int8
	kindRank     int8
	requestRank  int8
	toolRank     int8
	providerRank int8
}

const unset = 100

// read returns what the span says, in one pass over its attributes.
func (c *call) read(span ptrace.Span) {
	*c = call{kindRank: unset, requestRank: unset, toolRank: unset, providerRank: unset}
	for i := range c.ranks {
		c.ranks[i] = unset
	}
	estimated := false
	for key, v := range span.Attributes().All() {
		if !genai.Marks(key) {
			estimated = estimated || key == genai.TokensBackfilled && v.Bool()
			continue
		}
		c.genAI = true
		if s, ok := sources[key]; ok {
			c.count(s.field, s.rank, v)
			continue
		}
		switch key {
		case genai.Revision:
			c.whole = true
		case genai.ChatUsage:
			c.tokenUsage(v)
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
	if estimated {
		c.ranks = [fields]int8{unset, unset, unset, unset, unset, unset}
		c.usage = usage{}
	}
	c.reported = c.ranks[inputTokens] != unset || c.ranks[outputTokens] != unset
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

func (c *call) count(field int, rank int8, v pcommon.Value) {
	n, ok := v.Int(), v.Type() == pcommon.ValueTypeInt
	if v.Type() == pcommon.ValueTypeDouble {
		n, ok = whole(v.Double())
	}
	c.keep(field, rank, n, ok)
}

func (c *call) keep(field int, rank int8, n int64, ok bool) {
	if !ok || n < 0 || n > mostTokens {
		c.badUsage++
		return
	}
	if rank < c.ranks[field] {
		c.usage[field], c.ranks[field] = n, rank
	}
}

// mostTokens is far more than any call has; what is above it is an error of the producer.
const mostTokens = 1 << 50

func whole(f float64) (int64, bool) {
	return int64(f), f == math.Trunc(f) && math.Abs(f) <= mostTokens
}

// tokenUsage reads mlflow.chat.tokenUsage: a map, or its JSON text.
func (c *call) tokenUsage(v pcommon.Value) {
	if v.Type() == pcommon.ValueTypeMap {
		for key, n := range v.Map().All() {
			if field, ok := members[key]; ok && n.Type() != pcommon.ValueTypeEmpty {
				c.count(field, mlflowRank, n)
			}
		}
		return
	}
	s := pyjson.NewScanner([]byte(v.Str()))
	if s.Kind() != pyjson.Object {
		return
	}
	s.Open(pyjson.Object)
	for s.NextMember() {
		field, ok := members[string(s.Key())]
		if !ok || s.Kind() == pyjson.Null {
			s.Skip()
			continue
		}
		if s.Kind() != pyjson.Number {
			s.Skip()
			c.badUsage++
			continue
		}
		n, ok := whole(pyjson.Float64(s.Num()))
		c.keep(field, mlflowRank, n, ok)
	}
}
