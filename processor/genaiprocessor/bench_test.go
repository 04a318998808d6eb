// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package genaiprocessor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
	english = "The courier left the parcel with the neighbour on Tuesday; she signed for it at 14:05 and " +
		"nobody has asked since. "
	multilingual = "Die Lieferung kam am Dienstag an. Посылку забрал сосед. 荷物は隣の人が受け取りました。 الطرد وصل يوم الثلاثاء. " +
		"Le colis est arrivé. "
)

// benchTraces returns 100 traces of an agent, a model call, a retriever and a tool; inputs and
// outputs hold size bytes of text together, or are missing if it is 0.
func benchTraces(text string, size int) (td ptrace.Traces, bytes int) {
	td = ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().Attributes().PutStr(genai.PayloadsMode, string(genai.PayloadsStructured))
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
					s.Attributes().Remove([]string{genai.TokenCountRequest, genai.TokenCountResponse,
						genai.TokenCountEncoding, genai.TokenCountApproximate}[i])
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
	start := cpuTime()
	for b.Loop() {
		if err := p.ConsumeTraces(b.Context(), td); err != nil {
			b.Fatal(err)
		}
		if bytes > 0 {
			strip(td)
		}
	}
	report(b, start, td.SpanCount(), bytes)
}

// report adds spans and megabytes for each second that a processor core worked, which a busy
// machine doesn't change as much as it changes those that the clock says.
func report(b *testing.B, start time.Duration, spans, bytes int) {
	used := (cpuTime() - start).Seconds()
	b.ReportMetric(float64(b.N*spans)/used, "spans/cpu-s")
	if bytes > 0 {
		b.ReportMetric(float64(b.N*bytes)/used/1e6, "MB/cpu-s")
	}
}

// cpuTime is how long the cores have worked for this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func newBench(b *testing.B, change func(*Config)) processor.Traces {
	cfg := createDefaultConfig().(*Config)
	cfg.Tokens.Spans = SpansAll
	if change != nil {
		change(cfg)
	}
	p, err := NewFactory().CreateTraces(b.Context(), processortest.NewNopSettings(metadata.Type), cfg,
		consumertest.NewNop())
	require.NoError(b, err)
	return p
}

// BenchmarkAttributesOnly has spans without text: what the processor costs those that it has
// nothing to do for.
func BenchmarkAttributesOnly(b *testing.B) {
	td, _ := benchTraces("", 0)
	benchmark(b, newBench(b, nil), td, 0)
}

