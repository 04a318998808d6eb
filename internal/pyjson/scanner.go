// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import "strconv"

// Kind is what a JSON value is.
type Kind uint8

// The kinds of values. Invalid is the end of the text or anything that no value starts with.
const (
	KindInvalid Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

// SyntaxError says what was expected at which byte of the text. It never holds the text itself.
type SyntaxError struct {
	Expected string // what was expected there
	Offset   int    // in the text, in bytes
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return "invalid JSON: " + e.Expected + " expected at byte " + strconv.Itoa(e.Offset)
}

// Scanner reads one JSON text from start to end, value by value. It never writes to the text: what
// it returns points into the text or, for strings with escapes, into memory of its own that is
// never reused, so results stay valid as long as the text does; NewCopyingScanner is for texts that
// don't last. The first error sticks: from then on every method returns its zero value, loops end,
// and Err says what was wrong and at which byte.
//
//	s := pyjson.NewScanner(text)
//	s.Open(pyjson.Object)
//	for s.NextMember() {
//		switch string(s.Key()) {
//		case "name":
//			name = s.Str()
//		default:
//			s.Skip()
//		}
//	}
//	s.End()
//	err := s.Err()
//
// A caller reads exactly one value after each Key and after each NextElement that reports true.
type Scanner struct {
	text   []byte
	pos    int
	fresh  bool // a container was just opened: no comma is due
	valid  bool // the text is known to be valid UTF-8
	copies bool // strings are copied: the text may be gone when they are used
	arena  []byte
	block  int // size of the next arena at least, of a scanner that was reset
	spent  int
	err    error
}

// NewScanner returns a scanner over text.
func NewScanner(text []byte) Scanner { return Scanner{text: text} }

// NewValidScanner is NewScanner for a text that is known to be valid UTF-8, as every string that a
// Scanner returned is; it isn't checked again.
func NewValidScanner(text []byte) Scanner { return Scanner{text: text, valid: true} }

// NewCopyingScanner is NewScanner for a text that may be gone or overwritten when the scanner is
// done: what Str, Bytes and KeyString return never points into it. What Key, Num and Skip return
// does. It checks the whole text for valid UTF-8 once, which costs less than a check of each string.
func NewCopyingScanner(text []byte) Scanner {
	return Scanner{text: text, valid: validUTF8(text), copies: true}
}

// Reset begins another text. A copying scanner puts what it copies beside that of the texts before,
// so that many short texts need little memory.
func (s *Scanner) Reset(text []byte) {
	*s = Scanner{text: text, valid: s.copies && validUTF8(text), copies: s.copies, arena: s.arena,
		block: min(2*cap(s.arena), arenaBlock)}
}

// Err returns the first error, a *SyntaxError: what was expected and at which offset, never the
// text itself.
func (s *Scanner) Err() error { return s.err }

func (s *Scanner) fail(expected string) {
	if s.err == nil {
		s.err = &SyntaxError{Expected: expected, Offset: s.pos}
	}
}

// What is kept of a text may need so much more memory than the text itself, and so much in any case.
// A list of empty objects needs a hundred times more.
const (
	proportion = 4
	allowance  = 1 << 20
)

// Spend notes that n bytes of memory are kept for what was read. It fails when they are out of
// proportion to the text.
func (s *Scanner) Spend(n int) {
	if s.spent += n; s.spent > proportion*s.pos+allowance {
		s.fail("fewer and larger elements")
	}
}

// peek skips white space and returns the next byte, or 0 at the end of the text or after an error.
func (s *Scanner) peek() byte {
	if s.err != nil {
		return 0
	}
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// kinds maps the first byte of a value to its kind.
var kinds = [256]Kind{
	'n': KindNull, 't': KindBool, 'f': KindBool, '"': KindString, '[': KindArray, '{': KindObject,
	'-': KindNumber, 'N': KindNumber, 'I': KindNumber,
	'0': KindNumber, '1': KindNumber, '2': KindNumber, '3': KindNumber, '4': KindNumber, '5': KindNumber,
	'6': KindNumber, '7': KindNumber,
	'8': KindNumber, '9': KindNumber,
}

// Kind returns what the next value is, without reading it.
func (s *Scanner) Kind() Kind { return kinds[s.peek()] }

// Open reads the opening bracket of an Array or Object.
func (s *Scanner) Open(k Kind) {
	switch c := s.peek(); {
	case k == KindObject && c == '{', k == KindArray && c == '[':
		s.pos++
		s.fresh = true
	case k == KindObject:
		s.fail("an object")
	default:
		s.fail("an array")
	}
}

// NextMember reports whether another member of the open object follows, reading up to its key, or
// reads the closing bracket.
func (s *Scanner) NextMember() bool {
	if !s.next('}', "',' or '}'") {
		return false
	}
	if s.peek() != '"' {
		s.fail("a string as key")
		return false
	}
	return true
}

// NextElement reports whether another element of the open array follows, or reads the closing
// bracket.
func (s *Scanner) NextElement() bool { return s.next(']', "',' or ']'") }

// next reads the comma that is due or the closing bracket, and reports whether a value follows.
func (s *Scanner) next(closing byte, expected string) bool {
	c := s.peek()
	if c == closing {
		s.pos++
		s.fresh = false
		return false
	}
	if s.fresh {
		s.fresh = false
		return s.err == nil
	}
	if c != ',' {
		s.fail(expected)
		return false
	}
	s.pos++
	return true
}

// Key reads the key of the member that NextMember found, and its colon. It is compared as
// string(s.Key()) or kept with KeyString.
func (s *Scanner) Key() []byte { return s.key(false) }

// KeyString is Key for callers that keep the key: it stays valid as long as what Str returns.
func (s *Scanner) KeyString() string { return stringOf(s.key(s.copies)) }

func (s *Scanner) key(copies bool) []byte {
	key := s.decoded(copies)
	s.colon()
	if s.err != nil {
		return nil
	}
	return key
}

func (s *Scanner) colon() {
	if s.peek() != ':' {
		s.fail("':'")
		return
	}
	s.pos++
}

// Num reads a number (NaN, Infinity and -Infinity included) and returns its text.
func (s *Scanner) Num() []byte {
	s.peek()
	if s.err != nil {
		return nil
	}
	end := numberEnd(s.text, s.pos)
	if end == s.pos {
		s.fail("a number")
		return nil
	}
	num := s.text[s.pos:end:end]
	s.pos = end
	return num
}

func hasPrefix(b []byte, literal string) bool {
	return len(b) >= len(literal) && string(b[:len(literal)]) == literal
}

// Bool reads true or false.
func (s *Scanner) Bool() bool {
	if s.peek() == 't' {
		s.literal("true")
		return s.err == nil
	}
	s.literal("false")
	return false
}

// Null reads null.
func (s *Scanner) Null() {
	s.peek()
	s.literal("null")
}

func (s *Scanner) literal(word string) {
	if s.err != nil {
		return
	}
	if !hasPrefix(s.text[s.pos:], word) {
		s.fail(word)
		return
	}
	s.pos += len(word)
}

// Skip reads any value, however deep, without recursion, checks its syntax and returns its text.
func (s *Scanner) Skip() []byte {
	s.peek()
	start := s.pos
	var open nesting
	for {
		switch k := s.Kind(); k {
		case KindObject, KindArray:
			s.Open(k)
			open.push(k)
		default:
			s.skipScalar(k)
		}
		for { // to the next value, closing what ends here
			if s.err != nil {
				return nil
			}
			if open.depth == 0 {
				return s.text[start:s.pos:s.pos]
			}
			if open.object() {
				if s.NextMember() {
					s.skipString()
					s.colon()
					break
				}
			} else if s.NextElement() {
				break
			}
			open.pop()
		}
	}
}

func (s *Scanner) skipScalar(k Kind) {
	switch k {
	case KindString:
		s.skipString()
	case KindNumber:
		s.Num()
	case KindBool:
		s.Bool()
	case KindNull:
		s.Null()
	default:
		s.fail("a value")
	}
}

// End reads trailing space and fails if anything follows.
func (s *Scanner) End() {
	s.peek()
	if s.pos < len(s.text) {
		s.fail("the end")
	}
}
