// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScannerReadsADocument(t *testing.T) {
	doc := []byte(` {"name" : "caf\u00e9 \ud83d\ude00", "plain":"ключ", "n": -12.5e3, "big":1180591620717411303424,
		"t":true,"f":false,"z":null,"list":[1,[],{}, "x"],"o":{"a":{"b":[NaN,-Infinity]}},"skipped":[{"x":"]}\\\""}]} `)
	original := string(doc)
	s := NewScanner(doc)
	assert.Equal(t, KindObject, s.Kind())
	s.Open(KindObject)
	got := map[string]string{}
	for s.NextMember() {
		switch key := s.KeyString(); key {
		case "name", "plain":
			got[key] = s.Str()
		case "n", "big":
			got[key] = string(s.Num())
		case "t", "f":
			if s.Bool() {
				got[key] = "yes"
			}
		case "z":
			s.Null()
		case "list":
			s.Open(KindArray)
			n := 0
			for s.NextElement() {
				s.Skip()
				n++
			}
			assert.Equal(t, 4, n)
		default:
			got[key] = string(s.Skip())
		}
	}
	s.End()
	require.NoError(t, s.Err())
	assert.Equal(t, map[string]string{
		"name": "café 😀", "plain": "ключ", "n": "-12.5e3", "big": "1180591620717411303424", "t": "yes",
		"o": `{"a":{"b":[NaN,-Infinity]}}`, "skipped": `[{"x":"]}\\\""}]`,
	}, got)
	assert.Equal(t, original, string(doc), "the text must stay as it is")
}

