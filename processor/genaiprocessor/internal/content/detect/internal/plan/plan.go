// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package plan reports whether digits are a phone number of a country. Its numbering plans are the
// metadata of Google's libphonenumber, as github.com/nyaruka/phonenumbers embeds them. The rules
// are those of that library's Parse, IsValidNumber and IsNationalPrefixPresentIfRequired; they are
// applied to the metadata directly, since Parse takes some 50 microseconds per number and country.
package plan

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// World is the region of a calling code that belongs to no country.
const World = "001"

// Regions are the supported regions, as ISO 3166-1 alpha-2 codes in upper case, in order.
func Regions() []string {
	var list []string
	for r := range phonenumbers.GetSupportedRegions() {
		list = append(list, r)
	}
	slices.Sort(list)
	return list
}

// Number is what is known about a valid national number.
type Number struct {
	Prefix int    // digits of the national prefix that were written, 0 for none
	NSN    string // the national significant number
	Mobile bool   // numbers of mobile phones look like this, and possibly others
	main   *country
}

// Groups are the digits per group of NSN in the usual national form, nil when there is none.
func (n *Number) Groups() (digits []int) {
	f := n.main.format(n.NSN)
	if f == nil {
		return nil
	}
	at := f.groups.FindStringSubmatchIndex(n.NSN)
	for g := 2; g < len(at); g += 2 {
		digits = append(digits, at[g+1]-at[g])
	}
	return digits
}

// National returns what digits, in ASCII, are when they are dialed in region. ok is false when
// they are no valid number there, or lack a national prefix that the usual form of the number has.
func National(digits, region string) (n Number, ok bool) {
	c, known := countries()[region]
	if !known {
		return n, false
	}
	return c.national(digits)
}

// International reports whether digits, in ASCII and without + or another international prefix,
// begin with the calling code of a country whose numbers have as many digits as follow.
func International(digits string) bool {
	rest, regions := byCallingCode(digits)
	for _, c := range regions {
		if c.lengths>>len(rest)&1 == 1 {
			return true
		}
	}
	return false
}

// ValidInternational is International for numbers that are valid, too.
func ValidInternational(digits string) bool {
	rest, regions := byCallingCode(digits)
	return valid(rest, regions) != nil
}

// OfCountry is ValidInternational with the calling code of region.
func OfCountry(digits, region string) bool {
	c, known := countries()[region]
	if !known {
		return false
	}
	rest, found := strings.CutPrefix(digits, c.code)
	return found && valid(rest, callingCodes()[c.code]) != nil
}

// country is the numbering plan of a region. What needs regular expressions is compiled at the
// first use.
type country struct {
	meta    *phonenumbers.PhoneMetadata
	code    string
	lengths uint32 // bit n: a national significant number may have n digits
	rules   func() *rules
}

type rules struct {
	literal string         // the only prefix, as in most countries, or empty
	prefix  *regexp.Regexp // of several prefixes, or nil
	leading *automaton     // nil: any
	general desc
	mobile  desc
	others  []desc
	formats []format
}

// format is a usual national form of numbers.
type format struct {
	leading        *automaton // nil: any
	pattern        *automaton
	groups         *regexp.Regexp // pattern, with a submatch for each group
	prefixRequired bool           // the national prefix can't be left out
}

// desc describes numbers of one type.
type desc struct {
	lengths uint32 // 0: any
	pattern *automaton
}

func (d desc) matches(nsn string) bool {
	return d.pattern != nil && (d.lengths == 0 || d.lengths>>len(nsn)&1 == 1) && d.pattern.whole(nsn)
}

const mostDigits = 17 // of a national significant number

// national strips the national prefix and looks the number up.
func (c *country) national(digits string) (n Number, ok bool) {
	if len(digits) > mostDigits+4 || !c.mayHave(digits) {
		return n, false
	}
	nsn, _ := c.stripped(digits)
	if c.lengths>>len(nsn)&1 == 0 { // not a prefix, then
		nsn = digits
	}
	regions := callingCodes()[c.code]
	of := valid(nsn, regions)
	if of == nil {
		return n, false
	}
	n = Number{Prefix: max(len(digits)-len(nsn), 0), NSN: nsn, Mobile: of.rules().mobile.matches(nsn), main: regions[0]}
	if of == c && n.Prefix > 0 && c == n.main {
		return n, true
	}
	if _, stripped := n.main.stripped(digits); stripped {
		return n, true
	}
	f := n.main.format(nsn)
	return n, f == nil || !f.prefixRequired
}

// mayHave rules out by their length the numbers that no country with the calling code has.
func (c *country) mayHave(digits string) bool {
	var lengths uint32
	for _, r := range callingCodes()[c.code] {
		lengths |= r.lengths
	}
	longest := len(c.meta.GetNationalPrefix())
	if c.rules().prefix != nil {
		longest = max(longest, 7) // carrier codes belong to the prefix
	}
	for n := max(len(digits)-longest, 0); n <= len(digits); n++ {
		if lengths>>n&1 == 1 {
			return true
		}
	}
	return c.meta.GetNationalPrefixTransformRule() != ""
}

