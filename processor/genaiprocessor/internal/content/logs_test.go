// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// ourLogs are the records of a trace as the receiver delivers them.
func ourLogs(c *canaries) plog.Logs {
	edited := []mlflow.KeyValue{{Key: "team", Value: c.text("tag")}, {Key: "of " + c.text("tag-key"), Value: "x"},
		{Key: genai.TraceName, Value: c.text("trace-name")}, {Key: "mlflow.note", Value: c.text("note")},
		{Key: genai.TraceUser, Value: c.text("user")}}
	assessments := []mlflow.Assessment{
		{ID: "a-1", Name: "tone", Kind: mlflow.AssessmentKindFeedback, Value: c.json("label"),
			Rationale: c.text("rationale"), SourceType: "HUMAN", Updated: 3,
			Metadata: []mlflow.KeyValue{{Key: "k", Value: c.text("metadata")},
				{Key: "of " + c.text("metadata-key"), Value: strings.Repeat("x", 5000)},
				{Key: "mlflow.assessment.new", Value: c.text("new-metadata")}}},
		{ID: "a-2", Name: "correct", Kind: mlflow.AssessmentKindFeedback, Value: []byte(`"yes"`),
			SourceType: "LLM_JUDGE", SourceID: "openai:/gpt-4o", Overrides: "a-0", Invalid: true,
			Metadata: []mlflow.KeyValue{{Key: genai.AssessmentJudgeCost, Value: "0.5"}}},
		{ID: "a-3", Name: "facts", Kind: mlflow.AssessmentKindExpectation,
			Serialized: `["` + canary + `.serialized@example.com"]`, SourceType: "CODE", SourceID: "code-1"},
		{ID: "a-4", Name: "answer", Kind: mlflow.AssessmentKindExpectation, Value: c.json("expectation")},
	}
	*c = append(*c, "canary.serialized@")
	ld := plog.NewLogs()
	genai.NewConverter(genai.Options{CaptureContent: true}).AppendChanges(ld,
		mlflow.Experiment{ID: "7", Name: "/experiments/one"}, &mlflow.Trace{Info: mlflow.Info{ID: "tr-1"}},
		&genai.Changes{Assessments: assessments, Tags: edited, Metadata: edited}, time.Unix(1, 0))
	rl := ld.ResourceLogs().At(0)
	rl.Resource().Attributes().PutStr("note", c.text("resource"))
	sl := rl.ScopeLogs().At(0)
	for i, place := range map[int]string{0: "reviewer", 3: "nobody-says"} { // the receiver leaves them out
		sl.LogRecords().At(i).Attributes().PutStr(genai.AssessmentSourceID, c.text(place))
	}
	sl.Scope().Attributes().PutStr("note", c.text("scope"))
	lr := sl.LogRecords().AppendEmpty()
	lr.SetEventName(c.text("event-name"))
	lr.Body().SetStr(c.text("our-body"))
	return ld
}

// liveLogs are records of agents and SDKs.
func liveLogs(c *canaries) plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	lr := records.AppendEmpty()
	lr.SetEventName("gen_ai.user.message")
	lr.Body().SetEmptyMap().PutEmptyMap("content").PutStr("text", c.text("structured-body"))
	lr = records.AppendEmpty()
	lr.Attributes().PutStr(eventNameKey, "gen_ai.choice")
	lr.Body().SetStr(`{"message": {"content": ` + string(c.json("json-body")) + `}}`)
	lr = records.AppendEmpty()
	lr.Attributes().PutStr(eventNameKey, "gen_ai."+c.text("old-event-name"))
	lr = records.AppendEmpty()
	lr.SetEventName(genai.EvaluationResult)
	lr.Attributes().PutStr(genai.EvaluationExplanation, c.text("explanation"))
	lr.Attributes().PutStr(genai.AssessmentSourceID, c.text("assessor"))
	lr.Attributes().PutStr("comment", c.text("unknown"))
	lr = records.AppendEmpty()
	lr.Attributes().PutStr("llm.model_name", "gpt-4o")
	lr.Body().SetEmptyBytes().FromRaw([]byte(c.text("bytes-body")))
	sl := ld.ResourceLogs().At(0).ScopeLogs().AppendEmpty()
	sl.Scope().SetName("com.anthropic.claude_code.events")
	sl.LogRecords().AppendEmpty().Attributes().PutStr("prompt", c.text("prompt"))
	return ld
}

