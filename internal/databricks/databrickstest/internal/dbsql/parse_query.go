package dbsql

import "strings"

// ParseQuery reads a query.
func ParseQuery(source string) (*Query, error) {
	p, err := newParser(source)
	if err != nil {
		return nil, err
	}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	p.take(";")
	if !p.done() {
		return nil, p.unexpected()
	}
	return q, nil
}

func (p *parser) query() (*Query, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	q := &Query{}
	if p.takeWord("WITH") {
		for {
			var c CTE
			var err error
			if c.Name, err = p.identifier(); err != nil {
				return nil, err
			}
			if p.is("(") {
				if c.Columns, err = p.names(); err != nil {
					return nil, err
				}
			}
			p.takeWord("AS")
			if err = p.expect("("); err != nil {
				return nil, err
			}
			if c.Query, err = p.query(); err != nil {
				return nil, err
			}
			if err = p.expect(")"); err != nil {
				return nil, err
			}
			q.With = append(q.With, c)
			if !p.take(",") {
				break
			}
		}
	}
	var err error
	if q.Body, err = p.setOperations(); err != nil {
		return nil, err
	}
	if p.takeWords("ORDER", "BY") {
		if p.takeWord("ALL") {
			q.OrderAll = true
		} else if q.Order, err = p.order(); err != nil {
			return nil, err
		}
	}
	if p.takeWord("LIMIT") && !p.takeWord("ALL") {
		if q.Limit, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.takeWord("OFFSET") {
		if q.Offset, err = p.expr(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (p *parser) setOperations() (any, error) {
	l, err := p.queryPrimary()
	for err == nil {
		op := strings.ToUpper(p.tok().text)
		if p.tok().kind != word || op != "UNION" && op != "INTERSECT" && op != "EXCEPT" && op != "MINUS" {
			break
		}
		p.at++
		if op == "MINUS" {
			op = "EXCEPT"
		}
		if p.takeWord("ALL") {
			if op != "UNION" {
				return nil, unsupported("%s ALL", op)
			}
			op = "UNION ALL"
		} else {
			p.takeWord("DISTINCT")
		}
		var r any
		r, err = p.queryPrimary()
		l = &SetOperation{op, l, r}
	}
	return l, err
}

func (p *parser) queryPrimary() (any, error) {
	switch {
	case p.take("("):
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return q, p.expect(")")
	case p.takeWord("VALUES"):
		return p.values()
	case p.takeWord("SELECT"):
		return p.selectBody()
	}
	return nil, p.unexpected()
}

func (p *parser) values() (any, error) {
	v := &Values{}
	for {
		if p.take("(") {
			row, err := p.list()
			if err != nil {
				return nil, err
			}
			if err = p.expect(")"); err != nil {
				return nil, err
			}
			v.Rows = append(v.Rows, row)
		} else {
			x, err := p.expr()
			if err != nil {
				return nil, err
			}
			v.Rows = append(v.Rows, []Expr{x})
		}
		if !p.take(",") {
			return v, nil
		}
	}
}

func (p *parser) selectBody() (any, error) {
	s := &Select{}
	if s.Distinct = p.takeWord("DISTINCT"); !s.Distinct {
		p.takeWord("ALL")
	}
	for {
		item, err := p.item()
		if err != nil {
			return nil, err
		}
		s.Items = append(s.Items, item)
		if !p.take(",") {
			break
		}
	}
	var err error
	if p.takeWord("FROM") {
		for {
			r, err := p.relation()
			if err != nil {
				return nil, err
			}
			s.From = append(s.From, r)
			if !p.take(",") {
				break
			}
		}
	}
	for p.takeWords("LATERAL", "VIEW") {
		v, err := p.lateralView()
		if err != nil {
			return nil, err
		}
		s.Views = append(s.Views, v)
	}
	if p.takeWord("WHERE") {
		if s.Where, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.takeWords("GROUP", "BY") {
		if p.takeWord("ALL") {
			s.GroupAll = true
		} else if s.Group, err = p.list(); err != nil {
			return nil, err
		}
	}
	if p.takeWord("HAVING") {
		if s.Having, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.takeWord("QUALIFY") {
		if s.Qualify, err = p.expr(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (p *parser) item() (Item, error) {
	if p.take("*") {
		s, err := p.star(nil)
		return Item{X: s}, err
	}
	x, err := p.expr()
	if err != nil {
		return Item{}, err
	}
	if s, ok := x.(*Star); ok {
		return Item{X: s}, nil
	}
	alias, err := p.alias()
	return Item{x, alias}, err
}
