// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"bytes"
	"errors"
	"io"
)

// Sizes of what a Stream holds of a text at a time: the first block, and the largest one of a value
// that is longer than a block.
const (
	firstBlock   = 32 << 10
	largestBlock = 1 << 20
)

// Stream reads one JSON text as it comes, value by value, and holds no more of it than the value that
// is read. It has the loops of a Scanner, for the outer levels of a text; Value returns an inner value
// as a whole. The first error sticks: every method returns its zero value from then on, loops end, and
// Err says what was wrong.
type Stream struct {
	from  io.Reader // nil: text is all there is
	text  []byte    // what is at hand; pos is how far it was read
	pos   int
	base  int64 // offset of the text at hand
	last  int64 // offset of the value that was read last
	start int   // where the value begins that is held, -1: none is
	held  [][]byte
	size  int // of held, bytes
	spent int64
	fresh bool
	cut   bool
	err   error
}

// NewStream returns a stream over the text that from returns. An error of from, other than io.EOF,
// becomes that of the stream.
func NewStream(from io.Reader) *Stream { return &Stream{from: from, start: -1} }

// NewStreamOf is NewStream for a text that is at hand. What Value returns points into it.
func NewStreamOf(text []byte) *Stream { return &Stream{text: text, start: -1} }

// Err returns the first error: that of the reader, or a *SyntaxError with the offset in the text.
func (s *Stream) Err() error { return s.err }

// Cut reports whether the text ended before its document did.
func (s *Stream) Cut() bool { return s.cut }

// Offset is how many bytes were read so far.
func (s *Stream) Offset() int64 { return s.base + int64(s.pos) }

// Fail makes an error of the value that was read last the error of the stream if it has none. The
// offset of a *SyntaxError, which is that in the value, becomes that in the whole text.
func (s *Stream) Fail(err error) {
	if s.err != nil {
		return
	}
	if syntax, ok := errors.AsType[*SyntaxError](err); ok {
		err = &SyntaxError{Expected: syntax.Expected, Offset: int(s.last) + syntax.Offset}
	}
	s.err = err
}

// Spend is that of a Scanner.
func (s *Stream) Spend(n int) {
	if s.spent += int64(n); s.spent > proportion*s.Offset()+allowance {
		s.fail("fewer and larger elements")
	}
}

func (s *Stream) fail(expected string) {
	if s.err == nil {
		s.err = &SyntaxError{Expected: expected, Offset: int(s.Offset())}
	}
}

