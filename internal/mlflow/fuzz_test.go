// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

func seed(f *testing.F, patterns ...string) {
	f.Helper()
	for _, version := range versions {
		for _, pattern := range patterns {
			for _, name := range recorded(f, version, pattern) {
				f.Add(read(f, name))
			}
		}
	}
}

// checkTrace checks what holds for whatever a decoder returns.
func checkTrace(t *testing.T, trace *Trace, err error, doc []byte) {
	if err != nil {
		var skip *Skip
		require.ErrorAs(t, err, &skip)
		require.Nil(t, trace)
		return
	}
	require.NotEmpty(t, trace.Spans)
	require.Equal(t, len(doc), trace.Size)
	for _, s := range trace.Spans {
		require.NotZero(t, s.TraceID)
		require.Equal(t, trace.Spans[0].TraceID, s.TraceID)
		require.NotZero(t, s.ID)
		require.True(t, utf8.ValidString(s.Name))
		checkAttributes(t, s.Attributes)
		for _, e := range s.Events {
			checkAttributes(t, e.Attributes)
		}
		for _, l := range s.Links {
			require.NotZero(t, l.TraceID)
			require.NotZero(t, l.SpanID)
			checkAttributes(t, l.Attributes)
		}
	}
}

func checkAttributes(t *testing.T, list []Attribute) {
	keys := map[string]bool{}
	for _, a := range list {
		require.False(t, keys[a.Key])
		keys[a.Key] = true
		require.True(t, utf8.Valid(a.Raw) && utf8.ValidString(a.Key))
	}
}

func FuzzDecodeArtifact(f *testing.F) {
	seed(f, "trace-*.artifact.json", "trace-*.get_v3.json")
	f.Fuzz(func(t *testing.T, doc []byte) {
		before := string(doc)
		trace, err := DecodeTrace(Info{ID: "tr-1"}, doc)
		require.Equal(t, before, string(doc))
		checkTrace(t, trace, err, doc)
		if err == nil {
			again, _ := DecodeTrace(Info{ID: "tr-1"}, []byte(before))
			require.Equal(t, again, trace)
		}
	})
}

func FuzzDecodeTyped(f *testing.F) {
	seed(f, "trace-*.get_v3.json", "batch_get_v3.json")
	f.Add([]byte(
		`{"spans":[{"attributes":[{"key":"k","value":{"kvlist_value":` +
			`{"values":[{"value":{"array_value":{"values":[{}]}},"key":"a"}]}}}]}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		trace, err := DecodeTrace(Info{ID: "tr-1"}, doc)
		checkTrace(t, trace, err, doc)
		err = ReadBatch(pyjson.NewStreamOf(doc), func(e Element) error {
			trace, err := e.Trace(Info{ID: e.TraceID})
			checkTrace(t, trace, err, doc[:e.Size])
			return nil
		})
		pieces := pyjson.NewStream(iotest.OneByteReader(bytes.NewReader(doc)))
		byPieces := ReadBatch(pieces, func(Element) error { return nil })
		require.Equal(t, err == nil, byPieces == nil)
	})
}

// FuzzTypedValue checks that whatever a typed value holds becomes canonical JSON text, but for keys
// that it holds twice.
func FuzzTypedValue(f *testing.F) {
	for _, value := range []string{`{"int_value":"1"}`, `{"double_value":"NaN"}`,
		`{"kvlist_value":{"values":[{"value":{"array_value":{"values":[{"string_value":"x"}]}},"key":"a"},{}]}}`} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		d := newDecoder(value)
		raw := d.block.keep(d.appendTyped(d.block.room()))
		if d.End(); d.Err() != nil {
			return
		}
		text, err := pyjson.AppendCanonical(nil, raw, false)
		require.NoError(t, err)
		s := pyjson.NewScanner(text)
		if s.Kind() != pyjson.KindArray && s.Kind() != pyjson.KindObject {
			require.Equal(t, string(text), string(raw))
		}
	})
}

func FuzzDecodeSpan(f *testing.F) {
	for _, version := range versions {
		for _, name := range recorded(f, version, "trace-*.artifact.json") {
			var doc struct{ Spans []json.RawMessage }
			require.NoError(f, json.Unmarshal(read(f, name), &doc))
			for _, span := range doc.Spans {
				f.Add([]byte(span))
			}
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		span, err := DecodeSpan(doc)
		if err != nil {
			var skip *Skip
			require.ErrorAs(t, err, &skip)
			return
		}
		trace := &Trace{Spans: []Span{span}, Size: len(doc)}
		Finish(trace)
		checkTrace(t, trace, nil, doc)
	})
}

func FuzzDecodeInfos(f *testing.F) {
	seed(f, "search_v?*.json", "trace-*.info_v?.json", "batch_get_infos_v3.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := DecodeSearch(body)
		if err != nil {
			require.Empty(t, page)
		}
		infos := page.Infos
		if info, err := DecodeInfo(body); err == nil {
			infos = append(infos, info)
		}
		for _, info := range infos {
			checkKeyValues(t, info.Tags)
			checkKeyValues(t, info.Metadata)
			text := AppendAssessments(nil, info.Assessments)
			again := newDecoder(text)
			list := again.assessments()
			again.End()
			require.NoError(t, again.Err(), "%s", text)
			require.Len(t, list, len(info.Assessments))
		}
	})
}

func checkKeyValues(t *testing.T, list []KeyValue) {
	for i := 1; i < len(list); i++ {
		require.Less(t, list[i-1].Key, list[i].Key)
	}
}
