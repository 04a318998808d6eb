// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package warehouse

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// known are the shapes of the statements that the exporter's verification, mlflow_verify and databricks_setup
// send, and of those by which a person changes a view. This is no SQL engine: queries are answered
// from the rows at hand, definitions are recorded, and every other statement fails. test/views
// proves on Apache Spark what the statements mean.
var known = []struct {
	shape *regexp.Regexp
	run   func(*session, []string) (*rowSet, error) // with the matches of the shape
}{
	{shape(`SELECT count\(\*\)(?: AS spans)? FROM NAME`), (*session).count},
	{shape(`SELECT trace_id, count\(\*\), count\(DISTINCT span_id\), min\(span_id\), max\(span_id\) ` +
		`FROM NAME WHERE TRACES GROUP BY trace_id`), (*session).sumSpans},
	{shape(`SELECT trace_id, span_id, count\(\*\) FROM NAME WHERE TRACES GROUP BY trace_id, span_id`),
		(*session).listSpans},
	{shape(`SELECT experiment_id, count\(DISTINCT trace_id\) FROM \((SELECT .+)\) GROUP BY experiment_id`),
		(*session).countTraces},
	{shape(`(WITH candidates AS \(\n.+)\nSELECT score_name, source, count\(\*\) AS occurrences\nFROM current_scores\n` +
		`WHERE score_rank = 1\nGROUP BY score_name, source\nORDER BY occurrences DESC, score_name, source\nLIMIT 1000`),
		(*session).findScores},
	{shape(`CREATE (OR REPLACE )?VIEW (IF NOT EXISTS )?NAME(?: \(\n(COLUMNS)\))?DESCRIPTION\sAS\s(QUERY)`),
		(*session).createView},
	{shape(`CREATE OR REFRESH STREAMING TABLE NAMEDESCRIPTION\sAS\s(SELECT \*\nFROM STREAM\(NAME\) AS s\nWHERE .+)`),
		(*session).createStreaming},
	{shape(`CREATE TABLE IF NOT EXISTS NAMEDESCRIPTION\sAS\sSELECT \* FROM NAME`), (*session).createCopy},
	{shape("INSERT OVERWRITE TABLE NAME\\nSELECT (`[^`]+`(?:, `[^`]+`)*)\\nFROM NAME"), (*session).overwrite},
	{shape("ALTER TABLE NAME ADD COLUMN[S] \\((`[^`]+` DOUBLE(?:, `[^`]+` DOUBLE)*)\\)"), (*session).addColumns},
	{shape(`ALTER VIEW NAME AS\s(QUERY)`), (*session).alterView},
	{shape(`ALTER VIEW NAME SET TBLPROPERTIES \((PAIRS)\)`), (*session).setProperties},
	{shape("COMMENT ON COLUMN NAME\\.`([^`]+)` IS (TEXT)"), (*session).commentColumn},
	{shape(`DROP (VIEW|TABLE) (IF EXISTS )?NAME`), (*session).drop},
}

const (
	fullName = "((?:`[^`]+`|\\w+)(?:\\.(?:`[^`]+`|\\w+)){2})"
	literal  = `'(?:[^'\\]|\\.)*'`
	property = literal + ` = ` + literal
	column   = "`[^`]+`(?: COMMENT " + literal + ")?"
	// traces is the condition on time, in layouts v2 and v1, and on the trace.
	traces = `(?:time >= timestamp_seconds\((\d+)\) AND time <= timestamp_seconds\((\d+)\)|` +
		`start_time_unix_nano >= (\d+)000000000 AND start_time_unix_nano <= (\d+)000000000) AND trace_id IN \(([^)]*)\)`
)

// shape compiles the pattern of a whole statement. Words in capitals above stand for parts that
// occur in several.
func shape(pattern string) *regexp.Regexp { return part(`\A` + pattern + `\z`) }

