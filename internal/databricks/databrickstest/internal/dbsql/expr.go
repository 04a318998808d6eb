package dbsql

import (
	"fmt"
	"strconv"
	"strings"
)

// typed is a translated expression.
type typed struct {
	sql string
	typ Type
}

// ctx is where an expression stands.
type ctx struct {
	a       *analyzer
	sc      *scope
	groups  map[string]bool // not nil: the query aggregates, by these expressions
	aliases map[string]Expr // of the SELECT list so far
}

// expr translates an expression.
func (c ctx) expr(e Expr) (typed, error) {
	if c.groups != nil {
		raw := c
		raw.groups = nil
		t, err := raw.expr(e)
		if err != nil || c.groups[t.sql] {
			return t, err
		}
	}
	switch e := e.(type) {
	case *Literal:
		return literal(e), nil
	case *bound:
		if c.groups != nil {
			return typed{}, c.ungrouped(e.name)
		}
		return typed{e.sql, e.typ}, nil
	case *Name:
		return c.name(e)
	case *Param:
		return c.param(e)
	case *Unary:
		return c.unary(e)
	case *Binary:
		return c.binary(e)
	case *Is:
		return c.is(e)
	case *Between:
		both := &Binary{"AND", &Binary{">=", e.X, e.Low}, &Binary{"<=", e.X, e.High}}
		if e.Not {
			return c.unary(&Unary{"NOT", both})
		}
		return c.binary(both)
	case *In:
		return c.in(e)
	case *Like:
		return c.like(e)
	case *Exists:
		r, err := c.a.query(e.Query, c.sc, c.sc.ctes)
		return typed{"EXISTS (" + r.sql + ")", Boolean}, err
	case *Scalar:
		return c.scalar(e)
	case *Case:
		return c.caseWhen(e)
	case *Cast:
		return c.cast(e)
	case *Index:
		return c.index(e)
	case *Dot:
		x, err := c.expr(e.X)
		if err != nil {
			return x, err
		}
		return field(x, e.Field, e)
	case *Path:
		return c.path(e)
	case *Interval:
		return c.interval(e)
	case *Call:
		return c.call(e)
	case *Star:
		return typed{}, failf("INVALID_USAGE_OF_STAR_OR_REGEX", "42000", "Invalid usage of '*' in expression.")
	}
	return typed{}, unsupported("this expression")
}

// exprs translates several.
func (c ctx) exprs(list []Expr) ([]typed, error) {
	var out []typed
	for _, e := range list {
		t, err := c.expr(e)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// boolean translates a condition.
func (c ctx) boolean(e Expr) (typed, error) {
	t, err := c.expr(e)
	if err == nil && t.typ.Kind != "BOOLEAN" && t.typ.Kind != "VOID" {
		err = mismatch(pretty(e), "The condition requires the \"BOOLEAN\" type, however it has the type \"%s\"", t.typ.SQL())
	}
	return t, err
}

func literal(l *Literal) typed {
	switch v := l.Value.(type) {
	case nil:
		return typed{"NULL", l.Type}
	case bool:
		if v {
			return typed{"1", Boolean}
		}
		return typed{"0", Boolean}
	case int64:
		return typed{strconv.FormatInt(v, 10), l.Type}
	case float64:
		return typed{real(v), l.Type}
	case string:
		if l.Type.Kind == "TIMESTAMP" || l.Type.Kind == "DATE" { // the parser has checked it
			n, _ := fromString(v, l.Type)
			return typed{strconv.FormatInt(n.(int64), 10), l.Type}
		}
		if l.Type.Kind == "DECIMAL" {
			if !strings.Contains(v, ".") {
				v += ".0"
			}
			return typed{v, l.Type}
		}
		return typed{quote(v), l.Type}
	}
	return typed{"NULL", Void}
}

// real writes a float so that SQLite reads a float.
func real(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".eE") {
		s += ".0"
	}
	return s
}

// quote writes a string for SQLite. A NUL would end the statement.
func quote(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		return fmt.Sprintf("CAST(x'%x' AS TEXT)", s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func (c ctx) param(p *Param) (typed, error) {
	v, ok := c.a.env.Params[p.Name]
	if !ok {
		return typed{}, failf("UNBOUND_SQL_PARAMETER", "42P02",
			"Found the unbound parameter: %s. Please, fix `args` and provide a mapping of the parameter to either a SQL literal or collection constructor "+
				"functions such as `map()`, `array()`, `struct()`.", p.Name)
	}
	if v.Text == nil {
		return typed{"NULL", v.Type}, nil
	}
	return cast(typed{quote(*v.Text), String}, v.Type, false), nil
}
