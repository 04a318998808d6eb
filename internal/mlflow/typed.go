// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// typedAttribute reads the members of {"key": "k", "value": {"int_value": 1}}. Without a value it
// is null.
func (d *decoder) typedAttribute() Attribute {
	a := Attribute{Raw: null}
	for d.NextMember() {
		switch string(d.Key()) {
		case "key":
			a.Key = d.text()
		case "value":
			a.Raw = d.block.keep(d.appendTyped(d.block.room()))
		default:
			d.Skip()
		}
	}
	return a
}

var null = []byte("null")[:4:4]

// appendTyped reads a typed value and appends it as canonical JSON text. It does not recurse. Of
// several values in one place the first counts; a value that is not one of the known types is null.
func (d *decoder) appendTyped(dst []byte) []byte {
	t := transcoder{decoder: d, out: dst, levels: d.levels[:0]}
	t.value()
	for len(t.levels) > 0 && d.Err() == nil {
		t.step()
	}
	d.levels = t.levels[:0]
	return t.out
}

type transcoder struct {
	*decoder
	out    []byte
	levels []level
}

// level is an open bracket of the text that is read.
type level struct {
	place place
	done  bool // the value was written
	keyed bool // the key was written (inEntry)
	start int  // where the entry begins in the output (inEntry)
}

// place says what lies between the brackets of a level.
type place uint8

const (
	inValue    place = iota // "array_value": {…}
	inArray                 // "values": […]
	inElements              // {…}, {…}
	inMap                   // "values": […]
	inEntries               // {…}, {…}
	inEntry                 // "key": "…", "value": {…}
)

func (t *transcoder) push(p place) { t.levels = append(t.levels, level{place: p, start: len(t.out)}) }

func (t *transcoder) pop(text string) {
	t.out = append(t.out, text...)
	t.levels = t.levels[:len(t.levels)-1]
}

// value begins to read a value.
func (t *transcoder) value() {
	if t.open(pyjson.KindObject) {
		t.push(inValue)
	} else {
		t.out = append(t.out, "null"...)
	}
}

// step reads one member or element of the innermost level, or its end.
func (t *transcoder) step() {
	switch top := &t.levels[len(t.levels)-1]; top.place {
	case inValue:
		switch {
		case t.NextMember():
			t.member(top)
		case top.done:
			t.pop("")
		default:
			t.pop("null")
		}
	case inArray, inMap:
		if !t.NextMember() {
			if top.place == inArray {
				t.pop("]")
			} else {
				t.pop("}")
			}
			return
		}
		if string(t.Key()) != "values" || top.done {
			t.Skip()
			return
		}
		top.done = true
		if t.open(pyjson.KindArray) {
			t.push(top.place + 1)
		}
	case inElements:
		if !t.NextElement() {
			t.pop("")
			return
		}
		if t.out[len(t.out)-1] != '[' {
			t.out = append(t.out, ", "...)
		}
		t.value()
	case inEntries:
		if !t.NextElement() {
			t.pop("")
		} else if t.open(pyjson.KindObject) {
			t.push(inEntry)
		}
	case inEntry:
		t.entry(top)
	}
}

// member reads a member of a value: the name of the type and what is in it.
func (t *transcoder) member(top *level) {
	name := t.Key()
	if top.done {
		t.Skip()
		return
	}
	top.done = true
	switch string(name) {
	case "string_value", "bytes_value":
		t.out = pyjson.AppendString(t.out, t.text())
	case "bool_value":
		if t.boolean(false) {
			t.out = append(t.out, "true"...)
		} else {
			t.out = append(t.out, "false"...)
		}
	case "int_value":
		t.number(pyjson.AppendNumber)
	case "double_value":
		t.number(func(dst, num []byte) []byte { return pyjson.AppendFloat(dst, pyjson.Float64(num)) })
	case "array_value":
		t.container(inArray, "[", "]")
	case "kvlist_value":
		t.container(inMap, "{", "}")
	default:
		top.done = false
		t.Skip()
	}
}

// number reads a number that is written as such or, as protobuf does with 64-bit integers and with
// what is not finite, as a string.
func (t *transcoder) number(write func(dst, num []byte) []byte) {
	if t.Kind() == pyjson.KindNumber {
		t.out = write(t.out, t.Num())
		return
	}
	text := t.text()
	s := pyjson.NewScanner([]byte(text))
	num := s.Num()
	if s.End(); s.Err() == nil {
		t.out = write(t.out, num)
	} else {
		t.out = pyjson.AppendString(t.out, text)
	}
}

func (t *transcoder) container(p place, opening, closing string) {
	t.out = append(t.out, opening...)
	if t.open(pyjson.KindObject) {
		t.push(p)
	} else {
		t.out = append(t.out, closing...)
	}
}

// entry reads a member of a map's entry. The value may come before the key.
func (t *transcoder) entry(top *level) {
	if !t.NextMember() {
		if !top.keyed {
			t.key(top.start, "")
		}
		if top.done {
			t.pop("")
		} else {
			t.pop("null")
		}
		return
	}
	switch name := t.Key(); {
	case string(name) == "key" && !top.keyed:
		top.keyed = true
		t.key(top.start, t.text())
	case string(name) == "value" && !top.done:
		top.done = true
		t.value()
	default:
		t.Skip()
	}
}

// key puts a key before what was written of an entry.
func (t *transcoder) key(start int, key string) {
	value := slices.Clone(t.out[start:]) // nearly always empty: the key comes first
	t.out = t.out[:start]
	if t.out[start-1] != '{' {
		t.out = append(t.out, ", "...)
	}
	t.out = append(pyjson.AppendString(t.out, key), ": "...)
	t.out = append(t.out, value...)
}
