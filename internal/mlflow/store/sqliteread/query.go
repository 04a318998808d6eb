// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package sqliteread

import (
	"context"
	"fmt"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Query runs a query of one statement and calls row for each row of the answer. Parameters are int,
// int64, float64 or string. An error of row ends the query and is returned as it is; an error of
// SQLite is an *Error.
//
// When ctx is done, SQLite is interrupted, also within a step that takes long, and the error is
// that of ctx. SQLite doesn't look while it waits for a lock (PRAGMA busy_timeout). The connection
// can be used again after any error.
func (c *Conn) Query(ctx context.Context, query string, args []any, row func(*Row) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	statement, err := c.statement(query)
	if err != nil {
		return err
	}
	finish := c.interruptWhenDone(ctx)
	defer func() {
		if finish() {
			err = ctx.Err()
		}
	}()
	var texts []uintptr
	defer func() {
		sqlite3.Xsqlite3_reset(c.tls, statement)
		sqlite3.Xsqlite3_clear_bindings(c.tls, statement)
		for _, p := range texts {
			libc.Xfree(c.tls, p)
		}
	}()
	if texts, err = c.bind(statement, args); err != nil {
		return err
	}
	r := Row{conn: c, statement: statement}
	for {
		switch code := sqlite3.Xsqlite3_step(c.tls, statement); code {
		case sqlite3.SQLITE_ROW:
			err := row(&r)
			if c.poisonViews {
				r.poison()
			}
			if err != nil {
				return err
			}
		case sqlite3.SQLITE_DONE:
			return nil
		default:
			return c.failure(code)
		}
	}
}

// interruptWhenDone interrupts the connection's query when ctx is done, from a goroutine of its
// own. The caller calls finish when the query is over: after it nothing interrupts any more. It
// reports whether the query was interrupted.
func (c *Conn) interruptWhenDone(ctx context.Context) (finish func() bool) {
	if ctx.Done() == nil {
		return func() bool { return false }
	}
	if c.interrupter == nil {
		c.interrupter = libc.NewTLS()
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		sqlite3.Xsqlite3_interrupt(c.interrupter, c.db)
		close(interrupted)
	})
	return func() bool {
		if stop() {
			return false
		}
		<-interrupted
		return true
	}
}

// bind sets the parameters. The texts, which it returns also with an error, have to live until the
// statement is reset.
func (c *Conn) bind(statement uintptr, args []any) (texts []uintptr, err error) {
	for i, arg := range args {
		place := int32(i + 1)
		var code int32
		switch v := arg.(type) {
		case int:
			code = sqlite3.Xsqlite3_bind_int64(c.tls, statement, place, int64(v))
		case int64:
			code = sqlite3.Xsqlite3_bind_int64(c.tls, statement, place, v)
		case float64:
			code = sqlite3.Xsqlite3_bind_double(c.tls, statement, place, v)
		case string:
			text, err := libc.CString(v)
			if err != nil {
				return texts, err
			}
			texts = append(texts, text)
			const static = 0 // SQLite neither copies nor frees it
			code = sqlite3.Xsqlite3_bind_text(c.tls, statement, place, text, int32(len(v)), static)
		default:
			return texts, fmt.Errorf("parameter %d is of type %T", i+1, arg)
		}
		if code != sqlite3.SQLITE_OK {
			return texts, c.failure(code)
		}
	}
	return texts, nil
}
