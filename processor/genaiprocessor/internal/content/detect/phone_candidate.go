// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "unicode"

// separator is what stands between two groups of digits.
type separator uint8

const (
	space separator = 1 << iota
	hyphen
	dot
	slash
	paren
)

type group struct {
	start, end int // in the text
	first, n   int // in the digits
	before     separator
	inParens   bool
}

// candidate is a run of groups of digits with few characters in between.
type candidate struct {
	digits [mostDigits + longestPrefix]byte
	groups [mostGroups]group
	count  int
	plus   bool
	start  int
}

// total is how many digits the first k groups have.
func (c *candidate) total(k int) int {
	g := &c.groups[k-1]
	return g.first + g.n
}

// read reads the groups from the digit at i on, and what stands before it.
func (c *candidate) read(s string, from, i int) {
	c.start = i
	r, n := last(s[from:i])
	open := r == '(' || r == '（'
	if open {
		c.start -= n
		r, n = last(s[from:c.start])
	}
	if r == '+' || r == '＋' {
		c.plus = true
		c.start -= n
		if r, n = last(s[from:c.start]); !open && (r == '(' || r == '（') {
			open = true
			c.start -= n
		}
	}
	c.readGroups(s, i, open)
	if c.count == 0 && open { // the parenthesis is around more than an area code
		c.start = i
		if c.plus {
			_, n = last(s[:i])
			c.start -= n
		}
		c.readGroups(s, i, false)
	}
}

func (c *candidate) readGroups(s string, i int, open bool) {
	c.count = 0
	const mostParens = 2 // (+49) (0)30
	closed, total, parens := 0, 0, 0
	var before separator
	for c.count < mostGroups {
		g := group{start: i, first: total, before: before, inParens: open}
		for {
			d, n := digitAt(s, i)
			if n == 0 {
				break
			}
			if total < len(c.digits) {
				c.digits[total] = d
			}
			total++
			i += n
		}
		g.end, g.n = i, total-g.first
		c.groups[c.count] = g
		c.count++
		if !open {
			closed = c.count
		} else if parens++; parens > mostParens {
			break
		}
		if total > len(c.digits) {
			break
		}
		var next int
		before, next, open = separated(s, i, open)
		if next < 0 || before&slash != 0 && total >= fewestDigits { // a slash is between two numbers, then
			break
		}
		if before&paren != 0 {
			closed = c.count
		}
		i = next
	}
	c.count = closed
}

// separated returns what stands between the group that ends at i and the next one, where that one
// begins, -1 for none, and whether it is in parentheses.
func separated(s string, i int, open bool) (before separator, next int, opened bool) {
	const most = 24 // bytes
	spaces := 0
	for end := min(len(s), i+most); i < end; {
		r, n := first(s[i:])
		switch {
		case invisible(r):
		case open && r != ')' && r != '）':
			return 0, -1, open
		case open:
			open = false
			before |= paren
		case isSpace(r):
			if spaces++; spaces > 2 || before&space != 0 && before == space|before&paren {
				return 0, -1, open
			}
			before |= space
		case r == '(' || r == '（':
			if opened {
				return 0, -1, open
			}
			opened = true
			before |= paren
		case before&(hyphen|dot|slash) != 0 || opened:
			_, n = digitAt(s, i)
			if n == 0 {
				return 0, -1, open
			}
			return before, i, opened
		case isHyphen(r):
			before |= hyphen
		case r == '.' || r == '．' || r == '·':
			before |= dot
		case r == '/' || r == '／':
			before |= slash
		default:
			_, n = digitAt(s, i)
			if n == 0 || before == 0 {
				return 0, -1, open
			}
			return before, i, opened
		}
		i += n
	}
	return 0, -1, open
}

// invisible are the formatting characters that numbers have when they were copied from contacts.
func invisible(r rune) bool { return r >= 0x80 && unicode.Is(unicode.Cf, r) }

// text is the digits of the first k groups; of an international number, without a trunk prefix in
// parentheses: +49 (0)30.
func (c *candidate) text(k int, international bool) string {
	digits := c.digits[:c.total(k)]
	if international && k > 1 {
		if g := c.groups[1]; g.inParens && g.n == 1 && c.digits[g.first] == '0' {
			return string(digits[:g.first]) + string(digits[g.first+1:])
		}
	}
	return string(digits)
}

// separators are those between the first k groups.
func (c *candidate) separators(k int) (all separator) {
	for _, g := range c.groups[1:k] {
		all |= g.before
	}
	return all
}

// number is the number that group i is, of at most 9 digits.
func (c *candidate) number(i int) (n int) {
	g := c.groups[i]
	for _, d := range c.digits[g.first : g.first+min(g.n, 9)] {
		n = n*10 + int(d-'0')
	}
	return n
}
