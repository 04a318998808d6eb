package dbsql

import (
	"database/sql/driver"
	"maps"
	"math"
	"slices"
	"sync"

	"modernc.org/sqlite"
)

// Register makes the functions known to SQLite's driver. It may be called more than once.
var Register = sync.OnceFunc(func() {
	for name, f := range scalars {
		sqlite.MustRegisterDeterministicScalarFunction("dbx_"+name, f.args, func(_ *sqlite.FunctionContext, args []driver.Value) (out driver.Value, err error) {
			defer func() {
				if p := recover(); p != nil { // a row holds a value that is none of its column's type
					out, err = nil, failf("INTERNAL_ERROR", "XX000", "The fake workspace has no %s of %v: %v", name, args, p)
				}
			}()
			if f.strict && slices.Contains(args, nil) {
				return nil, nil
			}
			return f.call(args)
		})
	}
	for name, make := range folds {
		sqlite.MustRegisterFunction("dbx_"+name, &sqlite.FunctionImpl{NArgs: -1, Deterministic: true,
			MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) {
				return &fold{values: make}, nil
			}})
	}
})

// scalar is a function of SQLite. A strict one gives NULL for a NULL.
type scalar struct {
	args   int32
	strict bool
	call   func(a []driver.Value) (driver.Value, error)
}

// scalars are the functions by name, without the dbx_ before it.
var scalars = func() map[string]scalar {
	all := map[string]scalar{}
	for _, table := range []map[string]scalar{nestedScalars, numberScalars, textScalars} {
		maps.Copy(all, table)
	}
	return all
}()

var numberScalars = map[string]scalar{
	"arith": {4, true, func(a []driver.Value) (driver.Value, error) {
		return arithmeticOf(a[0].(string), a[1].(int64), a[2].(int64), int(a[3].(int64)))
	}},
	"div": {3, true, divide},
	"mod": {2, true, func(a []driver.Value) (driver.Value, error) {
		if asFloat(a[1]) == 0 {
			return nil, byZero()
		}
		return math.Mod(asFloat(a[0]), asFloat(a[1])), nil
	}},
	"round": {2, true, func(a []driver.Value) (driver.Value, error) {
		scale := math.Pow10(int(a[1].(int64)))
		return math.Round(a[0].(float64)*scale) / scale, nil
	}},
	"sign": {1, true, func(a []driver.Value) (driver.Value, error) {
		switch f := asFloat(a[0]); {
		case f > 0:
			return 1.0, nil
		case f < 0:
			return -1.0, nil
		}
		return 0.0, nil
	}},
	"greatest": {-1, false, func(a []driver.Value) (driver.Value, error) { return extremeOf(a, 1), nil }},
	"least":    {-1, false, func(a []driver.Value) (driver.Value, error) { return extremeOf(a, -1), nil }},
}
