// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// compact removes the white space that the recorded answers were given.
func compact(b *testing.B, body []byte) []byte {
	b.Helper()
	var out bytes.Buffer
	require.NoError(b, json.Compact(&out, body))
	return out.Bytes()
}

// BenchmarkDecode decodes the trace that holds every kind of span in each wire form.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name, file string
	}{
		{"A", "testdata/2.22.5/trace-every_kind.artifact.json"},
		{"B", "testdata/3.4.0/trace-every_kind.artifact.json"},
		{"C", "testdata/3.17.2/trace-every_kind.artifact.json"},
		{"D", "testdata/3.17.2/trace-every_kind.get_v3.json"},
	} {
		b.Run(c.name, func(b *testing.B) {
			doc := compact(b, read(b, c.file))
			spans := 0
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				trace, err := DecodeTrace(Info{}, doc)
				if err != nil {
					b.Fatal(err)
				}
				spans += len(trace.Spans)
			}
			b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
		})
	}
}

// BenchmarkDecodeSpan decodes spans of about 2 kB, as they lie in a store.
func BenchmarkDecodeSpan(b *testing.B) {
	var doc struct{ Spans []json.RawMessage }
	require.NoError(b, json.Unmarshal(compact(b, read(b, "testdata/3.17.2/trace-every_kind.artifact.json")), &doc))
	var span []byte
	for _, s := range doc.Spans {
		if len(s) > len(span) {
			span = s
		}
	}
	b.SetBytes(int64(len(span)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeSpan(span); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}

func BenchmarkDecodeSearch(b *testing.B) {
	for name, file := range map[string]string{"V2": "testdata/3.17.2/search_v2.json",
		"V3": "testdata/3.17.2/search_v3.json"} {
		b.Run(name, func(b *testing.B) {
			body := compact(b, read(b, file))
			infos := 0
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				page, err := DecodeSearch(body)
				if err != nil {
					b.Fatal(err)
				}
				infos += len(page.Infos)
			}
			b.ReportMetric(float64(infos)/b.Elapsed().Seconds(), "infos/s")
		})
	}
}

func BenchmarkReadBatch(b *testing.B) {
	body := compact(b, read(b, "testdata/3.17.2/batch_get_v3.json"))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readBatch(body); err != nil {
			b.Fatal(err)
		}
	}
}
