// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"bytes"
	"strconv"
)

// IsInt reports whether a number's text is an integer, of any size.
func IsInt(num []byte) bool {
	if len(num) == 0 {
		return false
	}
	last := num[len(num)-1] // a digit unless the number is NaN or an infinity
	return last-'0' <= 9 && bytes.IndexByte(num, '.') < 0 && bytes.IndexByte(num, 'e') < 0 &&
		bytes.IndexByte(num, 'E') < 0
}

// Int64 returns the value of a number's text and whether it is an integer (no fraction, no
// exponent) that fits.
func Int64(num []byte) (int64, bool) {
	if !IsInt(num) {
		return 0, false
	}
	n, err := strconv.ParseInt(stringOf(num), 10, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

// Float64 returns the nearest float of a number's text, as Python's float() does: NaN, ±Inf and
// overflow to ±Inf included.
func Float64(num []byte) float64 {
	f, _ := strconv.ParseFloat(stringOf(num), 64) // out of range gives ±Inf
	return f
}

// numberEnd returns where the number that starts at i ends, or i when none does.
func numberEnd(b []byte, i int) int {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i == len(b) {
		return start
	}
	switch c := b[i]; {
	case c == '0':
		i++
	case '1' <= c && c <= '9':
		i = digitsEnd(b, i)
	case c == 'I' && hasPrefix(b[i:], "Infinity"):
		return i + len("Infinity")
	case c == 'N' && i == start && hasPrefix(b[i:], "NaN"):
		return i + len("NaN")
	default:
		return start
	}
	if i+1 < len(b) && b[i] == '.' {
		if end := digitsEnd(b, i+1); end > i+1 {
			i = end
		}
	}
	if i+1 < len(b) && b[i]|0x20 == 'e' {
		j := i + 1
		if b[j] == '+' || b[j] == '-' {
			j++
		}
		if end := digitsEnd(b, j); end > j {
			i = end
		}
	}
	return i
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
