// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/tokens"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadatatest"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// one returns a batch of one span with these attributes.
func one(t testing.TB, attributes map[string]any) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	addSpan(t, td, 1, 0, attributes)
	return td
}

func addSpan(t testing.TB, td ptrace.Traces, id, parent byte, attributes map[string]any) ptrace.Span {
	t.Helper()
	if td.ResourceSpans().Len() == 0 {
		td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	}
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{id})
	if parent != 0 {
		s.SetParentSpanID(pcommon.SpanID{parent})
	}
	require.NoError(t, s.Attributes().FromRaw(attributes))
	return s
}

func spanAt(td ptrace.Traces, i int) ptrace.Span {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i)
}

func cl100k(t testing.TB, s string) float64 {
	t.Helper()
	e, err := tokens.For("cl100k_base")
	require.NoError(t, err)
	return float64(e.Count(s))
}

func TestCounts(t *testing.T) {
	question := map[string]any{genai.SpanInputs: "where is it?", genai.SpanOutputs: ""}
	counts := func(request, response any) map[string]any {
		m := map[string]any{genai.TokenCountEncoding: "cl100k_base", genai.TokenCountApproximate: true}
		if request != nil {
			m[genai.TokenCountRequest] = request
		}
		if response != nil {
			m[genai.TokenCountResponse] = response
		}
		return m
	}
	tests := map[string]struct {
		attributes map[string]any
		change     func(*Config)
		want       map[string]any
	}{
		"empty is 0":        {question, nil, counts(cl100k(t, "where is it?"), 0.0)},
		"missing is absent": {map[string]any{genai.SpanInputs: "q"}, nil, counts(1.0, nil)},
		"or 0": {map[string]any{genai.SpanInputs: "q"},
			func(c *Config) { c.Tokens.ZeroWhenMissing = true }, counts(1.0, 0.0)},
		"both 0": {map[string]any{genai.SpanType: "AGENT"},
			func(c *Config) { c.Tokens.ZeroWhenMissing = true }, counts(0.0, 0.0)},
		"no text": {map[string]any{genai.SpanType: "AGENT"}, nil, map[string]any{}},
		"no GenAI span": {map[string]any{"http.route": "/"}, func(c *Config) { c.Tokens.ZeroWhenMissing = true },
			map[string]any{}},
		"nothing to count": {question, func(c *Config) { c.Tokens.Spans = SpansNone }, map[string]any{}},
		"no model call":    {question, func(c *Config) { c.Tokens.Spans = SpansLLM }, map[string]any{}},
		"counted before": {map[string]any{genai.SpanInputs: "other", genai.TokenCountEncoding: "x"}, nil,
			map[string]any{genai.TokenCountEncoding: "x"}},
		"condition holds": {question, func(c *Config) {
			c.Tokens.Conditions = []string{`span.name == "x"`, `span.attributes["mlflow.spanInputs"] != nil`}
		}, counts(cl100k(t, "where is it?"), 0.0)},
		"condition fails": {question, func(c *Config) { c.Tokens.Conditions = []string{`span.name == "x"`} },
			map[string]any{}},
		"text from elsewhere": {map[string]any{genai.SpanInputs: "q", "mine": "a b c"},
			func(c *Config) { c.Tokens.Request = `span.attributes["mine"]` }, counts(3.0, nil)},
		"structured elsewhere": {map[string]any{genai.SpanType: "AGENT", "mine": map[string]any{"a": []any{1}}},
			func(c *Config) { c.Tokens.Response = `span.attributes["mine"]` }, counts(nil, cl100k(t, `{"a": [1]}`))},
		"nothing elsewhere": {map[string]any{genai.SpanInputs: "q"},
			func(c *Config) { c.Tokens.Request = `span.attributes["mine"]` }, counts(1.0, nil)},
		"model from elsewhere": {map[string]any{genai.SpanInputs: "q", "mine": "gpt-4o"},
			func(c *Config) { c.Tokens.Model = `span.attributes["mine"]` },
			map[string]any{genai.TokenCountRequest: 1.0, genai.TokenCountEncoding: "o200k_base",
				genai.TokenCountApproximate: false}},
		"failing expression": {map[string]any{genai.SpanInputs: "q"},
			func(c *Config) { c.Tokens.Request = `ParseJSON("{")` }, counts(1.0, nil)},
		"cut preview": {map[string]any{genai.RequestPreview: strings.Repeat("a ", 498) + "a..."}, nil,
			map[string]any{genai.TokenCountRequest: cl100k(t, strings.Repeat("a ", 498)+"a..."),
				genai.TokenCountEncoding: "cl100k_base", genai.TokenCountApproximate: true,
				genai.TokenCountTruncated: true}},
		"chat overhead, OpenInference": {
			map[string]any{"openinference.span.kind": "LLM", "llm.model_name": "gpt-4",
				"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.name": "ann",
				"llm.input_messages.0.message.content": "q"},
			func(c *Config) { c.Tokens.Mode, c.Tokens.ChatOverhead = text.ModeText, true },
			map[string]any{genai.TokenCountRequest: 1.0 + 4 + 1 + 3, genai.TokenCountEncoding: "cl100k_base",
				genai.TokenCountApproximate: false},
		},
		"chat overhead": {
			map[string]any{genai.SpanType: "CHAT_MODEL", genai.RequestModel: "gpt-4",
				genai.SpanInputs: map[string]any{"messages": []any{map[string]any{"role": "user",
					"content": "q", "name": "ann"}}}},
			func(c *Config) { c.Tokens.Mode, c.Tokens.ChatOverhead = text.ModeText, true },
			map[string]any{genai.TokenCountRequest: 1.0 + 4 + 1 + 3, genai.TokenCountEncoding: "cl100k_base",
				genai.TokenCountApproximate: false},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if name == "cut preview" {
				require.Len(t, tt.attributes[genai.RequestPreview], 1000)
			}
			assert.Equal(t, tt.want, written(spanAt(refine(t, one(t, tt.attributes), tt.change), 0)))
		})
	}
}

