// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Everything that must not leave contains this word.
const secret = "SECRET"

func secretTrace() *mlflow.Trace {
	return &mlflow.Trace{
		Info: mlflow.Info{
			ID: "tr-1", RequestPreview: secret, ResponsePreview: secret,
			Metadata: []mlflow.KeyValue{{Key: "mine", Value: secret}, {Key: "mlflow.traceInputs", Value: secret},
				{Key: "mlflow.source.name", Value: secret}, {Key: "mlflow.source.git.repoURL", Value: secret},
				{Key: TraceSession, Value: "session"}},
			Tags: []mlflow.KeyValue{{Key: "mine", Value: secret}, {Key: "mlflow.note", Value: secret},
				{Key: TraceName, Value: "name"}},
			Assessments: []mlflow.Assessment{
				{ID: "a-1", Name: "good", Kind: mlflow.AssessmentKindFeedback,
					Value: []byte(`"yes"`), Rationale: secret,
					Metadata: []mlflow.KeyValue{{Key: "k", Value: secret},
						{Key: "mlflow.assessment.judgeCost", Value: "1"}}, Updated: 3},
				{ID: "a-2", Name: "expected", Kind: mlflow.AssessmentKindExpectation,
					Value: []byte(`"` + secret + `"`)},
				{ID: "a-3", Name: "expected", Kind: mlflow.AssessmentKindExpectation, Serialized: `["` + secret + `"]`},
				{ID: "a-4", Name: "failed", Kind: mlflow.AssessmentKindFeedback,
					Error: &mlflow.AssessmentError{Code: "RATE", Message: secret, StackTrace: secret}},
				{ID: "a-5", Name: "object", Kind: mlflow.AssessmentKindFeedback,
					Value: []byte(`{"a": "` + secret + `"}`)},
			},
		},
		Spans: []mlflow.Span{{
			Name: "call", Status: mlflow.StatusCodeError, Message: secret,
			Attributes: []mlflow.Attribute{
				attribute(SpanType, `"CHAT_MODEL"`),
				attribute(SpanInputs, `{"model": "gpt", "temperature": 0.5, "messages": ["`+secret+`"]}`),
				attribute(SpanOutputs, secret),
				attribute("anything", `"`+secret+`"`), attribute("gen_ai.input.messages", `"`+secret+`"`),
				attribute("mlflow.chat.messages", `["`+secret+`"]`),
			},
			Events: []mlflow.Event{
				{Name: "exception", Attributes: []mlflow.Attribute{attribute(ExceptionType, `"ValueError"`),
					attribute(ExceptionMessage, `"`+secret+`"`), attribute(ExceptionStacktrace, `"`+secret+`"`)}},
				{Name: "mlflow.chunk.item.0", Attributes: []mlflow.Attribute{attribute(ChunkValue, secret)}},
			},
			Links: []mlflow.Link{{Attributes: []mlflow.Attribute{attribute("why", secret)}}},
		}},
	}
}

func TestWithoutContent(t *testing.T) {
	for _, payloads := range []Payloads{PayloadsStructured, PayloadsJSON} {
		td := ptrace.NewTraces()
		stats := NewConverter(Options{Payloads: payloads}).Append(td, mlflow.Experiment{ID: "1", Name: "e"},
			secretTrace())
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		assert.NotContains(t, string(text), secret)
		assert.Equal(t, 22, stats.Dropped)

		span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		attrs := span.Attributes().AsRaw()
		delete(attrs, Assessments)
		delete(attrs, JSONAttributes)
		assert.Equal(t, map[string]any{
			SpanType: "CHAT_MODEL", OperationName: "chat", RequestModel: "gpt", RequestTemperature: 0.5,
			ErrorType: "ValueError", TraceRequestID: "tr-1", ExperimentID: "1",
			TraceName: "name", TraceSession: "session", SessionID: "session",
			ConversationID: "session", Revision: int64(3),
		}, attrs)
		assert.Equal(t, map[string]any{ExceptionType: "ValueError"}, span.Events().At(0).Attributes().AsRaw())
		assert.Equal(t, "mlflow.chunk.item.0", span.Events().At(1).Name())
	}
}

func TestSourceIsNotChangedByLeavingOutContent(t *testing.T) {
	trace := secretTrace()
	NewConverter(Options{}).Append(ptrace.NewTraces(), mlflow.Experiment{}, trace)
	assert.Equal(t, secretTrace(), trace)
}

func TestClasses(t *testing.T) {
	assert.Equal(t, ClassContent, ClassOf(SpanInputs))
	assert.Equal(t, ClassContent, ClassOf("mlflow.traceTag.mlflow.traceName"))
	assert.Equal(t, ClassContent, ClassOf("llm.input_messages.0.message.content"))
	assert.Equal(t, ClassContent, ClassOf("gen_ai.prompt.0.content"))
	assert.Equal(t, ClassSafe, ClassOf("gen_ai.prompt.name"))
	assert.Equal(t, ClassNumber, ClassOf("gen_ai.usage.input_tokens_of_mine"))
	assert.Equal(t, ClassNumber, ClassOf("metric_correctness"))
	assert.Equal(t, ClassSafe, ClassOf(CostCurrency))
	assert.Equal(t, ClassPerson, ClassOf(UserID))
	assert.Equal(t, ClassUnknown, ClassOf("k8s.pod.name"))
	assert.Equal(t, ClassSafe, ResourceClassOf("k8s.pod.name"))
	assert.Equal(t, ClassContent, ResourceClassOf("k8s.pod.annotation.note"))
	assert.Equal(t, ClassPerson, ResourceClassOf("process.user.name"))
	assert.Equal(t, ClassContent, ResourceClassOf(SpanInputs))
	assert.Equal(t, ClassUnknown, ResourceClassOf("note"))
	assert.Equal(t, ClassUnknown, ClassOf(""))
	for key := range metadataKeys {
		assert.NotEqual(t, ClassUnknown, ClassOf(key), key)
	}
	for key := range storageTags {
		assert.NotEqual(t, ClassUnknown, ClassOf(key), key)
	}
	for _, p := range params {
		assert.Equal(t, ClassSafe, ClassOf(p.name), p.name)
	}
}
