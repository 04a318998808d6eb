package dbsql

import "strings"

// ParseStatement reads one statement: *Query or one of the statements above.
func ParseStatement(source string) (any, error) {
	p, err := newParser(source)
	if err != nil {
		return nil, err
	}
	s, err := p.statement()
	if err != nil {
		return nil, err
	}
	p.take(";")
	if !p.done() {
		return nil, p.unexpected()
	}
	return s, nil
}

func (p *parser) statement() (any, error) {
	switch {
	case p.isWords("SELECT"), p.isWords("WITH"), p.isWords("VALUES"), p.is("("):
		return p.query()
	case p.takeWord("CREATE"):
		return p.create()
	case p.takeWord("DROP"):
		return p.drop()
	case p.takeWord("ALTER"):
		return p.alter()
	case p.takeWords("COMMENT", "ON"):
		return p.commentOn()
	case p.takeWord("GRANT"):
		return p.grant(false)
	case p.takeWord("REVOKE"):
		return p.grant(true)
	case p.takeWords("DELETE", "FROM"):
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		d := &Delete{Name: name}
		if p.takeWord("WHERE") {
			d.Where, err = p.expr()
		}
		return d, err
	case p.takeWords("REFRESH", "MATERIALIZED", "VIEW"), p.takeWords("REFRESH", "STREAMING", "TABLE"):
		name, err := p.name()
		return &Refresh{name}, err
	case p.takeWords("DESCRIBE", "TABLE"), p.takeWords("DESC", "TABLE"), p.takeWord("DESCRIBE"), p.takeWord("DESC"):
		name, err := p.name()
		return &Describe{name}, err
	case p.takeWords("SHOW", "TABLES", "IN"), p.takeWords("SHOW", "TABLES", "FROM"):
		name, err := p.name()
		return &ShowTables{name}, err
	}
	return nil, p.unexpected()
}

func (p *parser) create() (any, error) {
	replace := p.takeWords("OR", "REPLACE") || p.takeWords("OR", "REFRESH")
	switch {
	case p.takeWord("VIEW"):
		return p.createView("VIEW", replace)
	case p.takeWords("MATERIALIZED", "VIEW"):
		return p.createView("MATERIALIZED_VIEW", replace)
	case p.takeWords("STREAMING", "TABLE"):
		return p.createView("STREAMING_TABLE", replace)
	case p.takeWord("TABLE"):
		return p.createTable(replace)
	case p.isWords("SCHEMA"), p.isWords("DATABASE"), p.isWords("CATALOG"):
		s := &CreateSchema{Kind: strings.ToUpper(p.next().text)}
		if s.Kind == "DATABASE" {
			s.Kind = "SCHEMA"
		}
		s.IfNotExists = p.takeWords("IF", "NOT", "EXISTS")
		var err error
		if s.Name, err = p.name(); err == nil && p.takeWord("COMMENT") {
			s.Comment, err = p.text()
		}
		return s, err
	}
	return nil, p.unexpected()
}

func (p *parser) createView(kind string, replace bool) (any, error) {
	v := &CreateView{Kind: kind, Replace: replace, IfNotExists: p.takeWords("IF", "NOT", "EXISTS")}
	var err error
	if v.Name, err = p.name(); err != nil {
		return nil, err
	}
	if p.is("(") {
		if v.Columns, err = p.columns(false); err != nil {
			return nil, err
		}
	}
	for err == nil && !p.isWords("AS") {
		switch {
		case p.takeWord("COMMENT"):
			v.Comment, err = p.text()
		case p.takeWord("TBLPROPERTIES"):
			v.Properties, err = p.properties()
		case p.takeWord("SCHEDULE"), p.takeWord("TRIGGER"):
			v.Schedule = p.schedule()
		case p.takeWords("CLUSTER", "BY"):
			err = p.clusterBy()
		case p.takeWords("WITH", "SCHEMA"):
			p.next()
		default:
			return nil, p.unexpected()
		}
	}
	if err == nil {
		err = p.expectWords("AS")
	}
	if err != nil {
		return nil, err
	}
	v.Query, v.Text, err = p.queryText()
	return v, err
}

// schedule takes everything up to AS or the next clause.
func (p *parser) schedule() string {
	start := p.tok().pos
	for !p.done() && !p.isWords("AS") && !p.isWords("COMMENT") && !p.isWords("TBLPROPERTIES") && !p.isWords("CLUSTER") {
		p.next()
	}
	return strings.TrimSpace(p.source[start:p.tok().pos])
}

// queryText reads a query and keeps how it was written.
func (p *parser) queryText() (*Query, string, error) {
	start := p.tok().pos
	q, err := p.query()
	if err != nil {
		return nil, "", err
	}
	return q, strings.TrimSpace(p.source[start:p.tok().pos]), nil
}

func (p *parser) createTable(replace bool) (any, error) {
	t := &CreateTable{Replace: replace, IfNotExists: p.takeWords("IF", "NOT", "EXISTS")}
	var err error
	if t.Name, err = p.name(); err != nil {
		return nil, err
	}
	if p.is("(") {
		if t.Columns, err = p.columns(true); err != nil {
			return nil, err
		}
	}
	for err == nil && !p.done() && !p.is(";") {
		switch {
		case p.takeWords("USING", "DELTA"):
		case p.takeWords("CLUSTER", "BY"):
			err = p.clusterBy()
		case p.takeWords("PARTITIONED", "BY"):
			_, err = p.names()
		case p.takeWord("COMMENT"):
			t.Comment, err = p.text()
		case p.takeWord("TBLPROPERTIES"):
			t.Properties, err = p.properties()
		case p.takeWord("AS"):
			t.Query, err = p.query()
		default:
			return nil, p.unexpected()
		}
	}
	if err == nil && t.Columns == nil && t.Query == nil {
		return nil, unsupported("tables without columns")
	}
	return t, err
}

func (p *parser) clusterBy() error {
	if p.takeWord("AUTO") || p.takeWord("NONE") {
		return nil
	}
	_, err := p.names()
	return err
}

// columns reads (name [type] [NOT NULL] [COMMENT '…'], …).
func (p *parser) columns(typed bool) ([]ColumnDef, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var out []ColumnDef
	for {
		c, err := p.column(typed)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		if !p.take(",") {
			return out, p.expect(")")
		}
	}
}

func (p *parser) column(typed bool) (ColumnDef, error) {
	var c ColumnDef
	var err error
	if c.Name, err = p.member(); err != nil {
		return c, err
	}
	if typed || p.tok().kind == word && !p.isWords("COMMENT") && !p.isWords("NOT") {
		if c.Type, err = p.dataType(); err != nil {
			return c, err
		}
	}
	p.takeWords("NOT", "NULL")
	if p.takeWord("COMMENT") {
		c.Comment, err = p.text()
	}
	return c, err
}

// properties reads ('key' = 'value', …).
func (p *parser) properties() (map[string]string, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for {
		key, err := p.propertyKey()
		if err != nil {
			return nil, err
		}
		p.take("=")
		t := p.next()
		if t.kind != text && t.kind != number && t.kind != word {
			return nil, p.unexpected()
		}
		out[key] = t.text
		if !p.take(",") {
			return out, p.expect(")")
		}
	}
}

func (p *parser) propertyKey() (string, error) {
	if p.tok().kind == text {
		return p.next().text, nil
	}
	parts, err := p.name()
	return strings.Join(parts, "."), err
}
