// Package dbsql reads the part of Databricks SQL that a fake workspace needs and translates queries to SQLite. It knows types, so that it can refuse what
// Databricks refuses. What it does not know it refuses too: a wrong answer would be worse than none. It is pure, apart from the functions that it registers with
// the driver.
//
// Its witness is Apache Spark: testdata/recorded.json has what Spark 4.0.1 answers to some 170 queries and mistakes. What Databricks adds to Spark (x:path,
// QUALIFY, * EXCEPT, STREAM) follows the documentation. Known to differ: not-a-number is NULL here, since SQLite has none; DECIMAL is a float with a scale;
// orders of keys in maps.
package dbsql

import "fmt"

// Error is why a statement fails, as Databricks says it.
type Error struct {
	Class   string // PARSE_SYNTAX_ERROR, UNRESOLVED_COLUMN.WITHOUT_SUGGESTION, …
	State   string // SQLSTATE
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("[%s] %s SQLSTATE: %s", e.Class, e.Message, e.State)
}

func failf(class, state, format string, args ...any) *Error {
	return &Error{class, state, fmt.Sprintf(format, args...)}
}

// unsupported is for valid Databricks SQL that this package does not know.
func unsupported(format string, args ...any) *Error {
	return failf("UNSUPPORTED_FEATURE.FAKE_WORKSPACE", "0A000", "The fake workspace does not know "+format+".", args...)
}

func mismatch(expression, format string, args ...any) *Error {
	return failf("DATATYPE_MISMATCH", "42K09", "Cannot resolve \"%s\" due to data type mismatch: "+format+".", append([]any{expression}, args...)...)
}
