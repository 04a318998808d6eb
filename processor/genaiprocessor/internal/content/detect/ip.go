// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"net/netip"
	"strings"
)

// findIP finds addresses of IPv4 and IPv6.
func findIP(s string, from int, _ string) (int, int) {
	for i := from; i < len(s); i++ {
		if !inAddress[s[i]] || s[i] == '.' {
			continue
		}
		if !begins(s, i) { // to the end of the word
			i = wordEnd(s, i+1) - 1
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
			if stop := addressEnd(s[:end], i, dots, colons); stop > 0 && ends(s, stop) {
				return i, stop
			}
		}
		i = end - 1
	}
	return -1, -1
}

// inAddress are the characters of addresses.
var inAddress = set("0123456789abcdefABCDEF:.")

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
