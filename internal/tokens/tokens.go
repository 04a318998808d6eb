// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// An Encoding counts tokens. Its tables are built when it first counts. It may be used by any
// number of goroutines.
type Encoding struct {
	name       string
	pattern    pattern
	vocabulary func() *vocabulary
}

var (
	r50k   = sync.OnceValue(func() *vocabulary { return newVocabulary(p50kMerges, 24) })
	p50k   = sync.OnceValue(func() *vocabulary { return newVocabulary(p50kMerges, 0) })
	cl100k = sync.OnceValue(func() *vocabulary { return newVocabulary(cl100kMerges, 0) })
	o200k  = sync.OnceValue(func() *vocabulary { return newVocabulary(o200kMerges, 0) })

	encodings = []*Encoding{
		{"cl100k_base", patternCl100k, cl100k},
		{"o200k_base", patternO200k, o200k},
		{"o200k_harmony", patternO200k, o200k},
		{"p50k_base", patternR50k, p50k},
		{"p50k_edit", patternR50k, p50k},
		{"r50k_base", patternR50k, r50k},
		{"gpt2", patternR50k, r50k},
	}
)

// For returns the encoding with the given name: cl100k_base, o200k_base, o200k_harmony, p50k_base,
// p50k_edit, r50k_base or gpt2.
func For(encoding string) (*Encoding, error) {
	for _, e := range encodings {
		if e.name == encoding {
			return e, nil
		}
	}
	return nil, fmt.Errorf("unknown token encoding %q, use one of %s", encoding, strings.Join(Names(), ", "))
}

// Names returns the names that For knows.
func Names() []string {
	var names []string
	for _, e := range encodings {
		names = append(names, e.name)
	}
	return names
}

// Name returns the name the encoding was asked for by.
func (e *Encoding) Name() string { return e.name }

// Count returns the number of tokens of text. Text that looks like a special token counts as
// ordinary text. Where text is not valid UTF-8, each maximal invalid part (Unicode's "substitution
// of maximal subparts") counts as U+FFFD does.
func (e *Encoding) Count(text string) int {
	n, _ := e.CountUpTo(text, int(^uint(0)>>1))
	return n
}

// CountUpTo returns Count(text) and true if that is at most limit. Otherwise it returns limit and
// false, and stops reading soon after that is known. limit must not be negative.
func (e *Encoding) CountUpTo(text string, limit int) (n int, within bool) {
	n = e.vocabulary().countText(e.pattern, text, limit)
	return min(n, limit), n <= limit
}

// replaceInvalid returns s with U+FFFD in place of each maximal subpart of an ill-formed sequence
// (Unicode, section 3.9): the longest prefix of a valid sequence, or a single byte.
func replaceInvalid(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/2)
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			b.WriteString("\uFFFD")
			n = invalidPrefix(s)
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// invalidPrefix returns the length of the maximal subpart at the start of s, which is no valid
// sequence.
func invalidPrefix(s string) int {
	need, low, high := 0, byte(0x80), byte(0xbf)
	switch c := s[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c >= 0xe0 && c <= 0xef:
		need = 2
		if c == 0xe0 {
			low = 0xa0
		} else if c == 0xed {
			high = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		need = 3
		if c == 0xf0 {
			low = 0x90
		} else if c == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n <= need && n < len(s) && s[n] >= low && s[n] <= high {
		n, low, high = n+1, 0x80, 0xbf
	}
	return n
}

// Ranks returns the vocabulary, token to rank, in a map of its own: what other implementations of
// byte-pair encoding take.
func (e *Encoding) Ranks() map[string]int { return e.vocabulary().ranks() }
