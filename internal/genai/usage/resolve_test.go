// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestResolve(t *testing.T) {
	for name, tc := range map[string]struct {
		reported map[Field]int64
		producer Cached
		want     Tokens
	}{
		"nothing cached": {map[Field]int64{FieldInput: 10, FieldOutput: 5}, CachedUnknown,
			Tokens{Input: 10, Output: 5}},
		"input below cached": {map[Field]int64{FieldInput: 3, FieldOutput: 100, FieldTotal: 103, FieldCacheRead: 15000,
			FieldCacheWrite: 200}, CachedIncluded,
			Tokens{Input: 15203, Output: 100, CacheRead: 15000, CacheWrite: 200}},
		"total with cached": {map[Field]int64{FieldInput: 5000, FieldOutput: 100, FieldTotal: 6300,
			FieldCacheRead: 1000, FieldCacheWrite: 200}, CachedIncluded,
			Tokens{Input: 6200, Output: 100, CacheRead: 1000, CacheWrite: 200}},
		"total without": {map[Field]int64{FieldInput: 5000, FieldOutput: 100, FieldTotal: 5100, FieldCacheRead: 1000},
			CachedExcluded, Tokens{Input: 5000, Output: 100, CacheRead: 1000}},
		"total fits nothing": {map[Field]int64{FieldInput: 5000, FieldOutput: 100, FieldTotal: 7, FieldCacheRead: 1000},
			CachedExcluded, Tokens{Input: 6000, Output: 100, CacheRead: 1000}},
		"total fits two meanings": {map[Field]int64{FieldInput: 500, FieldOutput: 100, FieldTotal: 650,
			FieldCacheRead: 50, FieldReasoning: 50}, CachedUnknown,
			Tokens{Input: 500, Output: 100, CacheRead: 50, Reasoning: 50, Uncertain: true}},
		"producer": {map[Field]int64{FieldInput: 5000, FieldCacheRead: 1000}, CachedExcluded,
			Tokens{Input: 6000, CacheRead: 1000}},
		"convention": {map[Field]int64{FieldInput: 5000, FieldCacheRead: 1000}, CachedUnknown,
			Tokens{Input: 5000, CacheRead: 1000, Uncertain: true}},
		"output below reasoning": {map[Field]int64{FieldInput: 10, FieldOutput: 5, FieldReasoning: 50}, CachedUnknown,
			Tokens{Input: 10, Output: 55, Reasoning: 50}},
		"total with reasoning": {map[Field]int64{FieldInput: 10, FieldOutput: 50, FieldReasoning: 5, FieldTotal: 65},
			CachedUnknown, Tokens{Input: 10, Output: 55, Reasoning: 5}},
		"total without reasoning": {map[Field]int64{FieldInput: 10, FieldOutput: 50, FieldReasoning: 5, FieldTotal: 60},
			CachedUnknown, Tokens{Input: 10, Output: 50, Reasoning: 5}},
		"part above the whole": {map[Field]int64{FieldInput: 10, FieldCacheWrite: 5, FieldCacheWrite1h: 7},
			CachedIncluded, Tokens{Input: 10, CacheWrite: 5, CacheWrite1h: 5, Limited: true}},
		"only writes of an hour": {map[Field]int64{FieldInput: 10, FieldCacheWrite1h: 7}, CachedIncluded,
			Tokens{Input: 10, CacheWrite: 7, CacheWrite1h: 7}},
		"only writes of an hour, beside": {map[Field]int64{FieldInput: 5, FieldCacheWrite1h: 7}, CachedIncluded,
			Tokens{Input: 12, CacheWrite: 7, CacheWrite1h: 7}},
		"writes by their life, with the whole": {map[Field]int64{FieldInput: 1000, FieldCacheWrite: 600,
			FieldCacheWrite5m: 500, FieldCacheWrite1h: 100}, CachedIncluded,
			Tokens{Input: 1000, CacheWrite: 600, CacheWrite1h: 100}},
		"writes by their life in place of the whole": {map[Field]int64{FieldInput: 1000, FieldCacheWrite: 0,
			FieldCacheWrite5m: 500, FieldCacheWrite1h: 100}, CachedIncluded,
			Tokens{Input: 1000, CacheWrite: 600, CacheWrite1h: 100}},
		"cached only": {map[Field]int64{FieldCacheRead: 5, FieldOutput: 1}, CachedUnknown,
			Tokens{Input: 5, Output: 1, CacheRead: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			var u Usage
			for f, n := range tc.reported {
				require.True(t, u.Keep(Source{f, 1}, n))
			}
			require.Equal(t, tc.want, u.Resolve(tc.producer))
		})
	}
}

