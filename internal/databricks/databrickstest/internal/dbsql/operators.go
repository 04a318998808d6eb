package dbsql

import (
	"fmt"
	"strings"
)

func (c ctx) unary(e *Unary) (typed, error) {
	if e.Op == "NOT" {
		t, err := c.boolean(e.X)
		return typed{"(NOT " + t.sql + ")", Boolean}, err
	}
	t, err := c.expr(e.X)
	if err == nil && t.typ.Kind == "STRING" {
		t = cast(t, Double, false)
	}
	switch {
	case err != nil:
		return t, err
	case t.typ.integer():
		return typed{fmt.Sprintf("dbx_arith('-', 0, %s, %d)", t.sql, t.typ.bits()), t.typ}, nil
	case t.typ.numeric(), t.typ.Kind == interval.Kind, t.typ.Kind == months.Kind:
		return typed{"(-" + t.sql + ")", t.typ}, nil
	}
	return t, mismatch(pretty(e), "The operand of - has the type \"%s\"", t.typ.SQL())
}

func (c ctx) binary(e *Binary) (typed, error) {
	if e.Op == "AND" || e.Op == "OR" {
		l, err := c.boolean(e.L)
		if err != nil {
			return l, err
		}
		r, err := c.boolean(e.R)
		return typed{fmt.Sprintf("(%s %s %s)", l.sql, e.Op, r.sql), Boolean}, err
	}
	l, err := c.expr(e.L)
	if err != nil {
		return l, err
	}
	r, err := c.expr(e.R)
	if err != nil {
		return r, err
	}
	switch e.Op {
	case "=", "<>", "<", "<=", ">", ">=", "<=>":
		op := e.Op
		if op == "<=>" {
			op = "IS"
		}
		l, r, err = comparable(e.Op, l, r, pretty(e))
		return typed{fmt.Sprintf("(%s %s %s)", l.sql, op, r.sql), Boolean}, err
	case "||":
		return typed{fmt.Sprintf("(%s || %s)", cast(l, String, false).sql, cast(r, String, false).sql), String}, textual(e, l, r)
	}
	return arithmetic(e, l, r)
}

// textual refuses what can't be part of a concatenation.
func textual(e Expr, list ...typed) error {
	for _, t := range list {
		if t.typ.nested() || t.typ.Kind == "VARIANT" || strings.HasPrefix(t.typ.Kind, "INTERVAL") {
			return mismatch(pretty(e), "A string is needed, however there is the type \"%s\"", t.typ.SQL())
		}
	}
	return nil
}

// comparable brings two operands to one type.
func comparable(op string, l, r typed, what string) (typed, typed, error) {
	t, ok := common(l.typ, r.typ)
	if !ok {
		return l, r, failf("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "42K09",
			"Cannot resolve \"%s\" due to data type mismatch: the left and right operands of the binary operator have incompatible types (\"%s\" and "+
				"\"%s\").", what, l.typ.SQL(), r.typ.SQL())
	}
	if !t.orderable() {
		return l, r, failf("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "42K09",
			"Cannot resolve \"%s\" due to data type mismatch: The `%s` does not support ordering on type \"%s\".", what, op, t.SQL())
	}
	return cast(l, t, false), cast(r, t, false), nil
}

