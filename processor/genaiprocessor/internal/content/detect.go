// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"net/netip"
	"strings"
)

// detector finds texts of one form. find returns the first one that starts at or after from, or -1.
// Its time is linear in the length of s.
type detector struct {
	name    string
	strong  bool // what it finds is never part of an id
	numbers bool // what it finds has digits
	find    func(s string, from int) (start, end int)
}

// builtIn are the detectors in the order in which they are applied: what one has replaced the next
// doesn't see.
var builtIn = []detector{
	{"api_key", true, false, findKey},
	{"email", true, false, findEmail},
	{"card", false, true, findCard},
	{"ip", false, true, findIP},
	{"phone", false, true, findPhone},
}

func isDigit(c byte) bool { return c-'0' <= 9 }
func isAlpha(c byte) bool { return c|0x20-'a' <= 25 }
func isWord(c byte) bool  { return words[c] }
func isToken(c byte) bool { return c < 0x80 && words[c] || c == '-' }

// words are the characters of words: all outside ASCII too.
var words = func() (in [256]bool) {
	for i := range in {
		c := byte(i)
		in[i] = isDigit(c) || isAlpha(c) || c == '_' || c >= 0x80
	}
	return in
}()

// begins reports whether a token may begin at i: not in the middle of a word, but after an escape
// such as \n of JSON text that was cut off.
func begins(s string, i int) bool {
	if i == 0 || !isWord(s[i-1]) {
		return true
	}
	return i > 1 && s[i-2] == '\\' && strings.IndexByte("nrtbf", s[i-1]) >= 0
}

// findEmail finds local@domain.tld, with a percent-encoded @ too.
func findEmail(s string, from int) (int, int) {
	const maxLocal, maxDomain = 64, 255
	for at := from; at < len(s); at++ {
		width := 1
		if s[at] != '@' {
			if s[at] != '%' || !strings.HasPrefix(s[at:], "%40") {
				continue
			}
			width = 3
		}
		start := at
		for start > from && at-start < maxLocal && isLocal(s[start-1]) {
			start--
		}
		for start < at && s[start] == '.' {
			start++
		}
		end := at + width
		for end < len(s) && end-at < maxDomain && isDomain(s[end]) {
			end++
		}
		if end = domainEnd(s, at+width, end); start < at && end > 0 {
			return start, end
		}
	}
	return -1, -1
}

func isLocal(c byte) bool { return isWord(c) || c == '.' || c == '%' || c == '+' || c == '-' }

func isDomain(c byte) bool { return isWord(c) && c != '_' || c == '.' || c == '-' }

// domainEnd returns where the longest domain with a top level of at least two letters ends in
// s[start:end], or -1.
func domainEnd(s string, start, end int) int {
	for end > start {
		dot := strings.LastIndexByte(s[start:end], '.')
		if dot <= 0 {
			return -1
		}
		dot += start
		top := dot + 1
		for top < end && (isAlpha(s[top]) || s[top] >= 0x80) {
			top++
		}
		if top-dot > 2 && s[dot-1] != '.' && s[dot-1] != '-' {
			return top
		}
		end = dot
	}
	return -1
}

// findCard finds numbers of payment cards: 13 to 19 digits, alone or in groups, with the start and
// length of an issuer and a right Luhn checksum.
func findCard(s string, from int) (int, int) {
	for i := from; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		if !begins(s, i) || i > 0 && s[i-1] == '.' {
			for i+1 < len(s) && isDigit(s[i+1]) {
				i++
			}
			continue
		}
		if end := cardEnd(s, i); end > 0 {
			return i, end
		}
	}
	return -1, -1
}

func cardEnd(s string, start int) int {
	const longest = 19
	var digits [longest]byte
	n, found := 0, -1
	for i := start; i < len(s); i++ {
		if isDigit(s[i]) {
			if n == longest {
				break
			}
			digits[n] = s[i] - '0'
			n++
			if i+1 == len(s) || !isWord(s[i+1]) {
				if issued(digits[:n]) && luhn(digits[:n]) {
					found = i + 1
				}
			}
			continue
		}
		if s[i] != ' ' && s[i] != '-' || i+1 == len(s) || !isDigit(s[i+1]) {
			break
		}
	}
	return found
}

// issued reports whether an issuer of cards has numbers that begin like this and are as long.
func issued(d []byte) bool {
	if len(d) < 13 {
		return false
	}
	two := int(d[0])*10 + int(d[1])
	four := two*100 + int(d[2])*10 + int(d[3])
	switch n := len(d); {
	case d[0] == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two == 34 || two == 37: // American Express
		return n == 15
	case two >= 51 && two <= 55 || four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case four == 6011 || two == 65 || four >= 6440 && four <= 6499 || two == 62 || two == 35: // Discover, UnionPay, JCB
		return n >= 16
	case two == 36 || two == 38 || two == 39 || four >= 3000 && four <= 3059: // Diners Club
		return n >= 14
	case two == 50 || two >= 56 && two <= 69: // Maestro
		return true
	}
	return false
}

