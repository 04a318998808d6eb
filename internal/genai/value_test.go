// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// convert returns the only span that a trace with one span of these attributes becomes.
func convert(t *testing.T, opts Options, attributes ...mlflow.Attribute) (ptrace.Span, Stats) {
	t.Helper()
	td := ptrace.NewTraces()
	trace := mlflow.Trace{Spans: []mlflow.Span{{ID: [8]byte{1}, Name: "span", Attributes: attributes}}}
	stats := NewConverter(opts).Append(td, mlflow.Experiment{ID: "1", Name: "exp"}, &trace)
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0), stats
}

func attribute(key, raw string) mlflow.Attribute { return mlflow.Attribute{Key: key, Raw: []byte(raw)} }

func get(t *testing.T, m pcommon.Map, key string) pcommon.Value {
	t.Helper()
	v, ok := m.Get(key)
	require.True(t, ok, "no attribute %s", key)
	return v
}

func TestStructuredValues(t *testing.T) {
	everything := Options{CaptureContent: true}
	tests := map[string]struct {
		raw  string
		kind pcommon.ValueType
		text string // as Python writes it; empty: as raw
	}{
		"string":           {`"TOOL"`, pcommon.ValueTypeStr, ""},
		"string of JSON":   {`"{\"a\": 1}"`, pcommon.ValueTypeStr, ""},
		"empty string":     {`""`, pcommon.ValueTypeStr, ""},
		"escapes":          {`"a\"\\\n\u0001é\ud83d\ude00"`, pcommon.ValueTypeStr, "\"a\\\"\\\\\\n\\u0001é😀\""},
		"true":             {`true`, pcommon.ValueTypeBool, ""},
		"null":             {`null`, pcommon.ValueTypeEmpty, ""},
		"no text":          {``, pcommon.ValueTypeEmpty, "null"},
		"integer":          {`-42`, pcommon.ValueTypeInt, ""},
		"largest integer":  {`9223372036854775807`, pcommon.ValueTypeInt, ""},
		"smallest integer": {`-9223372036854775808`, pcommon.ValueTypeInt, ""},
		"float":            {`1e-07`, pcommon.ValueTypeDouble, ""},
		"integral float":   {`5.0`, pcommon.ValueTypeDouble, ""},
		"spelling":         {`1.50`, pcommon.ValueTypeDouble, `1.5`},
		"exponent":         {`1E5`, pcommon.ValueTypeDouble, `100000.0`},
		"NaN":              {`NaN`, pcommon.ValueTypeDouble, ""},
		"minus infinity":   {`-Infinity`, pcommon.ValueTypeDouble, ""},
		"empty list":       {`[]`, pcommon.ValueTypeSlice, ""},
		"empty object":     {`{}`, pcommon.ValueTypeMap, ""},
		"order of keys": {`{"z": 1, "a": [1, "a", null, {"k": NaN}], "m": {"b": null, "a": {}}}`,
			pcommon.ValueTypeMap, ""},
		"white space": {" {\"a\":[1 ,2]}\n", pcommon.ValueTypeMap, `{"a": [1, 2]}`},
		"duplicate keys": {`{"a": 1, "b": {"x": 1, "x": 2}, "a": {"c": 3}, "d": 4, "a": 5}`, pcommon.ValueTypeMap,
			`{"a": 5, "b": {"x": 2}, "d": 4}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			span, stats := convert(t, everything, attribute("x", tt.raw))
			v := get(t, span.Attributes(), "x")
			assert.Equal(t, tt.kind, v.Type())
			want := tt.text
			if want == "" {
				want = tt.raw
			}
			assert.Equal(t, want, string(ValueText(nil, v)))
			_, listed := span.Attributes().Get(JSONAttributes)
			assert.False(t, listed)
			assert.Equal(t, Stats{Spans: 1}, stats)
		})
	}
}

func TestNaNIsPythons(t *testing.T) {
	span, _ := convert(t, Options{CaptureContent: true}, attribute("x", "NaN"))
	assert.Equal(t, uint64(0x7FF8000000000000), math.Float64bits(get(t, span.Attributes(), "x").Double()))
}

func TestValuesWithoutStructuredForm(t *testing.T) {
	big := strings.Repeat("9", 30)
	tests := map[string]struct {
		raw   string
		want  any
		stats Stats
	}{
		"big integer":  {big, big, Stats{BigIntegers: 1}},
		"just too big": {"9223372036854775808", "9223372036854775808", Stats{BigIntegers: 1}},
		"big integer inside": {`{"a": [1, -` + big + `]}`, map[string]any{"a": []any{int64(1), "-" + big}},
			Stats{BigIntegers: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			span, stats := convert(t, Options{CaptureContent: true}, attribute("x", tt.raw), attribute("y", `1`))
			assert.Equal(t, tt.want, get(t, span.Attributes(), "x").AsRaw())
			assert.Equal(t, []any{"x"}, get(t, span.Attributes(), JSONAttributes).AsRaw())
			tt.stats.Spans = 1
			assert.Equal(t, tt.stats, stats)
		})
	}
}

func TestTextThatIsNotJSON(t *testing.T) {
	for _, raw := range []string{"hello", `{"a": 1`, `{"a": 1} x`, `{"a": 99999999999999999999} x`,
		"\xff\xfe", " ", "'x'"} {
		for _, payloads := range []Payloads{PayloadsStructured, PayloadsJSON} {
			span, stats := convert(t, Options{CaptureContent: true, Payloads: payloads}, attribute("x", raw))
			assert.Equal(t, strings.ToValidUTF8(raw, "\uFFFD"), get(t, span.Attributes(), "x").Str())
			_, listed := span.Attributes().Get(JSONAttributes)
			assert.False(t, listed)
			assert.Equal(t, Stats{Spans: 1}, stats)
		}
	}
}

func TestDepth(t *testing.T) {
	for _, unit := range []struct{ open, close string }{{`{"k": `, `}`}, {`[`, `]`}} {
		for _, depth := range []int{23, 24, 25, 31, 32, 100, 10_000} {
			raw := strings.Repeat(unit.open, depth) + "1" + strings.Repeat(unit.close, depth)
			span, stats := convert(t, Options{CaptureContent: true}, attribute("x", raw))

			v, levels := get(t, span.Attributes(), "x"), 0
			for ; v.Type() == pcommon.ValueTypeMap || v.Type() == pcommon.ValueTypeSlice; levels++ {
				if v.Type() == pcommon.ValueTypeMap {
					v = get(t, v.Map(), "k")
				} else {
					v = v.Slice().At(0)
				}
			}
			assert.Equal(t, min(depth, maxDepth), levels)
			_, listed := span.Attributes().Get(JSONAttributes)
			if depth <= maxDepth {
				assert.EqualValues(t, 1, v.Int())
				assert.False(t, listed)
				assert.Zero(t, stats.TooDeep)
			} else {
				assert.Equal(t, strings.Repeat(unit.open, depth-maxDepth)+"1"+
					strings.Repeat(unit.close, depth-maxDepth), v.Str())
				assert.True(t, listed)
				assert.Equal(t, 1, stats.TooDeep)
			}
			assertSendable(t, span)
		}
	}
}

// assertSendable checks that a span survives protobuf.
func assertSendable(t *testing.T, span ptrace.Span) {
	t.Helper()
	td := ptrace.NewTraces()
	span.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	assertRoundTrip(t, td)
}

func assertRoundTrip(t *testing.T, td ptrace.Traces) {
	t.Helper()
	sent, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	received, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(sent)
	require.NoError(t, err)
	again, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(received)
	require.NoError(t, err)
	require.Equal(t, sent, again)
}

func TestJSONPayloads(t *testing.T) {
	span, stats := convert(t, Options{CaptureContent: true, Payloads: PayloadsJSON},
		attribute("object", `{"b": 1.50, "a":[99999999999999999999], "a": 2}`), attribute("list", ` [1]`),
		attribute("string", `"[1]"`), attribute("number", `1`),
		attribute("null", `null`), attribute("big", `99999999999999999999`), attribute("text", `{broken`),
		attribute("bad", "{\"\xff\": 1}"))
	assert.Equal(t, map[string]any{
		"object": `{"b": 1.50, "a":[99999999999999999999], "a": 2}`, "list": `[1]`, "string": `[1]`, "number": int64(1),
		"null": nil, "big": "99999999999999999999",
		"text": `{broken`, "bad": "{\"\uFFFD\": 1}", JSONAttributes: []any{"object", "list", "big", "bad"},
		ExperimentID: "1", Revision: int64(0),
	}, span.Attributes().AsRaw())
	assert.Equal(t, Stats{Spans: 1, BigIntegers: 1}, stats)
}

func TestValueText(t *testing.T) {
	v := pcommon.NewValueMap()
	v.Map().PutEmptyBytes("bytes").FromRaw([]byte{0, 255})
	v.Map().PutDouble("nan", math.NaN())
	assert.Equal(t, `{"bytes": "AP8=", "nan": NaN}`, string(ValueText(nil, v)))
	assert.Equal(t, `x"a"`, string(ValueText([]byte("x"), pcommon.NewValueStr("a"))))
}

func TestWideMaps(t *testing.T) {
	const width = 100_000
	var object strings.Builder
	attributes := make([]mlflow.Attribute, 0, width)
	for i := range width {
		object.WriteString(`, "k` + strconv.Itoa(i) + `": ` + strconv.Itoa(i) + `, "same": ` + strconv.Itoa(i))
		attributes = append(attributes, attribute("k"+strconv.Itoa(i), strconv.Itoa(i)))
	}
	attributes = append(attributes, attribute("object", "{"+object.String()[2:]+"}"))
	start := time.Now()
	span, _ := convert(t, Options{CaptureContent: true}, attributes...)
	assert.Less(t, time.Since(start), time.Minute, "quadratic")
	assert.GreaterOrEqual(t, span.Attributes().Len(), width+1)
	inner := get(t, span.Attributes(), "object").Map()
	assert.Equal(t, width+1, inner.Len())
	assert.EqualValues(t, width-1, get(t, inner, "same").Int())
	assert.EqualValues(t, width-1, get(t, inner, "k"+strconv.Itoa(width-1)).Int())
}

// TestMembersIsAnOrderedDict compares with a plain model of Python's dict for all widths around the
// switch to hashing.
func TestMembersIsAnOrderedDict(t *testing.T) {
	var m members
	for width := range 3 * linearKeys {
		for _, distinct := range []int{1, 3, linearKeys, width + 1} {
			var order []string
			model := map[string]int64{}
			for i := range width {
				key := strconv.Itoa(i * 7 % distinct)
				if _, ok := model[key]; !ok {
					order = append(order, key)
				}
				model[key] = int64(i)
				m.add(key).SetInt(int64(i))
			}
			got := pcommon.NewMap()
			m.finish(got)
			var keys []string
			for k, v := range got.All() {
				keys = append(keys, k)
				assert.Equal(t, model[k], v.Int())
			}
			assert.Equal(t, order, keys)
		}
	}
}
