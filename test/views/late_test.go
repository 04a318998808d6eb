// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// lateTrace is a trace of which scores change after it was delivered.
const lateTrace = 23

// late is what all views must show of it.
type late struct {
	Trace  string             `json:"trace"`
	Scores map[string]float64 `json:"scores"`
	// Expectations are those of the view for evaluations.
	Expectations map[string]any `json:"expectations"`
}

func lateScores() late {
	return late{traceID(lateTrace).String(), map[string]float64{
		"relevance": 0.75, "groundedness": 0, "quality": 0.25, "answer_length": 12, "restored": 1,
		"moved": 0.5, "untouched": 0.125, "again": 0.625,
	}, map[string]any{
		"kept": true, "answer": "43", "language": "sv", "facts": []any{"a", map[string]any{"b": nil}}, "long": long,
		"undone": "first", "later": 1.5,
	}}
}

// long is longer than what a log record holds of a value.
var long = strings.Repeat("långt ", 1000)

// deliveredAt is the newest change of an assessment when the trace was delivered, Unix milliseconds.
var deliveredAt = int(origin.UnixMilli()) + 60_000

// lateRoot are the scores that its topmost span has since then.
var lateRoot = attrs{"mlflow.spanInputs": "ask", "metric_groundedness": 1.0, "metric_quality": 1.0, "metric_tone": 0.5,
	"metric_restored": 1.0, "metric_withdrawn": 1.0, "metric_moved": 0.75,
	"metric_untouched": 0.125, "metric_again": 0.375, "mlflow.assessments": lateExpectations}

// lateExpectations are the expectations that it had when it was delivered.
var lateExpectations = func() (list []any) {
	for _, e := range [][2]any{{"kept", true}, {"answer", "42"}, {"language", "en"}, {"removed", 1}, {"long", long},
		{"grows", "short"}, {"undone", "first"}} {
		at := time.UnixMilli(int64(deliveredAt)).UTC().Format("2006-01-02T15:04:05.000Z")
		list = append(list, attrs{"assessment_id": "e-" + e[0].(string), "assessment_name": e[0],
			"create_time": at, "last_update_time": at, "valid": true, "expectation": attrs{"value": e[1]}})
	}
	return list
}()

// lateRecords are the log records of the trace, as the receiver writes them: with its delivery, and each
// time that its assessments have changed.
func lateRecords() []plog.Logs {
	var now int // minutes after the delivery
	state := map[string]mlflow.Assessment{}
	trace := &mlflow.Trace{Info: mlflow.Info{ID: "tr-" + traceID(lateTrace).String()},
		Spans: []mlflow.Span{{TraceID: traceID(lateTrace), ID: spanID(lateTrace, 1)}}}
	set := func(a mlflow.Assessment, value string) {
		if a.Kind == "" {
			a.Kind = mlflow.AssessmentKindFeedback
		}
		a.Value = []byte(value)
		a.Created = int64(deliveredAt + now*60_000)
		if was, ok := state[a.ID]; ok {
			a.Name, a.Created, a.Kind = was.Name, was.Created, was.Kind
		}
		a.Updated = int64(deliveredAt + now*60_000)
		state[a.ID] = a
	}
	// valid changes whether an assessment counts. MLflow leaves its time as it was.
	valid := func(id string, is bool) {
		a := state[id]
		a.Invalid = !is
		state[id] = a
	}
	converter := genai.NewConverter(genai.Options{CaptureContent: true})
	var out []plog.Logs
	told := func(edited bool) {
		changes := genai.Changes{}
		if edited {
			changes.Present = []string{}
		}
		for _, a := range state {
			changes.Assessments = append(changes.Assessments, a)
			if edited {
				changes.Present = append(changes.Present, a.ID)
			}
		}
		ld := plog.NewLogs()
		found := origin.Add(time.Minute + time.Duration(now)*time.Minute + time.Second)
		converter.AppendChanges(ld, mlflow.Experiment{ID: "9", Name: "late"}, trace, &changes, found)
		out = append(out, ld)
		now++
	}
	named := func(id, name string) mlflow.Assessment { return mlflow.Assessment{ID: id, Name: name} }

	expected := func(name, value string) {
		set(mlflow.Assessment{ID: "e-" + name, Name: name, Kind: mlflow.AssessmentKindExpectation}, value)
	}
	for _, e := range lateExpectations {
		e := e.(attrs)
		value, err := json.Marshal(e["expectation"].(attrs)["value"])
		must(err)
		expected(e["assessment_name"].(string), string(value))
	}
	set(named("a-changed", "groundedness"), `"yes"`)
	set(named("a-old", "quality"), `"yes"`)
	set(named("a-deleted", "tone"), `0.5`)
	set(named("a-restored", "restored"), `true`)
	set(named("a-withdrawn", "withdrawn"), `true`)
	set(named("a-first", "moved"), `0.5`)
	set(named("a-untouched", "untouched"), `0.125`)
	set(named("a-again", "again"), `0.375`)
	now++
	set(named("a-second", "moved"), `0.75`)
	told(false)

	set(named("a-late", "relevance"), `0.75`) // given late
	expected("later", `1.5`)
	told(true)
	set(named("a-changed", ""), `"no"`) // changed
	expected("answer", `"43"`)
	expected("grows", `"`+long+`"`) // to more than its record holds
	told(true)
	override := func(id, name, value, of string) {
		a := named(id, name)
		a.Overrides, a.Kind = of, state[of].Kind
		set(a, value)
		valid(of, false)
	}
	override("a-new", "quality", `0.25`, "a-old") // overridden
	override("a-wrong", "restored", `false`, "a-restored")
	override("e-swedish", "language", `"sv"`, "e-language")
	override("e-second", "undone", `"second"`, "e-undone")
	told(true)
	delete(state, "a-deleted") // deleted: the only one of its name, the newer of two
	delete(state, "a-second")
	delete(state, "a-again")
	delete(state, "e-removed")
	valid("a-withdrawn", false)
	told(true)
	delete(state, "a-wrong") // what it overrode counts again
	valid("a-restored", true)
	delete(state, "e-second")
	valid("e-undone", true)
	set(mlflow.Assessment{ID: "e-facts", Name: "facts", Kind: mlflow.AssessmentKindExpectation,
		Serialized: `["a", {"b": null}]`}, "")
	set(named("a-once-more", "again"), `0.625`) // a deleted one is given again
	set(named("a-length", "answer_length"), `12`)
	set(named("a-passing", "passing"), `1`)
	told(true)
	delete(state, "a-passing")
	told(true)
	slices.Reverse(out) // the order of arrival does not matter
	return out
}
