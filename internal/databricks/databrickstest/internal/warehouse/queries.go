// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package warehouse

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// rowSet is the result of a query. Values are string, int64 or nil.
type rowSet struct {
	columns []catalog.Column // Type is string or bigint
	values  [][]any
}

// readable finds a table that may be read.
func (s *session) readable(name string) (*catalog.Relation, error) {
	n, err := unity.ParseName(name)
	if err != nil {
		return nil, failed("PARSE_SYNTAX_ERROR", "42601", "Syntax error: %s.", err)
	}
	t := s.w.Relation(n.String())
	at := catalog.SecurableOf(n.String())
	if t == nil || s.w.MayReach(s.who, at) != nil {
		return nil, noTable(n)
	}
	if !s.w.May(s.who, at, "SELECT") {
		return nil, insufficient("SELECT", at)
	}
	if t.Kind == "VIEW" {
		return nil, failed("UNSUPPORTED_FEATURE.FAKE_WORKSPACE", "0A000",
			"The fake workspace does not execute the query of the view %s; test/views does on Spark.", n.Quoted())
	}
	return t, nil
}

// visible are the rows that a query of a table sees: of a streaming table, all of its source.
func (s *session) visible(name string) ([]catalog.Row, error) {
	t, err := s.readable(name)
	if err != nil {
		return nil, err
	}
	return s.w.RowsAt(cmp.Or(t.Source, t.Name.String()), s.w.Now()), nil
}

func (s *session) count(m []string) (*rowSet, error) {
	rows, err := s.visible(m[1])
	if err != nil {
		return nil, err
	}
	return &rowSet{[]catalog.Column{{Name: "count(1)", Type: "bigint"}}, [][]any{{int64(len(rows))}}}, nil
}

// group is a trace: how many rows each of its spans has. A span without an id has none that counts
// as distinct.
type group struct {
	trace string
	rows  int64
	spans map[any]int64
}

