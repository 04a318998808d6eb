// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package usage reads the numbers of tokens that the instrumentation of a call reports, in any
// dialect, field by field: single attributes (names.go), and the documents mlflow.chat.tokenUsage
// and langfuse.observation.usage_details, structured or as JSON text, which come after all
// attributes. Resolve decides what the numbers mean. It is pure.
package usage

import (
	"math"
	"strconv"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Field is one of the numbers, as it is reported. Dialects differ in whether input includes cached
// tokens and output includes reasoning: see Resolve.
type Field int

// The fields.
const (
	FieldInput Field = iota
	FieldOutput
	FieldTotal
	FieldCacheRead
	FieldCacheWrite
	FieldCacheWrite1h // a part of FieldCacheWrite
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

// IsLangfuse reports whether the input is that of langfuse.observation.usage_details.
func (u *Usage) IsLangfuse() bool { return u.from[FieldInput] >= rankLangfuse }

// Attribute takes an attribute. known is false if it reports no number of tokens, bad is true if it
// should and what it holds is none: negative, fractional, a text that is no number.
func (u *Usage) Attribute(key string, v pcommon.Value) (known, bad bool) {
	at, known := sources[key]
	return known, known && !u.count(at, v)
}

func (u *Usage) count(at source, v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return u.keep(at, v.Int())
	case pcommon.ValueTypeDouble:
		n, ok := whole(v.Double())
		return ok && u.keep(at, n)
	case pcommon.ValueTypeStr:
		return u.text(at, v.Str())
	}
	return false
}

// text takes a number that is written as text.
func (u *Usage) text(at source, text string) bool {
	f, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(text, `"`)), 64)
	if err != nil {
		return false
	}
	n, ok := whole(f)
	return ok && u.keep(at, n)
}

func (u *Usage) keep(at source, n int64) bool {
	if n < 0 || n > mostTokens {
		return false
	}
	if f := at.field; u.from[f] == 0 || at.rank < u.from[f] {
		u.n[f], u.from[f] = n, at.rank
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
func (u *Usage) Chat(v pcommon.Value) (bad int) { return u.document(v, chatMembers) }

// Langfuse takes langfuse.observation.usage_details: a map, or its JSON text. It returns how many
// of its numbers are none.
func (u *Usage) Langfuse(v pcommon.Value) (bad int) { return u.document(v, langfuseMembers) }

func (u *Usage) document(v pcommon.Value, members map[string]source) (bad int) {
	if v.Type() == pcommon.ValueTypeMap {
		for key, n := range v.Map().All() {
			if at, ok := members[key]; ok && n.Type() != pcommon.ValueTypeEmpty && !u.count(at, n) {
				bad++
			}
		}
		return bad
	}
	text := v.Str()
	s := pyjson.NewScanner(unsafe.Slice(unsafe.StringData(text), len(text)))
	if s.Kind() != pyjson.KindObject {
		return 0
	}
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		at, ok := members[s.KeyString()]
		switch {
		case !ok || s.Kind() == pyjson.KindNull:
			s.Skip()
		case s.Kind() == pyjson.KindString:
			if !u.text(at, s.Str()) {
				bad++
			}
		case s.Kind() != pyjson.KindNumber:
			s.Skip()
			bad++
		default:
			if n, ok := whole(pyjson.Float64(s.Num())); !ok || !u.keep(at, n) {
				bad++
			}
		}
	}
	return bad
}
