package dbsql

import (
	"fmt"
	"strings"
)

// aggregateFunction writes an aggregate function for SQLite.
type aggregateFunction struct {
	min, max int
	custom   bool // made by this package: can't be used with OVER
	write    func(e *Call, args []typed) (typed, error)
}

var aggregates = map[string]aggregateFunction{
	"COUNT": {0, -1, false, func(e *Call, args []typed) (typed, error) {
		if e.Distinct {
			for _, a := range args {
				if !a.typ.orderable() {
					return typed{}, notOrderable(e, a.typ)
				}
			}
		}
		switch {
		case e.Star:
			return typed{"count(*)", Bigint}, nil
		case len(args) == 0:
			return typed{}, wrongArguments(e)
		case len(args) == 1:
			return typed{"count(" + distinct(e) + args[0].sql + ")", Bigint}, nil
		}
		return typed{"count(" + distinct(e) + "dbx_key(" + sqlOf(args) + "))", Bigint}, nil
	}},
	"SUM": {1, 1, false, func(e *Call, args []typed) (typed, error) {
		x := args[0]
		switch {
		case x.typ.integer():
			return typed{"sum(" + distinct(e) + x.sql + ")", Bigint}, nil
		case x.typ.Kind == "DECIMAL":
			return typed{"sum(" + distinct(e) + x.sql + ")", Type{Kind: "DECIMAL", Precision: min(38, x.typ.Precision+10), Scale: x.typ.Scale}}, nil
		}
		return typed{"sum(" + distinct(e) + cast(x, Double, false).sql + ")", Double}, accepts(e, x, Double)
	}},
	"AVG":  {1, 1, false, average},
	"MEAN": {1, 1, false, average},
	"MIN":  {1, 1, false, extremum("min")},
	"MAX":  {1, 1, false, extremum("max")},
	"ANY_VALUE": {1, 1, false, func(_ *Call, args []typed) (typed, error) {
		return typed{"max(" + args[0].sql + ")", args[0].typ}, nil
	}},
	"FIRST": {1, 2, true, first}, "FIRST_VALUE": {1, 2, true, first},
	"COUNT_IF": {1, 1, false, func(e *Call, args []typed) (typed, error) {
		return typed{"count(CASE WHEN " + args[0].sql + " THEN 1 END)", Bigint}, accepts(e, args[0], Boolean)
	}},
	"BOOL_AND": {1, 1, false, every("min")}, "EVERY": {1, 1, false, every("min")},
	"BOOL_OR": {1, 1, false, every("max")}, "ANY": {1, 1, false, every("max")}, "SOME": {1, 1, false, every("max")},
	"APPROX_COUNT_DISTINCT": {1, 1, false, func(e *Call, args []typed) (typed, error) {
		if !args[0].typ.orderable() {
			return typed{}, notOrderable(e, args[0].typ)
		}
		return typed{"count(DISTINCT " + args[0].sql + ")", Bigint}, nil
	}},
	"MAX_BY": {2, 2, true, by("dbx_max_by")}, "MIN_BY": {2, 2, true, by("dbx_min_by")},
	"COLLECT_LIST": {1, 1, true, collect("")}, "ARRAY_AGG": {1, 1, true, collect("")}, "COLLECT_SET": {1, 1, true, collect("DISTINCT ")},
	"PERCENTILE": {2, 2, true, percentile("dbx_percentile")}, "PERCENTILE_APPROX": {2, 3, true, percentile("dbx_percentile_approx")},
	"APPROX_PERCENTILE": {2, 3, true, percentile("dbx_percentile_approx")},
	"MEDIAN": {1, 1, true, func(e *Call, args []typed) (typed, error) {
		return typed{"dbx_percentile(" + cast(args[0], Double, false).sql + ", 0.5)", Double}, accepts(e, args[0], Double)
	}},
}

