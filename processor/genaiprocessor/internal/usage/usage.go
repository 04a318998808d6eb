// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package usage reads the numbers of tokens that the instrumentation of a call reports, in any
// dialect, field by field: gen_ai.usage.* (older names too), llm.token_count.*, llm.usage.*, and
// mlflow.chat.tokenUsage, structured or as JSON text, which comes after all attributes. It is pure.
package usage

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Field is one of the numbers. Those of input include cached ones in all dialects, those of output
// include reasoning.
type Field int

// The fields.
const (
	FieldInput Field = iota
	FieldOutput
	FieldCacheRead
	FieldCacheWrite
	FieldCacheWrite1h
	FieldReasoning
	fields
)

// Usage is what a call reports. The zero Usage reports nothing.
type Usage struct {
	n [fields]int64
	// the rank of where the number is from, counted from 1; 0: not reported. Of several the lowest
	// counts
	from [fields]int8
}

// Of returns a number, 0 if it isn't reported.
func (u *Usage) Of(f Field) int64 { return u.n[f] }

// Has reports whether a number is reported.
func (u *Usage) Has(f Field) bool { return u.from[f] != 0 }

// source returns the field that an attribute reports, and its rank among those that do; 0 for other
// attributes.
func source(key string) (Field, int8) {
	switch key {
	case genai.UsageInput:
		return FieldInput, 1
	case "gen_ai.usage.prompt_tokens":
		return FieldInput, 2
	case "llm.token_count.prompt":
		return FieldInput, 3
	case "llm.usage.prompt_tokens":
		return FieldInput, 4
	case genai.UsageOutput:
		return FieldOutput, 1
	case "gen_ai.usage.completion_tokens":
		return FieldOutput, 2
	case "llm.token_count.completion":
		return FieldOutput, 3
	case "llm.usage.completion_tokens":
		return FieldOutput, 4
	case genai.UsageCacheRead:
		return FieldCacheRead, 1
	case "gen_ai.usage.cache_read_input_tokens":
		return FieldCacheRead, 2
	case "llm.token_count.prompt_details.cache_read":
		return FieldCacheRead, 3
	case genai.UsageCacheWrite:
		return FieldCacheWrite, 1
	case "gen_ai.usage.cache_creation.input_tokens":
		return FieldCacheWrite, 2
	case "gen_ai.usage.cache_creation_input_tokens":
		return FieldCacheWrite, 3
	case "llm.token_count.prompt_details.cache_write":
		return FieldCacheWrite, 4
	case genai.UsageReasoning:
		return FieldReasoning, 1
	case "gen_ai.usage.reasoning_tokens":
		return FieldReasoning, 2
	case "llm.token_count.completion_details.reasoning":
		return FieldReasoning, 3
	}
	return 0, 0
}

// member returns the field that a member of mlflow.chat.tokenUsage reports.
func member(key string) (Field, bool) {
	switch key {
	case "input_tokens":
		return FieldInput, true
	case "output_tokens":
		return FieldOutput, true
	case "cache_read_input_tokens":
		return FieldCacheRead, true
	case "cache_creation_input_tokens":
		return FieldCacheWrite, true
	case "cache_creation_input_tokens_above_1hr":
		return FieldCacheWrite1h, true
	}
	return 0, false
}

const chatRank = 100

// Attribute takes an attribute. known is false if it reports no number of tokens, bad is true if it
// should and what it holds is none: negative, fractional, a text.
func (u *Usage) Attribute(key string, v pcommon.Value) (known, bad bool) {
	f, rank := source(key)
	if rank == 0 {
		return false, false
	}
	return true, !u.count(f, rank, v)
}

func (u *Usage) count(f Field, rank int8, v pcommon.Value) bool {
	n, ok := v.Int(), v.Type() == pcommon.ValueTypeInt
	if v.Type() == pcommon.ValueTypeDouble {
		n, ok = whole(v.Double())
	}
	return ok && u.keep(f, rank, n)
}

func (u *Usage) keep(f Field, rank int8, n int64) bool {
	if n < 0 || n > mostTokens {
		return false
	}
	if u.from[f] == 0 || rank < u.from[f] {
		u.n[f], u.from[f] = n, rank
	}
	return true
}

// mostTokens is far more than any call has; what is above it is an error of the producer.
const mostTokens = 1 << 50

func whole(f float64) (int64, bool) {
	return int64(f), f == math.Trunc(f) && math.Abs(f) <= mostTokens
}

// Chat takes mlflow.chat.tokenUsage: a map, or its JSON text. It returns how many of its numbers
// are none.
func (u *Usage) Chat(v pcommon.Value) (bad int) {
	if v.Type() == pcommon.ValueTypeMap {
		for key, n := range v.Map().All() {
			if f, ok := member(key); ok && n.Type() != pcommon.ValueTypeEmpty && !u.count(f, chatRank, n) {
				bad++
			}
		}
		return bad
	}
	s := pyjson.NewScanner([]byte(v.Str()))
	if s.Kind() != pyjson.Object {
		return 0
	}
	s.Open(pyjson.Object)
	for s.NextMember() {
		f, ok := member(s.KeyString())
		switch {
		case !ok || s.Kind() == pyjson.Null:
			s.Skip()
			continue
		case s.Kind() != pyjson.Number:
			s.Skip()
			bad++
			continue
		}
		if n, ok := whole(pyjson.Float64(s.Num())); !ok || !u.keep(f, chatRank, n) {
			bad++
		}
	}
	return bad
}
