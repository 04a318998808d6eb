// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqlurl"
)

// mysqlDialect asks for the rows of a list by IN, which looks each id up in an index as long as the column stands
// for itself; maxIDs keeps the list below the length at which MariaDB makes a table of it.
var mysqlDialect = dialect{
	kind: "MLflow store (MySQL)",
	part: serverPart,
	rowsOf: func(columns, table, id string, n int) string {
		return "SELECT t." + id + ", " + columns + " FROM " + table + " t WHERE t." + id + " IN (" + parameters(n) + ")"
	},
	listed: func(ids []string) ([]any, map[string]int) {
		list := make([]any, len(ids))
		for i := range ids {
			list[i] = ids[i]
		}
		return list, placesOf(ids)
	},
	bind:     func(text string) string { return text },
	bytes:    func(column string) string { return "CAST(CONVERT(" + column + " USING utf8mb4) AS BINARY)" },
	fraction: "?",
	compare:  mysqlCompare,
	grant:    mysqlGrant,
	granted:  mysqlGrants,
	denied:   mysqlDenied,
	columns:  mysqlColumns,
}

// mysqlCompare compares as MLflow's server does on MySQL (get_sql_comparison_func in its search_utils.py): by the
// order of the column, which ignores case, and then by bytes.
func mysqlCompare(column string, c clause) (string, []any) {
	twice := slices.Concat(c.values, c.values)
	switch c.op {
	case "=", "LIKE":
		return "(" + column + " " + c.op + " ? AND BINARY " + column + " " + c.op + " ?)", twice
	case "!=":
		return "(" + column + " != ? OR BINARY " + column + " != ?)", twice
	case "IN", "NOT IN":
		return compare("BINARY "+column, c)
	}
	return compare(column, c)
}

// mysqlColumns asks information_schema, which shows nothing of tables that the user can't read.
func mysqlColumns(ctx context.Context, at session, table string) (map[string]bool, error) {
	var name text
	columns := map[string]bool{}
	err := at.query(ctx, query{
		text: "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?",
		args: []any{table}, dest: []destination{&name},
	}, func() error {
		columns[strings.Clone(name.s)] = true
		return nil
	})
	if err != nil || len(columns) > 0 {
		return columns, err
	}
	err = at.query(ctx, query{text: "SELECT 1 FROM " + table + " LIMIT 0"}, func() error { return nil })
	switch {
	case mysqlCode(err) == 1146: // no such table
		return columns, nil
	case mysqlDenied(err): // a user of few rights gets it for no such table, too
		return nil, errDenied
	}
	return columns, err
}

// openMySQL prepares for a MySQL or MariaDB server and asks it nothing.
func openMySQL(u sqlurl.URL, opts Options) (*Store, error) {
	config, err := u.MySQL()
	if err != nil {
		return nil, err
	}
	if opts.Password != nil {
		err := config.Apply(mysql.BeforeConnect(func(ctx context.Context, c *mysql.Config) (err error) {
			c.Passwd, err = opts.Password(ctx)
			return err
		}))
		if err != nil {
			return nil, err
		}
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return serverStore(&server{
		d: &mysqlDialect, verdict: mysqlVerdict, pool: newServer(mysqlConnector{connector}, opts.Readers),
		begin: "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	}, u, opts), nil
}

// mysqlConnector sets up each new connection: a transaction sees one state of the database, and waits for neither
// a lock nor an answer without end.
type mysqlConnector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	exec := func(statement string) error {
		_, err := conn.(driver.ExecerContext).ExecContext(ctx, statement, nil)
		return err
	}
	err = exec("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	if err == nil {
		err = exec("SET SESSION lock_wait_timeout = 10")
	}
	if err == nil {
		// MariaDB bounds by seconds, MySQL by milliseconds under another name.
		err = exec(fmt.Sprintf("SET SESSION max_statement_time = %d", int(statementTimeout.Seconds())))
		if mysqlCode(err) == 1193 { // no such variable
			err = exec(fmt.Sprintf("SET SESSION max_execution_time = %d", statementTimeout.Milliseconds()))
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// mysqlCode is the number of an error of the server, 0 for other errors.
func mysqlCode(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// mysqlDenied reports whether the user may not read a table or a column.
func mysqlDenied(err error) bool {
	n := mysqlCode(err)
	return n == 1142 || n == 1143
}

// mysqlVerdict judges an error by its number (MariaDB error code reference).
func mysqlVerdict(err error) verdict {
	switch mysqlCode(err) {
	case 0:
		if errors.Is(err, mysql.ErrInvalidConn) || lost(err) {
			return again
		}
	case 1969, 3024: // max_statement_time, max_execution_time
		return slow
	case 1205, 1213, // a lock is held for too long; a deadlock
		1040, 1203, 1226, // too many connections, of all and of the user
		1053, 1317, 1927, // the server stops; the query or the connection was killed
		2006, 2013: // the connection is gone
		return again
	}
	return final
}
