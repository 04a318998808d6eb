// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package similar compares two names that people type, and reports whether one may be meant by the
// other.
package similar

import "strings"

// Names reports whether two names are the same but for case, separators or a few letters, or
// whether one of them, of at least four letters, is a part of the other.
func Names(a, b string) bool {
	a, b = fold(a), fold(b)
	if a == "" || b == "" {
		return false
	}
	if a == b || (len(a) >= 4 && strings.Contains(b, a)) || (len(b) >= 4 && strings.Contains(a, b)) {
		return true
	}
	return distance(a, b) <= 1+min(len(a), len(b))/5
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_/*.", r) {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// distance is the Levenshtein distance of two short strings.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
