// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content/detect"
)

const (
	maxDepth    = 512 // of structured values
	maxEmbedded = 8   // JSON text within strings of JSON text

	masked = "[masked]"
)

// masker replaces what it finds in texts.
type masker struct {
	detectors []detect.Detector
	patterns  []*regexp.Regexp
}

func newMasker(c *Config) *masker {
	m := &masker{detectors: detect.New(c.Detectors, c.phoneRegions())}
	for _, p := range c.Patterns {
		m.patterns = append(m.patterns, regexp.MustCompile(p))
	}
	return m
}

// strong returns the masker for values that are or hold ids: what it finds is never part of one.
func (m *masker) strong() *masker {
	s := &masker{}
	for _, d := range m.detectors {
		if d.Strong {
			s.detectors = append(s.detectors, d)
		}
	}
	return s
}

// value masks what v holds, which is the value of key or of a list there, and reports whether that
// changed it.
func (m *masker) value(v pcommon.Value, key string, depth int) (changed bool) {
	if depth > maxDepth {
		v.SetStr(masked)
		return true
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s, changed := m.text(v.Str(), key, 0)
		if changed {
			v.SetStr(s)
		}
		return changed
	case pcommon.ValueTypeInt:
		s, changed := m.number(strconv.FormatInt(v.Int(), 10), key)
		if changed {
			v.SetStr(s)
		}
		return changed
	case pcommon.ValueTypeBytes:
		raw := v.Bytes().AsRaw()
		if !utf8.Valid(raw) {
			return false
		}
		s, changed := m.text(string(raw), key, 0)
		if changed {
			v.SetEmptyBytes().FromRaw([]byte(s))
		}
		return changed
	case pcommon.ValueTypeMap:
		return m.mapping(v.Map(), func(string) *masker { return m }, depth+1)
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			changed = m.value(e, key, depth+1) || changed
		}
	}
	return changed
}

// mapping masks keys, and values by the masker that of returns for their key, nil for none.
func (m *masker) mapping(dst pcommon.Map, of func(key string) *masker, depth int) (changed bool) {
	keys := false
	for key, v := range dst.All() {
		if by := of(key); by != nil {
			changed = by.value(v, key, depth) || changed
		}
		if !keys {
			_, keys = m.text(key, "", 0)
		}
	}
	if !keys {
		return changed
	}
	var n numbering
	var renamed xpdata.MapBuilder
	renamed.EnsureCapacity(dst.Len())
	for key, v := range dst.All() {
		if k, ok := m.text(key, "", 0); ok {
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

// text masks a text, which may be JSON and is the value of key, and reports whether that changed
// it. embedded is how many JSON texts it lies in.
func (m *masker) text(s, key string, embedded int) (string, bool) {
	if looksLikeJSON(s) {
		if embedded == maxEmbedded {
			if _, found := m.plain(s, key); found {
				return masked, true
			}
			return s, false
		}
		var n numbering
		changed := false
		member := key
		out, err := pyjson.Rewrite(s, func(kind pyjson.Kind, isKey bool, value string) (r string, replace bool) {
			switch {
			case kind == pyjson.KindNumber:
				r, replace = m.number(value, member)
			case isKey:
				member = value
				if r, replace = m.text(value, "", embedded+1); replace {
					r = n.next(r)
				}
			default:
				r, replace = m.text(value, member, embedded+1)
			}
			changed = changed || replace
			return r, replace
		})
		if err == nil {
			return out, changed
		}
	}
	return m.plain(s, key)
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
func (m *masker) plain(s, key string) (string, bool) {
	changed := false
	numbers := detect.HasDigits(s)
	for i := range m.detectors {
		if m.detectors[i].Numbers && !numbers {
			continue
		}
		if out, found := replaceAll(s, key, &m.detectors[i]); found {
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

func replaceAll(s, key string, d *detect.Detector) (string, bool) {
	var out []byte
	pos := 0
	for {
		start, end := d.Find(s, pos, key)
		if start < 0 {
			break
		}
		start = afterEscape(s, start, end)
		if out == nil {
			out = make([]byte, 0, len(s))
		}
		out = append(out, s[pos:start]...)
		out = append(out, '[')
		out = append(out, d.Name...)
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

// number masks the text of a number if it is that of a card, if key says that it is that of a
// phone, or, for own patterns, if they match; other digits are too often something else.
func (m *masker) number(s, key string) (string, bool) {
	for i := range m.detectors {
		if d := &m.detectors[i]; d.Whole {
			if start, end := d.Find(s, 0, key); start == 0 && end == len(s) {
				return "[" + d.Name + "]", true
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
