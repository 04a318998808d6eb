// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// FuzzConvert puts arbitrary text wherever a source's text ends up in a span.
func FuzzConvert(f *testing.F) {
	for _, raw := range []string{
		``, `null`, `"x"`, `{"a": [1, 2.5, null, {"b": "\ud83d"}]}`, `{"a": 1, "a": 2}`, `99999999999999999999`, `1.50`,
		`1E5`, `NaN`, `-0`, `-0.0`, `{"a": `, "{\"\xff\": \"\xff\"}", "\"\xed\xa0\x80\"",
		strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40), strings.Repeat(`{"a":`, 40) + `1e400` +
			strings.Repeat(`}`, 40), `["\u0000", "\u001f", "\u007f", "\u2028"]`,
		`{"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.1, "stop": ["a"], "n": 2, ` +
			`"stream": true}`,
		`{"id": "i", "choices": [{"finish_reason": "stop"}], "usage": {"completion_tokens_details": ` +
			`{"reasoning_tokens": 3}}}`,
		`{"input_tokens": 12, "output_tokens": 3, "cache_read_input_tokens": -1}`, `[{"name": "p", "version": "1"}]`,
		`"{\"seed\": 1}"`,
	} {
		f.Add([]byte(raw), "CHAT_MODEL", "text")
		f.Add([]byte(raw), "EMBEDDING", SpanInputs)
	}
	f.Fuzz(func(t *testing.T, raw []byte, spanType, text string) {
		// as mlflow.Attribute promises
		raw, spanType = bytes.ToValidUTF8(raw, []byte("\uFFFD")), strings.ToValidUTF8(spanType, "\uFFFD")
		trace := func() *mlflow.Trace {
			list := []mlflow.Attribute{{Key: SpanType, Raw: []byte(spanType)}, {Key: "x", Raw: bytes.Clone(raw)},
				{Key: text, Raw: bytes.Clone(raw)}}
			for _, key := range []string{SpanInputs, SpanOutputs, ChatUsage, LLMModel, LLMProvider, LinkedPrompts,
				SpanFunctionName, ServiceName, JSONAttributes} {
				list = append(list, mlflow.Attribute{Key: key, Raw: bytes.Clone(raw)})
			}
			pairs := []mlflow.KeyValue{{Key: text, Value: string(raw)}}
			return &mlflow.Trace{
				Info: mlflow.Info{ID: text, ClientRequestID: text, State: mlflow.State(text), RequestPreview: text,
					Metadata: pairs, Tags: pairs},
				Spans: []mlflow.Span{{
					Name: text, Message: text, Status: mlflow.StatusCodeError, Attributes: list,
					Events: []mlflow.Event{{Name: text, Attributes: list},
						{Name: "exception",
							Attributes: []mlflow.Attribute{{Key: ExceptionType, Raw: bytes.Clone(raw)}}}},
					Links: []mlflow.Link{{Attributes: list}},
				}},
			}
		}
		for _, opts := range []Options{{CaptureContent: true}, {CaptureContent: true, Payloads: PayloadsJSON}, {}} {
			c, source, td, again := NewConverter(opts), trace(), ptrace.NewTraces(), ptrace.NewTraces()
			stats := c.Append(td, mlflow.Experiment{ID: "1", Name: text}, source)
			require.Equal(t, trace(), source, "the source was changed")
			require.Equal(t, stats, c.Append(again, mlflow.Experiment{ID: "1", Name: text}, source))
			require.Equal(t, marshal(t, td), marshal(t, again), "converting twice differs")
			assertRoundTrip(t, td)
			assertValid(t, td)

			span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			_, kept := span.Attributes().Get("x")
			require.True(t, kept || !opts.CaptureContent)
			if opts.CaptureContent && opts.Payloads != PayloadsJSON && text != "x" {
				assertFaithful(t, span.Attributes(), "x", raw)
			}
		}
	})
}

// FuzzConvertArtifact converts whatever the decoder makes of a document.
func FuzzConvertArtifact(f *testing.F) {
	for _, version := range versions {
		documents, err := filepath.Glob(filepath.Join(recorded, version, "trace-*.artifact.json"))
		require.NoError(f, err)
		for _, path := range documents {
			f.Add(read(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		before := bytes.Clone(doc)
		trace, err := mlflow.DecodeTrace(mlflow.Info{ID: "tr-1", State: mlflow.StateOK}, doc)
		if err != nil {
			return
		}
		for _, opts := range []Options{{CaptureContent: true}, {CaptureContent: true, Payloads: PayloadsJSON}, {}} {
			c, td, again := NewConverter(opts), ptrace.NewTraces(), ptrace.NewTraces()
			require.Equal(t, c.Append(td, mlflow.Experiment{ID: "1"}, trace),
				c.Append(again, mlflow.Experiment{ID: "1"}, trace))
			require.Equal(t, len(trace.Spans), td.SpanCount())
			require.Equal(t, marshal(t, td), marshal(t, again), "converting twice differs")
			assertRoundTrip(t, td)
			assertValid(t, td)
		}
		require.Equal(t, before, doc, "the source was changed")
	})
}

func marshal(t *testing.T, td ptrace.Traces) []byte {
	t.Helper()
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return b
}

// assertFaithful checks that the attribute is what Python's json.loads makes of raw, unless it is
// listed to hold JSON text.
func assertFaithful(t *testing.T, m pcommon.Map, key string, raw []byte) {
	t.Helper()
	v := get(t, m, key)
	if listed, ok := m.Get(JSONAttributes); ok && listed.Type() == pcommon.ValueTypeSlice {
		for _, k := range listed.Slice().All() {
			if k.Str() == key {
				return
			}
		}
	}
	want, err := pyjson.AppendCanonical(nil, raw, false)
	if err != nil {
		if len(raw) == 0 {
			require.Equal(t, pcommon.ValueTypeEmpty, v.Type())
		} else {
			require.Equal(t, strings.ToValidUTF8(string(raw), "\uFFFD"), v.Str())
		}
		return
	}
	require.Equal(t, string(want), string(ValueText(nil, v)))
}

// assertValid checks that every string is UTF-8 and no key occurs twice.
func assertValid(t *testing.T, td ptrace.Traces) {
	t.Helper()
	var check func(v pcommon.Value)
	checkMap := func(m pcommon.Map) {
		seen := map[string]bool{}
		for k, v := range m.All() {
			require.True(t, utf8.ValidString(k))
			require.False(t, seen[k], "key twice")
			seen[k] = true
			check(v)
		}
	}
	check = func(v pcommon.Value) {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			require.True(t, utf8.ValidString(v.Str()))
		case pcommon.ValueTypeMap:
			checkMap(v.Map())
		case pcommon.ValueTypeSlice:
			for _, e := range v.Slice().All() {
				check(e)
			}
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		checkMap(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				require.True(t, utf8.ValidString(s.Name()) && utf8.ValidString(s.Status().Message()))
				checkMap(s.Attributes())
				for _, e := range s.Events().All() {
					require.True(t, utf8.ValidString(e.Name()))
					checkMap(e.Attributes())
				}
				for _, l := range s.Links().All() {
					checkMap(l.Attributes())
				}
			}
		}
	}
}
