// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func upper(_ Kind, _ bool, value string) (string, bool) {
	s := strings.ToUpper(value)
	return s, s != value
}

func TestRewrite(t *testing.T) {
	for text, want := range map[string]string{
		`"a"`:                           `"A"`,
		` {"a" : [ "b\n", "C" ] } `:     ` {"A" : [ "B\n", "C" ] } `,
		`{"a":{},"b":[],"c":null}`:      `{"A":{},"B":[],"C":null}`,
		`[1, 1e5, NaN, true, "\u0061"]`: `[1, "1E5", "NAN", true, "A"]`,
		`["\u0041\/", "A"]`:             `["\u0041\/", "A"]`,
		`["\"q\\"]`:                     `["\"Q\\"]`,
	} {
		got, err := Rewrite(text, upper)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", `{"a":1`, `["a",]`, `"a" b`, `"a`, `{1:2}`} {
		got, err := Rewrite(text, upper)
		require.Error(t, err, text)
		assert.Equal(t, text, got)
	}
	deep := strings.Repeat(`[{"a":`, 100_000) + `"b"` + strings.Repeat("}]", 100_000)
	got, err := Rewrite(deep, upper)
	require.NoError(t, err)
	assert.Equal(t, strings.ToUpper(deep), got)
}

// FuzzRewrite checks that replacing nothing changes nothing, and that replacing all strings by
// others keeps the text valid.
func FuzzRewrite(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := NewScanner([]byte(text))
		s.Skip()
		s.End()
		same, err := Rewrite(text, func(Kind, bool, string) (string, bool) { return "", false })
		require.Equal(t, s.Err(), err)
		require.Equal(t, text, same)
		if err != nil {
			return
		}
		const other = "\"\\\n\x00é"
		changed, err := Rewrite(text, func(Kind, bool, string) (string, bool) { return other, true })
		require.NoError(t, err)
		_, err = Rewrite(changed, func(_ Kind, _ bool, v string) (string, bool) {
			require.Equal(t, other, v)
			return "", false
		})
		require.NoError(t, err)
	})
}
