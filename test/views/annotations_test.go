// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"encoding/hex"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// annotations are rows that only MLflow's own API writes: appended to, deleted by another row.
func annotations() []databrickstest.Row {
	var rows []databrickstest.Row
	add := func(trace byte, id, kind, name string, value any, minute int, deleted bool) {
		time := func(m int) string { return fmt.Sprintf("2026-11-20T11:%02d:00.000000Z", m) }
		row := databrickstest.Row{
			"annotation_id": id, "target_type": "TRACE", "target_id": traceID(trace).String(), "annotation_type": kind,
			"name": name, "value": value,
			"created_at": time(0), "created_by": "me", "updated_at": time(minute), "updated_by": "me",
			"deleted_at": nil, "deleted_by": nil,
		}
		if deleted {
			row["deleted_at"], row["deleted_by"] = time(minute), "me"
		}
		rows = append(rows, row)
	}
	add(13, "t1", "TAG", "team", "green", 1, false)
	add(13, "t1", "TAG", "team", "red", 2, false)
	add(13, "t2", "TAG", "environment", "prod", 1, false)
	add(13, "t3", "TAG", "gone", "x", 1, false)
	add(13, "t3", "TAG", "gone", "x", 1, true) // deleted in the same instant
	add(13, "t4", "TAG", "mlflow.traceName", "system", 1, false)
	add(13, "m1", "METADATA", "metadata", map[string]any{"client_request_id": "c", "trace_metadata": map[string]any{
		"mlflow.trace.session": "s-ann", "mlflow.trace.user": "u-ann",
		"mlflow.trace.tokenUsage": `{"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}`,
		"mlflow.trace.cost":       `{"total_cost": 1.5}`, "mlflow.sourceRun": "run",
	}}, 1, false)
	add(13, "f1", "FEEDBACK", "quality", "yes", 1, false)
	add(13, "f1", "FEEDBACK", "quality", "no", 5, false) // changed
	add(13, "f2", "FEEDBACK", "Quality", 0.5, 3, false)  // the same score in another spelling, older
	add(14, "f3", "FEEDBACK", "relevance", 0.9, 1, false)
	add(14, "f3", "FEEDBACK", "relevance", 0.9, 2, true) // deleted: what the log says holds
	add(14, "t5", "TAG", "mlflow.trace.sourceScorer", "safety", 1, false)
	add(15, "f4", "FEEDBACK", "relevance", true, 1, false) // older than the span
	add(16, "x1", "EXPECTATION", "expected", 1.0, 1, false)
	add(17, "f5", "FEEDBACK", "quality", 0.8, 1, true) // deleted after the span was written
	add(17, "f8", "FEEDBACK", "été", 0.4, 1, false)
	add(17, "f6", "FEEDBACK", "tone", "so so", 1, false)
	add(17, "m2", "METADATA", "metadata", map[string]any{"client_request_id": "c"}, 1, false)
	add(18, "f7", "FEEDBACK", "relevance", 1.0, 1, false) // of a trace that is not there
	// What MLflow notes in metadata: no longer valid, in both spellings, overridden, about a span.
	note := func(id string, metadata map[string]any) {
		for _, r := range rows {
			if r["annotation_id"] == id {
				r["metadata"] = metadata
			}
		}
	}
	add(19, "o1", "FEEDBACK", "quality", "yes", 1, false)
	note("o1", map[string]any{"mlflow.source.source_type": "HUMAN"})
	add(19, "o1", "FEEDBACK", "quality", "yes", 3, false)
	rows[len(rows)-1]["metadata"] = map[string]any{"mlflow.valid": "false"}
	add(19, "o2", "FEEDBACK", "quality", "no", 2, false)
	note("o2", map[string]any{"mlflow.overrides": "o1"})
	add(19, "o3", "FEEDBACK", "tone", 0.25, 5, false) // overridden, and not marked as such
	add(19, "o4", "FEEDBACK", "tone", 0.75, 2, false)
	note("o4", map[string]any{"mlflow.overrides": "o3", "mlflow.valid": true})
	add(19, "o5", "FEEDBACK", "relevance", 1.0, 2, false)
	note("o5", map[string]any{"mlflow.valid": false})
	add(19, "o6", "FEEDBACK", "groundedness", 0.5, 2, false)
	add(19, "o7", "FEEDBACK", "groundedness", 0.9, 4, false) // does not count itself, so o6 does
	note("o7", map[string]any{"mlflow.valid": false, "mlflow.overrides": "o6"})
	add(19, "o8", "FEEDBACK", "inner", 1.0, 2, false)
	note("o8", map[string]any{"mlflow.span_id": spanID(19, 2).String()})
	add(19, "o9", "FEEDBACK", "answer_length", 7.0, 2, false)
	note("o9", map[string]any{"mlflow.span_id": strings.ToUpper(spanID(19, 1).String())})
	add(2, "e1", "EXPECTATION", "answer", "42", 1, false)
	add(2, "e2", "EXPECTATION", "facts", `["a", {"b": 1}]`, 1, false)
	note("e2", map[string]any{"mlflow.expectation.serialization_format": "JSON_FORMAT"})
	add(2, "e3", "EXPECTATION", "it's \"odd\"", 1.5, 1, false)
	add(2, "e4", "EXPECTATION", "answer", "43", 3, false) // newer, of the same name
	add(2, "e5", "EXPECTATION", "gone", true, 1, true)
	add(2, "e6", "EXPECTATION", "wrong", true, 1, false)
	note("e6", map[string]any{"mlflow.valid": "False"})
	add(19, "p1", "FEEDBACK", "failed", nil, 2, false)
	note("p1", map[string]any{"mlflow.error.error_code": "TIMEOUT", "mlflow.error.error_message": "late"})
	rows = append(rows, databrickstest.Row{
		"annotation_id": "s1", "target_type": "SPAN", "target_id": traceID(15).String() + ":" + spanID(15, 2).String(),
		"annotation_type": "FEEDBACK", "name": "inner", "value": 1.0,
		"created_at": "2026-11-20T11:00:00.000000Z", "updated_at": "2026-11-20T11:00:00.000000Z",
	})
	return rows
}

