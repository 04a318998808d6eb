// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"
	"unicode"
)

// mayBegin reports whether a national number may begin where it does.
func (c *candidate) mayBegin(s string, from int) bool {
	if !begins(s, c.start) {
		return false
	}
	r, n := last(s[:c.start])
	escaped := r < 0x80 && isWord(byte(r)) // \n
	digitBefore := func(at int) bool {
		b, _ := last(s[:at])
		return unicode.IsDigit(b)
	}
	switch {
	case n == 0 || escaped:
		return true
	case (r == ',' || r == '/') && c.start-n == from: // the end of another one
		return true
	case isHyphen(r), unicode.Is(unicode.Sc, r), strings.ContainsRune(`./\#@+%^&$`, r):
		return false
	case r == ',' || r == ':' || r == '\'' || r == '’':
		return !digitBefore(c.start - n)
	case isSpace(r):
		if b, _ := last(s[:c.start-n]); unicode.Is(unicode.Sc, b) {
			return false
		}
		return !c.continuesList(s, from, c.start-n)
	}
	return true
}

// continuesList reports whether groups of as many digits as the first one has stand before and
// behind it.
func (c *candidate) continuesList(s string, from, at int) bool {
	if c.count > 1 && (c.groups[1].before != space || c.groups[1].n != c.groups[0].n) {
		return false
	}
	n := 0
	for at > from && n <= c.groups[0].n {
		r, width := last(s[from:at])
		if !unicode.IsDigit(r) {
			break
		}
		n++
		at -= width
	}
	return n == c.groups[0].n
}

// mayEnd reports whether a number may end with the first k groups.
func (c *candidate) mayEnd(s string, k int) bool {
	g := c.groups[k-1]
	i := g.end
	if !ends(s, i) {
		return false
	}
	r, n := first(s[i:])
	next, width := first(s[i+n:])
	_, digit := digitAt(s, i+n)
	switch {
	case n == 0:
		return true
	case r == '%' || r == '@' || r == '°' || unicode.Is(unicode.Sc, r):
		return false
	case r == '/':
		return !continues(next) || digit > 0
	case isHyphen(r), r == '\\', r == '_':
		return !continues(next)
	case r == ':':
		return digit == 0
	case r == ',':
		behind := digitsEnd(s, i+n) - i - n
		return digit == 0 || c.digits[0] == '0' || behind > 3 || behind == 3 && g.n > 3 // an amount, otherwise
	case r == '.':
		return digit == 0 && !(width > 0 && unicode.IsLower(next))
	}
	return true
}

// mayStop reports whether a number may be the first k groups although another follows: not when
// that goes on in the same way, unless all of it repeats.
func (c *candidate) mayStop(k int) bool {
	next := c.groups[k]
	if next.before&space == 0 {
		return next.inParens
	}
	if k == 1 || next.before != c.groups[k-1].before || next.n != c.groups[k-1].n {
		return true
	}
	for i := range k {
		if k+i >= c.count || c.groups[i].n != c.groups[k+i].n {
			return false
		}
	}
	return c.digits[0] == c.digits[next.first]
}
