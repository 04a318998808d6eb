package dbsql

import (
	"slices"
	"strconv"
	"strings"
)

// parser reads tokens one after the other.
type parser struct {
	source string
	tokens []token
	at     int
	depth  int // of nested expressions and queries
}

func newParser(source string) (*parser, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	return &parser{source: source, tokens: tokens}, nil
}

// deeper counts nesting; what is nested too deeply is refused.
func (p *parser) deeper() error {
	if p.depth++; p.depth > 500 {
		return failf("PARSE_STACK_OVERFLOW", "54001", "The statement is nested too deeply.")
	}
	return nil
}

func (p *parser) tok() token { return p.tokens[p.at] }

func (p *parser) peek(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tok()
	if t.kind != end {
		p.at++
	}
	return t
}

func (p *parser) done() bool { return p.tok().kind == end }

func (p *parser) unexpected() *Error { return syntax(p.source, p.tok().pos) }

// is reports whether the next token is that symbol.
func (p *parser) is(s string) bool { return p.tok().kind == symbol && p.tok().text == s }

func (p *parser) take(s string) bool {
	if p.is(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(s string) error {
	if !p.take(s) {
		return p.unexpected()
	}
	return nil
}

// isWords reports whether the next tokens are these words, in any case.
func (p *parser) isWords(words ...string) bool {
	for i, w := range words {
		if t := p.peek(i); t.kind != word || !strings.EqualFold(t.text, w) {
			return false
		}
	}
	return true
}

func (p *parser) takeWords(words ...string) bool {
	if p.isWords(words...) {
		p.at += len(words)
		return true
	}
	return false
}

func (p *parser) takeWord(w string) bool { return p.takeWords(w) }

func (p *parser) expectWords(words ...string) error {
	if !p.takeWords(words...) {
		return p.unexpected()
	}
	return nil
}

// reserved words can't be names of columns or aliases without AS.
var reserved = []string{
	"SELECT", "FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "ORDER", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", "MINUS", "ON", "USING", "JOIN",
	"INNER", "LEFT", "RIGHT", "FULL",
	"CROSS", "SEMI", "ANTI", "NATURAL", "LATERAL", "AS", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "RLIKE", "IS", "CASE", "WHEN", "THEN",
	"ELSE", "END", "WITH", "DISTINCT",
	"WINDOW", "TABLESAMPLE", "PIVOT", "UNPIVOT", "DIV",
}

func isReserved(w string) bool { return slices.Contains(reserved, strings.ToUpper(w)) }

// identifier reads a name.
func (p *parser) identifier() (string, error) {
	t := p.tok()
	if t.kind != quoted && (t.kind != word || isReserved(t.text)) {
		return "", p.unexpected()
	}
	p.at++
	return t.text, nil
}

// member reads a name where reserved words are none: fields of structs, parameters, columns of a new table.
func (p *parser) member() (string, error) {
	if t := p.tok(); t.kind == word {
		p.at++
		return t.text, nil
	}
	return p.identifier()
}

// alias reads [AS] name, if there is one.
func (p *parser) alias() (string, error) {
	if p.takeWord("AS") {
		return p.member()
	}
	if t := p.tok(); t.kind == quoted || t.kind == word && !isReserved(t.text) {
		p.at++
		return t.text, nil
	}
	return "", nil
}

// name reads a dotted name.
func (p *parser) name() ([]string, error) {
	var parts []string
	for {
		part, err := p.identifier()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if !p.take(".") {
			return parts, nil
		}
	}
}

func (p *parser) text() (string, error) {
	if p.tok().kind != text {
		return "", p.unexpected()
	}
	return p.next().text, nil
}

func (p *parser) integer() (int, error) {
	n, err := strconv.Atoi(p.tok().text)
	if p.tok().kind != number || err != nil {
		return 0, p.unexpected()
	}
	p.at++
	return n, nil
}

// names reads (a, b, c).
func (p *parser) names() ([]string, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var out []string
	for {
		n, err := p.identifier()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if !p.take(",") {
			return out, p.expect(")")
		}
	}
}

// list reads expressions with commas between.
func (p *parser) list() ([]Expr, error) {
	var out []Expr
	for {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
		if !p.take(",") {
			return out, nil
		}
	}
}
