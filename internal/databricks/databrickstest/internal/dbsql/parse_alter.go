package dbsql

import "strings"

func (p *parser) drop() (any, error) {
	d := &Drop{Kind: "TABLE"}
	switch {
	case p.takeWord("TABLE"), p.takeWords("STREAMING", "TABLE"):
	case p.takeWord("VIEW"), p.takeWords("MATERIALIZED", "VIEW"):
		d.Kind = "VIEW"
	default:
		return nil, p.unexpected()
	}
	d.IfExists = p.takeWords("IF", "EXISTS")
	var err error
	d.Name, err = p.name()
	return d, err
}

func (p *parser) alter() (any, error) {
	a := &Alter{}
	switch {
	case p.takeWord("TABLE"), p.takeWords("STREAMING", "TABLE"):
		a.Kind = "TABLE"
	case p.takeWord("VIEW"), p.takeWords("MATERIALIZED", "VIEW"):
		a.Kind = "VIEW"
	default:
		return nil, p.unexpected()
	}
	var err error
	if a.Name, err = p.name(); err != nil {
		return nil, err
	}
	switch {
	case p.takeWords("SET", "TBLPROPERTIES"):
		a.Set, err = p.properties()
	case p.takeWords("UNSET", "TBLPROPERTIES"):
		p.takeWords("IF", "EXISTS")
		err = p.expect("(")
		for err == nil {
			var key string
			if key, err = p.propertyKey(); err == nil {
				a.Unset = append(a.Unset, key)
				if !p.take(",") {
					err = p.expect(")")
					break
				}
			}
		}
	case p.takeWords("ADD", "COLUMN"), p.takeWords("ADD", "COLUMNS"):
		if p.is("(") {
			a.Add, err = p.columns(true)
		} else {
			var c ColumnDef
			c, err = p.column(true)
			a.Add = []ColumnDef{c}
		}
	case p.takeWords("SET", "OWNER", "TO"), p.takeWords("OWNER", "TO"):
		a.Owner, err = p.identifier()
	case a.Kind == "VIEW" && p.takeWord("AS"):
		a.Query, a.Text, err = p.queryText()
	default:
		return nil, p.unexpected()
	}
	return a, err
}

func (p *parser) commentOn() (any, error) {
	c := &CommentOn{Kind: strings.ToUpper(p.tok().text)}
	switch c.Kind {
	case "TABLE", "VIEW", "COLUMN", "SCHEMA", "CATALOG":
	default:
		return nil, p.unexpected()
	}
	p.next()
	var err error
	if c.Name, err = p.name(); err == nil {
		err = p.expectWords("IS")
	}
	if err != nil {
		return nil, err
	}
	if p.takeWord("NULL") {
		return c, nil
	}
	c.Text, err = p.text()
	return c, err
}

func (p *parser) grant(revoke bool) (any, error) {
	g := &Grant{Revoke: revoke, Kind: "TABLE"}
	for {
		var words []string
		for p.tok().kind == word && !p.isWords("ON") {
			words = append(words, strings.ToUpper(p.next().text))
		}
		if words == nil {
			return nil, p.unexpected()
		}
		g.Privileges = append(g.Privileges, strings.Join(words, " "))
		if !p.take(",") {
			break
		}
	}
	if err := p.expectWords("ON"); err != nil {
		return nil, err
	}
	switch w := strings.ToUpper(p.tok().text); w {
	case "TABLE", "VIEW", "SCHEMA", "CATALOG":
		g.Kind = w
		p.next()
	}
	var err error
	if g.Name, err = p.name(); err != nil {
		return nil, err
	}
	if !revoke && !p.takeWord("TO") || revoke && !p.takeWord("FROM") {
		return nil, p.unexpected()
	}
	g.Principal, err = p.identifier()
	return g, err
}