// newNothing returns a processor that does nothing, for comparison.
func newNothing(b *testing.B) processor.Traces {
	p, err := processorhelper.NewTraces(b.Context(), processortest.NewNopSettings(metadata.Type), nil,
		consumertest.NewNop(),
		func(_ context.Context, td ptrace.Traces) (ptrace.Traces, error) { return td, nil },
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	require.NoError(b, err)
	return p
}

func BenchmarkNothing(b *testing.B) {
	td, _ := benchTraces("", 0)
	benchmark(b, newNothing(b), td, 0)
}

// BenchmarkBetweenOTLP reads a request of OTLP, processes it and writes it again, as the least that
// a collector does, with a processor that does nothing and with this one.
func BenchmarkBetweenOTLP(b *testing.B) {
	for _, input := range []struct {
		name string
		td   ptrace.Traces
	}{{"attributes", first(benchTraces("", 0))}, {"text", first(benchTraces(english, 2000))},
		{"sample", joined(sample(b, genai.PayloadsStructured))}} {
		request, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(input.td)
		require.NoError(b, err)
		for _, with := range []struct {
			name string
			make func(next consumer.Traces) (processor.Traces, error)
		}{
			{"nothing", func(next consumer.Traces) (processor.Traces, error) {
				return processorhelper.NewTraces(b.Context(), processortest.NewNopSettings(metadata.Type), nil, next,
					func(_ context.Context, td ptrace.Traces) (ptrace.Traces, error) { return td, nil },
					processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
			}},
			{"genai", func(next consumer.Traces) (processor.Traces, error) {
				return NewFactory().CreateTraces(b.Context(), processortest.NewNopSettings(metadata.Type),
					createDefaultConfig(), next)
			}},
			{"genai, all spans", func(next consumer.Traces) (processor.Traces, error) {
				cfg := createDefaultConfig().(*Config)
				cfg.Tokens.Spans = SpansAll
				return NewFactory().CreateTraces(b.Context(), processortest.NewNopSettings(metadata.Type), cfg, next)
			}},
		} {
			b.Run(input.name+"/"+with.name, func(b *testing.B) {
				next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
					_, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
					return err
				})
				require.NoError(b, err)
				p, err := with.make(next)
				require.NoError(b, err)
				b.SetBytes(int64(len(request)))
				b.ReportAllocs()
				start := cpuTime()
				for b.Loop() {
					td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
					if err == nil {
						err = p.ConsumeTraces(b.Context(), td)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				report(b, start, input.td.SpanCount(), len(request))
			})
		}
	}
}

func first(td ptrace.Traces, _ int) ptrace.Traces { return td }

func joined(parts []ptrace.Traces) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, part := range parts {
		part.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return td
}

// chatTraces are calls of models whose messages are the paragraphs of this project's documentation,
// eight to a call, none of which comes twice.
func chatTraces(b *testing.B) (td ptrace.Traces, bytes int) {
	files, err := filepath.Glob("../../docs/*.md")
	require.NoError(b, err)
	more, err := filepath.Glob("../../*/*/README.md")
	require.NoError(b, err)
	var texts []string
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		require.NoError(b, err)
		for paragraph := range strings.SplitSeq(string(text), "\n\n") {
			if len(paragraph) > 80 && !strings.HasPrefix(paragraph, "|") {
				texts = append(texts, paragraph)
			}
		}
	}
	td = ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().Attributes().PutStr(genai.PayloadsMode, string(genai.PayloadsStructured))
	for i := 0; i+8 <= len(texts); i += 8 {
		s := ss.Spans().AppendEmpty()
		s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1})
		s.Attributes().EnsureCapacity(16)
		s.Attributes().PutStr(genai.SpanType, "CHAT_MODEL")
		messages := s.Attributes().PutEmptyMap(genai.SpanInputs).PutEmptySlice("messages")
		for k, text := range texts[i : i+8] {
			m := messages.AppendEmpty().SetEmptyMap()
			m.PutStr("role", []string{"user", "assistant"}[k%2])
			m.PutStr("content", text)
		}
		v, _ := s.Attributes().Get(genai.SpanInputs)
		bytes += len(genai.ValueText(nil, v))
	}
	return td, bytes
}

// BenchmarkCount counts all spans.
func BenchmarkCount(b *testing.B) {
	for _, corpus := range []struct {
		name string
		make func() (ptrace.Traces, int)
	}{
		{"english", func() (ptrace.Traces, int) { return benchTraces(english, 4000) }},
		{"chat", func() (ptrace.Traces, int) { return chatTraces(b) }},
		{"multilingual", func() (ptrace.Traces, int) { return benchTraces(multilingual, 4000) }},
	} {
		for _, mode := range []text.Mode{text.ModeRaw, text.ModeText} {
			b.Run(corpus.name+"/"+string(mode), func(b *testing.B) {
				td, bytes := corpus.make()
				benchmark(b, newBench(b, func(c *Config) { c.Tokens.Mode = mode }), td, bytes)
			})
		}
	}
}

// BenchmarkSampleStore has the varied text of the sample store, most of it in small pieces.
func BenchmarkSampleStore(b *testing.B) {
	for _, payloads := range []genai.Payloads{genai.PayloadsStructured, genai.PayloadsJSON} {
		b.Run(string(payloads), func(b *testing.B) {
			td, bytes := joined(sample(b, payloads)), 0
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