// In every combination of small numbers no part is larger than its whole, and nothing is below what
// was reported.
func TestResolveKeepsOrder(t *testing.T) {
	const values = 4 // not reported, 0, 1, 2
	combinations := 1
	for range fields {
		combinations *= values
	}
	for i := range combinations {
		var u Usage
		for f, rest := Field(0), i; f < fields; f, rest = f+1, rest/values {
			if n := int64(rest%values) - 1; n >= 0 {
				u.Keep(Source{f, 1}, n)
			}
		}
		for _, producer := range []Cached{CachedUnknown, CachedIncluded, CachedExcluded} {
			r := u.Resolve(producer)
			if r.Input < r.CacheRead+r.CacheWrite || r.CacheWrite < r.CacheWrite1h || r.Output < r.Reasoning ||
				r.Input < u.Of(FieldInput) || r.Output < u.Of(FieldOutput) {
				t.Fatalf("%+v is resolved to %+v", u, r)
			}
		}
	}
}

// Sums that were derived from MLflow's numbers are what they are, whatever is said of the producer.
func TestDerivedSums(t *testing.T) {
	chat := &Document{Standard: true, Members: map[string]Source{"in": {FieldInput, 9}, "out": {FieldOutput, 9},
		"read": {FieldCacheRead, 9}, "write_1h": {FieldCacheWrite1h, 9}, "total": {FieldTotal, 9}}}
	for name, tc := range map[string]struct {
		input, output, reasoning int64
		document                 string
		want                     Tokens
	}{
		"input": {15003, 7, 0, `{"in": 3, "out": 7, "read": 15000, "total": 10}`,
			Tokens{Input: 15003, Output: 7, CacheRead: 15000}},
		"output": {10, 25, 5, `{"in": 10, "out": 20, "total": 35}`, Tokens{Input: 10, Output: 25, Reasoning: 5}},
		"both": {15003, 25, 5, `{"in": 3, "out": 20, "read": 15000, "total": 28}`,
			Tokens{Input: 15003, Output: 25, CacheRead: 15000, Reasoning: 5}},
		"input, only writes of an hour": {150, 7, 0, `{"in": 100, "out": 7, "write_1h": 50}`,
			Tokens{Input: 150, Output: 7, CacheWrite: 50, CacheWrite1h: 50}},
		"none": {3, 7, 0, `{"in": 3, "out": 7, "read": 15000, "total": 10}`,
			Tokens{Input: 15003, Output: 7, CacheRead: 15000}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, producer := range []Cached{CachedUnknown, CachedIncluded, CachedExcluded} {
				var u Usage
				u.Keep(Source{FieldInput, 1}, tc.input)
				u.Keep(Source{FieldOutput, 1}, tc.output)
				if tc.reasoning > 0 {
					u.Keep(Source{FieldReasoning, 1}, tc.reasoning)
				}
				require.Zero(t, u.JSON(chat, []byte(tc.document)))
				require.Equal(t, tc.want, u.Resolve(producer))
			}
		})
	}
}

// The types of usage of a document that is Apart do not contain each other.
func TestApart(t *testing.T) {
	d := &Document{Apart: true, Members: map[string]Source{"input": {FieldInput, 1}, "output": {FieldOutput, 1},
		"write": {FieldCacheWrite, 1}, "write_1h": {FieldCacheWrite1h, 1}, "reasoning": {FieldReasoning, 1}}}
	var u Usage
	require.Zero(t, u.JSON(d, []byte(`{"input": 100, "output": 50, "write": 10, "write_1h": 20, "reasoning": 5}`)))
	require.True(t, u.Apart())
	require.Equal(t, Tokens{Input: 130, Output: 55, CacheWrite: 30, CacheWrite1h: 20, Reasoning: 5},
		u.Resolve(CachedExcluded))
}
