package dbsql

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answerOf is what Apache Spark 4 answered to a query (testdata/record.py).
type answerOf struct {
	Query, Error string
	Names, Types []string
	Rows         [][]*string
}

// TestAsSpark compares with what Apache Spark answers to the same queries over the same rows: names, types, values, and the condition of errors.
func TestAsSpark(t *testing.T) {
	w := newWorld(t)
	body, err := os.ReadFile("testdata/recorded.json")
	require.NoError(t, err)
	var answers []answerOf
	require.NoError(t, json.Unmarshal(body, &answers))
	queries, err := os.ReadFile("testdata/queries.sql")
	require.NoError(t, err)
	require.Len(t, answers, strings.Count("\n"+string(queries), "\nSELEC")+strings.Count("\n"+string(queries), "\nWITH "), "record again: testdata/record.py")
	for _, want := range answers {
		if want.Error == "JVM" { // Spark fell over
			continue
		}
		got := w.answer(want.Query)
		if want.Error != "" {
			if !strings.HasPrefix(want.Error, got.Error) && !strings.HasPrefix(got.Error, want.Error) || got.Error == "" {
				t.Errorf("%s\n  Spark: %s\n  fake:  %s %v %v", want.Query, want.Error, got.Error, got.Types, show(got.Rows))
			}
			continue
		}
		if got.Error != "" || !equal(want.Types, got.Types) || show(want.Rows) != show(got.Rows) {
			t.Errorf("%s\n  Spark: %v %s\n  fake:  %v %s %s", want.Query, want.Types, show(want.Rows), got.Types, show(got.Rows), got.Error)
		}
		if !equal(want.Names, got.Names) && !odd.MatchString(want.Query) {
			t.Errorf("%s\n  Spark: %q\n  fake:  %q", want.Query, want.Names, got.Names)
		}
	}
}

// odd are expressions of which Spark writes more into the name of their column, such as defaults of arguments; nobody can rely on these names.
var odd = regexp.MustCompile(`OVER|FILTER|->|INTERVAL|LIKE|IS NOT|\[0\]|e\.attributes|floor|(?i)(trim|substring|regexp_\w+|percentile|sort_array|first|round|map)\(`)

func equal(a, b []string) bool { return strings.Join(a, "|") == strings.Join(b, "|") }

func show(rows [][]*string) string {
	var lines []string
	for _, r := range rows {
		var cells []string
		for _, c := range r {
			switch {
			case c == nil:
				cells = append(cells, "NULL")
			case strings.HasPrefix(*c, "{") || strings.HasPrefix(*c, "["): // the order of a map's keys means nothing
				doc, _ := parseJSON(*c)
				cells = append(cells, string(AppendJSON(nil, doc)))
			default:
				cells = append(cells, *c)
			}
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	return strings.Join(lines, "; ")
}

// answer runs a query and writes the result as record.py does.
func (w *world) answer(query string) answerOf {
	out := answerOf{Query: query}
	plan, values, err := w.values(query, w.env())
	if err != nil {
		out.Error = err.Error()
		if e, ok := err.(*Error); ok {
			out.Error = e.Class
		}
		return out
	}
	for _, c := range plan.Columns {
		out.Names, out.Types = append(out.Names, c.Name), append(out.Types, c.Type.Text())
	}
	for _, v := range values {
		var row []*string
		for i, c := range plan.Columns {
			row = append(row, asSpark(v[i], c.Type))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func asSpark(v any, t Type) *string {
	if s, ok := v.(string); ok && t.nested() {
		doc, _ := parseJSON(s)
		text := string(jsonOf(nil, doc, t, true))
		return &text
	}
	if n, ok := v.(int64); ok && t.Kind == "TIMESTAMP" {
		text := time.UnixMicro(n).UTC().Format("2006-01-02T15:04:05.000000Z")
		return &text
	}
	return Cell(v, t)
}
