package genaiprocessor

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

const (
	english      = "The courier left the parcel with the neighbour on Tuesday; she signed for it at 14:05 and nobody has asked since. "
	multilingual = "Die Lieferung kam am Dienstag an. Посылку забрал сосед. 荷物は隣の人が受け取りました。 الطرد وصل يوم الثلاثاء. Le colis est arrivé. "
)

// benchTraces returns 100 traces of an agent, a model call, a retriever and a tool; inputs and outputs hold size bytes of text together, or are missing if it is 0.
func benchTraces(text string, size int) (td ptrace.Traces, bytes int) {
	td = ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().Attributes().PutStr(genai.PayloadsMode, string(genai.Structured))
	for i := range 100 {
		for j, kind := range []string{"AGENT", "CHAT_MODEL", "RETRIEVER", "TOOL"} {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1, byte(i)})
			s.SetSpanID(pcommon.SpanID{byte(i), byte(j + 1)})
			if j > 0 {
				s.SetParentSpanID(pcommon.SpanID{byte(i), 1})
			}
			a := s.Attributes()
			a.EnsureCapacity(32)
			a.PutStr(genai.SpanType, kind)
			a.PutStr(genai.TraceRequestID, "tr-1")
			a.PutStr(genai.OperationName, "chat")
			if kind == "CHAT_MODEL" {
				a.PutStr(genai.RequestModel, "gpt-4o-mini")
				a.PutInt(genai.UsageInput, 100)
				a.PutInt(genai.UsageOutput, 20)
			}
			for k := range 10 {
				a.PutStr(fmt.Sprintf("app.setting.%d", k), "value")
			}
			if size > 0 {
				messages := a.PutEmptyMap(genai.SpanInputs).PutEmptySlice("messages")
				for range 4 {
					m := messages.AppendEmpty().SetEmptyMap()
					m.PutStr("role", "user")
					m.PutStr("content", strings.Repeat(text, size/len(text)/5+1))
				}
				a.PutEmptyMap(genai.SpanOutputs).PutStr("answer", strings.Repeat(text, size/len(text)/5+1))
				for _, key := range []string{genai.SpanInputs, genai.SpanOutputs} {
					v, _ := a.Get(key)
					bytes += len(genai.ValueText(nil, v))
				}
			}
		}
	}
	return td, bytes
}

// strip takes off what the processor wrote, so that the next round writes it again.
func strip(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				for i := range []string{"", "", "", ""} {
					s.Attributes().Remove([]string{genai.TokenCountRequest, genai.TokenCountResponse, genai.TokenCountEncoding, genai.TokenCountApproximate}[i])
				}
			}
		}
	}
}

func benchmark(b *testing.B, p processor.Traces, td ptrace.Traces, bytes int) {
	require.NoError(b, p.ConsumeTraces(b.Context(), td)) // builds the tables of the encodings
	strip(td)
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ConsumeTraces(b.Context(), td); err != nil {
			b.Fatal(err)
		}
		if bytes > 0 {
			strip(td)
		}
	}
	b.ReportMetric(float64(b.N*td.SpanCount())/b.Elapsed().Seconds(), "spans/s")
}

func newBench(b *testing.B, change func(*Config)) processor.Traces {
	cfg := createDefaultConfig().(*Config)
	cfg.Tokens.Spans = AllSpans
	if change != nil {
		change(cfg)
	}
	p, err := NewFactory().CreateTraces(b.Context(), processortest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(b, err)
	return p
}

// BenchmarkAttributesOnly has spans without text: what the processor costs those that it has nothing to do for.
func BenchmarkAttributesOnly(b *testing.B) {
	td, _ := benchTraces("", 0)
	benchmark(b, newBench(b, nil), td, 0)
}

// BenchmarkNothing is a processor that does nothing, for comparison.
func BenchmarkNothing(b *testing.B) {
	td, _ := benchTraces("", 0)
	p, err := processorhelper.NewTraces(b.Context(), processortest.NewNopSettings(metadata.Type), nil, consumertest.NewNop(),
		func(_ context.Context, td ptrace.Traces) (ptrace.Traces, error) { return td, nil }, processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	require.NoError(b, err)
	benchmark(b, p, td, 0)
}

// BenchmarkCount counts all spans.
func BenchmarkCount(b *testing.B) {
	for _, corpus := range []struct{ name, text string }{{"english", english}, {"multilingual", multilingual}} {
		for _, mode := range []text.Mode{text.Raw, text.Human} {
			b.Run(corpus.name+"/"+string(mode), func(b *testing.B) {
				td, bytes := benchTraces(corpus.text, 4000)
				benchmark(b, newBench(b, func(c *Config) { c.Tokens.Mode = mode }), td, bytes)
			})
		}
	}
}

// BenchmarkSampleStore has the varied text of the sample store, most of it in small pieces.
func BenchmarkSampleStore(b *testing.B) {
	for _, payloads := range []genai.Payloads{genai.Structured, genai.JSON} {
		b.Run(string(payloads), func(b *testing.B) {
			td := ptrace.NewTraces()
			bytes := 0
			for _, part := range sample(b, payloads) {
				part.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
			}
			for _, rs := range td.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, s := range ss.Spans().All() {
						for _, key := range []string{genai.SpanInputs, genai.SpanOutputs} {
							if v, ok := s.Attributes().Get(key); ok {
								bytes += len(genai.ValueText(nil, v))
							}
						}
					}
				}
			}
			benchmark(b, newBench(b, nil), td, bytes)
		})
	}
}
