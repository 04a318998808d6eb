// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

var found = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// TestGoldenLogs writes down the records of all recorded traces: all assessments, and all tags and
// metadata as edits.
func TestGoldenLogs(t *testing.T) {
	for _, version := range []string{"3.4.0", "3.6.0", "3.17.2"} {
		t.Run(version, func(t *testing.T) {
			traces := recordedTraces(t, version)
			got := plog.NewLogs()
			c := NewConverter(Options{CaptureContent: true})
			for _, label := range goldenLabels {
				if trace := traces[label]; trace != nil {
					exp := mlflow.Experiment{ID: trace.Info.ExperimentID, Name: "/Shared/fixtures"}
					c.AppendChanges(got, exp, trace,
						&Changes{Assessments: trace.Info.Assessments, Tags: trace.Info.Tags}, found)
				}
			}
			path := filepath.Join("testdata", "golden", version+"-logs.yaml")
			if *update {
				require.NoError(t, golden.WriteLogsToFile(path, got))
			}
			want, err := golden.ReadLogs(path)
			require.NoError(t, err)
			if logText(t, want) != logText(t, got) {
				require.NoError(t, plogtest.CompareLogs(want, got))
				t.Error("the order of something differs")
			}
		})
	}
}

func logText(t testing.TB, ld plog.Logs) string {
	t.Helper()
	b, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	return string(b)
}

// TestLogsBelongToTheirSpans compares the records of every recorded trace with its spans: resource,
// scope and ids.
func TestLogsBelongToTheirSpans(t *testing.T) {
	exp := mlflow.Experiment{ID: "1", Name: "/Shared/e"}
	for _, version := range versions {
		for label, trace := range recordedTraces(t, version) {
			t.Run(version+"/"+label, func(t *testing.T) {
				c, td, ld := NewConverter(captured), ptrace.NewTraces(), plog.NewLogs()
				c.Append(td, exp, trace)
				present := []string{}
				changes := &Changes{Assessments: trace.Info.Assessments, Present: present}
				stats := c.AppendChanges(ld, exp, trace, changes, found)
				require.Equal(t, 1, ld.ResourceLogs().Len())
				rs, rl := td.ResourceSpans().At(0), ld.ResourceLogs().At(0)
				assert.Equal(t, rs.Resource().Attributes().AsRaw(), rl.Resource().Attributes().AsRaw())
				assert.Equal(t, rs.SchemaUrl(), rl.SchemaUrl())
				ss, sl := rs.ScopeSpans().At(0), rl.ScopeLogs().At(0)
				assert.Equal(t, ss.Scope().Attributes().AsRaw(), sl.Scope().Attributes().AsRaw())
				assert.Equal(t, ss.Scope().Name(), sl.Scope().Name())
				assert.Equal(t, ss.SchemaUrl(), sl.SchemaUrl())
				require.Equal(t, len(trace.Info.Assessments)+1, sl.LogRecords().Len())
				assert.Equal(t, sl.LogRecords().Len(), stats.Records)
				spans := map[pcommon.SpanID]bool{}
				for _, s := range ss.Spans().All() {
					spans[s.SpanID()] = true
				}
				for _, lr := range sl.LogRecords().All() {
					assert.Equal(t, ss.Spans().At(0).TraceID(), lr.TraceID())
					assert.True(t, spans[lr.SpanID()])
				}

				// What is found while traces are listed has no spans. Up to 3.1 clients made up the id of a
				// trace, so that only its spans tell the one of OpenTelemetry.
				if slices.Contains([]string{"2.14.3", "2.22.5", "3.1.4"}, version) {
					return
				}
				listed := plog.NewLogs()
				c.AppendChanges(listed, exp, &mlflow.Trace{Info: trace.Info}, &Changes{Present: present}, found)
				lr := listed.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
				assert.Equal(t, ss.Spans().At(0).TraceID(), lr.TraceID())
				assert.Zero(t, lr.SpanID())
			})
		}
	}
}

