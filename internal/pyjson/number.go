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
	return last-'0' <= 9 && bytes.IndexByte(num, '.') < 0 && bytes.IndexByte(num, 'e') < 0 && bytes.IndexByte(num, 'E') < 0
}

// Int64 returns the value of a number's text and whether it is an integer (no fraction, no exponent) that fits.
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

// Float64 returns the nearest float of a number's text, as Python's float() does: NaN, ±Inf and overflow to ±Inf included.
func Float64(num []byte) float64 {
	f, _ := strconv.ParseFloat(stringOf(num), 64) // out of range gives ±Inf
	return f
}
