// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

var captured = Options{CaptureContent: true}

func TestEverythingOfASpanIsKept(t *testing.T) {
	td := ptrace.NewTraces()
	trace := &mlflow.Trace{Spans: []mlflow.Span{{
		TraceID: [16]byte{1, 2}, ID: [8]byte{3}, Parent: [8]byte{4}, Name: "wörk", Start: 1700000000000000001,
		End:    1700000000000000002,
		Status: mlflow.StatusCodeError, Message: "it broke",
		Attributes: []mlflow.Attribute{attribute("mlflow.spanStartTimeNs", "1700000000000000001")},
		Events: []mlflow.Event{
			{Name: "mlflow.chunk.item.0", Time: 5, Attributes: []mlflow.Attribute{attribute(ChunkValue, `"{}"`),
				attribute("big", "99999999999999999999")}},
			{Name: "empty", Time: 6},
		},
		Links: []mlflow.Link{{TraceID: [16]byte{9}, SpanID: [8]byte{8},
			Attributes: []mlflow.Attribute{attribute("a", "[1]")}}},
	}}}
	stats := NewConverter(captured).Append(td, mlflow.Experiment{ID: "7", Name: "/Users/ann@example.com/My agent/"},
		trace)
	assert.Equal(t, Stats{Spans: 1, BigIntegers: 1}, stats)

	require.Equal(t, 1, td.ResourceSpans().Len())
	rs := td.ResourceSpans().At(0)
	assert.Equal(t, map[string]any{ServiceName: "My agent", ExperimentID: "7",
		ExperimentName: "/Users/ann@example.com/My agent/"}, rs.Resource().Attributes().AsRaw())
	assert.Equal(t, SchemaURL, rs.SchemaUrl())
	assert.Equal(t, GenAISchemaURL, rs.ScopeSpans().At(0).SchemaUrl())
	scope := rs.ScopeSpans().At(0).Scope()
	assert.Equal(t, "mlflow", scope.Name())
	assert.Empty(t, scope.Version())
	assert.Equal(t, map[string]any{PayloadsMode: "structured"}, scope.Attributes().AsRaw())

	s := rs.ScopeSpans().At(0).Spans().At(0)
	assert.Equal(t, pcommon.TraceID{1, 2}, s.TraceID())
	assert.Equal(t, pcommon.SpanID{3}, s.SpanID())
	assert.Equal(t, pcommon.SpanID{4}, s.ParentSpanID())
	assert.Equal(t, "wörk", s.Name())
	assert.EqualValues(t, 1700000000000000001, s.StartTimestamp())
	assert.EqualValues(t, 1700000000000000002, s.EndTimestamp())
	assert.Equal(t, ptrace.StatusCodeError, s.Status().Code())
	assert.Equal(t, "it broke", s.Status().Message())
	assert.Equal(t, map[string]any{"mlflow.spanStartTimeNs": int64(1700000000000000001), ErrorType: "_OTHER",
		ExperimentID: "7", Revision: int64(0)}, s.Attributes().AsRaw())
	assert.Equal(t, 2, s.Events().Len())
	assert.Equal(t, "mlflow.chunk.item.0", s.Events().At(0).Name())
	assert.EqualValues(t, 5, s.Events().At(0).Timestamp())
	assert.Equal(t, map[string]any{ChunkValue: "{}", "big": "99999999999999999999", JSONAttributes: []any{"big"}},
		s.Events().At(0).Attributes().AsRaw())
	assert.Zero(t, s.Events().At(1).Attributes().Len())
	assert.Equal(t, pcommon.TraceID{9}, s.Links().At(0).TraceID())
	assert.Equal(t, pcommon.SpanID{8}, s.Links().At(0).SpanID())
	assert.Equal(t, map[string]any{"a": []any{int64(1)}}, s.Links().At(0).Attributes().AsRaw())
}

func TestServiceName(t *testing.T) {
	tests := []struct {
		attributes []mlflow.Attribute
		experiment string
		want       string
	}{
		{nil, "support", "support"},
		{nil, "/Shared/team/support agent", "support agent"},
		{nil, "", "unknown_service:mlflow"},
		{nil, "//", "unknown_service:mlflow"},
		{[]mlflow.Attribute{attribute(ServiceName, `"claude-code"`)}, "support", "claude-code"},
		{[]mlflow.Attribute{attribute(ServiceName, `plain`)}, "support", "plain"},
		{[]mlflow.Attribute{attribute(ServiceName, `17`)}, "support", "support"},
		{[]mlflow.Attribute{attribute(ServiceName, ``)}, "support", "support"},
	}
	for _, tt := range tests {
		got := serviceOf(&mlflow.Span{Attributes: tt.attributes}, mlflow.Experiment{Name: tt.experiment})
		assert.Equal(t, tt.want, got)
	}
}

