// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// besideScores are the fields of the trace that the view of scores repeats, to slice by.
var besideScores = []string{"status", "experiment_id", "experiment", "service_name", "environment", "app_version",
	"model", "trace_kind"}

// ScoresView is the view with one row per trace and score.
func (o *Options) ScoresView(existing []string) (View, error) {
	v := View{Name: o.Name(ScoresKind), Comment: "One row per GenAI trace and score, whatever their names." + madeBy}
	ids, beside := chosen("request_id", "trace_id", "request_time"), chosen(besideScores...)
	list := slices.Concat(shown(ids, o.Annotations), []output{
		{Column{"score_name", "Name of the score: what follows " + o.scorePrefix() + " in the attribute's name."},
			"c.score_name"},
		{Column{"score", "The score; yes and pass are 1, no and fail are 0."}, "c.score"},
		{Column{"source", "Where it was found: span, log or annotation."}, "c.source"},
		{Column{"scored_at", "When the scores of the trace last changed, as far as the source knows."}, "c.scored_at"},
	}, shown(beside, o.Annotations))

	with, join := o.roots(append(ids, beside...), o.scoresOfSpan()), ""
	if o.Annotations {
		with += o.notes()
		join = joinNotes
	}
	return v.complete(list, existing, with+o.gatheredScores(),
		"FROM current_scores AS c\nJOIN roots AS r ON r.trace_id = c.trace_id"+join+
			"\nWHERE c.score_rank = 1 AND r.root_rank = 1")
}

// scoresOfSpan reads all scores of a span as a map of doubles.
func (o *Options) scoresOfSpan() projection {
	d, prefix := o.dialect(), o.scorePrefix()
	return projection{
		fmt.Sprintf("transform_values(map_filter(%s, (k, v) -> startswith(k, %s) AND length(k) > %d), (k, v) -> %s)",
			d.members("s.attributes"), literal(prefix), len(prefix),
			score(d.value("v", "double"), d.value("v", "string"))),
		"scores"}
}

// gatheredScores are the common table expressions, behind roots, that end in current_scores: where
// score_rank is 1, the newest of each name of a trace.
func (o *Options) gatheredScores() string {
	spans := fmt.Sprintf(`
  SELECT r.trace_id, substr(e.score_key, %d) AS score_name, e.score, 'span' AS source,
    CASE WHEN r.revision > 0 THEN timestamp_millis(r.revision)
      ELSE timestamp_micros(GREATEST(r.started_at, r.ended_at) DIV 1000) END AS scored_at, TRUE AS valid
  FROM roots AS r
  LATERAL VIEW explode(r.scores) e AS score_key, score
  WHERE r.root_rank = 1`, len(o.scorePrefix())+1)
	if !o.elsewhere() {
		return ",\ncurrent_scores AS (\n  SELECT *, 1 AS score_rank FROM (\n  " + strings.TrimSpace(indent(spans)) +
			"\n  ) AS a\n  WHERE " + isFinite("a.score") + "\n)"
	}
	all := spans
	if o.Logs {
		all += "\n  UNION ALL" + o.logScores()
	}
	if o.Annotations {
		all += "\n  UNION ALL" + o.annotationScores()
	}
	// A score that was withdrawn after the span was written is not shown from the span; what else
	// is known of it may be.
	return `,
all_scores AS (` + all + `
),
weighed AS (
  SELECT trace_id, score_name, score, source, scored_at, valid AND COALESCE(` + isFinite("score") + `, FALSE) AS counts,
    MAX(CASE WHEN NOT (valid AND COALESCE(` + isFinite("score") + `, FALSE)) THEN scored_at END)
      OVER (PARTITION BY trace_id, score_name) AS withdrawn_at
  FROM all_scores
  WHERE score_name <> ''
),
current_scores AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, score_name
    ORDER BY scored_at DESC NULLS LAST,
      CASE source WHEN 'span' THEN 0 WHEN 'annotation' THEN 1 ELSE 2 END, score DESC) AS score_rank
  FROM weighed
  WHERE counts AND (source <> 'span' OR withdrawn_at IS NULL OR scored_at >= withdrawn_at)
)`
}