// luhn reports whether the last digit is the checksum of ISO/IEC 7812-1 of those before it.
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i])
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// findIP finds addresses of IPv4 and IPv6.
func findIP(s string, from int) (int, int) {
	for i := from; i < len(s); i++ {
		if !inAddress[s[i]] || s[i] == '.' {
			continue
		}
		if !begins(s, i) { // to the end of the word
			for i+1 < len(s) && isWord(s[i+1]) {
				i++
			}
			continue
		}
		end := i
		dots, colons, digits := 0, 0, false
		for end < len(s) && inAddress[s[end]] {
			switch {
			case s[end] == '.':
				dots++
			case s[end] == ':':
				colons++
			case isDigit(s[end]):
				digits = true
			}
			end++
		}
		if digits && (i == 0 || s[i-1] != '.') {
			if stop := addressEnd(s[:end], i, dots, colons); stop > 0 && (stop == len(s) || !isWord(s[stop])) {
				return i, stop
			}
		}
		i = end - 1
	}
	return -1, -1
}

// inAddress are the characters of addresses.
var inAddress = set("0123456789abcdefABCDEF:.")

func set(chars string) (in [256]bool) {
	for i := range len(chars) {
		in[chars[i]] = true
	}
	return in
}

// addressEnd returns where the address that s[start:] is or begins with ends, or -1:
// "10.0.0.1:8080", "10.0.0.1." and "::1.".
func addressEnd(s string, start, dots, colons int) int {
	const longest = 45
	if dots < 3 && colons < 2 {
		return -1
	}
	token := strings.TrimRight(s[start:], ".")
	if colons == 0 || dots >= 3 && strings.IndexByte(token, ':') > strings.LastIndexByte(token, '.') {
		host, _, _ := strings.Cut(token, ":")
		host = strings.TrimRight(host, ".")
		if a, err := netip.ParseAddr(host); len(host) <= longest && err == nil && a.Is4() {
			return start + len(host)
		}
		return -1
	}
	if colons < 2 || len(token) < 4 {
		return -1
	}
	if len(token) > 1 && token[len(token)-1] == ':' && token[len(token)-2] != ':' {
		token = token[:len(token)-1]
	}
	if len(token) > longest {
		return -1
	}
	if _, err := netip.ParseAddr(token); err != nil {
		return -1
	}
	return start + len(token)
}

// findPhone finds numbers in international form (+ or 00, then 8 to 15 digits in groups) and in the
// form of North America (555-123-4567, (555) 123-4567).
func findPhone(s string, from int) (int, int) {
	for i := from; i < len(s); i++ {
		c := s[i]
		if c != '+' && c != '(' && !isDigit(c) {
			continue
		}
		if !begins(s, i) || i > 0 && (s[i-1] == '.' || s[i-1] == '+') {
			for i+1 < len(s) && isDigit(s[i+1]) {
				i++
			}
			continue
		}
		if end := phoneEnd(s, i); end > 0 {
			return i, end
		}
		for i+1 < len(s) && isDigit(s[i]) && isDigit(s[i+1]) {
			i++
		}
	}
	return -1, -1
}

func phoneEnd(s string, start int) int {
	const mostGroups, mostDigits = 8, 15
	var digits, ends [mostGroups]int // of each group
	groups, total, separators := 0, 0, 0
	i := start
	if s[i] == '+' {
		i++
	}
	for i < len(s) && groups < mostGroups {
		if !isDigit(s[i]) {
			if strings.IndexByte(" -.()", s[i]) < 0 || separators == 2 || s[start] == '+' &&
				i == start+1 && s[i] != '(' {
				break
			}
			separators++
			i++
			continue
		}
		from := i
		for i < len(s) && isDigit(s[i]) && i-from <= mostDigits {
			i++
		}
		if total+i-from > mostDigits || i < len(s) && isWord(s[i]) {
			break
		}
		total += i - from
		digits[groups], ends[groups] = i-from, i
		groups++
		separators = 0
	}
	international := s[start] == '+' || strings.HasPrefix(s[start:], "00") && digits[0] < 6
	switch {
	case international && total >= 8:
		return ends[groups-1]
	case digits[0] == 3 && digits[1] == 3 && digits[2] == 4:
		return ends[2]
	case digits[0] == 1 && s[start] == '1' && digits[1] == 3 && digits[2] == 3 && digits[3] == 4:
		return ends[3]
	}
	return -1
}
