// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faithful

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// attributes compares maps of attributes and returns the keys that only the emitted one has.
// Attributes that the map lists under mlflow.jsonAttributes may hold JSON text where the client has
// a value.
func attributes(want map[string]any, got pcommon.Map) (extra []string, err error) {
	jsonText := map[string]bool{}
	if list, ok := got.Get("mlflow.jsonAttributes"); ok && list.Type() == pcommon.ValueTypeSlice {
		for i := range list.Slice().Len() {
			jsonText[list.Slice().At(i).Str()] = true
		}
	}
	used := map[string]bool{}
	for k, w := range want {
		v, ok := got.Get(k)
		if !ok {
			return nil, fmt.Errorf("%s is missing", k)
		}
		text := false
		if err := equal(w, v, jsonText[k], &text); err != nil {
			return nil, fmt.Errorf("%s%w", k, err)
		}
		if text {
			used[k] = true
		}
	}
	for k := range got.All() {
		if _, ok := want[k]; !ok {
			extra = append(extra, k)
		}
	}
	for k := range jsonText {
		if _, ours := want[k]; ours && !used[k] {
			return nil, fmt.Errorf("%s is listed in mlflow.jsonAttributes and holds no JSON text", k)
		}
	}
	slices.Sort(extra)
	return extra, nil
}

// equal compares a value of the client, as expected.py spells it, with an emitted one. text is set
// where JSON text stands for a value.
func equal(want any, got pcommon.Value, jsonText bool, text *bool) error {
	if _, isString := want.(string); jsonText && !isString && got.Type() == pcommon.ValueTypeStr {
		*text = true
		parsed, err := parse(got.Str())
		if err != nil {
			return err
		}
		return same(want, parsed)
	}
	switch w := want.(type) {
	case nil:
		if got.Type() != pcommon.ValueTypeEmpty {
			return differs(want, got)
		}
	case bool:
		if got.Type() != pcommon.ValueTypeBool || got.Bool() != w {
			return differs(want, got)
		}
	case string:
		if got.Type() != pcommon.ValueTypeStr || got.Str() != w {
			return differs(want, got)
		}
	case serialized:
		if got.Type() != pcommon.ValueTypeStr {
			return differs(want, got)
		}
		return sameJSON(string(w), got.Str())
	case json.Number:
		return number(w, got)
	case []any:
		if got.Type() != pcommon.ValueTypeSlice || got.Slice().Len() != len(w) {
			return differs(want, got)
		}
		for i := range w {
			if err := equal(w[i], got.Slice().At(i), jsonText, text); err != nil {
				return fmt.Errorf("[%d]%w", i, err)
			}
		}
	case map[string]any:
		if f, ok := float(w); ok {
			if got.Type() != pcommon.ValueTypeDouble || !sameFloat(f, got.Double()) {
				return differs(want, got)
			}
			return nil
		}
		if got.Type() != pcommon.ValueTypeMap || got.Map().Len() != len(w) {
			return differs(want, got)
		}
		for k := range w {
			v, ok := got.Map().Get(k)
			if !ok {
				return fmt.Errorf(".%s is missing", k)
			}
			if err := equal(w[k], v, jsonText, text); err != nil {
				return fmt.Errorf(".%s%w", k, err)
			}
		}
	default:
		return fmt.Errorf(": unexpected %T", want)
	}
	return nil
}

func parse(text string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(tagged(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf(": not JSON text: %w", err)
	}
	return v, nil
}

func sameJSON(want, got string) error {
	w, err := parse(want)
	if err != nil {
		return err
	}
	g, err := parse(got)
	if err != nil {
		return err
	}
	return same(w, g)
}

func differs(want any, got pcommon.Value) error {
	return fmt.Errorf(": want %s, got %s %s", short(fmt.Sprintf("%#v", want)), got.Type(), short(got.AsString()))
}

func short(s string) string {
	if len(s) > 200 {
		return s[:100] + " … " + s[len(s)-100:]
	}
	return s
}

func number(want json.Number, got pcommon.Value) error {
	if isFloat(want) {
		f, err := want.Float64()
		if err != nil || got.Type() != pcommon.ValueTypeDouble || !sameFloat(f, got.Double()) {
			return differs(want, got)
		}
		return nil
	}
	if i, err := want.Int64(); err != nil || got.Type() != pcommon.ValueTypeInt || got.Int() != i {
		return differs(want, got)
	}
	return nil
}

// isFloat reports whether Python would spell a float like this.
func isFloat(n json.Number) bool { return strings.ContainsAny(n.String(), ".eE") }

// float returns the number that expected.py tags because JSON lacks it.
func float(m map[string]any) (float64, bool) {
	name, ok := m["$float"].(string)
	if !ok || len(m) != 1 {
		return 0, false
	}
	switch name {
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	default:
		return math.NaN(), true
	}
}

// sameFloat tells zeros apart and NaNs not.
func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// same compares two values that were read from JSON.
func same(want, got any) error {
	switch w := want.(type) {
	case json.Number:
		g, ok := got.(json.Number)
		if !ok {
			return fmt.Errorf(": want %v, got %v", want, got)
		}
		if isFloat(w) || isFloat(g) {
			x, errX := w.Float64()
			y, errY := g.Float64()
			if errX != nil || errY != nil || isFloat(w) != isFloat(g) || !sameFloat(x, y) {
				return fmt.Errorf(": want %s, got %s", w, g)
			}
			return nil
		}
		x, _ := new(big.Int).SetString(w.String(), 10)
		y, _ := new(big.Int).SetString(g.String(), 10)
		if x == nil || y == nil || x.Cmp(y) != 0 {
			return fmt.Errorf(": want %s, got %s", w, g)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf(": want a list of %d, got %T", len(w), got)
		}
		for i := range w {
			if err := same(w[i], g[i]); err != nil {
				return fmt.Errorf("[%d]%w", i, err)
			}
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf(": want an object of %d, got %T", len(w), got)
		}
		for k := range w {
			v, ok := g[k]
			if !ok {
				return fmt.Errorf(".%s is missing", k)
			}
			if err := same(w[k], v); err != nil {
				return fmt.Errorf(".%s%w", k, err)
			}
		}
	default:
		if want != got {
			return fmt.Errorf(": want %v, got %v", want, got)
		}
	}
	return nil
}

// tagged rewrites the numbers of Python's JSON that JSON lacks as expected.py does.
func tagged(text string) string {
	if !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") {
		return text
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); {
		switch {
		case quoted && text[i] == '\\':
			b.WriteString(text[i : i+2])
			i += 2
			continue
		case text[i] == '"':
			quoted = !quoted
		case !quoted:
			for _, name := range []string{"NaN", "Infinity", "-Infinity"} {
				if strings.HasPrefix(text[i:], name) {
					fmt.Fprintf(&b, `{"$float": %q}`, name)
					i += len(name)
					break
				}
			}
			if i == len(text) {
				return b.String()
			}
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}