// first is the first value that comes along; with a second argument, that is not NULL.
func first(e *Call, args []typed) (typed, error) {
	if len(args) == 1 {
		args = append(args, typed{"0", Boolean})
	}
	return typed{fmt.Sprintf("dbx_first(%s, %s)", args[0].sql, args[1].sql), args[0].typ}, accepts(e, args[1], Boolean)
}

func distinct(e *Call) string {
	if e.Distinct {
		return "DISTINCT "
	}
	return ""
}

func notOrderable(e *Call, t Type) *Error {
	return failf("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "42K09",
		"Cannot resolve \"%s\" due to data type mismatch: The `%s` does not support ordering on type \"%s\".", pretty(e), strings.ToLower(e.Name), t.SQL())
}

func average(e *Call, args []typed) (typed, error) {
	if args[0].typ.Kind == "DECIMAL" {
		return typed{}, unsupported("AVG of DECIMAL; write the numbers as DOUBLE (2.0D)")
	}
	return typed{"avg(" + distinct(e) + cast(args[0], Double, false).sql + ")", Double}, accepts(e, args[0], Double)
}

func extremum(sqlite string) func(*Call, []typed) (typed, error) {
	return func(e *Call, args []typed) (typed, error) {
		if !args[0].typ.orderable() {
			return typed{}, notOrderable(e, args[0].typ)
		}
		return typed{sqlite + "(" + args[0].sql + ")", args[0].typ}, nil
	}
}

func every(sqlite string) func(*Call, []typed) (typed, error) {
	return func(e *Call, args []typed) (typed, error) {
		return typed{sqlite + "(" + args[0].sql + ")", Boolean}, accepts(e, args[0], Boolean)
	}
}

func by(sqlite string) func(*Call, []typed) (typed, error) {
	return func(e *Call, args []typed) (typed, error) {
		if !args[1].typ.orderable() {
			return typed{}, notOrderable(e, args[1].typ)
		}
		return typed{fmt.Sprintf("%s(%s, %s)", sqlite, args[0].sql, args[1].sql), args[0].typ}, nil
	}
}

func collect(distinct string) func(*Call, []typed) (typed, error) {
	return func(e *Call, args []typed) (typed, error) {
		d := distinct
		if e.Distinct {
			d = "DISTINCT "
		}
		if d != "" && !args[0].typ.orderable() {
			return typed{}, notOrderable(e, args[0].typ)
		}
		t := args[0].typ
		return typed{fmt.Sprintf("dbx_collect(%sdbx_json_or_null(%s, %s))", d, args[0].sql, quote(t.SQL())), Type{Kind: "ARRAY", Elem: &t}}, nil
	}
}

func percentile(sqlite string) func(*Call, []typed) (typed, error) {
	return func(e *Call, args []typed) (typed, error) {
		if !args[1].typ.numeric() {
			return typed{}, unsupported("%s with several percentages", strings.ToLower(e.Name))
		}
		t := Double
		if sqlite == "dbx_percentile_approx" && args[0].typ.numeric() {
			t = args[0].typ
		}
		x := args[0]
		if t.Kind == "DOUBLE" {
			x = cast(x, Double, false)
		}
		return typed{fmt.Sprintf("%s(%s, %s)", sqlite, x.sql, cast(args[1], Double, false).sql), t}, accepts(e, args[0], Double)
	}
}

// aggregate translates an aggregate function, also as a window function.
func (c ctx) aggregate(e *Call, a aggregateFunction) (typed, error) {
	if e.Star && e.Name != "COUNT" || len(e.Args) < a.min || a.max >= 0 && len(e.Args) > a.max {
		return typed{}, wrongArguments(e)
	}
	inner := c
	if e.Over == nil {
		inner.groups = nil
		for _, x := range e.Args {
			if hasAggregate(x) {
				return typed{}, failf("NESTED_AGGREGATE_FUNCTION", "42607",
					"It is not allowed to use an aggregate function in the argument of another aggregate function. Please use the inner aggregate function in a "+
						"sub-query.")
			}
		}
	}
	args, err := inner.exprs(e.Args)
	if err != nil {
		return typed{}, err
	}
	t, err := a.write(e, args)
	if err != nil {
		return t, err
	}
	if e.Filter != nil {
		f, err := inner.boolean(e.Filter)
		if err != nil {
			return f, err
		}
		t.sql += " FILTER (WHERE " + f.sql + ")"
	}
	if e.Over == nil {
		return t, nil
	}
	if a.custom || e.Distinct {
		return t, unsupported("%s with OVER", strings.ToLower(e.Name))
	}
	over, err := c.over(e.Over)
	t.sql += over
	return t, err
}

