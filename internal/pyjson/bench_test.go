// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"bytes"
	"testing"
)

// benchText is a payload like that of a chat model's span: prose with a few escapes, some numbers,
// nesting.
var benchText = func() []byte {
	message := `{"role": "assistant", "content": "Here is what I found about the order.\nIt left the warehouse on ` +
		`Tuesday and, as \"express\", should arrive tomorrow. Caf\u00e9 vouchers: 2.", "score": 0.8731, "index": ` +
		`17, "tool_calls": null}`
	return []byte("[" + string(bytes.Repeat([]byte(message+", "), 40)) + message + "]")
}()

func BenchmarkSkip(b *testing.B) {
	b.SetBytes(int64(len(benchText)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(benchText)
		s.Skip()
		s.End()
		if s.Err() != nil {
			b.Fatal(s.Err())
		}
	}
}

func BenchmarkStr(b *testing.B) {
	text := AppendString(nil, benchText)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(text)
		if len(s.Str()) != len(benchText) {
			b.Fatal(s.Err())
		}
	}
}

func BenchmarkAppendString(b *testing.B) {
	var dst []byte
	b.SetBytes(int64(len(benchText)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendString(dst[:0], benchText)
	}
}

func BenchmarkAppendCanonical(b *testing.B) {
	for name, sorted := range map[string]bool{"kept": false, "sorted": true} {
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.SetBytes(int64(len(benchText)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = AppendCanonical(dst[:0], benchText, sorted); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
