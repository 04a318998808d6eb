// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import "bytes"

// Cut reports whether a text is the beginning of a JSON document, whose end is missing: it is empty,
// or ends inside of a string, an array or an object. It doesn't check the syntax of what is there.
func Cut(text []byte) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(text, i+1)
			if end < 0 {
				return true
			}
			i = end
		}
	}
	return depth > 0 || len(bytes.TrimSpace(text)) == 0
}

// stringEnd returns where the quote is that ends the string whose content begins at i, or -1.
func stringEnd(text []byte, i int) int {
	for {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return -1
		}
		escapes := 0 // backslashes right before the quote
		for at := i + n - 1; at >= i && text[at] == '\\'; at-- {
			escapes++
		}
		if i += n; escapes%2 == 0 {
			return i
		}
		i++
	}
}
