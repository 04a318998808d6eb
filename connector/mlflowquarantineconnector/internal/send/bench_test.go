// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// BenchmarkDeliver is a message of 100 traces of 5 spans, about 1 MiB, that is accepted: copied for a pipeline that
// changes it, and not. Decoding the message is what each receiver does before.
func BenchmarkDeliver(b *testing.B) {
	td := message("1", from(1, 100)...)
	for _, rs := range td.ResourceSpans().All() {
		spans := rs.ScopeSpans().At(0).Spans()
		for spans.Len() < 5 {
			spans.At(0).CopyTo(spans.AppendEmpty())
		}
		for _, s := range spans.All() {
			for i := range 10 {
				s.Attributes().PutStr(fmt.Sprint("some.attribute.", i), strings.Repeat("x", 100))
			}
			inputs := s.Attributes().PutEmptyMap("mlflow.spanInputs")
			for i := range 8 {
				inputs.PutStr(fmt.Sprint("argument", i), strings.Repeat("y", 100))
			}
		}
	}
	raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(b, err)
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, mutates := range []bool{false, true} {
		w := newWorld()
		w.Mutates, w.Settings.Deliver = mutates, nop
		b.Run(fmt.Sprintf("deliver, copied: %t", mutates), func(b *testing.B) {
			for b.Loop() {
				if err := w.Deliver(b.Context(), td); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
