// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// spec describes a span: its id, its parent's, whether it is a GenAI span, and what else is set.
type spec struct {
	id, parent byte
	genAI      bool
	model      string // of a model call
	flags      uint32
}

func read(specs ...spec) *Batch {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, x := range specs {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{x.id})
		if x.parent != 0 {
			s.SetParentSpanID(pcommon.SpanID{x.parent})
		}
		s.SetFlags(x.flags)
		s.Attributes().PutStr("http.route", "/")
		if x.genAI {
			s.Attributes().PutStr("gen_ai.agent.name", "a")
		}
		if x.model != "" {
			s.Attributes().PutStr(genai.OperationName, "chat")
			s.Attributes().PutStr(genai.RequestModel, x.model)
		}
	}
	b := &Batch{}
	b.Read(td)
	return b
}

func roots(b *Batch) (ids []byte) {
	for i := range b.Spans {
		if b.IsRoot(i) {
			id := b.Spans[i].SpanID()
			ids = append(ids, id[0])
		}
	}
	return ids
}

func TestRoots(t *testing.T) {
	tests := map[string]struct {
		spans []spec
		want  []byte
	}{
		"no parent":   {[]spec{{id: 1, genAI: true}, {id: 2, parent: 1, genAI: true}}, []byte{1}},
		"child first": {[]spec{{id: 2, parent: 1, genAI: true}, {id: 1, genAI: true}}, []byte{1}},
		"remote parent": {[]spec{{id: 1, parent: 9, genAI: true, flags: hasIsRemote | isRemote},
			{id: 2, parent: 1, genAI: true}}, []byte{1}},
		"parent not known": {[]spec{{id: 1, parent: 9, genAI: true}}, []byte{1}},
		"parent in another batch": {[]spec{{id: 1, parent: 9, genAI: true, flags: hasIsRemote},
			{id: 2, parent: 1, genAI: true}}, nil},
		"web framework": {[]spec{{id: 1}, {id: 2, parent: 1}, {id: 3, parent: 2, genAI: true},
			{id: 4, parent: 3, genAI: true}}, []byte{3}},
		"HTTP client between": {[]spec{{id: 1, genAI: true}, {id: 2, parent: 1},
			{id: 3, parent: 2, genAI: true}}, []byte{1}},
		"two agents behind one endpoint": {[]spec{{id: 1}, {id: 2, parent: 1, genAI: true},
			{id: 3, parent: 1, genAI: true}}, []byte{2, 3}},
		"circle": {[]spec{{id: 1, parent: 2, genAI: true}, {id: 2, parent: 1, genAI: true}},
			[]byte{1}},
		"own parent": {[]spec{{id: 1, parent: 1, genAI: true}}, []byte{1}},
		"no GenAI":   {[]spec{{id: 1}, {id: 2, parent: 1}}, nil},
		"span twice": {[]spec{{id: 1, genAI: true}, {id: 1, genAI: true},
			{id: 2, parent: 1, genAI: true}}, []byte{1, 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, roots(read(tt.spans...))) })
	}
}

func TestModelOfTheOnlyCall(t *testing.T) {
	tests := map[string]struct {
		spans []spec
		want  string
	}{
		"one": {[]spec{{id: 1, genAI: true}, {id: 2, parent: 1}, {id: 3, parent: 2, model: "a"}}, "a"},
		"one, twice": {[]spec{{id: 1, genAI: true}, {id: 2, parent: 1, model: "a"}, {id: 3, parent: 1, model: "a"}},
			"a"},
		"two": {[]spec{{id: 1, genAI: true}, {id: 2, parent: 1, model: "a"}, {id: 3, parent: 1, model: "b"},
			{id: 4, parent: 1, model: "a"}}, ""},
		"none":          {[]spec{{id: 1, genAI: true}}, ""},
		"its own first": {[]spec{{id: 1, model: "x"}, {id: 2, parent: 1, model: "a"}}, "x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := read(tt.spans...)
			model, _ := b.Models(&b.Spans[0])
			assert.Equal(t, tt.want, model)
		})
	}
}

