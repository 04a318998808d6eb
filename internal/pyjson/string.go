package pyjson

import (
	"encoding/binary"
	"math/bits"
	"slices"
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

// body reads a string and returns what lies between its quotes, whether there are escapes in it and whether it is valid UTF-8.
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

// Str reads a string and returns its decoded value, valid UTF-8: each invalid byte and each lone surrogate becomes U+FFFD. It points into the text or
// the scanner's own memory.
func (s *Scanner) Str() string { return stringOf(s.Bytes()) }

// Bytes is Str for callers that want bytes; they must not be written to.
func (s *Scanner) Bytes() []byte {
	if s.peek() != '"' {
		s.fail("a string")
		return nil
	}
	start := s.pos + 1
	at, wide := special(s.text, start)
	if at < len(s.text) && s.text[at] == '"' && !s.own && (!wide || s.valid || validUTF8(s.text[start:at])) {
		s.pos = at + 1
		return s.text[start:at:at]
	}
	room := len(s.text) - start // what is decoded is never longer than what it stands for, unless there are invalid bytes in it
	if cap(s.arena)-len(s.arena) < room && (s.own || room <= arenaBlock) {
		s.arena = make([]byte, 0, room)
	}
	if cap(s.arena)-len(s.arena) >= room {
		if value, ok := s.decode(start, at, wide); ok {
			return value
		}
	}
	raw, escaped, valid := s.body()
	if !escaped && valid && !s.own {
		return raw
	}
	size := len(raw)
	if !valid {
		size = 3 * len(raw)
	}
	if cap(s.arena)-len(s.arena) < size {
		s.arena = make([]byte, 0, max(size, min(len(s.text)-s.pos, arenaBlock)))
	}
	begin := len(s.arena)
	s.arena = appendUnescaped(s.arena, raw, valid)
	end := len(s.arena)
	return s.arena[begin:end:end]
}

// decode reads the string that starts at start and has its first special character at at into the arena, in one pass. It changes nothing and reports false for what
// only body knows to deal with: errors and invalid bytes. The arena has room for the rest of the text.
func (s *Scanner) decode(start, at int, wide bool) ([]byte, bool) {
	text := s.text
	base := len(s.arena)
	out := s.arena[base : base+len(text)-start]
	if wide && !s.valid && !validUTF8(text[start:at]) {
		return nil, false
	}
	n, i := copy(out, text[start:at]), at
	for i < len(text) {
		switch text[i] {
		case '"':
			s.pos = i + 1
			s.arena = s.arena[:base+n]
			return out[:n:n], true
		case '\\':
			if i+1 == len(text) {
				return nil, false
			}
			c := unescaped[text[i+1]]
			i += 2
			if c == 'u' {
				r, ok := hex4(text, i)
				if !ok {
					return nil, false
				}
				i += 4
				if utf16.IsSurrogate(r) {
					r, i = surrogate(text, i, r)
				}
				n += utf8.EncodeRune(out[n:], r)
			} else if c == 0 {
				return nil, false
			} else {
				out[n] = c
				n++
			}
		default:
			return nil, false
		}
		from, seen := n, uint64(0)
		for {
			if i+8 > len(text) {
				for ; i < len(text) && text[i] != '"' && text[i] != '\\' && text[i] >= 0x20; i++ {
					seen |= uint64(text[i])
					out[n] = text[i]
					n++
				}
				break
			}
			w := binary.LittleEndian.Uint64(text[i:])
			binary.LittleEndian.PutUint64(out[n:], w)
			quote := w ^ ones*'"'
			slash := w ^ ones*'\\'
			if m := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs; m != 0 {
				seen |= w & (m&-m - 1)
				k := bits.TrailingZeros64(m) / 8
				i += k
				n += k
				break
			}
			seen |= w
			i += 8
			n += 8
		}
		if seen&highs != 0 && !s.valid && !validUTF8(out[from:n]) {
			return nil, false
		}
	}
	return nil, false
}

// unescaped is what the character after a backslash stands for; u for itself, 0 for none.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'u': 'u'}

// Valid returns s as Str would if it stood in a text: each invalid byte becomes U+FFFD.
func Valid(s string) string {
	if validUTF8(bytesOf(s)) {
		return s
	}
	return stringOf(appendValid(make([]byte, 0, 3*len(s)), bytesOf(s)))
}

// ValidUTF8 is utf8.ValidString, faster for texts that are ASCII for the most part.
func ValidUTF8(s string) bool { return validUTF8(bytesOf(s)) }

// validUTF8 is utf8.Valid, faster for texts that are ASCII for the most part.
func validUTF8(b []byte) bool {
	for i := 0; i < len(b); {
		if i+8 <= len(b) {
			m := binary.LittleEndian.Uint64(b[i:]) & highs
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		} else if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		switch c := b[i]; { // what most letters are
		case c >= 0xC2 && c <= 0xDF && i+1 < len(b) && b[i+1]&0xC0 == 0x80:
			i += 2
			continue
		case c > 0xE0 && c <= 0xEF && c != 0xED && i+2 < len(b) && b[i+1]&0xC0 == 0x80 && b[i+2]&0xC0 == 0x80:
			i += 3
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return false
		}
		i += size
	}
	return true
}

// AppendBytes is Bytes for callers with memory of their own: it appends the value to dst.
func (s *Scanner) AppendBytes(dst []byte) []byte {
	raw, escaped, valid := s.body()
	if !escaped && valid {
		return append(dst, raw...)
	}
	return appendUnescaped(dst, raw, valid)
}

// arenaBlock is the size of a block that decoded strings are collected in, unless the text or a single string calls for another.
const arenaBlock = 32 << 10

// appendUnescaped appends the decoded form of a string's body whose escapes are known to be valid.
func appendUnescaped(dst, raw []byte, valid bool) []byte {
	if !valid {
		raw = appendValid(make([]byte, 0, 3*len(raw)), raw)
	}
	// The output is never longer than what was read, so words can be copied before it is known how much of them counts.
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
		c := raw[i+1]
		i += 2
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
			n += utf8.EncodeRune(out[n:], r)
			continue
		}
		out[n] = c
		n++
	}
	return dst[:base+n]
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

// appendValid appends raw with each invalid byte replaced.
func appendValid(dst, raw []byte) []byte {
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
