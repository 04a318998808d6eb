package dbsql

import (
	"strconv"
	"strings"
)

func (p *parser) primary() (Expr, error) {
	t := p.tok()
	switch {
	case t.kind == number:
		p.at++
		return p.numeral(t)
	case t.kind == text:
		return &Literal{p.next().text, String}, nil
	case p.take(":"):
		n, err := p.member()
		return &Param{n}, err
	case p.take("("):
		return p.parenthesis()
	case t.kind == quoted:
		return p.chain()
	case t.kind != word:
		return nil, p.unexpected()
	}
	next := p.peek(1)
	switch w := strings.ToUpper(t.text); {
	case w == "NULL":
		p.at++
		return &Literal{nil, Void}, nil
	case w == "TRUE", w == "FALSE":
		p.at++
		return &Literal{w == "TRUE", Boolean}, nil
	case w == "CASE":
		p.at++
		return p.caseWhen()
	case (w == "TIMESTAMP" || w == "DATE") && next.kind == text:
		p.at += 2
		to := Type{Kind: w}
		if _, ok := fromString(next.text, to); !ok {
			return nil, failf("INVALID_TYPED_LITERAL", "42604", "The value of the typed literal \"%s\" is invalid: '%s'.", w, next.text)
		}
		return &Literal{next.text, to}, nil
	case w == "INTERVAL" && next.kind != symbol && next.kind != end:
		p.at++
		return p.interval()
	case w == "EXISTS" && next.text == "(":
		p.at += 2
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return &Exists{q}, p.expect(")")
	case (w == "CAST" || w == "TRY_CAST") && next.text == "(":
		p.at += 2
		x, err := p.expr()
		if err == nil {
			err = p.expectWords("AS")
		}
		if err != nil {
			return nil, err
		}
		to, err := p.dataType()
		if err != nil {
			return nil, err
		}
		return &Cast{x, to, w == "TRY_CAST"}, p.expect(")")
	case (w == "CURRENT_TIMESTAMP" || w == "CURRENT_DATE" || w == "CURRENT_USER") && next.text != "(":
		p.at++
		return &Call{Name: w}, nil
	case next.kind == symbol && next.text == "(" && (!isReserved(w) || w == "LEFT" || w == "RIGHT" || w == "LIKE"):
		return p.call()
	case isReserved(w):
		return nil, p.unexpected()
	}
	return p.chain()
}

// numeral reads a number with its suffix.
func (p *parser) numeral(t token) (Expr, error) {
	digits := strings.TrimRight(t.text, "LlDdSsYyFfBb")
	if strings.ContainsAny(t.text, "eE") {
		digits = strings.TrimRight(t.text, "DdFf")
	}
	suffix := strings.ToUpper(t.text[len(digits):])
	whole := !strings.ContainsAny(digits, ".eE")
	bad := syntax(p.source, t.pos)
	switch {
	case suffix == "F":
		f, err := strconv.ParseFloat(digits, 32)
		if err != nil {
			return nil, bad
		}
		return &Literal{f, Type{Kind: "FLOAT"}}, nil
	case suffix == "D" || suffix == "" && strings.ContainsAny(digits, "eE"):
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return nil, bad
		}
		return &Literal{f, Double}, nil
	case whole && (suffix == "" || suffix == "L" || suffix == "S" || suffix == "Y"):
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, bad
		}
		kind := map[string]Type{"L": Bigint, "S": {Kind: "SMALLINT"}, "Y": {Kind: "TINYINT"}, "": Int}[suffix]
		if suffix == "" && n > 1<<31-1 {
			kind = Bigint
		}
		return &Literal{n, kind}, nil
	case suffix == "" || suffix == "BD":
		if _, err := strconv.ParseFloat(digits, 64); err != nil {
			return nil, bad
		}
		before, after, _ := strings.Cut(digits, ".")
		before = strings.TrimLeft(before, "0")
		return &Literal{digits, Type{Kind: "DECIMAL", Precision: max(1, len(before)+len(after)), Scale: len(after)}}, nil
	}
	return nil, bad
}

func (p *parser) parenthesis() (Expr, error) {
	if p.isWords("SELECT") || p.isWords("WITH") {
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return &Scalar{q}, p.expect(")")
	}
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	return x, p.expect(")")
}

func (p *parser) chain() (Expr, error) {
	n := &Name{}
	for {
		t := p.tok()
		if t.kind != word && t.kind != quoted {
			return nil, p.unexpected()
		}
		p.at++
		n.Parts = append(n.Parts, t.text)
		if !p.is(".") {
			return n, nil
		}
		p.at++
		if p.take("*") {
			return p.star(n.Parts)
		}
	}
}

func (p *parser) star(of []string) (Expr, error) {
	s := &Star{Of: of}
	if p.isWords("EXCEPT") && p.peek(1).text == "(" {
		p.at++
		var err error
		s.Except, err = p.names()
		return s, err
	}
	return s, nil
}

func (p *parser) caseWhen() (Expr, error) {
	c := &Case{}
	var err error
	if !p.isWords("WHEN") {
		if c.Operand, err = p.expr(); err != nil {
			return nil, err
		}
	}
	for p.takeWord("WHEN") {
		var w When
		if w.If, err = p.expr(); err != nil {
			return nil, err
		}
		if err = p.expectWords("THEN"); err != nil {
			return nil, err
		}
		if w.Then, err = p.expr(); err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, w)
	}
	if p.takeWord("ELSE") {
		if c.Else, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if len(c.Whens) == 0 {
		return nil, p.unexpected()
	}
	return c, p.expectWords("END")
}
