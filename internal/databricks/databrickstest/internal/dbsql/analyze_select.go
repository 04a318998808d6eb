package dbsql

import (
	"fmt"
	"slices"
	"strings"
)

// selection translates one SELECT with the ORDER BY of its query.
func (a *analyzer) selection(s *Select, outer *scope, ctes map[string]*CTE, q *Query) (result, error) {
	sc := &scope{outer: outer, ctes: ctes}
	from, err := a.source(s, sc)
	if err != nil {
		return result{}, err
	}
	c := a.context(sc)
	where := ""
	if s.Where != nil {
		if hasAggregate(s.Where) {
			return result{}, failf("INVALID_WHERE_CONDITION", "42903",
				"The WHERE condition \"%s\" contains invalid expressions: aggregate functions are not allowed there.", pretty(s.Where))
		}
		t, err := c.boolean(s.Where)
		if err != nil {
			return result{}, err
		}
		where = " WHERE " + t.sql
	}
	items, err := expand(s.Items, sc)
	if err != nil {
		return result{}, err
	}
	group, c, err := a.grouping(s, q, items, c)
	if err != nil {
		return result{}, err
	}
	out := result{}
	var list []string
	c.aliases = map[string]Expr{}
	for i, item := range items {
		t, err := c.expr(item.X)
		if err != nil {
			return out, err
		}
		if s.Distinct && !t.typ.orderable() {
			return out, failf("UNSUPPORTED_FEATURE.SET_OPERATION_ON_VARIANT_TYPE", "0A000",
				"Cannot have columns of type %s in a DataFrame which calls DISTINCT, but the column `%s` is one.", t.typ.SQL(), name(item))
		}
		list = append(list, fmt.Sprintf("%s AS c%d", t.sql, i))
		out.columns = append(out.columns, Column{name(item), t.typ})
		if item.Alias != "" {
			c.aliases[strings.ToLower(item.Alias)] = item.X
		}
	}
	having := ""
	if s.Having != nil {
		t, err := c.boolean(s.Having)
		if err != nil {
			return out, err
		}
		having = " HAVING " + t.sql
	}
	order, err := a.orderBy(q, items, c)
	if err != nil {
		return out, err
	}
	word := "SELECT "
	if s.Distinct {
		word += "DISTINCT "
	}
	if s.Qualify == nil {
		out.sql = word + strings.Join(list, ", ") + from + where + group + having
		if len(order) > 0 {
			out.sql += " ORDER BY " + strings.Join(order, ", ")
		}
		return out, nil
	}
	t, err := c.boolean(s.Qualify)
	if err != nil {
		return out, err
	}
	return qualified(out, word, list, from+where+group+having, t.sql, order), nil
}

// qualified filters by window functions: one level further out.
func qualified(out result, word string, list []string, rest, condition string, order []string) result {
	inner := append(slices.Clone(list), condition+" AS q")
	var outer, by []string
	for i := range list {
		outer = append(outer, fmt.Sprintf("c%d", i))
	}
	for i, o := range order {
		x, tail := o, ""
		for _, suffix := range []string{" NULLS FIRST", " NULLS LAST", " DESC"} {
			if cut, ok := strings.CutSuffix(x, suffix); ok {
				x, tail = cut, suffix+tail
			}
		}
		inner = append(inner, fmt.Sprintf("%s AS o%d", x, i))
		by = append(by, fmt.Sprintf("o%d%s", i, tail))
	}
	out.sql = fmt.Sprintf("%s%s FROM (SELECT %s%s) WHERE q", word, strings.Join(outer, ", "), strings.Join(inner, ", "), rest)
	if len(by) > 0 {
		out.sql += " ORDER BY " + strings.Join(by, ", ")
	}
	return out
}

// source translates FROM and LATERAL VIEW.
func (a *analyzer) source(s *Select, sc *scope) (string, error) {
	var parts []string
	for _, r := range s.From {
		sql, err := a.from(r, sc)
		if err != nil {
			return "", err
		}
		parts = append(parts, parenthesized(r, sql))
	}
	if parts == nil {
		return "", nil
	}
	from := " FROM " + strings.Join(parts, " CROSS JOIN ")
	for _, v := range s.Views {
		sql, err := a.lateral(v, sc)
		if err != nil {
			return "", err
		}
		join := " JOIN "
		if v.Outer {
			join = " LEFT JOIN "
		}
		from += join + sql
	}
	return from, nil
}

// expand replaces stars by columns.
func expand(items []Item, sc *scope) ([]Item, error) {
	var out []Item
	for _, item := range items {
		star, ok := item.X.(*Star)
		if !ok {
			out = append(out, item)
			continue
		}
		found := false
		for _, r := range sc.relations {
			if star.Of != nil && !r.named(star.Of) {
				continue
			}
			found = true
			for i := range r.columns {
				b := &r.columns[i]
				if !b.merged && !slices.ContainsFunc(star.Except, func(n string) bool { return strings.EqualFold(n, b.name) }) {
					out = append(out, Item{X: b, Alias: b.name})
				}
			}
		}
		if !found {
			return nil, failf("CANNOT_RESOLVE_STAR_EXPAND", "42704", "Cannot resolve `%s`.* given input columns.", strings.Join(star.Of, "`.`"))
		}
	}
	return out, nil
}