// textOfLogs returns ld in a form that holds all texts and bytes as they are.
func textOfLogs(t testing.TB, ld plog.Logs) string {
	t.Helper()
	out, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	return string(out)
}

// logInputs are all records of these tests, each with the canaries that it holds.
func logInputs(t *testing.T, test func(t *testing.T, ld plog.Logs, c canaries)) {
	for name, make := range map[string]func(*canaries) plog.Logs{"ours": ourLogs, "live": liveLogs} {
		t.Run(name, func(t *testing.T) {
			var c canaries
			ld := make(&c)
			before := textOfLogs(t, ld)
			for _, each := range c {
				require.Contains(t, before, each, "the test has to have something to find")
			}
			test(t, ld, c)
		})
	}
}

func applyLogs(t *testing.T, ld plog.Logs, c Config) Stats {
	t.Helper()
	p, err := New(c)
	require.NoError(t, err)
	return p.ApplyLogs(ld)
}

func TestLogsKeep(t *testing.T) {
	logInputs(t, func(t *testing.T, ld plog.Logs, _ canaries) {
		before := textOfLogs(t, ld)
		assert.Zero(t, applyLogs(t, ld, Config{}))
		assert.Equal(t, before, textOfLogs(t, ld))
	})
}

func TestLogsDrop(t *testing.T) {
	for persons, key := range map[PersonIDs]configopaque.String{PersonIDsDrop: "", PersonIDsHash: secret} {
		logInputs(t, func(t *testing.T, ld plog.Logs, _ canaries) {
			stats := applyLogs(t, ld, Config{Action: ActionDrop, PersonIDs: persons, HashKey: key})
			assert.NotContains(t, textOfLogs(t, ld), canary)
			assert.Positive(t, stats.Removed)
			assert.Equal(t, key != "", stats.Hashed > 0)
			assert.Equal(t, ld.LogRecordCount(), stats.Records)
		})
	}
}

func TestLogsHash(t *testing.T) {
	logInputs(t, func(t *testing.T, ld plog.Logs, c canaries) {
		stats := applyLogs(t, ld, Config{Action: ActionHash, HashKey: secret})
		got := textOfLogs(t, ld)
		for _, each := range c {
			if !strings.Contains(each, "tag-key") && !strings.Contains(each, "metadata-key") { // keys stay
				assert.NotContains(t, got, each)
			}
		}
		assert.Positive(t, stats.Hashed)
		assert.Zero(t, stats.Removed)
	})
}

func TestLogsMask(t *testing.T) {
	for persons, key := range map[PersonIDs]configopaque.String{PersonIDsDrop: "", PersonIDsHash: secret} {
		logInputs(t, func(t *testing.T, ld plog.Logs, _ canaries) {
			applyLogs(t, ld, Config{Action: ActionMask, PersonIDs: persons, HashKey: key})
			assert.NotContains(t, textOfLogs(t, ld), "@example.com")
			assert.Contains(t, textOfLogs(t, ld), "[email]")
		})
	}
}

// attributesOf returns the attributes of the record of an assessment.
func attributesOf(t *testing.T, ld plog.Logs, assessment string) map[string]any {
	t.Helper()
	for _, lr := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		if id, ok := lr.Attributes().Get(genai.AssessmentID); ok && id.Str() == assessment {
			return lr.Attributes().AsRaw()
		}
	}
	t.Fatalf("no record of %s", assessment)
	return nil
}

