package dbsql

import (
	"fmt"
	"slices"
	"strings"
)

func (c ctx) scalar(e *Scalar) (typed, error) {
	r, err := c.a.query(e.Query, c.sc, c.sc.ctes)
	if err != nil {
		return typed{}, err
	}
	if len(r.columns) != 1 {
		return typed{}, failf("INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN", "42823",
			"Scalar subquery must return only one column, but got %d.", len(r.columns))
	}
	return typed{"(" + r.sql + ")", r.columns[0].Type}, nil
}

func (c ctx) in(e *In) (typed, error) {
	x, err := c.expr(e.X)
	if err != nil {
		return x, err
	}
	not := ""
	if e.Not {
		not = "NOT "
	}
	if e.Query != nil {
		r, err := c.a.query(e.Query, c.sc, c.sc.ctes)
		if err != nil {
			return typed{}, err
		}
		if len(r.columns) != 1 {
			return typed{}, failf("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH", "42K09",
				"The number of columns in the left hand side of an IN subquery does not match the number of columns in its output.")
		}
		l, y, err := comparable("IN", x, typed{"c0", r.columns[0].Type}, pretty(e.X))
		if err != nil {
			return typed{}, err
		}
		return typed{fmt.Sprintf("(%s %sIN (SELECT %s FROM (%s)))", l.sql, not, y.sql, r.sql), Boolean}, nil
	}
	list, err := c.exprs(e.List)
	if err != nil {
		return typed{}, err
	}
	t := x.typ
	for i, y := range list {
		var ok bool
		if t, ok = common(t, y.typ); !ok || !t.orderable() {
			return typed{}, mismatch(pretty(e.X), "The left and right operands of IN have incompatible types (\"%s\" and \"%s\")", x.typ.SQL(), list[i].typ.SQL())
		}
	}
	var parts []string
	for _, y := range list {
		parts = append(parts, cast(y, t, false).sql)
	}
	return typed{fmt.Sprintf("(%s %sIN (%s))", cast(x, t, false).sql, not, strings.Join(parts, ", ")), Boolean}, nil
}

func (c ctx) like(e *Like) (typed, error) {
	x, err := c.expr(e.X)
	if err != nil {
		return x, err
	}
	p, err := c.expr(e.Pattern)
	if err != nil {
		return p, err
	}
	x, p = textOf(x), textOf(p)
	if x.typ.Kind != "STRING" || p.typ.Kind != "STRING" {
		return typed{}, mismatch(pretty(e.X), "%s needs strings, however the operands are \"%s\" and \"%s\"", e.Op, x.typ.SQL(), p.typ.SQL())
	}
	sql := fmt.Sprintf("dbx_like(%s, %s, %s, %s)", x.sql, p.sql, quote(e.Escape), quote(e.Op))
	if e.Not {
		sql = "NOT " + sql
	}
	return typed{"(" + sql + ")", Boolean}, nil
}

// textOf brings what is silently made a string to one.
func textOf(x typed) typed {
	if x.typ.scalar() || x.typ.Kind == "VOID" {
		return cast(x, String, false)
	}
	return x
}

func (c ctx) is(e *Is) (typed, error) {
	x, err := c.expr(e.X)
	if err != nil {
		return x, err
	}
	if e.What != "NULL" && x.typ.Kind != "BOOLEAN" && x.typ.Kind != "VOID" {
		return typed{}, mismatch(pretty(e.X), "IS %s needs the \"BOOLEAN\" type, however it is \"%s\"", e.What, x.typ.SQL())
	}
	not := ""
	if e.Not {
		not = "NOT "
	}
	return typed{fmt.Sprintf("(%s IS %s%s)", x.sql, not, e.What), Boolean}, nil
}

func (c ctx) caseWhen(e *Case) (typed, error) {
	var thens []typed
	var conditions []string
	for _, w := range e.Whens {
		condition := w.If
		if e.Operand != nil {
			condition = &Binary{"=", e.Operand, w.If}
		}
		t, err := c.boolean(condition)
		if err != nil {
			return t, err
		}
		conditions = append(conditions, t.sql)
		if t, err = c.expr(w.Then); err != nil {
			return t, err
		}
		thens = append(thens, t)
	}
	if e.Else != nil {
		t, err := c.expr(e.Else)
		if err != nil {
			return t, err
		}
		thens = append(thens, t)
	}
	list, t, err := unify("CASE", thens)
	if err != nil {
		return typed{}, err
	}
	sql := "CASE"
	for i, condition := range conditions {
		sql += " WHEN " + condition + " THEN " + list[i].sql
	}
	if e.Else != nil {
		sql += " ELSE " + list[len(list)-1].sql
	}
	return typed{sql + " END", t}, nil
}

// unify brings values to one type.
func unify(what string, list []typed) ([]typed, Type, error) {
	t := Void
	for _, x := range list {
		var ok bool
		if t, ok = common(t, x.typ); !ok {
			var all []string
			for _, x := range list {
				all = append(all, `"`+x.typ.SQL()+`"`)
			}
			return nil, t, mismatch(what, "Input to `%s` should all be the same type, but it's [%s]", strings.ToLower(what),
				strings.Join(slices.Compact(all), ", "))
		}
	}
	var out []typed
	for _, x := range list {
		out = append(out, cast(x, t, false))
	}
	return out, t, nil
}

func (c ctx) interval(e *Interval) (typed, error) {
	n, err := c.expr(e.N)
	if err != nil {
		return n, err
	}
	if !n.typ.integer() {
		return n, mismatch(pretty(e.N), "An interval needs a whole number, however it is \"%s\"", n.typ.SQL())
	}
	switch e.Unit {
	case "MONTH":
		return typed{n.sql, months}, nil
	case "YEAR":
		return typed{"(12 * " + n.sql + ")", months}, nil
	}
	t := interval
	if e.Unit == "DAY" || e.Unit == "WEEK" {
		t.Precision = wholeDays
	}
	return typed{fmt.Sprintf("(%d * %s)", units[e.Unit], n.sql), t}, nil
}
