// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// grants asks what the user of a URI may read.
func grants(t *testing.T, uri string) (all []mlflow.Grant, state map[string]mlflow.GrantState) {
	t.Helper()
	all, err := open(t, uri, options).(mlflow.Grantor).Grants(t.Context())
	require.NoError(t, err)
	state = map[string]mlflow.GrantState{}
	for _, g := range all {
		state[g.Table] = g.State
	}
	return all, state
}

// The permissions are told before one is missing, for the account of the user, and those that are missing have
// statements that give them.
func TestGrants(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
		reader := db.Reader(t, name)
		all, _ := grants(t, db.URI(reader, name))
		require.Len(t, all, 7)
		for _, g := range all {
			require.Equal(t, mlflow.GrantGiven, g.State, g.Table)
		}
		want, from, on := `GRANT SELECT ON spans TO "`+reader+`"`, reader, ""
		if db.Kind == "mysql" {
			want, from, on = "GRANT SELECT ON `"+name+"`.spans TO '"+reader+"'@'%'", reader+"@'%'", name+"."
		}
		require.Equal(t, want, all[6].Statement)

		for _, table := range []string{"spans", "alembic_version"} {
			db.Exec(t, name, "REVOKE SELECT ON "+on+table+" FROM "+from)
		}
		all, state := grants(t, db.URI(reader, name))
		require.Len(t, all, 7)
		require.Equal(t, map[string]mlflow.GrantState{
			"alembic_version": mlflow.GrantMissing, "experiments": mlflow.GrantGiven, "trace_info": mlflow.GrantGiven,
			"trace_tags": mlflow.GrantGiven, "trace_request_metadata": mlflow.GrantGiven,
			"assessments": mlflow.GrantGiven, "spans": mlflow.GrantMissing,
		}, state)
		for _, g := range all { // the statements do what they say
			if g.State == mlflow.GrantMissing {
				db.Exec(t, name, g.Statement)
			}
		}
		_, state = grants(t, db.URI(reader, name))
		require.Equal(t, mlflow.GrantGiven, state["spans"])
		require.Equal(t, mlflow.GrantGiven, state["alembic_version"])
	})
}

// A store of an old version lacks tables, which nobody needs to grant.
func TestGrantsOfOldStore(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["2.22.5"]))
		_, state := grants(t, db.URI(databases.Admin, name))
		require.Equal(t, mlflow.GrantNoTable, state["spans"])
		require.Equal(t, mlflow.GrantNoTable, state["assessments"])
		require.Equal(t, mlflow.GrantGiven, state["trace_info"])
		if db.Kind != "mysql" {
			return
		}
		// A user of few rights, whom the server refuses tables that are not there.
		db.Exec(t, name, "CREATE USER few@'127.0.0.%' IDENTIFIED BY 'few'")
		for _, table := range []string{"alembic_version", "experiments"} {
			db.Exec(t, name, "GRANT SELECT ON "+name+"."+table+" TO few@'127.0.0.%'")
		}
		all, state := grants(t, db.URI("few", name))
		require.Equal(t, mlflow.GrantNoTable, state["spans"])
		require.Equal(t, mlflow.GrantMissing, state["trace_info"])
		require.Contains(t, all[2].Statement, "'few'@'127.0.0.%'")
	})
}

// Tables in a schema of their own, which the user may not enter.
func TestGrantsOfSchema(t *testing.T) {
	db := databases.Need(t, databases.Postgres)
	name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
	statements := []string{"CREATE SCHEMA tracking", "CREATE ROLE outside LOGIN PASSWORD 'outside'"}
	for _, table := range []string{"alembic_version", "experiments", "trace_info", "trace_tags",
		"trace_request_metadata", "assessments", "spans"} {
		statements = append(statements, "ALTER TABLE "+table+" SET SCHEMA tracking")
	}
	db.Exec(t, name, statements...)
	uri := db.URI("outside", name) + "?options=-csearch_path%3Dtracking"
	all, _ := grants(t, uri)
	require.Len(t, all, 8)
	require.Equal(t, `GRANT USAGE ON SCHEMA "tracking" TO "outside"`, all[0].Statement)
	for _, g := range all {
		require.Equal(t, mlflow.GrantMissing, g.State, g.Statement)
		require.True(t, g.Table == "" || strings.Contains(g.Statement, `"tracking".`+g.Table+" "), g.Statement)
		db.Exec(t, name, g.Statement)
	}
	all, _ = grants(t, uri)
	require.Len(t, all, 7)
	experiments, err := open(t, uri, options).Experiments(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, experiments)
}
