package dbsql

import (
	"database/sql"
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

func newWorld(t *testing.T) *world {
	Register()
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	w := &world{db, map[string]*Relation{}}
	w.table(t, "c.s.spans", []string{
		"trace_id string", "span_id string", "parent_span_id string", "name string", "time timestamp", "date date", "start_time_unix_nano bigint", "end_time_unix_nano bigint",
		"attributes variant", "events array<struct<time_unix_nano:bigint,name:string,attributes:variant>>", "status struct<message:string,code:string>", "flags int",
		"resource struct<attributes:variant,dropped_attributes_count:int>",
	}, [][]any{
		{"t1", "a", nil, "root", "2026-11-21T05:04:44.937883Z", "2026-11-21", int64(1795237484937883886), int64(1795237485057217731), map[string]any{
			"n": int64(12), "text": "7", "half": 3.9, "yes": "yes", "true": true, "a.b": int64(5), "obj": map[string]any{"q": "hi", "list": []any{int64(1), "x"}}, "null": nil, "metric_quality": 1.0,
		}, []any{map[string]any{"time_unix_nano": int64(1), "name": "e1", "attributes": map[string]any{"m": "boom"}}, map[string]any{"time_unix_nano": int64(2), "name": "e2", "attributes": nil}},
			map[string]any{"message": "", "code": "STATUS_CODE_OK"}, int64(0), map[string]any{"attributes": map[string]any{"service.name": "agent"}, "dropped_attributes_count": int64(0)}},
		{"t1", "b", "a", "child", "2026-11-21T05:04:45Z", "2026-11-21", int64(1795237485000000000), int64(1795237485000000001), nil, []any{}, map[string]any{"message": "no", "code": "STATUS_CODE_ERROR"}, int64(1), nil},
		{"t2", "c", "", "root", "2026-11-22T00:00:00Z", "2026-11-22", int64(1795305600000000000), int64(1795305601000000000), map[string]any{"n": "x"}, []any{}, map[string]any{"message": "", "code": "STATUS_CODE_UNSET"}, int64(2), nil},
	})
	w.table(t, "c.s.legacy", []string{"trace_id string", "attributes map<string,string>"}, [][]any{{"t1", map[string]any{"token_count_request": "12", "k.d": "v"}}})
	w.table(t, "c.s.numbers", []string{"i int", "d double", "b boolean", "s string"}, [][]any{
		{int64(1), 0.5, true, "a"}, {int64(2), 1.5, false, "b"}, {nil, nil, nil, nil}, {int64(2), 10.0, true, "a"},
	})
	view, err := ParseQuery("SELECT trace_id AS id, count(*) AS n FROM c.s.spans GROUP BY trace_id")
	require.NoError(t, err)
	w.tables["c.s.traces"] = &Relation{View: view}
	return w
}

func (w *world) table(t *testing.T, name string, columns []string, rows [][]any) {
	rel := &Relation{SQLite: "t" + fmt.Sprint(len(w.tables))}
	var marks, names []string
	for i, c := range columns {
		n, text, _ := strings.Cut(c, " ")
		typ, err := ParseType(text)
		require.NoError(t, err, c)
		require.Equal(t, text, typ.Text())
		rel.Columns = append(rel.Columns, Column{n, typ})
		names, marks = append(names, fmt.Sprintf("c%d", i)), append(marks, "?")
	}
	_, err := w.db.Exec("CREATE TABLE " + rel.SQLite + " (" + strings.Join(names, ",") + ")")
	require.NoError(t, err)
	for _, row := range rows {
		var values []any
		for i, v := range row {
			values = append(values, Store(v, rel.Columns[i].Type))
		}
		_, err = w.db.Exec("INSERT INTO "+rel.SQLite+" VALUES ("+strings.Join(marks, ",")+")", values...)
		require.NoError(t, err)
	}
	w.tables[name] = rel
}

func (w *world) env() *Env {
	return &Env{
		Relation: func(parts []string) (*Relation, error) {
			if r := w.tables[strings.ToLower(strings.Join(parts, "."))]; r != nil {
				return r, nil
			}
			return nil, failf("TABLE_OR_VIEW_NOT_FOUND", "42P01", "The table or view `%s` cannot be found.", strings.Join(parts, "`.`"))
		},
		Now: time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC), User: "me", Params: map[string]Value{},
	}
}

