package dbsql

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// AppendJSON writes a value as Databricks prints VARIANT: keys sorted, floats with a point. Not-a-number and the infinities are strings.
func AppendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return appendString(b, javaDouble(v))
		}
		return append(b, javaDouble(v)...)
	case json.Number:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSON(b, e)
		}
		return append(b, ']')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, k), ':')
			b = AppendJSON(b, v[k])
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// jsonOf writes a value of a type: the fields of structs in their order, and without those that are NULL if dropNulls, as to_json does.
func jsonOf(b []byte, v any, t Type, dropNulls bool) []byte {
	switch x := v.(type) {
	case map[string]any:
		if t.Kind != "STRUCT" {
			break
		}
		b = append(b, '{')
		first := true
		for _, f := range t.Fields {
			if dropNulls && x[f.Name] == nil {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, f.Name), ':')
			b = jsonOf(b, x[f.Name], f.Type, dropNulls)
		}
		return append(b, '}')
	case []any:
		if t.Kind != "ARRAY" {
			break
		}
		b = append(b, '[')
		for i, e := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsonOf(b, e, *t.Elem, dropNulls)
		}
		return append(b, ']')
	}
	return AppendJSON(b, v)
}

// parseJSON reads JSON: whole numbers become int64, others float64.
func parseJSON(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, &json.SyntaxError{}
	}
	return numbers(v), nil
}

// parseVariant reads JSON as parse_json does, for which 1.0 is a DECIMAL and so the same as 1.
func parseVariant(s string) (any, error) {
	v, err := parseJSON(pointZero.ReplaceAllString(s, "$1$2$3"))
	if err != nil {
		return parseJSON(s)
	}
	return v, nil
}

// pointZero finds numbers with nothing but zeros after the point; strings are passed over.
var pointZero = regexp.MustCompile(`("(?:[^"\\]|\\.)*")|(-?\b\d+)\.0+([^0-9eE]|$)`)

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// documents remembers the last texts that were parsed: queries take several things out of the same column.
var documents = struct {
	sync.Mutex
	parsed map[string]any
}{parsed: map[string]any{}}

// document parses JSON that lies in a table; the result must not be changed.
func document(s string) (any, error) {
	documents.Lock()
	defer documents.Unlock()
	if v, ok := documents.parsed[s]; ok {
		return v, nil
	}
	v, err := parseJSON(s)
	if err != nil {
		return nil, err
	}
	if len(documents.parsed) >= 8 {
		clear(documents.parsed)
	}
	documents.parsed[s] = v
	return v, nil
}

// javaDouble prints a float as Java does, and so Databricks.
func javaDouble(f float64) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case a != 0 && (a < 1e-3 || a >= 1e7):
		s := strconv.FormatFloat(f, 'E', -1, 64)
		mantissa, exponent, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// step is an element of a path: a key or a position.
type step struct {
	key   string
	index int
	array bool
}

// parsePath reads $.a["b"][0]['c'].
func parsePath(s string) ([]step, bool) {
	rest, ok := strings.CutPrefix(s, "$")
	if !ok {
		return nil, false
	}
	var out []step
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, `["`), strings.HasPrefix(rest, `['`):
			key, n, ok := bracketed(rest)
			if !ok {
				return nil, false
			}
			out, rest = append(out, step{key: key}), rest[n:]
		case rest[0] == '[':
			i := strings.IndexByte(rest, ']')
			if i < 0 {
				return nil, false
			}
			n, err := strconv.Atoi(rest[1:i])
			if err != nil || n < 0 {
				return nil, false
			}
			out, rest = append(out, step{index: n, array: true}), rest[i+1:]
		case rest[0] == '.':
			end := 1
			for end < len(rest) && rest[end] != '.' && rest[end] != '[' {
				end++
			}
			if end == 1 {
				return nil, false
			}
			out, rest = append(out, step{key: rest[1:end]}), rest[end:]
		default:
			return nil, false
		}
	}
	return out, true
}

// bracketed reads ["key"] or ['key'] with backslash escapes.
func bracketed(s string) (string, int, bool) {
	var b strings.Builder
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == s[1]:
			return b.String(), i + 2, i+1 < len(s) && s[i+1] == ']'
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, false
}

// follow walks a path; false if it leads nowhere.
func follow(v any, path []step) (any, bool) {
	for _, s := range path {
		if s.array {
			list, ok := v.([]any)
			if !ok || s.index >= len(list) {
				return nil, false
			}
			v = list[s.index]
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[s.key]; !ok {
			return nil, false
		}
	}
	return v, true
}
