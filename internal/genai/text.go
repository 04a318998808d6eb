// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/base64"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// ValueText appends v as Python's json.dumps(value, ensure_ascii=False) writes the value that v
// stands for. For a structured value of ours this is the text that MLflow's Python client stores,
// unless the attribute is listed in JSONAttributes: then ListedValueText gives it. Bytes, which
// JSON doesn't have, become a base64 string.
func ValueText(dst []byte, v pcommon.Value) []byte {
	dst, _ = ValueTextUpTo(dst, v, noLimit)
	return dst
}

// ValueTextUpTo is ValueText that stops when dst has grown beyond limit bytes, which the last
// string may do by its own length. It reports whether the text is whole.
func ValueTextUpTo(dst []byte, v pcommon.Value, limit int) (text []byte, whole bool) {
	w := textWriter{limit: limit}
	dst = w.value(dst, v, 0)
	return dst, len(dst) <= limit
}

// ListedValueText is ValueTextUpTo for an attribute of a span with Structured payloads that
// JSONAttributes lists: what stands in a string because structured form can't hold it, a container
// below maxDepth levels or an integer beyond int64, is written as the JSON value that it is.
func ListedValueText(dst []byte, v pcommon.Value, limit int) (text []byte, whole bool) {
	w := textWriter{limit: limit, listed: true}
	dst = w.value(dst, v, 0)
	return dst, len(dst) <= limit
}

const noLimit = int(^uint(0) >> 1)

type textWriter struct {
	limit  int
	listed bool
}

// value appends v, which lies in depth containers.
func (w *textWriter) value(dst []byte, v pcommon.Value, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return w.string(dst, v.Str(), depth)
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return pyjson.AppendFloat(dst, v.Double())
	case pcommon.ValueTypeMap:
		dst = append(dst, '{')
		separator := ""
		for key, member := range v.Map().All() {
			if len(dst) > w.limit {
				return dst
			}
			dst = append(dst, separator...)
			dst = pyjson.AppendString(dst, key)
			dst = append(dst, ": "...)
			dst = w.value(dst, member, depth+1)
			separator = ", "
		}
		return append(dst, '}')
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		separator := ""
		for _, element := range v.Slice().All() {
			if len(dst) > w.limit {
				return dst
			}
			dst = append(dst, separator...)
			dst = w.value(dst, element, depth+1)
			separator = ", "
		}
		return append(dst, ']')
	case pcommon.ValueTypeBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes().AsRaw())
		return append(dst, '"')
	default:
		return append(dst, "null"...)
	}
}

func (w *textWriter) string(dst []byte, s string, depth int) []byte {
	if w.listed && s != "" {
		switch c := s[0]; {
		case depth >= maxDepth && (c == '{' || c == '['):
			if text, err := pyjson.AppendCanonical(dst, []byte(s), false); err == nil {
				return text
			}
		case c == '-' || c >= '0' && c <= '9':
			if isBigInteger(s) {
				return append(dst, s...)
			}
		}
	}
	return pyjson.AppendString(dst, s)
}

// isBigInteger reports whether s is the text of an integer that an int64 doesn't hold.
func isBigInteger(s string) bool {
	scan := pyjson.NewScanner([]byte(s))
	if scan.Kind() != pyjson.KindNumber {
		return false
	}
	num := scan.Num()
	scan.End()
	if scan.Err() != nil || !pyjson.IsInt(num) {
		return false
	}
	_, fits := pyjson.Int64(num)
	return !fits
}
