// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package sqliteread

import (
	"bytes"
	"unsafe"

	sqlite3 "modernc.org/sqlite/lib"
)

// Kind is the type of a value. A column may hold values of any type.
type Kind int32

// The types of values.
const (
	KindInteger Kind = sqlite3.SQLITE_INTEGER
	KindFloat   Kind = sqlite3.SQLITE_FLOAT
	KindText    Kind = sqlite3.SQLITE_TEXT
	KindBlob    Kind = sqlite3.SQLITE_BLOB
	KindNull    Kind = sqlite3.SQLITE_NULL
)

// Row is the row that a query is at. It is valid until the function that was called with it
// returns.
type Row struct {
	conn      *Conn
	statement uintptr
	views     [][]byte // of this row; only with PoisonViews
}

// Kind returns the type of the value in column i, counted from 0. It says so only before another
// method converts it.
func (r *Row) Kind(i int) Kind {
	return Kind(sqlite3.Xsqlite3_column_type(r.conn.tls, r.statement, int32(i)))
}

// Int returns the value in column i as an integer.
func (r *Row) Int(i int) int64 {
	return sqlite3.Xsqlite3_column_int64(r.conn.tls, r.statement, int32(i))
}

// Float returns the value in column i as a floating point number.
func (r *Row) Float(i int) float64 {
	return sqlite3.Xsqlite3_column_double(r.conn.tls, r.statement, int32(i))
}

// Text returns a view of the value in column i as text. It is UTF-8 as far as what was stored is.
func (r *Row) Text(i int) []byte {
	return r.view(sqlite3.Xsqlite3_column_text(r.conn.tls, r.statement, int32(i)), i)
}

// Blob returns a view of the bytes in column i.
func (r *Row) Blob(i int) []byte {
	return r.view(sqlite3.Xsqlite3_column_blob(r.conn.tls, r.statement, int32(i)), i)
}

func (r *Row) view(address uintptr, i int) []byte {
	size := int(sqlite3.Xsqlite3_column_bytes(r.conn.tls, r.statement, int32(i)))
	if address == 0 || size == 0 {
		return nil
	}
	view := unsafe.Slice((*byte)(pointer(address)), size)
	if r.conn.poisonViews {
		view = bytes.Clone(view)
		r.views = append(r.views, view)
	}
	return view
}

// poison overwrites all views of the row. 0xFF occurs in no UTF-8.
func (r *Row) poison() {
	for _, view := range r.views {
		for i := range view {
			view[i] = 0xFF
		}
	}
	r.views = r.views[:0]
}
