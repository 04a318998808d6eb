// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content/detect/internal/plan"
)

// isOther reports whether the first k groups are a date, a time, a version, an address or an
// amount, by their form.
func (c *candidate) isOther(k int) bool {
	g := c.groups[:k]
	seps := c.separators(k)
	single := func(g group) bool { return g.n == 1 }
	switch {
	case k == 1:
		return isTimestamp(c.text(1, false))
	case c.isDate(k) || c.isTimes(k):
		return true
	case k == 3 && seps == hyphen && g[0].n == 3 && g[1].n == 2 && g[2].n == 4: // a social security number
		return true
	case g[0].inParens && g[0].n == 4 && (c.number(0)/100 == 19 || c.number(0)/100 == 20): // the year of a citation
		return true
	case slices.ContainsFunc(g[1:], func(g group) bool { return g.n == 1 && !g.inParens }):
		return true
	case seps&dot != 0 && seps&^(dot|paren|space) != 0, seps&dot != 0 && slices.ContainsFunc(g, single):
		return true
	case seps == dot && k == 4 && c.total(k) != 8 && !slices.ContainsFunc(g, func(g group) bool { return g.n > 3 }):
		return true // an address of IPv4 or like one
	}
	slashes := 0
	for _, g := range g[1:] {
		if g.before&slash != 0 {
			slashes++
		}
	}
	return slashes > 1
}

// isDate reports whether the first groups are a date, with a year of four digits if more groups
// follow.
func (c *candidate) isDate(k int) bool {
	if k < 3 || c.groups[1].before != c.groups[2].before || c.groups[1].before&paren != 0 {
		return false
	}
	a, b, d := c.number(0), c.number(1), c.number(2)
	lengths := [3]int{c.groups[0].n, c.groups[1].n, c.groups[2].n}
	day := func(a, b int) bool { return a > 0 && b > 0 && a <= 31 && b <= 31 && (a <= 12 || b <= 12) }
	switch {
	case lengths[1] > 2:
		return false
	case lengths[0] == 4:
		return lengths[2] <= 2 && a >= 1000 && a < 3000 && day(b, d)
	case lengths[2] == 4:
		return lengths[0] <= 2 && d >= 1000 && d < 3000 && day(a, b)
	}
	return k == 3 && lengths[0] <= 2 && lengths[2] == 2 && day(a, b)
}

// isTimes reports whether the groups are two times of the day, as in 09.30-17.00.
func (c *candidate) isTimes(k int) bool {
	if k != 4 || c.groups[2].before == c.groups[1].before {
		return false
	}
	for i := range k {
		if c.groups[i].n > 2 || c.number(i) > 59 || i%2 == 0 && c.number(i) > 24 {
			return false
		}
	}
	return true
}

// isTimestamp reports whether digits are seconds or milliseconds since 1970 in the years 2014 to
// 2030, or a date and possibly a time.
func isTimestamp(digits string) bool {
	switch n := len(digits); n {
	case 10, 13:
		return digits[:2] >= "14" && digits[:2] <= "18"
	case 8, 12, 14:
		century, month, day := digits[:2], digits[4:6], digits[6:8]
		return (century == "19" || century == "20") && month >= "01" && month <= "12" && day >= "01" && day <= "31"
	}
	return false
}

// isNorthAmerican reports whether the groups are those of the North American Numbering Plan:
// 555-123-4567, 1-555-123-4567.
func (c *candidate) isNorthAmerican(k int) bool {
	g := c.groups[:k]
	if k == 4 && g[0].n == 1 && c.digits[0] == '1' {
		g = g[1:]
	}
	return len(g) == 3 && g[0].n == 3 && g[1].n == 3 && g[2].n == 4
}

// plausible rules out by their form what is no phone number when nothing speaks of one.
func (c *candidate) plausible(k int, seps separator) bool {
	g := c.groups[:k]
	if k == 1 {
		const all = "0123456789" // as in lists of characters
		return c.digits[0] == '0' && g[0].n >= 10 && g[0].n <= 12 && c.text(1, false) != all
	}
	if g[0].n == 1 && c.digits[0] == '0' && !g[0].inParens && !g[1].inParens { // 0 306 40615 2
		return false
	}
	if seps == dot { // 06.12.34.56.78
		return k >= 4 && !slices.ContainsFunc(g, func(g group) bool { return g.n != 2 })
	}
	return seps&dot == 0
}

// speaksFor reports whether the form of the first k groups, which are valid, is that of a phone
// number.
func (c *candidate) speaksFor(k int, seps separator, n *plan.Number) bool {
	if k == 1 {
		return n.Prefix > 0 && n.Mobile
	}
	if c.groups[0].inParens || c.groups[1].inParens && c.groups[0].n == 1 || c.digits[0] == '0' || c.trunkAlone(k, n) {
		return true
	}
	return n.Mobile && k >= 3 && (len(n.NSN) >= 11 || seps&hyphen != 0) && c.grouped(k, n) && !c.isAmount(k, seps)
}

// trunkAlone reports whether the first group is a trunk prefix: 8 912 345-67-89.
func (c *candidate) trunkAlone(k int, n *plan.Number) bool {
	return k > 3 && n.Prefix == 1 && c.groups[0].n == 1
}

// grouped reports whether the groups are the usual ones of the number.
func (c *candidate) grouped(k int, n *plan.Number) bool {
	usual := n.Groups()
	if len(usual) != k {
		return false
	}
	for i, g := range c.groups[:k] {
		if g.n != usual[i] {
			return false
		}
	}
	return true
}

// isAmount reports whether the groups are thousands.
func (c *candidate) isAmount(k int, seps separator) bool {
	if seps != space && seps != dot || c.groups[0].n > 3 {
		return false
	}
	return !slices.ContainsFunc(c.groups[1:k], func(g group) bool { return g.n != 3 })
}
