package dbsql

import (
	"fmt"
)

// cast writes a conversion for SQLite. What needs none stays as it is.
func cast(x typed, to Type, try bool) typed {
	switch {
	case x.typ.Text() == to.Text(), x.typ.Kind == "VOID":
		return typed{x.sql, to}
	case x.typ.integer() && to.integer() && x.typ.bits() <= to.bits():
		return typed{x.sql, to}
	case x.typ.numeric() && to.Kind == "DOUBLE":
		return typed{"CAST(" + x.sql + " AS REAL)", to}
	case x.typ.Kind == "DATE" && to.Kind == "TIMESTAMP":
		return typed{fmt.Sprintf("(%s * %d)", x.sql, units["DAY"]), to}
	}
	tried := 0
	if try {
		tried = 1
	}
	return typed{fmt.Sprintf("dbx_cast(%s, %s, %s, %d)", x.sql, quote(x.typ.SQL()), quote(to.SQL()), tried), to}
}

// cast is CAST as written: conversions that make no sense are refused.
func (c ctx) cast(e *Cast) (typed, error) {
	x, err := c.expr(e.X)
	if err != nil {
		return x, err
	}
	from, to := x.typ, e.To
	allowed := from.Text() == to.Text() || from.Kind == "VOID"
	switch {
	case from.Kind == "VARIANT":
		allowed = allowed || fromVariantTo(to)
	case from.Kind == "STRING":
		allowed = allowed || to.scalar() || to.Kind == "STRING" || to.Kind == "VARIANT"
	case from.Kind == "MAP" && to.Kind == "MAP": // of map(), which has no types yet
		if from.Elem.Kind == "VOID" {
			return typed{x.sql, to}, nil
		}
	case to.Kind == "STRING", to.Kind == "VARIANT":
		allowed = allowed || from.scalar()
	case from.numeric():
		allowed = allowed || to.numeric() || to.Kind == "BOOLEAN" || to.Kind == "TIMESTAMP" && from.Kind != "VARIANT"
	case from.Kind == "BOOLEAN":
		allowed = allowed || to.numeric()
	case from.Kind == "TIMESTAMP", from.Kind == "DATE":
		allowed = allowed || to.Kind == "TIMESTAMP" || to.Kind == "DATE" || from.Kind == "TIMESTAMP" && to.numeric()
	}
	if from.nested() && (to.Kind == "STRING" || to.Kind == "VARIANT") {
		return x, unsupported("casts of %s to %s; write to_json(…)", from.Kind, to.Kind)
	}
	if !allowed {
		class := "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"
		if from.numeric() && to.Kind == "DATE" {
			class = "DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION"
		}
		return x, failf(class, "42K09", "Cannot resolve \"%s\" due to data type mismatch: cannot cast \"%s\" to \"%s\".", pretty(e), from.SQL(), to.SQL())
	}
	return cast(x, to, e.Try), nil
}

// convert casts a value of SQLite. With try, what can't be cast is NULL.
func convert(v any, from, to Type, try bool) (any, error) {
	if v == nil {
		return nil, nil
	}
	out, ok := convertValue(v, from, to, try)
	switch {
	case ok:
		return out, nil
	case try:
		return nil, nil
	case from.Kind == "VARIANT":
		return nil, failf("INVALID_VARIANT_CAST", "22023", "The variant value `%v` cannot be cast into `%s`. Please use `try_variant_get` instead.", v, to.SQL())
	case from.Kind == "STRING":
		return nil, failf("CAST_INVALID_INPUT", "22018",
			"The value '%v' of the type \"STRING\" cannot be cast to \"%s\" because it is malformed. Correct the value as per the syntax, or change its target "+
				"type. Use `try_cast` to tolerate malformed input and return NULL instead.", v, to.SQL())
	}
	return nil, failf("CAST_OVERFLOW", "22003",
		"The value %v of the type \"%s\" cannot be cast to \"%s\" due to an overflow. Use `try_cast` to tolerate overflow and return NULL "+
			"instead.", v, from.SQL(), to.SQL())
}