// fill brings more of the text and reports whether there is more.
func (s *Stream) fill() bool {
	if s.from == nil || s.err != nil {
		return false
	}
	if s.start < 0 && s.pos == len(s.text) {
		s.base += int64(len(s.text))
		s.text, s.pos = s.text[:0], 0
	}
	if len(s.text) == cap(s.text) && s.start > cap(s.text)/2 {
		s.base += int64(s.start)
		s.text = s.text[:copy(s.text, s.text[s.start:])]
		s.pos, s.start = len(s.text), 0
	}
	if len(s.text) == cap(s.text) {
		next := firstBlock
		if s.start >= 0 && s.start < len(s.text) {
			s.held = append(s.held, s.text[s.start:])
			s.size += len(s.text) - s.start
			next = min(max(s.size, firstBlock), largestBlock)
			s.start = 0
		}
		s.base += int64(len(s.text))
		s.text, s.pos = make([]byte, 0, next), 0
	}
	for range 100 { // as bufio does it
		n, err := s.from.Read(s.text[len(s.text):cap(s.text)])
		s.text = s.text[:len(s.text)+n]
		if err != nil && err != io.EOF {
			s.err = err
			return false
		}
		if err == io.EOF {
			s.from = nil
		}
		if n > 0 || err == io.EOF {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// peek skips white space and returns the next byte, or 0 at the end of the text or after an error.
func (s *Stream) peek() byte {
	for s.err == nil {
		for s.pos < len(s.text) {
			switch c := s.text[s.pos]; c {
			case ' ', '\n', '\t', '\r':
				s.pos++
			default:
				return c
			}
		}
		if !s.fill() {
			break
		}
	}
	return 0
}

// missing fails at the end of the text, or where something else stands than expected.
func (s *Stream) missing(expected string) {
	s.cut = s.cut || s.err == nil && s.pos == len(s.text)
	s.fail(expected)
}

// Kind returns what the next value is, without reading it.
func (s *Stream) Kind() Kind { return kinds[s.peek()] }

// Open reads the opening bracket of an Array or Object.
func (s *Stream) Open(k Kind) {
	switch c := s.peek(); {
	case k == KindObject && c == '{', k == KindArray && c == '[':
		s.pos++
		s.fresh = true
	case k == KindObject:
		s.missing("an object")
	default:
		s.missing("an array")
	}
}

// NextMember reports whether another member of the open object follows, or reads the closing bracket.
// Its key is read by Key.
func (s *Stream) NextMember() bool {
	if !s.next('}', "',' or '}'") {
		return false
	}
	if s.peek() != '"' {
		s.missing("a string as key")
		return false
	}
	return true
}

// NextElement reports whether another element of the open array follows, or reads the closing bracket.
func (s *Stream) NextElement() bool { return s.next(']', "',' or ']'") }

func (s *Stream) next(closing byte, expected string) bool {
	c := s.peek()
	if s.err == nil && c == closing {
		s.pos++
		s.fresh = false
		return false
	}
	if s.fresh {
		s.fresh = false
		return s.err == nil
	}
	if c != ',' {
		s.missing(expected)
		return false
	}
	s.pos++
	return true
}

// Key reads the key of the member that NextMember found, and its colon. It is only valid until the
// next call.
func (s *Stream) Key() []byte {
	inner := NewScanner(s.Value())
	key := inner.Bytes()
	s.Fail(inner.Err())
	if s.peek() != ':' {
		s.missing("':'")
		return nil
	}
	s.pos++
	return key
}

// Value reads any value and returns its text, which is only valid until the next call, except that of
// NewStreamOf. Its brackets are counted and its strings are checked; the rest of its syntax is for
// the Scanner that reads it.
func (s *Stream) Value() []byte {
	text, _ := s.value()
	return text
}

// Own is Value for callers that keep the text.
func (s *Stream) Own() []byte {
	text, own := s.value()
	if !own {
		text = bytes.Clone(text)
	}
	return text
}

func (s *Stream) value() (text []byte, own bool) {
	s.peek()
	s.last = s.Offset()
	s.start, s.held, s.size = s.pos, nil, 0
	s.pass()
	text = s.text[s.start:s.pos:s.pos]
	if s.err == nil && len(s.held) > 0 {
		text, own = bytes.Join(append(s.held, text), nil), true
	}
	s.start, s.held = -1, nil
	if s.err != nil {
		return nil, false
	}
	return text, own
}

// marks are the bytes that tell where a container ends: what they add to its depth, and quotes.
var marks = [256]int8{'{': 1, '[': 1, '}': -1, ']': -1, '"': quote}

const quote = 2

// pass goes to the end of a value.
func (s *Stream) pass() {
	switch s.Kind() {
	case KindObject, KindArray:
	case KindString:
		s.string()
		return
	case KindInvalid:
		s.missing("a value")
		return
	default:
		s.scalar()
		return
	}
	for depth := 0; ; {
		for s.pos < len(s.text) {
			mark := marks[s.text[s.pos]]
			if mark == 0 {
				s.pos++
				continue
			}
			if mark == quote {
				if s.string(); s.err != nil {
					return
				}
				continue
			}
			s.pos++
			if depth += int(mark); depth == 0 {
				return
			}
		}
		if !s.fill() {
			s.missing("',' or a bracket")
			return
		}
	}
}

// scalar goes to the end of what is no string: a number or a word.
func (s *Stream) scalar() {
	for {
		for s.pos < len(s.text) {
			switch s.text[s.pos] {
			case ',', ':', '}', ']', '{', '[', '"', ' ', '\t', '\r', '\n':
				return
			}
			s.pos++
		}
		if !s.fill() {
			return
		}
	}
}

// string goes to the end of a string.
func (s *Stream) string() {
	s.pos++
	for {
		s.pos, _ = special(s.text, s.pos)
		switch {
		case s.pos == len(s.text):
			if !s.fill() {
				s.missing("'\"' at the end of a string")
				return
			}
		case s.text[s.pos] == '"':
			s.pos++
			return
		case s.text[s.pos] != '\\':
			s.fail("an escape in place of a control character")
			return
		case !s.escape():
			return
		}
	}
}

// escape reads one escape sequence and reports whether it is one.
func (s *Stream) escape() bool {
	s.pos++
	if s.pos == len(s.text) && !s.fill() || unescaped[s.text[s.pos]] == 0 {
		s.missing("an escape character after '\\'")
		return false
	}
	s.pos++
	if s.text[s.pos-1] != 'u' {
		return true
	}
	for range 4 {
		if s.pos == len(s.text) && !s.fill() || !isHex(s.text[s.pos]) {
			s.missing("four hexadecimal digits after \\u")
			return false
		}
		s.pos++
	}
	return true
}

// Skip reads any value, however deep, checks its syntax and holds no more of it than one scalar.
// Strings are not held.
func (s *Stream) Skip() {
	var open nesting
	for {
		switch k := s.Kind(); k {
		case KindObject, KindArray:
			s.Open(k)
			open.push(k)
		case KindString:
			s.string()
		default:
			inner := NewScanner(s.Value())
			inner.skipScalar(k)
			inner.End()
			s.Fail(inner.Err())
		}
		for {
			if s.err != nil || open.depth == 0 {
				return
			}
			if open.object() {
				if s.NextMember() {
					s.Key()
					break
				}
			} else if s.NextElement() {
				break
			}
			open.pop()
		}
	}
}

// End reads trailing space and fails if anything follows.
func (s *Stream) End() {
	s.peek()
	if s.pos < len(s.text) {
		s.fail("the end")
	}
}
