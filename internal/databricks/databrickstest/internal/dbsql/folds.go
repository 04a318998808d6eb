package dbsql

import (
	"database/sql/driver"
	"math"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// fold is an aggregate function that looks at all rows at the end.
type fold struct {
	rows   [][]driver.Value
	values func(rows [][]driver.Value) (driver.Value, error)
}

func (f *fold) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	if args[0] != nil || len(args) >= 2 {
		f.rows = append(f.rows, slices.Clone(args))
	}
	return nil
}

func (f *fold) WindowInverse(*sqlite.FunctionContext, []driver.Value) error {
	return unsupported("this function with OVER")
}

func (f *fold) WindowValue(*sqlite.FunctionContext) (driver.Value, error) { return f.values(f.rows) }

func (f *fold) Final(*sqlite.FunctionContext) {}

var folds = map[string]func([][]driver.Value) (driver.Value, error){
	"max_by": func(rows [][]driver.Value) (driver.Value, error) { return extremeBy(rows, 1), nil },
	"min_by": func(rows [][]driver.Value) (driver.Value, error) { return extremeBy(rows, -1), nil },
	"collect": func(rows [][]driver.Value) (driver.Value, error) {
		var parts []string
		for _, r := range rows {
			parts = append(parts, r[0].(string))
		}
		return "[" + strings.Join(parts, ",") + "]", nil
	},
	"fold_array": func(rows [][]driver.Value) (driver.Value, error) {
		var parts []string
		for _, r := range rows {
			parts = append(parts, r[1].(string))
		}
		return "[" + strings.Join(parts, ",") + "]", nil
	},
	"fold_map": func(rows [][]driver.Value) (driver.Value, error) {
		keys := map[string]string{}
		for _, r := range rows {
			k, ok := r[0].(string)
			if !ok {
				return nil, failf("NULL_MAP_KEY", "2200E", "Cannot use null as map key.")
			}
			if err := putNew(keys, k, r[1].(string)); err != nil {
				return nil, err
			}
		}
		return object(keys), nil
	},
	"first": func(rows [][]driver.Value) (driver.Value, error) {
		for _, r := range rows {
			if r[0] != nil || r[1] == int64(0) {
				return r[0], nil
			}
		}
		return nil, nil
	},
	"percentile": func(rows [][]driver.Value) (driver.Value, error) {
		list, p := ranked(rows)
		if len(list) == 0 {
			return nil, nil
		}
		at := p * float64(len(list)-1)
		low := int(at)
		high := min(low+1, len(list)-1)
		return asFloat(list[low]) + (at-float64(low))*(asFloat(list[high])-asFloat(list[low])), nil
	},
	"percentile_approx": func(rows [][]driver.Value) (driver.Value, error) {
		list, p := ranked(rows)
		if len(list) == 0 {
			return nil, nil
		}
		return list[max(int(math.Ceil(p*float64(len(list))))-1, 0)], nil
	},
}

// putNew refuses a key that a map has already.
func putNew(m map[string]string, key, value string) error {
	if _, double := m[key]; double {
		return failf("DUPLICATED_MAP_KEY", "23505", "Duplicate map key %s was found, please check the input data.", key)
	}
	m[key] = value
	return nil
}

// object writes members, which are JSON already, sorted by key.
func object(members map[string]string) string {
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b := []byte{'{'}
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendString(b, k), ':'), members[k]...)
	}
	return string(append(b, '}'))
}

func extremeBy(rows [][]driver.Value, sign int) driver.Value {
	var best []driver.Value
	for _, r := range rows {
		if r[1] != nil && (best == nil || compareValues(r[1], best[1])*sign > 0) {
			best = r
		}
	}
	if best == nil {
		return nil
	}
	return best[0]
}

// ranked sorts the first arguments; the second is the percentage.
func ranked(rows [][]driver.Value) ([]driver.Value, float64) {
	var list []driver.Value
	p := 0.0
	for _, r := range rows {
		p = asFloat(r[1])
		if r[0] != nil {
			list = append(list, r[0])
		}
	}
	slices.SortFunc(list, compareValues)
	return list, p
}