// part compiles the pattern of a part of a statement.
func part(pattern string) *regexp.Regexp {
	parts := strings.NewReplacer("NAME", fullName, "TEXT", literal, "TRACES", traces, "QUERY", `(?:WITH|SELECT)\s.+`,
		"COLUMNS", "(?:  "+column+",?\n)+", "PAIRS", property+"(?:, "+property+")*",
		"DESCRIPTION", `(?:\nCOMMENT (`+literal+`))?(?:\nTBLPROPERTIES \((`+property+"(?:, "+property+`)*)\))?`)
	return regexp.MustCompile(`(?s)` + parts.Replace(pattern))
}

var (
	names      = regexp.MustCompile("`([^`]+)`|(\\w+)")
	columns    = regexp.MustCompile("  `([^`]+)` COMMENT (" + literal + "),?\n")
	properties = regexp.MustCompile("(" + literal + ") = (" + literal + ")")
	escaped    = regexp.MustCompile(`\\(?:u([0-9a-f]{4})|(.))`)
)

// unquote is the text of a string in quotes, where a backslash stands before a character or before
// u and its code.
func unquote(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "'"), "'")
	return escaped.ReplaceAllStringFunc(s, func(e string) string {
		if len(e) < len(`\u0000`) {
			return e[1:]
		}
		code, _ := strconv.ParseUint(e[2:], 16, 16)
		return string(rune(code))
	})
}

// propertiesOf are those of a list of 'key' = 'value'.
func propertiesOf(list string) map[string]string {
	out := map[string]string{}
	for _, m := range properties.FindAllStringSubmatch(list, -1) {
		out[unquote(m[1])] = unquote(m[2])
	}
	return out
}

// outputs are the columns that the last SELECT of a query returns, which databricks_setup writes
// one a line. Their types are not worked out: all are strings.
func outputs(query string) []catalog.Column {
	_, list, ok := cutLast(query, "\nSELECT\n")
	separator := ",\n"
	if !ok {
		list, separator = strings.TrimPrefix(query, "SELECT "), ", "
	}
	list, _, _ = strings.Cut(strings.ReplaceAll(list, "\nFROM ", " FROM "), " FROM ")
	var out []catalog.Column
	for item := range strings.SplitSeq(list, separator) {
		words := names.FindAllString(item, -1)
		out = append(out, catalog.Column{Name: strings.Trim(words[len(words)-1], "`"), Type: "string"})
	}
	return out
}

func cutLast(s, at string) (before, after string, found bool) {
	if i := strings.LastIndex(s, at); i >= 0 {
		return s[:i], s[i+len(at):], true
	}
	return s, "", false
}

// session is the principal of a statement. Its methods run under the lock.
type session struct {
	w   *SQL
	who *server.Principal
}

// execute runs a statement whose shape is known. Under the lock.
func (w *SQL) execute(who *server.Principal, sql string) (*rowSet, error) {
	for _, k := range known {
		if m := k.shape.FindStringSubmatch(strings.TrimSpace(sql)); m != nil {
			return k.run(&session{w, who}, m)
		}
	}
	return nil, unknown("statement", sql)
}

// unknown is the error of what has no known shape. A change of the SQL that the product sends ends
// here.
func unknown(what, sql string) *sqlError {
	return failed("UNSUPPORTED_FEATURE.FAKE_WORKSPACE", "0A000", "The fake workspace does not know this %s. "+
		"Teach it the shape, and run the SQL on Apache Spark in test/views: %.500s", what, sql)
}

// definition is that of a view or streaming table.
type definition struct {
	kind, comment, query string
	columns              []catalog.Column
	properties           map[string]string
	source               string // table that a streaming table shows
}

func (s *session) createView(m []string) (*rowSet, error) {
	d := definition{kind: "VIEW", comment: unquote(m[5]), properties: propertiesOf(m[6]), query: m[7]}
	for _, c := range columns.FindAllStringSubmatch(m[4], -1) {
		d.columns = append(d.columns, catalog.Column{Name: c[1], Type: "string", Comment: unquote(c[2])})
	}
	return nil, s.put(m[3], d, m[1] != "", m[2] != "")
}

