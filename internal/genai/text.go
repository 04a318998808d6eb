package genai

import (
	"encoding/base64"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// ValueText appends v as Python's json.dumps(value, ensure_ascii=False) writes the value that v stands for. For a structured value of ours this is the text
// that MLflow's Python client stores, unless the attribute is listed in JSONAttributes. Bytes, which JSON doesn't have, become a base64 string.
func ValueText(dst []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return pyjson.AppendString(dst, v.Str())
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
			dst = append(dst, separator...)
			dst = pyjson.AppendString(dst, key)
			dst = append(dst, ": "...)
			dst = ValueText(dst, member)
			separator = ", "
		}
		return append(dst, '}')
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		separator := ""
		for _, element := range v.Slice().All() {
			dst = append(dst, separator...)
			dst = ValueText(dst, element)
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
