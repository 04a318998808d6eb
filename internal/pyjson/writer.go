// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"math"
	"slices"
	"strconv"
)

// AppendString appends s as a JSON string, as json.dumps(s, ensure_ascii=False) writes it: only ",
// \ and characters below 0x20 are escaped.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	var b []byte
	switch v := any(s).(type) {
	case string:
		b = bytesOf(v)
	case []byte:
		b = v
	}
	dst = append(slices.Grow(dst, len(b)+2), '"')
	for i := 0; ; i++ {
		at, _ := special(b, i)
		dst = append(dst, b[i:at]...)
		if at == len(b) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, b[at])
		i = at
	}
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// AppendFloat appends f as Python's json.dumps writes it: repr with a ".0" for integral values,
// exponents as Python spells them, NaN, Infinity, -Infinity.
func AppendFloat(dst []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case abs >= 1e16 || abs < 1e-4 && abs > 0:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	case f == math.Trunc(f):
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		return append(dst, '.', '0')
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// AppendNumber appends a number as json.dumps(json.loads(num)) writes it: integers of any size stay
// as they are, other numbers are spelled as AppendFloat does.
func AppendNumber(dst, num []byte) []byte {
	if !IsInt(num) {
		return AppendFloat(dst, Float64(num))
	}
	if string(num) == "-0" {
		return append(dst, '0')
	}
	return append(dst, num...)
}
