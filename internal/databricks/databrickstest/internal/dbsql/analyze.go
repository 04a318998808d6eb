package dbsql

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Column is a column of a relation.
type Column struct {
	Name string
	Type Type
}

// Relation is what a name in FROM means: a table of SQLite, whose columns are c0, c1 … in the order of Columns, or the query of a view.
type Relation struct {
	Name    []string // in full; empty means the name as written
	Columns []Column
	SQLite  string
	View    *Query
	Env     *Env // what the view's query is translated in: the rights of its owner; nil means those of the query
}

// Value is what a parameter is bound to. A nil Text is NULL.
type Value struct {
	Text *string
	Type Type
}

// Env is what a query is translated in.
type Env struct {
	// Relation finds a table or view; its error is the statement's.
	Relation func(parts []string) (*Relation, error)
	Now      time.Time
	User     string
	Params   map[string]Value
}

// Plan is a translated query: its columns lie in SQLite's result in the same order.
type Plan struct {
	SQL     string
	Columns []Column
}

// Translate checks a query and writes it for SQLite.
func Translate(q *Query, env *Env) (*Plan, error) {
	a := &analyzer{env: env}
	r, err := a.query(q, nil, nil)
	if err != nil {
		return nil, err
	}
	for _, c := range r.columns {
		if c.Type.Kind == interval.Kind || c.Type.Kind == months.Kind {
			return nil, unsupported("intervals as results")
		}
	}
	return &Plan{r.sql, r.columns}, nil
}

// Condition checks a condition over one table, for DELETE, and writes it for SQLite; the table is r0 there.
func Condition(x Expr, name []string, env *Env) (string, error) {
	a := &analyzer{env: env}
	rel, err := env.Relation(name)
	if err != nil {
		return "", err
	}
	sc := &scope{relations: []*relation{a.relation(rel.Columns, name[len(name)-1], name)}}
	t, err := a.context(sc).boolean(x)
	return t.sql, err
}

type analyzer struct {
	env   *Env
	count int // of relations, for their names
	depth int // of views
}

// result is a translated query. Its columns are c0, c1 …
type result struct {
	sql     string
	columns []Column
}

// relation is something in FROM.
type relation struct {
	sqlite  string   // its alias there
	alias   string   // as written, lower-case
	parts   []string // the name as written, lower-case
	columns []bound
}

// bound is a column in scope.
type bound struct {
	name   string
	sql    string
	typ    Type
	merged bool // by USING: only reachable with its table
}

type scope struct {
	relations []*relation
	outer     *scope
	ctes      map[string]*CTE
}

func (a *analyzer) context(sc *scope) ctx { return ctx{a: a, sc: sc} }

// relation names a relation with columns c0, c1 …
func (a *analyzer) relation(columns []Column, alias string, parts []string) *relation {
	r := &relation{sqlite: fmt.Sprintf("r%d", a.count), alias: strings.ToLower(alias)}
	a.count++
	for _, p := range parts {
		r.parts = append(r.parts, strings.ToLower(p))
	}
	for i, c := range columns {
		r.columns = append(r.columns, bound{name: c.Name, sql: fmt.Sprintf("%s.c%d", r.sqlite, i), typ: c.Type})
	}
	return r
}

// query translates a query; outer is what a subquery can see besides.
func (a *analyzer) query(q *Query, outer *scope, ctes map[string]*CTE) (result, error) {
	if a.depth++; a.depth > 64 {
		return result{}, failf("VIEW_EXCEED_MAX_NESTED_DEPTH", "54K00", "Views or subqueries are nested too deeply.")
	}
	defer func() { a.depth-- }()
	if len(q.With) > 0 {
		all := maps.Clone(ctes)
		if all == nil {
			all = map[string]*CTE{}
		}
		for i := range q.With {
			c := q.With[i]
			c.ctes = maps.Clone(all) // those before it, not itself
			all[strings.ToLower(c.Name)] = &c
		}
		ctes = all
	}
	var r result
	var err error
	if s, ok := q.Body.(*Select); ok {
		r, err = a.selection(s, outer, ctes, q)
	} else {
		r, err = a.body(q.Body, outer, ctes)
		if err == nil && (len(q.Order) > 0 || q.OrderAll) {
			r, err = a.ordered(r, q, outer)
		}
	}
	if err != nil {
		return r, err
	}
	for _, l := range []struct {
		word string
		x    Expr
	}{{"LIMIT", q.Limit}, {"OFFSET", q.Offset}} {
		if l.x == nil {
			continue
		}
		t, err := a.context(&scope{}).expr(l.x)
		if err != nil {
			return r, err
		}
		if !t.typ.integer() {
			return r, failf("INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE", "42K0E",
				"The limit like expression \"%s\" is invalid. The %s expression must be integer type.", pretty(l.x), strings.ToLower(l.word))
		}
		if l.word == "OFFSET" && q.Limit == nil {
			r.sql += " LIMIT -1"
		}
		r.sql += " " + l.word + " " + t.sql
	}
	return r, nil
}

