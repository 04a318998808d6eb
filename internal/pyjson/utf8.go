// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// ValidString returns s as Str would if it stood in a text: each invalid byte becomes U+FFFD.
func ValidString(s string) string {
	if ValidUTF8(s) {
		return s
	}
	return stringOf(appendValid(make([]byte, 0, 3*len(s)), bytesOf(s)))
}

// appendValid appends raw with each invalid byte replaced.
func appendValid(dst, raw []byte) []byte {
	for _, r := range stringOf(raw) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// ValidUTF8 is utf8.ValidString, faster for texts in which ASCII and other characters alternate.
func ValidUTF8(s string) bool { return validUTF8(bytesOf(s)) }

// validUTF8 is utf8.Valid. It looks at 32 or eight bytes at a time wherever these are ASCII, not only
// at the start.
func validUTF8(b []byte) bool {
	for i := 0; i < len(b); {
		if i+8 <= len(b) {
			wide := binary.LittleEndian.Uint64(b[i:]) & highs
			if wide == 0 {
				for i += 8; i+32 <= len(b) && allASCII(b[i:]); {
					i += 32
				}
				continue
			}
			i += bits.TrailingZeros64(wide) / 8
		} else if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		size := usualRune(b[i:])
		if size == 0 {
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return false
			}
			size = n
		}
		i += size
	}
	return true
}

// allASCII reports whether none of the first 32 bytes is outside ASCII.
func allASCII(b []byte) bool {
	_ = b[31]
	return (binary.LittleEndian.Uint64(b)|binary.LittleEndian.Uint64(b[8:])|
		binary.LittleEndian.Uint64(b[16:])|binary.LittleEndian.Uint64(b[24:]))&highs == 0
}

// usualRune returns the size of the character of two or three bytes that b, which isn't empty,
// starts with, or 0 if it starts with another one or with none. Of three bytes those are left out
// that need a narrower check of their second byte, the ones that start with E0 and ED.
func usualRune(b []byte) int {
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		if len(b) > 1 && continues(b[1]) {
			return 2
		}
	case c > 0xE0 && c <= 0xEF && c != 0xED:
		if len(b) > 2 && continues(b[1]) && continues(b[2]) {
			return 3
		}
	}
	return 0
}

// continues reports whether c is a byte of a character after its first.
func continues(c byte) bool { return c&0xC0 == 0x80 }
