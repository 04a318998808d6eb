// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		o   Options
		err string
	}{
		{Options{Location: lab, Layout: unity.LayoutV2}, ""},
		{Options{Location: unity.Location{Catalog: "a", Schema: "b"}, Layout: unity.LayoutV1}, ""},
		{Options{Location: lab}, `layout: "" is not one of v2, v1`},
		{Options{Location: unity.Location{Catalog: "a", Schema: "b"}, Layout: unity.LayoutV2}, "table_prefix"},
		{Options{Location: lab, Layout: unity.LayoutV2, Prefix: "a b"}, "prefix"},
		{Options{Location: lab, Layout: unity.LayoutV2, ScorePrefix: "Metric-"}, "score_prefix"},
		{Options{Location: lab, Layout: unity.LayoutV1, Annotations: true}, "annotations"},
	} {
		if c.err == "" {
			assert.NoError(t, c.o.Validate())
		} else {
			assert.ErrorContains(t, c.o.Validate(), c.err)
		}
	}
	assert.Equal(t, "spark_catalog.lab.agents_genai_traces",
		(&Options{Location: lab, Layout: unity.LayoutV2}).Name(TracesKind).String())
	assert.Equal(t, "spark_catalog.lab.mlflow_experiment_trace_genai_scores",
		(&Options{Location: lab, Layout: unity.LayoutV1}).Name(ScoresKind).String())
	assert.Equal(t, "spark_catalog.lab.own_genai_content",
		(&Options{Location: lab, Layout: unity.LayoutV1, Prefix: "own"}).Name(ContentKind).String())
}

func TestKnown(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	existing := []Score{{"z", "metric_z"}, {"Q", "metric_q"}}
	known, left := o.Known(existing, []string{"Retrieval/Precision", "z", "?!"}, []string{"B", "a"},
		[]string{"q", "Q", "a", "日本", "👍", "retrieval_precision"})
	assert.Empty(t, left)
	assert.Equal(t, []Score{
		{"z", "metric_z"}, {"Q", "metric_q"}, // as they were
		{"retrieval_precision", "metric_retrieval_precision"}, // configured, in their order
		// found and reported, by name; q may not have the column of Q
		{"a", "metric_a"}, {"b", "metric_b"}, {"q", "metric_q" + hashed("q")},
		{"日本", "metric_日本"}, {"👍", "metric" + hashed("👍")}, // nothing of the name can stand in a column
	}, known)
	again, _ := o.Known(known, nil, nil, []string{"q", "Q", "日本", "z"})
	assert.Equal(t, known, again)

	var many []string
	for i := range MaxScores + 2 {
		many = append(many, fmt.Sprintf("s%03d", i))
	}
	known, left = o.Known(nil, nil, nil, many)
	assert.Len(t, known, MaxScores)
	assert.Equal(t, []string{"s256", "s257"}, left)

	o.ScorePrefix = "status" // makes names that the view has already
	known, _ = o.Known(nil, nil, nil, []string{"", "x"})
	assert.Equal(t, []Score{{"x", "statusx"}}, known)
	o.ScorePrefix = "t"
	known, _ = o.Known(nil, nil, nil, []string{"ags"})
	assert.NotEqual(t, "tags", known[0].Column, "a column of the trace stays what it is")
	assert.True(t, strings.HasPrefix(known[0].Column, "tags_"))
}

// Unity Catalog allows a percent sign in names.
func TestPercentInNames(t *testing.T) {
	at := func(catalog string) string {
		o := &Options{Location: lab, Layout: unity.LayoutV2}
		o.Location.Catalog = catalog
		require.NoError(t, o.Validate())
		v, err := o.SpansView(nil)
		require.NoError(t, err)
		return v.Query
	}
	assert.Equal(t, strings.ReplaceAll(at("plain"), "plain", "100%s"), at("100%s"))
}

// hashed is the end of a column whose name was taken.
func hashed(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "_" + hex.EncodeToString(sum[:4])
}

// The pattern that SQL uses keeps the characters that genai.ScoreName keeps. The whole expression is
// executed on Spark by test/views.
func TestNamesOfScoresInSQL(t *testing.T) {
	assert.Contains(t, scoreName("x"), `'[^\\p{L}\\p{M}\\p{N}_]+'`)
	gaps, lower := regexp.MustCompile(notInNames), cases.Lower(language.Und)
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		name := norm.NFC.String(lower.String("a" + string(r) + "b"))
		if want, got := genai.ScoreName(name), gaps.ReplaceAllString(name, "_"); want != got {
			t.Fatalf("%q is %q in Go and %q in SQL", name, want, got)
		}
	}
}

