package dbsql

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Store is a value of a row as it lies in SQLite: times are numbers, nested values and variants JSON text. Times come as RFC 3339, dates as 2006-01-02.
func Store(v any, t Type) any {
	switch x := v.(type) {
	case nil:
		return nil
	case bool:
		if t.Kind == "BOOLEAN" {
			return truth(x)
		}
	case int64:
		if t.float() {
			return float64(x)
		}
	case int:
		return Store(int64(x), t)
	case string:
		switch t.Kind {
		case "TIMESTAMP":
			if at, ok := parseTimestamp(x); ok {
				return at.UnixMicro()
			}
			return nil
		case "DATE":
			if at, ok := parseTimestamp(x); ok {
				return days(at)
			}
			return nil
		}
	}
	if t.nested() || t.Kind == "VARIANT" {
		return string(jsonOf(nil, v, t, false))
	}
	return v
}

// Load is a value of SQLite as a row holds it, the opposite of Store.
func Load(v any, t Type) any { return inJSON(v, t) }

// Cell is a value of SQLite as a result shows it: text, or nil for NULL.
func Cell(v any, t Type) *string {
	var s string
	switch x := v.(type) {
	case nil:
		return nil
	case int64:
		switch t.Kind {
		case "BOOLEAN":
			s = strconv.FormatBool(x != 0)
		case "TIMESTAMP":
			s = cellTimestamp(time.UnixMicro(x).UTC())
		case "DATE":
			s = formatDate(x)
		default:
			s = strconv.FormatInt(x, 10)
		}
	case float64:
		if t.Kind == "DECIMAL" {
			s = strconv.FormatFloat(x, 'f', t.Scale, 64)
		} else {
			s = javaDouble(x)
		}
	case string:
		s = x
	}
	return &s
}

// cellTimestamp has milliseconds, and microseconds only where there are any.
func cellTimestamp(t time.Time) string {
	if t.Nanosecond()%1e6 == 0 {
		return t.Format("2006-01-02T15:04:05.000Z")
	}
	return t.Format("2006-01-02T15:04:05.000000Z")
}

var raised = regexp.MustCompile(`(?s)\[([A-Z0-9_.]+)\] (.*) SQLSTATE: ([0-9A-Z]{5})`)

// Failure turns what SQLite says while it runs a query into the error of the statement.
func Failure(err error) *Error {
	if m := raised.FindStringSubmatch(err.Error()); m != nil {
		return &Error{Class: m[1], Message: m[2], State: m[3]}
	}
	if strings.Contains(err.Error(), "integer overflow") {
		return failf("ARITHMETIC_OVERFLOW", "22003", "long overflow.")
	}
	return failf("INTERNAL_ERROR", "XX000", "The fake workspace failed: %s.", err)
}
