// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAgainstPython compares with what Python wrote (testdata/vectors.py says how). PYJSON_VECTORS
// names another file of the same form, for a larger comparison.
func TestAgainstPython(t *testing.T) {
	path := os.Getenv("PYJSON_VECTORS")
	if path == "" {
		path = "testdata/vectors.tsv.gz"
	}
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	lines := bufio.NewReaderSize(unzipped, 1<<20)
	n := 0
	for ; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		text, want, ok := bytes.Cut(line[:len(line)-1], []byte("\t"))
		if !ok {
			want = text
		}
		got, err := AppendCanonical(nil, text, false)
		require.NoError(t, err, "%s", text)
		if !bytes.Equal(want, got) {
			t.Errorf("%s\nwant %s\ngot  %s", text, want, got)
		}
	}
	assert.GreaterOrEqual(t, n, 20_000)
}

var seeds = []string{
	`{"a":[1,2.5,-0,-0.0,1e400,NaN,-Infinity],"b":{"c":null,"c":true},"é":"\u00e9\ud83d\ude00\ud83d\n"}`,
	`"\ud800\udbff\udfff"`, `[[[[]]]]`, `{"":{}}`, " 1 ", "\"\xff\"",
	`{"context":"0x1","list":[{"k":1180591620717411303424}]}`, "\"12345678\\u001f\"", "[1,]", `{"a":1,}`,
}

// FuzzScanner checks that reading agrees with encoding/json wherever the dialects do, and that the
// text stays as it is.
func FuzzScanner(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := string(text)
		s := NewScanner(text)
		raw := s.Skip()
		s.End()
		err := s.Err()
		require.Equal(t, before, string(text))
		if json.Valid(text) {
			require.NoError(t, err)
			require.Equal(t, string(bytes.Trim(text, " \t\r\n")), string(raw))
		} else if err == nil {
			require.True(t, bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("Infinity")), "%q", text)
		}
		if err != nil {
			return
		}
		str := NewScanner(text)
		if str.Kind() != KindString {
			return
		}
		got := str.Str()
		require.NoError(t, str.Err())
		require.True(t, utf8.ValidString(got))
		var want string
		require.NoError(t, json.Unmarshal(text, &want))
		require.Equal(t, want, got)
	})
}

// FuzzCanonical checks that canonical text is a fixed point and means the same as what it was made
// from.
func FuzzCanonical(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, sorted bool) {
		before := string(text)
		got, err := AppendCanonical([]byte("dst"), text, sorted)
		require.Equal(t, before, string(text))
		s := NewScanner(text)
		s.Skip()
		s.End()
		require.Equal(t, s.Err(), err)
		require.Equal(t, "dst", string(got[:3]))
		if err != nil {
			require.Len(t, got, 3)
			return
		}
		got = got[3:]
		require.True(t, utf8.Valid(got))
		again, err := AppendCanonical(nil, got, sorted)
		require.NoError(t, err)
		require.Equal(t, string(got), string(again))
		if json.Valid(text) && !bytes.ContainsAny(text, "0123456789") { // encoding/json has other numbers
			var a, b any
			require.NoError(t, json.Unmarshal(text, &a))
			require.NoError(t, json.Unmarshal(got, &b))
			require.Equal(t, a, b)
		}
	})
}

func FuzzFloat(f *testing.F) {
	for _, bits := range []uint64{0, 1, math.Float64bits(1e16), math.Float64bits(1e-4), math.Float64bits(-0.1)} {
		f.Add(bits)
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		want := math.Float64frombits(bits)
		text := AppendFloat(nil, want)
		got, err := strconv.ParseFloat(string(text), 64)
		require.NoError(t, err)
		if math.IsNaN(want) {
			require.True(t, math.IsNaN(got))
			return
		}
		require.Equal(t, math.Float64bits(want), math.Float64bits(got))
		require.Equal(t, want, Float64(text))
		require.False(t, IsInt(text))
		s := NewScanner(text)
		require.Equal(t, string(text), string(s.Num()))
	})
}
