package dbsql

import (
	"cmp"
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
)

var nestedScalars = map[string]scalar{
	"cast": {4, false, func(a []driver.Value) (driver.Value, error) {
		return convert(a[0], mustType(a[1]), mustType(a[2]), a[3] == int64(1))
	}},
	"at": {3, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		if err != nil {
			return nil, err
		}
		switch k := a[1].(type) {
		case string:
			m, _ := doc.(map[string]any)
			return element(m[k], a[2].(string)), nil
		case int64:
			if list, ok := doc.([]any); ok && k >= 0 && k < int64(len(list)) {
				return element(list[k], a[2].(string)), nil
			}
		}
		return nil, nil
	}},
	"element":        {3, true, func(a []driver.Value) (driver.Value, error) { return elementOf(a, 0, true) }},
	"get":            {3, true, func(a []driver.Value) (driver.Value, error) { return elementOf(a, 0, false) }},
	"element_at":     {3, true, func(a []driver.Value) (driver.Value, error) { return elementOf(a, 1, true) }},
	"try_element_at": {3, true, func(a []driver.Value) (driver.Value, error) { return elementOf(a, 1, false) }},
	"variant_get": {4, true, func(a []driver.Value) (driver.Value, error) {
		path, _ := parsePath(a[1].(string))
		doc, err := document(a[0].(string))
		if err != nil {
			return nil, err
		}
		v, ok := follow(doc, path)
		if !ok {
			return nil, nil
		}
		to := mustType(a[2])
		out, ok := fromVariant(v, to, a[3] == int64(1))
		if !ok && a[3] == int64(0) {
			return nil, failf("INVALID_VARIANT_CAST", "22023",
				"The variant value `%s` cannot be cast into `%s`. Please use `try_variant_get` instead.", AppendJSON(nil, v), to.SQL())
		}
		if !ok {
			return nil, nil
		}
		return out, nil
	}},
	"get_json_object": {2, true, func(a []driver.Value) (driver.Value, error) {
		path, ok := parsePath(a[1].(string))
		doc, err := document(a[0].(string))
		if !ok || err != nil {
			return nil, nil
		}
		v, _ := follow(doc, path)
		out, _ := fromVariant(v, String, false)
		return out, nil
	}},
	"parse_json": {1, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := parseVariant(a[0].(string))
		if err != nil {
			return nil, failf("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "22023", "Malformed records are detected in record parsing: %.50s.", a[0])
		}
		return string(AppendJSON(nil, doc)), nil
	}},
	"try_parse_json": {1, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := parseVariant(a[0].(string))
		if err != nil {
			return nil, nil
		}
		return string(AppendJSON(nil, doc)), nil
	}},
	"json": {2, false, func(a []driver.Value) (driver.Value, error) { return string(jsonText(a[0], mustType(a[1]))), nil }},
	"json_or_null": {2, true, func(a []driver.Value) (driver.Value, error) {
		return string(jsonText(a[0], mustType(a[1]))), nil
	}},
	"to_json": {2, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		return string(jsonOf(nil, doc, mustType(a[1]), true)), err
	}},
	"array": {-1, false, func(a []driver.Value) (driver.Value, error) {
		var parts []string
		for _, x := range a {
			parts = append(parts, x.(string))
		}
		return "[" + strings.Join(parts, ",") + "]", nil
	}},
	"object": {-1, false, func(a []driver.Value) (driver.Value, error) {
		var parts []string
		for i := 0; i+1 < len(a); i += 2 {
			key, ok := a[i].(string)
			if !ok {
				return nil, failf("NULL_MAP_KEY", "2200E", "Cannot use null as map key.")
			}
			parts = append(parts, string(appendString(nil, key))+":"+a[i+1].(string))
		}
		return "{" + strings.Join(parts, ",") + "}", nil
	}},
	"map_concat": {-1, true, func(a []driver.Value) (driver.Value, error) {
		members := map[string]string{}
		for _, text := range a {
			doc, err := document(text.(string))
			if err != nil {
				return nil, err
			}
			m, _ := doc.(map[string]any)
			for k, v := range m {
				if err := putNew(members, k, string(AppendJSON(nil, v))); err != nil {
					return nil, err
				}
			}
		}
		return object(members), nil
	}},
	"map_from_entries": {3, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		if err != nil {
			return nil, err
		}
		members := map[string]string{}
		list, _ := doc.([]any)
		for _, e := range list {
			pair, ok := e.(map[string]any)
			if !ok { // an entry that is NULL makes the map NULL
				return nil, nil
			}
			k, ok := fromVariantText(pair[a[1].(string)])
			if !ok {
				return nil, failf("NULL_MAP_KEY", "2200E", "Cannot use null as map key.")
			}
			if err := putNew(members, k, string(AppendJSON(nil, pair[a[2].(string)]))); err != nil {
				return nil, err
			}
		}
		return object(members), nil
	}},
	"pluck": {2, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		list, _ := doc.([]any)
		out := []any{}
		for _, e := range list {
			m, _ := e.(map[string]any)
			out = append(out, m[a[1].(string)])
		}
		return string(AppendJSON(nil, out)), err
	}},
	"sort_array": {2, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		list, _ := doc.([]any)
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(x, y any) int {
			if x == nil || y == nil {
				return cmp.Compare(truth(x != nil).(int64), truth(y != nil).(int64))
			}
			return compareValues(x, y)
		})
		if a[1] == int64(0) {
			slices.Reverse(list)
		}
		return string(AppendJSON(nil, list)), err
	}},
	"map": {-1, false, func(a []driver.Value) (driver.Value, error) {
		members := map[string]string{}
		for i := 0; i+1 < len(a); i += 2 {
			k, ok := a[i].(string)
			if !ok {
				return nil, failf("NULL_MAP_KEY", "2200E", "Cannot use null as map key.")
			}
			if err := putNew(members, k, a[i+1].(string)); err != nil {
				return nil, err
			}
		}
		return object(members), nil
	}},
	"container": {1, true, func(a []driver.Value) (driver.Value, error) {
		if s := a[0].(string); s != "" && (s[0] == '{' || s[0] == '[') {
			return s, nil
		}
		return nil, nil
	}},
	"position": {2, true, func(a []driver.Value) (driver.Value, error) {
		if n, ok := a[1].(int64); ok {
			return n, nil
		}
		doc, err := document(a[0].(string))
		m, _ := doc.(map[string]any)
		before := int64(0)
		for k := range m {
			if k < a[1].(string) {
				before++
			}
		}
		return before, err
	}},
	"sha2": {2, true, func(a []driver.Value) (driver.Value, error) {
		if bits := a[1].(int64); bits != 256 && bits != 0 {
			return nil, unsupported("sha2 with %d bits", bits)
		}
		return fmt.Sprintf("%x", sha256.Sum256([]byte(a[0].(string)))), nil
	}},
	"substring_index": {3, true, func(a []driver.Value) (driver.Value, error) {
		s, separator, n := a[0].(string), a[1].(string), int(a[2].(int64))
		if separator == "" || n == 0 {
			return "", nil
		}
		parts := strings.Split(s, separator)
		switch {
		case n > 0 && n < len(parts):
			parts = parts[:n]
		case n < 0 && -n < len(parts):
			parts = parts[len(parts)+n:]
		}
		return strings.Join(parts, separator), nil
	}},
	"size": {1, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		switch v := doc.(type) {
		case []any:
			return int64(len(v)), err
		case map[string]any:
			return int64(len(v)), err
		}
		return nil, err
	}},
	"has_key": {2, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		m, _ := doc.(map[string]any)
		_, ok := m[a[1].(string)]
		return truth(ok), err
	}},
	"map_keys": {1, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		m, _ := doc.(map[string]any)
		keys := []any{}
		for k := range m {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(x, y any) int { return strings.Compare(x.(string), y.(string)) })
		return string(AppendJSON(nil, keys)), err
	}},
	"array_contains": {2, true, func(a []driver.Value) (driver.Value, error) {
		doc, err := document(a[0].(string))
		list, _ := doc.([]any)
		return truth(slices.ContainsFunc(list, func(e any) bool { return string(AppendJSON(nil, e)) == a[1].(string) })), err
	}},
	"key": {-1, true, func(a []driver.Value) (driver.Value, error) { return fmt.Sprintf("%#v", a), nil }},
}
