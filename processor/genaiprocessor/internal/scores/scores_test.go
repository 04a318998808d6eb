// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

func scorer(t testing.TB, change func(*Config)) *Scorer {
	t.Helper()
	cfg := NewDefaultConfig()
	if change != nil {
		change(&cfg)
	}
	require.NoError(t, cfg.Validate())
	s, err := New(cfg)
	require.NoError(t, err)
	return s
}

// selected returns the metrics of the span that carries the assessments and those of others as
// "span/key", and what was skipped.
func selected(s *Scorer, text string) (map[string]float64, map[Reason]int) {
	metrics, skipped := map[string]float64{}, map[Reason]int{}
	var l List
	s.Select(&l, "carrier", func(r Reason, n int) { skipped[r] += n }, []byte(text))
	for _, m := range l.Metrics {
		key := m.Key
		if m.SpanID != "" {
			key = m.SpanID + "/" + key
		}
		metrics[key] = m.Value
	}
	return metrics, skipped
}

// A span may carry both a list and events. Each is read by itself, in whatever form the list is.
func TestEventsBesideAList(t *testing.T) {
	event := ptrace.NewSpan().Events().AppendEmpty()
	event.Attributes().PutStr(genai.EvaluationName, "a")
	event.Attributes().PutDouble(genai.EvaluationScore, 0.5)
	for list, b := range map[string]bool{`[{"name": "b", "value": 1}]`: true, `{"name": "b", "value": 1}`: true,
		`"[{\"name\": \"b\", \"value\": 1}]"`: true, `[{"name": "b", "value": 1}`: true, `null`: false,
		`not JSON`: false, ``: false} {
		var l List
		scorer(t, nil).Select(&l, "carrier", func(Reason, int) {}, []byte(list), OfEvents([]ptrace.SpanEvent{event}))
		keys := map[string]bool{}
		for _, m := range l.Metrics {
			keys[m.Key] = true
		}
		require.True(t, keys["metric_a"], list)
		require.Equal(t, b, keys["metric_b"], list)
	}
}

func TestCoercion(t *testing.T) {
	none := math.NaN()
	tests := map[string]float64{
		`true`: 1, `false`: 0, `0`: 0, `0.0`: 0, `-0.5`: -0.5, `5`: 5, `1e-2`: 0.01,
		`123456789012345678901234567890`: 123456789012345678901234567890,
		`NaN`:                            none, `Infinity`: none, `-Infinity`: none, `1e400`: none,
		`"yes"`: 1, `"no"`: 0, `" YES "`: 1, `"No"`: 0, `"true"`: 1, `"False"`: 0, `"pass"`: 1, `"fail"`: 0,
		`"PASSED"`: 1, `"failed"`: 0,
		`"0.85"`: 0.85, `"-3"`: -3, `"+3"`: 3, `"1e-2"`: 0.01, `".5"`: 0.5, `"5."`: 5, `" 7 "`: 7, `"1e400"`: none,
		`"85%"`: none, `"4/5"`: none, `"1,000"`: none, `"0x10"`: none, `"inf"`: none, `"nan"`: none, `"1_000"`: none,
		`"."`: none, `"e5"`: none, `"1e"`: none, `"--1"`: none,
		`"unknown"`: none, `"good"`: none, `""`: none, `"yes, mostly"`: none, `"\u0661"`: none, `null`: none,
		`[1]`: none, `{"a": 1}`: none,
	}
	for value, want := range tests {
		// A sibling on either side must not suffer.
		metrics, skipped := selected(scorer(t, nil), `[{"name": "before", "value": 1}, {"name": "x", "value": `+value+
			`}, {"name": "after", "value": "no"}]`)
		assert.Equal(t, 1.0, metrics["metric_before"], value)
		assert.Equal(t, 0.0, metrics["metric_after"], value)
		got, ok := metrics["metric_x"]
		if math.IsNaN(want) {
			assert.False(t, ok, "%s became %v", value, got)
			assert.Equal(t, map[Reason]int{ReasonNoNumber: 1}, skipped, value)
		} else {
			assert.Equal(t, want, got, value)
			assert.Empty(t, skipped, value)
		}
	}
}

