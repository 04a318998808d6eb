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

// expectations are the common table expressions, behind roots, that end in expected: the
// expectations of a trace as a JSON object. They are in the list of assessments that the topmost
// span carries, and in annotations, of which the newest of a name counts.
func (o *Options) expectations() string {
	get := func(path, typ string) string { return "try_variant_get(e.said, '$." + path + "', '" + typ + "')" }
	all := `
  SELECT e.trace_id, ` + get("assessment_name", "string") + ` AS name,
    COALESCE(` + get("expectation.serialized_value.value", "string") + `, to_json(` +
		get("expectation.value", "variant") + `)) AS value,
    try_cast(COALESCE(` + get("last_update_time", "string") + `, ` + get("create_time", "string") +
		`) AS TIMESTAMP) AS said_at, 0 AS place
  FROM (
    SELECT r.trace_id, r.span_id, e.said
    FROM roots AS r
    LATERAL VIEW explode(try_variant_get(try_parse_json(r.assessments), '$', 'array<variant>')) e AS said
    WHERE r.root_rank = 1
  ) AS e
  WHERE ` + get("expectation", "variant") + ` IS NOT NULL AND COALESCE(` + get("valid", "boolean") + `, TRUE)
    AND COALESCE(` + get("span_id", "string") + `, '') IN ('', e.span_id)`
	if o.Annotations {
		all += `
  UNION ALL
  SELECT a.trace_id, a.name,
    CASE WHEN a.serialized THEN try_variant_get(a.value, '$', 'string') ELSE to_json(a.value) END AS value,
    a.changed_at AS said_at, 1 AS place
  FROM ` + o.current("EXPECTATION") + `
  JOIN roots AS r ON r.trace_id = a.trace_id AND r.root_rank = 1 AND a.span_id IN ('', r.span_id)
  WHERE a.live AND NOT a.overridden`
	}
	return `,
expectations AS (` + all + `
),
expected AS (
  SELECT trace_id,
    concat('{', array_join(array_sort(collect_list(concat(` + quotedJSON("name") + `, ':', value))), ','), '}')
      AS expectations
  FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, name
      ORDER BY place DESC, said_at DESC NULLS LAST, value) AS name_rank
    FROM expectations
    WHERE name <> '' AND value IS NOT NULL
  ) AS e
  WHERE name_rank = 1
  GROUP BY trace_id
)`
}

// quotedJSON is a text as a string of JSON. to_json takes no scalar.
func quotedJSON(text string) string {
	list := "to_json(array(" + text + "))"
	return "substr(" + list + ", 2, length(" + list + ") - 2)"
}