func TestScannerStrings(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                  {`""`, ""},
		"escapes":                {`"\"\\\/\b\f\n\r\t\u0041\u00E9\u00e9"`, "\"\\/\b\f\n\r\tAéé"},
		"nul":                    {`"a\u0000b"`, "a\x00b"},
		"pair":                   {`"\ud83d\ude00"`, "😀"},
		"lone high":              {`"\ud83dx"`, "\ufffdx"},
		"lone low":               {`"\ude00x"`, "\ufffdx"},
		"high then letter":       {`"\ud83d\u0041"`, "\ufffdA"},
		"high then pair":         {`"\ud83d\ud83d\ude00"`, "\ufffd😀"},
		"high at the end":        {`"\ud83d"`, "\ufffd"},
		"high then other escape": {`"\ud83d\n"`, "\ufffd\n"},
		"invalid bytes":          {"\"a\xff\xc3\"", "a\ufffd\ufffd"},
		"invalid with escapes":   {"\"a\xff\xff\\n\xed\xa0\x80\"", "a\ufffd\ufffd\n\ufffd\ufffd\ufffd"},
		"delete and separators":  {"\"\x7f\u2028\u2029\"", "\x7f\u2028\u2029"},
		"quote at every offset":  {`"1234567\"90123456\\"`, `1234567"90123456\`},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewScanner([]byte(c.text))
			assert.Equal(t, c.want, s.Str())
			s.End()
			require.NoError(t, s.Err())
			s = NewScanner([]byte(c.text))
			assert.Equal(t, "before "+c.want, string(s.AppendBytes([]byte("before "))))
			s.End()
			require.NoError(t, s.Err())
		})
	}
}

func TestStringsKeepTheirValue(t *testing.T) {
	var text strings.Builder
	text.WriteByte('[')
	for i := range 5000 {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(`"\u00e9` + strings.Repeat("x", i%97) + `"`)
	}
	text.WriteByte(']')
	s := NewScanner([]byte(text.String()))
	s.Open(KindArray)
	var got []string
	for s.NextElement() {
		got = append(got, s.Str())
	}
	s.End()
	require.NoError(t, s.Err())
	require.Len(t, got, 5000)
	for i, v := range got {
		require.Equal(t, "é"+strings.Repeat("x", i%97), v)
	}
}

// invalid texts with the byte at which reading stops.
var invalid = map[string]int{
	``: 0, ` `: 1, `nul`: 0, `True`: 0, `tru`: 0, `+1`: 0, `.5`: 0, `-`: 0, `01`: 1, `1.`: 1, `1e`: 1, `1e+`: 1,
	`0x10`: 1, `-NaN`: 0, `nan`: 0, `Inf`: 0,
	`--1`: 0, `1 2`: 2, `"a`: 2, `"\`: 2, `"\x"`: 2, `"\u12"`: 2, `"\u00g0"`: 2, "\"a\nb\"": 2, "\"\x00\"": 1, `[`: 1,
	`[1`: 2, `[1,]`: 3, `[,1]`: 1,
	`[1 2]`: 3, `[1}`: 2, `{`: 1, `{"a"}`: 4, `{"a":}`: 5, `{"a":1,}`: 7, `{a:1}`: 1, `{"a":1]`: 6, `{1:2}`: 1, `]`: 0,
	"\u00a01": 0, "\ufeff1": 0,
	"1\v": 1, `'a'`: 0, `[1]]`: 3, `//x`: 0, `{"a" 1}`: 5, `"a"b`: 3, `_1`: 0, `1_0`: 1,
}

func TestSyntaxErrors(t *testing.T) {
	for text, offset := range invalid {
		s := NewScanner([]byte(text))
		s.Skip()
		s.End()
		var syntax *SyntaxError
		if assert.ErrorAs(t, s.Err(), &syntax, "%q", text) {
			assert.Equal(t, offset, syntax.Offset, "%q: %v", text, syntax)
		}
		_, err := AppendCanonical(nil, []byte(text), true)
		assert.ErrorAs(t, err, &syntax, "%q", text)
		assert.Equal(t, offset, syntax.Offset, "%q: %v", text, syntax)
	}
}

func TestErrorsStick(t *testing.T) {
	s := NewScanner([]byte(`{"a": "b", "c": 1}`))
	s.Open(KindArray)
	first := s.Err()
	require.EqualError(t, first, "invalid JSON: an array expected at byte 0")
	assert.Equal(t, KindInvalid, s.Kind())
	assert.False(t, s.NextMember())
	assert.False(t, s.NextElement())
	assert.Empty(t, s.Key())
	assert.Empty(t, s.Str())
	assert.Empty(t, s.Num())
	assert.Empty(t, s.Skip())
	assert.False(t, s.Bool())
	s.Null()
	s.Open(KindObject)
	s.End()
	assert.Same(t, first, s.Err())
}

func TestDepthIsNoLimit(t *testing.T) {
	const depth = 200_000
	for _, pair := range [][2]string{{"[", "]"}, {`{"a":`, "}"}, {`[{"a":`, "}]"}} {
		text := []byte(strings.Repeat(pair[0], depth) + "1" + strings.Repeat(pair[1], depth))
		s := NewScanner(text)
		assert.Len(t, s.Skip(), len(text))
		s.End()
		require.NoError(t, s.Err())
		out, err := AppendCanonical(nil, text, true)
		require.NoError(t, err)
		assert.Equal(t, strings.ReplaceAll(string(text), ":", ": "), string(out))
		s = NewScanner(text[:len(text)-1])
		s.Skip()
		require.Error(t, s.Err())
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]struct {
		i     int64
		isInt bool
		fits  bool
	}{
		"0": {0, true, true}, "-0": {0, true, true}, "9223372036854775807": {9223372036854775807, true, true},
		"-9223372036854775808": {-9223372036854775808, true, true},
		"9223372036854775808":  {0, true, false}, "1180591620717411303424": {0, true, false}, "1.0": {}, "1e3": {},
		"1E3": {}, "NaN": {}, "Infinity": {}, "-Infinity": {}, "": {},
	} {
		i, fits := Int64([]byte(text))
		assert.Equal(t, want.i, i, text)
		assert.Equal(t, want.fits, fits, text)
		assert.Equal(t, want.isInt, IsInt([]byte(text)), text)
	}
}