func TestForms(t *testing.T) {
	tests := map[string]struct {
		text    string
		metrics map[string]float64
		skipped map[Reason]int
	}{
		"mlflow": {
			`[{"assessment_id": "a-1", "assessment_name": "relevance", "source": {"source_type": "LLM_JUDGE"}, ` +
				`"last_update_time": "2026-03-02T07:16:06.430Z", "feedback": {"value": "yes"}, "valid": true},
			  {"assessment_id": "a-2", "assessment_name": "precision", "span_id": "21adbc4e10bfa287", ` +
				`"feedback": {"value": 0.0}, "valid": true},
			  {"assessment_id": "a-3", "assessment_name": "expected", "expectation": {"value": 1}, "valid": true},
			  {"assessment_id": "a-4", "assessment_name": "ticket", "issue": {"issue_name": "i"}},
			  {"assessment_id": "a-5", "assessment_name": "failed", "feedback": {"error": {"error_code": "RATE"}}},
			  {"assessment_id": "a-6", "assessment_name": "both", "feedback": {"error": {"error_code": "RATE"}, ` +
				`"value": 2}}]`,
			map[string]float64{"metric_relevance": 1, "21adbc4e10bfa287/metric_precision": 0, "metric_both": 2},
			map[Reason]int{ReasonNotFeedback: 2, ReasonNoNumber: 1},
		},
		"list of dicts": {`[{"name": "a", "value": 0}, {"metric_name": "b", "score": "no"}, {"assessment_name": ` +
			`"c", "feedback": {"value": true}}]`, map[string]float64{"metric_a": 0, "metric_b": 0, "metric_c": 1}, nil},
		"null value":       {`[{"name": "a", "value": null, "score": 2}]`, map[string]float64{"metric_a": 2}, nil},
		"plain feedback":   {`[{"name": "a", "feedback": 0.5}]`, map[string]float64{"metric_a": 0.5}, nil},
		"text in a string": {`"[{\"name\": \"a\", \"value\": 1}]"`, map[string]float64{"metric_a": 1}, nil},
		"one object":       {`{"name": "a", "value": 1}`, map[string]float64{"metric_a": 1}, nil},
		"null":             {`null`, nil, nil},
		"empty":            {`[]`, nil, nil},
		"no JSON":          {`hello`, nil, map[Reason]int{ReasonMalformed: 1}},
		"no text":          {``, nil, map[Reason]int{ReasonMalformed: 1}},
		"cut": {`[{"name": "a", "value": 1}, {"name": "b", "val`, map[string]float64{"metric_a": 1},
			map[Reason]int{ReasonMalformed: 1}},
		"not objects": {`[1, {"name": "a", "value": 1}, "x", null]`, map[string]float64{"metric_a": 1},
			map[Reason]int{ReasonMalformed: 3}},
		"no name": {
			`[{"value": 1}, {"name": "", "value": 1}, {"name": "!?", "value": 1}, {"name": 5, "value": 1}]`, nil,
			map[Reason]int{ReasonNoName: 4}},
		"invalid": {`[{"name": "a", "value": 1, "valid": false}, {"name": "b", "value": 1, "valid": null}]`,
			map[string]float64{"metric_b": 1}, map[Reason]int{ReasonInvalid: 1}},
		"overridden": {
			`[{"id": "1", "name": "a", "value": 1}, {"id": "2", "name": "a", "value": 0, "overrides": "1"}]`,
			map[string]float64{"metric_a": 0}, map[Reason]int{ReasonOverridden: 1}},
		"override undone": {`[{"id": "1", "name": "a", "value": 1}, {"id": "2", "name": "a", "value": 0, ` +
			`"overrides": "1", "valid": false}]`, map[string]float64{"metric_a": 1}, map[Reason]int{ReasonInvalid: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			metrics, skipped := selected(scorer(t, nil), tt.text)
			assert.Equal(t, nonNil(tt.metrics), metrics)
			assert.Equal(t, nonNil(tt.skipped), skipped)
		})
	}
}