func TestMissingUsageIsFilledOnRequestOnly(t *testing.T) {
	call := map[string]any{genai.SpanType: "CHAT_MODEL",
		genai.SpanInputs:  map[string]any{"messages": []any{map[string]any{"role": "user", "content": "where is it?"}}},
		genai.SpanOutputs: "there"}
	usage := func(td ptrace.Traces) map[string]any {
		found := map[string]any{}
		for _, key := range []string{genai.UsageInput, genai.UsageOutput, genai.TokensBackfilled} {
			if v, ok := spanAt(td, 0).Attributes().Get(key); ok {
				found[key] = v.AsRaw()
			}
		}
		return found
	}
	fill := func(c *Config) { c.Tokens.FillMissingUsage = true }
	assert.Empty(t, usage(refine(t, one(t, call), nil)))
	want := map[string]any{genai.UsageInput: int64(cl100k(t, "where is it?")), genai.UsageOutput: int64(1),
		genai.TokensBackfilled: true}
	once := refine(t, one(t, call), fill)
	assert.Equal(t, want, usage(once))
	assert.Equal(t, want, usage(refine(t, once, fill)), "what was filled is not filled again")
	for _, reported := range []map[string]any{{genai.UsageOutput: 5}, {genai.ChatUsage: `{"input_tokens": 5}`},
		{"llm.token_count.total": 5}} {
		maps.Copy(reported, call)
		assert.NotContains(t, usage(refine(t, one(t, reported), fill)), genai.TokensBackfilled)
	}
	agent := one(t, map[string]any{genai.SpanType: "AGENT", genai.SpanInputs: "q"})
	assert.Empty(t, usage(refine(t, agent, fill)))
}