func arithmetic(e *Binary, l, r typed) (typed, error) {
	bad := func() (typed, error) {
		return typed{}, failf("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "42K09",
			"Cannot resolve \"%s\" due to data type mismatch: the left and right operands of the binary operator have incompatible types (\"%s\" and "+
				"\"%s\").", pretty(e), l.typ.SQL(), r.typ.SQL())
	}
	if t, ok := withTime(e.Op, l, r); ok {
		return t, nil
	}
	if l.typ.Kind == "STRING" && r.typ.numeric() {
		l = cast(l, stringWith(r.typ), false)
	}
	if r.typ.Kind == "STRING" && l.typ.numeric() {
		r = cast(r, stringWith(l.typ), false)
	}
	for _, t := range []*typed{&l, &r} {
		if t.typ.Kind == "VOID" {
			t.typ = Int
		}
		if !t.typ.numeric() {
			return bad()
		}
	}
	decimal := (l.typ.Kind == "DECIMAL" || r.typ.Kind == "DECIMAL") && !l.typ.float() && !r.typ.float()
	whole := l.typ.integer() && r.typ.integer()
	switch {
	case e.Op == "DIV" && whole:
		return typed{fmt.Sprintf("dbx_div(%s, %s, 1)", l.sql, r.sql), Bigint}, nil
	case decimal && (e.Op == "/" || e.Op == "DIV" || e.Op == "%"):
		return typed{}, unsupported("%s of DECIMAL; write the numbers as DOUBLE (2.0D)", e.Op)
	case e.Op == "/":
		return typed{fmt.Sprintf("dbx_div(%s, %s, 0)", l.sql, r.sql), Double}, nil
	case e.Op == "DIV":
		return typed{}, unsupported("DIV of %s", Double.SQL())
	case whole:
		t, _ := common(l.typ, r.typ)
		return typed{fmt.Sprintf("dbx_arith('%s', %s, %s, %d)", e.Op, l.sql, r.sql, t.bits()), t}, nil
	case e.Op == "%":
		return typed{fmt.Sprintf("dbx_mod(%s, %s)", l.sql, r.sql), Double}, nil
	}
	t := Double
	if decimal {
		t = decimalResult(e.Op, asDecimal(e.L, l.typ), asDecimal(e.R, r.typ))
	}
	// A REAL operand makes SQLite count in floats.
	return typed{fmt.Sprintf("(%s %s CAST(%s AS REAL))", l.sql, e.Op, r.sql), t}, nil
}

// decimalResult is the type of a sum or product.
func decimalResult(op string, l, r Type) Type {
	if op == "*" {
		return Type{Kind: "DECIMAL", Precision: min(38, l.Precision+r.Precision+1), Scale: l.Scale + r.Scale}
	}
	scale := max(l.Scale, r.Scale)
	return Type{Kind: "DECIMAL", Precision: min(38, max(l.Precision-l.Scale, r.Precision-r.Scale)+scale+1), Scale: scale}
}

// asDecimal is an integer's type among decimals; a literal is as wide as it is written.
func asDecimal(e Expr, t Type) Type {
	if !t.integer() {
		return t
	}
	if l, ok := e.(*Literal); ok {
		return Type{Kind: "DECIMAL", Precision: len(strings.TrimPrefix(fmt.Sprint(l.Value), "-"))}
	}
	return t.asDecimal()
}

// withTime is arithmetic with timestamps, dates and intervals.
func withTime(op string, l, r typed) (typed, bool) {
	if op == "+" && strings.HasPrefix(l.typ.Kind, "INTERVAL") {
		l, r = r, l
	}
	switch {
	case op != "+" && op != "-":
	case l.typ.Kind == "TIMESTAMP" && r.typ.Kind == interval.Kind:
		return typed{fmt.Sprintf("(%s %s %s)", l.sql, op, r.sql), Timestamp}, true
	case l.typ.Kind == "DATE" && r.typ.Kind == interval.Kind && r.typ.Precision == wholeDays:
		return typed{fmt.Sprintf("(%s %s %s / %d)", l.sql, op, r.sql, units["DAY"]), Date}, true
	case l.typ.Kind == "DATE" && r.typ.Kind == interval.Kind:
		return typed{fmt.Sprintf("(%s %s %s)", cast(l, Timestamp, false).sql, op, r.sql), Timestamp}, true
	case (l.typ.Kind == "TIMESTAMP" || l.typ.Kind == "DATE") && r.typ.Kind == months.Kind:
		return typed{fmt.Sprintf("dbx_add_months(%s, 0 %s %s, '%s')", l.sql, op, r.sql, l.typ.Kind), l.typ}, true
	case l.typ.Kind == "DATE" && r.typ.integer():
		return typed{fmt.Sprintf("(%s %s %s)", l.sql, op, r.sql), Date}, true
	case l.typ.Kind == "TIMESTAMP" && r.typ.Kind == "TIMESTAMP" && op == "-":
		return typed{fmt.Sprintf("(%s - %s)", l.sql, r.sql), interval}, true
	}
	return typed{}, false
}
