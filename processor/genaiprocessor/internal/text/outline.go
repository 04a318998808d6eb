// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// outline is a valid JSON text and where its larger containers end, so that they can be passed over
// in one step. To look ahead in containers, and to walk them level by level, then takes time in
// proportion to the length of the text, however deep it is nested.
type outline struct {
	text  []byte
	large []extent // in the order of their starts
}

// extent is where a container begins and, behind its bracket, ends.
type extent struct{ start, end int }

const (
	// smallest is the length from which on a container is large. Shorter ones are read anew, which
	// costs no more than looking for them.
	smallest = 256
	// deepest is how many levels are outlined: more than are ever walked.
	deepest = 2 * maxDepth
)

// read makes o the outline of text, and returns the text without space around it.
func (o *outline) read(text []byte) []byte {
	text = bytes.TrimSpace(text)
	o.text, o.large = text, o.large[:0]
	if len(text) < smallest {
		return text
	}
	var open [deepest]int // indexes in large
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i) - 1
		case '{', '[':
			if depth < deepest {
				open[depth] = len(o.large)
				o.large = append(o.large, extent{start: i})
			}
			depth++
		case '}', ']':
			if depth--; depth < deepest && depth >= 0 {
				at := open[depth]
				if o.large[at].end = i + 1; i+1-o.large[at].start < smallest {
					o.large = o.large[:at] // and with it the smaller ones within it
				}
			}
		}
	}
	return text
}

// stringEnd returns where the string that begins at i ends, behind its quote.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			break
		}
		quote := i + n
		slashes := 0
		for quote-slashes > i && text[quote-slashes-1] == '\\' {
			slashes++
		}
		i = quote + 1
		if slashes%2 == 0 {
			return i
		}
	}
	return len(text)
}

// end returns where the value that begins at i ends.
func (o *outline) end(i int) int {
	switch o.text[i] {
	case '"':
		return stringEnd(o.text, i)
	case '{', '[':
		if at, ok := slices.BinarySearchFunc(o.large, i, func(e extent, start int) int { return e.start - start }); ok {
			return o.large[at].end
		}
		depth := 0
		for ; i < len(o.text); i++ {
			switch o.text[i] {
			case '"':
				i = stringEnd(o.text, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(o.text)
	}
	for ; i < len(o.text); i++ {
		switch o.text[i] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return i
		}
	}
	return i
}

// inside returns a cursor over a container, which is a part of the text.
func (o *outline) inside(container []byte) cursor {
	return cursor{o,
		int(uintptr(unsafe.Pointer(unsafe.SliceData(container)))-uintptr(unsafe.Pointer(unsafe.SliceData(o.text)))) + 1}
}

// cursor goes through a container.
type cursor struct {
	*outline
	pos int
}

// start goes to the next value or key and reports whether there is one.
func (c *cursor) start() bool {
	for ; c.pos < len(c.text); c.pos++ {
		switch c.text[c.pos] {
		case ' ', '\t', '\r', '\n', ',', ':':
		case ']', '}':
			return false
		default:
			return true
		}
	}
	return false
}

// value returns the value at the cursor.
func (c *cursor) value() []byte {
	start := c.pos
	c.pos = c.end(start)
	return c.text[start:c.pos:c.pos]
}

// element returns the next element of an array.
func (c *cursor) element() (value []byte, ok bool) {
	if !c.start() {
		return nil, false
	}
	return c.value(), true
}

// member returns the next member of an object.
func (c *cursor) member() (m member, ok bool) {
	if !c.start() {
		return m, false
	}
	m.key = stringIn(c.value())
	c.start()
	m.value = c.value()
	return m, true
}

// firstLeaf returns the first value in an array, or in the arrays that come first in it, that is no
// array itself; nil if there is none or it lies too deep.
func (o *outline) firstLeaf(array []byte, depth int) []byte {
	c := o.inside(array)
	for ; depth < maxDepth; depth++ {
		if !c.start() {
			return nil
		}
		if o.text[c.pos] != '[' {
			return c.value()
		}
		c.pos++
	}
	return nil
}

func kindOf(raw []byte) pyjson.Kind {
	s := pyjson.NewScanner(raw)
	return s.Kind()
}

// stringIn returns the string that raw is.
func stringIn(raw []byte) string {
	s := pyjson.NewScanner(raw)
	return s.Str()
}
