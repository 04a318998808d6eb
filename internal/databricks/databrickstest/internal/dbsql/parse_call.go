package dbsql

import (
	"strconv"
	"strings"
)

func (p *parser) interval() (Expr, error) {
	out := &Interval{}
	if t := p.tok(); t.kind == text { // INTERVAL '5' DAY and INTERVAL '5 days'
		p.at++
		n, unit, _ := strings.Cut(strings.TrimSpace(t.text), " ")
		v, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			return nil, syntax(p.source, t.pos)
		}
		out.N, out.Unit = &Literal{v, Bigint}, strings.ToUpper(strings.TrimSpace(unit))
	} else {
		n, err := p.unary()
		if err != nil {
			return nil, err
		}
		out.N = n
	}
	if out.Unit == "" {
		if p.tok().kind != word {
			return nil, p.unexpected()
		}
		out.Unit = strings.ToUpper(p.next().text)
	}
	out.Unit = strings.TrimSuffix(out.Unit, "S")
	if _, fixed := units[out.Unit]; !fixed && out.Unit != "MONTH" && out.Unit != "YEAR" {
		return nil, p.unexpected()
	}
	return out, nil
}

// units of intervals with a fixed length, in microseconds.
var units = map[string]int64{
	"MICROSECOND": 1, "MILLISECOND": 1e3, "SECOND": 1e6, "MINUTE": 60e6, "HOUR": 3600e6, "DAY": 86400e6, "WEEK": 7 * 86400e6,
}

func (p *parser) call() (Expr, error) {
	c := &Call{Name: strings.ToUpper(p.next().text)}
	p.at++ // (
	var err error
	switch {
	case p.take("*"):
		c.Star = true
		err = p.expect(")")
	case p.take(")"):
	case c.Name == "TRIM" && (p.isWords("BOTH") || p.isWords("LEADING") || p.isWords("TRAILING")):
		return p.trim()
	default:
		c.Distinct = p.takeWord("DISTINCT")
		if c.Args, err = p.list(); err == nil {
			err = p.expect(")")
		}
	}
	if err != nil {
		return nil, err
	}
	if p.isWords("FILTER") && p.peek(1).text == "(" {
		p.at += 2
		if err = p.expectWords("WHERE"); err != nil {
			return nil, err
		}
		if c.Filter, err = p.expr(); err != nil {
			return nil, err
		}
		if err = p.expect(")"); err != nil {
			return nil, err
		}
	}
	if p.isWords("OVER") && p.peek(1).text == "(" {
		p.at += 2
		c.Over, err = p.window()
	}
	return c, err
}

// trim reads TRIM(BOTH characters FROM x).
func (p *parser) trim() (Expr, error) {
	c := &Call{Name: map[string]string{"BOTH": "BTRIM", "LEADING": "LTRIM", "TRAILING": "RTRIM"}[strings.ToUpper(p.next().text)]}
	characters, err := p.expr()
	if err == nil {
		err = p.expectWords("FROM")
	}
	if err != nil {
		return nil, err
	}
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	c.Args = []Expr{x, characters}
	if c.Name != "BTRIM" { // these take the characters first
		c.Args = []Expr{characters, x}
	}
	return c, p.expect(")")
}

func (p *parser) window() (*Window, error) {
	w := &Window{}
	var err error
	if p.takeWords("PARTITION", "BY") {
		if w.Partition, err = p.list(); err != nil {
			return nil, err
		}
	}
	if p.takeWords("ORDER", "BY") {
		if w.Order, err = p.order(); err != nil {
			return nil, err
		}
	}
	if p.isWords("ROWS") || p.isWords("RANGE") {
		var frame []string
		for !p.is(")") {
			t := p.next()
			if t.kind != word && t.kind != number {
				return nil, p.unexpected()
			}
			frame = append(frame, strings.ToUpper(t.text))
		}
		w.Frame = strings.Join(frame, " ")
	}
	return w, p.expect(")")
}

func (p *parser) order() ([]Order, error) {
	var out []Order
	for {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		o := Order{X: x}
		if p.takeWord("DESC") {
			o.Descending = true
		} else {
			p.takeWord("ASC")
		}
		if p.takeWord("NULLS") {
			switch {
			case p.takeWord("FIRST"):
				o.Nulls = "FIRST"
			case p.takeWord("LAST"):
				o.Nulls = "LAST"
			default:
				return nil, p.unexpected()
			}
		}
		out = append(out, o)
		if !p.take(",") {
			return out, nil
		}
	}
}
