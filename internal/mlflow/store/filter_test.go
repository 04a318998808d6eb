// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// TestFilter counts what MLflow 3.17.2 finds in the sample with the same filters.
func TestFilter(t *testing.T) {
	s := open(t, testdata+"sample/mlflow.db")
	for _, tc := range []struct {
		filter string
		want   int
	}{
		{``, 107},
		{`timestamp_ms > 1772622769100`, 76},
		{`timestamp_ms >= 1772622769100 AND timestamp_ms < 1773000000000`, 24},
		{`timestamp = 1772622769100`, 1},
		{`timestamp_ms != 1772622769100`, 106},
		{`execution_time_ms > 1000.5`, 94},
		{`execution_time <= 834`, 8},
		{`end_time_ms >= 1772622769934`, 77},
		{`trace.status = 'OK'`, 99},
		{`status = 'ok'`, 0},
		{`status != 'OK'`, 8},
		{`status IN ('ERROR', 'IN_PROGRESS')`, 8},
		{`status NOT IN ('OK')`, 8},
		{`attributes.status LIKE 'E%'`, 7},
		{`name = 'support_agent'`, 106},
		{`name LIKE 'support%'`, 106},
		{`name LIKE 'SUPPORT%'`, 0},
		{`name ILIKE 'SUPPORT%'`, 106},
		{`name != 'support_agent'`, 0},
		{`request_id = 'tr-a69e376ceb914564fac67a4b00b8bf7d'`, 1},
		{`request_id IN ('tr-a69e376ceb914564fac67a4b00b8bf7d','tr-5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e')`, 2},
		{`client_request_id = 'web-7781'`, 1},
		{`client_request_id != 'x'`, 1},
		{`tags.topic = 'shipping'`, 37},
		{`tag.topic = "shipping"`, 37},
		{`tags.topic != 'shipping'`, 68},
		{`tags.nothing != 'shipping'`, 0},
		{`tags.topic IS NULL`, 2},
		{`tags.topic IS NOT NULL`, 105},
		{"tags.`topic` LIKE '%hip%'", 37},
		{`tags."topic" ILIKE '%HIP%'`, 37},
		{"metadata.`mlflow.trace.user` = 'customer-1002'", 4},
		{`metadata.mlflow.trace.user LIKE 'customer-%'`, 105},
		{`request_metadata.app.version = '2.4.1'`, 53},
		{"metadata.`mlflow.trace.session` = 'chat-2026-03-04-05'", 2},
		{`metadata.mlflow.trace.session IS NOT NULL`, 106},
		{`metadata.mlflow.trace.session IS NULL`, 1},
		{`tags.mlflow.traceName = 'support_agent'`, 106},
		{`tags.mlflow.traceName IS NULL`, 1},
		{`name = 'support_agent' AND status = 'OK' and tags.language = 'de'`, 14},
		{`status='OK' AND execution_time_ms>2000`, 60},
		{`timestamp_ms > '5'`, 107},
		{"`status` = 'OK'", 99},
		{`"status" = 'OK'`, 99},
		{`status  =  'OK'  `, 99},
		{`tags.topic is not null`, 105},
		{`status in ('OK')`, 99},
		{`timestamp_ms > -5`, 107},
		{`timestamp_ms > 1e12`, 107},
		{"tags.`a b` = 'x'", 0},
		{`name = "it's"`, 0},
		{`name = 'a"b'`, 0},
		{`metadata.mlflow.trace.tokenUsage IS NOT NULL`, 105},
		{`tags.topic='shipping'AND status='OK'`, 35},
	} {
		t.Run(tc.filter, func(t *testing.T) {
			r := mlflow.Range{ExperimentID: "1", Filter: tc.filter}
			n, err := s.Count(context.Background(), r)
			require.NoError(t, err)
			require.EqualValues(t, tc.want, n)
			infos, err := s.Infos(context.Background(), r, mlflow.Position{}, 1000)
			require.NoError(t, err)
			require.Len(t, infos, tc.want)
		})
	}
}

