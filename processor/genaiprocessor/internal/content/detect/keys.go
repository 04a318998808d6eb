// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

type keyShape struct {
	prefix string
	rest   int
	dots   int // that a token has at least; with any, dots belong to it
}

// keyShapes are the beginnings of the secrets that services issue, and how many characters follow
// at least.
var keyShapes = []keyShape{
	{"sk-", 20, 0}, {"sk_live_", 16, 0}, {"sk_test_", 16, 0}, {"rk_live_", 16, 0}, {"pk_live_", 16, 0}, {"gsk_", 20, 0},
	{"pplx-", 20, 0}, {"xai-", 20, 0},
	{"AKIA", 16, 0}, {"ASIA", 16, 0}, {"AIza", 30, 0}, {"ya29.", 20, 1}, {"dapi", 32, 0}, {"dose", 32, 0},
	{"dkea", 32, 0}, {"hf_", 20, 0}, {"r8_", 20, 0},
	{"ghp_", 30, 0}, {"gho_", 30, 0}, {"ghu_", 30, 0}, {"ghs_", 30, 0}, {"ghr_", 30, 0}, {"github_pat_", 30, 0},
	{"glpat-", 16, 0}, {"npm_", 30, 0},
	{"pypi-", 30, 0}, {"xoxb-", 16, 0}, {"xoxp-", 16, 0}, {"xoxa-", 16, 0}, {"xoxr-", 16, 0}, {"xoxs-", 16, 0},
	{"xapp-", 16, 0}, {"lsv2_", 20, 0},
	{"pk-lf-", 20, 0}, {"sk-lf-", 20, 0}, {"SG.", 40, 1}, {"eyJ", 20, 2},
}

// keyShapesOf are the shapes by their first character.
var keyShapesOf = func() (of [256][]keyShape) {
	for _, k := range keyShapes {
		of[k.prefix[0]] = append(of[k.prefix[0]], k)
	}
	return of
}()

// keyStarts are the first characters of all shapes, and of "Bearer " and "-----BEGIN".
var keyStarts = func() [256]bool {
	starts := set("Bb-")
	for _, k := range keyShapes {
		starts[k.prefix[0]] = true
	}
	return starts
}()

// findKey finds API keys, tokens and private keys by the shapes in which they are issued.
func findKey(s string, from int, _ string) (int, int) {
	const shortest = 8
	for i := from; i+shortest <= len(s); i++ {
		if !keyStarts[s[i]] {
			continue
		}
		if s[i] == '-' {
			if strings.HasPrefix(s[i:], "-----BEGIN ") {
				if end := privateKeyEnd(s, i); end > 0 {
					return i, end
				}
			}
			continue
		}
		if i > 0 && (!begins(s, i) || s[i-1] == '-' || s[i-1] == '.') { // within a run that was checked
			continue
		}
		if s[i]|0x20 == 'b' && len(s)-i > 7 && strings.EqualFold(s[i:i+7], "bearer ") {
			if end := bearerEnd(s, i+7); end-i-7 >= 20 {
				return i + 7, end
			}
		}
		for _, k := range keyShapesOf[s[i]] {
			if s[i+1] != k.prefix[1] || !strings.HasPrefix(s[i:], k.prefix) {
				continue
			}
			end := tokenEnd(s, i+len(k.prefix), k.dots > 0)
			if end-i-len(k.prefix) >= k.rest && (k.dots == 0 || strings.Count(s[i:end], ".") >= k.dots) {
				return i, end
			}
		}
	}
	return -1, -1
}

func tokenEnd(s string, i int, dots bool) int {
	for i < len(s) && (isToken(s[i]) || dots && s[i] == '.') {
		i++
	}
	return i
}

// bearerEnd returns where the token of an Authorization header ends (RFC 6750).
func bearerEnd(s string, i int) int {
	for i < len(s) && (isToken(s[i]) || strings.IndexByte(".~+/=", s[i]) >= 0) {
		i++
	}
	return i
}

// privateKeyEnd returns where the PEM block of a private key at start ends, the end of the text if
// it is cut off, or -1 for another block or none.
func privateKeyEnd(s string, start int) int {
	head, _, ok := strings.Cut(s[start+len("-----BEGIN "):min(len(s), start+64)], "-----")
	if !ok || !strings.HasSuffix(head, "PRIVATE KEY") {
		return -1
	}
	end := strings.Index(s[start:], "-----END ")
	if end < 0 {
		return len(s)
	}
	end += start + len("-----END ")
	return min(end+len(head)+len("-----"), len(s))
}