func (s *session) createStreaming(m []string) (*rowSet, error) {
	source, err := s.readable(m[5])
	if err != nil {
		return nil, err
	}
	d := definition{kind: "STREAMING_TABLE", comment: unquote(m[2]), properties: propertiesOf(m[3]), query: m[4]}
	d.columns, d.source = slices.Clone(source.Columns), source.Name.String()
	return nil, s.put(m[1], d, true, false)
}

// createCopy makes a table with the columns of a view. Its rows are not worked out.
func (s *session) createCopy(m []string) (*rowSet, error) {
	view, err := s.owned(m[4])
	if err != nil {
		return nil, err
	}
	d := definition{kind: "MANAGED", comment: unquote(m[2]), properties: propertiesOf(m[3]),
		columns: slices.Clone(view.Columns)}
	return nil, s.put(m[1], d, false, true)
}

// overwrite checks that a table gets a value for each of its columns.
func (s *session) overwrite(m []string) (*rowSet, error) {
	t, err := s.owned(m[1])
	if err != nil {
		return nil, err
	}
	view, err := s.owned(m[3])
	if err != nil {
		return nil, err
	}
	list := names.FindAllStringSubmatch(m[2], -1)
	if len(list) != len(t.Columns) {
		return nil, failed("INSERT_COLUMN_ARITY_MISMATCH", "21S01", "Cannot write to %s: it has %d columns, not %d.",
			m[1], len(t.Columns), len(list))
	}
	for i, c := range list {
		has := func(h catalog.Column) bool { return strings.EqualFold(h.Name, c[1]) }
		if !strings.EqualFold(t.Columns[i].Name, c[1]) || !slices.ContainsFunc(view.Columns, has) {
			return nil, failed("UNRESOLVED_COLUMN", "42703", "A column with name `%s` cannot be resolved.", c[1])
		}
	}
	t.Updated = s.w.Now()
	return nil, nil
}

func (s *session) addColumns(m []string) (*rowSet, error) {
	t, err := s.owned(m[1])
	if err == nil {
		for c := range strings.SplitSeq(m[2], ", ") {
			t.Columns = append(t.Columns, catalog.Column{Name: strings.Trim(strings.TrimSuffix(c, " DOUBLE"), "`"),
				Type: "double"})
		}
	}
	return nil, err
}

// put records a definition. Without replace, what is there stays: that is an error, or none with
// ifNotExists.
func (s *session) put(table string, d definition, replace, ifNotExists bool) error {
	n, err := s.reach(table)
	if err != nil {
		return err
	}
	t := s.w.Relation(n.String())
	schema := catalog.SecurableOf(n.Catalog + "." + n.Schema)
	switch {
	case t != nil && ifNotExists:
		return nil
	case t != nil && !replace:
		return failed("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07",
			"Cannot create table or view %s because it already exists.",
			table)
	case t != nil && t.Kind != d.kind:
		return failed("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809", "%s is a %s, it can't be replaced by a %s.",
			table,
			t.Kind, d.kind)
	case t != nil:
		if _, err := s.owned(table); err != nil {
			return err
		}
	case !s.w.May(s.who, schema, "CREATE_TABLE"):
		return insufficient("CREATE_TABLE", schema)
	default:
		t = s.w.AddTable(n, d.kind, s.who.Name, nil, nil)
	}
	if d.columns == nil {
		d.columns = outputs(d.query)
	}
	t.Columns, t.View, t.Comment, t.Properties, t.Source = d.columns, d.query, d.comment, d.properties, d.source
	t.Updated = s.w.Now()
	return nil
}

func (s *session) alterView(m []string) (*rowSet, error) {
	t, err := s.owned(m[1])
	if err == nil {
		t.View, t.Columns, t.Updated = m[2], outputs(m[2]), s.w.Now()
	}
	return nil, err
}

