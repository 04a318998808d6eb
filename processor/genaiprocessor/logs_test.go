// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadatatest"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
)

// record returns a batch of one log record.
func record(t testing.TB, event string, attributes map[string]any) plog.Logs {
	t.Helper()
	ld := plog.NewLogs()
	lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetEventName(event)
	require.NoError(t, lr.Attributes().FromRaw(attributes))
	return ld
}

func recordAt(ld plog.Logs, i int) plog.LogRecord {
	return ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(i)
}

// refinedLogs sends batches through a processor and returns what comes out.
func refinedLogs(t testing.TB, change func(*Config), batches ...plog.Logs) []plog.Logs {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	sink := new(consumertest.LogsSink)
	p, err := NewFactory().CreateLogs(context.Background(), processortest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background(), componenttest.NewNopHost()))
	assert.True(t, p.Capabilities().MutatesData)
	for _, ld := range batches {
		require.NoError(t, p.ConsumeLogs(context.Background(), ld))
	}
	require.NoError(t, p.Shutdown(context.Background()))
	return sink.AllLogs()
}

func TestEvaluationsGetNumbers(t *testing.T) {
	tests := map[string]struct {
		event      string
		attributes map[string]any
		change     func(*Config)
		added      map[string]any
	}{
		"value": {genai.EvaluationResult,
			map[string]any{genai.EvaluationName: "Is Safe", genai.EvaluationScore: 0.5}, nil,
			map[string]any{"metric_is_safe": 0.5}},
		"label": {genai.EvaluationResult, map[string]any{genai.EvaluationName: "x", genai.EvaluationLabel: "pass"}, nil,
			map[string]any{"metric_x": 1.0, genai.EvaluationScore: 1.0}},
		"configured label": {genai.EvaluationResult,
			map[string]any{genai.EvaluationName: "x", genai.EvaluationLabel: "good"},
			func(c *Config) { c.Assessments.LabelScores = []scores.LabelScore{{Label: "good", Score: 3}} },
			map[string]any{"metric_x": 3.0, genai.EvaluationScore: 3.0}},
		"a score is never replaced": {genai.EvaluationResult,
			map[string]any{genai.EvaluationName: "x", genai.EvaluationLabel: "yes", genai.EvaluationScore: 1.0},
			func(c *Config) { c.Assessments.LabelScores = []scores.LabelScore{{Label: "yes", Score: 3}} },
			map[string]any{"metric_x": 3.0}},
		"name in an attribute": {"", map[string]any{"event.name": genai.EvaluationResult, genai.EvaluationName: "x",
			genai.EvaluationScore: 2}, nil, map[string]any{"metric_x": 2.0}},
		"no number": {genai.EvaluationResult,
			map[string]any{genai.EvaluationName: "x", genai.EvaluationLabel: "good"}, nil, nil},
		"not valid": {genai.EvaluationResult, map[string]any{genai.EvaluationName: "x", genai.EvaluationScore: 1.0,
			genai.AssessmentValid: false}, nil, nil},
		"switched off": {genai.EvaluationResult, map[string]any{genai.EvaluationName: "x", genai.EvaluationScore: 1.0},
			func(c *Config) { c.Assessments.MaxMetrics = 0 }, nil},
		"another event": {genai.TraceUpdated,
			map[string]any{genai.EvaluationName: "x", genai.EvaluationScore: 1.0}, nil, nil},
		"no event": {"", map[string]any{genai.EvaluationName: "x", genai.EvaluationScore: 1.0}, nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := record(t, tt.event, tt.attributes)
			for key, v := range tt.added {
				recordAt(want, 0).Attributes().PutDouble(key, v.(float64))
			}
			got := refinedLogs(t, tt.change, record(t, tt.event, tt.attributes))
			require.Len(t, got, 1)
			assert.NoError(t, plogtest.CompareLogs(want, got[0]))
			again := refinedLogs(t, tt.change, got[0])
			assert.NoError(t, plogtest.CompareLogs(want, again[0]), "idempotent")
		})
	}
}