var windowFunctions = map[string]bool{
	"ROW_NUMBER": true, "RANK": true, "DENSE_RANK": true, "LAG": true, "LEAD": true, "FIRST_VALUE": true, "LAST_VALUE": true, "NTILE": true, "PERCENT_RANK": true,
}

func (c ctx) windowFunction(e *Call) (typed, error) {
	if e.Over == nil {
		return typed{}, failf("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "42601", "Window function \"%s\" requires an OVER clause.", pretty(e))
	}
	args, err := c.exprs(e.Args)
	if err != nil {
		return typed{}, err
	}
	t := Int
	switch e.Name {
	case "PERCENT_RANK":
		t = Double
	case "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE":
		if len(args) == 0 {
			return typed{}, wrongArguments(e)
		}
		t = args[0].typ
		if len(args) == 3 {
			var list []typed
			if list, t, err = unify(e.Name, []typed{args[0], args[2]}); err != nil {
				return typed{}, err
			}
			args[0], args[2] = list[0], list[1]
		}
	}
	over, err := c.over(e.Over)
	return typed{strings.ToLower(e.Name) + "(" + sqlOf(args) + ")" + over, t}, err
}

func (c ctx) over(w *Window) (string, error) {
	sql := " OVER ("
	if len(w.Partition) > 0 {
		list, err := c.exprs(w.Partition)
		if err != nil {
			return "", err
		}
		for i, t := range list {
			if !t.typ.orderable() {
				return "", mismatch(pretty(w.Partition[i]), "PARTITION BY does not support the type \"%s\"", t.typ.SQL())
			}
		}
		sql += "PARTITION BY " + sqlOf(list)
	}
	for i, o := range w.Order {
		t, err := c.expr(o.X)
		if err != nil {
			return "", err
		}
		by, err := orderSQL(t, o)
		if err != nil {
			return "", err
		}
		if i == 0 {
			sql += " ORDER BY " + by
		} else {
			sql += ", " + by
		}
	}
	return sql + " " + w.Frame + ")", nil
}

// hasAggregate reports whether an expression aggregates: outside of subqueries and window functions.
func hasAggregate(e Expr) bool {
	found := false
	walk(e, func(x Expr) bool {
		c, ok := x.(*Call)
		if ok && c.Over == nil {
			if _, is := aggregates[c.Name]; is {
				found = true
			}
		}
		return !found
	})
	return found
}

// walk visits an expression and what it is made of, apart from subqueries, until visit says no.
func walk(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	each := func(list ...Expr) {
		for _, x := range list {
			walk(x, visit)
		}
	}
	switch e := e.(type) {
	case *Unary:
		each(e.X)
	case *Binary:
		each(e.L, e.R)
	case *Is:
		each(e.X)
	case *Between:
		each(e.X, e.Low, e.High)
	case *In:
		each(e.X)
		each(e.List...)
	case *Like:
		each(e.X, e.Pattern)
	case *Case:
		each(e.Operand, e.Else)
		for _, w := range e.Whens {
			each(w.If, w.Then)
		}
	case *Cast:
		each(e.X)
	case *Index:
		each(e.X, e.I)
	case *Dot:
		each(e.X)
	case *Path:
		each(e.X)
	case *Interval:
		each(e.N)
	case *Lambda:
		each(e.Body)
	case *Call:
		each(e.Args...)
		each(e.Filter)
		if e.Over != nil {
			each(e.Over.Partition...)
			for _, o := range e.Over.Order {
				each(o.X)
			}
		}
	}
}
