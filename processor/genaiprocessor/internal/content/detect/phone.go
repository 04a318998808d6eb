// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"strings"

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
