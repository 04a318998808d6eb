// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqlurl"
)

// postgresDialect asks for the rows of a list by = ANY, which looks each id up in an index. A join with the
// list may read the whole table instead.
var postgresDialect = dialect{
	kind: "MLflow store (PostgreSQL)",
	part: serverPart,
	rowsOf: func(columns, table, id string, _ int) string {
		return "SELECT t." + id + ", " + columns + " FROM " + table + " t WHERE t." + id + " = ANY(?)"
	},
	listed: func(ids []string) ([]any, map[string]int) { return []any{ids}, placesOf(ids) },
	bind:   numbered,
	bytes:  func(column string) string { return column + ` COLLATE "C"` },
	// Without the type a number like 10.5 would be an integer's parameter.
	fraction: "?::float8",
	compare: func(column string, c clause) (string, []any) {
		if c.op == "ILIKE" {
			return column + " ILIKE ?", c.values
		}
		return compare(column, c)
	},
	grant:   postgresGrant,
	granted: postgresGrants,
	denied: func(err error) bool {
		e, ok := errors.AsType[*pgconn.PgError](err)
		return ok && e.Code == "42501"
	},
	columns: postgresColumns,
}

// serverPart is dialect.part of database servers: what most windows hold, so that they are one transaction.
const serverPart = 8 << 20

// numbered writes parameters as $1, $2 ….
func numbered(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 16)
	n := 0
	for part := range strings.SplitSeq(text, "?") {
		if n > 0 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// postgresColumns asks the catalog: information_schema shows nothing of tables that the user can't read.
func postgresColumns(ctx context.Context, at session, table string) (map[string]bool, error) {
	var name text
	var readable integer
	columns, hidden := map[string]bool{}, 0
	err := at.query(ctx, query{
		text: "SELECT a.attname::text, has_column_privilege(a.attrelid, a.attnum, 'SELECT') FROM pg_attribute a " +
			"WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped",
		args: []any{table}, dest: []destination{&name, &readable},
	}, func() error {
		if readable.n == 0 {
			hidden++
		} else {
			columns[strings.Clone(name.s)] = true
		}
		return nil
	})
	if err == nil && len(columns) == 0 && hidden > 0 {
		return nil, errDenied
	}
	return columns, err
}

// openPostgres prepares for a PostgreSQL server and asks it nothing.
func openPostgres(u sqlurl.URL, opts Options) (*Store, error) {
	config, searchPath, err := u.Postgres()
	if err != nil {
		return nil, err
	}
	s := &server{d: &postgresDialect, verdict: postgresVerdict, begin: postgresBegin(searchPath),
		session: func(conn *sql.Conn) session { return postgresSession{conn} }}
	// Statements that the server keeps are the fastest. A pooler that gives each transaction another connection
	// to the server loses them: then they are described each time.
	var pooled atomic.Bool
	s.failed = func(err error) {
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && (e.Code == "42P05" || e.Code == "26000") {
			pooled.Store(true)
		}
	}
	s.pool = newServer(stdlib.GetConnector(*config, stdlib.OptionBeforeConnect(
		func(ctx context.Context, c *pgx.ConnConfig) (err error) {
			if pooled.Load() {
				c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
			}
			if opts.Password != nil {
				c.Password, err = opts.Password(ctx)
			}
			return err
		})), opts.Readers)
	return serverStore(s, u, opts), nil
}

// postgresBegin is one message: poolers in transaction mode refuse settings of a connection, and take those of
// a transaction.
func postgresBegin(searchPath string) string {
	begin := fmt.Sprintf("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = %d; "+
		"SET LOCAL lock_timeout = 10000; SET LOCAL idle_in_transaction_session_timeout = 60000",
		statementTimeout.Milliseconds())
	if searchPath != "" {
		var names []string
		for name := range strings.SplitSeq(searchPath, ",") {
			names = append(names, pgx.Identifier{strings.Trim(strings.TrimSpace(name), `"`)}.Sanitize())
		}
		begin += "; SET LOCAL search_path = " + strings.Join(names, ", ")
	}
	return begin
}

// postgresVerdict judges an error by its code (PostgreSQL documentation, appendix A).
func postgresVerdict(err error) verdict {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if lost(err) || errors.Is(err, pgconn.ErrConnClosed) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) {
			return again
		}
		return final
	}
	switch e.Code {
	case "57014": // statement_timeout, or an administrator
		return slow
	case "57P01", "57P02", "57P03", // the server stops or starts
		"40001", "40P01", // a conflict with the recovery of a replica; a deadlock
		"55P03", "53300", "25P03", // lock_timeout; too many connections; idle for too long
		"42P05", "26000": // prepared statements behind a pooler: see openPostgres
		return again
	case "0A000":
		if strings.Contains(e.Message, "cached plan") { // a table was altered
			return again
		}
	}
	if strings.HasPrefix(e.Code, "08") && e.Code != "08P01" {
		return again
	}
	return final
}
