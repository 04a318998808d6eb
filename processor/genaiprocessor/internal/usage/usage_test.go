// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestUsage(t *testing.T) {
	for name, tc := range map[string]struct {
		attributes map[string]any
		chat       any
		want       map[Field]int64
		bad        int
	}{
		"conventions": {map[string]any{"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 2.0,
			"gen_ai.usage.reasoning_tokens": 3}, nil, map[Field]int64{FieldInput: 1, FieldOutput: 2, FieldReasoning: 3},
			0},
		"older names": {map[string]any{"gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.completion_tokens": 2}, nil,
			map[Field]int64{FieldInput: 1, FieldOutput: 2}, 0},
		"OpenInference": {map[string]any{"llm.token_count.prompt": 1, "llm.token_count.completion": 2,
			"llm.token_count.prompt_details.cache_read": 1}, nil,
			map[Field]int64{FieldInput: 1, FieldOutput: 2, FieldCacheRead: 1}, 0},
		"Traceloop": {map[string]any{"llm.usage.prompt_tokens": 1, "llm.usage.completion_tokens": 2,
			"llm.usage.total_tokens": 3}, nil, map[Field]int64{FieldInput: 1, FieldOutput: 2, FieldTotal: 3}, 0},
		"newest first": {map[string]any{"llm.token_count.prompt": 4, "gen_ai.usage.prompt_tokens": 3,
			"gen_ai.usage.input_tokens": 2}, map[string]any{"input_tokens": 1}, map[Field]int64{FieldInput: 2}, 0},
		"MLflow": {nil, map[string]any{"input_tokens": 1, "output_tokens": 2.0, "cache_creation_input_tokens": 3,
			"cache_creation_input_tokens_above_1hr": 4, "total_tokens": 9},
			map[Field]int64{FieldInput: 1, FieldOutput: 2, FieldTotal: 9, FieldCacheWrite: 3, FieldCacheWrite1h: 4}, 0},
		"text": {map[string]any{"gen_ai.usage.input_tokens": " 12 ", "gen_ai.usage.output_tokens": "3.0"},
			`{"cache_read_input_tokens": "4"}`, map[Field]int64{FieldInput: 12, FieldOutput: 3, FieldCacheRead: 4}, 0},
		"as JSON text": {nil, `{"input_tokens": 1, "output_tokens": null, "cache_read_input_tokens": 3.0}`,
			map[Field]int64{FieldInput: 1, FieldCacheRead: 3}, 0},
		"completed": {map[string]any{"gen_ai.usage.input_tokens": 5}, `{"input_tokens": 1, "output_tokens": 2}`,
			map[Field]int64{FieldInput: 5, FieldOutput: 2}, 0},
		"nothing": {map[string]any{"gen_ai.request.model": "m"}, "", map[Field]int64{}, 0},
		"no numbers": {map[string]any{"gen_ai.usage.input_tokens": "one", "gen_ai.usage.output_tokens": -1,
			"llm.usage.prompt_tokens": 1.5}, `{"input_tokens": "one", "output_tokens": 1e300}`, map[Field]int64{}, 5},
		"not finite": {map[string]any{"gen_ai.usage.input_tokens": math.NaN()},
			map[string]any{"output_tokens": math.Inf(1)}, map[Field]int64{}, 2},
		"zero is one": {map[string]any{"gen_ai.usage.input_tokens": 0}, nil, map[Field]int64{FieldInput: 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var u Usage
			bad := 0
			for key, raw := range tc.attributes {
				known, wrong := u.Attribute(key, value(t, raw))
				require.Equal(t, key != "gen_ai.request.model", known, key)
				if wrong {
					bad++
				}
			}
			if tc.chat != nil {
				bad += u.Chat(value(t, tc.chat))
			}
			require.Equal(t, tc.bad, bad)
			got := map[Field]int64{}
			for f := range fields {
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