func isFinite(x string) string { return "abs(" + x + ") <= 1.7976931348623157E308D" }

// logScores are the scores of log records, the newest record of each assessment. Records about
// inner spans are left out. An assessment that was deleted is not valid from then on, and one that another
// one overrides from when that was found: MLflow leaves its time as it was.
func (o *Options) logScores() string {
	d := o.dialect()
	get := func(key, typ string) string { return d.get("l.attributes", key, typ) }
	name := get(genai.EvaluationName, "string")
	value := score(get(genai.EvaluationScore, "double"), get(genai.EvaluationLabel, "string"))
	order := "l.time_unix_nano DESC, l.observed_time_unix_nano DESC"
	if !d.maps {
		order += ", l.record_id DESC NULLS LAST"
	}
	return `
  SELECT l.trace_id, l.score_name, l.score, 'log' AS source, l.scored_at, l.live AND NOT l.overridden AS valid
  FROM (
    SELECT l.*, ` + overridden("l.live", "l.overrides", "l.trace_id", "l.assessment_id") + ` AS overridden
    FROM (
      SELECT l.trace_id, l.span_id, l.score_name, l.score, l.assessment_id, l.overrides,
        l.valid AND u.trace_id IS NULL AS live,
        timestamp_micros(COALESCE(u.observed, CASE WHEN l.valid THEN l.time_unix_nano
          ELSE GREATEST(l.time_unix_nano, l.observed) END) DIV 1000) AS scored_at
      FROM (
        SELECT l.trace_id, COALESCE(l.span_id, '') AS span_id, ` + scoreName(name) + ` AS score_name,
          ` + value + ` AS score, l.time_unix_nano, l.observed_time_unix_nano AS observed,
          COALESCE(` + get(genai.AssessmentValid, "boolean") + `, TRUE) AS valid,
          ` + get(genai.AssessmentID, "string") + ` AS assessment_id,
          ` + get(genai.AssessmentOverrides, "string") + ` AS overrides,
          ROW_NUMBER() OVER (PARTITION BY l.trace_id, COALESCE(l.span_id, ''),
            COALESCE(` + get(genai.AssessmentID, "string") + `, ` + name + `)
            ORDER BY ` + order + `) AS repeat_rank
        FROM ` + o.Location.Table(unity.SignalLogs, o.Layout).Quoted() + ` AS l
        WHERE l.event_name = ` + literal(genai.EvaluationResult) + ` AND ` + name + ` IS NOT NULL
          AND COALESCE(` + get(genai.AssessmentKind, "string") + `, 'feedback') = 'feedback'
      ) AS l
      LEFT JOIN ` + o.present() + ` ON u.trace_id = l.trace_id
        AND u.observed >= l.observed AND NOT array_contains(u.present, l.assessment_id)
      WHERE l.repeat_rank = 1
    ) AS l
  ) AS l
  JOIN roots AS r ON r.trace_id = l.trace_id AND r.root_rank = 1
    AND (l.span_id IN ('', '0000000000000000') OR l.span_id = r.span_id)`
}

// present is a table expression named u: of each trace the ids of the assessments that its newest
// record lists, and when they were found. An assessment that was found earlier and is not among them was
// deleted.
func (o *Options) present() string {
	list := o.dialect().list("l.attributes", genai.TraceAssessments)
	return `(
        SELECT l.trace_id, max(l.observed_time_unix_nano) AS observed,
          max_by(` + list + `, l.observed_time_unix_nano) AS present
        FROM ` + o.Location.Table(unity.SignalLogs, o.Layout).Quoted() + ` AS l
        WHERE l.event_name = ` + literal(genai.TraceUpdated) + ` AND ` + list + ` IS NOT NULL
        GROUP BY l.trace_id
      ) AS u`
}

