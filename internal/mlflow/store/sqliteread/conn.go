// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package sqliteread reads SQLite databases through the engine's own interface,
// modernc.org/sqlite/lib, without database/sql. It costs half as much for three reasons, and each
// is a rule for callers:
//
//   - A connection is opened without SQLite's mutexes. One goroutine may use it at a time, for one
//     query at a time.
//   - A statement is prepared once and kept until its connection is closed. The texts of queries
//     must be few; what varies is a parameter.
//   - The texts and blobs of a row are views of SQLite's memory. A view is valid until the function
//     that was called with the row returns. What is kept must be copied.
package sqliteread

import (
	"context"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Error is an error of SQLite.
type Error struct {
	code    int
	message string
}

// Error implements error: SQLite's message and the code.
func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.message, e.code) }

// Code is the extended result code; its lowest byte is the primary one.
func (e *Error) Code() int { return e.code }

// Conn is a connection to a database. One goroutine may use it at a time.
type Conn struct {
	tls        *libc.TLS // what C has as a thread
	db         uintptr
	statements map[string]uintptr // by text
	// interrupter is the thread of the goroutine that interrupts a query: a TLS belongs to one
	// goroutine at a time, too.
	interrupter *libc.TLS
	poisonViews bool
}

// Open opens a database for reading by its URI (https://www.sqlite.org/uri.html) and runs the
// pragmas, as query_only(1). An error of SQLite is an *Error.
func Open(uri string, pragmas ...string) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS(), statements: map[string]uintptr{}}
	if err := c.open(uri, pragmas); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) open(uri string, pragmas []string) error {
	name, err := libc.CString(uri)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, name)
	const flags = sqlite3.SQLITE_OPEN_READONLY | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_URI
	var code int32
	c.db, code = c.result(func(out uintptr) int32 { return sqlite3.Xsqlite3_open_v2(c.tls, name, out, flags, 0) })
	if code != sqlite3.SQLITE_OK {
		return c.failure(code)
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	for _, p := range pragmas {
		if err := c.Query(context.Background(), "PRAGMA "+p, nil, func(*Row) error { return nil }); err != nil {
			return fmt.Errorf("pragma %s: %w", p, err)
		}
	}
	return nil
}

// Close ends the connection and frees its memory. No query may be running.
func (c *Conn) Close() {
	for _, s := range c.statements {
		sqlite3.Xsqlite3_finalize(c.tls, s)
	}
	if c.db != 0 {
		sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	}
	c.tls.Close()
	if c.interrupter != nil {
		c.interrupter.Close()
	}
	*c = Conn{}
}

// PoisonViews is for tests. SQLite may use the memory of a row again at any time, or by chance not
// at all. From now on each view has memory of its own, which is overwritten with 0xFF when the row
// is over and not used again, so that what was kept of a view can't be mistaken for a text.
func (c *Conn) PoisonViews() { c.poisonViews = true }

// statement returns the prepared statement of a query.
func (c *Conn) statement(query string) (uintptr, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	text, err := libc.CString(query)
	if err != nil {
		return 0, err
	}
	defer libc.Xfree(c.tls, text)
	s, code := c.result(func(out uintptr) int32 {
		return sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, out, 0)
	})
	if code != sqlite3.SQLITE_OK {
		return 0, c.failure(code)
	}
	c.statements[query] = s
	return s, nil
}

// result calls a function of SQLite that returns a pointer through one to it, and its result code.
func (c *Conn) result(call func(out uintptr) int32) (uintptr, int32) {
	const size = int(unsafe.Sizeof(uintptr(0)))
	out := c.tls.Alloc(size)
	defer c.tls.Free(size)
	*(*uintptr)(pointer(out)) = 0
	code := call(out)
	return *(*uintptr)(pointer(out)), code
}

// failure is the error of the last call on this connection.
func (c *Conn) failure(code int32) error {
	if c.db == 0 {
		return &Error{int(code), "out of memory"}
	}
	return &Error{int(code), libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))}
}

// pointer is a pointer into memory of SQLite, which lies outside of Go's heap: it neither moves nor
// is collected.
func pointer(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }
