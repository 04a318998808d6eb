package dbsql

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

// world is a few tables in SQLite.
type world struct {
	db     *sql.DB
	tables map[string]*Relation
}

func newWorld(t testing.TB) *world {
	Register()
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	w := &world{db, map[string]*Relation{}}
	body, err := os.ReadFile("testdata/tables.json")
	require.NoError(t, err)
	var tables []struct {
		Name, Columns string
		Rows          []json.RawMessage
	}
	require.NoError(t, json.Unmarshal(body, &tables))
	for _, table := range tables {
		fields, err := ParseType("struct<" + strings.ReplaceAll(table.Columns, ", ", ",") + ">")
		require.NoError(t, err)
		w.table(t, table.Name, fields.Fields, table.Rows)
	}
	view, err := ParseQuery("SELECT trace_id AS id, count(*) AS n FROM c.s.spans GROUP BY trace_id")
	require.NoError(t, err)
	w.tables["s.traces"] = &Relation{View: view}
	return w
}

func (w *world) table(t testing.TB, name string, fields []Field, rows []json.RawMessage) {
	rel := &Relation{SQLite: "t" + fmt.Sprint(len(w.tables))}
	var marks, names []string
	for i, f := range fields {
		rel.Columns = append(rel.Columns, Column(f))
		names, marks = append(names, fmt.Sprintf("c%d", i)), append(marks, "?")
	}
	_, err := w.db.Exec("CREATE TABLE " + rel.SQLite + " (" + strings.Join(names, ",") + ")")
	require.NoError(t, err)
	for _, row := range rows {
		doc, err := parseVariant(string(row))
		require.NoError(t, err)
		var values []any
		for _, c := range rel.Columns {
			values = append(values, Store(doc.(map[string]any)[c.Name], c.Type))
		}
		_, err = w.db.Exec("INSERT INTO "+rel.SQLite+" VALUES ("+strings.Join(marks, ",")+")", values...)
		require.NoError(t, err)
	}
	w.tables[name] = rel
}

func (w *world) env() *Env {
	return &Env{
		Relation: func(parts []string) (*Relation, error) {
			catalog := "spark_catalog"
			if len(parts) == 3 {
				catalog, parts = parts[0], parts[1:]
			}
			if r := w.tables[strings.ToLower(strings.Join(parts, "."))]; r != nil {
				named := *r
				named.Name = append([]string{catalog}, parts...)
				return &named, nil
			}
			return nil, failf("TABLE_OR_VIEW_NOT_FOUND", "42P01", "The table or view `%s` cannot be found.", strings.Join(parts, "`.`"))
		},
		Now: time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC), User: "me", Params: map[string]Value{},
	}
}

