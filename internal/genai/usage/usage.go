// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package usage holds the numbers of tokens that the instrumentation of a call reports, field by
// field: from single attributes, and from documents of several numbers, structured or as JSON text.
// Which attribute reports which number is in the table of package genai. Resolve decides what the
// numbers mean. It is pure.
package usage

import (
	"cmp"
	"math"
	"slices"
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
	FieldCacheWrite5m // a part of FieldCacheWrite, as is the next one
	FieldCacheWrite1h
	FieldReasoning
	fields
)

var fieldNames = [fields]string{"input", "output", "total", "read from a cache", "written to a cache",
	"written to a cache for five minutes", "written to a cache for an hour", "reasoning"}

func (f Field) String() string { return fieldNames[f] }

// Source says which number a name stands for, and its rank among the names that stand for it,
// counted from 1: of several the lowest rank counts.
type Source struct {
	Field Field
	Rank  int16
}

// Document describes a value that holds several numbers.
type Document struct {
	Members map[string]Source
	// Inner describes members that hold numbers themselves.
	Inner map[string]*Document
	// Apart says that the numbers do not contain each other: input is what was read without a
	// cache, cache writes are those beside the ones of an hour, output is without reasoning.
	Apart bool
	// ReasoningApart says that output is without reasoning.
	ReasoningApart bool
	// Standard says that these are MLflow's own numbers, from which the mlflow receiver derives
	// attributes of the conventions.
	Standard bool
}

// Number is a number of a document and the names of the members that hold it, by rank. Members of
// inner objects are joined by a dot.
type Number struct {
	Field Field
	Names []string
}

// Numbers returns the numbers of the document, in the order of their fields.
func (d *Document) Numbers() (list []Number) {
	type name struct {
		rank int16
		name string
	}
	var found [fields][]name
	var collect func(d *Document, prefix string)
	collect = func(d *Document, prefix string) {
		for key, at := range d.Members {
			found[at.Field] = append(found[at.Field], name{at.Rank, prefix + key})
		}
		for key, inner := range d.Inner {
			collect(inner, prefix+key+".")
		}
	}
	collect(d, "")
	for f, names := range found {
		slices.SortFunc(names, func(a, b name) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.name, b.name))
		})
		n := Number{Field: Field(f)}
		for _, x := range names {
			n.Names = append(n.Names, x.name)
		}
		if n.Names != nil {
			list = append(list, n)
		}
	}
	return list
}

// Usage is what a call reports. The zero Usage reports nothing.
type Usage struct {
	n [fields]int64
	// the rank of where the number is from, counted from 1; 0: not reported. Of several the lowest
	// counts
	from [fields]int16
	// input and output are sums that Standard made of a document: they include the parts
	derivedInput, derivedOutput bool
	apart                       bool // the input is from a document whose numbers are Apart
	reasoningApart              bool // a document says that the output is without reasoning
}

// Of returns a number, 0 if it isn't reported.
func (u *Usage) Of(f Field) int64 { return u.n[f] }

// Has reports whether a number is reported.
func (u *Usage) Has(f Field) bool { return u.from[f] != 0 }

// Apart reports whether the input is from a document whose numbers do not contain each other.
func (u *Usage) Apart() bool { return u.apart }

// Value takes the value of an attribute. It returns false if the value is no number of tokens: if
// it is negative, fractional, or a text that is no number.
func (u *Usage) Value(at Source, v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return u.Keep(at, v.Int())
	case pcommon.ValueTypeDouble:
		return u.float(at, v.Double())
	case pcommon.ValueTypeStr:
		return u.text(at, v.Str())
	}
	return false
}

// Raw takes the value of an attribute as JSON text, as Value does.
func (u *Usage) Raw(at Source, raw []byte) bool {
	s := pyjson.NewScanner(raw)
	return u.next(at, &s)
}

// next takes the next value of s.
func (u *Usage) next(at Source, s *pyjson.Scanner) bool {
	switch s.Kind() {
	case pyjson.KindNumber:
		return u.float(at, pyjson.Float64(s.Num()))
	case pyjson.KindString:
		return u.text(at, s.Str())
	}
	s.Skip()
	return false
}

