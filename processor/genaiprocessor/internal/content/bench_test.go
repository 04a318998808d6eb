// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

const prose = "Here is what I found about order 4711 of the 3rd of May: it left the warehouse on Tuesday and, as " +
	"\"express\", should arrive tomorrow before 12:30. Write to service@example.com if it doesn't. "

// BenchmarkText is on texts of about 20 KB: without a digit, with the digits that texts usually
// have, with numbers that are no phone numbers, and with phone numbers.
func BenchmarkText(b *testing.B) {
	m := maskerOf()
	clean := strings.ReplaceAll(prose, "service@example.com", "our service team")
	words := strings.NewReplacer("4711", "number", "3rd of May", "first of May", "12:30", "noon").Replace(clean)
	for name, text := range map[string]string{
		"words":      strings.Repeat(words, 100),
		"chinese":    strings.Repeat("您的订单已于星期二离开仓库，作为快件，应该会在明天中午之前送达。如果没有收到，请联系客服。", 140),
		"prose":      strings.Repeat(clean, 100),
		"prose+mail": strings.Repeat(prose, 100),
		"numbers":    strings.Repeat("2026-11-21 12:30:45.123 id=9876543210 took 12.345 ms, 1,234,567 tokens. ", 280),
		"phones":     strings.Repeat("Ann: 0151 12345678, Bob: (555) 123-4567, Carol: please call 98765 43210. ", 260),
		"json": `{"messages": [` +
			strings.Repeat(`{"role": "user", "content": "`+strings.ReplaceAll(clean, `"`, `\"`)+`"}, `, 100) + `{}]}`,
		"json+mail": `{"messages": [` +
			strings.Repeat(`{"role": "user", "content": "`+strings.ReplaceAll(prose, `"`, `\"`)+`"}, `, 100) + `{}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				m.text(text, "", 0)
			}
		})
	}
}

// BenchmarkApply is on spans with attributes of usual sizes; each round works on a fresh copy,
// whose making isn't counted.
func BenchmarkApply(b *testing.B) {
	const spans = 100
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().Attributes().PutStr(genai.PayloadsMode, "structured")
	for range spans {
		s := ss.Spans().AppendEmpty()
		s.SetName("chat gpt-4o")
		a := s.Attributes()
		a.PutStr(genai.SpanType, "CHAT_MODEL")
		a.PutStr(genai.OperationName, "chat")
		a.PutStr(genai.RequestModel, "gpt-4o")
		a.PutStr(genai.ProviderName, "openai")
		a.PutInt(genai.UsageInput, 1000)
		a.PutInt(genai.UsageOutput, 100)
		a.PutDouble("metric_correctness", 1)
		message := a.PutEmptyMap(genai.SpanInputs).PutEmptySlice("messages").AppendEmpty().SetEmptyMap()
		message.PutStr("role", "user")
		message.PutStr("content", prose)
		a.PutStr(genai.SpanOutputs, prose)
		a.PutStr("own", "thing")
	}
	for _, c := range []Config{{Action: ActionDrop, PersonIDs: PersonIDsDrop},
		{Action: ActionMask, PersonIDs: PersonIDsDrop},
		{Action: ActionHash, HashKey: secret}} {
		b.Run(string(c.Action), func(b *testing.B) {
			p, err := New(c)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				fresh := ptrace.NewTraces()
				td.CopyTo(fresh)
				b.StartTimer()
				p.Apply(fresh)
			}
			b.ReportMetric(float64(b.N)*spans/b.Elapsed().Seconds(), "spans/s")
		})
	}
}
