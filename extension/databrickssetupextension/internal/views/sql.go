// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// literal writes a string for SQL. What Spark would substitute (${…}) and control characters are
// escaped.
func literal(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i, r := range s {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f || r == '$' && strings.HasPrefix(s[i:], "${"):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// plainKey are keys that can stand in a path of a VARIANT.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.:/ -]+$`)

// dialect reads attributes: of a VARIANT in layout v2, of a MAP<STRING, STRING> in v1. Missing
// attributes and values of the wrong type are NULL.
type dialect struct{ maps bool }

func (o *Options) dialect() dialect { return dialect{maps: o.Layout == unity.LayoutV1} }

// get reads one attribute of a column as a type.
func (d dialect) get(column, key, typ string) string {
	switch {
	case d.maps && typ == "string":
		return entry(column, key)
	case d.maps && typ == "bigint": // 3.0 is 3
		return "try_cast(try_cast(" + entry(column, key) + " AS DOUBLE) AS BIGINT)"
	case d.maps:
		return "try_cast(" + entry(column, key) + " AS " + strings.ToUpper(typ) + ")"
	case plainKey.MatchString(key):
		return "try_variant_get(" + column + ", " + literal(`$["`+key+`"]`) + ", '" + typ + "')"
	}
	return "try_variant_get(" + entry(d.members(column), key) + ", '$', '" + typ + "')"
}

// entry is the value of a key of a map. Whether brackets fail for a missing key depends on
// settings.
func entry(m, key string) string { return "try_element_at(" + m + ", " + literal(key) + ")" }

// members is a column of attributes as a MAP.
func (d dialect) members(column string) string {
	if d.maps {
		return column
	}
	return "try_variant_get(" + column + ", '$', 'map<string,variant>')"
}

// list reads an attribute that is a list of texts.
func (d dialect) list(column, key string) string {
	return "from_json(" + d.get(column, key, "string") + ", 'array<string>')"
}

// value reads the value v of such a map as a type.
func (d dialect) value(v, typ string) string {
	switch {
	case d.maps && typ == "string":
		return v
	case d.maps:
		return "try_cast(" + v + " AS " + strings.ToUpper(typ) + ")"
	}
	return "try_variant_get(" + v + ", '$', '" + typ + "')"
}

// text is the first of some attributes of the span, or of its resource, that is not empty.
func (d dialect) text(attributes []string, resource ...string) string {
	return coalesce(d.texts(attributes, resource...)...)
}

func (d dialect) texts(attributes []string, resource ...string) (list []string) {
	for _, key := range attributes {
		list = append(list, "NULLIF("+d.get("s.attributes", key, "string")+", '')")
	}
	for _, key := range resource {
		list = append(list, "NULLIF("+d.get("s.resource.attributes", key, "string")+", '')")
	}
	return list
}

// number is the first of some attributes of the span that is a number.
func (d dialect) number(typ string, attributes ...string) string {
	list := make([]string, len(attributes))
	for i, key := range attributes {
		list[i] = d.get("s.attributes", key, typ)
	}
	return coalesce(list...)
}

// has is true if the span has one of the attributes.
func (d dialect) has(attributes ...string) string {
	list := make([]string, len(attributes))
	for i, key := range attributes {
		list[i] = d.get("s.attributes", key, "string") + " IS NOT NULL"
	}
	return strings.Join(list, " OR ")
}

// beginning is a map of those attributes of the span that begin with prefix, as texts, under the
// rest of their names.
func (d dialect) beginning(prefix string) string {
	m := fmt.Sprintf("transform_keys(map_filter(%s, (k, v) -> startswith(k, %s)), (k, v) -> substr(k, %d))",
		d.members("s.attributes"), literal(prefix), len(prefix)+1)
	if d.maps {
		return m
	}
	return "transform_values(" + m + ", (k, v) -> " + d.value("v", "string") + ")"
}

// score makes a number of a value, given as a double and as a text: yes and no and their like count
// as in the genai processor.
func score(double, text string) string {
	return "COALESCE(" + double + ", CASE WHEN lower(trim(" + text +
		")) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D" +
		" WHEN lower(trim(" + text + ")) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)"
}

// finite is a double, or NULL in place of NaN and the infinities, which would spoil every average.
func finite(x string) string {
	return "CASE WHEN abs(" + x + ") <= 1.7976931348623157E308D THEN " + x + " END"
}

// notInNames matches what is no part of the name of a score, for Java and for Go.
const notInNames = `[^\p{L}\p{M}\p{N}_]+`

// scoreName is genai.ScoreName in SQL, but for the composition of Unicode: Spark has normalize from 4.4 on, and
// Databricks none as of 2026-11.
func scoreName(name string) string {
	clean := "trim(BOTH '_' FROM regexp_replace(lower(" + name + "), " + literal(notInNames) + ", '_'))"
	return "CASE WHEN length(" + clean + ") > 64 THEN concat(substr(" + clean + ", 1, 55), '_', substr(sha2(" + clean +
		", 256), 1, 8)) ELSE " + clean + " END"
}

func coalesce(list ...string) string {
	if len(list) == 1 {
		return list[0]
	}
	return "COALESCE(" + strings.Join(list, ", ") + ")"
}

// projection is an expression and the name it gets.
type projection struct{ expression, name string }

func (p projection) String() string {
	alias := unity.Quote(p.name)
	if p.expression == alias || strings.HasSuffix(p.expression, "."+alias) {
		return p.expression
	}
	return p.expression + " AS " + alias
}

// selected writes a list of projections, one a line.
func selected(list []projection) string {
	lines := make([]string, len(list))
	for i, p := range list {
		lines[i] = "  " + p.String()
	}
	return strings.Join(lines, ",\n")
}
