// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"unicode/utf8"
	"unsafe"
)

// A class byte says how the three patterns see a code point. Punctuation, symbols and controls have
// none of letter, number and space, whatever the other bits say.
const (
	upper   = 1 << iota // \p{Lu} \p{Lt} \p{Lm} \p{Lo} \p{M}
	lower               // \p{Ll} \p{Lm} \p{Lo} \p{M}
	letter              // \p{L}
	number              // \p{N}
	space               // \s
	newline             // \r or \n
)

// classAt decodes the code point at s[i:] and returns its class and length. A length of 0 means
// that no valid UTF-8 sequence starts there.
func classAt(s string, i int) (class byte, size int) {
	c := s[i]
	switch {
	case c < utf8.RuneSelf:
		return classBlocks[c], 1 // classIndex[0] is 0
	case c < 0xe0:
		if c >= 0xc2 && i+1 < len(s) && s[i+1]&0xc0 == 0x80 {
			return classOf(uint32(c&0x1f)<<6 | uint32(s[i+1]&0x3f)), 2
		}
		return 0, 0
	case c < 0xf0:
		if i+2 < len(s) && s[i+1]&0xc0 == 0x80 && s[i+2]&0xc0 == 0x80 {
			r := uint32(c&0x0f)<<12 | uint32(s[i+1]&0x3f)<<6 | uint32(s[i+2]&0x3f)
			if r >= 0x800 && r-0xd800 >= 0x800 { // neither too long a form nor a surrogate
				return classOf(r), 3
			}
		}
		return 0, 0
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	if size == 1 {
		return 0, 0
	}
	return classOf(uint32(r)), size
}

func classOf(r uint32) byte { return classBlocks[int(classIndex[r>>7])<<7|int(r&127)] }

// skip returns a position from p on before which there are only valid characters of two or three
// bytes that have all bits of class. It stops at the first other character, and near the end of s,
// where the caller goes on with classAt.
func skip(s string, p int, class byte) int {
	for p+4 <= len(s) {
		w := load32(s, p)
		r, n := uint32(0), 0
		switch {
		case w&0xc0e0 == 0x80c0:
			r, n = w&0x1f<<6|w>>8&0x3f, 2
			if r < 0x80 {
				return p
			}
		case w&0xc0c0f0 == 0x8080e0:
			r, n = w&0x0f<<12|w>>8&0x3f<<6|w>>16&0x3f, 3
			if r < 0x800 || r>>11 == 0xd800>>11 { // too long a form or a surrogate
				return p
			}
		default:
			return p
		}
		block := *(*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(classIndex)), r>>7))
		if *(*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(classBlocks)),
			uint(block)<<7|uint(r&127)))&class != class {
			return p
		}
		p += n
	}
	return p
}
