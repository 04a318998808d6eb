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

func TestTokensOfAttributes(t *testing.T) {
	for name, tc := range map[string]struct {
		attributes map[string]any
		chat       any
		want       map[usage.Field]int64
		bad        int
	}{
		"conventions": {map[string]any{"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 2.0,
			"gen_ai.usage.reasoning_tokens": 3}, nil, map[usage.Field]int64{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldReasoning: 3},
			0},
		"older names": {map[string]any{"gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.completion_tokens": 2}, nil,
			map[usage.Field]int64{usage.FieldInput: 1, usage.FieldOutput: 2}, 0},
		"OpenInference": {map[string]any{"llm.token_count.prompt": 1, "llm.token_count.completion": 2,
			"llm.token_count.prompt_details.cache_read": 1}, nil,
			map[usage.Field]int64{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldCacheRead: 1}, 0},
		"Traceloop": {map[string]any{"llm.usage.prompt_tokens": 1, "llm.usage.completion_tokens": 2,
			"llm.usage.total_tokens": 3}, nil, map[usage.Field]int64{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldTotal: 3}, 0},
		"newest first": {map[string]any{"llm.token_count.prompt": 4, "gen_ai.usage.prompt_tokens": 3,
			"gen_ai.usage.input_tokens": 2}, map[string]any{"input_tokens": 1}, map[usage.Field]int64{usage.FieldInput: 2}, 0},
		"MLflow": {nil, map[string]any{"input_tokens": 1, "output_tokens": 2.0, "cache_creation_input_tokens": 3,
			"cache_creation_input_tokens_above_1hr": 4, "total_tokens": 9},
			map[usage.Field]int64{usage.FieldInput: 1, usage.FieldOutput: 2, usage.FieldTotal: 9, usage.FieldCacheWrite: 3, usage.FieldCacheWrite1h: 4}, 0},
		"text": {map[string]any{"gen_ai.usage.input_tokens": " 12 ", "gen_ai.usage.output_tokens": "3.0"},
			`{"cache_read_input_tokens": "4"}`, map[usage.Field]int64{usage.FieldInput: 12, usage.FieldOutput: 3, usage.FieldCacheRead: 4}, 0},
		"as JSON text": {nil, `{"input_tokens": 1, "output_tokens": null, "cache_read_input_tokens": 3.0}`,
			map[usage.Field]int64{usage.FieldInput: 1, usage.FieldCacheRead: 3}, 0},
		"completed": {map[string]any{"gen_ai.usage.input_tokens": 5}, `{"input_tokens": 1, "output_tokens": 2}`,
			map[usage.Field]int64{usage.FieldInput: 5, usage.FieldOutput: 2}, 0},
		"nothing": {map[string]any{"gen_ai.request.model": "m"}, "", map[usage.Field]int64{}, 0},
		"no numbers": {map[string]any{"gen_ai.usage.input_tokens": "one", "gen_ai.usage.output_tokens": -1,
			"llm.usage.prompt_tokens": 1.5}, `{"input_tokens": "one", "output_tokens": 1e300}`, map[usage.Field]int64{}, 5},
		"not finite": {map[string]any{"gen_ai.usage.input_tokens": math.NaN()},
			map[string]any{"output_tokens": math.Inf(1)}, map[usage.Field]int64{}, 2},
		"zero is one": {map[string]any{"gen_ai.usage.input_tokens": 0}, nil, map[usage.Field]int64{usage.FieldInput: 0}, 0},
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
			got := map[usage.Field]int64{}
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