// stripped returns digits without the national prefix and the code of a carrier, and whether that
// may have been there. A prefix is none when the number is only one with it; in some countries the
// pattern of prefixes matches nothing, too.
func (c *country) stripped(digits string) (string, bool) {
	r := c.rules()
	rest, found := strings.CutPrefix(digits, r.literal)
	if r.prefix == nil && (r.literal == "" || !found) {
		return digits, false
	}
	if r.prefix != nil {
		at := r.prefix.FindStringSubmatchIndex(digits)
		if at == nil {
			return digits, false
		}
		rest = digits[at[1]:]
		if rule := c.meta.GetNationalPrefixTransformRule(); rule != "" && at[len(at)-2] >= 0 {
			rest = r.prefix.ReplaceAllString(digits, rule)
		}
	}
	if r.general.pattern.whole(digits) && !r.general.pattern.whole(rest) {
		return digits, false
	}
	return rest, true
}

// valid returns the country among those with one calling code in which a national significant
// number is valid, or nil.
func valid(nsn string, regions []*country) *country {
	for _, c := range regions {
		r := c.rules()
		if r.leading != nil {
			if !r.leading.begins(nsn) {
				continue
			}
			if c.has(nsn) {
				return c
			}
			return nil
		}
		if c.has(nsn) {
			return c
		}
	}
	return nil
}

func (c *country) has(nsn string) bool {
	if len(nsn) > mostDigits || c.lengths>>len(nsn)&1 == 0 {
		return false
	}
	r := c.rules()
	return r.general.matches(nsn) &&
		(r.mobile.matches(nsn) || slices.ContainsFunc(r.others, func(d desc) bool { return d.matches(nsn) }))
}

// format returns the usual national form of a number, or nil.
func (c *country) format(nsn string) *format {
	formats := c.rules().formats
	for i := range formats {
		f := &formats[i]
		if (f.leading == nil || f.leading.begins(nsn)) && f.pattern.whole(nsn) {
			return f
		}
	}
	return nil
}

// countries are the plans by region.
var countries = sync.OnceValue(func() map[string]*country {
	all, err := phonenumbers.MetadataCollection()
	if err != nil { // the library panics at start when it can't read what it embeds
		return nil
	}
	plans := map[string]*country{}
	for _, m := range all.GetMetadata() {
		c := newCountry(m)
		if m.GetId() == World {
			plans[World+c.code] = c
		} else {
			plans[m.GetId()] = c
		}
	}
	return plans
})

// callingCodes are the plans by calling code, the main region first.
var callingCodes = sync.OnceValue(func() map[string][]*country {
	plans := countries()
	codes := map[string][]*country{}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		text := strconv.Itoa(code)
		for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
			if region == World {
				region += text
			}
			if c := plans[region]; c != nil {
				codes[text] = append(codes[text], c)
			}
		}
	}
	return codes
})

func byCallingCode(digits string) (rest string, regions []*country) {
	const longestCode = 3
	for n := 1; n <= min(longestCode, len(digits)); n++ { // no calling code begins with another
		if regions := callingCodes()[digits[:n]]; regions != nil {
			return digits[n:], regions
		}
	}
	return "", nil
}

func newCountry(m *phonenumbers.PhoneMetadata) *country {
	c := &country{meta: m, code: strconv.Itoa(int(m.GetCountryCode())), lengths: lengths(m.GetGeneralDesc())}
	c.rules = sync.OnceValue(func() *rules {
		r := &rules{general: newDesc(m.GetGeneralDesc())}
		p := m.GetNationalPrefixForParsing()
		if strings.Trim(p, "0123456789") == "" && m.GetNationalPrefixTransformRule() == "" {
			r.literal = p
		} else {
			r.prefix = regexp.MustCompile("^(?:" + p + ")")
		}
		for _, f := range m.GetNumberFormat() {
			r.formats = append(r.formats, newFormat(f))
		}
		if l := m.GetLeadingDigits(); l != "" {
			r.leading = newAutomaton(l)
		}
		if !m.GetSameMobileAndFixedLinePattern() {
			r.mobile = newDesc(m.GetMobile())
		} else {
			r.mobile = newDesc(m.GetFixedLine())
		}
		for _, d := range []*phonenumbers.PhoneNumberDesc{
			m.GetFixedLine(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(), m.GetVoip(),
			m.GetPersonalNumber(), m.GetPager(), m.GetUan(), m.GetVoicemail(),
		} {
			if d := newDesc(d); d.pattern != nil {
				r.others = append(r.others, d)
			}
		}
		return r
	})
	return c
}

func newDesc(d *phonenumbers.PhoneNumberDesc) desc {
	if d.GetNationalNumberPattern() == "" {
		return desc{}
	}
	return desc{lengths: lengths(d), pattern: newAutomaton(d.GetNationalNumberPattern())}
}

func newFormat(m *phonenumbers.NumberFormat) format {
	f := format{pattern: newAutomaton(m.GetPattern()), groups: regexp.MustCompile("^(?:" + m.GetPattern() + ")$")}
	if l := m.GetLeadingDigitsPattern(); len(l) > 0 {
		f.leading = newAutomaton(l[len(l)-1])
	}
	rule := m.GetNationalPrefixFormattingRule()
	f.prefixRequired = rule != "" && !m.GetNationalPrefixOptionalWhenFormatting() && strings.Trim(rule, "()") != "$1"
	return f
}

func lengths(d *phonenumbers.PhoneNumberDesc) (bits uint32) {
	for _, n := range d.GetPossibleLength() {
		if n > 0 && n <= mostDigits {
			bits |= 1 << n
		}
	}
	return bits
}

// CallingCode is the calling code of a region, or empty.
func CallingCode(region string) string {
	if c := countries()[region]; c != nil {
		return c.code
	}
	return ""
}
