// Package rawlite reads SQLite databases by the engine's own interface (modernc.org/sqlite/lib), without database/sql between: a connection belongs to one
// goroutine at a time, so it needs no mutexes; statements are prepared once; and the columns of a row are views of SQLite's memory, valid until the next row.
package rawlite

import (
	"context"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Error is a result code of SQLite with its message.
type Error struct {
	code int
	text string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.text, e.code) }

// Code is the extended result code.
func (e *Error) Code() int { return e.code }

// Conn is a connection. Only one goroutine may use it at a time.
type Conn struct {
	tls   *libc.TLS
	db    uintptr
	stmts map[string]*stmt
	other *libc.TLS // of whoever interrupts
}

type stmt struct {
	p       uintptr
	columns int
}

// Open opens a database by its URI and runs the pragmas.
func Open(uri string, pragmas ...string) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS(), stmts: map[string]*stmt{}}
	name, err := libc.CString(uri)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, name)
	out := c.tls.Alloc(8)
	*(*uintptr)(memory(out)) = 0
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, out, sqlite3.SQLITE_OPEN_READONLY|sqlite3.SQLITE_OPEN_NOMUTEX|sqlite3.SQLITE_OPEN_URI, 0)
	c.db = *(*uintptr)(memory(out))
	c.tls.Free(8)
	if rc != sqlite3.SQLITE_OK {
		err := c.failure(rc)
		c.Close()
		return nil, err
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	for _, p := range pragmas {
		if err := c.Query(context.Background(), "PRAGMA "+p, nil, func(*Row) error { return nil }); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// memory is a pointer to memory of SQLite, which the garbage collector knows nothing of.
func memory(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

// Close gives everything back.
func (c *Conn) Close() {
	for _, s := range c.stmts {
		sqlite3.Xsqlite3_finalize(c.tls, s.p)
	}
	if c.db != 0 {
		sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	}
	c.tls.Close()
	if c.other != nil {
		c.other.Close()
	}
	*c = Conn{}
}

func (c *Conn) failure(rc int32) error {
	text := "out of memory"
	if c.db != 0 {
		text = libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))
	}
	return &Error{int(rc), text}
}

func (c *Conn) prepare(query string) (*stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	text, err := libc.CString(query)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	out := c.tls.Alloc(8)
	defer c.tls.Free(8)
	if rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, out, 0); rc != sqlite3.SQLITE_OK {
		return nil, c.failure(rc)
	}
	s := &stmt{p: *(*uintptr)(memory(out))}
	s.columns = int(sqlite3.Xsqlite3_column_count(c.tls, s.p))
	c.stmts[query] = s
	return s, nil
}

// Query runs a query and calls row for each row of the answer.
func (c *Conn) Query(ctx context.Context, query string, args []any, row func(*Row) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	if ctx.Done() != nil {
		if c.other == nil {
			c.other = libc.NewTLS()
		}
		interrupted := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			sqlite3.Xsqlite3_interrupt(c.other, c.db)
			close(interrupted)
		})
		defer func() {
			if !stop() {
				<-interrupted
				err = ctx.Err()
			}
		}()
	}
	var texts []uintptr
	defer func() {
		sqlite3.Xsqlite3_reset(c.tls, s.p)
		sqlite3.Xsqlite3_clear_bindings(c.tls, s.p)
		for _, p := range texts {
			libc.Xfree(c.tls, p)
		}
	}()
	for i, a := range args {
		var rc int32
		switch v := a.(type) {
		case int:
			rc = sqlite3.Xsqlite3_bind_int64(c.tls, s.p, int32(i+1), int64(v))
		case int64:
			rc = sqlite3.Xsqlite3_bind_int64(c.tls, s.p, int32(i+1), v)
		case float64:
			rc = sqlite3.Xsqlite3_bind_double(c.tls, s.p, int32(i+1), v)
		case string:
			p, err := libc.CString(v)
			if err != nil {
				return err
			}
			texts = append(texts, p)
			rc = sqlite3.Xsqlite3_bind_text(c.tls, s.p, int32(i+1), p, int32(len(v)), 0)
		default:
			return fmt.Errorf("a parameter of type %T", a)
		}
		if rc != sqlite3.SQLITE_OK {
			return c.failure(rc)
		}
	}
	r := Row{tls: c.tls, stmt: s.p}
	for {
		switch rc := sqlite3.Xsqlite3_step(c.tls, s.p); rc {
		case sqlite3.SQLITE_ROW:
			if err := row(&r); err != nil {
				return err
			}
		case sqlite3.SQLITE_DONE:
			return nil
		default:
			return c.failure(rc)
		}
	}
}

// Row is the row that a query is at.
type Row struct {
	tls  *libc.TLS
	stmt uintptr
}

// Kind is the type of a value.
type Kind int32

// The types of values.
const (
	Integer Kind = sqlite3.SQLITE_INTEGER
	Float   Kind = sqlite3.SQLITE_FLOAT
	Text    Kind = sqlite3.SQLITE_TEXT
	Blob    Kind = sqlite3.SQLITE_BLOB
	Null    Kind = sqlite3.SQLITE_NULL
)

// Kind returns the type of a column's value.
func (r *Row) Kind(i int) Kind { return Kind(sqlite3.Xsqlite3_column_type(r.tls, r.stmt, int32(i))) }

// Int returns an integer.
func (r *Row) Int(i int) int64 { return sqlite3.Xsqlite3_column_int64(r.tls, r.stmt, int32(i)) }

// Float returns a float.
func (r *Row) Float(i int) float64 { return sqlite3.Xsqlite3_column_double(r.tls, r.stmt, int32(i)) }

// Bytes returns a text or blob, valid until the next row.
func (r *Row) Bytes(i int) []byte {
	p := sqlite3.Xsqlite3_column_text(r.tls, r.stmt, int32(i))
	n := sqlite3.Xsqlite3_column_bytes(r.tls, r.stmt, int32(i))
	if p == 0 || n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(memory(p)), int(n))
}

// Blob returns a blob, valid until the next row.
func (r *Row) Blob(i int) []byte {
	p := sqlite3.Xsqlite3_column_blob(r.tls, r.stmt, int32(i))
	n := sqlite3.Xsqlite3_column_bytes(r.tls, r.stmt, int32(i))
	if p == 0 || n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(memory(p)), int(n))
}
