// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import "unicode/utf8"

// A pattern is one of the three regular expressions that split text into pieces before byte-pair
// encoding.
type pattern uint8

const (
	patternR50k pattern = iota // r50k_base, gpt2, p50k_base, p50k_edit
	patternCl100k
	patternO200k // o200k_base, o200k_harmony
)

// next returns the end of the piece that starts at p < len(s). It reads no more than it must, so a
// piece ends where the regular expression of tiktoken, applied to s[p:], ends its first match. It
// returns -1 when it meets bytes that are not UTF-8.
func (t pattern) next(s string, p int) int {
	switch t {
	case patternO200k:
		return nextO200k(s, p)
	case patternCl100k:
		return nextCl100k(s, p)
	default:
		return nextR50k(s, p)
	}
}

// nextO200k follows
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	\p{N}{1,3}
//	 ?[^\s\p{L}\p{N}]+[\r\n/]*
//	\s*[\r\n]+
//	\s+(?!\S)
//	\s+
func nextO200k(s string, p int) int {
	c, n := classAt(s, p)
	if n == 0 {
		return -1
	}
	if c&(letter|number|newline) == 0 { // may be the first character of a word
		capital, end := words(s, p+n)
		if end < 0 {
			return -1
		}
		if end > p+n && (!capital || c&upper == 0) {
			return contraction(s, end, foldCase)
		}
	}
	if c&(upper|lower) != 0 { // a letter or a mark
		end := 0
		if c&upper == 0 {
			end = run(s, p+n, lower)
		} else {
			_, end = words(s, p)
		}
		if end < 0 {
			return -1
		}
		return contraction(s, end, foldCase)
	}
	switch {
	case c&number != 0:
		return digits(s, p, n)
	case s[p] == ' ' && p+1 < len(s):
		next, m := classAt(s, p+1)
		if m == 0 {
			return -1
		}
		if next&(letter|number|space) == 0 {
			c = next
			p++
		}
	}
	if c&space == 0 {
		end := punctuation(s, p)
		for end >= 0 && end < len(s) && (s[end] == '\n' || s[end] == '\r' || s[end] == '/') {
			end++
		}
		return end
	}
	return whitespace(s, p, false)
}

// words returns the end of [upper]*[lower]+ at p, or else of [upper]+ (and that capital is true),
// or p when there is neither.
func words(s string, p int) (capital bool, end int) {
	last, q := p, p // end of the last character of the upper run that is lower as well
	for q < len(s) {
		if s[q] >= utf8.RuneSelf {
			if end := skip(s, q, upper|lower); end > q {
				if last, q = end, end; q == len(s) {
					break
				}
			}
		}
		c, n := classAt(s, q)
		if n == 0 {
			return false, -1
		}
		if c&upper == 0 {
			if c&lower != 0 {
				return false, run(s, q+n, lower)
			}
			break
		}
		q += n
		if c&lower != 0 {
			last = q
		}
	}
	if last > p {
		return false, last
	}
	return true, q
}

// nextCl100k follows
//
//	'(?i:[sdmt]|ll|ve|re)
//	[^\r\n\p{L}\p{N}]?+\p{L}++
//	\p{N}{1,3}+
//	 ?[^\s\p{L}\p{N}]++[\r\n]*+
//	\s++$
//	\s*[\r\n]
//	\s+(?!\S)
//	\s
func nextCl100k(s string, p int) int {
	if end := contraction(s, p, foldCase); end > p {
		return end
	}
	c, n := classAt(s, p)
	if n == 0 {
		return -1
	}
	if c&letter != 0 {
		return run(s, p+n, letter)
	}
	if c&number != 0 {
		return digits(s, p, n)
	}
	if c&newline == 0 && p+n < len(s) {
		next, m := classAt(s, p+n)
		if m == 0 {
			return -1
		}
		if next&letter != 0 {
			return run(s, p+n+m, letter)
		}
		if s[p] == ' ' && next&(number|space) == 0 {
			c = next
			p++
		}
	}
	if c&space == 0 {
		end := punctuation(s, p)
		for end >= 0 && end < len(s) && (s[end] == '\n' || s[end] == '\r') {
			end++
		}
		return end
	}
	return whitespace(s, p, true)
}

// nextR50k follows
//
//	'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s
func nextR50k(s string, p int) int {
	if end := contraction(s, p, 0); end > p {
		return end
	}
	q := p
	if s[p] == ' ' && p+1 < len(s) {
		q++
	}
	c, n := classAt(s, q)
	switch {
	case n == 0:
		return -1
	case c&letter != 0:
		return run(s, q+n, letter)
	case c&number != 0:
		return run(s, q+n, number)
	case c&space == 0:
		return punctuation(s, q)
	}
	return blank(s, p)
}

// run returns the end of the characters at p that have a bit of class.
func run(s string, p int, class byte) int {
	for p < len(s) {
		if s[p] >= utf8.RuneSelf {
			if p = skip(s, p, class); p == len(s) {
				break
			}
		}
		c, n := classAt(s, p)
		if n == 0 {
			return -1
		}
		if c&class == 0 {
			break
		}
		p += n
	}
	return p
}

// punctuation returns the end of [^\s\p{L}\p{N}]* at p.
func punctuation(s string, p int) int {
	for p < len(s) {
		c, n := classAt(s, p)
		if n == 0 {
			return -1
		}
		if c&(letter|number|space) != 0 {
			break
		}
		p += n
	}
	return p
}

// digits returns the end of \p{N}{1,3} at p, whose first character has n bytes.
func digits(s string, p, n int) int {
	p += n
	for range 2 {
		if p == len(s) {
			break
		}
		c, n := classAt(s, p)
		if n == 0 {
			return -1
		}
		if c&number == 0 {
			break
		}
		p += n
	}
	return p
}

// whitespace returns the end of the piece that starts with the space character at p and is all
// space: up to the last newline of the run if there is one, else like blank. With wholeTail a run
// that ends the text is one piece.
func whitespace(s string, p int, wholeTail bool) int {
	q, afterNewline := p, -1
	for q < len(s) {
		c, n := classAt(s, q)
		if n == 0 {
			return -1
		}
		if c&space == 0 {
			break
		}
		q += n
		if c&newline != 0 {
			afterNewline = q
		}
	}
	if afterNewline > 0 && (q < len(s) || !wholeTail) {
		return afterNewline
	}
	return blank(s, p)
}

// blank returns the end of \s+(?!\S), or of \s where that has no match.
func blank(s string, p int) int {
	q, last := p, p
	for q < len(s) {
		c, n := classAt(s, q)
		if n == 0 {
			return -1
		}
		if c&space == 0 {
			if last > p {
				return last
			}
			return q
		}
		last = q
		q += n
	}
	return q
}

// foldCase is the bit in which ASCII letters of different case differ.
const foldCase = 0x20

// contraction returns the end of '(?:[sdmt]|ll|ve|re) at p, or p. With fold = foldCase case is
// ignored, and then the long s (U+017F) is an s, the only such letter outside ASCII.
func contraction(s string, p int, fold byte) int {
	if p+1 >= len(s) || s[p] != '\'' {
		return p
	}
	return quoted(s, p, fold)
}

// quoted is contraction where s[p] is a quote that isn't the last byte.
func quoted(s string, p int, fold byte) int {
	var second byte
	switch s[p+1] | fold {
	case 's', 'd', 'm', 't':
		return p + 2
	case 'l':
		second = 'l'
	case 'v', 'r':
		second = 'e'
	case 0xc5 | foldCase:
		if fold != 0 && s[p+1] == 0xc5 && p+2 < len(s) && s[p+2] == 0xbf {
			return p + 3
		}
		return p
	}
	if second != 0 && p+2 < len(s) && s[p+2]|fold == second {
		return p + 3
	}
	return p
}
