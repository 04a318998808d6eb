// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var functions = template.FuncMap{
	"num": num, "name": func(s string) template.HTML { return name(s, 64) },
	"long": func(s string) template.HTML { return name(s, 256) },
	"cell": func(s string) template.HTML { return name(s, 40) },
	"text": func(s string) string { return clean(s, 600) },
}

// spaced writes a word of the report for programs, as handed_over, for people.
func spaced(word string) string { return strings.ReplaceAll(word, "_", " ") }

// nbsp keeps a number and its unit on one line.
const nbsp = "\u00a0"

// num writes a count with separators.
func num(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural writes a count and what it counts.
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return num(n) + " " + one + "s"
}

// was returns the verb for a count.
func was(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// is returns the verb for a count.
func is(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// short writes a count with three digits and a unit.
func short(v float64) string {
	for _, u := range []struct {
		unit string
		size float64
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if v >= u.size {
			return digits(v/u.size, 3) + nbsp + u.unit
		}
	}
	return digits(v, 3)
}

// digits writes a number with n significant digits, without an exponent and without trailing zeros behind the point.
func digits(v float64, n int) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	places := n - 1 - int(math.Floor(math.Log10(math.Abs(v))))
	s := strconv.FormatFloat(v, 'f', max(places, 0), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// duration writes milliseconds with three significant digits.
func duration(ms float64) string {
	switch {
	case ms < 1:
		return digits(ms, 2) + nbsp + "ms"
	case ms < 999.5:
		return digits(ms, 3) + nbsp + "ms"
	case ms < 59_950:
		return digits(ms/1000, 3) + nbsp + "s"
	}
	return elapsed(ms / 1000)
}

// elapsed writes seconds for people.
func elapsed(s float64) string {
	switch n := int64(math.Round(s)); {
	case s < 9.95:
		return strconv.FormatFloat(s, 'f', 1, 64) + nbsp + "s"
	case n < 60:
		return fmt.Sprintf("%d%ss", n, nbsp)
	case n < 3600:
		return fmt.Sprintf("%d%smin %d%ss", n/60, nbsp, n%60, nbsp)
	case n < 48*3600:
		return fmt.Sprintf("%d%sh %d%smin", n/3600, nbsp, n%3600/60, nbsp)
	default:
		return fmt.Sprintf("%d%sdays", n/86400, nbsp)
	}
}

// share writes a part in percent. A part that is there is never shown as nothing, nor an incomplete one as all.
func share(n, of int64) string {
	switch p := 100 * float64(n) / float64(max(of, 1)); {
	case n == 0:
		return "0" + nbsp + "%"
	case n == of:
		return "100" + nbsp + "%"
	case p < .1:
		return "<" + nbsp + "0.1" + nbsp + "%"
	case p >= 99.95 && n < of:
		return "99.9" + nbsp + "%"
	default:
		return strconv.FormatFloat(p, 'f', 1, 64) + nbsp + "%"
	}
}

// date writes the day of a time.
func date(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

// clock writes a time to the second.
func clock(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05 UTC") }

// clean replaces what can't be seen or changes the direction of text, and cuts what is longer than limit characters
// in the middle.
func clean(s string, limit int) string {
	var kept []rune
	total := utf8.RuneCountInString(s)
	tail := limit / 3
	head := limit - tail - 1
	i, marks := -1, 0
	for _, r := range s {
		i++
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if total > limit {
			if i == head {
				kept = append(kept, '…')
			}
			if i >= head && i < total-tail {
				continue
			}
		}
		if marks <= marksKept {
			kept = append(kept, visible(r))
		}
	}
	return string(kept)
}

// marksKept is how many marks a character may carry: scripts use two or three, and more of them cover the lines above.
const marksKept = 3

// visible returns the replacement character for a character that can't be seen or changes the direction of text.
// Joiners stay: scripts and signs need them.
func visible(r rune) rune {
	const joiner, nonJoiner = '\u200d', '\u200c'
	switch {
	case r == '\n' || r == '\t' || r == '\r':
		return ' '
	case r == joiner || r == nonJoiner:
		return r
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r),
		unicode.Is(unicode.Co, r):
		return utf8.RuneError
	}
	return r
}

// name writes a name from outside: isolated from the direction of the page, with places to break. A name of more than
// limit characters loses its middle; up to 256 characters are in its title.
func name(s string, limit int) template.HTML {
	var b strings.Builder
	shown := clean(s, limit)
	b.WriteString("<bdi")
	if utf8.RuneCountInString(s) > limit && limit >= 64 {
		b.WriteString(` title="` + template.HTMLEscapeString(clean(s, 256)) + `"`)
	}
	b.WriteString(">")
	for i, r := range shown {
		b.WriteString(template.HTMLEscapeString(string(r)))
		if strings.ContainsRune("_./:-", r) && i+1 < len(shown) {
			b.WriteString("<wbr>")
		}
	}
	b.WriteString("</bdi>")
	return template.HTML(b.String()) //nolint:gosec // each character is escaped
}
