// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// clause is one comparison of a filter.
type clause struct {
	field  string // one of the fields below, lower case
	key    string // of a tag or metadata entry
	op     string // upper case: = != > >= < <= LIKE ILIKE IN, NOT IN, IS NULL, IS NOT NULL
	values []any  // int64, float64 or string; as many as op takes
}

// The fields of the grammar that can be answered here.
const (
	fieldTag      = "tags"
	fieldMetadata = "metadata"
)

var (
	numericFields = map[string]string{
		"timestamp": "timestamp_ms", "timestamp_ms": "timestamp_ms", "execution_time": "execution_time_ms",
		"execution_time_ms": "execution_time_ms",
		"end_time":          "end_time_ms", "end_time_ms": "end_time_ms",
	}
	stringFields = map[string]bool{"status": true, "name": true, "request_id": true, "client_request_id": true}
)

const supported = "supported are timestamp_ms, execution_time_ms, end_time_ms, status, name, request_id, " +
	"client_request_id, tags.<key> and metadata.<key>"

// parseFilter reads the part of MLflow's search filter grammar that a store can answer exactly as a
// server would: comparisons joined by AND. The empty filter has no clauses.
func parseFilter(filter string) ([]clause, error) {
	if filter == "" {
		return nil, nil
	}
	p := filterParser{text: filter}
	var clauses []clause
	for {
		c, err := p.clause()
		if err != nil {
			return nil, err
		}
		clauses = append(clauses, c)
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		switch {
		case t.kind == tokenEnd:
			return clauses, nil
		case t.is("OR"):
			return nil, fmt.Errorf("OR at character %d: MLflow filters know only AND", t.at+1)
		case !t.is("AND"):
			return nil, fmt.Errorf("%s at character %d: expected AND or the end", t, t.at+1)
		}
	}
}

// CheckFilter returns what is wrong with a filter for any store.
func CheckFilter(filter string) error {
	clauses, err := parseFilter(filter)
	for i := 0; err == nil && i < len(clauses); i++ {
		_, _, err = (&schema{}).condition(&sqliteDialect, clauses[i])
	}
	if err != nil {
		return fmt.Errorf("%q: %w", filter, err)
	}
	return nil
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenQuotedWord // in backticks, or a dotted name with a quoted part
	tokenString     // in quotes
	tokenNumber
	tokenSymbol
)

type token struct {
	kind tokenKind
	text string
	at   int
}

func (t token) is(word string) bool { return t.kind == tokenWord && strings.EqualFold(t.text, word) }

func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end"
	}
	return strconv.Quote(t.text)
}

type filterParser struct {
	text string
	pos  int
}

// next reads a token.
func (p *filterParser) next() (token, error) {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	start := p.pos
	if start == len(p.text) {
		return token{at: start}, nil
	}
	switch c := p.text[start]; {
	case c == '\'' || c == '"':
		s, err := p.quoted()
		return token{tokenString, s, start}, err
	case strings.IndexByte("=<>!", c) >= 0:
		p.pos++
		if p.pos < len(p.text) && p.text[p.pos] == '=' {
			p.pos++
		}
		return token{tokenSymbol, p.text[start:p.pos], start}, nil
	case strings.IndexByte("(),;", c) >= 0:
		p.pos++
		return token{tokenSymbol, p.text[start:p.pos], start}, nil
	case c == '-' || c >= '0' && c <= '9':
		for p.pos++; p.pos < len(p.text) && strings.IndexByte("0123456789.eE+-", p.text[p.pos]) >= 0; p.pos++ {
		}
		return token{tokenNumber, p.text[start:p.pos], start}, nil
	}
	return p.word()
}

// quoted reads a text in quotes or backticks, which has no escapes.
func (p *filterParser) quoted() (string, error) {
	quote := p.text[p.pos]
	end := strings.IndexByte(p.text[p.pos+1:], quote)
	if end < 0 {
		return "", fmt.Errorf("the quote at character %d is never closed", p.pos+1)
	}
	s := p.text[p.pos+1 : p.pos+1+end]
	p.pos += end + 2
	return s, nil
}

// word reads a name: parts of letters, digits, _, -, /, joined by points; a part may be in
// backticks or double quotes.
func (p *filterParser) word() (token, error) {
	t := token{kind: tokenWord, at: p.pos}
	var b strings.Builder
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '`' || c == '"' && b.Len() > 0:
			s, err := p.quoted()
			if err != nil {
				return t, err
			}
			t.kind = tokenQuotedWord
			b.WriteString(s)
		case c == '.' || c == '_' || c == '-' || c == '/' || c >= 0x80 || unicode.IsLetter(rune(c)) ||
			unicode.IsDigit(rune(c)):
			b.WriteByte(c)
			p.pos++
		default:
			if b.Len() == 0 {
				return t, fmt.Errorf("unexpected %q at character %d", c, p.pos+1)
			}
			t.text = b.String()
			return t, nil
		}
	}
	t.text = b.String()
	return t, nil
}