func TestWhatStaysOfLogsWhenContentIsDropped(t *testing.T) {
	var c canaries
	ld := ourLogs(&c)
	applyLogs(t, ld, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
	assert.Equal(t, map[string]any{
		genai.TraceRequestID: "tr-1", genai.EvaluationName: "tone", genai.AssessmentID: "a-1",
		genai.AssessmentKind: "feedback", genai.AssessmentSourceType: "HUMAN", genai.AssessmentValid: true,
	}, attributesOf(t, ld, "a-1"))
	assert.Equal(t, map[string]any{
		genai.TraceRequestID: "tr-1", genai.EvaluationName: "correct", genai.AssessmentID: "a-2",
		genai.AssessmentKind: "feedback", genai.EvaluationScore: 1.0, genai.EvaluationLabel: "yes",
		genai.AssessmentSourceType: "LLM_JUDGE", genai.AssessmentSourceID: "openai:/gpt-4o",
		genai.AssessmentValid: false, genai.AssessmentOverrides: "a-0", genai.AssessmentJudgeCost: 0.5,
	}, attributesOf(t, ld, "a-2"))
	assert.Equal(t, "code-1", attributesOf(t, ld, "a-3")[genai.AssessmentSourceID])
	assert.NotContains(t, attributesOf(t, ld, "a-3"), genai.JSONAttributes)
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	assert.Equal(t, genai.EvaluationResult, records.At(0).EventName())
	assert.Equal(t, genai.TraceUpdated, records.At(4).EventName())
	assert.Equal(t, map[string]any{genai.TraceRequestID: "tr-1"}, records.At(4).Attributes().AsRaw())
	assert.Equal(t, "event", records.At(5).EventName())

	c = nil
	ld = ourLogs(&c)
	applyLogs(t, ld, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop, Keep: []string{genai.EvaluationLabel}})
	assert.Contains(t, attributesOf(t, ld, "a-1"), genai.EvaluationLabel)
}

func TestHashedAssessorsStayEqual(t *testing.T) {
	var c canaries
	ld := ourLogs(&c)
	applyLogs(t, ld, Config{Action: ActionDrop, HashKey: secret})
	again := ourLogs(&c)
	applyLogs(t, again, Config{Action: ActionDrop, HashKey: secret})
	assert.Len(t, attributesOf(t, ld, "a-1")[genai.AssessmentSourceID], 64)
	assert.Equal(t, attributesOf(t, ld, "a-1"), attributesOf(t, again, "a-1"))
	assert.Len(t, attributesOf(t, ld, "a-4")[genai.AssessmentSourceID], 64, "no type may be a human")
}

func TestOtherLogsAreLeftAlone(t *testing.T) {
	for _, action := range []Action{ActionDrop, ActionHash, ActionMask} {
		ld := plog.NewLogs()
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("note", canary+"@example.com")
		lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetEventName("user.login")
		lr.SetSeverityText("ann@example.com")
		lr.Body().SetStr(canary + "@example.com")
		lr.Attributes().PutStr("user.id", canary+"@example.com")
		lr.Attributes().PutStr(eventNameKey, canary+"@example.com")
		before := textOfLogs(t, ld)
		assert.Zero(t, applyLogs(t, ld, Config{Action: action, HashKey: secret}))
		assert.Equal(t, before, textOfLogs(t, ld))
	}
}

// Events of spans are treated as log records are.
// A score is a number. One that is written as text stays if it is one by itself, as a label does.
func TestScoresThatAreText(t *testing.T) {
	for value, stays := range map[string]bool{"0.85": true, "yes": true, "as " + canary + " says": false} {
		ld := plog.NewLogs()
		lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetEventName(genai.EvaluationResult)
		lr.Attributes().PutStr(genai.EvaluationScore, value)
		applyLogs(t, ld, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
		_, ok := lr.Attributes().Get(genai.EvaluationScore)
		assert.Equal(t, stays, ok, "log record, %s", value)

		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		event := span.Events().AppendEmpty()
		event.SetName(genai.EvaluationResult)
		event.Attributes().PutStr(genai.EvaluationScore, value)
		apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
		_, ok = event.Attributes().Get(genai.EvaluationScore)
		assert.Equal(t, stays, ok, "span event, %s", value)
	}
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.Attributes().PutStr(genai.EvaluationScore, canary)
	apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
	assert.Empty(t, span.Attributes().AsRaw())
}

func TestEvaluationsOnSpans(t *testing.T) {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	for _, e := range []struct{ label, source string }{{"yes", "CODE"}, {"as " + canary + " likes it", "HUMAN"}} {
		event := span.Events().AppendEmpty()
		event.SetName(genai.EvaluationResult)
		event.Attributes().PutStr(genai.EvaluationLabel, e.label)
		event.Attributes().PutStr(genai.AssessmentSourceType, e.source)
		event.Attributes().PutStr(genai.AssessmentSourceID, canary)
	}
	apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
	assert.Equal(t, map[string]any{genai.EvaluationLabel: "yes", genai.AssessmentSourceType: "CODE",
		genai.AssessmentSourceID: canary}, span.Events().At(0).Attributes().AsRaw())
	assert.Equal(t, map[string]any{genai.AssessmentSourceType: "HUMAN"}, span.Events().At(1).Attributes().AsRaw())
}
