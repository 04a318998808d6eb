// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"
	"unicode"
)

// findEmail finds local@domain.tld, with a percent-encoded or full-width @ too. In a text without
// spaces, a Latin address ends where another script begins.
func findEmail(s string, from int, _ string) (int, int) {
	for at := from; at < len(s); at++ {
		width := 1
		switch s[at] {
		case '@':
		case '%':
			if width = 3; !strings.HasPrefix(s[at:], "%40") {
				continue
			}
		case 0xEF:
			if width = 3; !strings.HasPrefix(s[at:], "＠") {
				continue
			}
		default:
			continue
		}
		start := localStart(s, from, at)
		if start == at {
			continue
		}
		if end := domainEnd(s, at+width); end > 0 {
			return start, end
		}
	}
	return -1, -1
}

// localStart returns where the local part before at begins, at if there is none.
func localStart(s string, from, at int) int {
	const most = 64 // bytes (RFC 5321)
	start, script := at, none
	for start > from {
		r, n := last(s[from:start])
		switch of := scriptOf(r); {
		case at-start+n > most:
			n = 0
		case of == latin || of == other:
			if script == none {
				script = of
			}
			if of == other && script == latin {
				n = 0
			}
		case of == none && r != '_' && r != '.' && r != '%' && r != '+' && r != '-':
			n = 0
		}
		if n == 0 {
			break
		}
		start -= n
	}
	for start < at && s[start] == '.' {
		start++
	}
	return start
}

// domainEnd returns where the longest domain at start with a top level of at least two letters
// ends, or -1.
func domainEnd(s string, start int) int {
	const most = 255 // bytes
	end := start
	label := none
	for end < len(s) {
		r, n := first(s[end:])
		of := scriptOf(r)
		if end-start+n > most || of == none && r != '.' && r != '-' || of == other && label == latin {
			break
		}
		switch {
		case r == '.':
			label = none
		case of != none && of != common:
			label = of
		}
		end += n
	}
	for end > start {
		dot := strings.LastIndexByte(s[start:end], '.')
		if dot <= 0 {
			return -1
		}
		dot += start
		if top := topLevelEnd(s[:end], dot+1); top > 0 && s[dot-1] != '.' && s[dot-1] != '-' {
			return top
		}
		end = dot
	}
	return -1
}

// topLevelEnd returns where the top-level domain at start ends, or -1 if it is none.
func topLevelEnd(s string, start int) int {
	const puny = "xn--"
	end, letters := start, 0
	if len(s)-start > len(puny) && strings.EqualFold(s[start:start+len(puny)], puny) {
		for end = start + len(puny); end < len(s) && isToken(s[end]); end++ {
			letters++
		}
		return start + len(strings.TrimRight(s[start:end], "-"))
	}
	for end < len(s) {
		r, n := first(s[end:])
		if of := scriptOf(r); of == none || of == common && letters == 0 || unicode.IsDigit(r) {
			break
		}
		end += n
		letters++
	}
	if letters < 2 {
		return -1
	}
	return end
}