// named reports whether a relation is meant by a qualifier: its alias, or the end of its full name.
func (r *relation) named(parts []string) bool {
	if len(parts) == 1 && r.alias != "" && strings.EqualFold(parts[0], r.alias) {
		return true
	}
	if len(parts) > len(r.parts) || len(parts) < 2 || r.alias != r.parts[len(r.parts)-1] {
		return false
	}
	for i, p := range parts {
		if !strings.EqualFold(p, r.parts[len(r.parts)-len(parts)+i]) {
			return false
		}
	}
	return true
}

// grouping translates GROUP BY. The context that it returns knows what may stand in the SELECT list.
func (a *analyzer) grouping(s *Select, q *Query, items []Item, c ctx) (string, ctx, error) {
	aggregated := s.Having != nil && hasAggregate(s.Having) || s.Qualify != nil && hasAggregate(s.Qualify)
	for _, item := range items {
		aggregated = aggregated || hasAggregate(item.X)
	}
	for _, o := range q.Order {
		aggregated = aggregated || hasAggregate(o.X)
	}
	if s.Group == nil && !s.GroupAll && !aggregated {
		if s.Having != nil {
			return "", c, unsupported("HAVING without GROUP BY or an aggregate function")
		}
		return "", c, nil
	}
	group := s.Group
	if s.GroupAll {
		for _, item := range items {
			if !hasAggregate(item.X) {
				group = append(group, item.X)
			}
		}
	}
	set := map[string]bool{}
	var list []string
	for _, x := range group {
		if _, isLiteral := x.(*Literal); isLiteral {
			n, ok := ordinal(x, len(items))
			if !ok {
				return "", c, failf("GROUP_BY_POS_OUT_OF_RANGE", "42805",
					"GROUP BY position %s is not in select list (valid range is [1, %d]).", pretty(x), len(items))
			}
			x = items[n].X
		} else if n, ok := x.(*Name); ok && len(n.Parts) == 1 && !c.sc.has(n.Parts[0]) {
			if i := slices.IndexFunc(items, func(item Item) bool { return strings.EqualFold(item.Alias, n.Parts[0]) }); i >= 0 {
				x = items[i].X
			}
		}
		if hasAggregate(x) {
			return "", c, failf("GROUP_BY_AGGREGATE", "42903", "Aggregate functions are not allowed in GROUP BY, but found %s.", pretty(x))
		}
		t, err := c.expr(x)
		if err != nil {
			return "", c, err
		}
		if !t.typ.orderable() {
			return "", c, failf("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE", "42822",
				"The expression \"%s\" cannot be used as a grouping expression because its data type \"%s\" is not an orderable data "+
					"type.", pretty(x), t.typ.SQL())
		}
		set[t.sql] = true
		// A plain number would be a position for SQLite.
		list = append(list, "("+t.sql+")")
	}
	c.groups = set
	if list == nil {
		return "", c, nil
	}
	return " GROUP BY " + strings.Join(list, ", "), c, nil
}

// orderBy translates ORDER BY: positions, names of the SELECT list, or expressions.
func (a *analyzer) orderBy(q *Query, items []Item, c ctx) ([]string, error) {
	order := q.Order
	if q.OrderAll {
		order = nil
		for _, item := range items {
			order = append(order, Order{X: item.X})
		}
	}
	var out []string
	for _, o := range order {
		if l, ok := o.X.(*Literal); ok && l.Type.integer() {
			n, ok := ordinal(o.X, len(items))
			if !ok {
				return nil, failf("ORDER_BY_POS_OUT_OF_RANGE", "42805",
					"ORDER BY position %s is not in select list (valid range is [1, %d]).", pretty(o.X), len(items))
			}
			o.X = items[n].X
		} else if n, ok := o.X.(*Name); ok && len(n.Parts) == 1 {
			if i := slices.IndexFunc(items, func(item Item) bool { return strings.EqualFold(name(item), n.Parts[0]) }); i >= 0 {
				o.X = items[i].X
			}
		}
		t, err := c.expr(o.X)
		if err != nil {
			return nil, err
		}
		sql, err := orderSQL(t, o)
		if err != nil {
			return nil, err
		}
		out = append(out, "+"+sql) // not a position for SQLite
	}
	return out, nil
}

// name is the name of a result column.
func name(item Item) string {
	if item.Alias != "" {
		return item.Alias
	}
	if c, ok := item.X.(*Cast); ok { // of a column: its name
		switch c.X.(type) {
		case *Name, *Dot, *Path:
			return pretty(c.X)
		}
	}
	return pretty(item.X)
}