func (a *analyzer) body(body any, outer *scope, ctes map[string]*CTE) (result, error) {
	switch b := body.(type) {
	case *Select:
		return a.selection(b, outer, ctes, &Query{})
	case *Query:
		return a.query(b, outer, ctes)
	case *Values:
		return a.values(b)
	case *SetOperation:
		l, err := a.body(b.L, outer, ctes)
		if err != nil {
			return l, err
		}
		r, err := a.body(b.R, outer, ctes)
		if err != nil {
			return r, err
		}
		return a.union(b.Op, l, r)
	}
	return result{}, unsupported("this query")
}

// union brings both sides to common types.
func (a *analyzer) union(op string, l, r result) (result, error) {
	if len(l.columns) != len(r.columns) {
		return l, failf("NUM_COLUMNS_MISMATCH", "42826",
			"%s can only be performed on inputs with the same number of columns, but the first input has %d columns and the second input has %d "+
				"columns.", op, len(l.columns), len(r.columns))
	}
	out := result{}
	var sides [2][]string
	for i := range l.columns {
		t, ok := common(l.columns[i].Type, r.columns[i].Type)
		if !ok {
			return l, failf("INCOMPATIBLE_COLUMN_TYPE", "42825",
				"%s can only be performed on tables with compatible column types. The column number %d has %s on one side and %s on the "+
					"other.", op, i+1, l.columns[i].Type.SQL(), r.columns[i].Type.SQL())
		}
		if op != "UNION ALL" && !t.orderable() {
			return l, failf("UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE", "0A000",
				"Cannot compare the column %s of type %s in a set operation.", l.columns[i].Name, t.SQL())
		}
		out.columns = append(out.columns, Column{l.columns[i].Name, t})
		for side, c := range []Column{l.columns[i], r.columns[i]} {
			x := cast(typed{sql: fmt.Sprintf("c%d", i), typ: c.Type}, t, false)
			sides[side] = append(sides[side], fmt.Sprintf("%s AS c%d", x.sql, i))
		}
	}
	out.sql = fmt.Sprintf("SELECT %s FROM (%s) %s SELECT %s FROM (%s)", strings.Join(sides[0], ", "), l.sql, op, strings.Join(sides[1], ", "), r.sql)
	return out, nil
}

// ordered sorts the result of a set operation by its columns.
func (a *analyzer) ordered(r result, q *Query, outer *scope) (result, error) {
	rel := a.relation(r.columns, "", nil)
	c := a.context(&scope{relations: []*relation{rel}, outer: outer})
	var order []string
	if q.OrderAll {
		for i := range r.columns {
			order = append(order, fmt.Sprint(i+1))
		}
	}
	for _, o := range q.Order {
		if n, ok := ordinal(o.X, len(r.columns)); ok {
			o.X = &Name{[]string{r.columns[n].Name}}
		}
		t, err := c.expr(o.X)
		if err != nil {
			return r, err
		}
		sql, err := orderSQL(t, o)
		if err != nil {
			return r, err
		}
		order = append(order, sql)
	}
	var list []string
	for i := range r.columns {
		list = append(list, fmt.Sprintf("%s.c%d AS c%d", rel.sqlite, i, i))
	}
	r.sql = fmt.Sprintf("SELECT %s FROM (%s) AS %s ORDER BY %s", strings.Join(list, ", "), r.sql, rel.sqlite, strings.Join(order, ", "))
	return r, nil
}

func (a *analyzer) values(v *Values) (result, error) {
	var out result
	var rows [][]typed
	for _, row := range v.Rows {
		var line []typed
		for _, x := range row {
			t, err := a.context(&scope{}).expr(x)
			if err != nil {
				return out, err
			}
			line = append(line, t)
		}
		if len(rows) > 0 && len(line) != len(rows[0]) {
			return out, failf("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH", "42000",
				"Inline table expected %d columns but found %d columns.", len(rows[0]), len(line))
		}
		rows = append(rows, line)
	}
	for i := range rows[0] {
		t := rows[0][i].typ
		for _, row := range rows {
			var ok bool
			if t, ok = common(t, row[i].typ); !ok {
				return out, failf("INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE", "42000",
					"Found incompatible types in the column %d of the inline table.", i+1)
			}
		}
		out.columns = append(out.columns, Column{fmt.Sprintf("col%d", i+1), t})
	}
	var selects []string
	for _, row := range rows {
		var list []string
		for i, x := range row {
			list = append(list, fmt.Sprintf("%s AS c%d", cast(x, out.columns[i].Type, false).sql, i))
		}
		selects = append(selects, "SELECT "+strings.Join(list, ", "))
	}
	out.sql = strings.Join(selects, " UNION ALL ")
	return out, nil
}

// ordinal reads a position in ORDER BY or GROUP BY.
func ordinal(x Expr, columns int) (int, bool) {
	l, ok := x.(*Literal)
	if !ok || !l.Type.integer() {
		return 0, false
	}
	n := int(l.Value.(int64))
	return n - 1, n >= 1 && n <= columns
}

func orderSQL(t typed, o Order) (string, error) {
	if !t.typ.orderable() {
		return "", failf("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "42K09",
			"Cannot resolve \"%s\" due to data type mismatch: The `sortorder` does not support ordering on type \"%s\".", pretty(o.X), t.typ.SQL())
	}
	sql := t.sql
	if o.Descending {
		sql += " DESC"
	}
	if o.Nulls != "" {
		sql += " NULLS " + o.Nulls
	}
	return sql, nil
}
