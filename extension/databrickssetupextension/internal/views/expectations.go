// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// expectations are the common table expressions, behind roots, that end in expected: the
// expectations of a trace as a JSON object. They are in the list of assessments that the topmost
// span carries, in log records, and in annotations. Of one that span and records tell of, the newest
// state counts, and of those of a name the newest one.
func (o *Options) expectations() string {
	all := o.spanExpectations()
	if o.Logs {
		all = o.toldExpectations()
	}
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
      ORDER BY said_at DESC NULLS LAST, place DESC, value) AS name_rank
    FROM expectations
    WHERE name <> ''
  ) AS e
  WHERE name_rank = 1 AND value IS NOT NULL
  GROUP BY trace_id
)`
}

// inList reads a member of an assessment in the list that the topmost span carries.
func inList(path, typ string) string {
	return "try_variant_get(e.said, '$." + path + "', '" + typ + "')"
}

// What an assessment in that list says. The value is JSON text.
var (
	spanValue = "COALESCE(" + inList("expectation.serialized_value.value", "string") + ", to_json(" +
		inList("expectation.value", "variant") + "))"
	spanSaidAt = "try_cast(COALESCE(" + inList("last_update_time", "string") + ", " + inList("create_time", "string") +
		") AS TIMESTAMP)"
	spanValid = "COALESCE(" + inList("valid", "boolean") + ", TRUE)"
)

// saidBySpan is a table expression named e: of each trace the assessments of its topmost span, and those of
// them that are expectations about the trace or that span.
const saidBySpan = `(
    SELECT r.trace_id, r.span_id, r.revision, e.said
    FROM roots AS r
    LATERAL VIEW explode(try_variant_get(try_parse_json(r.assessments), '$', 'array<variant>')) e AS said
    WHERE r.root_rank = 1
  ) AS e`

func expectationOfSpan() string {
	return inList("expectation", "variant") + " IS NOT NULL AND COALESCE(" + inList("span_id", "string") +
		", '') IN ('', e.span_id)"
}

// spanExpectations are the expectations of the topmost span.
func (o *Options) spanExpectations() string {
	return `
  SELECT e.trace_id, ` + inList("assessment_name", "string") + ` AS name,
    ` + spanValue + ` AS value,
    ` + spanSaidAt + ` AS said_at, 0 AS place
  FROM ` + saidBySpan + `
  WHERE ` + expectationOfSpan() + ` AND ` + spanValid
}

// toldExpectations are the expectations that the topmost span and log records tell of. A record is
// newer than the span. One that was deleted, or that another one overrides, is left out. Records hold
// the beginning of a long value: where the span has the same state, its value is whole; else it is
// NULL.
func (o *Options) toldExpectations() string {
	d := o.dialect()
	get := func(key, typ string) string { return d.get("l.attributes", key, typ) }
	return `
  SELECT e.trace_id, e.name, e.value, e.said_at, 0 AS place
  FROM (
    SELECT e.*, ` + overridden("e.live", "e.overrides", "e.trace_id", "e.assessment_id") + ` AS overridden
    FROM (
      SELECT e.trace_id, e.assessment_id, e.name, e.whole AS value, e.overrides, e.said_at,
        e.valid AND u.trace_id IS NULL AS live
      FROM (
        SELECT e.*, max(e.value) OVER (PARTITION BY e.trace_id, e.assessment_key, e.said_at) AS whole,
          ROW_NUMBER() OVER (PARTITION BY e.trace_id, e.assessment_key
            ORDER BY e.said_at DESC NULLS LAST, e.found_at DESC NULLS LAST) AS state_rank
        FROM (
          SELECT e.*, COALESCE(e.assessment_id, to_json(struct(e.name, e.said_at, e.value))) AS assessment_key
          FROM (
            SELECT e.trace_id, ` + inList("assessment_id", "string") + ` AS assessment_id,
              ` + inList("assessment_name", "string") + ` AS name,
              ` + spanValue + ` AS value,
              ` + inList("overrides", "string") + ` AS overrides, ` + spanValid + ` AS valid,
              ` + spanSaidAt + ` AS said_at,
              e.revision * 1000000 AS known_at, CAST(NULL AS BIGINT) AS found_at
            FROM ` + saidBySpan + `
            WHERE ` + expectationOfSpan() + `
            UNION ALL
            SELECT l.trace_id, ` + get(genai.AssessmentID, "string") + ` AS assessment_id,
              ` + get(genai.EvaluationName, "string") + ` AS name,
              CASE WHEN NOT COALESCE(array_contains(` + d.list("l.attributes", genai.AssessmentTruncated) + `, ` +
		literal(genai.AssessmentValue) + `), FALSE)
                THEN to_json(try_parse_json(` + get(genai.AssessmentValue, "string") + `)) END AS value,
              ` + get(genai.AssessmentOverrides, "string") + ` AS overrides,
              COALESCE(` + get(genai.AssessmentValid, "boolean") + `, TRUE) AS valid,
              timestamp_micros(l.time_unix_nano DIV 1000) AS said_at,
              l.observed_time_unix_nano AS known_at, l.observed_time_unix_nano AS found_at
            FROM ` + o.Location.Table(unity.SignalLogs, o.Layout).Quoted() + ` AS l
            JOIN roots AS r ON r.trace_id = l.trace_id AND r.root_rank = 1
              AND COALESCE(l.span_id, '') IN ('', '0000000000000000', r.span_id)
            WHERE l.event_name = ` + literal(genai.EvaluationResult) + `
              AND ` + get(genai.AssessmentKind, "string") + ` = 'expectation'
          ) AS e
        ) AS e
      ) AS e
      LEFT JOIN ` + o.present() + ` ON u.trace_id = e.trace_id
        AND u.observed >= e.known_at AND NOT array_contains(u.present, e.assessment_id)
      WHERE e.state_rank = 1
    ) AS e
  ) AS e
  WHERE e.live AND NOT e.overridden`
}

// quotedJSON is a text as a string of JSON. to_json takes no scalar.
func quotedJSON(text string) string {
	list := "to_json(array(" + text + "))"
	return "substr(" + list + ", 2, length(" + list + ") - 2)"
}
