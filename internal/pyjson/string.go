// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// A string may live in the text or in the arena; both are never written to again, so strings and
// byte slices may share them.

func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// specials returns a word whose lowest set bit is the highest bit of the first byte of w, in
// little-endian order, that can't stand for itself in a JSON string: ", \ or a control character.
// Bits above it may be set wrongly, since borrows only ever add bits above the lowest one. It is 0
// if there is no such byte.
func specials(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
}

// isSpecial is specials for one byte.
func isSpecial(c byte) bool { return c == '"' || c == '\\' || c < 0x20 }

// special returns the index of the first byte at or after i that can't stand for itself in a JSON
// string, or len(b), and whether a byte outside ASCII lies before it.
func special(b []byte, i int) (at int, wide bool) {
	var seen uint64
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if m := specials(w); m != 0 {
			seen |= w & (m&-m - 1)
			return i + bits.TrailingZeros64(m)/8, seen&highs != 0
		}
		seen |= w
	}
	for ; i < len(b) && !isSpecial(b[i]); i++ {
		seen |= uint64(b[i])
	}
	return i, seen&highs != 0
}

// copyPlain copies what lies before the first byte of src that can't stand for itself in a JSON
// string, and returns how much that is and whether a byte outside ASCII is in it. It may write to
// dst beyond that, up to the length of src, which dst has at least.
func copyPlain(dst, src []byte) (n int, wide bool) {
	var seen uint64
	for ; n+8 <= len(src); n += 8 {
		w := binary.LittleEndian.Uint64(src[n:])
		binary.LittleEndian.PutUint64(dst[n:], w)
		if m := specials(w); m != 0 {
			seen |= w & (m&-m - 1)
			return n + bits.TrailingZeros64(m)/8, seen&highs != 0
		}
		seen |= w
	}
	for ; n < len(src) && !isSpecial(src[n]); n++ {
		seen |= uint64(src[n])
		dst[n] = src[n]
	}
	return n, seen&highs != 0
}

// body reads a string and returns what lies between its quotes, whether there are escapes in it and
// whether it is valid UTF-8.
func (s *Scanner) body() (raw []byte, escaped, valid bool) {
	if s.peek() != '"' {
		s.fail("a string")
		return nil, false, true
	}
	s.pos++
	start := s.pos
	wide := false
	for {
		at, w := special(s.text, s.pos)
		wide = wide || w
		s.pos = at
		if at == len(s.text) {
			s.fail("'\"' at the end of a string")
			return nil, false, true
		}
		switch s.text[at] {
		case '"':
			s.pos++
			raw = s.text[start:at:at]
			return raw, escaped, !wide || s.valid || validUTF8(raw)
		case '\\':
			escaped = true
			if !s.escape() {
				return nil, false, true
			}
		default:
			s.fail("an escape in place of a control character")
			return nil, false, true
		}
	}
}

// escape reads one escape sequence and reports whether it is one.
func (s *Scanner) escape() bool {
	s.pos++
	if s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			s.pos++
			return true
		case 'u':
			if _, ok := hex4(s.text, s.pos+1); ok {
				s.pos += 5
				return true
			}
			s.fail("four hexadecimal digits after \\u")
			return false
		}
	}
	s.fail("an escape character after '\\'")
	return false
}