func pair(key, value string) mlflow.KeyValue { return mlflow.KeyValue{Key: key, Value: value} }

// recordsOf returns the records of the changes of a trace.
func recordsOf(t testing.TB, opts Options, trace *mlflow.Trace, changes *Changes) ([]plog.LogRecord, LogStats) {
	t.Helper()
	ld := plog.NewLogs()
	stats := NewConverter(opts).AppendChanges(ld, mlflow.Experiment{ID: "7", Name: "support"}, trace, changes, found)
	var list []plog.LogRecord
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				list = append(list, lr)
			}
		}
	}
	assert.Equal(t, len(list), stats.Records)
	return list, stats
}

func TestEvaluation(t *testing.T) {
	trace := &mlflow.Trace{
		Info: mlflow.Info{ID: "tr-00000000000000000000000000000001"},
		Spans: []mlflow.Span{
			{TraceID: [16]byte{15: 9}, ID: [8]byte{1}},
			{TraceID: [16]byte{15: 9}, ID: [8]byte{2}, Parent: [8]byte{1}, Attributes: []mlflow.Attribute{
				attribute(SpanType, `"CHAT_MODEL"`), attribute(SpanOutputs, `{"id": "chatcmpl-1", "choices": []}`)}},
			{TraceID: [16]byte{15: 9}, ID: [8]byte{3}, Parent: [8]byte{1}, Attributes: []mlflow.Attribute{
				attribute(SpanType, `"TOOL"`), attribute(SpanOutputs, `{"id": "order-1"}`)}},
			{TraceID: [16]byte{15: 9}, ID: [8]byte{4}, Parent: [8]byte{1},
				Attributes: []mlflow.Attribute{attribute(ResponseID, `"resp-4"`)}},
		},
	}
	lr, stats := recordsOf(t, captured, trace, &Changes{Assessments: []mlflow.Assessment{{
		ID: "a-1", Name: "Relevance", TraceID: trace.Info.ID, SpanID: "0200000000000000", SourceType: "LLM_JUDGE",
		SourceID: "openai:/gpt-4o", Created: 1000, Updated: 2000, Kind: mlflow.AssessmentKindFeedback,
		Value: []byte(`"Yes"`), Error: &mlflow.AssessmentError{Code: "RATE_LIMIT", Message: "m", StackTrace: "s"},
		Rationale: "It answers.", Overrides: "a-0",
		Metadata: []mlflow.KeyValue{pair("k", "v"), pair(AssessmentJudgeCost, "0.25"), pair(AssessmentJudgeInput, "17"),
			pair(AssessmentJudgeOutput, "3.0"), pair("mlflow.assessment.scorerName", "relevance_to_query"),
			pair("mlflow.assessment.scorerTraceId", "tr-2"), pair("mlflow.assessment.scorerVersion", "2"),
			pair("mlflow.assessment.sourceRunId", "r"), pair(AssessmentValid, "false")},
	}}})
	require.Len(t, lr, 1)
	assert.Equal(t, LogStats{Records: 1}, stats)
	assert.Equal(t, EvaluationResult, lr[0].EventName())
	assert.Equal(t, pcommon.TraceID{15: 9}, lr[0].TraceID())
	assert.Equal(t, pcommon.SpanID{2}, lr[0].SpanID())
	assert.Equal(t, pcommon.Timestamp(2*time.Second), lr[0].Timestamp())
	assert.Equal(t, found, lr[0].ObservedTimestamp().AsTime())
	assert.Equal(t, plog.SeverityNumberInfo, lr[0].SeverityNumber())
	assert.Equal(t, "INFO", lr[0].SeverityText())
	assert.Equal(t, pcommon.ValueTypeEmpty, lr[0].Body().Type())
	assert.Equal(t, map[string]any{
		TraceRequestID: trace.Info.ID, EvaluationName: "Relevance", AssessmentID: "a-1", AssessmentKind: "feedback",
		EvaluationScore: 1.0, EvaluationLabel: "yes", EvaluationExplanation: "It answers.", ErrorType: "RATE_LIMIT",
		ResponseID: "chatcmpl-1", AssessmentSourceType: "LLM_JUDGE", AssessmentSourceID: "openai:/gpt-4o",
		AssessmentValid: true, AssessmentOverrides: "a-0", AssessmentJudgeCost: 0.25, AssessmentJudgeInput: int64(17),
		AssessmentJudgeOutput: int64(3), "mlflow.assessment.scorerName": "relevance_to_query",
		"mlflow.assessment.scorerTraceId": "tr-2", "mlflow.assessment.scorerVersion": "2",
		"mlflow.assessment.sourceRunId": "r", AssessmentMetadataPrefix + "k": "v",
		AssessmentMetadataPrefix + AssessmentValid: "false",
	}, lr[0].Attributes().AsRaw())

	// The span that is assessed.
	for text, want := range map[string]struct {
		span     pcommon.SpanID
		response any
	}{
		"":                 {pcommon.SpanID{1}, nil},
		"0300000000000000": {pcommon.SpanID{3}, nil},
		"0400000000000000": {pcommon.SpanID{4}, "resp-4"},
		"0900000000000000": {pcommon.SpanID{9}, nil}, // not part of the trace
		"BAAAAAAAAAA=":     {pcommon.SpanID{4}, "resp-4"},
	} {
		lr, _ := recordsOf(t, captured, trace, &Changes{Assessments: []mlflow.Assessment{{SpanID: text}}})
		assert.Equal(t, want.span, lr[0].SpanID(), text)
		assert.Equal(t, want.response, lr[0].Attributes().AsRaw()[ResponseID], text)
	}
}

