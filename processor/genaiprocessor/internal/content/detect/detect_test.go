// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scripts are what random texts are made of.
var scripts = []*unicode.RangeTable{
	unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Han, unicode.Hiragana, unicode.Katakana,
	unicode.Hangul, unicode.Thai, unicode.Arabic, unicode.Hebrew, unicode.Devanagari,
	unicode.Mn, unicode.Nd, unicode.P, unicode.Sc, unicode.So, unicode.Zs, unicode.Cf, unicode.Co,
}

// randomRune is a character of a random script.
func randomRune(r *rand.Rand) rune {
	table := scripts[r.IntN(len(scripts))]
	if n := len(table.R16); n > 0 && (len(table.R32) == 0 || r.IntN(2) == 0) {
		in := table.R16[r.IntN(n)]
		return rune(in.Lo) + rune(in.Stride)*rune(r.IntN(int((in.Hi-in.Lo)/in.Stride)+1))
	}
	in := table.R32[r.IntN(len(table.R32))]
	return rune(in.Lo) + rune(in.Stride)*rune(r.IntN(int((in.Hi-in.Lo)/in.Stride)+1))
}

// randomText mixes random characters with pieces of what detectors look for.
func randomText(r *rand.Rand) string {
	pieces := []string{
		"@", "%40", "＠", ".", "a", "alice@example.com", "例子.广告", "用户@", "com", "+49", "0151 12345678", "(0", ")",
		"-", " ", "00", "13812345678", "4111 1111 1111 1111", "１２３", "call ", "电话",
		"DE89 3704 0044 0532 0130 00",
		"10.0.0.1", "::1", "sk-aaaaaaaaaaaaaaaaaaaaaaaa", "Bearer ", "-----BEGIN A PRIVATE KEY-----",
		"-----END A PRIVATE KEY-----", `\n`, `\u00e9`, "555-123-4567", "\u200b", "\u0301",
	}
	var b strings.Builder
	for range r.IntN(30) {
		if r.IntN(3) > 0 {
			b.WriteRune(randomRune(r))
		} else {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
	}
	return b.String()
}

// A match begins and ends between two characters, behind the one before; this is so within invalid
// UTF-8, too.
func TestMatchesAreOfWholeCharacters(t *testing.T) {
	detectors := New(nil, DefaultPhoneRegions)
	r := rand.New(rand.NewPCG(5, 6))
	matches := map[string]int{}
	for i := range 30_000 {
		s := randomText(r)
		require.True(t, utf8.ValidString(s))
		if i%10 == 0 && s != "" {
			s = s[:r.IntN(len(s))] + "\xff" + s[r.IntN(len(s)):]
		}
		for _, d := range detectors {
			for from := 0; ; {
				start, end := d.Find(s, from, "")
				if start < 0 {
					break
				}
				require.LessOrEqual(t, from, start)
				require.Less(t, start, end)
				if i%10 > 0 {
					require.True(t, utf8.ValidString(s[:start]), "%s: %q in %q", d.Name, s[start:end], s)
					require.True(t, utf8.ValidString(s[start:end]), "%s: %q in %q", d.Name, s[start:end], s)
				}
				if d.Numbers {
					require.True(t, HasDigits(s[start:end]))
				}
				from = end
				matches[d.Name]++
			}
		}
	}
	for _, name := range Names() {
		assert.Greater(t, matches[name], 100, name)
	}
}

// What stands around a match stays, whatever it is.
func TestSurroundingsStay(t *testing.T) {
	detectors := New(nil, DefaultPhoneRegions)
	r := rand.New(rand.NewPCG(7, 8))
	key := "sk-" + strings.Repeat("a1B2", 8)
	for range 20_000 {
		var b [2]strings.Builder // without what could belong to a match
		for i := range b {
			for range r.IntN(10) {
				c := randomRune(r)
				if c != utf8.RuneError && scriptOf(c) != latin && !unicode.IsDigit(c) && !unicode.IsMark(c) {
					b[i].WriteRune(c)
				}
			}
		}
		for plain, want := range map[string]string{
			"alice@example.com": "[email]", "10.0.0.1": "[ip]", "4111111111111111": "[card]",
			"DE89370400440532013000": "[iban]", "+49 151 12345678": "[phone]", key: "[api_key]",
		} {
			before, after := b[0].String()+" ", " "+b[1].String()
			require.Equal(t, before+want+after, replaced(before+plain+after, "", detectors))
		}
	}
}

func TestDigits(t *testing.T) {
	for block := range strings.SplitSeq("0123456789 ٠١٢٣٤٥٦٧٨٩ ०१२३४५६७८९ ０１２３４５６７８９ 𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡 ߀߁߂߃߄߅߆߇߈߉", " ") {
		want := byte('0')
		for i := 0; i < len(block); want++ {
			d, n := digitAt(block, i)
			require.Positive(t, n)
			assert.Equal(t, want, d)
			i += n
		}
	}
	for _, s := range []string{"", "abc", "é", "你好", "½", "Ⅳ", "①", "\xff\xd9"} {
		assert.False(t, HasDigits(s), s)
	}
	assert.True(t, HasDigits("你好３"))
}

func FuzzFind(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		f.Add(randomText(r), "phone")
	}
	for _, s := range notPhones {
		f.Add(s, "")
	}
	detectors := New(nil, DefaultPhoneRegions)
	f.Fuzz(func(t *testing.T, s, key string) {
		for _, d := range detectors {
			for from := 0; ; {
				start, end := d.Find(s, from, key)
				if start < 0 {
					break
				}
				require.True(t, from <= start && start < end && end <= len(s))
				if utf8.ValidString(s) {
					require.True(t, utf8.ValidString(s[:start]) && utf8.ValidString(s[end:]), "%q", s)
				}
				from = end
			}
		}
	})
}