// A score has the same number as an attribute of a span and of a log record.
func TestLogsAndSpansAgree(t *testing.T) {
	info := mlflow.Info{ID: "tr-00000000000000000000000000000001"}
	for i, value := range []string{`1.0`, `"yes"`, `"No"`, `true`, `false`, `"0.85"`, `"good"`, `"bad"`, `null`, `NaN`,
		`[1.0]`, `"1e400"`, `" pass "`} {
		info.Assessments = append(info.Assessments, mlflow.Assessment{ID: string(rune('a' + i)),
			Name: "Score " + string(rune('a'+i)), Kind: mlflow.AssessmentKindFeedback, Value: []byte(value)})
	}
	info.Assessments[3].Invalid = true
	info.Assessments[4].Kind = mlflow.AssessmentKindExpectation
	trace := &mlflow.Trace{Info: info, Spans: []mlflow.Span{{ID: [8]byte{1}}}}
	c := genai.NewConverter(genai.Options{CaptureContent: true})
	td, ld := ptrace.NewTraces(), plog.NewLogs()
	c.Append(td, mlflow.Experiment{ID: "1"}, trace)
	c.AppendChanges(ld, mlflow.Experiment{ID: "1"}, trace, &genai.Changes{Assessments: info.Assessments},
		time.Unix(1, 0))
	change := func(c *Config) { c.Assessments.LabelScores = []scores.LabelScore{{Label: "good", Score: 2}} }
	cfg := createDefaultConfig().(*Config)
	change(cfg)
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.ConsumeTraces(t.Context(), td))

	metrics := func(into map[string]float64, attrs pcommon.Map) {
		for key, v := range attrs.All() {
			if strings.HasPrefix(key, genai.ScorePrefix) {
				into[key] = v.Double()
			}
		}
	}
	ofSpan, ofLogs := map[string]float64{}, map[string]float64{}
	metrics(ofSpan, spanAt(sink.AllTraces()[0], 0).Attributes())
	got := refinedLogs(t, change, ld)[0]
	for i := range got.LogRecordCount() {
		metrics(ofLogs, recordAt(got, i).Attributes())
	}
	assert.Len(t, ofSpan, 6)
	assert.Equal(t, ofSpan, ofLogs)
}

func TestContentOfLogsGoesLast(t *testing.T) {
	const secret = "ann@example.com"
	for _, action := range []content.Action{content.ActionDrop, content.ActionMask, content.ActionHash} {
		ld := record(t, genai.EvaluationResult, map[string]any{genai.EvaluationName: "tone",
			genai.EvaluationLabel: "as " + secret + " likes it", genai.EvaluationExplanation: "for " + secret,
			genai.AssessmentSourceID: secret, genai.AssessmentValue: `["` + secret + `"]`})
		recordAt(ld, 0).Body().SetStr(secret)
		got := refinedLogs(t, func(c *Config) {
			c.Content = content.Config{Action: action, HashKey: "0123456789abcdef"}
			c.Assessments.LabelScores = []scores.LabelScore{{Label: "as " + secret + " likes it", Score: 4}}
		}, ld)
		text, err := (&plog.JSONMarshaler{}).MarshalLogs(got[0])
		require.NoError(t, err)
		assert.NotContains(t, string(text), secret, action)
		assert.Equal(t, 4.0, recordAt(got[0], 0).Attributes().AsRaw()["metric_tone"], action)
	}
}

func TestTelemetryOfLogs(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	cfg := createDefaultConfig().(*Config)
	cfg.Content = content.Config{Action: content.ActionDrop, PersonIDs: content.PersonIDsDrop}
	p, err := NewFactory().CreateLogs(t.Context(), metadatatest.NewSettings(tel), cfg, consumertest.NewNop())
	require.NoError(t, err)
	var host collector
	require.NoError(t, p.Start(t.Context(), &host))
	for _, attributes := range []map[string]any{
		{genai.EvaluationName: "a", genai.EvaluationScore: 1.0, genai.EvaluationExplanation: "x"},
		{genai.EvaluationName: "a", genai.EvaluationScore: 0.0},
		{genai.EvaluationName: "a", genai.EvaluationScore: 1.0, genai.AssessmentValid: false},
		{genai.EvaluationName: "a"},
	} {
		require.NoError(t, p.ConsumeLogs(t.Context(), record(t, genai.EvaluationResult, attributes)))
	}
	require.NoError(t, p.Shutdown(t.Context()))
	require.Len(t, host.published, 1)
	assert.Empty(t, host.published[0].Scores, "they are those of spans")
	assert.Empty(t, host.published[0].LeftOut)
	metadatatest.AssertEqualProcessorGenaiScores(t, tel, []metricdata.DataPoint[int64]{{Value: 2}},
		metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorGenaiAssessmentsSkipped(t, tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", string(scores.ReasonInvalid)))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", string(scores.ReasonNoNumber)))},
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorGenaiContentChanged(t, tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("change", "removed"))}},
		metricdatatest.IgnoreTimestamp())
}

func TestShutdownIsClean(t *testing.T) {
	processortest.VerifyShutdown(t, NewFactory(), createDefaultConfig())
}
