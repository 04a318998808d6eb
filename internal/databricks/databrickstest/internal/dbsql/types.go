package dbsql

import (
	"fmt"
	"slices"
	"strings"
)

// Type is a type of Databricks SQL. Kind is its upper-case SQL name.
type Type struct {
	Kind             string
	Precision, Scale int     // of DECIMAL
	Elem             *Type   // of ARRAY, and the values of MAP
	Key              *Type   // of MAP
	Fields           []Field // of STRUCT
}

// Field is a field of a STRUCT.
type Field struct {
	Name string
	Type Type
}

// Simple types.
var (
	Void      = Type{Kind: "VOID"}
	String    = Type{Kind: "STRING"}
	Boolean   = Type{Kind: "BOOLEAN"}
	Int       = Type{Kind: "INT"}
	Bigint    = Type{Kind: "BIGINT"}
	Double    = Type{Kind: "DOUBLE"}
	Date      = Type{Kind: "DATE"}
	Timestamp = Type{Kind: "TIMESTAMP"}
	Variant   = Type{Kind: "VARIANT"}
	interval  = Type{Kind: "INTERVAL"} // of a fixed length, in microseconds
	months    = Type{Kind: "INTERVAL MONTH"}
)

// wholeDays in Precision marks intervals that leave a DATE a DATE.
const wholeDays = 1

// integers by width.
var integers = []string{"TINYINT", "SMALLINT", "INT", "BIGINT"}

func (t Type) integer() bool { return slices.Contains(integers, t.Kind) }

func (t Type) bits() int { return 8 << slices.Index(integers, t.Kind) }

func (t Type) numeric() bool { return t.integer() || t.Kind == "DECIMAL" || t.float() }

func (t Type) float() bool { return t.Kind == "DOUBLE" || t.Kind == "FLOAT" }

// nested types lie in SQLite as JSON text.
func (t Type) nested() bool { return t.Kind == "STRUCT" || t.Kind == "ARRAY" || t.Kind == "MAP" }

// orderable types can be compared, grouped and sorted.
func (t Type) orderable() bool {
	return t.Kind != "VARIANT" && t.Kind != "MAP" && (t.Elem == nil || t.Elem.orderable()) && fieldsOrderable(t.Fields)
}

func fieldsOrderable(fields []Field) bool {
	return !slices.ContainsFunc(fields, func(f Field) bool { return !f.Type.orderable() })
}

// Text is the type as the tables API spells it: bigint, struct<a:string,b:int>.
func (t Type) Text() string {
	switch t.Kind {
	case "ARRAY":
		return "array<" + t.Elem.Text() + ">"
	case "MAP":
		return "map<" + t.Key.Text() + "," + t.Elem.Text() + ">"
	case "STRUCT":
		var parts []string
		for _, f := range t.Fields {
			parts = append(parts, f.Name+":"+f.Type.Text())
		}
		return "struct<" + strings.Join(parts, ",") + ">"
	case "DECIMAL":
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	}
	return strings.ToLower(t.Kind)
}

// SQL is the type as SQL and result manifests spell it: BIGINT, STRUCT<a: STRING, b: INT>.
func (t Type) SQL() string {
	switch t.Kind {
	case "ARRAY":
		return "ARRAY<" + t.Elem.SQL() + ">"
	case "MAP":
		return "MAP<" + t.Key.SQL() + ", " + t.Elem.SQL() + ">"
	case "STRUCT":
		var parts []string
		for _, f := range t.Fields {
			parts = append(parts, f.Name+": "+f.Type.SQL())
		}
		return "STRUCT<" + strings.Join(parts, ", ") + ">"
	case "DECIMAL":
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	}
	return t.Kind
}

// Name is the type_name of result manifests and columns: LONG for BIGINT.
func (t Type) Name() string {
	switch t.Kind {
	case "BIGINT":
		return "LONG"
	case "SMALLINT":
		return "SHORT"
	case "TINYINT":
		return "BYTE"
	case "VOID":
		return "NULL"
	case "INTERVAL MONTH":
		return "INTERVAL"
	}
	return t.Kind
}

// ParseType reads a type, in the spelling of SQL or of the tables API.
func ParseType(text string) (Type, error) {
	p, err := newParser(text)
	if err != nil {
		return Type{}, err
	}
	t, err := p.dataType()
	if err == nil && !p.done() {
		err = p.unexpected()
	}
	return t, err
}

var typeNames = map[string]string{
	"STRING": "STRING", "BOOLEAN": "BOOLEAN", "TINYINT": "TINYINT", "BYTE": "TINYINT", "SMALLINT": "SMALLINT", "SHORT": "SMALLINT", "INT": "INT",
	"INTEGER": "INT",
	"BIGINT":  "BIGINT", "LONG": "BIGINT", "FLOAT": "FLOAT", "REAL": "FLOAT", "DOUBLE": "DOUBLE", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP",
	"BINARY": "BINARY", "VARIANT": "VARIANT",
	"VOID": "VOID", "VARCHAR": "STRING", "CHAR": "STRING",
}

