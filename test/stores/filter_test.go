// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// filters are searches with what real servers of MLflow 3.17.2 answered on SQLite, PostgreSQL and MariaDB: whether
// they find the trace with the tags kase = Prod, pct = a_b%c and bs = a\b.
var filters = map[string]struct{ sqlite, postgres, mariadb bool }{
	`tags.kase = 'Prod'`:      {true, true, true},
	`tags.kase = 'prod'`:      {},
	`tags.kase = 'Prod '`:     {},
	`tags.kase LIKE 'prod'`:   {},
	`tags.kase LIKE 'Pr%'`:    {true, true, true},
	`tags.kase ILIKE 'PROD'`:  {true, true, true},
	`tags.kase ILIKE 'PRÖD'`:  {false, false, true},
	`tags.KASE IS NOT NULL`:   {false, false, true},
	`tags.KASE IS NULL`:       {true, true, false},
	`tags.pct LIKE 'a\_b\%c'`: {false, true, true},
	`tags.bs LIKE 'a\b'`:      {true, false, false},
	`tags.bs LIKE 'a\\b'`:     {false, true, true},
}

// Filters that MLflow's server leaves to the database, and numbers.
var plain = map[string]bool{
	`timestamp_ms > 10.5`: true, `timestamp_ms < 10.5`: false, `execution_time_ms >= 0.5`: true, `status = 'OK'`: true,
	`status IN ('OK', 'ERROR')`: true, `status NOT IN ('OK')`: false, `status != 'ok'`: true,
	`end_time_ms > 1000`:  true,
	`request_id = 'tr-1'`: true, `request_id = 'TR-1'`: false, `request_id IN ('TR-1')`: false,
	`metadata.m = 'x' AND tags.kase != 'prod'`: true, `metadata.m IS NULL`: false, `metadata.none IS NULL`: true,
}

// Filters find what MLflow's own server finds on the same kind of database.
func TestFilters(t *testing.T) {
	path := placed(t, recorded(t)["3.17.2"])
	change(t, path, "DELETE FROM trace_info", "DELETE FROM trace_tags", "DELETE FROM trace_request_metadata",
		"INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, status) "+
			"VALUES ('tr-1', 1, 1000, 1, 'OK')",
		`INSERT INTO trace_tags (request_id, key, value) VALUES ('tr-1', 'kase', 'Prod'), ('tr-1', 'pct', 'a_b%c'),
			('tr-1', 'bs', 'a\b')`,
		"INSERT INTO trace_request_metadata (request_id, key, value) VALUES ('tr-1', 'm', 'x')")
	check := func(t *testing.T, s mlflow.Source, kind string) {
		found := func(filter string) bool {
			r := mlflow.Range{ExperimentID: "1", Filter: filter}
			n, err := s.Count(t.Context(), r)
			require.NoError(t, err, filter)
			require.Len(t, list(t, s, r, 10), int(n), filter)
			return n == 1
		}
		for filter, want := range filters {
			answer := map[string]bool{"sqlite": want.sqlite, "postgresql": want.postgres, "mysql": want.mariadb}[kind]
			require.Equal(t, answer, found(filter), filter)
		}
		for filter, want := range plain {
			require.Equal(t, want, found(filter), filter)
		}
	}
	each(t, func(t *testing.T, db *databases.Server) {
		check(t, open(t, db.URI(databases.Admin, db.Copy(t, path)), options), db.Kind)
	})
	t.Run("SQLite", func(t *testing.T) { check(t, open(t, "sqlite:///"+path, options), "sqlite") })
}
