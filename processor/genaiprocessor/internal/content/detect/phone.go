// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"strings"
	"unicode"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content/detect/internal/plan"
)

// DefaultPhoneRegions are the regions whose national phone numbers are found when no others are
// named: large countries of all continents.
var DefaultPhoneRegions = []string{
	"US", "CA", "MX", "BR", "AR", "CO",
	"GB", "DE", "FR", "IT", "ES", "NL", "PL", "UA", "RU", "TR",
	"CN", "IN", "ID", "PK", "BD", "JP", "PH", "VN", "TH", "KR",
	"NG", "EG", "ZA", "AU",
}

// PhoneRegions are all regions that can be named, in order.
func PhoneRegions() []string { return plan.Regions() }

// phones finds phone numbers.
//
// In international form (+ and a calling code) a number is known by its length. In national form it
// has to be valid in one of the regions, and its form or its surroundings have to tell that it is
// none of the many other numbers:
//
//   - groups with a leading trunk prefix (0151 12345678) or an area code in parentheses ((11)
//     91234-5678), or the groups of North America (555-123-4567);
//   - one group that begins with a trunk prefix and is the number of a mobile phone (015112345678);
//   - anything valid, when a word before or shortly after it, or the key whose value it is, speaks
//     of a phone.
//
// None is what a word just before, or the key, calls an order, an id, an amount …, and what is a
// date, a time, a version, part of an IBAN, or has a unit behind it.
type phones struct {
	regions      []string
	northAmerica bool
}

func newPhones(regions []string) *phones {
	p := &phones{regions: regions}
	p.northAmerica = slices.ContainsFunc(regions, func(r string) bool { return plan.CallingCode(r) == "1" })
	return p
}

const (
	fewestDigits  = 7
	fewestAlone   = 9 // in national form, when nothing around it speaks of a phone
	mostDigits    = 15
	mostGroups    = 9
	longestPrefix = 4 // of digits before the calling code
)

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

func (p *phones) find(s string, from int, key string) (int, int) {
	for i := nextDigit(s, from); i < len(s); i = nextDigit(s, digitsEnd(s, i)) {
		if start, end := p.at(s, from, i, key); end > 0 {
			return start, end
		}
	}
	return -1, -1
}

// at returns the number whose first digit is at i, or -1.
func (p *phones) at(s string, from, i int, key string) (int, int) {
	var c candidate
	c.read(s, from, i)
	if c.count == 0 || c.total(c.count) < fewestDigits {
		return -1, -1
	}
	end := -1
	if c.plus {
		end = c.international(s)
	} else if c.mayBegin(s, from) {
		end = p.national(s, &c, key)
	}
	if end < 0 || inIBAN(s, i) {
		return -1, -1
	}
	return c.start, end
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

// international returns where the number with a calling code ends, or -1.
func (c *candidate) international(s string) int {
	const fewest = 8
	if r, n := last(s[:c.start]); continues(r) && !begins(s, c.start) || r == '+' || r == '.' && n > 0 {
		return -1
	}
	for k := c.count; k > 0; k-- {
		if n := c.total(k); n < fewest || n > mostDigits+1 || !c.mayEnd(s, k) {
			continue
		}
		if plan.International(c.text(k, true)) {
			return c.groups[k-1].end
		}
	}
	return -1
}

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

// national returns where the national number ends, or -1.
func (p *phones) national(s string, c *candidate, key string) int {
	said, looked := unsaid, false
	for k := c.count; k > 0; k-- {
		end := c.groups[k-1].end
		if n := c.total(k); n < fewestDigits || n > len(c.digits) || !c.mayEnd(s, k) || k < c.count && !c.mayStop(k) {
			continue
		}
		if !looked {
			said, looked = surroundings(s, c.start, c.groups[c.count-1].end, key), true
		}
		if said == isOther {
			return -1
		}
		if unit(s[end:]) || c.isOther(k) {
			continue
		}
		if p.accepts(c, k, said == isPhone) {
			return end
		}
	}
	return -1
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

// separators are those between the first k groups.
func (c *candidate) separators(k int) (all separator) {
	for _, g := range c.groups[1:k] {
		all |= g.before
	}
	return all
}

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

// number is the number that group i is, of at most 9 digits.
func (c *candidate) number(i int) (n int) {
	g := c.groups[i]
	for _, d := range c.digits[g.first : g.first+min(g.n, 9)] {
		n = n*10 + int(d-'0')
	}
	return n
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

// accepts reports whether the first k groups are a phone number. told says that the surroundings
// speak of one.
func (p *phones) accepts(c *candidate, k int, told bool) bool {
	digits := c.text(k, false)
	if k > 1 || told {
		for _, prefix := range []string{"00", "011"} {
			rest, ok := strings.CutPrefix(digits, prefix)
			if ok && (prefix == "00" || p.northAmerica) && plan.ValidInternational(rest) {
				return true
			}
		}
	}
	seps := c.separators(k)
	northAmerican := p.northAmerica && c.isNorthAmerican(k)
	if northAmerican && seps&(hyphen|dot|paren) != 0 {
		return true
	}
	if len(digits) > mostDigits || !told && (len(digits) < fewestAlone || !c.plausible(k, seps)) {
		return false
	}
	for _, r := range p.regions {
		n, ok := plan.National(digits, r)
		switch {
		case ok && (told || northAmerican || c.speaksFor(k, seps, &n)), !ok && told && plan.OfCountry(digits, r):
			return true
		}
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