// TestEvaluationValues holds the table of coercion, and what has no score.
func TestEvaluationValues(t *testing.T) {
	type want struct{ score, label, value any }
	prose := strings.Repeat("é", 70)
	tests := map[string]struct {
		kind mlflow.AssessmentKind
		json string
		want want
	}{
		"true":            {"", `true`, want{1.0, "true", nil}},
		"false":           {"", `false`, want{0.0, "false", nil}},
		"zero":            {"", `0.0`, want{0.0, nil, nil}},
		"number":          {"", `-2.5`, want{-2.5, nil, nil}},
		"NaN":             {"", `NaN`, want{nil, nil, "NaN"}},
		"infinity":        {"", `-Infinity`, want{nil, nil, "-Infinity"}},
		"no":              {"", `" No "`, want{0.0, "no", nil}},
		"passed":          {"", `"PASSED"`, want{1.0, "passed", nil}},
		"decimal":         {"", `"1e-2"`, want{0.01, "1e-2", nil}},
		"huge decimal":    {"", `"1e400"`, want{nil, "1e400", nil}},
		"percent":         {"", `"85%"`, want{nil, "85%", nil}},
		"other label":     {"", `"Mostly Good"`, want{nil, "Mostly Good", nil}},
		"prose":           {"", `"` + prose + `"`, want{nil, nil, `"` + prose + `"`}},
		"empty":           {"", `""`, want{}},
		"space":           {"", `"  "`, want{}},
		"null":            {"", `null`, want{}},
		"none":            {"", ``, want{}},
		"list":            {"", `["a", 1.0]`, want{nil, nil, `["a", 1.0]`}},
		"object":          {"", `{"a": 1.0}`, want{nil, nil, `{"a": 1.0}`}},
		"expected text":   {mlflow.AssessmentKindExpectation, `"yes"`, want{nil, nil, `"yes"`}},
		"expected number": {mlflow.AssessmentKindExpectation, `5.0`, want{nil, nil, `5.0`}},
		"issue":           {mlflow.AssessmentKindIssue, `"too slow"`, want{nil, nil, `"too slow"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := mlflow.Assessment{Name: "x", Kind: tt.kind, Value: []byte(tt.json), Updated: 1}
			if a.Kind == "" {
				a.Kind = mlflow.AssessmentKindFeedback
			}
			lr, _ := recordsOf(t, captured, &mlflow.Trace{}, &Changes{Assessments: []mlflow.Assessment{a}})
			got := lr[0].Attributes().AsRaw()
			assert.Equal(t, tt.want, want{got[EvaluationScore], got[EvaluationLabel], got[AssessmentValue]})
			assert.Equal(t, string(a.Kind), got[AssessmentKind])
			if tt.want.value != nil {
				assert.Equal(t, []any{AssessmentValue}, got[JSONAttributes])
			} else {
				assert.NotContains(t, got, JSONAttributes)
			}
		})
	}
	lr, _ := recordsOf(t, captured, &mlflow.Trace{}, &Changes{Assessments: []mlflow.Assessment{
		{Kind: mlflow.AssessmentKindExpectation, Serialized: `["a"]`}}})
	assert.Equal(t, `["a"]`, lr[0].Attributes().AsRaw()[AssessmentValue])
}

func TestEvaluationLimits(t *testing.T) {
	long := strings.Repeat("ü", maxText)
	lr, stats := recordsOf(t, captured, &mlflow.Trace{}, &Changes{Assessments: []mlflow.Assessment{{
		Kind: mlflow.AssessmentKindFeedback, Value: []byte(`["` + long + `"]`), Rationale: "x" + long,
		Error:    &mlflow.AssessmentError{Code: "a" + long},
		Metadata: []mlflow.KeyValue{pair("k", long), pair("mlflow.assessment.scorerName", "x"+long)},
	}, {Kind: mlflow.AssessmentKindFeedback, Value: []byte(`"` + strings.Repeat("x", MaxLabel) + `"`),
		Rationale: strings.Repeat("x", maxText)}}})
	got := lr[0].Attributes().AsRaw()
	assert.Equal(t, []any{AssessmentValue, EvaluationExplanation, ErrorType, AssessmentMetadataPrefix + "k",
		"mlflow.assessment.scorerName"}, got[AssessmentTruncated])
	assert.NotContains(t, got, JSONAttributes, "a part of a JSON text is none")
	assert.Equal(t, 5, stats.Truncated)
	for key, limit := range map[string]int{AssessmentValue: maxText, EvaluationExplanation: maxText,
		ErrorType: MaxLabel, AssessmentMetadataPrefix + "k": maxText} {
		text := got[key].(string)
		assert.LessOrEqual(t, len(text), limit, key)
		assert.Greater(t, len(text), limit-utf8.UTFMax, key)
		assert.True(t, utf8.ValidString(text), key)
	}
	got = lr[1].Attributes().AsRaw()
	assert.Len(t, got[EvaluationLabel], MaxLabel)
	assert.Len(t, got[EvaluationExplanation], maxText)
	assert.NotContains(t, got, AssessmentTruncated)
}

func TestEvaluationNumbersOfJudges(t *testing.T) {
	for text, want := range map[string]struct{ cost, tokens any }{
		"0.5": {0.5, nil}, "12": {12.0, int64(12)}, " 3 ": {3.0, int64(3)}, "-1": {-1.0, nil},
		"1e3": {1000.0, int64(1000)},
		"":    {}, "many": {}, "NaN": {}, "inf": {}, "1 2": {}, "[1]": {},
	} {
		lr, stats := recordsOf(t, captured, &mlflow.Trace{}, &Changes{Assessments: []mlflow.Assessment{{
			Metadata: []mlflow.KeyValue{pair(AssessmentJudgeCost, text), pair(AssessmentJudgeOutput, text)}}}})
		got := lr[0].Attributes().AsRaw()
		assert.Equal(t, want.cost, got[AssessmentJudgeCost], text)
		assert.Equal(t, want.tokens, got[AssessmentJudgeOutput], text)
		left := 0
		for _, v := range []any{want.cost, want.tokens} {
			if v == nil {
				left++
			}
		}
		assert.Equal(t, left, stats.BadUsage, text)
	}
}

func TestHumanAssessors(t *testing.T) {
	for source, human := range map[string]bool{"HUMAN": true, "": true, "other": true, "LLM_JUDGE": false,
		"AI_JUDGE": false, "CODE": false} {
		changes := &Changes{Assessments: []mlflow.Assessment{{SourceType: source, SourceID: "ann@example.com"}}}
		lr, stats := recordsOf(t, captured, &mlflow.Trace{}, changes)
		if human {
			assert.NotContains(t, lr[0].Attributes().AsRaw(), AssessmentSourceID, source)
			assert.Equal(t, 1, stats.Persons, source)
		} else {
			assert.Equal(t, "ann@example.com", lr[0].Attributes().AsRaw()[AssessmentSourceID], source)
			assert.Zero(t, stats.Persons, source)
		}
	}
}

func TestEvaluationOfInvalid(t *testing.T) {
	changes := &Changes{
		Assessments: []mlflow.Assessment{
			{ID: "a-2", Name: "x", Created: 2, Updated: 5, Invalid: true},
			{ID: "a-1", Name: "x", Created: 1, Updated: 9, Overrides: "a-2"},
			{ID: "a-0", Name: "x", Created: 1},
		},
	}
	lr, _ := recordsOf(t, captured, &mlflow.Trace{}, changes)
	require.Len(t, lr, 3)
	for i, want := range []struct {
		id    string
		valid bool
		at    time.Time
	}{
		{"a-0", true, time.UnixMilli(1)}, {"a-1", true, time.UnixMilli(9)}, {"a-2", false, time.UnixMilli(5)},
	} {
		got := lr[i].Attributes().AsRaw()
		assert.Equal(t, want.id, got[AssessmentID])
		assert.Equal(t, want.valid, got[AssessmentValid], want.id)
		assert.True(t, want.at.Equal(lr[i].Timestamp().AsTime()), want.id)
	}
	assert.Equal(t, "a-2", changes.Assessments[0].ID, "the caller's list keeps its order")
}

func TestTraceUpdated(t *testing.T) {
	trace := &mlflow.Trace{Info: mlflow.Info{ID: "tr-00000000000000000000000000000001"},
		Spans: []mlflow.Span{{ID: [8]byte{5}}}}
	changes := &Changes{
		Tags:     []mlflow.KeyValue{pair("team", "blue"), pair(TraceName, "new")},
		Metadata: []mlflow.KeyValue{pair("k", ""), pair(TraceSession, "s")},
		Present:  []string{"a-1", "a-2"},
	}
	lr, stats := recordsOf(t, captured, trace, changes)
	require.Len(t, lr, 1)
	assert.Equal(t, LogStats{Records: 1}, stats)
	assert.Equal(t, TraceUpdated, lr[0].EventName())
	assert.Equal(t, pcommon.TraceID{15: 1}, lr[0].TraceID())
	assert.Equal(t, pcommon.SpanID{5}, lr[0].SpanID())
	assert.Equal(t, found, lr[0].Timestamp().AsTime())
	assert.Equal(t, found, lr[0].ObservedTimestamp().AsTime())
	assert.Equal(t, plog.SeverityNumberInfo, lr[0].SeverityNumber())
	assert.Equal(t, map[string]any{
		TraceRequestID: trace.Info.ID, TraceMetadataPrefix + "k": "", TraceSession: "s",
		TraceTagPrefix + "team": "blue", TraceName: "new",
		TraceAssessments: []any{"a-1", "a-2"},
	}, lr[0].Attributes().AsRaw())

	lr, stats = recordsOf(t, Options{}, trace, changes)
	assert.Equal(t, LogStats{Records: 1, Dropped: 2}, stats)
	assert.Equal(t, map[string]any{TraceRequestID: trace.Info.ID, TraceSession: "s", TraceName: "new",
		TraceAssessments: []any{"a-1", "a-2"}}, lr[0].Attributes().AsRaw())

	lr, _ = recordsOf(t, captured, trace, &Changes{Tags: []mlflow.KeyValue{pair("team", "blue")}})
	assert.Equal(t, map[string]any{TraceRequestID: trace.Info.ID, TraceTagPrefix + "team": "blue"},
		lr[0].Attributes().AsRaw(), "the assessments aren't told")

	lr, _ = recordsOf(t, captured, trace, &Changes{Present: []string{}})
	assert.Equal(t, map[string]any{TraceRequestID: trace.Info.ID, TraceAssessments: []any{}},
		lr[0].Attributes().AsRaw(), "no assessment is there")
}

func TestNoChangesGiveNoLogs(t *testing.T) {
	ld := plog.NewLogs()
	stats := NewConverter(captured).AppendChanges(ld, mlflow.Experiment{}, &mlflow.Trace{}, &Changes{}, found)
	assert.Equal(t, LogStats{}, stats)
	assert.Zero(t, ld.ResourceLogs().Len())
}

func TestLogStats(t *testing.T) {
	sum := LogStats{1, 2, 3, 4, 5}
	sum.Add(LogStats{10, 20, 30, 40, 50})
	assert.Equal(t, LogStats{11, 22, 33, 44, 55}, sum)
}

func TestLogsShareResources(t *testing.T) {
	ld, c := plog.NewLogs(), NewConverter(captured)
	changes := &Changes{Assessments: []mlflow.Assessment{{ID: "a"}}}
	for _, id := range []string{"1", "2", "1"} {
		trace := &mlflow.Trace{Info: mlflow.Info{ExperimentID: id}}
		c.AppendChanges(ld, mlflow.Experiment{Name: "e"}, trace, changes, found)
	}
	c = NewConverter(Options{Payloads: PayloadsJSON})
	c.AppendChanges(ld, mlflow.Experiment{ID: "1", Name: "e"}, &mlflow.Trace{}, changes, found)
	require.Equal(t, 3, ld.ResourceLogs().Len())
	assert.Equal(t, 2, ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().Len())
	assert.Equal(t, "json", ld.ResourceLogs().At(2).ScopeLogs().At(0).Scope().Attributes().AsRaw()[PayloadsMode])
}

func TestLogsWithoutContent(t *testing.T) {
	trace := secretTrace()
	trace.Info.Assessments = append(trace.Info.Assessments,
		mlflow.Assessment{ID: "a-6", Name: "prose", Kind: mlflow.AssessmentKindFeedback,
			Value: []byte(`"` + strings.Repeat(secret, 40) + `"`)},
		mlflow.Assessment{ID: "a-7", Name: "issue", Kind: mlflow.AssessmentKindIssue,
			Value: []byte(`"` + secret + `"`)})
	changes := &Changes{Assessments: trace.Info.Assessments, Tags: trace.Info.Tags, Metadata: trace.Info.Metadata}
	for _, payloads := range []Payloads{PayloadsStructured, PayloadsJSON} {
		ld, exp := plog.NewLogs(), mlflow.Experiment{ID: "1", Name: "e"}
		stats := NewConverter(Options{Payloads: payloads}).AppendChanges(ld, exp, trace, changes, found)
		assert.NotContains(t, logText(t, ld), secret)
		assert.Contains(t, logText(t, ld), `"yes"`)
		assert.Positive(t, stats.Dropped)
		assert.Equal(t, 8, stats.Records)

		ld = plog.NewLogs()
		c := NewConverter(Options{Payloads: payloads, CaptureContent: true})
		stats = c.AppendChanges(ld, exp, trace, changes, found)
		assert.Contains(t, logText(t, ld), secret)
		assert.Zero(t, stats.Dropped)
	}
}

// FuzzChanges puts arbitrary text wherever a source's text ends up in a record.
func FuzzChanges(f *testing.F) {
	for _, text := range []string{"", "null", `"yes"`, "NaN", "1e400", `["a"`, "{\"\xff\": 1}", "ann@example.com",
		strings.Repeat("ü", 3000), AssessmentValid, "tr-0000000000000000000000000000000a", AssessmentJudgeInput} {
		f.Add(text, "feedback", int64(1), true)
		f.Add(text, "expectation", int64(-1), false)
	}
	f.Fuzz(func(t *testing.T, text, kind string, at int64, capture bool) {
		pairs := []mlflow.KeyValue{pair(text, text), pair("mlflow."+text, text), pair(AssessmentJudgeCost, text),
			pair(AssessmentJudgeInput, text)}
		a := mlflow.Assessment{ID: text, Name: text, SpanID: text, SourceType: text, SourceID: text, Created: at,
			Updated: at, Kind: mlflow.AssessmentKind(kind), Value: mlflow.CanonicalValue([]byte(text)),
			Serialized: text, Error: &mlflow.AssessmentError{Code: text}, Rationale: text, Metadata: pairs,
			Overrides: text, Invalid: capture}
		trace := &mlflow.Trace{Info: mlflow.Info{ID: text}, Spans: []mlflow.Span{{ID: [8]byte{1}, Name: text,
			Attributes: []mlflow.Attribute{{Key: SpanType, Raw: []byte(`"LLM"`)}, {Key: ServiceName,
				Raw: []byte(strings.ToValidUTF8(text, "?"))}, {Key: SpanOutputs,
				Raw: []byte(strings.ToValidUTF8(text, "?"))}}}}}
		changes := &Changes{Assessments: []mlflow.Assessment{a}, Tags: pairs, Metadata: pairs,
			Present: []string{text, kind}}
		convert := func() (plog.Logs, LogStats) {
			ld := plog.NewLogs()
			return ld, NewConverter(Options{CaptureContent: capture}).AppendChanges(ld, mlflow.Experiment{Name: text},
				trace, changes, found)
		}
		ld, stats := convert()
		require.Equal(t, 2, stats.Records)
		wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(t, err)
		back, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		require.NoError(t, err)
		require.Equal(t, logText(t, ld), logText(t, back))
		again, _ := convert()
		require.Equal(t, logText(t, ld), logText(t, again))
		for _, lr := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			seen := map[string]bool{}
			for key, v := range lr.Attributes().All() {
				require.True(t, utf8.ValidString(key))
				require.False(t, seen[key], key)
				seen[key] = true
				if v.Type() == pcommon.ValueTypeStr {
					require.True(t, utf8.ValidString(v.Str()))
				}
				if !capture {
					require.True(t, key == JSONAttributes ||
						ClassOf(key) != ClassContent && ClassOf(key) != ClassUnknown, key)
				}
			}
		}
	})
}

// The document of log records has every attribute of the recorded ones.
func TestLogRecordsAreDocumented(t *testing.T) {
	document := string(read(t, "../../docs/log-records.md"))
	keys := map[string]bool{AssessmentTruncated: true, AssessmentOverrides: true,
		TraceAssessments: true, ErrorType: true, ResponseID: true,
		AssessmentJudgeCost: true, AssessmentJudgeInput: true, AssessmentJudgeOutput: true}
	for _, version := range []string{"3.4.0", "3.6.0", "3.17.2"} {
		ld, err := golden.ReadLogs(filepath.Join("testdata", "golden", version+"-logs.yaml"))
		require.NoError(t, err)
		for _, rl := range ld.ResourceLogs().All() {
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				for key := range lr.Attributes().All() {
					keys[key] = lr.EventName() == EvaluationResult || keys[key]
				}
			}
		}
	}
	for key, evaluation := range keys {
		if strings.HasPrefix(key, AssessmentMetadataPrefix) {
			key = AssessmentMetadataPrefix + "<key>"
		}
		if evaluation {
			assert.Contains(t, document, "`"+key+"`")
		}
	}
}