func TestScoresGoWhereTheyBelong(t *testing.T) {
	list := []any{
		map[string]any{"assessment_name": "Relevance", "feedback": map[string]any{"value": "yes"}},
		map[string]any{"assessment_name": "precision", "span_id": "0200000000000000",
			"feedback": map[string]any{"value": 0}},
		map[string]any{"assessment_name": "lost", "span_id": "0900000000000000",
			"feedback": map[string]any{"value": 0}},
		map[string]any{"assessment_name": "odd", "span_id": "x", "feedback": map[string]any{"value": 0}},
		map[string]any{"assessment_name": "own", "span_id": "0100000000000000",
			"feedback": map[string]any{"value": true}},
	}
	td := one(t, map[string]any{genai.Assessments: list})
	addSpan(t, td, 2, 1, map[string]any{genai.SpanType: "RETRIEVER"})
	out := refine(t, td, nil)
	assert.Equal(t, map[string]any{"metric_relevance": 1.0, "metric_own": 1.0}, written(spanAt(out, 0)))
	assert.Equal(t, map[string]any{"metric_precision": 0.0}, written(spanAt(out, 1)))

	for name, tt := range map[string]struct {
		attributes map[string]any
		change     func(*Config)
		want       map[string]any
	}{
		"JSON string": {map[string]any{genai.Assessments: `[{"name": "a", "value": 1}]`}, nil,
			map[string]any{"metric_a": 1.0}},
		"table's column": {map[string]any{"assessments": []any{map[string]any{"name": "a", "score": false}}}, nil,
			map[string]any{"metric_a": 0.0}},
		"MLflow's comes first": {map[string]any{"assessments": `[{"name": "a", "value": 1}]`,
			genai.Assessments: `[{"name": "b", "value": 1}]`}, nil, map[string]any{"metric_b": 1.0}},
		"from elsewhere": {map[string]any{"mine": `[{"name": "a", "value": 1}]`},
			func(c *Config) { c.Assessments.Source = `span.attributes["mine"]` }, map[string]any{"metric_a": 1.0}},
		"condition": {map[string]any{genai.Assessments: `[{"name": "a", "value": 1}]`},
			func(c *Config) { c.Assessments.Conditions = []string{`span.name == "x"`} }, map[string]any{}},
		"none": {map[string]any{genai.Assessments: `[{"name": "a", "value": 1}]`},
			func(c *Config) { c.Assessments.MaxMetrics = 0 }, map[string]any{}},
	} {
		assert.Equal(t, tt.want, written(spanAt(refine(t, one(t, tt.attributes), tt.change), 0)), name)
	}
}

// Counts, scores and costs are those of what was said, although the policy takes it away.
func TestContentGoesLast(t *testing.T) {
	for _, td := range sample(t, genai.PayloadsStructured) {
		plain, dropped := ptrace.NewTraces(), ptrace.NewTraces()
		td.CopyTo(plain)
		td.CopyTo(dropped)
		a := refine(t, plain, nil)
		b := refine(t, dropped,
			func(c *Config) { c.Content.Action, c.Content.PersonIDs = content.ActionDrop, content.PersonIDsDrop })
		each(a, b, func(a, b ptrace.Span) {
			assert.Equal(t, written(a), written(b))
			_, ok := b.Attributes().Get(genai.SpanInputs)
			assert.False(t, ok)
		})
	}
}

// Conditions choose the spans whose scores count, whether a list or events tell of them.
func TestConditionsOfEvaluationEvents(t *testing.T) {
	for name, want := range map[string]map[string]any{"span": {"metric_a": 0.5}, "other": {}} {
		td := one(t, nil)
		spanAt(td, 0).SetName(name)
		e := spanAt(td, 0).Events().AppendEmpty()
		e.SetName(genai.EvaluationResult)
		e.Attributes().PutStr(genai.EvaluationName, "a")
		e.Attributes().PutDouble(genai.EvaluationScore, 0.5)
		got := refine(t, td, func(c *Config) { c.Assessments.Conditions = []string{`span.name == "span"`} })
		require.Equal(t, want, spanAt(got, 0).Attributes().AsRaw(), name)
	}
}