// skipString reads a string without decoding it.
func (s *Scanner) skipString() {
	if s.peek() != '"' {
		s.fail("a string")
		return
	}
	s.pos++
	for {
		s.pos, _ = special(s.text, s.pos)
		switch {
		case s.pos == len(s.text):
			s.fail("'\"' at the end of a string")
			return
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

// Str reads a string and returns its decoded value, valid UTF-8: each invalid byte and each lone
// surrogate becomes U+FFFD. It points into the text or the scanner's own memory.
func (s *Scanner) Str() string { return stringOf(s.Bytes()) }

// Bytes is Str for callers that want bytes; they must not be written to.
func (s *Scanner) Bytes() []byte { return s.decoded(s.copies) }

// decoded reads a string and returns its value. With copies it never lies in the text.
//
// Most strings are read in one pass. That writes to the arena before it knows how much, so the
// arena needs room for the rest of the text, and has it from the first such string on: what a
// string of valid UTF-8 stands for is never longer than the string. Invalid bytes may become longer
// and are kept apart from the arena, or hostile text could call for a new arena with each string.
// Errors, invalid bytes and large texts, for which an arena of their size would be too much to pay
// for a few short strings, take two passes.
func (s *Scanner) decoded(copies bool) []byte {
	if s.peek() != '"' {
		s.fail("a string")
		return nil
	}
	start := s.pos + 1
	at, wide := special(s.text, start)
	if !copies && at < len(s.text) && s.text[at] == '"' && (!wide || s.valid || validUTF8(s.text[start:at])) {
		s.pos = at + 1
		return s.text[start:at:at]
	}
	rest := len(s.text) - start
	if cap(s.arena)-len(s.arena) < rest && (s.copies || rest <= arenaBlock) {
		s.arena = make([]byte, 0, max(rest, s.block))
	}
	if cap(s.arena)-len(s.arena) >= rest {
		if value, ok := s.decodeOnce(start, at, wide); ok {
			return value
		}
	}
	return s.decodeTwice()
}

// decodeOnce reads the string whose first byte is at start and whose first byte that can't stand
// for itself is at at; wide says that a byte outside ASCII lies between. The arena has room for the
// rest of the text. It reports false, and nothing is changed, if the string isn't well-formed or
// not valid UTF-8.
func (s *Scanner) decodeOnce(start, at int, wide bool) ([]byte, bool) {
	text, base := s.text, len(s.arena)
	out := s.arena[base : base+len(text)-start]
	if wide && !s.valid && !validUTF8(text[start:at]) {
		return nil, false
	}
	n := copy(out, text[start:at])
	for at+1 < len(text) && text[at] == '\\' {
		switch c := unescaped[text[at+1]]; c {
		case 0:
			return nil, false
		case 'u':
			r, end, ok := unicodeEscape(text, at+2)
			if !ok {
				return nil, false
			}
			n += utf8.EncodeRune(out[n:], r)
			at = end
		default:
			out[n] = c
			n++
			at += 2
		}
		size, wide := copyPlain(out[n:], text[at:])
		if wide && !s.valid && !validUTF8(out[n:n+size]) {
			return nil, false
		}
		n += size
		at += size
	}
	if at == len(text) || text[at] != '"' {
		return nil, false
	}
	s.pos = at + 1
	s.arena = s.arena[:base+n]
	return out[:n:n], true
}

// decodeTwice finds the end of a string first, checking it, and decodes it then.
func (s *Scanner) decodeTwice() []byte {
	raw, _, valid := s.body()
	if s.err != nil {
		return nil
	}
	if !valid {
		return slices.Clip(appendUnescaped(nil, raw, false))
	}
	if cap(s.arena)-len(s.arena) < len(raw) {
		s.arena = make([]byte, 0, max(len(raw), min(len(s.text)-s.pos, arenaBlock)))
	}
	start := len(s.arena)
	s.arena = appendUnescaped(s.arena, raw, true)
	end := len(s.arena)
	return s.arena[start:end:end]
}

// unescaped is what the character after a backslash stands for: u for the escape of a code unit, 0
// for no escape.
var unescaped = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'u': 'u',
}

// unicodeEscape returns the character whose four hexadecimal digits are at i, and where its escape,
// or the pair of them for a character beyond 16 bits, ends.
func unicodeEscape(text []byte, i int) (r rune, end int, ok bool) {
	if r, ok = hex4(text, i); !ok {
		return 0, i, false
	}
	end = i + 4
	if utf16.IsSurrogate(r) {
		r, end = surrogate(text, end, r)
	}
	return r, end, true
}

// AppendBytes is Bytes for callers with memory of their own: it appends the value to dst.
func (s *Scanner) AppendBytes(dst []byte) []byte {
	raw, escaped, valid := s.body()
	if !escaped && valid {
		return append(dst, raw...)
	}
	return appendUnescaped(dst, raw, valid)
}

// arenaBlock is the size of a block that decoded strings are collected in, unless the text or a
// single string calls for another.
const arenaBlock = 32 << 10

// appendUnescaped appends the decoded form of a string's body whose escapes are known to be valid.
func appendUnescaped(dst, raw []byte, valid bool) []byte {
	if !valid {
		raw = appendValid(make([]byte, 0, 3*len(raw)), raw)
	}
	// The output is never longer than what was read, so words can be copied before it is known how
	// much of them counts.
	base := len(dst)
	dst = slices.Grow(dst, len(raw))
	out := dst[base : base+len(raw)]
	n, i := 0, 0
	for i < len(raw) {
		if i+8 <= len(raw) {
			w := binary.LittleEndian.Uint64(raw[i:])
			binary.LittleEndian.PutUint64(out[n:], w)
			slash := w ^ ones*'\\'
			m := (slash - ones) &^ slash & highs
			if m == 0 {
				i += 8
				n += 8
				continue
			}
			k := bits.TrailingZeros64(m) / 8
			i += k
			n += k
		} else if raw[i] != '\\' {
			out[n] = raw[i]
			i++
			n++
			continue
		}
		if c := unescaped[raw[i+1]]; c != 'u' {
			out[n] = c
			n++
			i += 2
			continue
		}
		r, end, _ := unicodeEscape(raw, i+2)
		n += utf8.EncodeRune(out[n:], r)
		i = end
	}
	return dst[:base+n]
}

// surrogate returns the character of a surrogate pair whose first half r ends at i, and where the
// pair ends, or U+FFFD for a half that stands alone.
func surrogate(raw []byte, i int, r rune) (rune, int) {
	if hasPrefix(raw[i:], `\u`) {
		if low, ok := hex4(raw, i+2); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, i + 6
			}
		}
	}
	return utf8.RuneError, i
}

// hex4 returns the value of the four hexadecimal digits at i.
func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
