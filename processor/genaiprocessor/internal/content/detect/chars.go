// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func isDigit(c byte) bool { return c-'0' <= 9 }
func isAlpha(c byte) bool { return c|0x20-'a' <= 25 }
func isWord(c byte) bool  { return words[c] }
func isToken(c byte) bool { return words[c] || c == '-' }

// words are the ASCII characters of words.
var words = set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")

func set(chars string) (in [256]bool) {
	for i := range len(chars) {
		in[chars[i]] = true
	}
	return in
}

// script is what characters have in common that can stand in one word without a space.
type script uint8

const (
	none   script = iota // no part of a word
	common               // digits and marks: part of any word
	latin
	other
)

// scriptOf tells what r is. Chinese, Japanese, Korean and Thai words touch Latin ones with nothing
// in between.
func scriptOf(r rune) script {
	switch {
	case r < utf8.RuneSelf:
		switch c := byte(r); {
		case isAlpha(c):
			return latin
		case isDigit(c):
			return common
		}
		return none
	case r == utf8.RuneError:
		return none
	case unicode.Is(unicode.Latin, r):
		return latin
	case unicode.IsLetter(r):
		return other
	case unicode.IsDigit(r), unicode.IsMark(r):
		return common
	}
	return none
}

// continues reports whether a number or token can't end before r or begin after it: r is a letter
// of the Latin script, a digit, a mark, or _.
func continues(r rune) bool {
	if r < utf8.RuneSelf {
		return words[r]
	}
	s := scriptOf(r)
	return s == latin || s == common
}

// first and last are the characters at the ends of s; of an empty text, utf8.RuneError with width
// 0.
func first(s string) (rune, int) {
	if s != "" && s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	return utf8.DecodeRuneInString(s)
}

func last(s string) (rune, int) {
	if n := len(s); n > 0 && s[n-1] < utf8.RuneSelf {
		return rune(s[n-1]), 1
	}
	return utf8.DecodeLastRuneInString(s)
}

// begins reports whether a number or token may begin at i: not in the middle of a word, but after
// an escape such as \n of JSON text that was cut off.
func begins(s string, i int) bool {
	if i == 0 {
		return true
	}
	c := s[i-1]
	if c < utf8.RuneSelf {
		return !words[c] || i > 1 && s[i-2] == '\\' && strings.IndexByte("nrtbf", c) >= 0
	}
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return !continues(r)
}

// ends reports whether a number or token may end at i.
func ends(s string, i int) bool {
	r, _ := first(s[i:])
	return !continues(r)
}

// wordEnd returns where the word at i ends.
func wordEnd(s string, i int) int {
	for i < len(s) {
		if c := s[i]; c < utf8.RuneSelf {
			if !words[c] {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if !continues(r) {
			break
		}
		i += n
	}
	return i
}

// digitLeads are the first bytes of the characters that are decimal digits.
var digitLeads = func() (in [256]bool) {
	for _, r := range unicode.Nd.R16 {
		for c := rune(r.Lo); c <= rune(r.Hi); c++ {
			in[string(c)[0]] = true
		}
	}
	for _, r := range unicode.Nd.R32 {
		for c := rune(r.Lo); c <= rune(r.Hi); c++ {
			in[string(c)[0]] = true
		}
	}
	return in
}()

// nextDigit returns where the next decimal digit of any script is, or len(s).
func nextDigit(s string, i int) int {
	for ; i < len(s); i++ {
		if c := s[i]; digitLeads[c] {
			if c < utf8.RuneSelf {
				return i
			}
			if _, n := digitAt(s, i); n > 0 {
				return i
			}
		}
	}
	return i
}

// digitAt returns the decimal digit of any script at i, in ASCII, and its width, or width 0.
func digitAt(s string, i int) (digit byte, width int) {
	if i >= len(s) {
		return 0, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		if isDigit(c) {
			return c, 1
		}
		return 0, 0
	}
	if !digitLeads[s[i]] {
		return 0, 0
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if r >= 0xFF10 && r <= 0xFF19 { // full width
		return byte('0' + r - 0xFF10), n
	}
	if !unicode.IsDigit(r) {
		return 0, 0
	}
	for _, block := range unicode.Nd.R16 { // each is a multiple of ten characters, from zero to nine
		if rune(block.Lo) <= r && r <= rune(block.Hi) {
			return byte('0' + (r-rune(block.Lo))%10), n
		}
	}
	for _, block := range unicode.Nd.R32 {
		if rune(block.Lo) <= r && r <= rune(block.Hi) {
			return byte('0' + (r-rune(block.Lo))%10), n
		}
	}
	return 0, 0
}

func isSpace(r rune) bool {
	return r == ' ' || r >= utf8.RuneSelf && unicode.Is(unicode.Zs, r)
}

// isHyphen also knows the prolonged sound mark of Japanese, which people write for a dash between
// digits.
func isHyphen(r rune) bool {
	return r == '-' || r >= utf8.RuneSelf &&
		(unicode.Is(unicode.Pd, r) || r == '\u2212' || r == '\u30fc' || r == '\uff70')
}
