package pyjson

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func upper(_ Kind, _ bool, value []byte) (string, bool) {
	s := strings.ToUpper(string(value))
	return s, s != string(value)
}

func TestAppendRewritten(t *testing.T) {
	for text, want := range map[string]string{
		`"a"`:                           `"A"`,
		` {"a" : [ "b\n", "C" ] } `:     ` {"A" : [ "B\n", "C" ] } `,
		`{"a":{},"b":[],"c":null}`:      `{"A":{},"B":[],"C":null}`,
		`[1, 1e5, NaN, true, "\u0061"]`: `[1, "1E5", "NAN", true, "A"]`,
		`["\u0041\/", "A"]`:             `["\u0041\/", "A"]`,
		`["\"q\\"]`:                     `["\"Q\\"]`,
	} {
		got, err := AppendRewritten([]byte("dst"), []byte(text), upper)
		require.NoError(t, err)
		assert.Equal(t, "dst"+want, string(got))
	}
	for _, text := range []string{"", `{"a":1`, `["a",]`, `"a" b`, `"a`, `{1:2}`} {
		got, err := AppendRewritten([]byte("dst"), []byte(text), upper)
		require.Error(t, err, text)
		assert.Equal(t, "dst", string(got))
	}
	deep := strings.Repeat(`[{"a":`, 100_000) + `"b"` + strings.Repeat("}]", 100_000)
	got, err := AppendRewritten(nil, []byte(deep), upper)
	require.NoError(t, err)
	assert.Equal(t, strings.ToUpper(deep), string(got))
}

// FuzzRewritten checks that replacing nothing changes nothing, and that replacing all strings by others keeps the text valid.
func FuzzRewritten(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := NewScanner(text)
		s.Skip()
		s.End()
		same, err := AppendRewritten(nil, text, func(Kind, bool, []byte) (string, bool) { return "", false })
		require.Equal(t, s.Err(), err)
		if err != nil {
			return
		}
		require.True(t, bytes.Equal(text, same))
		const other = "\"\\\n\x00é"
		changed, err := AppendRewritten(nil, text, func(Kind, bool, []byte) (string, bool) { return other, true })
		require.NoError(t, err)
		_, err = AppendRewritten(nil, changed, func(_ Kind, _ bool, v []byte) (string, bool) {
			require.Equal(t, other, string(v))
			return "", false
		})
		require.NoError(t, err)
	})
}