// values runs a query.
func (w *world) values(query string, env *Env) (*Plan, [][]any, error) {
	q, err := ParseQuery(query)
	if err != nil {
		return nil, nil, err
	}
	plan, err := Translate(q, env)
	if err != nil {
		return nil, nil, err
	}
	rows, err := w.db.Query(plan.SQL)
	if err != nil {
		return nil, nil, Failure(err)
	}
	defer rows.Close()
	var out [][]any
	for rows.Next() {
		values, into := make([]any, len(plan.Columns)), make([]any, len(plan.Columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, nil, err
		}
		out = append(out, values)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, Failure(err)
	}
	return plan, out, nil
}

// run answers with the types of the columns and the rows, as text: "BIGINT,STRING: 1|a; 2|NULL".
func (w *world) run(query string, env *Env) (string, error) {
	plan, rows, err := w.values(query, env)
	if err != nil {
		return "", err
	}
	var types, lines []string
	for _, c := range plan.Columns {
		types = append(types, c.Type.SQL())
	}
	for _, values := range rows {
		var cells []string
		for i, v := range values {
			if cell := Cell(v, plan.Columns[i].Type); cell != nil {
				cells = append(cells, *cell)
			} else {
				cells = append(cells, "NULL")
			}
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return strings.Join(types, ",") + ": " + strings.Join(lines, "; "), nil
}

// TestDatabricksOnly has what open-source Spark does not know. The answers are those of the documentation.
func TestDatabricksOnly(t *testing.T) {
	w := newWorld(t)
	for _, c := range [][2]string{
		{"SELECT span_id FROM c.s.spans QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY span_id DESC) = 1 ORDER BY span_id", "STRING: b; c"},
		{"SELECT DISTINCT trace_id FROM c.s.spans QUALIFY count(*) OVER (PARTITION BY trace_id) > 1 ORDER BY trace_id DESC NULLS LAST", "STRING: t1"},
		{
			"SELECT attributes:n::INT, attributes:`a.b`::STRING, attributes:obj.q, attributes:obj['list'][0]::bigint, attributes:nope.x FROM c.s.spans WHERE span_id = 'a'",
			`INT,STRING,VARIANT,BIGINT,VARIANT: 12|5|"hi"|1|NULL`,
		},
		{
			"SELECT attributes:null IS NULL, is_variant_null(attributes:null), attributes:obj.list[1]::string || '!' FROM c.s.spans WHERE span_id = 'a'",
			"BOOLEAN,BOOLEAN,STRING: false|true|x!",
		},
		{"SELECT attributes::map<string,string>['text'], attributes:list::array<int> FROM c.s.spans WHERE span_id = 'a'", "STRING,ARRAY<INT>: 7|[1,2]"},
		{`SELECT '{"k":{"l":"v"}}':k.l, '1'::INT + 1, 'x'::STRING`, "STRING,INT,STRING: v|2|x"},
		{"SELECT * EXCEPT (d, b) FROM c.s.numbers WHERE i = 1", "INT,STRING: 1|a"},
		{"SELECT id, n FROM c.s.traces ORDER BY n DESC LIMIT 1", "STRING,BIGINT: t1|2"},
		{"SELECT t.id FROM c.s.traces t JOIN s.spans ON spans.trace_id = t.id WHERE c.s.traces.n IS NULL OR s.spans.flags = 2", ""},
		{"SELECT count(DISTINCT attributes:n::STRING) FROM c.s.spans", "BIGINT: 2"},
		{"SELECT span_id FROM STREAM(c.s.spans) AS x WHERE x.flags = 2", "STRING: c"},
		{
			"SELECT current_timestamp() - INTERVAL 30 DAYS, current_date() - 1, current_user()",
			"TIMESTAMP,DATE,STRING: 2026-10-24T12:30:00.000Z|2026-11-22|me",
		},
		{"SELECT count(*) FROM c.s.spans WHERE time >= current_timestamp() - INTERVAL 37 HOURS", "BIGINT: 1"},
		{
			"SELECT TIMESTAMP'2026-01-02 03:04:05.5', TIMESTAMP'2026-01-02 03:04:05.000001', DATE'2026-01-02', 1.50, CAST('NaN' AS DOUBLE)",
			"TIMESTAMP,TIMESTAMP,DATE,DECIMAL(3,2),DOUBLE: 2026-01-02T03:04:05.500Z|2026-01-02T03:04:05.000001Z|2026-01-02|1.50|NULL",
		},
		{"-- a comment\nSELECT /* another */ 1 -- end", "INT: 1"},
	} {
		query, want := c[0], c[1]
		got, err := w.run(query, w.env())
		if want == "" { // an alias hides the name of the table
			require.ErrorContains(t, err, "UNRESOLVED_COLUMN", query)
			continue
		}
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
	}
}

func TestNestedTooDeeply(t *testing.T) {
	for _, s := range []string{
		"SELECT " + strings.Repeat("(", 1e5), "SELECT " + strings.Repeat("NOT ", 1e5) + "1", "SELECT " + strings.Repeat("- ", 1e5) + "1", strings.Repeat("(", 1e5),
		"SELECT CAST(1 AS " + strings.Repeat("ARRAY<", 1e5), "SELECT * FROM " + strings.Repeat("(SELECT * FROM ", 1e5), "SELECT * FROM " + strings.Repeat("(", 1e5),
	} {
		_, err := ParseStatement(s)
		require.ErrorContains(t, err, "nested too deeply", s[:20])
	}
}

// TestRefused has what this package alone decides: what SQLite would take and Databricks would not, and what is Databricks' but not known here.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"SELECT json_extract('{}', '$')":      "UNRESOLVED_ROUTINE",
		"SELECT sqlite_version()":             "UNRESOLVED_ROUTINE",
		"SELECT dbx_cast(1, 'INT', 'INT', 0)": "UNRESOLVED_ROUTINE",
		"SELECT rowid FROM c.s.spans":         "UNRESOLVED_COLUMN",
		"SELECT c0 FROM c.s.spans":            "UNRESOLVED_COLUMN",
		"SELECT * FROM sqlite_master":         "TABLE_OR_VIEW_NOT_FOUND",
		"SELECT 'open":                        "PARSE_SYNTAX_ERROR",
		"SELECT 1; SELECT 2":                  "PARSE_SYNTAX_ERROR",
		"SELECT 1 /* open":                    "PARSE_SYNTAX_ERROR",
		"SELECT `` FROM c.s.spans":            "PARSE_SYNTAX_ERROR",
		"SELECT 1 ? 2":                        "PARSE_SYNTAX_ERROR",
		"SELECT attributes:n::int FROM c.s.spans WHERE span_id = 'c'": "[INVALID_VARIANT_CAST] The variant value",
		"SELECT count(DISTINCT attributes) FROM c.s.spans":            "INVALID_ORDERING_TYPE",
		"SELECT lower(attributes) FROM c.s.spans":                     "UNEXPECTED_INPUT_TYPE",
		"SELECT attributes:n FROM c.s.legacy":                         "needs a VARIANT or a STRING",
		"SELECT 1.5 / 2":                                              "UNSUPPORTED_FEATURE",
		"SELECT avg(1.5)":                                             "UNSUPPORTED_FEATURE",
		"SELECT :nope":                                                "UNBOUND_SQL_PARAMETER",
		"SELECT * FROM read_files('/x')":                              "UNSUPPORTED_FEATURE",
		"SELECT current_timestamp() - now()":                          "UNSUPPORTED_FEATURE",
		"SELECT date_format(now(), 'EEEE')":                           "UNSUPPORTED_FEATURE",
		"SELECT CAST(status AS STRING) FROM c.s.spans":                "UNSUPPORTED_FEATURE",
		"SELECT max_by(s, d) OVER () FROM c.s.numbers":                "UNSUPPORTED_FEATURE",
		"SELECT inline(events) FROM c.s.spans":                        "UNRESOLVED_ROUTINE",
		"SELECT regexp_like('x', '(')":                                "INVALID_PARAMETER_VALUE.PATTERN",
		"SELECT sum(9223372036854775807 - i) FROM c.s.numbers":        "ARITHMETIC_OVERFLOW",
	} {
		got, err := w.run(query, w.env())
		require.ErrorContains(t, err, want, "%s: %s", query, got)
	}
}

func TestParameters(t *testing.T) {
	w := newWorld(t)
	env := w.env()
	value := func(s string, typ Type) Value { return Value{&s, typ} }
	env.Params = map[string]Value{
		"id": value("t1", String), "from": value("2026-11-21T05:04:45Z", Timestamp), "n": value("1", Bigint),
		"evil": value("' OR 1=1 --\x00", String), "none": {nil, String},
	}
	for query, want := range map[string]string{
		"SELECT span_id FROM c.s.spans WHERE trace_id = :id AND time >= :from": "STRING: b",
		"SELECT span_id FROM c.s.spans ORDER BY span_id LIMIT :n":              "STRING: a",
		"SELECT count(*) FROM c.s.spans WHERE trace_id = :evil":                "BIGINT: 0",
		"SELECT :evil = '\\' OR 1=1 --\\0', :none IS NULL, :n + 1":             "BOOLEAN,BOOLEAN,BIGINT: true|true|2",
	} {
		got, err := w.run(query, env)
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
	}
}

func TestNamesOfColumns(t *testing.T) {
	w := newWorld(t)
	q, err := ParseQuery("SELECT count(*), count(DISTINCT trace_id), max(time), any_value(status.code), sum(flags) AS f, 1 + 1, CAST(1 AS STRING), " +
		"any_value(attributes):a.b FROM c.s.spans")
	require.NoError(t, err)
	plan, err := Translate(q, w.env())
	require.NoError(t, err)
	var names []string
	for _, c := range plan.Columns {
		names = append(names, c.Name)
	}
	require.Equal(t, []string{"count(1)", "count(DISTINCT trace_id)", "max(time)", "any_value(code)", "f", "(1 + 1)", "CAST(1 AS STRING)", "b"}, names)
}

// TestReferenceStatements reads the statements of the reference, which ran on Spark 4 and went through a parser of this dialect.
func TestReferenceStatements(t *testing.T) {
	for file, want := range map[string]int{"../../testdata/otel_tables.sql": 6, "../../testdata/genai_traces.sql": 2} {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		n := 0
		for _, s := range strings.Split(string(body), ";\n") {
			if strings.TrimSpace(s) == "" {
				continue
			}
			_, err := ParseStatement(s)
			require.NoError(t, err, s)
			n++
		}
		require.Equal(t, want, n)
	}
}

func TestStatements(t *testing.T) {
	for _, s := range []struct {
		sql  string
		want any
	}{
		{"DROP VIEW IF EXISTS c.s.v", &Drop{"VIEW", []string{"c", "s", "v"}, true}},
		{"GRANT USE SCHEMA, SELECT ON SCHEMA c.s TO `a@b.c`", &Grant{[]string{"USE SCHEMA", "SELECT"}, "SCHEMA", []string{"c", "s"}, "a@b.c", false}},
		{"REVOKE MODIFY ON c.s.t FROM `x`;", &Grant{[]string{"MODIFY"}, "TABLE", []string{"c", "s", "t"}, "x", true}},
		{"COMMENT ON TABLE c.s.t IS 'hi'", &CommentOn{"TABLE", []string{"c", "s", "t"}, "hi"}},
		{"ALTER TABLE c.s.t SET TBLPROPERTIES ('a.b' = 'c', d = 'e')", &Alter{Kind: "TABLE", Name: []string{"c", "s", "t"}, Set: map[string]string{"a.b": "c", "d": "e"}}},
		{"ALTER VIEW c.s.v UNSET TBLPROPERTIES ('a')", &Alter{Kind: "VIEW", Name: []string{"c", "s", "v"}, Unset: []string{"a"}}},
		{"CREATE SCHEMA IF NOT EXISTS c.s COMMENT 'x'", &CreateSchema{"SCHEMA", []string{"c", "s"}, true, "x"}},
		{"REFRESH MATERIALIZED VIEW c.s.m", &Refresh{[]string{"c", "s", "m"}}},
		{"DESCRIBE TABLE c.s.m", &Describe{[]string{"c", "s", "m"}}},
		{"SHOW TABLES IN c.s", &ShowTables{[]string{"c", "s"}}},
	} {
		got, err := ParseStatement(s.sql)
		require.NoError(t, err, s.sql)
		require.Equal(t, s.want, got, s.sql)
	}
	got, err := ParseStatement("CREATE OR REPLACE MATERIALIZED VIEW c.s.v (a COMMENT 'x', b) COMMENT 'y' TBLPROPERTIES ('k' = 'v') " +
		"SCHEDULE EVERY 1 HOUR AS SELECT 1 AS a, 2 AS b")
	require.NoError(t, err)
	v := got.(*CreateView)
	require.Equal(t, "SELECT 1 AS a, 2 AS b", v.Text)
	require.Equal(t, "EVERY 1 HOUR", v.Schedule)
	require.Equal(t, []ColumnDef{{Name: "a", Comment: "x"}, {Name: "b"}}, v.Columns)
	require.Equal(t, "MATERIALIZED_VIEW", v.Kind)
	for _, bad := range []string{"CREATE VIEW v", "CREATE TABLE t", "MERGE INTO t USING s ON x", "DROP t", "GRANT ON t TO x",
		"CREATE VIEW v AS SELECT 1 garbage garbage", "INSERT INTO t VALUES (1)"} {
		_, err := ParseStatement(bad)
		require.Error(t, err, bad)
	}
}
