// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"fmt"
	"strconv"
	"unsafe"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

// destination is what a column is read to: from a row, or by database/sql. Databases let a
// column hold values of any type; both ways give the same.
type destination interface {
	// read reads column i. A text is then a view: it must be copied to be used after the row.
	read(r rowView, i int)
	sql.Scanner
}

// rowView is a row of SQLite or of PostgreSQL. Columns are counted from 0.
type rowView interface {
	Kind(i int) sqliteread.Kind
	Int(i int) int64
	Float(i int) float64
	// Text and Blob are views.
	Text(i int) []byte
	Blob(i int) []byte
}

// text reads any column as text.
type text struct {
	s    string
	null bool
}

var _ destination = (*text)(nil)

func (t *text) read(r rowView, i int) {
	t.null = false
	switch r.Kind(i) {
	case sqliteread.KindText:
		t.s = stringOf(r.Text(i))
	case sqliteread.KindBlob:
		t.s = stringOf(r.Blob(i))
	case sqliteread.KindInteger:
		t.s = strconv.FormatInt(r.Int(i), 10)
	case sqliteread.KindFloat:
		t.s = formatFloat(r.Float(i))
	default:
		t.s, t.null = "", true
	}
}

// Scan implements sql.Scanner. It copies nothing.
func (t *text) Scan(src any) error {
	t.null = false
	switch v := src.(type) {
	case string: // of pgx
		t.s = v
	case nil:
		t.s, t.null = "", true
	case []byte:
		t.s = stringOf(v)
	case int64:
		t.s = strconv.FormatInt(v, 10)
	case float64:
		t.s = formatFloat(v)
	default:
		t.s = fmt.Sprint(v)
	}
	return nil
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// bytes is the text for readers that want bytes, which must not be written to.
func (t *text) bytes() []byte { return readOnly(t.s) }

// readOnly is the bytes of a string, not copied, which must not be written to.
func readOnly(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// integer reads a column that should hold an integer; what doesn't counts as null.
type integer struct {
	n    int64
	null bool
}

var _ destination = (*integer)(nil)

func (n *integer) read(r rowView, i int) {
	switch r.Kind(i) {
	case sqliteread.KindInteger:
		n.n, n.null = r.Int(i), false
	case sqliteread.KindFloat:
		n.n, n.null = int64(r.Float(i)), false
	case sqliteread.KindText:
		n.parse(stringOf(r.Text(i)))
	case sqliteread.KindBlob:
		n.parse(stringOf(r.Blob(i)))
	default:
		n.n, n.null = 0, true
	}
}

// Scan implements sql.Scanner.
func (n *integer) Scan(src any) error {
	n.null = false
	switch v := src.(type) {
	case int64:
		n.n = v
	case float64:
		n.n = int64(v)
	case bool:
		n.n = 0
		if v {
			n.n = 1
		}
	case string:
		n.parse(v)
	case []byte:
		n.parse(stringOf(v))
	default:
		n.n, n.null = 0, true
	}
	return nil
}

func (n *integer) parse(s string) {
	var err error
	if n.n, err = strconv.ParseInt(s, 10, 64); err != nil {
		n.n = 0
	}
	n.null = err != nil
}

// real reads a column that should hold a floating point number; what doesn't counts as null.
type real struct {
	f    float64
	null bool
}

var _ destination = (*real)(nil)

func (f *real) read(r rowView, i int) {
	switch r.Kind(i) {
	case sqliteread.KindInteger, sqliteread.KindFloat:
		f.f, f.null = r.Float(i), false
	default:
		f.f, f.null = 0, true
	}
}

// Scan implements sql.Scanner.
func (f *real) Scan(src any) error {
	f.null = false
	switch v := src.(type) {
	case float64:
		f.f = v
	case float32:
		f.f = float64(v)
	case int64:
		f.f = float64(v)
	default:
		f.f, f.null = 0, true
	}
	return nil
}

// member reads which trace of a list a row belongs to: its place in the list, or its id.
type member struct {
	// at is the place, or -1 for a row of no trace of the list: databases may compare ids by other rules
	// than byte by byte.
	at     int
	places map[string]int // by id
}

var _ destination = (*member)(nil)

func (m *member) read(r rowView, i int) {
	if m.places == nil {
		m.at = int(r.Int(i))
		return
	}
	var known bool
	if m.at, known = m.places[string(r.Text(i))]; !known {
		m.at = -1
	}
}

// Scan implements sql.Scanner.
func (m *member) Scan(src any) error {
	var known bool
	switch v := src.(type) {
	case int64:
		m.at, known = int(v), true
	case string:
		m.at, known = m.places[v]
	case []byte:
		m.at, known = m.places[string(v)]
	}
	if !known {
		m.at = -1
	}
	return nil
}