func TestScoresOf(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	o.Scores, _ = o.Known(nil, nil, nil, []string{"quality", "Quality", "日本"})
	v, err := o.Traces(nil)
	require.NoError(t, err)
	e := as(o, v)
	scores, err := o.ScoresOf(e)
	require.NoError(t, err)
	assert.Equal(t, o.Scores, scores, "names come back though columns do not tell them")

	e.Columns = append(e.Columns, "someones_own")
	_, err = o.ScoresOf(e)
	assert.ErrorContains(t, err, "someones_own")
	_, err = o.Traces(e.Columns)
	assert.ErrorContains(t, err, "someones_own", "nothing is dropped")
	e.Properties[MarkerScores] = "{"
	_, err = o.ScoresOf(e)
	assert.ErrorContains(t, err, MarkerScores)
}

func TestPlan(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	v, err := o.Traces(nil)
	require.NoError(t, err)
	created := o.Plan(v, nil)
	require.Equal(t, ActionCreate, created.Action)
	require.Len(t, created.Statements, 1)
	require.True(t, strings.HasPrefix(created.Statements[0].SQL,
		"CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`agents_genai_traces` ("))

	o.Scores, _ = o.Known(nil, nil, nil, []string{"x"})
	more, err := o.Traces(nil)
	require.NoError(t, err)
	respelled := "\n-- kept by the catalog\n" + strings.ReplaceAll(strings.ReplaceAll(v.Query, "`", ""), "SELECT",
		"select ") + " ;\n"
	qualified := strings.ReplaceAll(v.Query, "FROM roots AS r", "FROM roots AS r /* x */ WHERE TRUE AND 1 = 1")

	for name, c := range map[string]struct {
		change func(e *Existing)
		want   View
		action Action
		why    string
		first  string // beginning of the first statement
	}{
		"as it should be":                    {func(*Existing) {}, v, ActionKeep, "", ""},
		"spelled differently by the catalog": {func(e *Existing) { e.Definition = respelled }, v, ActionKeep, "", ""},
		"another text, noted as the catalog's": {func(e *Existing) {
			e.Definition = qualified
			e.Properties[MarkerStored] = Fingerprint(qualified)
		}, v, ActionKeep, "", ""},
		"and it is known as ours to be changed": {func(e *Existing) {
			e.Definition = qualified
			e.Properties[MarkerStored] = Fingerprint(qualified)
		}, more, ActionUpdate, "", "ALTER VIEW `spark_catalog`.`lab`.`agents_genai_traces` SET TBLPROPERTIES"},
		"a new score": {func(*Existing) {}, more, ActionUpdate, "",
			"ALTER VIEW `spark_catalog`.`lab`.`agents_genai_traces` SET TBLPROPERTIES"},
		"ended between announcing and changing": {func(e *Existing) {
			e.Properties[MarkerNext] = Fingerprint(more.Query)
		},
			more, ActionUpdate, "", "ALTER VIEW"},
		"ended between changing and marking": {func(e *Existing) {
			e.Properties[MarkerNext] = Fingerprint(more.Query)
			e.Definition = more.Query
		}, more, ActionKeep, "", "ALTER VIEW `spark_catalog`.`lab`.`agents_genai_traces` SET TBLPROPERTIES"},
		"edited by hand": {func(e *Existing) { e.Definition += " AND r.trace_kind = 'live'" }, v, ActionLeave,
			"changed by hand", ""},
		"edited inside a string": {func(e *Existing) {
			e.Definition = strings.ReplaceAll(e.Definition, "'OK'", "'ok'")
		},
			v, ActionLeave, "changed by hand", ""},
		"not ours": {func(e *Existing) { e.Properties = nil }, v, ActionLeave, "not made by databricks_setup", ""},
		"a newer version's": {func(e *Existing) { e.Properties[MarkerVersion] = "2" }, v, ActionLeave,
			"newer otelcol-mlflow", ""},
		"a table": {func(e *Existing) { e.Type = "STREAMING_TABLE" }, v, ActionLeave,
			"no view but a streaming table", ""},
	} {
		e := as(&Options{Location: lab, Layout: unity.LayoutV2}, v)
		c.change(e)
		got := o.Plan(c.want, e)
		assert.Equal(t, c.action, got.Action, name)
		assert.Contains(t, got.Why, c.why, name)
		if c.first == "" {
			assert.Empty(t, got.Statements, name)
		} else if assert.NotEmpty(t, got.Statements, name) {
			assert.True(t, strings.HasPrefix(got.Statements[0].SQL, c.first), name)
		}
	}
	assert.Empty(t, o.Stored(&v, respelled))
	assert.Contains(t, o.Stored(&v, qualified)[0].SQL, Fingerprint(qualified))
}