func TestResourcesAreShared(t *testing.T) {
	td := ptrace.NewTraces()
	c := NewConverter(captured)
	one := func(service string) *mlflow.Trace {
		s := mlflow.Span{ID: [8]byte{1}}
		if service != "" {
			s.Attributes = append(s.Attributes, attribute(ServiceName, `"`+service+`"`))
		}
		return &mlflow.Trace{Info: mlflow.Info{ExperimentID: "1"}, Spans: []mlflow.Span{s}}
	}
	exp := mlflow.Experiment{ID: "1", Name: "e"}
	c.Append(td, exp, one(""))
	c.Append(td, exp, one("svc"))
	c.Append(td, mlflow.Experiment{ID: "2", Name: "e"}, one(""))
	c.Append(td, exp, one(""))
	c.Append(td, mlflow.Experiment{Name: "e"}, one("svc")) // the id of the trace stands in
	c.Append(td, exp, &mlflow.Trace{})
	NewConverter(Options{Payloads: PayloadsJSON}).Append(td, exp, one(""))
	var counts []int
	for i := range td.ResourceSpans().Len() {
		counts = append(counts, td.ResourceSpans().At(i).ScopeSpans().At(0).Spans().Len())
	}
	assert.Equal(t, []int{2, 2, 1, 1}, counts)
}

func TestTopmostSpan(t *testing.T) {
	span := func(id, parent byte, start int64) mlflow.Span {
		return mlflow.Span{ID: [8]byte{id}, Parent: [8]byte{parent}, Start: start}
	}
	tests := map[string]struct {
		spans []mlflow.Span
		want  int
	}{
		"root":               {[]mlflow.Span{span(1, 0, 5), span(2, 1, 3)}, 0},
		"root last":          {[]mlflow.Span{span(2, 1, 3), span(3, 2, 1), span(1, 0, 5)}, 2},
		"parent is missing":  {[]mlflow.Span{span(2, 3, 3), span(3, 9, 5)}, 1},
		"earliest":           {[]mlflow.Span{span(1, 0, 5), span(2, 9, 4), span(3, 2, 1)}, 1},
		"first of equals":    {[]mlflow.Span{span(4, 1, 5), span(1, 0, 5), span(2, 0, 5)}, 1},
		"circle: still one":  {[]mlflow.Span{span(1, 2, 5), span(2, 1, 4)}, 1},
		"its own parent":     {[]mlflow.Span{span(1, 1, 5)}, 0},
		"without ids at all": {[]mlflow.Span{span(0, 0, 5), span(0, 0, 4)}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, topmost(tt.spans))
			many := slices.Clone(tt.spans)
			for range 20 { // more spans below the topmost one change nothing
				many = append(many, mlflow.Span{ID: [8]byte{99}, Parent: tt.spans[tt.want].ID, Start: 100})
			}
			assert.Equal(t, tt.want, topmost(many))
		})
	}
}