// TestFilterOldSchema runs filters on a store that has rows where the sample has columns.
func TestFilterOldSchema(t *testing.T) {
	s := open(t, testdata+"stores/3.6.0/mlflow.db")
	for filter, want := range map[string]int64{
		"": 27, "name = 'every-kind'": 1, "tags.mlflow.traceName IS NULL": 6, "client_request_id LIKE 'client%'": 2,
		"metadata.mlflow.trace.session IS NOT NULL": 1,
	} {
		n, err := s.Count(context.Background(), mlflow.Range{ExperimentID: "1", Filter: filter})
		require.NoError(t, err, filter)
		require.Equal(t, want, n, filter)
	}
	old := open(t, testdata+"stores/2.22.5/mlflow.db")
	n, err := old.Count(context.Background(), mlflow.Range{ExperimentID: "1", Filter: "client_request_id != 'x'"})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestFilterErrors(t *testing.T) {
	s := open(t, testdata+"sample/mlflow.db")
	for filter, want := range map[string]string{
		"  ":                                "expected the name of a field",
		"status = 'OK' OR status = 'ERROR'": "OR at character 15: MLflow filters know only AND",
		"NOT status = 'OK'":                 "neither NOT",
		"(status = 'OK')":                   "parentheses",
		"status = OK":                       `"OK" at character 10: expected a text in quotes`,
		"status = 'OK' AND":                 "the end at character 18: expected the name of a field",
		"status = 'OK';":                    `";" at character 14: expected AND or the end`,
		"status = 'OK":                      "the quote at character 10 is never closed",
		"status":                            "expected a comparator",
		"status IS 'x'":                     "expected a comparator",
		"status NOT LIKE 'x'":               "expected a comparator",
		"status == 'OK'":                    "expected a comparator",
		"status <> 'OK'":                    "can't be compared with <",
		"status > 'OK'":                     "status can't be compared with >; it takes = != LIKE ILIKE IN NOT IN",
		"tags.a > 'OK'":                     "tags.a can't be compared with >",
		"timestamp_ms LIKE '5'":             "timestamp_ms can't be compared with LIKE",
		"timestamp_ms > x":                  "timestamp_ms is compared with a number",
		"timestamp_ms > 1.2.3":              "timestamp_ms is compared with a number",
		"status IN ()":                      "expected a text in quotes",
		"status IN 'OK'":                    "expected a list",
		"status IN ('OK'":                   "expected a list",
		"trace_id = 'x'":                    `field "trace_id" can't be used with a store; supported are timestamp_ms`,
		"Status = 'x'":                      `field "Status" can't be used`,
		"span.name = 'x'":                   `field "span.name" can't be used`,
		"feedback.correctness = 'yes'":      `field "feedback.correctness" can't be used`,
		"tags. = 'x'":                       `field "tags." can't be used`,
		"name RLIKE 'x'":                    "RLIKE at character 6",
		"metadata.mlflow.trace.cost = '{}'": "only be tested with IS NULL",
		"metadata.mlflow.sourceRun = 'x'":   "linked in other tables",
		"run_id = 'x'":                      `field "run_id" can't be used`,
		"$ = 'x'":                           `unexpected '$' at character 1`,
	} {
		_, err := s.Count(context.Background(), mlflow.Range{ExperimentID: "1", Filter: filter})
		require.ErrorContains(t, err, want, filter)
	}
	_, err := s.Count(context.Background(), mlflow.Range{ExperimentID: "abc"})
	require.ErrorContains(t, err, `experiment id "abc" is not a number`)
}

// FuzzFilter: no filter makes the parser fail in another way than by an error, and whatever it
// takes is SQL that the database takes.
func FuzzFilter(f *testing.F) {
	s := open(f, testdata+"sample/mlflow.db")
	for _, seed := range []string{"", "status = 'OK' AND tags.`a b` != \"x\"",
		"name ILIKE '%a%' and execution_time_ms >= 1e3", "status NOT IN ('OK', 'ERROR')",
		"metadata.\"k\" IS NOT NULL", "timestamp < -5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		clauses, err := parseFilter(filter)
		if err != nil {
			return
		}
		for _, c := range clauses {
			cond, args, err := s.schema.condition(s.d, c)
			if err != nil {
				return
			}
			if len(args) > 1000 {
				return // SQLite's limit of parameters
			}
			var n int
			args = append([]any{int64(math.MaxInt64)}, args...)
			require.NoError(t, s.sql.QueryRow("SELECT count(*) FROM trace_info t WHERE t.timestamp_ms = ? AND "+
				cond, args...).Scan(&n))
		}
	})
}
