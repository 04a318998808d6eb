// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScoreName(t *testing.T) {
	long := strings.Repeat("abcdefgh_", 10)
	for _, tt := range []struct{ name, unicode, ascii string }{
		{"relevance", "relevance", "relevance"},
		{"Retrieval/Precision", "retrieval_precision", "retrieval_precision"},
		{"a__b", "a__b", "a__b"}, {" a - b ", "a_b", "a_b"}, {"_a_", "a", "a"},
		{"p95.latency(ms)", "p95_latency_ms", "p95_latency_ms"},
		{"!?", "", ""}, {"", "", ""}, {"👍", "", ""}, {"\xff", "", ""},
		{"caf\u00e9", "caf\u00e9", "cafe"}, {"CAFE\u0301", "caf\u00e9", "cafe"}, {"été", "été", "ete"},
		{"naïve bayes", "naïve_bayes", "naive_bayes"}, {"Größe", "größe", "grosse"}, {"Łódź", "łódź", "lodz"},
		{"ΟΔΟΣ", "οδος", hashed("οδος")}, {"İ", "i\u0307", "i"},
		{"ＡＢＣ", "ａｂｃ", "abc"}, {"𝐀", "𝐀", "a"},
		{"日本", "日本", hashed("日本")}, {"日本 語", "日本_語", hashed("日本_語")},
		{"質問 quality", "質問_quality", "quality_" + hashed("質問_quality")},
		{"गुणवत्ता", "गुणवत्ता", hashed("गुणवत्ता")},
		{"คุณภาพ", "คุณภาพ", hashed("คุณภาพ")},
		{"جودة", "جودة", hashed("جودة")}, {"r²", "r²", "r2"}, {"٣", "٣", hashed("٣")},
	} {
		assert.Equal(t, tt.unicode, ScoreNamesUnicode.Of(tt.name), "%q", tt.name)
		assert.Equal(t, tt.ascii, ScoreNamesASCII.Of(tt.name), "%q in ASCII", tt.name)
	}
	cut := ScoreName(long)
	assert.Len(t, cut, MaxScoreName)
	assert.Equal(t, long[:55]+"_", cut[:56])
	assert.NotEqual(t, cut, ScoreName(long+"x"))
	assert.Equal(t, cut, ScoreName(strings.ToUpper(long)))
	assert.Equal(t, long[:64], ScoreName(long[:64]), "64 characters fit")
	assert.Equal(t, strings.Repeat("日", 64), ScoreName(strings.Repeat("日", 64)), "characters, not bytes")
	assert.Equal(t, 64, utf8.RuneCountInString(ScoreName(strings.Repeat("日", 65))))
}

func hashed(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}

// A name is a name again, and one with a letter or a digit is never empty.
func FuzzScoreName(f *testing.F) {
	for _, name := range []string{"Été", "日本 語", "a__b", "\xff", "İ",
		"ﬁ", strings.Repeat("Σ", 70), "\u0301", "_ᾳ"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for way, form := range map[ScoreNames]string{ScoreNamesUnicode: `^[\p{L}\p{M}\p{N}_]*$`,
			ScoreNamesASCII: `^[a-z0-9_]*$`} {
			got := way.Of(name)
			require.Regexp(t, form, got)
			require.Equal(t, got, way.Of(got), "again")
			require.LessOrEqual(t, utf8.RuneCountInString(got), MaxScoreName)
			if strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N) }) {
				require.NotEmpty(t, got)
			}
		}
	})
}
