// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// chatTrace is a trace of four spans with 2.3 kB of attributes each, and as many tags, metadata and
// assessments as traces of an agent have.
func chatTrace() *mlflow.Trace {
	prose := strings.Repeat(`The store keeps spans as rows; \"traces\" are found by time.\n`, 7)
	question := `{"role": "user", "content": "` + prose + `"}`
	inputs := `{"model": "gpt-4o-mini", "temperature": 0.1, "messages": [{"role": "system", "content": "You answer ` +
		`briefly."}, ` + question + `, ` + question + `]}`
	outputs := `{"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [{"index": 0, ` +
		`"message": {"role": "assistant", "content": "` + prose +
		`"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 812, "completion_tokens": 97, "total_tokens": 909}}`
	span := func(id byte, name, kind string) mlflow.Span {
		return mlflow.Span{
			TraceID: [16]byte{1}, ID: [8]byte{id}, Name: name, Start: 1795237960286071296 + int64(id),
			End: 1795237961286071296, Status: mlflow.StatusCodeOK,
			Attributes: []mlflow.Attribute{
				attribute(TraceRequestID, `"tr-116b1577a5c4dc5da234ce8a0e4f6b4e"`), attribute(SpanType, `"`+kind+`"`),
				attribute(SpanInputs, inputs), attribute(SpanOutputs, outputs),
				attribute("mlflow.message.format", `"openai"`), attribute(LLMModel, `"gpt-4o-mini"`),
				attribute(LLMProvider, `"openai"`),
				attribute(ChatUsage,
					`{"input_tokens": 812, "output_tokens": 97, "total_tokens": 909, "cache_read_input_tokens": 4}`),
				attribute("mlflow.spanLogLevel", `20`),
			},
		}
	}
	t := &mlflow.Trace{Spans: []mlflow.Span{span(1, "agent", "AGENT"), span(2, "retrieve", "RETRIEVER"),
		span(3, "chat", "CHAT_MODEL"), span(4, "search", "TOOL")}}
	t.Spans[1].Parent, t.Spans[2].Parent, t.Spans[3].Parent = [8]byte{1}, [8]byte{1}, [8]byte{1}
	t.Info = mlflow.Info{
		ID: "tr-116b1577a5c4dc5da234ce8a0e4f6b4e", ExperimentID: "11", State: mlflow.StateOK, RequestPreview: "q",
		ResponsePreview: "a",
		Tags: []mlflow.KeyValue{{Key: "mlflow.artifactLocation", Value: "mlflow-artifacts:/11/traces/x/artifacts"},
			{Key: "mlflow.trace.spansLocation", Value: "TRACKING_STORE"}, {Key: TraceName, Value: "agent"}},
		Metadata: []mlflow.KeyValue{{Key: "mlflow.source.git.branch", Value: "main"},
			{Key: "mlflow.source.git.commit", Value: "abc"}, {Key: "mlflow.source.name", Value: "app.py"},
			{Key: TraceSession, Value: "s-1"}, {Key: "mlflow.trace.sizeBytes", Value: "9200"},
			{Key: "mlflow.trace.sizeStats", Value: `{"num_spans": 4}`},
			{Key: "mlflow.trace.tokenUsage", Value: `{"input_tokens": 812}`}, {Key: TraceUser, Value: "u-1"},
			{Key: "mlflow.trace_schema.version", Value: "3"}, {Key: "mlflow.user", Value: "ann"}},
		Assessments: []mlflow.Assessment{{ID: "a-1", Name: "helpful", TraceID: "tr-116b1577a5c4dc5da234ce8a0e4f6b4e",
			SourceType: "HUMAN", SourceID: "ann", Created: 1, Updated: 2, Kind: mlflow.AssessmentKindFeedback,
			Value:     []byte("true"),
			Rationale: "clear"}},
	}
	for i := range t.Spans {
		for _, a := range t.Spans[i].Attributes {
			t.Size += len(a.Key) + len(a.Raw)
		}
	}
	return t
}

func BenchmarkConvert(b *testing.B) {
	for _, payloads := range []Payloads{PayloadsStructured, PayloadsJSON} {
		b.Run(string(payloads), func(b *testing.B) {
			c, trace, exp := NewConverter(Options{Payloads: payloads, CaptureContent: true}), chatTrace(),
				mlflow.Experiment{ID: "11", Name: "support"}
			b.SetBytes(int64(25 * trace.Size))
			b.ReportAllocs()
			spans := 0
			for b.Loop() {
				td := ptrace.NewTraces()
				for range 25 {
					c.Append(td, exp, trace)
				}
				spans += td.SpanCount()
			}
			b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
		})
	}
}

// BenchmarkDecodeAndConvert is what a worker of a backfill does with a trace that it has read.
func BenchmarkDecodeAndConvert(b *testing.B) {
	trace := chatTrace()
	spans := []any{}
	for _, s := range trace.Spans {
		attributes := map[string]string{}
		for _, a := range s.Attributes {
			attributes[a.Key] = string(a.Raw)
		}
		spans = append(spans, map[string]any{
			"trace_id": s.TraceID[:], "span_id": s.ID[:], "parent_span_id": s.Parent[:], "name": s.Name,
			"start_time_unix_nano": s.Start, "end_time_unix_nano": s.End,
			"status":     map[string]any{"code": "STATUS_CODE_OK", "message": ""},
			"attributes": attributes, "events": []any{},
		})
	}
	doc, err := json.Marshal(map[string]any{"spans": spans})
	require.NoError(b, err)
	for _, payloads := range []Payloads{PayloadsStructured, PayloadsJSON} {
		b.Run(string(payloads), func(b *testing.B) {
			c, exp := NewConverter(Options{Payloads: payloads, CaptureContent: true}),
				mlflow.Experiment{ID: "11", Name: "support"}
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			spans := 0
			for b.Loop() {
				decoded, err := mlflow.DecodeTrace(trace.Info, bytes.Clone(doc))
				require.NoError(b, err)
				td := ptrace.NewTraces()
				spans += c.Append(td, exp, decoded).Spans
			}
			b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
		})
	}
}

func BenchmarkValueText(b *testing.B) {
	td := ptrace.NewTraces()
	NewConverter(Options{CaptureContent: true}).Append(td, mlflow.Experiment{}, chatTrace())
	v, _ := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(SpanInputs)
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		text = ValueText(text[:0], v)
	}
	b.SetBytes(int64(len(text)))
}