// What fails says which expression and which trace, and nothing of the span.
func TestExpressionsThatFail(t *testing.T) {
	secret := map[string]any{genai.SpanInputs: "SECRET", genai.Assessments: "SECRET"}
	core, logs := observer.New(zap.DebugLevel)
	run := func(mode ottl.ErrorMode) error {
		set := processortest.NewNopSettings(metadata.Type)
		set.Logger = zap.New(core)
		cfg := createDefaultConfig().(*Config)
		cfg.ErrorMode = mode
		cfg.Tokens.Conditions = []string{`ParseJSON(span.attributes["mlflow.spanInputs"]) == nil`, `span.name == ""`}
		cfg.Tokens.Request = `ParseJSON(span.attributes["mlflow.spanInputs"])`
		p, err := NewFactory().CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
		require.NoError(t, err)
		require.NoError(t, p.ConsumeTraces(t.Context(), ptrace.NewTraces()))
		return errorsOf(p.ConsumeTraces(t.Context(), one(t, secret)), p.ConsumeTraces(t.Context(), one(t, secret)))
	}
	require.NoError(t, run(ottl.SilentError))
	require.Zero(t, logs.Len())
	require.NoError(t, run(ottl.IgnoreError))
	require.Equal(t, 2, logs.Len(), "one line for each expression")
	err := run(ottl.PropagateError)
	require.ErrorContains(t, err,
		"tokens::conditions[0] can't be evaluated for a span of trace 01000000000000000000000000000000")
	require.NotContains(t, err.Error(), "SECRET")
	require.True(t, consumererror.IsPermanent(err), "it would fail again, for ever")
	for _, entry := range logs.All() {
		assert.NotContains(t, entry.Message, "SECRET")
		for _, v := range entry.ContextMap() {
			assert.NotContains(t, v, "SECRET")
		}
	}
}

func errorsOf(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(tel)
	core, logs := observer.New(zap.DebugLevel)
	set.Logger = zap.New(core)
	cfg := createDefaultConfig().(*Config)
	cfg.Assessments.MaxMetrics = 1
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	for range 2 {
		require.NoError(t,
			p.ConsumeTraces(t.Context(),
				one(t, map[string]any{genai.SpanInputs: "where is it?",
					genai.Assessments: `[{"name": "a", "value": 1}, {"name": "b", "value": 2}, {"name": "c"}]`})))
	}
	metadatatest.AssertEqualProcessorGenaiTokens(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 2 * int64(cl100k(t, "where is it?")),
			Attributes: attribute.NewSet(attribute.String("direction", "request"))}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorGenaiTexts(t, tel, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("direction", "request"),
			attribute.String("result", "counted"))},
		{Value: 2, Attributes: attribute.NewSet(attribute.String("direction", "response"),
			attribute.String("result", "missing"))},
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorGenaiTextBytes(t, tel, []metricdata.DataPoint[int64]{{Value: 2 * 12}},
		metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorGenaiScores(t, tel, []metricdata.DataPoint[int64]{{Value: 2}},
		metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorGenaiAssessmentsSkipped(t, tel, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("reason", string(scores.ReasonSpanLimit)))},
		{Value: 2, Attributes: attribute.NewSet(attribute.String("reason", string(scores.ReasonNoNumber)))},
	}, metricdatatest.IgnoreTimestamp())
	require.Equal(t, 1, logs.Len(), "a limit is warned about once")
	require.Contains(t, logs.All()[0].Message, "assessments::max_metrics")
}

// Names that become one attribute are counted each time and named once.
func TestCollidingNames(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(tel)
	core, logs := observer.New(zap.DebugLevel)
	set.Logger = zap.New(core)
	p, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	for _, text := range []string{
		`[{"name": "Is Safe", "value": 1}]`, `[{"name": "is/safe", "value": 0}]`, `[{"name": "is/safe", "value": 1}]`,
		`[{"id": "1", "name": "Is Safe", "value": 0}, {"id": "2", "name": "is-safe", "value": 1}]`,
	} {
		require.NoError(t, p.ConsumeTraces(t.Context(), one(t, map[string]any{genai.Assessments: text})))
	}
	metadatatest.AssertEqualProcessorGenaiScoreCollisions(t, tel, []metricdata.DataPoint[int64]{{Value: 3}},
		metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorGenaiAssessmentsSkipped(t, tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", string(scores.ReasonCollision)))},
	}, metricdatatest.IgnoreTimestamp())
	require.Equal(t, 1, logs.Len())
	require.Contains(t, logs.All()[0].Message, "assessments::rename")
	require.Equal(t, map[string]any{"attribute": "metric_is_safe"}, logs.All()[0].ContextMap())
}
