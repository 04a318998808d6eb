package dbsql

import (
	"fmt"
	"strings"
)

// pretty writes an expression as Databricks names result columns and quotes expressions in errors.
func pretty(e Expr) string {
	switch e := e.(type) {
	case *Literal:
		switch v := e.Value.(type) {
		case nil:
			return "NULL"
		case float64:
			return javaDouble(v)
		case string:
			if e.Type.Kind == "TIMESTAMP" || e.Type.Kind == "DATE" {
				n, _ := fromString(v, e.Type)
				s, _ := convertValue(n, e.Type, String, false)
				return fmt.Sprintf("%s '%s'", e.Type.Kind, s)
			}
		}
		return fmt.Sprint(e.Value)
	case *bound:
		return e.name
	case *Name:
		return e.Parts[len(e.Parts)-1]
	case *Star:
		return "*"
	case *Param:
		return ":" + e.Name
	case *Unary:
		if e.Op == "NOT" {
			return "(NOT " + pretty(e.X) + ")"
		}
		return "(- " + pretty(e.X) + ")"
	case *Binary:
		switch e.Op {
		case "||":
			return "concat(" + pretty(e.L) + ", " + pretty(e.R) + ")"
		case "AND", "OR":
			return "(" + pretty(e.L) + " " + e.Op + " " + pretty(e.R) + ")"
		}
		return "(" + pretty(e.L) + " " + strings.ToLower(e.Op) + " " + pretty(e.R) + ")"
	case *Is:
		return "(" + pretty(e.X) + " IS" + when(e.Not, " NOT") + " " + e.What + ")"
	case *Between:
		return when(e.Not, "(NOT ") + "between(" + pretty(e.X) + ", " + pretty(e.Low) + ", " + pretty(e.High) + ")" + when(e.Not, ")")
	case *In:
		return when(e.Not, "(NOT ") + "(" + pretty(e.X) + " IN (" + prettyList(e.List) + "))" + when(e.Not, ")")
	case *Like:
		return pretty(e.X) + when(e.Not, " NOT") + " " + e.Op + " " + pretty(e.Pattern)
	case *Exists:
		return "exists()"
	case *Scalar:
		return "scalarsubquery()"
	case *Case:
		return prettyCase(e)
	case *Cast:
		return when(e.Try, "TRY_") + "CAST(" + pretty(e.X) + " AS " + e.To.SQL() + ")"
	case *Index:
		return pretty(e.X) + "[" + pretty(e.I) + "]"
	case *Dot:
		return e.Field
	case *Path:
		return fmt.Sprint(e.Steps[len(e.Steps)-1])
	case *Interval:
		return "INTERVAL '" + pretty(e.N) + "' " + e.Unit
	case *Lambda:
		return "lambdafunction(" + pretty(e.Body) + ")"
	case *Call:
		args := prettyList(e.Args)
		if e.Star {
			args = "1"
		}
		switch {
		case strings.HasSuffix(e.Name, "VARIANT_GET") && len(e.Args) == 3:
			args = prettyList(e.Args[:2])
		case e.Name == "IF":
			return "(IF(" + args + "))"
		case e.Name == "ISNULL":
			return "(" + args + " IS NULL)"
		case e.Name == "ISNOTNULL":
			return "(" + args + " IS NOT NULL)"
		}
		return strings.ToLower(e.Name) + "(" + when(e.Distinct, "DISTINCT ") + args + ")"
	}
	return "?"
}

func prettyList(list []Expr) string {
	var out []string
	for _, x := range list {
		out = append(out, pretty(x))
	}
	return strings.Join(out, ", ")
}

func prettyCase(e *Case) string {
	s := "CASE"
	if e.Operand != nil {
		s += " " + pretty(e.Operand)
	}
	for _, w := range e.Whens {
		s += " WHEN " + pretty(w.If) + " THEN " + pretty(w.Then)
	}
	if e.Else != nil {
		s += " ELSE " + pretty(e.Else)
	}
	return s + " END"
}

func when(yes bool, w string) string {
	if yes {
		return w
	}
	return ""
}