// overridden is true for an assessment whose id a valid one of the same trace overrides, whatever
// that one is about. MLflow may mark the former as not valid only later.
func overridden(valid, overrides, trace, id string) string {
	return "COALESCE(array_contains(collect_set(CASE WHEN " + valid + " THEN " + overrides +
		" END)\n      OVER (PARTITION BY " + trace + "), " + id + "), FALSE)"
}

// current are the newest rows of a kind of annotations, as a table expression named a with the trace,
// the span that it is about (empty: the trace), the name, the value, whether it counts and since
// when. Annotations are appended to, and deleted by another row. One about a span has the trace as its target,
// too, and names the span in its metadata.
func (o *Options) current(kind string) string {
	get := func(key, typ string) string {
		return "try_variant_get(a.metadata, " + literal(`$["`+key+`"]`) + ", '" + typ + "')"
	}
	return `(
    SELECT a.*, ` + overridden("a.live", "a.overrides", "a.trace_id", "a.annotation_id") + ` AS overridden
    FROM (
      SELECT substring_index(substring_index(a.target_id, '/', -1), ':', 1) AS trace_id,
        lower(COALESCE(` + get("mlflow.span_id", "string") + `,
          CASE WHEN a.target_type = 'SPAN' THEN substring_index(a.target_id, ':', -1) END, '')) AS span_id,
        a.annotation_id, a.name, a.value, ` + get("mlflow.overrides", "string") + ` AS overrides,
        ` + get("mlflow.expectation.serialization_format", "string") + ` IS NOT NULL AS serialized,
        a.deleted_at IS NULL AND COALESCE(` + get("mlflow.valid", "boolean") + `, TRUE) AS live,
        COALESCE(a.deleted_at, a.updated_at, a.created_at) AS changed_at,
        ROW_NUMBER() OVER (PARTITION BY a.annotation_id
          ORDER BY a.updated_at DESC NULLS LAST, a.deleted_at DESC NULLS LAST) AS annotation_rank
      FROM ` + o.Location.Table(unity.SignalAnnotations, unity.LayoutV2).Quoted() + ` AS a
      WHERE a.target_type IN ('TRACE', 'SPAN') AND a.annotation_type = ` + literal(kind) + `
    ) AS a
    WHERE a.annotation_rank = 1
  ) AS a`
}

// annotationScores are the scores that MLflow keeps as annotations. Those about inner spans are left
// out.
func (o *Options) annotationScores() string {
	value := score("try_variant_get(a.value, '$', 'double')", "try_variant_get(a.value, '$', 'string')")
	return `
  SELECT a.trace_id, ` + scoreName("a.name") + ` AS score_name,
    ` + value + ` AS score,
    'annotation' AS source, a.changed_at AS scored_at, a.live AND NOT a.overridden AS valid
  FROM ` + o.current("FEEDBACK") + `
  JOIN roots AS r ON r.trace_id = a.trace_id AND r.root_rank = 1 AND a.span_id IN ('', r.span_id)`
}

// Found is a query for the names of scores that the view of scores shows: score_name, source and
// occurrences, the number of traces that show it from there. Only traces that began in the last days
// are looked at, or all if days is 0.
func (o *Options) Found(days int) Statement {
	where := o.candidate()
	if days > 0 {
		where += fmt.Sprintf(" AND s.start_time_unix_nano >= "+
			"unix_seconds(current_timestamp() - INTERVAL %d DAYS) * 1000000000", days)
	}
	with := o.rootsWhere(where, nil, o.scoresOfSpan()) + o.gatheredScores()
	sql := with + `
SELECT score_name, source, count(*) AS occurrences
FROM current_scores
WHERE score_rank = 1
GROUP BY score_name, source
ORDER BY occurrences DESC, score_name, source
LIMIT 1000`
	return Statement{SQL: sql, Does: "finds the names of scores in the tables"}
}

// RowCount is a query for the number of spans, which Delta answers from its log.
func (o *Options) RowCount() Statement {
	return Statement{SQL: "SELECT count(*) AS spans FROM " + o.Location.Table(unity.SignalSpans, o.Layout).Quoted(),
		Does: "counts the spans"}
}
