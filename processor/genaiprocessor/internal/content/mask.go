// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

const (
	maxDepth    = 512 // of structured values
	maxEmbedded = 8   // JSON text within strings of JSON text

	masked = "[masked]"
)

// masker replaces what it finds in texts.
type masker struct {
	detectors []detector
	patterns  []*regexp.Regexp
}

func newMasker(c *Config) *masker {
	m := &masker{}
	for _, d := range builtIn {
		if len(c.Detectors) == 0 || slices.Contains(c.Detectors, d.name) {
			m.detectors = append(m.detectors, d)
		}
	}
	for _, p := range c.Patterns {
		m.patterns = append(m.patterns, regexp.MustCompile(p))
	}
	return m
}

// strong returns the masker for values that are or hold ids: what it finds is never part of one.
func (m *masker) strong() *masker {
	s := &masker{}
	for _, d := range m.detectors {
		if d.strong {
			s.detectors = append(s.detectors, d)
		}
	}
	return s
}

// value masks what v holds and reports whether that changed it.
func (m *masker) value(v pcommon.Value, depth int) (changed bool) {
	if depth > maxDepth {
		v.SetStr(masked)
		return true
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s, changed := m.text(v.Str(), 0)
		if changed {
			v.SetStr(s)
		}
		return changed
	case pcommon.ValueTypeInt:
		s, changed := m.number(strconv.FormatInt(v.Int(), 10))
		if changed {
			v.SetStr(s)
		}
		return changed
	case pcommon.ValueTypeBytes:
		raw := v.Bytes().AsRaw()
		if !utf8.Valid(raw) {
			return false
		}
		s, changed := m.text(string(raw), 0)
		if changed {
			v.SetEmptyBytes().FromRaw([]byte(s))
		}
		return changed
	case pcommon.ValueTypeMap:
		return m.mapping(v.Map(), func(string) *masker { return m }, depth+1)
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			changed = m.value(e, depth+1) || changed
		}
	}
	return changed
}

// mapping masks keys, and values by the masker that of returns for their key, nil for none.
func (m *masker) mapping(dst pcommon.Map, of func(key string) *masker, depth int) (changed bool) {
	keys := false
	for key, v := range dst.All() {
		if by := of(key); by != nil {
			changed = by.value(v, depth) || changed
		}
		if !keys {
			_, keys = m.text(key, 0)
		}
	}
	if !keys {
		return changed
	}
	var n numbering
	var renamed xpdata.MapBuilder
	renamed.EnsureCapacity(dst.Len())
	for key, v := range dst.All() {
		if k, ok := m.text(key, 0); ok {
			key = n.next(k)
		}
		v.MoveTo(renamed.AppendEmpty(key))
	}
	renamed.UnsafeIntoMap(dst)
	return true
}

// numbering keeps masked keys apart: [email], [email]#2 …
type numbering int

func (n *numbering) next(key string) string {
	if *n++; *n == 1 {
		return key
	}
	return key + "#" + strconv.Itoa(int(*n))
}

// text masks a text, which may be JSON, and reports whether that changed it. embedded is how many
// JSON texts it lies in.
func (m *masker) text(s string, embedded int) (string, bool) {
	if looksLikeJSON(s) {
		if embedded == maxEmbedded {
			if _, found := m.plain(s); found {
				return masked, true
			}
			return s, false
		}
		var n numbering
		changed := false
		out, err := pyjson.Rewrite(s, func(kind pyjson.Kind, key bool, value string) (r string, replace bool) {
			if kind == pyjson.Number {
				r, replace = m.number(value)
			} else {
				r, replace = m.text(value, embedded+1)
			}
			if replace && key {
				r = n.next(r)
			}
			changed = changed || replace
			return r, replace
		})
		if err == nil {
			return out, changed
		}
	}
	return m.plain(s)
}

// looksLikeJSON reports whether it is worth while to try: s begins and ends like an object, a list
// or a string.
func looksLikeJSON(s string) bool {
	s = strings.Trim(s, " \t\r\n")
	if len(s) < 2 {
		return false
	}
	switch last := s[len(s)-1]; s[0] {
	case '{':
		return last == '}'
	case '[':
		return last == ']'
	case '"':
		return last == '"'
	}
	return false
}

// plain masks a text that isn't JSON.
func (m *masker) plain(s string) (string, bool) {
	changed := false
	numbers := strings.ContainsAny(s, "0123456789")
	for i := range m.detectors {
		if m.detectors[i].numbers && !numbers {
			continue
		}
		if out, found := replaceAll(s, &m.detectors[i]); found {
			s, changed = out, true
		}
	}
	for _, p := range m.patterns {
		if p.MatchString(s) {
			s, changed = p.ReplaceAllLiteralString(s, masked), true
		}
	}
	return s, changed
}

func replaceAll(s string, d *detector) (string, bool) {
	var out []byte
	pos := 0
	for {
		start, end := d.find(s, pos)
		if start < 0 {
			break
		}
		start = afterEscape(s, start, end)
		if out == nil {
			out = make([]byte, 0, len(s))
		}
		out = append(out, s[pos:start]...)
		out = append(out, '[')
		out = append(out, d.name...)
		out = append(out, ']')
		pos = end
	}
	if out == nil {
		return s, false
	}
	return string(append(out, s[pos:]...)), true
}

// afterEscape returns start or, if s[start] ends an escape of JSON text such as \n, where that is
// over: what is left of such a text stays readable.
func afterEscape(s string, start, end int) int {
	slashes := 0
	for start-slashes > 0 && s[start-1-slashes] == '\\' && slashes < 64 {
		slashes++
	}
	length := 1
	switch {
	case slashes%2 == 0:
		return start
	case s[start] == 'u':
		length = 5
	case strings.IndexByte("bfnrt", s[start]) < 0:
		return start
	}
	if start+length >= end {
		return start
	}
	return start + length
}

// number masks the text of a number if it is that of a card or, for own patterns, if they match;
// other digits are too often something else.
func (m *masker) number(s string) (string, bool) {
	for i := range m.detectors {
		if m.detectors[i].name == "card" {
			if start, end := findCard(s, 0); start == 0 && end == len(s) {
				return "[card]", true
			}
		}
	}
	for _, p := range m.patterns {
		if p.MatchString(s) {
			return p.ReplaceAllLiteralString(s, masked), true
		}
	}
	return s, false
}
