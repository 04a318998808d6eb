// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Texts on which searching that isn't linear would take hours.
func TestHostileTexts(t *testing.T) {
	const size = 1 << 20
	m := maskerOf()
	start := time.Now()
	for _, part := range []string{
		"a", "@", "a@", "a@a.", "a@bb.cc ", "%40", "a.", "1", "1 ", "4111 ", "4111111111111111 ", "1.", "1.1.1.", "::",
		"1:", "f:", "+", "+1 ", "(", "((1", "1-", "sk-", "sk- ", "eyJ", "eyJ.", "eyJ+", ".eyJ", "-eyJ ",
		"-", "-----BEGIN ", "-----BEGIN A PRIVATE KEY-----", "bearer ", "bearer bearer", "Bearer a+", "AKIA", `\n`, `\`,
		`"`, "{", "[", `{"`, `["`, "\xff", "é",
	} {
		s := strings.Repeat(part, size/len(part))
		m.text(s, "", 0)
		m.text("["+s+"]", "", 0)
		m.text(`["`+s+`"]`, "", 0)
	}
	m.text(strings.Repeat("a", 16*size), "", 0)
	maskerOf(`\b(a+)+\d{12}\b`).text(strings.Repeat("a", size), "", 0)
	assert.Less(t, time.Since(start), 5*time.Minute)
}

// Each of these numbers is looked up in the plans of all regions.
func TestHostileNumbers(t *testing.T) {
	const size = 1 << 17
	m := maskerOf()
	start := time.Now()
	for _, part := range []string{
		"0151 12345678 ", "01 002 ", "0 ", "(0) ", "(0", "0151-", "00 49 ", "+1 (", "call 98765 43210 ",
		"电话 612 345 678，",
		"call 999 99 99 99 ",
		"DE89 ", "DE89 3704 0044 0532 0130 01 ", "０", "\u0301", "0\u200b", "a-0151 ",
	} {
		s := strings.Repeat(part, size/len(part))
		m.text(s, "", 0)
		m.text(`{"phone": "`+s+`"}`, "", 0)
	}
	assert.Less(t, time.Since(start), 5*time.Minute)
}

func TestHostileNesting(t *testing.T) {
	m := maskerOf()
	deep := strings.Repeat(`[{"a":`, 10_000) + `"x@example.com"` + strings.Repeat("}]", 10_000)
	got, changed := m.text(deep, "", 0)
	assert.True(t, changed)
	assert.Equal(t, strings.Replace(deep, "x@example.com", "[email]", 1), got)

	text := `"x@example.com"` // JSON in JSON in JSON …; the escapes double the text each time
	for range 15 {
		text = string(pyjson.AppendString(nil, text))
	}
	got, changed = m.text(text, "", 0)
	assert.True(t, changed)
	assert.NotContains(t, got, "example")
	valid := pyjson.NewScanner([]byte(got))
	valid.Skip()
	valid.End()
	require.NoError(t, valid.Err())

	for _, action := range []Config{{Action: ActionMask, PersonIDs: PersonIDsDrop},
		{Action: ActionDrop, PersonIDs: PersonIDsDrop, Keep: []string{"mlflow.*"}},
		{Action: ActionHash, HashKey: secret}} {
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		for _, key := range []string{"mlflow.anything", genai.Assessments} {
			v := span.Attributes().PutEmptySlice(key)
			for range 10_000 {
				v = v.AppendEmpty().SetEmptySlice()
			}
			v.AppendEmpty().SetStr("x@example.com")
		}
		apply(t, td, action)
	}
}

func TestHostileSpan(t *testing.T) {
	const n = 100_000
	for _, config := range []Config{{Action: ActionMask, PersonIDs: PersonIDsDrop},
		{Action: ActionDrop, PersonIDs: PersonIDsDrop, Keep: []string{"key.7*"}},
		{Action: ActionHash, HashKey: secret}} {
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		attrs := span.Attributes()
		attrs.EnsureCapacity(n)
		raw := make(map[string]any, n)
		list := make([]any, n)
		for i := range n {
			key := fmt.Sprintf("key.%d@example.com", i)
			raw[key] = "[1, 2]"
			list[i] = key
		}
		raw[genai.JSONAttributes] = list
		raw[genai.SpanInputs] = math.NaN()
		raw[genai.SpanOutputs] = "\xff\xfe{\"a\": \"\xff@example.com\"}"
		require.NoError(t, attrs.FromRaw(raw))
		span.SetName("\xff")
		start := time.Now()
		apply(t, td, config)
		assert.Less(t, time.Since(start), time.Minute)
	}
}

// Masked texts of random characters are valid UTF-8, and hold nothing but pieces of the text, in
// their order, and names of detectors between them.
func TestRandomTextsStayValid(t *testing.T) {
	markers := regexp.MustCompile(`\[(?:api_key|email|iban|card|ip|phone)\](?:#\d+)?`)
	pieces := []string{
		"@", "＠", ".", "a", "例", "あ", "á", "e\u0301", "한", "😀", "\u200b", " ", "\n", "0", "３", "٣", "+", "-", "(", ")",
		"alice@example.com", "用户@例子.广告", "0151 12345678", "13812345678", "4111 1111 1111 1111", "call ", "电话",
		"DE89 3704 0044 0532 0130 00", "10.0.0.1", "sk-aaaaaaaaaaaaaaaaaaaaaaaa", "#", "`", "%40",
		strings.Repeat("例", 40), "x" + strings.Repeat("あ", 30) + "@b.co",
	}
	m := maskerOf()
	r := rand.New(rand.NewPCG(11, 12))
	changes := 0
	for range 50_000 {
		var b strings.Builder
		for range r.IntN(16) {
			if c := rune(r.IntN(0x30000)); r.IntN(3) == 0 && utf8.ValidRune(c) {
				b.WriteRune(c)
			} else {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
		}
		s := b.String()
		got, changed := m.text(s, "", 0)
		require.True(t, utf8.ValidString(got), "%q", s)
		require.Equal(t, s != got, changed)
		if changed {
			changes++
		}
		rest, kept := s, markers.Split(got, -1)
		require.True(t, strings.HasPrefix(s, kept[0]) && strings.HasSuffix(s, kept[len(kept)-1]), "%q from %q", got, s)
		for _, piece := range kept {
			_, after, found := strings.Cut(rest, piece)
			require.True(t, found, "%q from %q", got, s)
			rest = after
		}
	}
	require.Greater(t, changes, 10_000)
}

// FuzzText checks that masking keeps JSON valid, changes nothing where it finds nothing, finds
// nothing more a second time, and keeps valid UTF-8.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		`{"a": "Hi\nalice@example.com", "b": [4111111111111111, "\u0061lice\u0040example.com"], "c@example.com": null}`,
		`"\"alice@example.com\""`, `[{"x": "{\"y\": \"+49 30 1234567\"}"}]`,
		"10.0.0.1 2001:db8::1 (555) 123-4567 sk-aaaaaaaaaaaaaaaaaaaaaaaa Bearer " +
			"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", "a%40b.cc \xff@\xff.de",
		"-----BEGIN A PRIVATE KEY-----x-----END A PRIVATE KEY-----",
	} {
		f.Add(s)
	}
	m := maskerOf(`secret-\w+`)
	f.Fuzz(func(t *testing.T, s string) {
		got, changed := m.text(s, "", 0)
		require.Equal(t, s != got, changed)
		if utf8.ValidString(s) {
			require.True(t, utf8.ValidString(got), "%q", got)
		}
		if valid(s) {
			require.True(t, valid(got) || !looksLikeJSON(s), "%q", got)
			require.Equal(t, keysAndShape(s), keysAndShape(got))
		}
		_, again := m.text(got, "", 0)
		require.False(t, again, "%q", got)
	})
}

func valid(text string) bool {
	s := pyjson.NewScanner([]byte(text))
	s.Skip()
	s.End()
	return s.Err() == nil
}

// keysAndShape is the number of keys and of other strings and numbers of a JSON text that looks
// like an object, list or string.
func keysAndShape(text string) (n [2]int) {
	if looksLikeJSON(text) {
		_, _ = pyjson.Rewrite(text, func(_ pyjson.Kind, key bool, _ string) (string, bool) {
			if key {
				n[0]++
			} else {
				n[1]++
			}
			return "", false
		})
	}
	return n
}

// FuzzApply checks that no span makes any action panic, and that drop leaves nothing of what it
// doesn't know.
func FuzzApply(f *testing.F) {
	f.Add("mlflow.spanInputs", `{"a": "b"}`, "text", uint8(0))
	f.Add("mlflow.assessments", `[{"source": {"source_type": "HUMAN", "source_id": "alice"}}]`, "x", uint8(1))
	f.Add("mlflow.jsonAttributes", "mlflow.spanInputs", "gen_ai.x", uint8(2))
	f.Fuzz(func(t *testing.T, key, value, name string, kind uint8) {
		for _, c := range []Config{{Action: ActionDrop, PersonIDs: PersonIDsDrop},
			{Action: ActionMask, PersonIDs: PersonIDsDrop},
			{Action: ActionHash, HashKey: secret}, {Action: ActionMask, HashKey: secret}} {
			td := ptrace.NewTraces()
			ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
			ss.Scope().Attributes().PutStr(genai.PayloadsMode, "json")
			span := ss.Spans().AppendEmpty()
			span.SetName(name)
			var v pcommon.Value
			if kind%4 == 3 {
				v = span.Attributes().PutEmptyMap(key).PutEmpty(value)
			} else {
				v = span.Attributes().PutEmpty(key)
			}
			switch kind % 4 {
			case 0, 3:
				v.SetStr(value)
			case 1:
				v.SetEmptyBytes().FromRaw([]byte(value))
			case 2:
				v.SetEmptySlice().AppendEmpty().SetStr(value)
			}
			apply(t, td, c)
			if c.Action == ActionDrop && genai.ClassOf(key) != genai.ClassSafe &&
				genai.ClassOf(key) != genai.ClassName {
				require.Zero(t, span.Attributes().Len())
			}
		}
	})
}