// run answers with the types of the columns and the rows, as text: "BIGINT,STRING: 1|a; 2|NULL".
func (w *world) run(query string, env *Env) (string, error) {
	q, err := ParseQuery(query)
	if err != nil {
		return "", err
	}
	plan, err := Translate(q, env)
	if err != nil {
		return "", err
	}
	rows, err := w.db.Query(plan.SQL)
	if err != nil {
		return "", fmt.Errorf("%w in %s", Failure(err), plan.SQL)
	}
	defer rows.Close()
	var types, lines []string
	for _, c := range plan.Columns {
		types = append(types, c.Type.SQL())
	}
	for rows.Next() {
		values, into := make([]any, len(plan.Columns)), make([]any, len(plan.Columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
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
	if err := rows.Err(); err != nil {
		return "", Failure(err)
	}
	return strings.Join(types, ",") + ": " + strings.Join(lines, "; "), nil
}

func TestQueries(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		// What verification asks.
		"SELECT count(*) FROM c.s.spans": "BIGINT: 3",
		"SELECT trace_id, count(*) AS n, count(DISTINCT span_id) FROM `c`.`s`.`spans` WHERE trace_id IN ('t1', 't2', 't3') AND time BETWEEN '2026-11-21T00:00:00Z' AND TIMESTAMP'2026-11-22 00:00:00' GROUP BY trace_id ORDER BY trace_id": "STRING,BIGINT,BIGINT: t1|2|2; t2|1|1",
		"SELECT count(DISTINCT trace_id, span_id) FROM c.s.spans WHERE date = '2026-11-21'":                                          "BIGINT: 2",
		"SELECT t.n FROM (SELECT trace_id, count(*) n FROM c.s.spans GROUP BY ALL) AS t WHERE t.n > 1":                               "BIGINT: 2",
		"SELECT id, n FROM c.s.traces ORDER BY n DESC LIMIT 1":                                                                       "STRING,BIGINT: t1|2",
		"SELECT id FROM c.s.traces ORDER BY 1 DESC LIMIT 1 OFFSET 1":                                                                 "STRING: t1",
		"WITH x AS (SELECT * FROM c.s.numbers), y(k) AS (SELECT i FROM x WHERE b) SELECT count(k) FROM y":                            "BIGINT: 2",
		"SELECT span_id FROM c.s.spans QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY span_id DESC) = 1 ORDER BY span_id": "STRING: b; c",
		"SELECT name, count_if(status.code = 'STATUS_CODE_ERROR') e, min(time) FROM c.s.spans GROUP BY name HAVING count(*) > 1":     "STRING,BIGINT,TIMESTAMP: root|0|2026-11-21T05:04:44.937883Z",
		// NULL and the empty string for a root's parent.
		"SELECT count(*) FROM c.s.spans s WHERE NULLIF(s.parent_span_id, '') IS NULL": "BIGINT: 2",
		// Structs, arrays, maps, variants.
		"SELECT s.status.code, spans.status.message FROM c.s.spans s, (SELECT * FROM c.s.spans) spans WHERE s.span_id = 'b' AND spans.span_id = 'b'":       "STRING,STRING: STATUS_CODE_ERROR|no",
		"SELECT c.s.spans.status.code FROM c.s.spans WHERE span_id = 'a'":                                                                                  "STRING: STATUS_CODE_OK",
		"SELECT events[0].name, size(events), events[1].time_unix_nano FROM c.s.spans WHERE span_id = 'a'":                                                 "STRING,INT,BIGINT: e1|2|2",
		"SELECT attributes['token_count_request'], try_cast(attributes['k.d'] AS INT), attributes['nope'], attributes.token_count_request FROM c.s.legacy": "STRING,INT,STRING,STRING: 12|NULL|NULL|12",
		"SELECT e.name, e.attributes:m::string FROM c.s.spans LATERAL VIEW explode(events) x AS e ORDER BY 1":                                              "STRING,STRING: e1|boom; e2|NULL",
		"SELECT span_id, pos FROM c.s.spans LATERAL VIEW OUTER posexplode(events) x AS pos, e WHERE trace_id = 't1' ORDER BY ALL":                          "STRING,INT: a|0; a|1; b|NULL",
		"SELECT to_json(status), to_json(resource), resource FROM c.s.spans WHERE span_id = 'a'":                                                           `STRING,STRING,STRUCT<attributes: VARIANT, dropped_attributes_count: INT>: {"message":"","code":"STATUS_CODE_OK"}|{"attributes":{"service.name":"agent"},"dropped_attributes_count":0}|{"attributes":{"service.name":"agent"},"dropped_attributes_count":0}`,
		"SELECT to_json(events) FROM c.s.spans WHERE span_id = 'a'":                                                                                        `STRING: [{"time_unix_nano":1,"name":"e1","attributes":{"m":"boom"}},{"time_unix_nano":2,"name":"e2"}]`,
		// Coercions of variants as measured on Spark 4.
		"SELECT try_variant_get(attributes, '$.text', 'int'), try_variant_get(attributes, '$.half', 'int'), try_variant_get(attributes, '$.true', 'double'), try_variant_get(attributes, '$.yes', 'double') FROM c.s.spans WHERE span_id = 'a'": "INT,INT,DOUBLE,DOUBLE: 7|3|1.0|NULL",
		`SELECT try_variant_get(attributes, '$["a.b"]', 'int'), try_variant_get(attributes, '$.obj', 'string'), variant_get(attributes, '$.obj.list[1]') FROM c.s.spans WHERE span_id = 'a'`:                                                    `INT,STRING,VARIANT: 5|{"list":[1,"x"],"q":"hi"}|"x"`,
		"SELECT attributes:n::INT, attributes:`a.b`::STRING, attributes:obj.q, attributes:obj['list'][0]::bigint, attributes:nope.x FROM c.s.spans WHERE span_id = 'a'":                                                                         `INT,STRING,VARIANT,BIGINT,VARIANT: 12|5|"hi"|1|NULL`,
		"SELECT try_variant_get(attributes, '$.metric_quality', 'string'), is_variant_null(attributes:null), attributes:null IS NULL FROM c.s.spans WHERE span_id = 'a'":                                                                        "STRING,BOOLEAN,BOOLEAN: 1.0|true|false",
		"SELECT year(to_timestamp(1700000000123)), timestamp_millis(1700000000123)":                                                                                                                                                             "INT,TIMESTAMP: 55840|2023-11-14T22:13:20.123Z",
		// Arithmetic, types and names of time.
		"SELECT CAST(start_time_unix_nano DIV 1000000 AS BIGINT), (end_time_unix_nano - start_time_unix_nano) / 1e6 FROM c.s.spans WHERE span_id = 'a'":     "BIGINT,DOUBLE: 1795237484937|119.333845",
		"SELECT 1, 1L, 1.50, 1e0, 2.5D, 'x', true, NULL, -3, 7 / 2, 7 DIV 2, 7 % 4, 1.5 + 1, 1 = 1":                                                         "INT,BIGINT,DECIMAL(3,2),DOUBLE,DOUBLE,STRING,BOOLEAN,VOID,INT,DOUBLE,BIGINT,INT,DECIMAL(12,1),BOOLEAN: 1|1|1.50|1.0|2.5|x|true|NULL|-3|3.5|3|3|2.5|true",
		"SELECT current_timestamp() - INTERVAL 30 DAYS, current_date() - INTERVAL '1' MONTH, date_trunc('HOUR', now()), current_date() - 1, current_user()": "TIMESTAMP,DATE,TIMESTAMP,DATE,STRING: 2026-10-24T12:30:00.000Z|2026-10-23|2026-11-23T12:00:00.000Z|2026-11-22|me",
		"SELECT count(*) FROM c.s.spans WHERE time >= current_timestamp() - INTERVAL 37 HOURS":                                                              "BIGINT: 1",
		"SELECT sum(i), avg(i), sum(d), max(s), min(b), count(b), any_value(s) FROM c.s.numbers":                                                            "BIGINT,DOUBLE,DOUBLE,STRING,BOOLEAN,BIGINT,STRING: 5|1.6666666666666667|12.0|b|false|3|b",
		"SELECT percentile(d, 0.5), percentile_approx(d, 0.99), median(i), max_by(s, d), collect_list(i), collect_set(s) FROM c.s.numbers":                  `DOUBLE,DOUBLE,DOUBLE,STRING,ARRAY<INT>,ARRAY<STRING>: 1.5|10.0|2.0|a|[1,2,2]|["a","b"]`,
		"SELECT CASE s WHEN 'a' THEN 1 WHEN 'b' THEN 2.5D END x, coalesce(i, 0), if(b, 'y', 'n') FROM c.s.numbers ORDER BY i NULLS LAST, d":                 "DOUBLE,INT,STRING: 1.0|1|y; 2.5|2|n; 1.0|2|y; NULL|0|n",
		"SELECT i, sum(d) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM c.s.numbers WHERE i IS NOT NULL ORDER BY d":               "INT,DOUBLE: 1|0.5; 2|2.0; 2|12.0",
		"SELECT s, count(*) * 100.0D / sum(count(*)) OVER () AS share FROM c.s.numbers WHERE s IS NOT NULL GROUP BY s ORDER BY share DESC":                  "STRING,DOUBLE: a|66.66666666666667; b|33.333333333333336",
		"SELECT count(*) FILTER (WHERE b) FROM c.s.numbers":                                                                                                 "BIGINT: 2",
		"SELECT 'a' UNION SELECT 'b' UNION ALL SELECT 'b' ORDER BY 1 DESC":                                                                                  "STRING: b; b; a",
		"SELECT 1 UNION ALL SELECT 2.5D":                                                                                                                                                                            "DOUBLE: 1.0; 2.5",
		"SELECT * FROM VALUES (1, 'x'), (2, NULL) AS v(n, t) WHERE n <=> 2":                                                                                                                                         "INT,STRING: 2|NULL",
		"SELECT * EXCEPT (d, b) FROM c.s.numbers WHERE i = 1":                                                                                                                                                       "INT,STRING: 1|a",
		"SELECT DISTINCT s FROM c.s.numbers ORDER BY s":                                                                                                                                                             "STRING: NULL; a; b",
		"SELECT a.i, b.s FROM c.s.numbers a LEFT JOIN c.s.numbers b ON a.i = b.i AND b.d > 5 WHERE a.d < 5 ORDER BY 1":                                                                                              "INT,STRING: 1|NULL; 2|a",
		"SELECT i FROM c.s.numbers a LEFT SEMI JOIN c.s.traces t ON a.i = t.n ORDER BY i":                                                                                                                           "INT: 1; 2; 2",
		"SELECT id FROM c.s.traces t ANTI JOIN c.s.numbers a ON a.i = t.n AND a.b = false":                                                                                                                          "STRING: t2",
		"SELECT i, count(*) FROM c.s.numbers JOIN (SELECT 2 AS i) USING (i) GROUP BY i":                                                                                                                             "INT,BIGINT: 2|2",
		"SELECT id FROM c.s.traces t WHERE EXISTS (SELECT 1 FROM c.s.spans s WHERE s.trace_id = t.id AND s.flags = 1)":                                                                                              "STRING: t1",
		"SELECT id FROM c.s.traces WHERE n = (SELECT max(n) FROM c.s.traces) AND id NOT IN (SELECT 'x')":                                                                                                            "STRING: t1",
		"SELECT i + 1 AS j, j * 2 AS k FROM c.s.numbers WHERE i = 1":                                                                                                                                                "INT,INT: 2|4",
		"SELECT upper(left('straße', 3)), lower('ÄB'), concat('a', 1, true), substring('hello', -3, 2), 'a' || 1, length('é'), trim(' x '), replace('aa', 'a', 'b')":                                                "STRING,STRING,STRING,STRING,STRING,INT,STRING,STRING: STR|äb|a1true|ll|a1|1|x|bb",
		"SELECT 'it\\'s', 'it''s', \"double\", 'a\\nb' = 'a\nb', 'x' LIKE 'X', 'x' ILIKE 'X', 'a_c' LIKE 'a\\_c', 'abc' LIKE 'a\\_c', 'abc' RLIKE '^a.c$'":                                                          "STRING,STRING,STRING,BOOLEAN,BOOLEAN,BOOLEAN,BOOLEAN,BOOLEAN,BOOLEAN: it's|it's|double|true|false|true|true|false|true",
		"SELECT regexp_replace('a1b', '([a-z])1', '$1-'), regexp_extract('k=v', '=(.)'), split_part('a.b.c', '.', -1), startswith('abc', 'ab'), contains('abc', 'd')":                                               "STRING,STRING,STRING,BOOLEAN,BOOLEAN: a-b|v|c|true|false",
		"SELECT CAST('2026-01-02' AS TIMESTAMP), CAST(TIMESTAMP'2026-01-02 03:04:05.06' AS STRING), DATE'2026-01-31' + INTERVAL 1 MONTH, CAST(1.0E10 AS STRING), CAST('12' AS INT) + 1, CAST(9.99 AS DECIMAL(5,1))": "TIMESTAMP,STRING,DATE,STRING,INT,DECIMAL(5,1): 2026-01-02T00:00:00.000Z|2026-01-02 03:04:05.06|2026-02-28|1.0E10|13|10.0",
		"SELECT date_format(TIMESTAMP'2026-01-02 03:04:05.06', 'yyyy-MM-dd HH:mm:ss.SSS'), unix_millis(TIMESTAMP'1970-01-01 00:00:01'), datediff(DATE'2026-01-03', '2026-01-01'), date_add('2026-01-01', 2)":        "STRING,BIGINT,INT,DATE: 2026-01-02 03:04:05.060|1000|2|2026-01-03",
		"SELECT parse_json('{\"b\":1,\"a\":[true,null,1.0]}'), try_parse_json('{'), to_json(named_struct('x', 1, 'y', array('a'))), get_json_object('{\"a\":{\"b\":1}}', '$.a.b'), '{\"k\":\"v\"}':k":               `VARIANT,VARIANT,STRING,STRING,STRING: {"a":[true,null,1.0],"b":1}|NULL|{"x":1,"y":["a"]}|1|v`,
		"SELECT greatest(1, 3, NULL), least('b', 'a'), round(2.345D, 2), floor(-1.5D), abs(-2), typeof(1L), array_contains(array(1, 2), 2), element_at(array('x'), -1), nvl2(NULL, 1, 2)":                           "INT,STRING,DOUBLE,BIGINT,INT,STRING,BOOLEAN,STRING,INT: 3|a|2.35|-2|2|bigint|true|x|2",
		"-- a comment\nSELECT /* another */ 1 -- end":                                                                                                                                                               "INT: 1",
	} {
		got, err := w.run(query, w.env())
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
	}
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"SELEC 1":                                  "[PARSE_SYNTAX_ERROR] Syntax error at or near 'SELEC'",
		"SELECT 1 FROM":                            "PARSE_SYNTAX_ERROR",
		"SELECT 1 2":                               "PARSE_SYNTAX_ERROR",
		"SELECT (1":                                "PARSE_SYNTAX_ERROR",
		"SELECT 'open":                             "PARSE_SYNTAX_ERROR",
		"SELECT 1; SELECT 2":                       "PARSE_SYNTAX_ERROR",
		"SELECT x":                                 "[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] A column with name `x` cannot be resolved. SQLSTATE: 42703",
		"SELECT status_code FROM c.s.spans":        "UNRESOLVED_COLUMN",
		"SELECT status.cod FROM c.s.spans":         "FIELD_NOT_FOUND",
		"SELECT attributes.n FROM c.s.spans":       "INVALID_EXTRACT_BASE_FIELD_TYPE",
		"SELECT * FROM c.s.nope":                   "TABLE_OR_VIEW_NOT_FOUND",
		"SELECT json_extract('{}', '$')":           "UNRESOLVED_ROUTINE",
		"SELECT sqlite_version()":                  "UNRESOLVED_ROUTINE",
		"SELECT trace_id, count(*) FROM c.s.spans": "MISSING_AGGREGATION",
		"SELECT trace_id, name FROM c.s.spans GROUP BY trace_id":                          "MISSING_AGGREGATION",
		"SELECT attributes, count(*) FROM c.s.spans GROUP BY attributes":                  "GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE",
		"SELECT DISTINCT attributes FROM c.s.spans":                                       "SET_OPERATION_ON_VARIANT_TYPE",
		"SELECT 1 FROM c.s.spans ORDER BY attributes":                                     "INVALID_ORDERING_TYPE",
		"SELECT count(DISTINCT attributes) FROM c.s.spans":                                "INVALID_ORDERING_TYPE",
		"SELECT 1 FROM c.s.spans WHERE attributes:n = 12":                                 "incompatible types (\"VARIANT\" and \"INT\")",
		"SELECT 1 FROM c.s.spans WHERE flags":                                             "requires the \"BOOLEAN\" type",
		"SELECT 1 FROM c.s.spans WHERE count(*) > 1":                                      "INVALID_WHERE_CONDITION",
		"SELECT sum(count(*)) FROM c.s.spans":                                             "NESTED_AGGREGATE_FUNCTION",
		"SELECT span_id FROM c.s.spans a, c.s.spans b":                                    "AMBIGUOUS_REFERENCE",
		"SELECT variant_get(attributes, '$.n', 'int') FROM c.s.spans WHERE span_id = 'c'": "[INVALID_VARIANT_CAST] The variant value `\"x\"` cannot be cast into `INT`",
		"SELECT attributes:n::int FROM c.s.spans WHERE span_id = 'c'":                     "INVALID_VARIANT_CAST",
		"SELECT try_variant_get(attributes, 'n', 'int') FROM c.s.spans":                   "INVALID_VARIANT_GET_PATH",
		"SELECT CAST('abc' AS INT)":                                                       "[CAST_INVALID_INPUT] The value 'abc'",
		"SELECT 1 FROM c.s.spans WHERE trace_id = 1":                                      "CAST_INVALID_INPUT",
		"SELECT 1 / 0":                                           "DIVIDE_BY_ZERO",
		"SELECT 9223372036854775807 + 1":                         "ARITHMETIC_OVERFLOW",
		"SELECT 2147483647 + 1":                                  "ARITHMETIC_OVERFLOW",
		"SELECT start_time_unix_nano * 1000 FROM c.s.spans":      "ARITHMETIC_OVERFLOW",
		"SELECT CAST(300 AS TINYINT)":                            "CAST_OVERFLOW",
		"SELECT events[7] FROM c.s.spans WHERE span_id = 'a'":    "INVALID_ARRAY_INDEX",
		"SELECT 1.5 / 2":                                         "UNSUPPORTED_FEATURE",
		"SELECT :nope":                                           "UNBOUND_SQL_PARAMETER",
		"SELECT CASE WHEN true THEN 1 ELSE DATE'2026-01-01' END": "should all be the same type",
		"SELECT 1 UNION SELECT 1, 2":                             "NUM_COLUMNS_MISMATCH",
		"SELECT * FROM read_files('/x')":                         "UNSUPPORTED_FEATURE",
		"SELECT row_number()":                                    "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE",
		"SELECT lower()":                                         "WRONG_NUM_ARGS",
		"SELECT lower(attributes) FROM c.s.spans":                "UNEXPECTED_INPUT_TYPE",
		"SELECT 1 LIMIT 'x'":                                     "INVALID_LIMIT_LIKE_EXPRESSION",
		"SELECT id FROM c.s.traces ORDER BY 9":                   "ORDER_BY_POS_OUT_OF_RANGE",
		"SELECT current_timestamp() - now()":                     "UNSUPPORTED_FEATURE",
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
		"id": value("t1", String), "from": value("2026-11-21T05:04:45Z", Timestamp), "n": value("1", Bigint), "evil": value("' OR 1=1 --\x00", String), "none": {nil, String},
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
	q, err := ParseQuery("SELECT count(*), count(DISTINCT trace_id), max(time), any_value(status.code), sum(flags) AS f, 1 + 1, CAST(1 AS STRING), any_value(attributes):a.b FROM c.s.spans")
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
	got, err := ParseStatement("CREATE OR REPLACE MATERIALIZED VIEW c.s.v (a COMMENT 'x', b) COMMENT 'y' TBLPROPERTIES ('k' = 'v') SCHEDULE EVERY 1 HOUR AS SELECT 1 AS a, 2 AS b")
	require.NoError(t, err)
	v := got.(*CreateView)
	require.Equal(t, "SELECT 1 AS a, 2 AS b", v.Text)
	require.Equal(t, "EVERY 1 HOUR", v.Schedule)
	require.Equal(t, []ColumnDef{{Name: "a", Comment: "x"}, {Name: "b"}}, v.Columns)
	require.Equal(t, "MATERIALIZED_VIEW", v.Kind)
	for _, bad := range []string{"CREATE VIEW v", "CREATE TABLE t", "MERGE INTO t USING s ON x", "DROP t", "GRANT ON t TO x", "CREATE VIEW v AS SELECT 1 garbage garbage", "INSERT INTO t VALUES (1)"} {
		_, err := ParseStatement(bad)
		require.Error(t, err, bad)
	}
}
