package dbsql

import (
	"fmt"
	"strings"
)

// from translates an element of FROM and adds what it brings into scope.
func (a *analyzer) from(r any, sc *scope) (string, error) {
	switch r := r.(type) {
	case *Table:
		return a.table(r, sc)
	case *Derived:
		q, err := a.query(r.Query, sc.outer, sc.ctes)
		if err != nil {
			return "", err
		}
		return a.derived(q, r.Alias, nil, r.Columns, sc)
	case *Join:
		return a.join(r, sc)
	case *LateralView:
		return a.lateral(*r, sc)
	}
	return "", unsupported("this relation")
}

func (a *analyzer) table(t *Table, sc *scope) (string, error) {
	alias := t.Alias
	if alias == "" {
		alias = t.Parts[len(t.Parts)-1]
	}
	if c := sc.ctes[strings.ToLower(t.Parts[0])]; c != nil && len(t.Parts) == 1 {
		q, err := a.query(c.Query, nil, c.ctes)
		if err != nil {
			return "", err
		}
		columns := t.Columns
		if columns == nil {
			columns = c.Columns
		}
		return a.derived(q, alias, nil, columns, sc)
	}
	rel, err := a.env.Relation(t.Parts)
	if err != nil {
		return "", err
	}
	parts := t.Parts
	if rel.Name != nil {
		parts = rel.Name
	}
	if rel.View == nil {
		columns, err := renamed(rel.Columns, t.Columns)
		if err != nil {
			return "", err
		}
		r := a.relation(columns, alias, parts)
		sc.relations = append(sc.relations, r)
		return rel.SQLite + " AS " + r.sqlite, nil
	}
	env := a.env
	if rel.Env != nil {
		a.env = rel.Env
	}
	q, err := a.query(rel.View, nil, nil)
	a.env = env
	if err != nil {
		return "", err
	}
	for i := range q.columns { // a view may name its columns
		if i < len(rel.Columns) {
			q.columns[i].Name = rel.Columns[i].Name
		}
	}
	return a.derived(q, alias, parts, t.Columns, sc)
}

func (a *analyzer) derived(q result, alias string, parts, names []string, sc *scope) (string, error) {
	columns, err := renamed(q.columns, names)
	if err != nil {
		return "", err
	}
	r := a.relation(columns, alias, parts)
	sc.relations = append(sc.relations, r)
	return fmt.Sprintf("(%s) AS %s", q.sql, r.sqlite), nil
}

func renamed(columns []Column, names []string) ([]Column, error) {
	if names == nil {
		return columns, nil
	}
	if len(names) != len(columns) {
		return nil, failf("ASSIGNMENT_ARITY_MISMATCH", "42802",
			"The number of columns assigned or aliased: %d does not match the number of source columns: %d.", len(names), len(columns))
	}
	var out []Column
	for i, c := range columns {
		out = append(out, Column{names[i], c.Type})
	}
	return out, nil
}

func (a *analyzer) join(j *Join, sc *scope) (string, error) {
	first := len(sc.relations)
	l, err := a.from(j.L, sc)
	if err != nil {
		return "", err
	}
	split := len(sc.relations)
	r, err := a.from(j.R, sc)
	if err != nil {
		return "", err
	}
	on := "TRUE"
	switch {
	case j.On != nil:
		t, err := a.context(sc).boolean(j.On)
		if err != nil {
			return "", err
		}
		on = t.sql
	case j.Using != nil:
		if on, err = a.using(j, sc, first, split); err != nil {
			return "", err
		}
	}
	switch j.Kind {
	case "SEMI", "ANTI":
		sc.relations = sc.relations[:split]
		not := ""
		if j.Kind == "ANTI" {
			not = "NOT "
		}
		// The left side stays a relation of its own; the condition is part of the join.
		return fmt.Sprintf("%s JOIN (SELECT 1) ON %sEXISTS (SELECT 1 FROM %s WHERE %s)", l, not, r, on), nil
	case "CROSS":
		return fmt.Sprintf("%s CROSS JOIN %s", l, parenthesized(j.R, r)), nil
	}
	return fmt.Sprintf("%s %s JOIN %s ON %s", l, j.Kind, parenthesized(j.R, r), on), nil
}

