// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package unity

import (
	"errors"
	"fmt"
	"strings"
)

// Type is the type of a column, read from its text. A scalar has a kind only.
type Type struct {
	Kind   string // lower case; "bigint" for long, "int" for integer
	Elem   *Type  // of an array; the value of a map
	Key    *Type  // of a map
	Fields []Field
}

// Field is a field of a struct.
type Field struct {
	Name string
	Type Type
}

// maxTypeDepth bounds nesting, far above what any OpenTelemetry table has.
const maxTypeDepth = 32

// ParseType reads a type as Databricks spells it: "array<struct<a:int,b:string>>", in any case,
// with or without spaces.
func ParseType(s string) (Type, error) {
	p := typeParser{rest: s}
	t, err := p.parse(0)
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("%.40q is left over", p.rest)
	}
	if err != nil {
		return Type{}, fmt.Errorf("the type %.80q can't be read: %w", s, err)
	}
	return t, nil
}

type typeParser struct{ rest string }

func (p *typeParser) parse(depth int) (Type, error) {
	if depth > maxTypeDepth {
		return Type{}, errors.New("it is nested too deep")
	}
	kind := strings.ToLower(p.word())
	switch kind {
	case "":
		return Type{}, errors.New("a name is missing")
	case "long":
		kind = "bigint"
	case "integer":
		kind = "int"
	}
	t := Type{Kind: kind}
	switch kind {
	case "array":
		elem, err := p.inBrackets(depth)
		if err != nil {
			return t, err
		}
		if len(elem) != 1 {
			return t, errors.New("an array has one type of elements")
		}
		t.Elem = &elem[0].Type
	case "map":
		both, err := p.inBrackets(depth)
		if err != nil {
			return t, err
		}
		if len(both) != 2 {
			return t, errors.New("a map has a key and a value")
		}
		t.Key, t.Elem = &both[0].Type, &both[1].Type
	case "struct":
		fields, err := p.inBrackets(depth)
		if err != nil {
			return t, err
		}
		t.Fields = fields
	default:
		if p.take('(') { // decimal(30,9), varchar(10)
			end := strings.IndexByte(p.rest, ')')
			if end < 0 {
				return t, errors.New("a parenthesis is not closed")
			}
			t.Kind += "(" + strings.ReplaceAll(p.rest[:end], " ", "") + ")"
			p.rest = p.rest[end+1:]
		}
	}
	return t, nil
}

// inBrackets reads <…>: types, each with a name and a colon before it or without.
func (p *typeParser) inBrackets(depth int) ([]Field, error) {
	if !p.take('<') {
		return nil, errors.New("a < is missing")
	}
	var out []Field
	if p.take('>') {
		return out, nil
	}
	for {
		var f Field
		save := p.rest
		if name := p.word(); name != "" && p.take(':') {
			f.Name = name
		} else {
			p.rest = save
		}
		t, err := p.parse(depth + 1)
		if err != nil {
			return nil, err
		}
		f.Type = t
		p.skipModifiers()
		out = append(out, f)
		if p.take('>') {
			return out, nil
		}
		if !p.take(',') {
			return nil, errors.New("a > is missing")
		}
	}
}

// skipModifiers passes what may follow a type within a struct: NOT NULL, COMMENT '…', COLLATE x.
func (p *typeParser) skipModifiers() {
	for {
		save := p.rest
		switch strings.ToLower(p.word()) {
		case "not", "null":
		case "collate":
			p.word()
		case "comment":
			p.rest = strings.TrimLeft(p.rest, " \t\n")
			if len(p.rest) > 1 && (p.rest[0] == '\'' || p.rest[0] == '"') {
				if end := strings.IndexByte(p.rest[1:], p.rest[0]); end >= 0 {
					p.rest = p.rest[end+2:]
					continue
				}
			}
			return
		default:
			p.rest = save
			return
		}
	}
}

// word reads a name, which may stand in backticks.
func (p *typeParser) word() string {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	if strings.HasPrefix(p.rest, "`") {
		if end := strings.IndexByte(p.rest[1:], '`'); end >= 0 {
			w := p.rest[1 : end+1]
			p.rest = p.rest[end+2:]
			return w
		}
		return ""
	}
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 {
		end = len(p.rest)
	}
	w := p.rest[:end]
	p.rest = p.rest[end:]
	return w
}

func (p *typeParser) take(c byte) bool {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// String is the type in SQL's spelling.
func (t Type) String() string {
	switch t.Kind {
	case "array":
		return "ARRAY<" + t.Elem.String() + ">"
	case "map":
		return "MAP<" + t.Key.String() + ", " + t.Elem.String() + ">"
	case "struct":
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = f.Name + ": " + f.Type.String()
		}
		return "STRUCT<" + strings.Join(fields, ", ") + ">"
	}
	return strings.ToUpper(t.Kind)
}

// Difference is one place where a table is not as needed.
type Difference struct {
	Column string // its path as ALTER TABLE takes it: links.element.flags
	Want   string // the type it needs
	Have   string // the type it has; empty: it is missing
}

// Compare says what a table's columns lack. More columns, other orders and more fields are fine.
func Compare(want, have []Column) ([]Difference, error) {
	var out []Difference
	byName := make(map[string]string, len(have))
	for _, c := range have {
		byName[strings.ToLower(c.Name)] = c.Type
	}
	for _, c := range want {
		w, err := ParseType(c.Type)
		if err != nil {
			return nil, err
		}
		text, ok := byName[c.Name]
		if !ok {
			out = append(out, Difference{Column: c.Name, Want: w.String()})
			continue
		}
		h, err := ParseType(text)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		out = append(out, compareTypes(c.Name, w, h)...)
	}
	return out, nil
}

func compareTypes(path string, want, have Type) []Difference {
	if want.Kind != have.Kind {
		return []Difference{{Column: path, Want: want.String(), Have: have.String()}}
	}
	var out []Difference
	switch want.Kind {
	case "array":
		return compareTypes(path+".element", *want.Elem, *have.Elem)
	case "map":
		out = compareTypes(path+".key", *want.Key, *have.Key)
		return append(out, compareTypes(path+".value", *want.Elem, *have.Elem)...)
	case "struct":
		byName := make(map[string]Type, len(have.Fields))
		for _, f := range have.Fields {
			byName[strings.ToLower(f.Name)] = f.Type
		}
		for _, f := range want.Fields {
			h, ok := byName[f.Name]
			if !ok {
				out = append(out, Difference{Column: path + "." + f.Name, Want: f.Type.String()})
				continue
			}
			out = append(out, compareTypes(path+"."+f.Name, f.Type, h)...)
		}
	}
	return out
}
