// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// MaxScoreName is the number of characters of the longest name that ScoreName returns.
const MaxScoreName = 64

// ScorePrefix stands before ScoreName in the attribute that holds a score, unless the genai
// processor is told otherwise.
const ScorePrefix = "metric_"

// ScoreNames says of which characters the names of scores are made.
type ScoreNames string

// The ways.
const (
	ScoreNamesUnicode ScoreNames = "unicode" // letters and digits of all scripts
	ScoreNamesASCII   ScoreNames = "ascii"   // a-z and 0-9
)

// Of returns the name of a score for the name of an assessment.
func (n ScoreNames) Of(name string) string {
	if n == ScoreNamesASCII {
		return ASCIIScoreName(name)
	}
	return ScoreName(name)
}

// ScoreName returns the name of an assessment in a form that can be a column: lower case, since
// columns of Databricks don't distinguish it, of letters and digits of any script (with the marks
// that belong to letters) and _, every run of other characters one _, none at the ends. A name of
// more than MaxScoreName characters is cut and ends in a hash of the whole. The result is empty for
// a name without any letter or digit. What writes scores and what makes columns of them share this
// rule.
func ScoreName(name string) string { return limited(readable(name)) }

// ASCIIScoreName is ScoreName of the characters a-z, 0-9 and _ only. Latin letters lose their marks
// ("été" is ete). A name with letters that have no such form ends in a hash of its ScoreName.
func ASCIIScoreName(name string) string {
	name = readable(name)
	ascii, whole := transliterated(name)
	if !whole {
		ascii = strings.Trim(ascii+"_"+hashOf(name), "_")
	}
	return limited(ascii)
}

// readable is ScoreName of any length.
func readable(name string) string {
	name = norm.NFC.String(cases.Lower(language.Und).String(norm.NFC.String(name)))
	return joined(name, func(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) })
}

// joined makes one _ of every run of characters that are not kept, none at the ends.
func joined(name string, kept func(rune) bool) string {
	var b strings.Builder
	gap := false
	for _, r := range name {
		if kept(r) || r == '_' {
			b.WriteRune(r)
			gap = false
		} else if !gap {
			b.WriteByte('_')
			gap = true
		}
	}
	return strings.Trim(b.String(), "_")
}

// plainLetters are the Latin letters that do not decompose into one of a-z and a mark.
var plainLetters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "þ", "th",
	"ł", "l", "ħ", "h", "ı", "i", "ŋ", "ng", "ŧ", "t")

// transliterated returns the name in ASCII. whole is false if some letter or digit is left out.
func transliterated(name string) (ascii string, whole bool) {
	whole = true
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) {
			return -1
		}
		whole = whole && (r < utf8.RuneSelf || !unicode.In(r, unicode.L, unicode.N))
		return r
	}, strings.ToLower(norm.NFKD.String(plainLetters.Replace(name))))
	return joined(name, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }), whole
}

// limited cuts a long name.
func limited(name string) string {
	if utf8.RuneCountInString(name) <= MaxScoreName {
		return name
	}
	return string([]rune(name)[:MaxScoreName-9]) + "_" + hashOf(name)
}

func hashOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}