func nonNil[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

func TestDuplicates(t *testing.T) {
	list := `[
		{"id": "a-1", "name": "q", "value": 1, "source": {"source_type": "LLM_JUDGE"}, ` +
		`"last_update_time": "2026-03-02T09:00:00Z"},
		{"id": "a-2", "name": "q", "value": 2, "source": {"source_type": "HUMAN"}, ` +
		`"last_update_time": "2026-03-02T08:00:00.5Z"},
		{"id": "a-3", "name": "Q", "value": 3, "source": {"source_type": "CODE"}, ` +
		`"last_update_time": "2026-03-02T10:00:00+01:00"},
		{"id": "a-4", "name": "q", "value": "unknown", "source": {"source_type": "HUMAN"}, ` +
		`"last_update_time": "2026-03-03T00:00:00Z"}]`
	tests := map[OnDuplicate]map[string]float64{
		OnDuplicateLatest:      {"metric_q": 3}, // as late as a-1, with the larger id
		OnDuplicateFirst:       {"metric_q": 2},
		OnDuplicatePreferHuman: {"metric_q": 2},
		OnDuplicateBySource:    {"metric_q_llm_judge": 1, "metric_q_human": 2, "metric_q_code": 3},
	}
	for way, want := range tests {
		metrics, skipped := selected(scorer(t, func(c *Config) { c.OnDuplicate = way }), list)
		assert.Equal(t, want, metrics, way)
		assert.Equal(t, 3-len(want), skipped[ReasonDuplicate]+skipped[ReasonCollision], way)
	}
	metrics, _ := selected(scorer(t, nil),
		`[{"name": "a", "value": 1}, {"name": "a", "value": 2}, {"name": "a", "value": 3, "span_id": "s"}]`)
	assert.Equal(t, map[string]float64{"metric_a": 2, "s/metric_a": 3}, metrics, "without times the last one counts")
	for order, text := range map[string]string{"trace first": `[%[1]s, %[2]s]`, "span first": `[%[2]s, %[1]s]`} {
		text = fmt.Sprintf(text, `{"name": "a", "value": 1, "last_update_time_ms": 2}`,
			`{"name": "a", "value": 0, "last_update_time_ms": 1, "span_id": "carrier"}`)
		metrics, skipped := selected(scorer(t, nil), text)
		assert.Equal(t, map[string]float64{"metric_a": 1}, metrics, order)
		assert.Equal(t, map[Reason]int{ReasonDuplicate: 1}, skipped, order)
	}
	metrics, _ = selected(scorer(t, func(c *Config) {
		c.OnDuplicate, c.Rename = OnDuplicateBySource, []Rename{{Name: "q", To: "quality"}}
	}), list)
	assert.Equal(t, map[string]float64{"metric_quality_llm_judge": 1, "metric_quality_human": 2, "metric_q_code": 3},
		metrics, "the name that another name is given, then the source")
}

// Two names that become one attribute compete like one name; that they do is not hidden.
func TestCollisions(t *testing.T) {
	s := scorer(t, nil)
	shared := func(text string) (keys []string) {
		var l List
		s.Select(&l, "", func(Reason, int) {}, []byte(text))
		for _, m := range l.Metrics {
			require.Equal(t, m.Key, s.Keys()[m.Index])
			if m.Shared {
				keys = append(keys, m.Key)
			}
		}
		return keys
	}
	assert.Empty(t, shared(`[{"name": "retrieval/precision", "value": 1}, {"name": "other", "value": 1}]`))
	assert.Equal(t, []string{"metric_retrieval_precision"},
		shared(`[{"name": "Retrieval Precision", "value": 1}, {"name": "other", "value": 2}]`), "on another trace, too")
	assert.Equal(t, []string{"metric_retrieval_precision"}, shared(`[{"name": "Retrieval Precision", "value": 1}]`),
		"each time")
	assert.Empty(t, shared(`[{"name": "retrieval/precision", "value": 1}]`), "the name that came first")
	assert.Equal(t, []string{"metric_retrieval_precision", "metric_other"}, s.Keys())

	metrics, skipped := selected(s, `[{"id": "1", "name": "retrieval/precision", "value": 1}, {"id": "2", "name": `+
		`"retrieval_precision", "value": 0}, {"id": "3", "name": "retrieval_precision", "value": 0.5}]`)
	assert.Equal(t, map[string]float64{"metric_retrieval_precision": 0.5}, metrics)
	assert.Equal(t, map[Reason]int{ReasonCollision: 1, ReasonDuplicate: 1}, skipped)

	s = scorer(t, func(c *Config) { c.Rename = []Rename{{"a!", "c"}, {"b!", "c"}, {"d!", "e"}} })
	assert.Empty(t, shared(`[{"name": "a!", "value": 1}, {"name": "b!", "value": 2}, {"name": "c", "value": 2}]`),
		"a user wrote that")
	assert.Empty(t, shared(`[{"name": "e", "value": 1}, {"name": "d!", "value": 2}]`), "a user wrote that")
	_, skipped = selected(s, `[{"name": "a!", "value": 1}, {"name": "b!", "value": 2}]`)
	assert.Equal(t, map[Reason]int{ReasonDuplicate: 1}, skipped)
}

func TestRenameAndLabels(t *testing.T) {
	s := scorer(t, func(c *Config) {
		c.Prefix = "score_"
		c.Rename = []Rename{{Name: "retrieval/precision", To: "Precision"}}
		c.LabelScores = []LabelScore{{Match: "tone*", Label: "Friendly", Score: 1}, {Label: "friendly", Score: 0.5},
			{Label: "no", Score: -1}}
	})
	metrics, skipped := selected(s,
		`[{"name": "retrieval/precision", "value": 0.5}, {"name": "tone of voice", "value": "friendly"}, `+
			`{"name": "mood", "value": " FRIENDLY"},
		{"name": "answered", "value": "no"}, {"name": "tone2", "value": "curt"}]`)
	assert.Equal(t, map[string]float64{"score_precision": 0.5, "score_tone_of_voice": 1, "score_mood": 0.5,
		"score_answered": -1}, metrics)
	assert.Equal(t, map[Reason]int{ReasonNoNumber: 1}, skipped)
}

func TestNamesOfAnyScript(t *testing.T) {
	text := `[{"name": "été", "value": 1}, {"name": "t", "value": 2}, {"name": "質問", "value": 3},
		{"name": "回答", "value": 4}, {"name": "naïve", "value": 5}, {"name": "naive", "value": 6}]`
	metrics, skipped := selected(scorer(t, nil), text)
	assert.Equal(t, map[string]float64{"metric_été": 1, "metric_t": 2, "metric_質問": 3, "metric_回答": 4,
		"metric_naïve": 5, "metric_naive": 6}, metrics)
	assert.Empty(t, skipped)

	metrics, skipped = selected(scorer(t, func(c *Config) { c.Names = genai.ScoreNamesASCII }), text)
	assert.Equal(t, map[string]float64{"metric_ete": 1, "metric_t": 2, "metric_" + genai.ASCIIScoreName("質問"): 3,
		"metric_" + genai.ASCIIScoreName("回答"): 4, "metric_naive": 6}, metrics)
	assert.Equal(t, map[Reason]int{ReasonCollision: 1}, skipped, "naïve and naive are one attribute here")

	bySource := scorer(t, func(c *Config) {
		c.Names, c.OnDuplicate = genai.ScoreNamesASCII, OnDuplicateBySource
	})
	metrics, _ = selected(bySource, `[{"name": "été", "value": 1, "source": {"source_type": "HUMAN"}}]`)
	assert.Equal(t, map[string]float64{"metric_ete_human": 1}, metrics)
}

func TestLimits(t *testing.T) {
	s := scorer(t, func(c *Config) { c.MaxMetrics, c.MaxNames = 2, 4 })
	metrics, skipped := selected(s, `[{"name": "a", "value": 1}, {"name": "b", "value": 1}, {"name": "c", "value": `+
		`1}, {"name": "a", "value": 2}, {"name": "a", "value": 3, "span_id": "s"}]`)
	assert.Equal(t, map[string]float64{"metric_a": 2, "metric_b": 1, "s/metric_a": 3}, metrics)
	assert.Equal(t, map[Reason]int{ReasonSpanLimit: 1, ReasonDuplicate: 1}, skipped)

	metrics, skipped = selected(s, `[{"name": "d", "value": 1}, {"name": "e", "value": 1}, {"name": "a", "value": 1}]`)
	assert.Equal(t, map[string]float64{"metric_d": 1, "metric_a": 1}, metrics)
	assert.Equal(t, map[Reason]int{ReasonNameLimit: 1}, skipped)

	_, skipped = selected(s, `[{"name": "`+strings.Repeat("x", 1<<20)+`", "value": 1}]`)
	assert.Equal(t, map[Reason]int{ReasonNoName: 1}, skipped)

	many := "[" + strings.Repeat(`{"name": "a", "value": 1},`, maxAssessments) + `{"name": "b", "value": 1}]`
	metrics, skipped = selected(s, many)
	assert.Equal(t, map[string]float64{"metric_a": 1}, metrics)
	assert.Equal(t, 1, skipped[ReasonMalformed])
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"way":    {func(c *Config) { c.OnDuplicate = "mean" }, `on_duplicate: "mean" is not one of latest`},
		"prefix": {func(c *Config) { c.Prefix = "" }, "prefix: empty"},
		"form":   {func(c *Config) { c.Names = "latin" }, `names: "latin" is not one of unicode, ascii`},
		"rename": {func(c *Config) { c.Rename = []Rename{{Name: "a", To: "!"}} }, "rename[0]:"},
		"label":  {func(c *Config) { c.LabelScores = []LabelScore{{Match: "a"}} }, "label_scores[0]::label: empty"},
		"score": {func(c *Config) { c.LabelScores = []LabelScore{{Label: "a", Score: math.Inf(1)}} },
			"label_scores[0]::score: +Inf"},
		"match": {func(c *Config) { c.LabelScores = []LabelScore{{Label: "a", Match: "[x"}} },
			`label_scores[0]::match: "[x"`},
		"max":   {func(c *Config) { c.MaxMetrics = -1 }, "max_metrics: -1"},
		"names": {func(c *Config) { c.MaxNames = 0 }, "max_names: 0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := NewDefaultConfig()
			tt.change(&cfg)
			require.ErrorContains(t, cfg.Validate(), tt.want)
		})
	}
}

