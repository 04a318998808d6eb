// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package unity

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var recorded = []struct {
	file, table string
	signal      Signal
	layout      Layout
}{
	{"20_uc_table_get_v2.json", "cat.sch.pre_otel_spans", SignalSpans, LayoutV2},
	{"20_uc_table_get_v2.json", "cat.sch.pre_otel_logs", SignalLogs, LayoutV2},
	{"20_uc_table_get_v2.json", "cat.sch.pre_otel_metrics", SignalMetrics, LayoutV2},
	{"21_uc_table_get_v1_legacy.json", "cat.sch.mlflow_experiment_trace_otel_spans", SignalSpans, LayoutV1},
	{"21_uc_table_get_v1_legacy.json", "cat.sch.mlflow_experiment_trace_otel_logs", SignalLogs, LayoutV1},
}

// The columns are those of the documented DDL, in its order.
func TestColumnsAreTheDocumentedOnes(t *testing.T) {
	ddl, err := os.ReadFile("testdata/otel_tables.sql")
	require.NoError(t, err)
	for _, r := range recorded {
		t.Run(r.table, func(t *testing.T) {
			m := regexp.MustCompile(`(?s)CREATE TABLE IF NOT EXISTS ` + regexp.QuoteMeta(r.table) +
				` \((.*?)\n\) USING`).FindSubmatch(ddl)
			require.NotNil(t, m)
			var want []Column
			for line := range strings.Lines(strings.Trim(string(m[1]), "\n")) {
				name, typ, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), ","), " ")
				want = append(want, Column{name, typ})
			}
			require.Equal(t, want, Columns(r.signal, r.layout))
		})
	}
}

// Metrics of layout v1, which two public collections of DDL show alike: the times of a data point are
// in its column.
func TestMetricsOfLayoutV1(t *testing.T) {
	byName := map[string]string{}
	for _, c := range Columns(SignalMetrics, LayoutV1) {
		byName[c.Name] = c.Type
	}
	require.Len(t, byName, 14)
	for _, absent := range []string{"start_time_unix_nano", "time_unix_nano", "record_id", "time", "date",
		"service_name"} {
		require.NotContains(t, byName, absent)
	}
	for _, kind := range []string{"gauge", "sum", "histogram", "exponential_histogram", "summary"} {
		require.Contains(t, byName[kind], "start_time_unix_nano: BIGINT, time_unix_nano: BIGINT, ", kind)
		require.Contains(t, byName[kind], "attributes: MAP<STRING, STRING>", kind)
		_, err := ParseType(byName[kind])
		require.NoError(t, err)
	}
	require.Equal(t, "STRUCT<start_time_unix_nano: BIGINT, time_unix_nano: BIGINT, value: DOUBLE, exemplars: "+
		"ARRAY<STRUCT<time_unix_nano: BIGINT, value: DOUBLE, span_id: STRING, trace_id: STRING, "+
		"filtered_attributes: MAP<STRING, STRING>>>, attributes: MAP<STRING, STRING>, flags: INT>", byName["gauge"])
}

