package dbsql

import "strings"

func (p *parser) relation() (any, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	l, err := p.relationPrimary()
	for err == nil {
		kind, ok := p.joinKind()
		if !ok {
			break
		}
		j := &Join{Kind: kind, L: l}
		if j.R, err = p.relationPrimary(); err != nil {
			return nil, err
		}
		switch {
		case p.takeWord("ON"):
			j.On, err = p.expr()
		case p.takeWord("USING"):
			j.Using, err = p.names()
		case kind != "CROSS" && kind != "INNER":
			err = p.unexpected()
		}
		l = j
	}
	return l, err
}

func (p *parser) joinKind() (string, bool) {
	for _, k := range []struct {
		words []string
		kind  string
	}{
		{[]string{"JOIN"}, "INNER"}, {[]string{"INNER", "JOIN"}, "INNER"}, {[]string{"CROSS", "JOIN"}, "CROSS"}, {[]string{"LEFT", "JOIN"}, "LEFT"},
		{[]string{"LEFT", "OUTER", "JOIN"}, "LEFT"}, {[]string{"RIGHT", "JOIN"}, "RIGHT"}, {[]string{"RIGHT", "OUTER", "JOIN"}, "RIGHT"}, {[]string{"FULL",
			"JOIN"}, "FULL"},
		{[]string{"FULL", "OUTER", "JOIN"}, "FULL"}, {[]string{"LEFT", "SEMI", "JOIN"}, "SEMI"}, {[]string{"SEMI", "JOIN"}, "SEMI"}, {[]string{"LEFT",
			"ANTI", "JOIN"}, "ANTI"},
		{[]string{"ANTI", "JOIN"}, "ANTI"},
	} {
		if p.takeWords(k.words...) {
			return k.kind, true
		}
	}
	return "", false
}

func (p *parser) relationPrimary() (any, error) {
	if p.take("(") {
		if p.isWords("SELECT") || p.isWords("WITH") || p.isWords("VALUES") || p.is("(") {
			q, err := p.query()
			if err == nil {
				err = p.expect(")")
			}
			if err != nil {
				return nil, err
			}
			alias, columns, err := p.tableAlias()
			return &Derived{q, alias, columns}, err
		}
		r, err := p.relation()
		if err != nil {
			return nil, err
		}
		return r, p.expect(")")
	}
	if p.takeWord("VALUES") {
		v, err := p.values()
		if err != nil {
			return nil, err
		}
		alias, columns, err := p.tableAlias()
		return &Derived{&Query{Body: v}, alias, columns}, err
	}
	if p.takeWord("LATERAL") {
		v, err := p.generator()
		if err != nil {
			return nil, err
		}
		v.Alias, v.Columns, err = p.tableAlias()
		return &v, err
	}
	t := &Table{}
	closing := p.isWords("STREAM") && p.peek(1).text == "(" // STREAM(t): in a query, what is there by now
	if closing {
		p.at += 2
	} else if p.isWords("STREAM") && (p.peek(1).kind == word || p.peek(1).kind == quoted) {
		p.at++
	}
	var err error
	if t.Parts, err = p.name(); err != nil {
		return nil, err
	}
	if closing {
		if err = p.expect(")"); err != nil {
			return nil, err
		}
	}
	if p.is("(") {
		return nil, unsupported("the table function %s", strings.Join(t.Parts, "."))
	}
	t.Alias, t.Columns, err = p.tableAlias()
	return t, err
}

func (p *parser) tableAlias() (string, []string, error) {
	alias, err := p.alias()
	if err != nil || alias == "" || !p.is("(") {
		return alias, nil, err
	}
	columns, err := p.names()
	return alias, columns, err
}

func (p *parser) lateralView() (LateralView, error) {
	outer := p.takeWord("OUTER")
	v, err := p.generator()
	if err != nil {
		return v, err
	}
	v.Outer = outer
	if !p.isWords("AS") {
		if v.Alias, err = p.identifier(); err != nil {
			return v, err
		}
	}
	if p.takeWord("AS") {
		for {
			n, err := p.identifier()
			if err != nil {
				return v, err
			}
			v.Columns = append(v.Columns, n)
			if !p.take(",") {
				break
			}
		}
	}
	return v, nil
}

// generator reads a function that makes rows.
func (p *parser) generator() (LateralView, error) {
	x, err := p.primary()
	if err != nil {
		return LateralView{}, err
	}
	c, ok := x.(*Call)
	if !ok || len(c.Args) != 1 || c.Name != "EXPLODE" && c.Name != "POSEXPLODE" && c.Name != "VARIANT_EXPLODE" {
		return LateralView{}, unsupported("the generator %s", pretty(x))
	}
	return LateralView{Function: c.Name, X: c.Args[0]}, nil
}