func TestTraceLevelData(t *testing.T) {
	td := ptrace.NewTraces()
	trace := &mlflow.Trace{
		Info: mlflow.Info{
			ID: "trace:/cat.schema.pre/0102", ExperimentID: "7", ClientRequestID: "req-1",
			State: mlflow.StateInProgress, RequestPreview: "ask", ResponsePreview: "answer",
			Metadata: []mlflow.KeyValue{{Key: "custom", Value: ""}, {Key: "mlflow.mine", Value: "x"},
				{Key: "mlflow.source.git.commit", Value: "abc"},
				{Key: "mlflow.sourceRun", Value: "other"}, {Key: TraceSession, Value: "s1"},
				{Key: TraceUser, Value: "u1"}, {Key: "mlflow.trace.tokenUsage", Value: `{"input_tokens": 9}`}},
			Tags: []mlflow.KeyValue{{Key: "env", Value: "prod"},
				{Key: "mlflow.artifactLocation", Value: "mlflow-artifacts:/1"}, {Key: LinkedPrompts, Value: "[]"},
				{Key: "mlflow.trace.spansLocation", Value: "TRACKING_STORE"}, {Key: TraceName, Value: "my trace"}},
			Assessments: []mlflow.Assessment{{ID: "a-1", Name: "good", Kind: mlflow.AssessmentKindFeedback,
				Value:   []byte("true"),
				Updated: 70}, {ID: "a-2", Name: "bad", Kind: mlflow.AssessmentKindFeedback,
				Value: []byte("null"), Updated: 60}},
		},
		Synthetic: true,
		Spans: []mlflow.Span{
			{ID: [8]byte{2}, Parent: [8]byte{1}, Attributes: []mlflow.Attribute{attribute(SpanInputs, `1`)}},
			{ID: [8]byte{1}, Attributes: []mlflow.Attribute{
				attribute(SpanInputs, `null`), attribute(LinkedPrompts, `[{"name": "p", "version": "1"}]`),
				attribute("mlflow.sourceRun", `"run"`), attribute(SessionID, `"mine"`),
				attribute(Revision, `5`), attribute(Assessments, `[]`),
				attribute("mlflow.trace.spansLocation", `"ARTIFACT_REPO"`),
			}},
		},
	}
	NewConverter(captured).Append(td, mlflow.Experiment{ID: "7", Name: "e"}, trace)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	assert.Equal(t, map[string]any{SpanInputs: int64(1)}, spans.At(0).Attributes().AsRaw())
	got := spans.At(1).Attributes().AsRaw()
	assert.Len(t, got[Assessments], 2)
	delete(got, Assessments)
	assert.Equal(t, map[string]any{
		SpanInputs: nil, LinkedPrompts: []any{map[string]any{"name": "p", "version": "1"}}, PromptName: "p",
		"mlflow.sourceRun": "run", SessionID: "mine",
		TraceRequestID: "trace:/cat.schema.pre/0102", TraceLocation: "cat.schema.pre", TraceIDSynthetic: true,
		ExperimentID: "7", ClientRequestID: "req-1",
		TraceState: "IN_PROGRESS", ResponsePreview: "answer", ConversationID: "s1", UserID: "u1", TraceSession: "s1",
		TraceUser: "u1", Revision: int64(70),
		"mlflow.traceMetadata.custom": "", "mlflow.traceMetadata.mlflow.mine": "x", "mlflow.source.git.commit": "abc",
		"mlflow.traceMetadata.mlflow.sourceRun": "other",
		"mlflow.trace.tokenUsage":               `{"input_tokens": 9}`, "mlflow.traceTag.env": "prod",
		"mlflow.traceTag.mlflow.linkedPrompts": "[]",
		"mlflow.artifactLocation":              "mlflow-artifacts:/1", "mlflow.trace.spansLocation": "ARTIFACT_REPO",
		TraceName: "my trace",
	}, got)
}

// A session with levels is a list, whether MLflow keeps it as text in the metadata or writes it as a
// list into the span.
func TestSessionLevels(t *testing.T) {
	for text, want := range map[string]any{
		`["a","b"]`: []any{"a", "b"}, `["a"]`: []any{"a"}, `[]`: "[]", `["a",`: `["a",`, `[1]`: "[1]", "a": "a",
	} {
		for _, payloads := range []Payloads{PayloadsStructured, PayloadsJSON} {
			span := mlflow.Span{ID: [8]byte{1}}
			if list, ok := want.([]any); ok && len(list) == 2 && payloads == PayloadsStructured {
				span.Attributes = []mlflow.Attribute{attribute(SessionID, text)}
			}
			td := ptrace.NewTraces()
			NewConverter(Options{Payloads: payloads, CaptureContent: true}).Append(td, mlflow.Experiment{ID: "1"},
				&mlflow.Trace{Info: mlflow.Info{Metadata: []mlflow.KeyValue{{Key: TraceSession, Value: text}}},
					Spans: []mlflow.Span{span}})
			got := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
			assert.Equal(t, want, got[SessionID], text)
			assert.Equal(t, text, got[TraceSession])
		}
	}
}

func TestAssessmentsInJSONPayloads(t *testing.T) {
	td := ptrace.NewTraces()
	trace := &mlflow.Trace{Spans: []mlflow.Span{{ID: [8]byte{1}}},
		Info: mlflow.Info{Assessments: []mlflow.Assessment{{ID: "a-1", Name: "n", Kind: mlflow.AssessmentKindFeedback,
			Value: []byte("5.0")}}}}
	NewConverter(Options{CaptureContent: true, Payloads: PayloadsJSON}).Append(td, mlflow.Experiment{}, trace)
	attrs := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	assert.Equal(t, string(mlflow.AppendAssessments(nil, trace.Info.Assessments)), get(t, attrs, Assessments).Str())
	assert.Equal(t, []any{Assessments}, get(t, attrs, JSONAttributes).AsRaw())
}

func TestConvertersAreShared(t *testing.T) {
	c, exp := NewConverter(captured), mlflow.Experiment{ID: "1", Name: "e"}
	want := ptrace.NewTraces()
	c.Append(want, exp, chatTrace())
	results := make(chan ptrace.Traces)
	for range 8 {
		go func() {
			var td ptrace.Traces
			for range 50 {
				td = ptrace.NewTraces()
				c.Append(td, exp, chatTrace())
			}
			results <- td
		}()
	}
	for range 8 {
		assert.Equal(t, marshal(t, want), marshal(t, <-results))
	}
}