func (p *parser) dataType() (Type, error) {
	if err := p.deeper(); err != nil {
		return Type{}, err
	}
	defer func() { p.depth-- }()
	name := strings.ToUpper(p.tok().text)
	if p.tok().kind != word {
		return Type{}, p.unexpected()
	}
	p.next()
	switch name {
	case "DECIMAL", "DEC", "NUMERIC":
		t := Type{Kind: "DECIMAL", Precision: 10}
		if p.take("(") {
			n, err := p.integer()
			if err != nil {
				return t, err
			}
			t.Precision = n
			if p.take(",") {
				if t.Scale, err = p.integer(); err != nil {
					return t, err
				}
			}
			return t, p.expect(")")
		}
		return t, nil
	case "ARRAY":
		return p.typeArguments(func() (Type, error) {
			elem, err := p.dataType()
			return Type{Kind: "ARRAY", Elem: &elem}, err
		})
	case "MAP":
		return p.typeArguments(func() (Type, error) {
			k, err := p.dataType()
			if err == nil {
				err = p.expect(",")
			}
			if err != nil {
				return Type{}, err
			}
			v, err := p.dataType()
			return Type{Kind: "MAP", Key: &k, Elem: &v}, err
		})
	case "STRUCT":
		return p.typeArguments(p.structFields)
	}
	kind, ok := typeNames[name]
	if !ok {
		return Type{}, failf("UNSUPPORTED_DATATYPE", "0A000", "Unsupported data type \"%s\".", name)
	}
	if (name == "VARCHAR" || name == "CHAR") && p.take("(") {
		if _, err := p.integer(); err != nil {
			return Type{}, err
		}
		return Type{Kind: kind}, p.expect(")")
	}
	return Type{Kind: kind}, nil
}

func (p *parser) structFields() (Type, error) {
	t := Type{Kind: "STRUCT"}
	for {
		name, err := p.member()
		if err != nil {
			return t, err
		}
		p.take(":")
		ft, err := p.dataType()
		if err != nil {
			return t, err
		}
		t.Fields = append(t.Fields, Field{name, ft})
		if p.takeWords("NOT", "NULL"); p.takeWord("COMMENT") {
			if _, err := p.text(); err != nil {
				return t, err
			}
		}
		if !p.take(",") {
			return t, nil
		}
	}
}

// typeArguments reads what stands between < and >; the lexer may have joined closing brackets.
func (p *parser) typeArguments(inner func() (Type, error)) (Type, error) {
	if err := p.expect("<"); err != nil {
		return Type{}, err
	}
	t, err := inner()
	if err != nil {
		return t, err
	}
	return t, p.expect(">")
}

// common is the type that values of both types can be brought to, by the rules of ANSI mode.
func common(a, b Type) (Type, bool) {
	switch {
	case a.Kind == b.Kind && a.Kind == "DECIMAL":
		scale := max(a.Scale, b.Scale)
		return Type{Kind: "DECIMAL", Precision: min(38, max(a.Precision-a.Scale, b.Precision-b.Scale)+scale), Scale: scale}, true
	case a.Text() == b.Text():
		return a, true
	case a.Kind == "VOID":
		return b, true
	case b.Kind == "VOID":
		return a, true
	case a.integer() && b.integer():
		if a.bits() < b.bits() {
			return b, true
		}
		return a, true
	case a.float() && b.numeric(), b.float() && a.numeric():
		return Double, true
	case a.Kind == "DECIMAL" && b.integer():
		return common(a, b.asDecimal())
	case b.Kind == "DECIMAL" && a.integer():
		return common(a.asDecimal(), b)
	case a.Kind == "DATE" && b.Kind == "TIMESTAMP", a.Kind == "TIMESTAMP" && b.Kind == "DATE":
		return Timestamp, true
	case a.Kind == "STRING" && b.scalar():
		return stringWith(b), true
	case b.Kind == "STRING" && a.scalar():
		return stringWith(a), true
	}
	return Type{}, false
}

func (t Type) scalar() bool {
	return t.numeric() || t.Kind == "BOOLEAN" || t.Kind == "DATE" || t.Kind == "TIMESTAMP"
}

// stringWith is what a string and another type meet at.
func stringWith(t Type) Type {
	switch {
	case t.integer():
		return Bigint
	case t.numeric():
		return Double
	}
	return t
}

func (t Type) asDecimal() Type {
	return Type{Kind: "DECIMAL", Precision: map[string]int{"TINYINT": 3, "SMALLINT": 5, "INT": 10, "BIGINT": 20}[t.Kind]}
}
