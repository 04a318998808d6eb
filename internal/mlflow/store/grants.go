// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// login is the user and the database of a server.
type login struct {
	user string
	// host is the one in the name of an account of MySQL; empty: any.
	host     string
	database string
}

// grants are the statements that let the user read tables.
func (s *Store) grants(tables ...string) string {
	return strings.Join(s.d.grant(s.login, tables), "; ")
}

// permissions returns the permissions on the tables that are read, and whether the user has them.
func (s *Store) permissions(ctx context.Context) (grants []mlflow.Grant, err error) {
	err = s.session(ctx, func(at session) error {
		l := s.login
		var account text
		err := at.query(ctx, query{text: "SELECT CURRENT_USER", dest: []destination{&account}}, func() error {
			l.user = strings.Clone(account.s)
			return nil
		})
		if err != nil {
			return err
		}
		grants, err = s.d.granted(ctx, at, l)
		return err
	})
	return grants, err
}

// postgresGrants asks the catalog, which every user may read.
func postgresGrants(ctx context.Context, at session, l login) (grants []mlflow.Grant, err error) {
	closed := map[string]bool{} // schemas that are told
	for _, table := range tables {
		var schema text
		var usable, readable, resolved integer
		g := mlflow.Grant{Table: table, State: mlflow.GrantNoTable}
		in := "public" // the schema
		err := at.query(ctx, query{
			text: "SELECT n.nspname::text, has_schema_privilege(n.oid, 'USAGE'), " +
				"has_table_privilege(c.oid, 'SELECT'), c.oid IS NOT DISTINCT FROM to_regclass(?)::oid " +
				"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace " +
				"WHERE c.relname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 4 DESC, 1",
			args: []any{table, table}, dest: []destination{&schema, &usable, &readable, &resolved},
		}, func() error {
			if g.State != mlflow.GrantNoTable || resolved.n == 0 && usable.n != 0 {
				return nil // the table of another schema, which is not asked for
			}
			in, g.State = strings.Clone(schema.s), mlflow.GrantMissing
			if readable.n != 0 {
				g.State = mlflow.GrantGiven
			}
			if usable.n == 0 && !closed[in] {
				closed[in] = true
				grants = append(grants, mlflow.Grant{State: mlflow.GrantMissing, Statement: "GRANT USAGE ON SCHEMA " +
					pgx.Identifier{in}.Sanitize() + " TO " + pgx.Identifier{l.user}.Sanitize()})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		name := table
		if in != "public" {
			name = pgx.Identifier{in}.Sanitize() + "." + table
		}
		g.Statement = postgresGrant(l, []string{name})[0]
		grants = append(grants, g)
	}
	return grants, nil
}

func postgresGrant(l login, tables []string) []string {
	return []string{"GRANT SELECT ON " + strings.Join(tables, ", ") + " TO " + pgx.Identifier{l.user}.Sanitize()}
}

// mysqlGrants tries to read: the catalog shows nothing of tables that the user can't read. A user of few rights is
// refused a table that is not there, too; the revision of the store tells which those are.
func mysqlGrants(ctx context.Context, at session, l login) (grants []mlflow.Grant, err error) {
	if i := strings.LastIndexByte(l.user, '@'); i >= 0 {
		l.user, l.host = l.user[:i], l.user[i+1:]
	}
	revision := ""
	for _, table := range tables {
		g := mlflow.Grant{Table: table, State: mlflow.GrantGiven, Statement: mysqlGrant(l, []string{table})[0]}
		q := query{text: "SELECT 1 FROM " + table + " LIMIT 0"}
		var version text
		if table == "alembic_version" {
			q = query{text: "SELECT version_num FROM alembic_version", dest: []destination{&version}}
		}
		err := at.query(ctx, q, func() error {
			revision = strings.Clone(version.s)
			return nil
		})
		switch {
		case mysqlCode(err) == 1146, mysqlDenied(err) && lacks(revision, table):
			g.State = mlflow.GrantNoTable
		case mysqlDenied(err):
			g.State = mlflow.GrantMissing
		case err != nil:
			return nil, err
		}
		grants = append(grants, g)
	}
	return grants, nil
}

func mysqlGrant(l login, tables []string) []string {
	account := mysqlText(l.user) + "@" + mysqlText(cmp.Or(l.host, "%"))
	grants := make([]string, len(tables))
	for i, table := range tables {
		grants[i] = "GRANT SELECT ON `" + strings.ReplaceAll(l.database, "`", "``") + "`." + table + " TO " + account
	}
	return grants
}

func mysqlText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}
