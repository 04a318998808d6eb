// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"fmt"
	"math"
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
		m.text(s, 0)
		m.text("["+s+"]", 0)
		m.text(`["`+s+`"]`, 0)
	}
	m.text(strings.Repeat("a", 16*size), 0)
	maskerOf(`\b(a+)+\d{12}\b`).text(strings.Repeat("a", size), 0)
	assert.Less(t, time.Since(start), 5*time.Minute)
}

func TestHostileNesting(t *testing.T) {
	m := maskerOf()
	deep := strings.Repeat(`[{"a":`, 10_000) + `"x@example.com"` + strings.Repeat("}]", 10_000)
	got, changed := m.text(deep, 0)
	assert.True(t, changed)
	assert.Equal(t, strings.Replace(deep, "x@example.com", "[email]", 1), got)

	text := `"x@example.com"` // JSON in JSON in JSON …; the escapes double the text each time
	for range 15 {
		text = string(pyjson.AppendString(nil, text))
	}
	got, changed = m.text(text, 0)
	assert.True(t, changed)
	assert.NotContains(t, got, "example")
	valid := pyjson.NewScanner([]byte(got))
	valid.Skip()
	valid.End()
	require.NoError(t, valid.Err())

	for _, action := range []Config{{Action: Mask, PersonIDs: DropIDs},
		{Action: Drop, PersonIDs: DropIDs, Keep: []string{"mlflow.*"}}, {Action: Hash, HashKey: secret}} {
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
	for _, config := range []Config{{Action: Mask, PersonIDs: DropIDs},
		{Action: Drop, PersonIDs: DropIDs, Keep: []string{"key.7*"}}, {Action: Hash, HashKey: secret}} {
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
		got, changed := m.text(s, 0)
		require.Equal(t, s != got, changed)
		if utf8.ValidString(s) {
			require.True(t, utf8.ValidString(got), "%q", got)
		}
		if valid(s) {
			require.True(t, valid(got) || !looksLikeJSON(s), "%q", got)
			require.Equal(t, keysAndShape(s), keysAndShape(got))
		}
		_, again := m.text(got, 0)
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
		for _, c := range []Config{{Action: Drop, PersonIDs: DropIDs}, {Action: Mask, PersonIDs: DropIDs},
			{Action: Hash, HashKey: secret}, {Action: Mask, HashKey: secret}} {
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
			if c.Action == Drop && genai.ClassOf(key) != genai.ClassSafe && genai.ClassOf(key) != genai.ClassName {
				require.Zero(t, span.Attributes().Len())
			}
		}
	})
}
