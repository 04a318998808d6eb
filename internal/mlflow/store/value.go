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

// destination is what a column is read to: by sqliteread, or by database/sql. Databases let a
// column hold values of any type; both ways give the same.
type destination interface {
	// read reads column i. A text is then a view: it must be copied to be used after the row.
	read(r *sqliteread.Row, i int)
	sql.Scanner
}

// text reads any column as text.
type text struct {
	s    string
	null bool
}

var _ destination = (*text)(nil)

func (t *text) read(r *sqliteread.Row, i int) {
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

// Scan implements sql.Scanner. It keeps the string that the driver made, without copying it.
func (t *text) Scan(src any) error {
	t.null = false
	switch v := src.(type) {
	case string:
		t.s = v
	case nil:
		t.s, t.null = "", true
	case []byte:
		t.s = string(v)
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

// bytes is the text for readers that want bytes; nobody may write to them.
func (t *text) bytes() []byte { return readOnly(t.s) }

// readOnly is the bytes of a string, not copied; nobody may write to them.
func readOnly(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// integer reads a column that should hold an integer; what doesn't counts as null.
type integer struct {
	n    int64
	null bool
}

var _ destination = (*integer)(nil)

func (n *integer) read(r *sqliteread.Row, i int) {
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
		n.parse(string(v))
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

func (f *real) read(r *sqliteread.Row, i int) {
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
	case int64:
		f.f = float64(v)
	default:
		f.f, f.null = 0, true
	}
	return nil
}

// content reads the content of a span, or the negated size of one that is too large to be read.
type content struct {
	text
	size int
}

var _ destination = (*content)(nil)

func (c *content) read(r *sqliteread.Row, i int) {
	if r.Kind(i) == sqliteread.KindInteger {
		c.text, c.size = text{}, int(-r.Int(i))
		return
	}
	c.text.read(r, i)
	c.size = len(c.s)
}

// Scan implements sql.Scanner.
func (c *content) Scan(src any) error {
	if n, ok := src.(int64); ok {
		c.text, c.size = text{}, int(-n)
		return nil
	}
	err := c.text.Scan(src)
	c.size = len(c.s)
	return err
}
