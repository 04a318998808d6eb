// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver of database/sql
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is what differs between databases. Queries are written once, with ? for parameters.
type dialect struct {
	kind string // for people
	// ids joins a list of trace ids, bound as one parameter that holds a JSON array of strings: a
	// table named ids with the columns key, the place in the list, and value. The tables that
	// follow are joined to it in the order of the list.
	ids string
	// octets is the function that returns the size of a text in bytes without reading all of it.
	octets string
	// columns returns the names of the columns of a table, none if there is no such table.
	columns func(ctx context.Context, db *sql.DB, table string) (map[string]bool, error)
	// transient reports whether a query that failed with the error can succeed when it is tried
	// again.
	transient func(error) bool
}

var sqliteDialect = dialect{
	kind:      "MLflow store (SQLite)",
	ids:       "json_each(?) AS ids CROSS JOIN",
	octets:    "octet_length",
	columns:   sqliteColumns,
	transient: sqliteTransient,
}

// busyTimeout is how long SQLite itself waits for a lock, deaf to the context; the rest of the
// waiting is done in retry.
const busyTimeout = 250 * time.Millisecond

// openSQLite opens the file read-only and returns the URI by which it can be opened again. A
// database in write-ahead mode needs its -wal and -shm files to be read, and SQLite creates them if
// no server has the database open; they stay, empty, and the next writer removes them. Where the
// folder can't be written either, so that they can't be created, the file is opened as immutable:
// what a server writes from then on may not be seen or may disturb a query, but without that the
// store couldn't be read at all.
func openSQLite(ctx context.Context, path string) (db *sql.DB, uri string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, "", err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, "",
			fmt.Errorf("there is no file %s; a relative path counts from the working directory of the collector, "+
				"not of the MLflow server", abs)
	case err != nil:
		return nil, "", err
	case info.IsDir():
		return nil, "", fmt.Errorf("%s is a folder, not a database file", abs)
	case !info.Mode().IsRegular():
		return nil, "", fmt.Errorf("%s is not a regular file", abs)
	}
	uri = sqliteURI(abs, false)
	db, err = connect(ctx, uri)
	if isCode(err, sqlite3.SQLITE_CANTOPEN) && !writable(filepath.Dir(abs)) {
		uri = sqliteURI(abs, true)
		db, err = connect(ctx, uri)
	}
	switch {
	case err == nil:
		return db, uri, nil
	case isCode(err, sqlite3.SQLITE_NOTADB):
		return nil, "", fmt.Errorf("%s is not an SQLite database", abs)
	case isCode(err, sqlite3.SQLITE_READONLY), isCode(err, sqlite3.SQLITE_CANTOPEN):
		return nil, "",
			fmt.Errorf("%s can't be opened for reading; if an MLflow server was killed while it wrote, start it "+
				"once, so that it rolls its journal back: %w", abs, err)
	}
	return nil, "", fmt.Errorf("%s: %w", abs, err)
}

// sqliteURI is the URI that opens a file read-only.
func sqliteURI(path string, immutable bool) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	uri := "file://" + (&url.URL{Path: slashed}).EscapedPath() + "?mode=ro"
	if immutable {
		uri += "&immutable=1"
	}
	return uri
}

// pragmas are what every connection is set to.
var pragmas = [...]string{
	fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "query_only(1)", "case_sensitive_like(1)",
}

func connect(ctx context.Context, uri string) (*sql.DB, error) {
	uri += "&_pragma=" + strings.Join(pragmas[:], "&_pragma=")
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(16) // as many as there are workers of the null reader
	err = retry(ctx, sqliteTransient, func() error {
		var n int
		return db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// writable reports whether files can be created in the folder, without creating one that could stay
// behind.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, ".mlflow-probe-*")
	if err != nil {
		return false
	}
	name := f.Name()
	_ = f.Close()
	_ = os.Remove(name)
	return true
}

func sqliteColumns(ctx context.Context, db *sql.DB, table string) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		columns[name] = true
	}
	return columns, rows.Err()
}

// isCode reports whether the error is the SQLite result code, whichever extended form it has.
func isCode(err error, code int) bool {
	var e interface{ Code() int } // an error of database/sql's driver or of sqliteread
	return errors.As(err, &e) && e.Code()&0xff == code
}

// sqliteTransient knows the errors that pass: another connection holds the lock, or the schema is
// being changed.
func sqliteTransient(err error) bool {
	return isCode(err, sqlite3.SQLITE_BUSY) || isCode(err, sqlite3.SQLITE_LOCKED) ||
		isCode(err, sqlite3.SQLITE_SCHEMA) || isCode(err, sqlite3.SQLITE_PROTOCOL)
}