// FuzzSelect checks that any text gives finite numbers under good names, the same ones each time.
func FuzzSelect(f *testing.F) {
	for _, seed := range []string{
		`[{"assessment_id": "a-1", "assessment_name": "relevance", "source": {"source_type": "LLM_JUDGE"}, ` +
			`"last_update_time": "2026-03-02T07:16:06.430Z", "feedback": {"value": "yes"}, "valid": true, ` +
			`"overrides": "a-2"}]`,
		`"[{\"name\": \"a\", \"value\": 1}]"`,
		`[{"metric_name": "b", "score": "1e-2", "span_id": "x", "last_update_time_ms": 5}]`, `[[`, `{"name": {}}`,
		`[{"feedback": [], "valid": 0}]`, "\xff", `[{"name":"\ud800","value":NaN}]`,
	} {
		f.Add([]byte(seed))
	}
	s := scorer(f, func(c *Config) { c.LabelScores = []LabelScore{{Match: "a*", Label: "good", Score: 1}} })
	f.Fuzz(func(t *testing.T, text []byte) {
		metrics, _ := selected(s, string(text))
		again, _ := selected(s, string(text))
		require.Equal(t, metrics, again)
		var l List
		s.Select(&l, "", func(Reason, int) {}, text)
		for _, m := range l.Metrics {
			require.False(t, math.IsNaN(m.Value) || math.IsInf(m.Value, 0))
			require.Regexp(t, `^metric_[\p{L}\p{M}\p{N}_]{1,64}$`, m.Key)
		}
		if json.Valid(text) {
			quoted, err := json.Marshal(string(text))
			require.NoError(t, err)
			fromString, _ := selected(s, string(quoted))
			require.Equal(t, metrics, fromString)
		}
	})
}