// ids are those of the spans, sorted; a missing one is left out.
func (g *group) ids() []string {
	var out []string
	for id := range g.spans {
		if text, ok := id.(string); ok {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

// traces are the groups that a query asks for, in the order of the table.
func (s *session) traces(m []string) ([]*group, error) {
	rows, err := s.visible(m[1])
	if err != nil {
		return nil, err
	}
	from, _ := strconv.ParseInt(m[2]+m[4], 10, 64)
	to, _ := strconv.ParseInt(m[3]+m[5], 10, 64)
	asked := map[string]*group{}
	for id := range strings.SplitSeq(m[6], ",") {
		asked[strings.Trim(id, "'")] = nil
	}
	var out []*group
	for _, r := range rows {
		trace, _ := r["trace_id"].(string)
		start, _ := r["start_time_unix_nano"].(int64)
		g, ok := asked[trace]
		if !ok || start < from*1e9 || start > to*1e9 {
			continue
		}
		if g == nil {
			g = &group{trace: trace, spans: map[any]int64{}}
			asked[trace], out = g, append(out, g)
		}
		g.rows++
		g.spans[r["span_id"]]++
	}
	return out, nil
}

func (s *session) sumSpans(m []string) (*rowSet, error) {
	traces, err := s.traces(m)
	out := &rowSet{columns: []catalog.Column{
		{Name: "trace_id", Type: "string"}, {Name: "count(1)", Type: "bigint"},
		{Name: "count(DISTINCT span_id)", Type: "bigint"},
		{Name: "min(span_id)", Type: "string"}, {Name: "max(span_id)", Type: "string"},
	}}
	for _, g := range traces {
		var first, last any
		ids := g.ids()
		if len(ids) > 0 {
			first, last = ids[0], ids[len(ids)-1]
		}
		out.values = append(out.values, []any{g.trace, g.rows, int64(len(ids)), first, last})
	}
	return out, err
}

func (s *session) listSpans(m []string) (*rowSet, error) {
	traces, err := s.traces(m)
	out := &rowSet{columns: []catalog.Column{
		{Name: "trace_id", Type: "string"}, {Name: "span_id", Type: "string"}, {Name: "count(1)", Type: "bigint"},
	}}
	for _, g := range traces {
		if n := g.spans[nil]; n > 0 {
			out.values = append(out.values, []any{g.trace, nil, n})
		}
		for _, id := range g.ids() {
			out.values = append(out.values, []any{g.trace, id, g.spans[id]})
		}
	}
	return out, err
}

// The tables that the query for names of scores reads.
var (
	scoresOfSpans = part(`\n  FROM NAME AS s\n  WHERE `)
	scoresOfLogs  = part(`\n +FROM NAME AS l\n +WHERE l\.event_name = '` +
		regexp.QuoteMeta(genai.EvaluationResult) + `' AND `)
	scoresOfAnnotations = part(`\n +FROM NAME AS a\n +WHERE a\.target_type IN \('TRACE', 'SPAN'\) ` +
		`AND a\.annotation_type = 'FEEDBACK'\n`)
	scorePrefix = part(`startswith\(k, '(\w+)'\)`)
)

// findScores returns the names of scores of the traces that have spans. Which span is the topmost one,
// and conditions on values and on time, are not evaluated.
func (s *session) findScores(m []string) (*rowSet, error) {
	prefix := scorePrefix.FindStringSubmatch(m[1])
	if prefix == nil {
		return nil, unknown("query for scores", m[1])
	}
	type score struct{ name, source string }
	found := map[score]map[string]bool{} // the traces that have it
	traces := map[string]bool{}
	for _, x := range []struct {
		source string
		table  *regexp.Regexp
		names  func(catalog.Row) (trace string, names []string)
	}{
		{"span", scoresOfSpans, func(r catalog.Row) (string, []string) {
			trace, _ := r["trace_id"].(string)
			traces[trace] = true
			return trace, attributesOf(r, prefix[1])
		}},
		{"log", scoresOfLogs, nameOfLog},
		{"annotation", scoresOfAnnotations, nameOfAnnotation},
	} {
		table := x.table.FindStringSubmatch(m[1])
		if table == nil {
			continue
		}
		rows, err := s.visible(table[1])
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			trace, names := x.names(r)
			for _, name := range names {
				of := score{name, x.source}
				if found[of] == nil {
					found[of] = map[string]bool{}
				}
				found[of][trace] = true
			}
		}
	}
	out := &rowSet{columns: []catalog.Column{
		{Name: "score_name", Type: "string"}, {Name: "source", Type: "string"}, {Name: "occurrences", Type: "bigint"},
	}}
	for score, of := range found {
		n := int64(0)
		for trace := range of {
			if traces[trace] {
				n++
			}
		}
		if n > 0 {
			out.values = append(out.values, []any{score.name, score.source, n})
		}
	}
	slices.SortFunc(out.values, func(a, b []any) int {
		return cmp.Or(cmp.Compare(b[2].(int64), a[2].(int64)), strings.Compare(a[0].(string), b[0].(string)),
			strings.Compare(a[1].(string), b[1].(string)))
	})
	return out, nil
}

// attributesOf are the names of a row's attributes that begin with prefix, without it.
func attributesOf(r catalog.Row, prefix string) (out []string) {
	attributes, _ := r["attributes"].(map[string]any)
	for k := range attributes {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "" {
			out = append(out, name)
		}
	}
	return out
}

func nameOfLog(r catalog.Row) (trace string, names []string) {
	attributes, _ := r["attributes"].(map[string]any)
	name, _ := attributes[genai.EvaluationName].(string)
	if name = genai.ScoreName(name); r["event_name"] != genai.EvaluationResult || name == "" {
		return "", nil
	}
	trace, _ = r["trace_id"].(string)
	return trace, []string{name}
}

func nameOfAnnotation(r catalog.Row) (trace string, names []string) {
	name, _ := r["name"].(string)
	if name = genai.ScoreName(name); r["annotation_type"] != "FEEDBACK" || name == "" {
		return "", nil
	}
	trace, _ = r["target_id"].(string)
	trace, _, _ = strings.Cut(trace[strings.LastIndexByte(trace, '/')+1:], ":")
	return trace, []string{name}
}
