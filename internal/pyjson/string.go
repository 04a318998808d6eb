package pyjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// A string may live in the text or in the arena; both are never written to again, so strings and byte slices may share them.

func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns the index of the first byte at or after i that can't stand for itself in a JSON string (", \ or a control character), or len(b), and
// whether a byte outside ASCII lies before it.
func special(b []byte, i int) (at int, wide bool) {
	var seen uint64
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote := w ^ ones*'"'
		slash := w ^ ones*'\\'
		// The lowest bit that is set is exact; borrows only ever add bits above it.
		if m := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs; m != 0 {
			seen |= w & (m&-m - 1)
			return i + bits.TrailingZeros64(m)/8, seen&highs != 0
		}
		seen |= w
	}
	for ; i < len(b); i++ {
		c := b[i]
		if c == '"' || c == '\\' || c < 0x20 {
			break
		}
		seen |= uint64(c)
	}
	return i, seen&highs != 0
}

// body reads a string and returns what lies between its quotes, and whether that is the string itself: no escapes, and no bytes outside ASCII unless
// they are valid UTF-8.
func (s *Scanner) body() (raw []byte, plain bool) {
	if s.peek() != '"' {
		s.fail("a string")
		return nil, false
	}
	s.pos++
	start := s.pos
	plain = true
	wide := false
	for {
		at, w := special(s.text, s.pos)
		wide = wide || w
		s.pos = at
		if at == len(s.text) {
			s.fail("'\"' at the end of a string")
			return nil, false
		}
		switch s.text[at] {
		case '"':
			s.pos++
			raw = s.text[start:at:at]
			return raw, plain && !(wide && !utf8.Valid(raw))
		case '\\':
			plain = false
			if !s.escape() {
				return nil, false
			}
		default:
			s.fail("an escape in place of a control character")
			return nil, false
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

func (s *Scanner) skipString() { s.body() }

// Str reads a string and returns its decoded value, valid UTF-8: each invalid byte and each lone surrogate becomes U+FFFD. It points into the text or
// the scanner's own memory.
func (s *Scanner) Str() string { return stringOf(s.Bytes()) }

// Bytes is Str for callers that want bytes; they must not be written to.
func (s *Scanner) Bytes() []byte {
	raw, plain := s.body()
	if plain || len(raw) == 0 {
		return raw
	}
	size := len(raw) // every escape is longer than what it stands for
	if !utf8.Valid(raw) {
		size = 3 * len(raw)
	}
	if cap(s.arena)-len(s.arena) < size {
		s.arena = make([]byte, 0, max(size, min(len(s.text)-s.pos, arenaBlock)))
	}
	start := len(s.arena)
	s.arena = appendUnescaped(s.arena, raw)
	end := len(s.arena)
	return s.arena[start:end:end]
}

// arenaBlock is the size of a block that decoded strings are collected in, unless the text or a single string calls for another.
const arenaBlock = 32 << 10

// appendUnescaped appends the decoded form of a string's body whose escapes are known to be valid.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		at, wide := special(raw, i)
		if wide {
			dst = appendValid(dst, raw[i:at])
		} else {
			dst = append(dst, raw[i:at]...)
		}
		if at == len(raw) {
			break
		}
		c := raw[at+1]
		i = at + 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, _ := hex4(raw, i)
			i += 4
			if utf16.IsSurrogate(r) {
				r, i = surrogate(raw, i, r)
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// surrogate returns the character of a surrogate pair whose first half r ends at i, and where the pair ends, or U+FFFD for a half that stands alone.
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

func appendValid(dst, raw []byte) []byte {
	if utf8.Valid(raw) {
		return append(dst, raw...)
	}
	for _, r := range stringOf(raw) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
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