func (s *session) setProperties(m []string) (*rowSet, error) {
	t, err := s.owned(m[1])
	if err == nil {
		maps.Copy(t.Properties, propertiesOf(m[2]))
	}
	return nil, err
}

func (s *session) commentColumn(m []string) (*rowSet, error) {
	t, err := s.owned(m[1])
	if err != nil {
		return nil, err
	}
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, m[2]) {
			t.Columns[i].Comment = unquote(m[3])
			return nil, nil
		}
	}
	return nil, failed("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", "A column with name `%s` cannot be resolved.",
		m[2])
}

func (s *session) drop(m []string) (*rowSet, error) {
	n, err := s.reach(m[3])
	if err != nil {
		return nil, err
	}
	t := s.w.Relation(n.String())
	switch {
	case t == nil && m[2] != "":
		return nil, nil
	case t != nil && (m[1] == "VIEW") != (t.Kind == "VIEW"):
		return nil, failed("WRONG_COMMAND_FOR_OBJECT_TYPE", "42809",
			"The operation DROP %s is not applicable to %s, which is a %s.", m[1], m[3], t.Kind)
	}
	if _, err := s.owned(m[3]); err != nil {
		return nil, err
	}
	s.w.RemoveTable(catalog.Key(n.String()))
	return nil, nil
}

// reach reads a name and checks that its schema is there and may be used.
func (s *session) reach(table string) (unity.Name, error) {
	n, err := unity.ParseName(table)
	if err != nil {
		return n, failed("PARSE_SYNTAX_ERROR", "42601", "Syntax error: %s.", err)
	}
	at := n.Catalog + "." + n.Schema
	if s.w.FindSchema(at) != nil {
		return n, failed("SCHEMA_NOT_FOUND", "42704", "The schema `%s`.`%s` cannot be found.", n.Catalog, n.Schema)
	}
	for _, l := range catalog.Lineage(catalog.SecurableOf(at)) {
		need := map[string]string{"schema": "USE_SCHEMA", "catalog": "USE_CATALOG"}[l.Kind]
		if !s.w.May(s.who, l, need) {
			return n, insufficient(need, l)
		}
	}
	return n, nil
}

// owned finds a table or view that may be changed.
func (s *session) owned(table string) (*catalog.Relation, error) {
	n, err := s.reach(table)
	if err != nil {
		return nil, err
	}
	t := s.w.Relation(n.String())
	if t == nil {
		return nil, noTable(n)
	}
	if at := catalog.SecurableOf(n.String()); !s.w.Owns(s.who, at) {
		return nil, failed("INSUFFICIENT_PERMISSIONS", "42501",
			"Insufficient privileges: User is not an owner of %s '%s'.",
			at.Title(), at.Name)
	}
	return t, nil
}

// sqlError is why a statement fails, as Databricks says it.
type sqlError struct {
	class   string // TABLE_OR_VIEW_NOT_FOUND, INSUFFICIENT_PERMISSIONS, …
	state   string // SQLSTATE
	message string
}

// Error is the message as Databricks writes it.
func (e *sqlError) Error() string {
	return fmt.Sprintf("[%s] %s SQLSTATE: %s", e.class, e.message, e.state)
}

func failed(class, state, format string, args ...any) *sqlError {
	return &sqlError{class, state, fmt.Sprintf(format, args...)}
}

func noTable(n unity.Name) *sqlError {
	return failed("TABLE_OR_VIEW_NOT_FOUND", "42P01", "The table or view %s cannot be found. "+
		"Verify the spelling and correctness of the schema and catalog.", n.Quoted())
}

func insufficient(privilege string, s catalog.Securable) *sqlError {
	return failed("INSUFFICIENT_PERMISSIONS", "42501", "Insufficient privileges: User does not have %s on %s '%s'.",
		strings.ReplaceAll(privilege, "_", " "), s.Title(), s.Name)
}
