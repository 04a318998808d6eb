package dbsql

import (
	"database/sql/driver"
	"math"
	"sync"
)

// types are parsed once for each spelling.
var types sync.Map

func mustType(v driver.Value) Type {
	if t, ok := types.Load(v); ok {
		return t.(Type)
	}
	t, err := ParseType(v.(string))
	if err != nil {
		panic(err)
	}
	types.Store(v, t)
	return t
}

// element is an element of JSON as a value of its type.
func element(v any, kind string) driver.Value {
	switch x := v.(type) {
	case nil:
		return nil
	case bool:
		if kind == "BOOLEAN" {
			return truth(x)
		}
	case int64:
		if kind == "DOUBLE" {
			return float64(x)
		}
		if kind != "JSON" {
			return x
		}
	case float64:
		if kind != "JSON" {
			return x
		}
	case string:
		if kind == "DOUBLE" { // not-a-number and the infinities
			return map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}[x]
		}
		if kind != "JSON" {
			return x
		}
	}
	return string(AppendJSON(nil, v))
}

func elementOf(a []driver.Value, base int64, loud bool) (driver.Value, error) {
	doc, err := document(a[0].(string))
	if err != nil {
		return nil, err
	}
	list, _ := doc.([]any)
	i := a[1].(int64) - base
	if base == 1 && a[1].(int64) < 0 {
		i = int64(len(list)) + a[1].(int64)
	}
	if i < 0 || i >= int64(len(list)) {
		if loud {
			return nil, failf("INVALID_ARRAY_INDEX", "22003",
				"The index %d is out of bounds. The array has %d elements. Use the SQL function `get()` to tolerate accessing element at invalid index and return "+
					"NULL instead.", a[1], len(list))
		}
		return nil, nil
	}
	return element(list[i], a[2].(string)), nil
}

// jsonText is a value of SQLite as JSON text.
func jsonText(v any, t Type) []byte { return jsonOf(nil, inJSON(v, t), t, false) }

func truth(b bool) driver.Value {
	if b {
		return int64(1)
	}
	return int64(0)
}

func asFloat(v driver.Value) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}