// The traces that are scored by logs and by annotations as MLflow's client has scored one of the
// sample store.
const loggedTrace, annotatedTrace = 20, 21

// agreement is that trace, with what all three must show.
type agreement struct {
	Request string   `json:"request"` // id of the trace that the client scored
	Others  []string `json:"others"`  // trace ids of the other two
	// Scores are those whose names begin with agree_.
	Scores map[string]float64 `json:"scores"`
}

// said is an assessment as the server returns it, about a trace written here.
type said struct {
	id, name, overrides, span string
	value                     any
	invalid                   bool
}

// saidOf reads assessments. Those about the root and about another span are about those of trace.
func saidOf(scored mlflowserver.Overridden, trace byte) (list []said) {
	for _, a := range scored.Assessments {
		s := said{id: a["assessment_id"].(string), name: a["assessment_name"].(string), invalid: a["valid"] == false}
		s.value = a["feedback"].(map[string]any)["value"]
		s.overrides, _ = a["overrides"].(string)
		if span, _ := a["span_id"].(string); span != "" {
			s.span = spanID(trace, 2).String()
			if span == scored.Root {
				s.span = spanID(trace, 1).String()
			}
		}
		list = append(list, s)
	}
	return list
}

// logsOf are assessments as log records.
func logsOf(scored mlflowserver.Overridden) plog.Logs {
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for i, s := range saidOf(scored, loggedTrace) {
		l := sl.LogRecords().AppendEmpty()
		l.SetEventName("gen_ai.evaluation.result")
		l.SetTraceID(traceID(loggedTrace))
		if s.span != "" {
			l.SetSpanID(pcommon.SpanID(parsed(s.span)))
		}
		l.SetTimestamp(at(100 + i))
		m := attrs{"gen_ai.evaluation.name": s.name, "mlflow.assessment.id": s.id,
			"mlflow.assessment.valid": !s.invalid}
		switch v := s.value.(type) {
		case float64:
			m["gen_ai.evaluation.score.value"] = v
		default:
			m["gen_ai.evaluation.score.label"] = fmt.Sprint(v)
		}
		if s.overrides != "" {
			m["mlflow.assessment.overrides"] = s.overrides
		}
		must(l.Attributes().FromRaw(m))
	}
	return ld
}

// annotationsOf are assessments as MLflow writes annotations: what is overridden gets another row
// that says so.
func annotationsOf(scored mlflowserver.Overridden) (rows []databrickstest.Row) {
	time := func(m int) string { return fmt.Sprintf("2026-11-20T12:%02d:00.000000Z", m) }
	add := func(s said, minute int, metadata map[string]any) {
		if s.span != "" {
			metadata["mlflow.span_id"] = s.span
		}
		if s.overrides != "" {
			metadata["mlflow.overrides"] = s.overrides
		}
		rows = append(rows, databrickstest.Row{
			"annotation_id": s.id, "target_type": "TRACE", "target_id": traceID(annotatedTrace).String(),
			"annotation_type": "FEEDBACK", "name": s.name, "value": s.value, "metadata": metadata,
			"created_at": time(0), "created_by": "me", "updated_at": time(minute), "updated_by": "me",
			"deleted_at": nil, "deleted_by": nil, "_change_type": "insert",
		})
	}
	for i, s := range saidOf(scored, annotatedTrace) {
		add(s, i, map[string]any{})
		if s.invalid {
			add(s, 30+i, map[string]any{"mlflow.valid": false})
		}
	}
	return rows
}

func parsed(id string) (out [8]byte) {
	bytes, err := hex.DecodeString(id)
	must(err)
	copy(out[:], bytes)
	return out
}
