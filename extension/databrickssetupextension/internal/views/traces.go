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

	list := map[string]projection{}
	comments := map[string]string{}
	var order []string
	put := func(name, expression, comment string) {
		list[name], comments[name] = projection{expression, name}, comment
		order = append(order, name)
	}
	for _, f := range fields {
		if !f.hidden() {
			put(f.name, f.shown(o.Annotations), f.comment)
		}
	}
	for _, s := range o.Scores {
		put(s.Column, o.wideScore(s), fmt.Sprintf("Score %s.", s.Name))
	}
	order, err := arranged(existing, order)
	if err != nil {
		return View{}, fmt.Errorf("%s: %w", v.Name, err)
	}
	final := make([]projection, len(order))
	for i, name := range order {
		final[i] = list[name]
		v.Columns = append(v.Columns, Column{name, comments[name]})
	}

	var b strings.Builder
	if o.elsewhere() {
		b.WriteString(o.roots(fields, o.scoresOfSpan()))
	} else {
		b.WriteString(o.roots(fields, o.scoreColumns()...))
	}
	join := ""
	if o.Annotations {
		b.WriteString(o.notes())
		join += "\nLEFT JOIN notes AS m ON m.trace_id = r.trace_id"
	}
	if o.elsewhere() {
		b.WriteString(o.gatheredScores())
		b.WriteString(pivoted)
		join += "\nLEFT JOIN pivoted AS p ON p.trace_id = r.trace_id"
	}
	b.WriteString("\nSELECT\n" + selected(final) + "\nFROM roots AS r" + join + "\nWHERE r.root_rank = 1")
	v.Query = b.String()
	return v, nil
}

// pivoted is a common table expression behind current_scores: the scores of a trace as a map.
const pivoted = `,
pivoted AS (
  SELECT trace_id, map_from_entries(collect_list(struct(score_name, score))) AS scores
  FROM current_scores
  WHERE score_rank = 1
  GROUP BY trace_id
)`

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
	return simple(v, list, existing, o.roots(list)+"\nSELECT\n%s\nFROM roots AS r\nWHERE r.root_rank = 1")
}

// simple completes a view that shows fields as they were read. query has a %s where its columns
// belong.
func simple(v View, list []field, existing []string, query string) (View, error) {
	var order []string
	byName := map[string]*field{}
	for i := range list {
		if !list[i].hidden() {
			order = append(order, list[i].name)
			byName[list[i].name] = &list[i]
		}
	}
	order, err := arranged(existing, order)
	if err != nil {
		return View{}, fmt.Errorf("%s: %w", v.Name, err)
	}
	var final []projection
	for _, name := range order {
		final = append(final, projection{byName[name].shown(false), name})
		v.Columns = append(v.Columns, Column{name, byName[name].comment})
	}
	before, after, _ := strings.Cut(query, "%s")
	v.Query = before + selected(final) + after
	return v, nil
}