func recordedColumns(t *testing.T, file, table string) []Column {
	t.Helper()
	b, err := os.ReadFile("../databrickstest/testdata/" + file)
	require.NoError(t, err)
	var doc struct {
		Exchanges []struct {
			Response struct {
				Body struct {
					FullName string `json:"full_name"`
					Columns  []struct {
						Name string `json:"name"`
						Type string `json:"type_text"`
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(b, &doc))
	for _, e := range doc.Exchanges {
		if e.Response.Body.FullName == table {
			var out []Column
			for _, c := range e.Response.Body.Columns {
				out = append(out, Column(c))
			}
			return out
		}
	}
	t.Fatalf("no %s in %s", table, file)
	return nil
}

// Tables as the workspace describes them satisfy the needs of their layout, and only of theirs.
func TestRecordedTablesConform(t *testing.T) {
	for _, r := range recorded {
		t.Run(r.table, func(t *testing.T) {
			have := recordedColumns(t, r.file, r.table)
			diff, err := Compare(Columns(r.signal, r.layout), have)
			require.NoError(t, err)
			require.Empty(t, diff)
			for i := range have {
				without := append(append([]Column(nil), have[:i]...), have[i+1:]...)
				diff, err := Compare(Columns(r.signal, r.layout), without)
				require.NoError(t, err)
				require.Len(t, diff, 1, "without %s", have[i].Name)
				require.Equal(t, have[i].Name, diff[0].Column)
				require.Empty(t, diff[0].Have)
			}
		})
	}
}

func TestCompareFindsWhatDiffers(t *testing.T) {
	for name, tc := range map[string]struct {
		want, have string
		diff       []Difference
	}{
		"same, spelled otherwise": {"ARRAY<STRUCT<a: BIGINT, b: STRING>>",
			"array<struct<a:long,`b`:string comment 'x, y'>>", nil},
		"other order, more": {"STRUCT<a: INT, b: STRING>", "struct<z:date,b:string,a:int>", nil},
		"field missing": {
			"ARRAY<STRUCT<trace_id: STRING, flags: INT>>", "array<struct<trace_id:string>>",
			[]Difference{{"c.element.flags", "INT", ""}},
		},
		"variant wanted, map there": {"VARIANT", "map<string,string>",
			[]Difference{{"c", "VARIANT", "MAP<STRING, STRING>"}}},
		"deep": {"STRUCT<x: ARRAY<STRUCT<y: VARIANT>>>", "struct<x:array<struct<y:string>>>",
			[]Difference{{"c.x.element.y", "VARIANT", "STRING"}}},
		"map value": {"MAP<STRING, STRING>", "map<string,int>", []Difference{{"c.value", "STRING", "INT"}}},
		"decimal":   {"DECIMAL(30,9)", "decimal(30, 9)", nil},
	} {
		t.Run(name, func(t *testing.T) {
			diff, err := Compare([]Column{{"c", tc.want}}, []Column{{"C", tc.have}})
			require.NoError(t, err)
			require.Equal(t, tc.diff, diff)
		})
	}
}

func TestTypesThatCannotBeRead(t *testing.T) {
	for _, s := range []string{"", "array", "array<int", "array<int,int>", "map<int>", "struct<a:int", "int int",
		"decimal(3", "struct<a:>", "`x", strings.Repeat("array<", 100) + "int"} {
		_, err := ParseType(s)
		require.Error(t, err, s)
	}
}

// The statement declares exactly what is needed: its own columns compare without a difference.
func TestCreateTable(t *testing.T) {
	for _, r := range recorded {
		n, err := ParseName(r.table)
		require.NoError(t, err)
		s := CreateTable(n, r.signal, r.layout)
		require.True(t, strings.HasPrefix(s, "CREATE TABLE IF NOT EXISTS "+n.Quoted()+" ("), s)
		require.Contains(t, s, "'otel.schemaVersion' = '"+string(r.layout)+"'")
		typ, err := ParseType("struct<" + strings.NewReplacer(" ", ":").Replace(firstLevel(s)) + ">")
		require.NoError(t, err)
		require.Len(t, typ.Fields, len(Columns(r.signal, r.layout)))
	}
}

// firstLevel is the list of columns of a CREATE TABLE, with the spaces inside types gone.
func firstLevel(statement string) string {
	_, list, _ := strings.Cut(statement, "(")
	list, _, _ = strings.Cut(list, ") USING")
	return strings.NewReplacer(": ", ":", ", ", ",").Replace(list)
}

func FuzzParseType(f *testing.F) {
	for _, r := range recorded {
		for _, c := range Columns(r.signal, r.layout) {
			f.Add(c.Type)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		typ, err := ParseType(s)
		if err != nil {
			return
		}
		_ = typ.String()
	})
}
