// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppendCanonical(t *testing.T) {
	for text, want := range map[string]struct{ plain, sorted string }{
		` 1 `:                                 {`1`, ``},
		`-0`:                                  {`0`, ``},
		`-0.0`:                                {`-0.0`, ``},
		`[1.50,1E5,1e400,-1e400,1e-7,0.0001]`: {`[1.5, 100000.0, Infinity, -Infinity, 1e-07, 0.0001]`, ``},
		`[ ]`:                                 {`[]`, ``},
		`{ }`:                                 {`{}`, ``},
		`[[],{},[{}]]`:                        {`[[], {}, [{}]]`, ``},
		`{"b":1,"a":[true,false,null]}`: {`{"b": 1, "a": [true, false, null]}`,
			`{"a": [true, false, null], "b": 1}`},
		`{"a":1,"b":2,"a":3}`: {`{"a": 3, "b": 2}`, ``},
		`{"b":1,"a":{"z":1,"y":2,"z":3},"b":4}`: {`{"b": 4, "a": {"z": 3, "y": 2}}`,
			`{"a": {"y": 2, "z": 3}, "b": 4}`},
		`{"a":{"x":1,"x":2},"a":{"y":[{"q":1,"q":2}],"y":[{"r":1,"r":2}]}}`: {`{"a": {"y": [{"r": 2}]}}`, ``},
		`[{"b":1,"a":2},{"d":1,"c":{"f":1,"e":2}}]`: {
			`[{"b": 1, "a": 2}, {"d": 1, "c": {"f": 1, "e": 2}}]`,
			`[{"a": 2, "b": 1}, {"c": {"e": 2, "f": 1}, "d": 1}]`},
		`{"\n":1,"A":2,"\u0000":3,"é":4,"\"":5}`: {
			`{"\n": 1, "A": 2, "\u0000": 3, "é": 4, "\"": 5}`, `{"\u0000": 3, "\n": 1, "\"": 5, "A": 2, "é": 4}`},
		`"\u00e9\/\ud83d\ude00\u001F\u007f\u2028"`: {"\"é/😀\\u001f\x7f\u2028\"", ``},
		`{"\u0061":1,"a":2}`:                       {`{"a": 2}`, ``},
		"\"a\xffb\"":                               {"\"a\ufffdb\"", ``},
		`1180591620717411303424`:                   {`1180591620717411303424`, ``},
		`{"":{"":{"":1}},"a":{}}`:                  {`{"": {"": {"": 1}}, "a": {}}`, ``},
	} {
		if want.sorted == "" {
			want.sorted = want.plain
		}
		got, err := AppendCanonical([]byte("before"), []byte(text), false)
		require.NoError(t, err, text)
		assert.Equal(t, "before"+want.plain, string(got))
		got, err = AppendCanonical([]byte("before"), []byte(text), true)
		require.NoError(t, err, text)
		assert.Equal(t, "before"+want.sorted, string(got))
	}
}

func TestAppendCanonicalFloats(t *testing.T) {
	got, err := AppendCanonicalFloats(nil, []byte(`{"b":[1,2.5,{"c":-0}],"a":1180591620717411303424}`), true)
	require.NoError(t, err)
	assert.Equal(t, `{"a": 1.1805916207174113e+21, "b": [1.0, 2.5, {"c": -0.0}]}`, string(got))
}

func TestAppendCanonicalKeepsDstOnError(t *testing.T) {
	dst := []byte("kept")
	got, err := AppendCanonical(dst, []byte(`{"a":[1,2`), false)
	require.Error(t, err)
	assert.Equal(t, "kept", string(got))
}

// Time must stay linear: each of these takes milliseconds, and minutes when an object is copied
// once for each level or each key is compared with each.
func TestAppendCanonicalOfHostileTexts(t *testing.T) {
	const n = 100_000
	nested := strings.Repeat(`{"b":1,"a":`, n) + "0" + strings.Repeat("}", n)
	got, err := AppendCanonical(nil, []byte(nested), true)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(`{"a": `, n)+"0"+strings.Repeat(`, "b": 1}`, n), string(got))

	twice := strings.Repeat(`{"a":1,"a":`, n) + "0" + strings.Repeat("}", n)
	got, err = AppendCanonical(nil, []byte(twice), false)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(`{"a": `, n)+"0"+strings.Repeat(`}`, n), string(got))

	var wide, want strings.Builder
	for i := range n {
		fmt.Fprintf(&wide, `,"k%d":1`, i)
		fmt.Fprintf(&want, `, "k%d": 2`, i)
	}
	for i := range n {
		fmt.Fprintf(&wide, `,"k%d":2`, i)
	}
	got, err = AppendCanonical(nil, []byte("{"+wide.String()[1:]+"}"), false)
	require.NoError(t, err)
	assert.Equal(t, "{"+want.String()[2:]+"}", string(got))
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, "a\"b\\c/": `"a\"b\\c/"`, "\b\f\n\r\t\x00\x1f\x7f": "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"",
		"é😀\u2028": "\"é😀\u2028\"", strings.Repeat("x", 100): `"` + strings.Repeat("x", 100) + `"`,
	} {
		assert.Equal(t, want, string(AppendString(nil, in)))
		assert.Equal(t, want, string(AppendString([]byte{}, []byte(in))))
	}
}