func (p *filterParser) clause() (clause, error) {
	name, err := p.next()
	if err != nil {
		return clause{}, err
	}
	if name.kind == tokenString && p.text[name.at] == '"' {
		name.kind = tokenQuotedWord // a name may be in double quotes
	}
	switch {
	case name.is("NOT"), name.text == "(" && name.kind == tokenSymbol:
		return clause{},
			fmt.Errorf("%s at character %d: MLflow filters know neither NOT in front of a comparison nor parentheses",
				name, name.at+1)
	case name.kind != tokenWord && name.kind != tokenQuotedWord:
		return clause{}, fmt.Errorf("%s at character %d: expected the name of a field; %s", name, name.at+1, supported)
	}
	c, numeric, err := field(name)
	if err != nil {
		return c, err
	}
	if err := p.operator(&c); err != nil {
		return c, err
	}
	if err := c.check(numeric); err != nil {
		return c, err
	}
	err = p.operands(&c, numeric)
	return c, err
}

// field resolves a name with its prefixes and aliases.
func field(name token) (c clause, numeric bool, err error) {
	entity, key, dotted := strings.Cut(name.text, ".")
	if dotted {
		switch strings.Trim(entity, "`\"") {
		case "tag", "tags":
			c = clause{field: fieldTag, key: key}
		case "metadata", "request_metadata":
			c = clause{field: fieldMetadata, key: key}
		case "trace", "attribute", "attributes":
			entity, dotted = key, false
		}
		if dotted {
			if c.field == "" || c.key == "" {
				return c, false, fmt.Errorf(
					"field %q can't be used with a store; %s; other filters work through the tracking server",
					name.text, supported)
			}
			return c, false, nil
		}
	}
	if column, ok := numericFields[entity]; ok {
		return clause{field: column}, true, nil
	}
	if stringFields[entity] {
		return clause{field: entity}, false, nil
	}
	return c, false,
		fmt.Errorf("field %q can't be used with a store; %s; other filters work through the tracking server",
			name.text, supported)
}

// operator reads a comparator of one or more words.
func (p *filterParser) operator(c *clause) error {
	t, err := p.next()
	if err != nil {
		return err
	}
	c.op = strings.ToUpper(t.text)
	var rest []string
	switch {
	case t.kind == tokenSymbol:
		switch c.op {
		case "=", "!=", ">", ">=", "<", "<=":
			return nil
		}
	case t.is("LIKE"), t.is("ILIKE"), t.is("IN"):
		return nil
	case t.is("NOT"):
		rest = []string{"IN"}
	case t.is("IS"):
		rest = []string{"NULL"}
	case t.is("RLIKE"):
		return fmt.Errorf("RLIKE at character %d can't be used with a store; use LIKE or ILIKE", t.at+1)
	}
	for _, want := range rest {
		if t, err = p.next(); err != nil {
			return err
		}
		if want == "NULL" && t.is("NOT") {
			c.op += " NOT"
			if t, err = p.next(); err != nil {
				return err
			}
		}
		if t.is(want) {
			c.op += " " + want
			return nil
		}
	}
	return fmt.Errorf(
		"%s at character %d: expected a comparator: = != > >= < <= LIKE ILIKE IN, NOT IN, IS NULL or IS NOT NULL", t,
		t.at+1)
}

// check refuses comparators that the server refuses for the field.
func (c *clause) check(numeric bool) error {
	var allowed string
	switch {
	case numeric:
		allowed = "= != > >= < <="
	case c.field == fieldTag || c.field == fieldMetadata:
		allowed = "= != LIKE ILIKE IS_NULL IS_NOT_NULL"
	default:
		allowed = "= != LIKE ILIKE IN NOT_IN"
	}
	for op := range strings.FieldsSeq(allowed) {
		if c.op == strings.ReplaceAll(op, "_", " ") {
			return nil
		}
	}
	name := c.field
	if c.key != "" {
		name += "." + c.key
	}
	return fmt.Errorf("%s can't be compared with %s; it takes %s", name, c.op, strings.ReplaceAll(allowed, "_", " "))
}

// operands reads what stands right of the comparator.
func (p *filterParser) operands(c *clause, numeric bool) error {
	switch c.op {
	case "IS NULL", "IS NOT NULL":
		return nil
	case "IN", "NOT IN":
		return p.list(c)
	}
	t, err := p.next()
	if err != nil {
		return err
	}
	if !numeric {
		if t.kind != tokenString {
			return fmt.Errorf("%s at character %d: expected a text in quotes", t, t.at+1)
		}
		c.values = []any{t.text}
		return nil
	}
	if t.kind == tokenNumber || t.kind == tokenString {
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			c.values = []any{n}
			return nil
		}
		if f, err := strconv.ParseFloat(t.text, 64); err == nil {
			c.values = []any{f}
			return nil
		}
	}
	return fmt.Errorf("%s at character %d: %s is compared with a number", t, t.at+1, c.field)
}

// list reads ('a', 'b').
func (p *filterParser) list(c *clause) error {
	t, err := p.next()
	if err != nil {
		return err
	}
	for want := "("; t.text == want && t.kind == tokenSymbol; {
		if t, err = p.next(); err != nil {
			return err
		}
		if t.kind != tokenString {
			return fmt.Errorf("%s at character %d: expected a text in quotes", t, t.at+1)
		}
		c.values = append(c.values, t.text)
		if t, err = p.next(); err != nil {
			return err
		}
		if t.text == ")" && t.kind == tokenSymbol {
			return nil
		}
		want = ","
	}
	return fmt.Errorf("%s at character %d: expected a list like ('a', 'b')", t, t.at+1)
}