// An update never says that a view is up to date before it is, and never forgets that it is ours.
func TestUpdateIsSafeToInterrupt(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	old, err := o.Traces(nil)
	require.NoError(t, err)
	o.Scores, _ = o.Known(nil, nil, nil, []string{"x"})
	v, err := o.Traces(nil)
	require.NoError(t, err)
	e := as(&Options{Location: lab, Layout: unity.LayoutV2}, old)
	list := o.Plan(v, e).Statements
	require.Contains(t, list[0].SQL, MarkerNext)
	require.NotContains(t, list[0].SQL, "'"+MarkerDefinition+"'")
	require.Contains(t, list[1].SQL, "` AS\n"+v.Query)
	require.Contains(t, list[2].SQL, "'"+MarkerDefinition+"' = '"+Fingerprint(v.Query)+"'")
	for _, s := range list[3:] {
		require.True(t, s.Optional && s.Databricks)
		require.True(t, strings.HasPrefix(s.SQL, "COMMENT ON COLUMN "), s.SQL)
	}
	require.Len(t, list, 3+len(v.Columns))
}

func TestCopy(t *testing.T) {
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	o.Scores, _ = o.Known(nil, nil, nil, []string{"x"})
	v, err := o.Traces(nil)
	require.NoError(t, err)
	table := as(o, v)
	_, err = v.Copy(table)
	require.ErrorContains(t, err, "it was not made by databricks_setup")
	table.Properties = map[string]string{MarkerCopy: v.Name.String()}
	list, err := v.Copy(table)
	require.NoError(t, err)
	require.Len(t, list, 1, "nothing to add")
	table.Columns = append(table.Columns, "own")
	_, err = v.Copy(table)
	require.ErrorContains(t, err, "it has the column own, which the view lacks")
	table.Columns = v.names()[1:]
	_, err = v.Copy(table)
	require.ErrorContains(t, err, "it lacks the column request_id of the view; drop the table")
}

func (v *View) names() (names []string) {
	for _, c := range v.Columns {
		names = append(names, c.Name)
	}
	return names
}

func TestFingerprint(t *testing.T) {
	one := Fingerprint("SELECT a.`b`, 'It''s \\' x' FROM `c d` -- end")
	for _, same := range []string{"select A.b,\n'It''s \\' x'\nfrom `c d`;",
		"SELECT /* no */ a . b , 'It''s \\' x' FROM `c d`"} {
		assert.Equal(t, one, Fingerprint(same), same)
	}
	for _, other := range []string{"SELECT a.`b`, 'it''s \\' x' FROM `c d`", "SELECT a.b, 'It''s \\' x' FROM `C D`",
		"SELECT a.b, 'It''s \\' x' FROM c d", "", "SELECT a.b, 'It''s \\' x"} {
		assert.NotEqual(t, one, Fingerprint(other), other)
	}
	assert.Equal(t, Fingerprint("``"), Fingerprint("``"), "broken quotes end somewhere")
	assert.NotPanics(t, func() { Fingerprint("'\\"); Fingerprint("`a``"); Fingerprint("/*") })
}

// Whatever a score is called, its name stays inside its literal.
func TestLiteral(t *testing.T) {
	assert.Equal(t, `'a'`, literal("a"))
	assert.Equal(t, `'it\'s \\ "x"'`, literal(`it's \ "x"`))
	assert.Equal(t, `'\u0024{spark.secret}$'`, literal("${spark.secret}$"))
	assert.Equal(t, `'\u000a\u0000é日'`, literal("\n\x00é日"))
	o := &Options{Location: lab, Layout: unity.LayoutV2}
	o.Scores, _ = o.Known(nil, nil, nil, []string{"'] , 1); DROP TABLE x; --", "${a}", "a\\"})
	v, err := o.Traces(nil)
	require.NoError(t, err)
	for _, tok := range tokens(v.Query) {
		assert.NotEqual(t, "drop", tok)
		assert.NotContains(t, tok, "${")
	}
}
