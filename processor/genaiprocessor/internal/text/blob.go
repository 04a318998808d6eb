// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
)

// minBlob is the length from which on a string of nothing but base64 characters is taken for an
// embedded file.
const minBlob = 512

// isBlob reports whether a string is an embedded file and no text.
func isBlob(s []byte) bool {
	if len(s) >= 5 && string(s[:5]) == "data:" {
		head, _, _ := strings.Cut(stringOf(s[:min(len(s), 128)]), ",")
		return strings.HasSuffix(head, ";base64")
	}
	if len(s) < minBlob {
		return false
	}
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/',
			c == '=', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
