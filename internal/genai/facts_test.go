// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// numbers are tokens by what they are.
type numbers map[usage.Field]int64

func TestTokensOfAttributes(t *testing.T) {
	for name, tc := range map[string]struct {
		attributes map[string]any
		chat       any
		want       numbers
		bad        int
	}{
		"conventions": {map[string]any{"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 2.0,
			"gen_ai.usage.reasoning_tokens": 3}, nil,
			numbers{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldReasoning: 3}, 0},
		"older names": {map[string]any{"gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.completion_tokens": 2}, nil,
			numbers{usage.FieldInput: 1, usage.FieldOutput: 2}, 0},
		"OpenInference": {map[string]any{"llm.token_count.prompt": 1, "llm.token_count.completion": 2,
			"llm.token_count.prompt_details.cache_read": 1}, nil,
			numbers{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldCacheRead: 1}, 0},
		"Traceloop": {map[string]any{"llm.usage.prompt_tokens": 1, "llm.usage.completion_tokens": 2,
			"llm.usage.total_tokens": 3}, nil,
			numbers{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldTotal: 3}, 0},
		"newest first": {map[string]any{"llm.token_count.prompt": 4, "gen_ai.usage.prompt_tokens": 3,
			"gen_ai.usage.input_tokens": 2}, map[string]any{"input_tokens": 1}, numbers{usage.FieldInput: 2}, 0},
		"MLflow": {nil, map[string]any{"input_tokens": 1, "output_tokens": 2.0, "cache_creation_input_tokens": 3,
			"cache_creation_input_tokens_above_1hr": 4, "total_tokens": 9},
			numbers{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldTotal: 9, usage.FieldCacheWrite: 3,
				usage.FieldCacheWrite1h: 4}, 0},
		"text": {map[string]any{"gen_ai.usage.input_tokens": " 12 ", "gen_ai.usage.output_tokens": "3.0"},
			`{"cache_read_input_tokens": "4"}`,
			numbers{usage.FieldInput: 12, usage.FieldOutput: 3, usage.FieldCacheRead: 4}, 0},
		"as JSON text": {nil, `{"input_tokens": 1, "output_tokens": null, "cache_read_input_tokens": 3.0}`,
			numbers{usage.FieldInput: 1, usage.FieldCacheRead: 3}, 0},
		"completed": {map[string]any{"gen_ai.usage.input_tokens": 5}, `{"input_tokens": 1, "output_tokens": 2}`,
			numbers{usage.FieldInput: 5, usage.FieldOutput: 2}, 0},
		"nothing": {map[string]any{"gen_ai.request.model": "m"}, "", numbers{}, 0},
		"no numbers": {map[string]any{"gen_ai.usage.input_tokens": "one", "gen_ai.usage.output_tokens": -1,
			"llm.usage.prompt_tokens": 1.5}, `{"input_tokens": "one", "output_tokens": 1e300}`, numbers{}, 5},
		"not finite": {map[string]any{"gen_ai.usage.input_tokens": math.NaN()},
			map[string]any{"output_tokens": math.Inf(1)}, numbers{}, 2},
		"zero is one": {map[string]any{"gen_ai.usage.input_tokens": 0}, nil, numbers{usage.FieldInput: 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var u usage.Usage
			bad := 0
			for key, raw := range tc.attributes {
				r := ReadAttribute(key, "")
				require.NotNil(t, r, key)
				if r.Fact == FactUsage && !u.Value(r.Tokens, value(t, raw)) {
					bad++
				}
			}
			if tc.chat != nil {
				bad += u.Document(chatUsage, value(t, tc.chat))
			}
			require.Equal(t, tc.bad, bad)
			got := numbers{}
			for f := range usage.FieldReasoning + 1 {
				if u.Has(f) {
					got[f] = u.Of(f)
				} else {
					require.Zero(t, u.Of(f))
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func value(t *testing.T, raw any) pcommon.Value {
	t.Helper()
	v := pcommon.NewValueEmpty()
	require.NoError(t, v.FromRaw(raw))
	return v
}

// The table is sound: no attribute says two things, names that go on with numbers are found, and
// every dialect, fact and number of tokens is in it.
func TestTable(t *testing.T) {
	type place struct {
		key   string
		scope Dialect
	}
	seen, facts, dialects := map[place]bool{}, map[Fact]bool{}, map[Dialect]bool{}
	fields := map[usage.Field]bool{}
	for _, g := range table {
		for _, r := range g.rows {
			key, scope := r.key, Dialect("")
			if isBare(r) {
				scope = r.dialect
				require.Nil(t, ReadAttribute(key, ""), key)
			}
			require.False(t, seen[place{key, scope}], "%s twice", key)
			seen[place{key, scope}] = true
			if g.reading.Numbered {
				require.Nil(t, ReadAttribute(key, scope), key)
				require.Nil(t, ReadAttribute(key+"x", scope), key)
				key += "0.content"
			}
			read := ReadAttribute(key, scope)
			require.NotNil(t, read, key)
			require.Equal(t, []any{g.reading.Fact, r.dialect}, []any{read.Fact, read.Dialect}, key)
			require.Less(t, read.Rank, int16(rankChat), "single attributes come before documents")
			facts[read.Fact], dialects[read.Dialect] = true, true
			if read.Fact == FactUsage {
				fields[read.Tokens.Field] = true
			}
		}
	}
	require.Len(t, facts, int(Facts))
	require.Len(t, dialects, len(Dialects))
	require.Len(t, fields, 6, "all but writes of an hour, which documents tell")
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]Kind{"LLM": KindLLM, "llm": KindLLM, "CHAT_MODEL": KindLLM, "chat": KindLLM,
		"EMBEDDING": KindEmbedding, "Embeddings": KindEmbedding, "rerank": KindRerank, "TOOL": KindTool,
		"execute_tool": KindTool, "ai.toolCall": KindTool, "AGENT": KindOther, "agent": KindOther, "mine": KindOther} {
		kind, said := KindOf(name)
		require.True(t, said, name)
		require.Equal(t, want, kind, name)
	}
	for _, name := range []string{"", "UNKNOWN", "unknown"} {
		_, said := KindOf(name)
		require.False(t, said, name)
	}
}