// text takes a number that is written as text.
func (u *Usage) text(at Source, text string) bool {
	f, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(text, `"`)), 64)
	return err == nil && u.float(at, f)
}

func (u *Usage) float(at Source, f float64) bool {
	return f == math.Trunc(f) && math.Abs(f) <= mostTokens && u.Keep(at, int64(f))
}

// Keep takes a number. It returns false if that is no number of tokens.
func (u *Usage) Keep(at Source, n int64) bool {
	if n < 0 || n > mostTokens {
		return false
	}
	if f := at.Field; u.from[f] == 0 || at.Rank < u.from[f] {
		u.n[f], u.from[f] = n, at.Rank
	}
	return true
}

// mostTokens is far more than any call has; what is above it is an error of the producer.
const mostTokens = 1 << 50

// Document takes a document: a map, or its JSON text. It returns how many of its numbers are none.
// Numbers that are reported with a lower rank stay.
func (u *Usage) Document(d *Document, v pcommon.Value) (bad int) {
	if v.Type() != pcommon.ValueTypeMap {
		text := v.Str()
		return u.JSON(d, unsafe.Slice(unsafe.StringData(text), len(text)))
	}
	var own Usage
	bad = own.members(d, v.Map())
	u.merge(&own, d)
	return bad
}

// JSON takes a document as JSON text. It returns how many of its numbers are none.
func (u *Usage) JSON(d *Document, text []byte) (bad int) {
	s := pyjson.NewScanner(text)
	if s.Kind() != pyjson.KindObject {
		return 0
	}
	var own Usage
	bad = own.object(d, &s)
	u.merge(&own, d)
	return bad
}

// merge takes the numbers of a document that are not reported elsewhere.
func (u *Usage) merge(own *Usage, d *Document) {
	if d.Apart {
		own.n[FieldCacheWrite] += own.n[FieldCacheWrite1h]
		own.from[FieldCacheWrite] = max(own.from[FieldCacheWrite], own.from[FieldCacheWrite1h])
	}
	if d.Standard {
		u.compare(own)
	}
	if (d.Apart || d.ReasoningApart) && own.Has(FieldReasoning) &&
		(!u.Has(FieldOutput) || u.n[FieldOutput] == own.n[FieldOutput]) {
		u.reasoningApart = true
	}
	for f := range fields {
		if own.from[f] != 0 && (u.from[f] == 0 || own.from[f] < u.from[f]) {
			u.n[f], u.from[f] = own.n[f], own.from[f]
			if f == FieldInput {
				u.apart = d.Apart
			}
		}
	}
}

// compare notes where input and output of u were derived from the document own: they are the
// document's and the parts that it reports beside them. The total of such a document says nothing
// of them.
func (u *Usage) compare(own *Usage) {
	cached := own.cached()
	u.derivedInput = u.Has(FieldInput) && own.Has(FieldInput) && cached > 0 &&
		u.n[FieldInput] == own.n[FieldInput]+cached
	u.derivedOutput = u.Has(FieldOutput) && own.Has(FieldOutput) && u.n[FieldReasoning] > 0 &&
		u.n[FieldOutput] == own.n[FieldOutput]+u.n[FieldReasoning]
	if u.derivedInput {
		own.n[FieldTotal], own.from[FieldTotal] = 0, 0
	}
}

func (u *Usage) members(d *Document, m pcommon.Map) (bad int) {
	for key, v := range m.All() {
		if inner := d.Inner[key]; inner != nil && v.Type() == pcommon.ValueTypeMap {
			bad += u.members(inner, v.Map())
		} else if at, ok := d.Members[key]; ok && v.Type() != pcommon.ValueTypeEmpty && !u.Value(at, v) {
			bad++
		}
	}
	return bad
}

func (u *Usage) object(d *Document, s *pyjson.Scanner) (bad int) {
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		key := s.KeyString()
		if inner := d.Inner[key]; inner != nil && s.Kind() == pyjson.KindObject {
			bad += u.object(inner, s)
			continue
		}
		if at, ok := d.Members[key]; !ok || s.Kind() == pyjson.KindNull {
			s.Skip()
		} else if !u.next(at, s) {
			bad++
		}
	}
	return bad
}