func parenthesized(r any, sql string) string {
	if _, ok := r.(*Join); ok {
		return "(" + sql + ")"
	}
	return sql
}

// using joins on columns of the same name, of which the left one remains; in outer joins the one that is there.
func (a *analyzer) using(j *Join, sc *scope, first, split int) (string, error) {
	var on []string
	for _, name := range j.Using {
		l, r := find(sc.relations[first:split], name), find(sc.relations[split:], name)
		if l == nil || r == nil {
			return "", failf("UNRESOLVED_USING_COLUMN_FOR_JOIN", "42703", "USING column `%s` cannot be resolved on both sides of the join.", name)
		}
		x, y, err := comparable("=", typed{sql: l.sql, typ: l.typ}, typed{sql: r.sql, typ: r.typ}, name)
		if err != nil {
			return "", err
		}
		on = append(on, x.sql+" = "+y.sql)
		switch j.Kind {
		case "RIGHT":
			l.sql = r.sql
		case "FULL":
			l.sql = fmt.Sprintf("coalesce(%s, %s)", l.sql, r.sql)
		}
		r.merged = true
	}
	return strings.Join(on, " AND "), nil
}

func find(relations []*relation, name string) *bound {
	for _, r := range relations {
		for i := range r.columns {
			if !r.columns[i].merged && strings.EqualFold(r.columns[i].name, name) {
				return &r.columns[i]
			}
		}
	}
	return nil
}

// lateral translates explode and its kin: a relation that is made for each row of those before it.
func (a *analyzer) lateral(v LateralView, sc *scope) (string, error) {
	x, err := a.context(sc).expr(v.X)
	if err != nil {
		return "", err
	}
	r := &relation{sqlite: fmt.Sprintf("r%d", a.count), alias: strings.ToLower(v.Alias)}
	a.count++
	if r.columns, err = generated(v, x, r.sqlite); err != nil {
		return "", err
	}
	if v.Columns != nil {
		if len(v.Columns) != len(r.columns) {
			return "", failf("UDTF_ALIAS_NUMBER_MISMATCH", "42802",
				"The number of aliases supplied in the AS clause does not match the number of columns output by the UDTF. Expected %d aliases, but got "+
					"%s.", len(r.columns), strings.Join(v.Columns, ","))
		}
		for i, n := range v.Columns {
			r.columns[i].name = n
		}
	}
	sc.relations = append(sc.relations, r)
	return fmt.Sprintf("json_each(dbx_container(%s)) AS %s", x.sql, r.sqlite), nil
}

// generated are the columns that a generator makes.
func generated(v LateralView, x typed, alias string) ([]bound, error) {
	at := func(t Type) string { return fmt.Sprintf("dbx_at(%s, %s.key, %s)", x.sql, alias, kindArgument(t)) }
	position := bound{name: "pos", sql: fmt.Sprintf("dbx_position(%s, %s.key)", x.sql, alias), typ: Int}
	var out []bound
	switch {
	case v.Function == "VARIANT_EXPLODE" && x.typ.Kind == "VARIANT":
		key := fmt.Sprintf("CASE typeof(%s.key) WHEN 'text' THEN %s.key END", alias, alias)
		return []bound{position, {name: "key", sql: key, typ: String}, {name: "value", sql: "coalesce(" + at(Variant) + ", 'null')", typ: Variant}}, nil
	case v.Function == "VARIANT_EXPLODE":
	case x.typ.Kind == "ARRAY":
		out = []bound{{name: "col", sql: at(*x.typ.Elem), typ: *x.typ.Elem}}
	case x.typ.Kind == "MAP":
		out = []bound{{name: "key", sql: alias + ".key", typ: *x.typ.Key}, {name: "value", sql: at(*x.typ.Elem), typ: *x.typ.Elem}}
	}
	if out == nil {
		return nil, mismatch(pretty(&Call{Name: v.Function, Args: []Expr{v.X}}),
			"The first parameter requires another type, however \"%s\" has the type \"%s\"", pretty(v.X), x.typ.SQL())
	}
	if v.Function == "POSEXPLODE" {
		out = append([]bound{position}, out...)
	}
	return out, nil
}
