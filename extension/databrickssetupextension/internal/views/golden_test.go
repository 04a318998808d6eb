// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// lab is where the golden statements work: the names of a local Spark, since a test executes them
// there.
var lab = unity.Location{Catalog: "spark_catalog", Schema: "lab", Prefix: "agents"}

// sheet is one golden file: statements, each with a line that says what it does, and after it a
// line with a semicolon.
type sheet struct{ strings.Builder }

func (s *sheet) add(list ...Statement) {
	for _, st := range list {
		s.WriteString("-- " + st.Does)
		if st.Databricks {
			s.WriteString(" [Databricks only]")
		}
		s.WriteString("\n" + st.SQL + "\n;\n")
	}
}

func (s *sheet) check(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".sql")
	if *rewrite {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(s.String()), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), s.String(),
		"go test -run Golden -rewrite writes it anew; run the tests in test/views after")
}

// everything plans all views as if nothing was there.
func (s *sheet) everything(t *testing.T, o *Options) {
	t.Helper()
	require.NoError(t, o.Validate())
	for _, make := range []func([]string) (View, error){
		o.ScoresView, o.Traces, o.SpansView, o.Content, o.Eval,
	} {
		v, err := make(nil)
		require.NoError(t, err)
		s.add(o.Plan(v, nil).Statements...)
	}
}

func known(o *Options, names ...string) {
	o.Scores, _ = o.Known(o.Scores, nil, nil, names)
}

func TestGoldenV2(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	known(o, "relevance", "groundedness", "answer_length", "Relevance", "it's \"odd\"?")
	var s sheet
	s.everything(t, o)
	s.add(o.Found(0), o.RowCount(), o.Streaming())
	s.check(t, "v2")

	s.Reset()
	for _, kind := range []string{EvalKind, ContentKind, SpansKind, TracesKind, ScoresKind} {
		s.add(Drop(o.Name(kind)))
	}
	s.add(o.DropStreaming())
	s.check(t, "teardown")
}

// The same tables, but scores, tags and metadata from everywhere.
func TestGoldenV2Everywhere(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2, Prefix: "everywhere", Logs: true, Annotations: true}
	known(o, "relevance", "groundedness", "answer_length", "Relevance", "quality", "tone")
	var s sheet
	s.everything(t, o)
	s.add(o.Found(3650))
	s.check(t, "v2_everywhere")
}

// Views over the streaming table.
func TestGoldenV2Streamed(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	o.Spans = o.Name(TopmostKind)
	o.Prefix = "streamed"
	known(o, "relevance", "groundedness", "answer_length", "Relevance", "it's \"odd\"?")
	var s sheet
	s.everything(t, o)
	s.check(t, "v2_streamed")
}

func TestGoldenV1(t *testing.T) {
	o := &Options{Location: unity.Location{Catalog: "spark_catalog", Schema: "lab"}, Layout: unity.LayoutV1}
	known(o, "relevance", "groundedness", "answer_length", "Relevance", "it's \"odd\"?")
	var s sheet
	s.everything(t, o)
	s.add(o.Found(0), o.RowCount(), o.Streaming())
	s.check(t, "v1")
}

func TestGoldenV1Logs(t *testing.T) {
	o := &Options{Location: unity.Location{Catalog: "spark_catalog", Schema: "lab"}, Layout: unity.LayoutV1,
		Prefix: "everywhere_v1", Logs: true}
	known(o, "relevance", "groundedness", "answer_length", "Relevance", "tone")
	var s sheet
	s.everything(t, o)
	s.add(o.Found(0))
	s.check(t, "v1_logs")
}

// copied are the statements of the copy of a view, which has the columns that an earlier form of the
// view has.
func copied(t *testing.T, v View, before *Existing) []Statement {
	var table *Existing
	if before != nil {
		table = &Existing{Type: "MANAGED", Columns: before.Columns,
			Properties: map[string]string{MarkerCopy: v.Name.String()}}
	}
	list, err := v.Copy(table)
	require.NoError(t, err)
	return list
}

// as is what the catalog says of a view after its statements were executed.
func as(o *Options, v View) *Existing {
	e := &Existing{Type: "VIEW", Definition: v.Query, Properties: o.markers(&v)}
	for _, c := range v.Columns {
		e.Columns = append(e.Columns, c.Name)
	}
	return e
}

// Three scores arrive after setup ran over an empty table, and the next day a fourth whose name
// differs from another's in case only. test/views executes the files one after the other and lets
// the scores arrive in between.
func TestGoldenNewScores(t *testing.T) {
	o := &Options{Location: unity.Location{Catalog: "spark_catalog", Schema: "lab", Prefix: "growing"},
		Layout: unity.LayoutV2}
	tall, err := o.ScoresView(nil)
	require.NoError(t, err)
	first, err := o.Traces(nil)
	require.NoError(t, err)
	var s sheet
	s.add(o.Plan(tall, nil).Statements...)
	s.add(o.Plan(first, nil).Statements...)
	s.add(copied(t, first, nil)...)
	s.check(t, "growing_1")

	before := as(o, first)
	for step, found := range [][]string{{"relevance", "quality", "safety"},
		{"Quality", "quality", "relevance", "safety"}} {
		existing, err := o.ScoresOf(before)
		require.NoError(t, err)
		o.Scores, _ = o.Known(existing, nil, nil, found)
		v, err := o.Traces(before.Columns)
		require.NoError(t, err)
		c := o.Plan(v, before)
		require.Equal(t, ActionUpdate, c.Action)
		require.Equal(t, [][]string{{"metric_quality", "metric_relevance", "metric_safety"},
			{"metric_quality" + hashed("Quality")}}[step], c.Added)
		require.Equal(t, ActionKeep, o.Plan(tall, as(o, tall)).Action, "the view of scores needs no change")
		s.Reset()
		s.add(o.Found(0))
		s.add(c.Statements...)
		s.add(copied(t, v, before)...)
		s.check(t, []string{"growing_2", "growing_3"}[step])

		after := as(o, v)
		require.Equal(t, before.Columns, after.Columns[:len(before.Columns)], "old columns keep their places")
		require.Equal(t, ActionKeep, o.Plan(v, after).Action)
		before = after
	}
}
