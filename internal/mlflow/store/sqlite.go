// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver of database/sql
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

// sqliteDialect joins a list of trace ids, one parameter that holds a JSON array, in the order of the list.
var sqliteDialect = dialect{
	kind:          "MLflow store (SQLite)",
	part:          2 << 20,
	decodesAtOnce: true,
	rowsOf: func(columns, table, id string, _ int) string {
		return "SELECT ids.key, " + columns + " FROM json_each(?) AS ids CROSS JOIN " + table + " t ON t." + id +
			" = ids.value"
	},
	listed:   func(ids []string) ([]any, map[string]int) { return []any{jsonArray(ids)}, nil },
	bind:     func(text string) string { return text },
	bytes:    func(column string) string { return column },
	fraction: "?",
	compare:  compare,
	columns:  sqliteColumns,
}

func jsonArray(ids []string) string {
	buf := make([]byte, 0, 40*len(ids))
	buf = append(buf, '[')
	for i := range ids {
		if i > 0 {
			buf = append(buf, ',')
		}
		quoted, err := json.Marshal(ids[i])
		if err != nil {
			quoted = []byte(`""`)
		}
		buf = append(buf, quoted...)
	}
	return string(append(buf, ']'))
}

// sqliteFile is an SQLite file.
type sqliteFile struct{ connections *connections }

var _ database = sqliteFile{}

func (f sqliteFile) within(ctx context.Context, do func(session) error) error {
	c, err := f.connections.get(ctx)
	if err != nil {
		return err
	}
	defer f.connections.put(c)
	return do(sqliteSession{c})
}

func (sqliteFile) transient(err error) bool { return sqliteTransient(err) }

func (sqliteFile) slow(error) bool { return false }

func (f sqliteFile) close() error {
	f.connections.close()
	return nil
}

type sqliteSession struct{ conn *sqliteread.Conn }

func (s sqliteSession) query(ctx context.Context, q query, row func() error) error {
	return s.conn.Query(ctx, q.text, q.args, func(r *sqliteread.Row) error {
		for i, d := range q.dest {
			d.read(r, i)
		}
		return row()
	})
}

// busyTimeout is how long SQLite itself waits for a lock, even when the context ends; the rest of the
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
	err = retry(ctx, locked, sqliteTransient, func() error {
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

func sqliteColumns(ctx context.Context, at session, table string) (map[string]bool, error) {
	var name text
	columns := map[string]bool{}
	q := query{text: "SELECT name FROM pragma_table_info(?)", args: []any{table}, dest: []destination{&name}}
	return columns, at.query(ctx, q, func() error {
		columns[strings.Clone(name.s)] = true
		return nil
	})
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
