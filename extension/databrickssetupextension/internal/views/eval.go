// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// besideEval are the fields of the trace that the view for evaluations repeats, to filter by.
var besideEval = []string{"request_id", "trace_id", "request_time", "status", "experiment_id", "experiment",
	"service_name", "session_id", "environment", "app_version", "trace_kind", "tags"}

// Eval is the view of data for mlflow.genai.evaluate, one row per trace that was asked something.
// inputs and expectations are JSON objects as text, as evaluate takes them from a DataFrame of
// Spark.
func (o *Options) Eval(existing []string) (View, error) {
	v := View{Name: o.Name(EvalKind), Comment: "Data sets for mlflow.genai.evaluate, one row per GenAI trace, to be " +
		"filtered by tags and scores: content, to be granted apart from the other views." + madeBy}
	beside := chosen(besideEval...)
	list := append(slices.Clone(beside), contents...)

	put := []output{
		{Column{"inputs", "What was asked, a JSON object. What was no object is in its member request: content."},
			object("r.`request`")},
		{Column{"outputs", "What was answered: content."}, "r.`response`"},
		{Column{"expectations", "Expectations by name, a JSON object: content."}, "COALESCE(x.expectations, '{}')"},
		{Column{"scores", "Scores by name."}, "COALESCE(p.scores, CAST(map() AS MAP<STRING, DOUBLE>))"},
	}
	columns := slices.Concat(put[:3], shown(beside, o.Annotations), put[3:])

	said := projection{o.dialect().get("s.attributes", genai.Assessments, "string"), "assessments"}
	with, join := o.roots(list, o.scoresOfSpan(), said), ""
	if o.Annotations {
		with += o.notes()
		join += joinNotes
	}
	with += o.gatheredScores() + pivoted + o.expectations()
	join += joinPivoted + "\nLEFT JOIN expected AS x ON x.trace_id = r.trace_id"
	return v.complete(columns, existing, with,
		"FROM roots AS r"+join+"\nWHERE r.root_rank = 1 AND r.`request` IS NOT NULL")
}

// object is a text as a JSON object: itself, or the value of the member request.
func object(text string) string {
	return fmt.Sprintf("CASE WHEN json_object_keys(%[1]s) IS NOT NULL THEN %[1]s WHEN json_array_length(%[1]s) IS NOT "+
		"NULL THEN concat('{\"request\":', %[1]s, '}') ELSE to_json(map('request', %[1]s)) END", text)
}
