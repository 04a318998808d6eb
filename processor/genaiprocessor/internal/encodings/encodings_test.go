// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package encodings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/tokens"
)

func TestChoice(t *testing.T) {
	rules := []Rule{{"claude-*", "o200k_base"}, {"my-deployment", "o200k_base"}, {"gpt-4o*", "cl100k_base"},
		{"claude-exact", "p50k_base"}, {"gpt-oss-*", "o200k_base"}}
	tests := map[string]struct {
		rules             []Rule
		request, response string
		want              string
		approximate       bool
	}{
		"table":                 {nil, "gpt-4o-mini", "", "o200k_base", false},
		"older":                 {nil, "gpt-4-0613", "", "cl100k_base", false},
		"with provider":         {nil, "openai/gpt-4o", "", "o200k_base", false},
		"unknown":               {nil, "claude-sonnet-4-5", "", "cl100k_base", true},
		"no model":              {nil, "", "", "cl100k_base", true},
		"answer is known":       {nil, "my-deployment", "gpt-4o-2024-08-06", "o200k_base", false},
		"glob":                  {rules, "claude-sonnet", "", "o200k_base", true},
		"exact before glob":     {rules, "claude-exact", "", "p50k_base", false},
		"exact":                 {rules, "my-deployment", "", "o200k_base", false},
		"against the table":     {rules, "gpt-4o", "", "cl100k_base", true},
		"with the table":        {rules, "gpt-oss-20b", "", "o200k_base", false},
		"rule before answer":    {rules, "my-deployment", "gpt-4", "o200k_base", false},
		"rule for the answer":   {rules, "x", "claude-3", "o200k_base", true},
		"all models":            {[]Rule{{"*", "r50k_base"}}, "gpt-4o", "", "r50k_base", true},
		"all, even without one": {[]Rule{{"*", "o200k_base"}}, "", "", "o200k_base", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := New(EngineNative, tt.rules, "cl100k_base")
			require.NoError(t, err)
			for range 2 { // the second time it is remembered
				choice := c.For(tt.request, tt.response)
				assert.Equal(t, tt.want, choice.Name)
				assert.Equal(t, tt.approximate, choice.Approximate)
				e, err := tokens.For(tt.want)
				require.NoError(t, err)
				assert.Equal(t, e.Count("a b <|endoftext|>"), choice.Count("a b <|endoftext|>"))
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	_, err := New(EngineNative, nil, "o300k")
	require.ErrorContains(t, err, `unknown token encoding "o300k", use one of cl100k_base`)
	_, err = New(EngineNative, []Rule{{"a", "b"}}, "cl100k_base")
	require.ErrorContains(t, err, `"b"`)
	_, err = New(EngineNative, []Rule{{"[a", "cl100k_base"}}, "cl100k_base")
	require.ErrorContains(t, err, `model_encodings[0]::match: "[a" is not a glob`)
	_, err = New("magic", nil, "cl100k_base")
	require.ErrorContains(t, err, `unknown engine "magic"`)
}

func TestNamesAreRememberedWithinBounds(t *testing.T) {
	c, err := New(EngineNative, nil, "cl100k_base")
	require.NoError(t, err)
	for i := range 2 * maxKnown {
		c.For(fmt.Sprint("model-", i), "")
	}
	assert.Len(t, c.known, maxKnown)
}

func TestEnginesAgree(t *testing.T) {
	texts := []string{
		"", " ", "Hello, world! It's 12345 o'clock.\r\n\r\n  indented",
		`{"question": "Où est ma commande?", "n": [1, 2.5, null]}`,
		"荷物は隣の人が受け取りました。 الطرد وصل 🚚👩‍👩‍👧‍👦", "<|endoftext|>", "\xff\xfe broken", strings.Repeat("word ", 50_000),
		// handed to the native engine
		strings.Repeat("a", 1<<20), strings.Repeat(" ", 100_000), strings.Repeat("é", 100_000),
		strings.Repeat("=-", 50_000),
	}
	for _, name := range tokens.Names() {
		native, err := EngineNative.counter(name)
		require.NoError(t, err)
		other, err := EngineTiktokenGo.counter(name)
		require.NoError(t, err)
		for _, text := range texts {
			assert.Equal(t, native(text), other(text), "%s %.40q", name, text)
		}
	}
}

func BenchmarkEngines(b *testing.B) {
	text := strings.Repeat("The courier left the parcel with the neighbour on Tuesday; she signed for it at 14:05. ",
		100)
	for _, engine := range []Engine{EngineNative, EngineTiktokenGo} {
		b.Run(string(engine), func(b *testing.B) {
			count, err := engine.counter("o200k_base")
			require.NoError(b, err)
			count(text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				count(text)
			}
		})
	}
}
