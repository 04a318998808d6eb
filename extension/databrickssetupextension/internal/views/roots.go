// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// marks are attributes that only topmost spans get, besides the receiver's.
var marks = []string{genai.TokenCountRequest, genai.TokenCountResponse, genai.TokenCountEncoding, genai.CostTraceTotal}

// dialects are attributes that say that a span is a GenAI span.
var dialects = append(genai.Attributes(genai.FactKind, genai.FactProvider), genai.TraceRequestID,
	genai.TokenCountEncoding)

const (
	orphan = "COALESCE(s.parent_span_id, '') IN ('', '0000000000000000')"
	child  = "COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000')"
)

// candidate is true for spans s that may stand for a trace.
func (o *Options) candidate() string {
	d := o.dialect()
	return "s.trace_id <> '' AND (" + orphan + " OR " + d.has(genai.Revision) + " OR " + d.has(marks...) + ")"
}

// roots are the common table expressions that end in roots: one row for each trace where root_rank
// is 1, with the fields as columns. extra are read besides.
func (o *Options) roots(list []field, extra ...projection) string {
	return o.rootsWhere(o.candidate(), list, extra...)
}

// rootsWhere are roots of the spans that meet a condition.
func (o *Options) rootsWhere(where string, list []field, extra ...projection) string {
	d := o.dialect()
	revision := d.get("s.attributes", genai.Revision, "bigint")
	extra = append([]projection{
		{"CASE WHEN " + revision + " IS NOT NULL THEN 0 WHEN " + child + " OR " + d.has(dialects...) +
			" THEN 1 ELSE 2 END", "root_class"},
		{child, "has_parent"},
		{"s.start_time_unix_nano", "started_at"},
	}, extra...)
	return o.versions(o.spans(), where, list, extra...) + strings.Join([]string{
		",",
		"roots AS (",
		"  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY root_class, has_parent, started_at, ended_at " +
			"DESC, span_id) AS root_rank",
		"  FROM versions",
		"  WHERE repeat_rank = 1",
		")",
	}, "\n")
}

// versions are the common table expressions that end in versions: the spans of a table that meet a
// condition, with the fields as columns, where repeat_rank is 1 without repeats. extra are read
// besides.
func (o *Options) versions(table unity.Name, where string, list []field, extra ...projection) string {
	d := o.dialect()
	read := []projection{
		{d.get("s.attributes", genai.Revision, "bigint"), "revision"},
		{"s.end_time_unix_nano", "ended_at"},
	}
	latest := "revision DESC NULLS LAST, "
	if d.maps {
		read = append(read, projection{"cardinality(s.attributes)", "width"})
		latest += "ended_at DESC, width DESC"
	} else {
		read = append(read, projection{"s.record_id", "record_id"})
		latest += "record_id DESC NULLS LAST"
	}
	ids := map[string]bool{}
	for _, f := range list {
		if f.read != nil {
			read = append(read, projection{f.read(d), f.name})
			ids[f.name] = true
		}
	}
	for _, id := range []string{"trace_id", "span_id"} {
		if !ids[id] {
			read = append(read, projection{"s." + id, id})
		}
	}
	read = append(read, extra...)
	return strings.Join([]string{
		"WITH candidates AS (",
		"  SELECT",
		indent(selected(read)),
		"  FROM " + table.Quoted() + " AS s",
		"  WHERE " + where,
		"),",
		"versions AS (",
		"  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY " + latest +
			") AS repeat_rank FROM candidates",
		")",
	}, "\n")
}

// notes are the common table expressions that end in notes: tags and metadata of a trace, from
// annotations. They are appended to and only the newest of a name counts, unless it was deleted.
func (o *Options) notes() string {
	return `,
named AS (
  SELECT substring_index(a.target_id, '/', -1) AS trace_id, a.annotation_type, a.name, a.value, a.deleted_at,
    ROW_NUMBER() OVER (PARTITION BY a.target_id, a.annotation_type, a.name
      ORDER BY a.updated_at DESC NULLS LAST, a.deleted_at DESC NULLS LAST) AS note_rank
  FROM ` + o.Location.Table(unity.SignalAnnotations, unity.LayoutV2).Quoted() + ` AS a
  WHERE a.target_type = 'TRACE' AND a.annotation_type IN ('TAG', 'METADATA') AND a.name IS NOT NULL
),
notes AS (
  SELECT trace_id,
    map_from_entries(collect_list(
      CASE WHEN annotation_type = 'TAG' THEN struct(name, try_variant_get(value, '$', 'string')) END)) AS tags,
    first(CASE WHEN annotation_type = 'METADATA'
      THEN try_variant_get(value, '$.trace_metadata', 'map<string,string>') END, TRUE) AS metadata
  FROM named
  WHERE note_rank = 1 AND deleted_at IS NULL
  GROUP BY trace_id
)`
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
