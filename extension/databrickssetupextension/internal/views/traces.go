// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"
	"slices"
	"strings"
)

const madeBy = " Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was " +
	"changed by hand."

// Traces is the view with one row per trace. existing are the columns that the view has now: they
// keep their places. It is an error if one of them is not known here.
func (o *Options) Traces(existing []string) (View, error) {
	v := View{Name: o.Name(TracesKind), Comment: "One row per GenAI trace." + madeBy, Scores: o.Scores}
	list := shown(fields, o.Annotations)
	for _, s := range o.Scores {
		list = append(list, output{Column{s.Column, fmt.Sprintf("Score %s.", s.Name)}, o.wideScore(s)})
	}
	read := o.scoreColumns()
	if o.elsewhere() {
		read = []projection{o.scoresOfSpan()}
	}
	with, join := o.roots(fields, read...), ""
	if o.Annotations {
		with += o.notes()
		join += joinNotes
	}
	if o.elsewhere() {
		with += o.gatheredScores() + pivoted
		join += joinPivoted
	}
	return v.complete(list, existing, with, "FROM roots AS r"+join+"\nWHERE r.root_rank = 1")
}

// pivoted is a common table expression behind current_scores: the scores of a trace as a map.
const pivoted = `,
pivoted AS (
  SELECT trace_id, map_from_entries(collect_list(struct(score_name, score))) AS scores
  FROM current_scores
  WHERE score_rank = 1
  GROUP BY trace_id
)`

// Joins of roots r with what is known of a trace besides.
const (
	joinNotes   = "\nLEFT JOIN notes AS m ON m.trace_id = r.trace_id"
	joinPivoted = "\nLEFT JOIN pivoted AS p ON p.trace_id = r.trace_id"
)

// scoreColumns reads each known score of a span by its path: nothing else of the attributes need be
// read.
func (o *Options) scoreColumns() []projection {
	d := o.dialect()
	out := make([]projection, len(o.Scores))
	for i, s := range o.Scores {
		key := o.scorePrefix() + s.Name
		out[i] = projection{score(d.get("s.attributes", key, "double"), d.get("s.attributes", key, "string")), s.Column}
	}
	return out
}

func (o *Options) wideScore(s Score) string {
	if o.elsewhere() {
		return entry("p.scores", s.Name)
	}
	return finite(column(s.Column))
}

// arranged puts wanted columns into the order of the existing ones, new ones behind.
func arranged(existing, wanted []string) ([]string, error) {
	var out []string
	for _, name := range existing {
		name = strings.ToLower(name)
		if !slices.Contains(wanted, name) {
			return nil, fmt.Errorf(
				"the view has a column %s, which is not known here; columns are never dropped, so it is left as it is",
				name)
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// Content is the view of what was asked and answered.
func (o *Options) Content(existing []string) (View, error) {
	list := append(chosen("request_id", "trace_id", "request_time", "experiment_id", "service_name"), contents...)
	v := View{Name: o.Name(ContentKind),
		Comment: "What was asked and answered, one row per GenAI trace: content, to be granted apart from the other " +
			"views." + madeBy}
	return v.complete(shown(list, false), existing, o.roots(list), "FROM roots AS r\nWHERE r.root_rank = 1")
}

// output is a column of a view and the expression that it shows.
type output struct {
	Column
	expression string
}

// shown are the columns of those fields that are not hidden.
func shown(list []field, annotations bool) (out []output) {
	for _, f := range list {
		if !f.hidden() {
			out = append(out, output{Column{f.name, f.comment}, f.shown(annotations)})
		}
	}
	return out
}

// complete returns the view with its columns and its query: common table expressions, what is
// selected, and the rest from FROM on. existing are the columns that the view has now, as in Traces.
func (v View) complete(list []output, existing []string, with, from string) (View, error) {
	names := make([]string, len(list))
	byName := map[string]output{}
	for i, c := range list {
		names[i], byName[c.Name] = c.Name, c
	}
	order, err := arranged(existing, names)
	if err != nil {
		return View{}, fmt.Errorf("%s: %w", v.Name, err)
	}
	var final []projection
	for _, name := range order {
		final = append(final, projection{byName[name].expression, name})
		v.Columns = append(v.Columns, byName[name].Column)
	}
	v.Query = with + "\nSELECT\n" + selected(final) + "\n" + from
	return v, nil
}
