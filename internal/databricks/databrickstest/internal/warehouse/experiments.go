// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package warehouse

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// idOfSpan is the expression for the experiment of a span, in layouts v2 and v1.
const idOfSpan = `COALESCE\(NULLIF\(try_variant_get\(attributes, '\$\["mlflow\.experimentId"\]', 'string'\), ''\), ` +
	`try_variant_get\(resource\.attributes, '\$\["mlflow\.experimentId"\]', 'string'\)\)|` +
	`COALESCE\(NULLIF\(try_element_at\(attributes, 'mlflow\.experimentId'\), ''\), ` +
	`try_element_at\(resource\.attributes, 'mlflow\.experimentId'\)\)`

// tracesOfTable is the part of one table in the query that counts traces by experiment.
var tracesOfTable = part(`\ASELECT (?:` + idOfSpan + `) AS experiment_id, trace_id FROM NAME WHERE ` +
	`(?:time >= timestamp_seconds\((\d+)\) AND time <= timestamp_seconds\((\d+)\)|` +
	`start_time_unix_nano >= (\d+)000000000 AND start_time_unix_nano <= (\d+)000000000)\z`)

// countTraces counts the distinct traces of each experiment in all tables together.
func (s *session) countTraces(m []string) (*rowSet, error) {
	found := map[any]map[string]bool{} // nil: without an experiment
	for part := range strings.SplitSeq(m[1], " UNION ALL ") {
		of := tracesOfTable.FindStringSubmatch(part)
		if of == nil {
			return nil, unknown("query for traces", part)
		}
		rows, err := s.visible(of[1])
		if err != nil {
			return nil, err
		}
		from, _ := strconv.ParseInt(of[2]+of[4], 10, 64)
		to, _ := strconv.ParseInt(of[3]+of[5], 10, 64)
		for _, r := range rows {
			if start, _ := r["start_time_unix_nano"].(int64); start < from*1e9 || start > to*1e9 {
				continue
			}
			id, trace := experimentOf(r), ""
			if trace, _ = r["trace_id"].(string); found[id] == nil {
				found[id] = map[string]bool{}
			}
			found[id][trace] = true
		}
	}
	out := &rowSet{columns: []catalog.Column{
		{Name: "experiment_id", Type: "string"}, {Name: "count(DISTINCT trace_id)", Type: "bigint"}}}
	for id, traces := range found {
		out.values = append(out.values, []any{id, int64(len(traces))})
	}
	slices.SortFunc(out.values, func(a, b []any) int { return cmp.Compare(b[1].(int64), a[1].(int64)) })
	return out, nil
}

// experimentOf is the experiment that a span names, or its resource; nil if neither does.
func experimentOf(r catalog.Row) any {
	attributes, _ := r["attributes"].(map[string]any)
	if id, _ := attributes[genai.ExperimentID].(string); id != "" {
		return id
	}
	resource, _ := r["resource"].(map[string]any)
	attributes, _ = resource["attributes"].(map[string]any)
	if id, ok := attributes[genai.ExperimentID].(string); ok {
		return id
	}
	return nil
}
