package dbsql

import (
	"fmt"
	"strconv"
	"strings"
)

func (c ctx) ungrouped(name string) *Error {
	if len(c.groups) == 0 {
		return failf("MISSING_GROUP_BY", "42803",
			"The query does not include a GROUP BY clause. Add GROUP BY or turn it into the window functions using OVER clauses.")
	}
	return failf("MISSING_AGGREGATION", "42803",
		"The non-aggregating expression \"%s\" is based on columns which are not participating in the GROUP BY clause. Add the columns or the expression to "+
			"the GROUP BY, aggregate the expression, or use \"any_value(%s)\" if you do not care which of the values within a group is returned.", name, name)
}

// has reports whether a name is a column here.
func (s *scope) has(name string) bool { return find(s.relations, name) != nil }

// name resolves a chain of identifiers: an alias and a column, or a column, then fields.
func (c ctx) name(n *Name) (typed, error) {
	for sc := c.sc; sc != nil; sc = sc.outer {
		b, rest, err := sc.resolve(n.Parts)
		if err != nil {
			return typed{}, err
		}
		if b == nil {
			continue
		}
		if c.groups != nil && sc == c.sc {
			return c.fieldOfGroup(n, len(n.Parts)-len(rest))
		}
		t := typed{b.sql, b.typ}
		for _, f := range rest {
			if t, err = field(t, f, n); err != nil {
				return t, err
			}
		}
		return t, nil
	}
	if x, ok := c.aliases[strings.ToLower(n.Parts[0])]; ok { // an alias of the same SELECT list
		out := x
		for _, f := range n.Parts[1:] {
			out = &Dot{out, f}
		}
		return c.expr(out)
	}
	return typed{}, c.unresolved(n)
}

// unresolved proposes the columns that there are.
func (c ctx) unresolved(n *Name) *Error {
	var known []string
	for _, r := range c.sc.relations {
		for _, b := range r.columns {
			known = append(known, "`"+b.name+"`")
		}
	}
	name := strings.Join(n.Parts, "`.`")
	if known == nil {
		return failf("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", "A column with name `%s` cannot be resolved.", name)
	}
	return failf("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703",
		"A column with name `%s` cannot be resolved. Did you mean one of the following? [%s].", name, strings.Join(known, ", "))
}

// fieldOfGroup allows a field of a column that is grouped by.
func (c ctx) fieldOfGroup(n *Name, column int) (typed, error) {
	for end := len(n.Parts) - 1; end >= column; end-- {
		raw := c
		raw.groups = nil
		t, err := raw.name(&Name{n.Parts[:end]})
		if err != nil {
			return t, err
		}
		if c.groups[t.sql] {
			for _, f := range n.Parts[end:] {
				if t, err = field(t, f, n); err != nil {
					return t, err
				}
			}
			return t, nil
		}
	}
	return typed{}, c.ungrouped(strings.Join(n.Parts, "."))
}

// resolve finds the column that the first parts name; the rest are fields.
func (s *scope) resolve(parts []string) (*bound, []string, error) {
	var found *bound
	var rest []string
	for qualifier := min(3, len(parts)-1); qualifier >= 0 && found == nil; qualifier-- {
		for _, r := range s.relations {
			if qualifier > 0 && !r.named(parts[:qualifier]) {
				continue
			}
			for i := range r.columns {
				b := &r.columns[i]
				if !strings.EqualFold(b.name, parts[qualifier]) || b.merged && qualifier == 0 {
					continue
				}
				if found != nil {
					return nil, nil, failf("AMBIGUOUS_REFERENCE", "42704", "Reference `%s` is ambiguous.", strings.Join(parts, "`.`"))
				}
				found, rest = b, parts[qualifier+1:]
			}
		}
	}
	return found, rest, nil
}

// field is x.name of a STRUCT or MAP.
func field(x typed, name string, e Expr) (typed, error) {
	switch x.typ.Kind {
	case "STRUCT":
		for _, f := range x.typ.Fields {
			if strings.EqualFold(f.Name, name) {
				return at(x, quote(f.Name), f.Type), nil
			}
		}
		return typed{}, failf("FIELD_NOT_FOUND", "42704", "No such struct field `%s` in %s.", name, x.typ.SQL())
	case "MAP":
		return at(x, quote(name), *x.typ.Elem), nil
	case "ARRAY": // of each element
		if x.typ.Elem.Kind != "STRUCT" {
			break
		}
		for _, f := range x.typ.Elem.Fields {
			if strings.EqualFold(f.Name, name) {
				return typed{fmt.Sprintf("dbx_pluck(%s, %s)", x.sql, quote(f.Name)), Type{Kind: "ARRAY", Elem: &f.Type}}, nil
			}
		}
		return typed{}, failf("FIELD_NOT_FOUND", "42704", "No such struct field `%s` in %s.", name, x.typ.Elem.SQL())
	}
	return typed{}, failf("INVALID_EXTRACT_BASE_FIELD_TYPE", "42000",
		"Can't extract a value from \"%s\". Need a complex type [STRUCT, ARRAY, MAP] but got \"%s\".", pretty(e), x.typ.SQL())
}

// at takes an element out of JSON text.
func at(x typed, key string, t Type) typed {
	return typed{fmt.Sprintf("dbx_at(%s, %s, %s)", x.sql, key, kindArgument(t)), t}
}

// kindArgument tells functions of SQLite what an element is: what stays JSON, and what becomes a value.
func kindArgument(t Type) string {
	if t.nested() || t.Kind == "VARIANT" {
		return "'JSON'"
	}
	return "'" + t.Kind + "'"
}

func (c ctx) index(e *Index) (typed, error) {
	x, err := c.expr(e.X)
	if err != nil {
		return x, err
	}
	i, err := c.expr(e.I)
	if err != nil {
		return i, err
	}
	switch {
	case x.typ.Kind == "ARRAY" && i.typ.integer():
		return typed{fmt.Sprintf("dbx_element(%s, %s, %s)", x.sql, i.sql, kindArgument(*x.typ.Elem)), *x.typ.Elem}, nil
	case x.typ.Kind == "MAP":
		return at(x, i.sql, *x.typ.Elem), nil
	case x.typ.Kind == "STRUCT" && i.typ.Kind == "STRING":
		if l, ok := e.I.(*Literal); ok {
			return field(x, l.Value.(string), e)
		}
	}
	return typed{}, failf("INVALID_EXTRACT_BASE_FIELD_TYPE", "42000",
		"Can't extract a value from \"%s\". Need a complex type [STRUCT, ARRAY, MAP] but got \"%s\".", pretty(e.X), x.typ.SQL())
}

// path is x:a.b[0] over VARIANT, or over JSON in a STRING.
func (c ctx) path(e *Path) (typed, error) {
	x, err := c.expr(e.X)
	if err != nil {
		return x, err
	}
	p := "$"
	for _, s := range e.Steps {
		switch s := s.(type) {
		case string:
			p += "[" + strconv.Quote(s) + "]"
		case int:
			p += fmt.Sprintf("[%d]", s)
		}
	}
	switch x.typ.Kind {
	case "VARIANT":
		return typed{fmt.Sprintf("dbx_variant_get(%s, %s, 'VARIANT', 0)", x.sql, quote(p)), Variant}, nil
	case "STRING":
		return typed{fmt.Sprintf("dbx_get_json_object(%s, %s)", x.sql, quote(p)), String}, nil
	}
	return typed{}, mismatch(pretty(e), "The operator `:` needs a VARIANT or a STRING, however \"%s\" has the type \"%s\"", pretty(e.X), x.typ.SQL())
}