func TestLeafCalls(t *testing.T) {
	b := read(spec{id: 1, genAI: true}, spec{id: 2, parent: 1, model: "a"}, spec{id: 3, parent: 2},
		spec{id: 4, parent: 3, model: "a"})
	var leaves []bool
	for i := range b.Spans {
		leaves = append(leaves, b.Spans[i].IsLeafCall())
	}
	assert.Equal(t, []bool{false, false, false, true}, leaves)
}

func TestKindsModelsAndUsageOfTheDialects(t *testing.T) {
	tests := map[string]struct {
		attributes map[string]any
		kind       genai.Kind
		model      string
		reported   [directions]bool
	}{
		"MLflow": {map[string]any{genai.SpanType: "CHAT_MODEL", genai.LLMModel: "m",
			genai.ChatUsage: map[string]any{"input_tokens": 1}}, genai.KindLLM, "m", [2]bool{true, true}},
		"MLflow, quoted type": {map[string]any{genai.SpanType: `"LLM"`}, genai.KindLLM, "", [2]bool{}},
		"MLflow, unknown type": {map[string]any{genai.SpanType: "UNKNOWN", genai.OperationName: "chat"},
			genai.KindLLM, "", [2]bool{}},
		"MLflow, tool": {map[string]any{genai.SpanType: "TOOL", genai.OperationName: "chat"},
			genai.KindTool, "", [2]bool{}},
		"GenAI": {map[string]any{genai.OperationName: "text_completion", genai.RequestModel: "m",
			genai.LLMModel: "n", genai.UsageInput: 5}, genai.KindLLM, "m", [2]bool{true, false}},
		"GenAI, embeddings": {map[string]any{genai.OperationName: "embeddings"}, genai.KindEmbedding, "", [2]bool{}},
		"GenAI, old usage": {map[string]any{"gen_ai.usage.completion_tokens": 5}, genai.KindOther, "",
			[2]bool{false, true}},
		"OpenInference": {map[string]any{"openinference.span.kind": "LLM", "llm.model_name": "m",
			"llm.token_count.prompt": 1, "llm.token_count.completion": 1}, genai.KindLLM, "m", [2]bool{true, true}},
		"OpenInference detail": {map[string]any{"openinference.span.kind": "LLM",
			"llm.token_count.prompt_details.cache_read": 1}, genai.KindLLM, "", [2]bool{}},
		"OpenLLMetry": {map[string]any{"llm.request.type": "chat", genai.RequestModel: "m",
			"llm.usage.total_tokens": 7}, genai.KindLLM, "m", [2]bool{true, true}},
		"agent": {map[string]any{"traceloop.span.kind": "workflow"}, genai.KindOther, "", [2]bool{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			assert.NoError(t, s.Attributes().FromRaw(tt.attributes))
			var b Batch
			b.Read(td)
			assert.True(t, b.Spans[0].GenAI)
			assert.Equal(t, tt.kind, b.Spans[0].Kind)
			assert.Equal(t, tt.model, b.Spans[0].RequestModel)
			assert.Equal(t, tt.reported, b.Spans[0].Reported)
		})
	}
}

// A chain of spans takes time in proportion to its length, and a batch can be read again.
func TestLongChain(t *testing.T) {
	b := &Batch{}
	for range 2 {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		const n = 200_000
		for i := range n {
			s := spans.AppendEmpty()
			s.SetSpanID(id(n - i))
			if i < n-1 {
				s.SetParentSpanID(id(n - i - 1))
			}
			if i < n-1 {
				s.Attributes().PutStr(genai.OperationName, "chat")
			}
		}
		b.Read(td)
		count := 0
		for i := range b.Spans {
			if b.IsRoot(i) {
				count++
				assert.Equal(t, n-2, i)
			}
		}
		assert.Equal(t, 1, count)
		b.Release()
	}
}

func id(n int) (id pcommon.SpanID) {
	copy(id[:], fmt.Sprintf("%08d", n))
	return id
}
