package store

import (
	"database/sql"
	"fmt"
	"strconv"
	"unsafe"
)

// text scans any column as text; SQLite lets a column hold values of any type. It keeps the string that the driver made, without copying it.
type text struct {
	s    string
	null bool
}

var _ sql.Scanner = (*text)(nil)

// Scan implements sql.Scanner.
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
		t.s = strconv.FormatFloat(v, 'g', -1, 64)
	default:
		t.s = fmt.Sprint(v)
	}
	return nil
}

// bytes is the text for readers that want bytes; nobody may write to them.
func (t *text) bytes() []byte { return readOnly(t.s) }

// readOnly is the bytes of a string, not copied; nobody may write to them.
func readOnly(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// integer scans a column that should hold an integer; what doesn't counts as null.
type integer struct {
	n    int64
	null bool
}

var _ sql.Scanner = (*integer)(nil)

// Scan implements sql.Scanner.
func (i *integer) Scan(src any) error {
	var err error
	i.null = false
	switch v := src.(type) {
	case int64:
		i.n = v
	case float64:
		i.n = int64(v)
	case bool:
		i.n = 0
		if v {
			i.n = 1
		}
	case string:
		i.n, err = strconv.ParseInt(v, 10, 64)
	case []byte:
		i.n, err = strconv.ParseInt(string(v), 10, 64)
	default:
		i.n, i.null = 0, true
	}
	if err != nil {
		i.n, i.null = 0, true
	}
	return nil
}

// real scans a column that should hold a floating point number; what doesn't counts as null.
type real struct {
	f    float64
	null bool
}

var _ sql.Scanner = (*real)(nil)

// Scan implements sql.Scanner.
func (r *real) Scan(src any) error {
	r.null = false
	switch v := src.(type) {
	case float64:
		r.f = v
	case int64:
		r.f = float64(v)
	default:
		r.f, r.null = 0, true
	}
	return nil
}
