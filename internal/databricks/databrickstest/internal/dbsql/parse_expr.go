package dbsql

import (
	"slices"
	"strconv"
	"strings"
)

func (p *parser) expr() (Expr, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if params := p.lambda(); params != nil {
		body, err := p.expr()
		return &Lambda{params, body}, err
	}
	return p.or()
}

// lambda reads the head of a lambda, x -> or (x, y) ->; nil if there is none.
func (p *parser) lambda() []string {
	if p.tok().kind == word && p.peek(1).kind == symbol && p.peek(1).text == "->" {
		name := p.next().text
		p.at++
		return []string{name}
	}
	if !p.is("(") {
		return nil
	}
	var params []string
	for i := 1; p.peek(i).kind == word; i += 2 {
		params = append(params, p.peek(i).text)
		switch next := p.peek(i + 1); {
		case next.kind == symbol && next.text == ",":
		case next.kind == symbol && next.text == ")" && p.peek(i+2).kind == symbol && p.peek(i+2).text == "->":
			p.at += i + 3
			return params
		default:
			return nil
		}
	}
	return nil
}

func (p *parser) or() (Expr, error) { return p.binary(p.and, "OR") }

func (p *parser) and() (Expr, error) { return p.binary(p.not, "AND") }

func (p *parser) not() (Expr, error) {
	if p.takeWord("NOT") {
		if err := p.deeper(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		x, err := p.not()
		return &Unary{"NOT", x}, err
	}
	return p.predicate()
}

// binary reads operands of a level with left-associative operators, which are words or symbols.
func (p *parser) binary(operand func() (Expr, error), ops ...string) (Expr, error) {
	x, err := operand()
	for err == nil {
		op := strings.ToUpper(p.tok().text)
		if k := p.tok().kind; k != symbol && k != word || !slices.Contains(ops, op) {
			break
		}
		p.at++
		var r Expr
		r, err = operand()
		x = &Binary{op, x, r}
	}
	return x, err
}

var comparisons = map[string]string{"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "<=>": "<=>"}

func (p *parser) predicate() (Expr, error) {
	x, err := p.sum()
	for err == nil {
		if op, ok := comparisons[p.tok().text]; ok && p.tok().kind == symbol {
			p.at++
			var r Expr
			r, err = p.sum()
			x = &Binary{op, x, r}
			continue
		}
		not := false
		if p.isWords("NOT") {
			if next := strings.ToUpper(p.peek(1).text); !slices.Contains([]string{"BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE"}, next) {
				return nil, p.unexpected()
			}
			p.at++
			not = true
		}
		switch {
		case p.takeWord("BETWEEN"):
			x, err = p.between(x, not)
		case p.takeWord("IN"):
			x, err = p.in(x, not)
		case p.isWords("LIKE"), p.isWords("ILIKE"), p.isWords("RLIKE"):
			x, err = p.like(x, not)
		case p.takeWord("IS"):
			x, err = p.isTest(x)
		default:
			return x, nil
		}
	}
	return nil, err
}

func (p *parser) between(x Expr, not bool) (Expr, error) {
	low, err := p.sum()
	if err == nil {
		err = p.expectWords("AND")
	}
	if err != nil {
		return nil, err
	}
	high, err := p.sum()
	return &Between{x, low, high, not}, err
}

func (p *parser) in(x Expr, not bool) (Expr, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if p.isWords("SELECT") || p.isWords("WITH") {
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return &In{X: x, Query: q, Not: not}, p.expect(")")
	}
	list, err := p.list()
	if err != nil {
		return nil, err
	}
	return &In{X: x, List: list, Not: not}, p.expect(")")
}

func (p *parser) like(x Expr, not bool) (Expr, error) {
	l := &Like{Op: strings.ToUpper(p.next().text), X: x, Not: not, Escape: `\`}
	var err error
	if l.Pattern, err = p.sum(); err != nil {
		return nil, err
	}
	if p.takeWord("ESCAPE") {
		l.Escape, err = p.text()
	}
	return l, err
}

func (p *parser) isTest(x Expr) (Expr, error) {
	not := p.takeWord("NOT")
	for _, what := range []string{"NULL", "TRUE", "FALSE"} {
		if p.takeWord(what) {
			return &Is{x, not, what}, nil
		}
	}
	if p.takeWords("DISTINCT", "FROM") {
		r, err := p.sum()
		same := &Binary{"<=>", x, r}
		if not {
			return same, err
		}
		return &Unary{"NOT", same}, err
	}
	return nil, p.unexpected()
}

func (p *parser) sum() (Expr, error) { return p.binary(p.product, "+", "-", "||") }

func (p *parser) product() (Expr, error) { return p.binary(p.unary, "*", "/", "%", "DIV") }

func (p *parser) unary() (Expr, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("-"):
		x, err := p.unary()
		return negative(x), err
	case p.take("+"):
		return p.unary()
	case p.take("!"):
		x, err := p.unary()
		return &Unary{"NOT", x}, err
	}
	return p.postfix()
}

// negative folds the sign into a number.
func negative(x Expr) Expr {
	if l, ok := x.(*Literal); ok {
		switch v := l.Value.(type) {
		case int64:
			return &Literal{-v, l.Type}
		case float64:
			return &Literal{-v, l.Type}
		case string:
			if l.Type.Kind == "DECIMAL" {
				return &Literal{"-" + v, l.Type}
			}
		}
	}
	return &Unary{"-", x}
}

// postfix reads x::type, x:path, x[i] and x.field.
func (p *parser) postfix() (Expr, error) {
	x, err := p.primary()
	for err == nil {
		switch {
		case p.take("::"):
			var t Type
			t, err = p.dataType()
			x = &Cast{X: x, To: t}
		case p.take(":"):
			x, err = p.path(x)
		case p.take("["):
			var i Expr
			if i, err = p.expr(); err == nil {
				err = p.expect("]")
			}
			x = &Index{x, i}
		case p.is("."):
			p.at++
			var field string
			field, err = p.identifier()
			x = &Dot{x, field}
		default:
			return x, nil
		}
	}
	return nil, err
}

// path reads what follows the colon: a, `a.b`, ['a'], then .b, [0], ['c'].
func (p *parser) path(x Expr) (Expr, error) {
	out := &Path{X: x}
	for first := true; ; first = false {
		switch {
		case p.take("["):
			switch t := p.next(); t.kind {
			case text:
				out.Steps = append(out.Steps, t.text)
			case number:
				n, err := strconv.Atoi(t.text)
				if err != nil {
					return nil, p.unexpected()
				}
				out.Steps = append(out.Steps, n)
			default:
				return nil, p.unexpected()
			}
			if err := p.expect("]"); err != nil {
				return nil, err
			}
		case first || p.take("."):
			t := p.tok()
			if t.kind != word && t.kind != quoted {
				return nil, p.unexpected()
			}
			p.at++
			out.Steps = append(out.Steps, t.text)
		default:
			return out, nil
		}
	}
}
