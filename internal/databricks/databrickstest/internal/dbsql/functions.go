package dbsql

import (
	"fmt"
	"maps"
	"strings"
)

// function writes a call of a function of Databricks SQL for SQLite.
type function struct {
	min, max int // number of arguments; max < 0: any
	write    func(c ctx, e *Call, args []typed) (typed, error)
}

var functions = func() map[string]function {
	all := map[string]function{}
	for _, table := range []map[string]function{conditionals(), stringFunctions(), numberFunctions(), timeFunctions(), variantFunctions(),
		collectionFunctions()} {
		maps.Copy(all, table)
	}
	return all
}()

// call translates a function call.
func (c ctx) call(e *Call) (typed, error) {
	if a, ok := aggregates[e.Name]; ok && !(windowFunctions[e.Name] && e.Over != nil) {
		return c.aggregate(e, a)
	}
	if windowFunctions[e.Name] {
		return c.windowFunction(e)
	}
	if h, ok := higher[e.Name]; ok && len(e.Args) == 2 {
		return c.overElements(e, h)
	}
	f, ok := functions[e.Name]
	if !ok || e.Star {
		return typed{}, failf("UNRESOLVED_ROUTINE", "42883",
			"Cannot resolve routine `%s` on search path [`system`.`builtin`, `system`.`session`]. (The fake workspace knows the functions that its users need, "+
				"not all.)", strings.ToLower(e.Name))
	}
	if e.Over != nil || e.Filter != nil || e.Distinct {
		return typed{}, failf("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000",
			"The function `%s` does not support DISTINCT, FILTER or OVER.", strings.ToLower(e.Name))
	}
	if len(e.Args) < f.min || f.max >= 0 && len(e.Args) > f.max {
		return typed{}, wrongArguments(e)
	}
	args, err := c.exprs(e.Args)
	if err != nil {
		return typed{}, err
	}
	return f.write(c, e, args)
}

func wrongArguments(e *Call) *Error {
	return failf("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", "The `%s` function does not take %d arguments.", strings.ToLower(e.Name), len(e.Args))
}

// plain is a function whose arguments are cast to types and handed to a function of SQLite. The last type stands for all further arguments.
func plain(sqlite string, result Type, min, max int, types ...Type) function {
	return function{min, max, func(_ ctx, e *Call, args []typed) (typed, error) {
		var list []string
		for i, a := range args {
			want := types[last(i, len(types))]
			if err := accepts(e, a, want); err != nil {
				return a, err
			}
			list = append(list, cast(a, want, false).sql)
		}
		return typed{sqlite + "(" + strings.Join(list, ", ") + ")", result}, nil
	}}
}

// last keeps an index inside a list.
func last(i, n int) int { return min(i, n-1) }

// accepts refuses arguments that are not converted silently.
func accepts(e *Call, a typed, want Type) error {
	ok := a.typ.Text() == want.Text() || a.typ.Kind == "VOID"
	switch {
	case want.Kind == "STRING":
		ok = ok || a.typ.scalar()
	case want.numeric():
		ok = ok || a.typ.numeric() || a.typ.Kind == "STRING"
	case want.Kind == "TIMESTAMP" || want.Kind == "DATE":
		ok = ok || a.typ.Kind == "TIMESTAMP" || a.typ.Kind == "DATE" || a.typ.Kind == "STRING"
	}
	if ok {
		return nil
	}
	return failf("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09",
		"Cannot resolve \"%s\" due to data type mismatch: The function requires the \"%s\" type, however there is the type "+
			"\"%s\".", pretty(e), want.SQL(), a.typ.SQL())
}

func conditionals() map[string]function {
	coalesce := function{1, -1, func(_ ctx, e *Call, args []typed) (typed, error) {
		list, t, err := unify(e.Name, args)
		if err != nil || len(list) == 1 {
			return typed{sqlOf(list), t}, err
		}
		return typed{"coalesce(" + sqlOf(list) + ")", t}, nil
	}}
	isNull := func(test string) function {
		return function{1, 1, func(_ ctx, _ *Call, args []typed) (typed, error) {
			return typed{"(" + args[0].sql + test + ")", Boolean}, nil
		}}
	}
	extreme := func(sqlite string) function {
		return function{2, -1, func(_ ctx, e *Call, args []typed) (typed, error) {
			list, t, err := unify(e.Name, args)
			if err == nil && !t.orderable() {
				err = mismatch(pretty(e), "%s does not support ordering on type \"%s\"", e.Name, t.SQL())
			}
			return typed{sqlite + "(" + sqlOf(list) + ")", t}, err
		}}
	}
	return map[string]function{
		"COALESCE": coalesce, "NVL": coalesce, "IFNULL": coalesce, "ISNULL": isNull(" IS NULL"), "ISNOTNULL": isNull(" IS NOT NULL"),
		"NULLIF": {2, 2, func(_ ctx, e *Call, args []typed) (typed, error) {
			x, y, err := comparable("=", args[0], args[1], pretty(e))
			return typed{fmt.Sprintf("nullif(%s, %s)", x.sql, y.sql), x.typ}, err
		}},
		"IF":  {3, 3, ifThen},
		"IFF": {3, 3, ifThen},
		"NVL2": {3, 3, func(c ctx, e *Call, args []typed) (typed, error) {
			return ifThen(c, e, append([]typed{{"(" + args[0].sql + " IS NOT NULL)", Boolean}}, args[1:]...))
		}},
		"GREATEST": extreme("dbx_greatest"), "LEAST": extreme("dbx_least"),
		"TYPEOF": {1, 1, func(_ ctx, _ *Call, args []typed) (typed, error) {
			name := quote(args[0].typ.Text()) // the argument stays: it may be what makes the query aggregate
			return typed{fmt.Sprintf("CASE WHEN %s IS NULL THEN %s ELSE %s END", args[0].sql, name, name), String}, nil
		}},
		"CURRENT_USER": {0, 0, func(c ctx, _ *Call, _ []typed) (typed, error) { return typed{quote(c.a.env.User), String}, nil }},
		"SESSION_USER": {0, 0, func(c ctx, _ *Call, _ []typed) (typed, error) { return typed{quote(c.a.env.User), String}, nil }},
	}
}

func ifThen(_ ctx, e *Call, args []typed) (typed, error) {
	if args[0].typ.Kind != "BOOLEAN" && args[0].typ.Kind != "VOID" {
		return typed{}, mismatch(pretty(e), "The first parameter requires the \"BOOLEAN\" type, however it is \"%s\"", args[0].typ.SQL())
	}
	list, t, err := unify(e.Name, args[1:])
	if err != nil {
		return typed{}, err
	}
	return typed{fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", args[0].sql, list[0].sql, list[1].sql), t}, nil
}

func sqlOf(list []typed) string {
	var out []string
	for _, t := range list {
		out = append(out, t.sql)
	}
	return strings.Join(out, ", ")
}

func stringFunctions() map[string]function {
	out := map[string]function{
		"LOWER": plain("dbx_lower", String, 1, 1, String), "UPPER": plain("dbx_upper", String, 1, 1, String), "TRIM": trim("trim",
			false), "BTRIM": trim("trim", false),
		"LTRIM": trim("ltrim", true), "RTRIM": trim("rtrim", true), "SHA2": plain("dbx_sha2", String, 2, 2, String, Bigint),
		"SUBSTRING_INDEX": plain("dbx_substring_index", String, 3, 3, String, String, Bigint), "LENGTH": plain("length", Int, 1, 1, String),
		"SUBSTRING": plain("dbx_substring", String, 2, 3, String, Bigint), "LEFT": plain("dbx_left", String, 2, 2, String, Bigint),
		"RIGHT": plain("dbx_right", String, 2, 2, String, Bigint), "REPLACE": plain("replace", String, 3, 3, String), "INSTR": plain("instr", Int, 2, 2, String),
		"STARTSWITH": plain("dbx_startswith", Boolean, 2, 2, String), "ENDSWITH": plain("dbx_endswith", Boolean, 2, 2, String),
		"CONTAINS": plain("dbx_contains", Boolean, 2, 2, String), "CONCAT_WS": plain("dbx_concat_ws", String, 1, -1, String),
		"REGEXP_REPLACE": plain("dbx_regexp_replace", String, 3, 3, String), "REGEXP_EXTRACT": plain("dbx_regexp_extract", String, 2, 3, String, String, Bigint),
		"REGEXP_LIKE": plain("dbx_regexp_like", Boolean, 2, 2, String), "SPLIT_PART": plain("dbx_split_part", String, 3, 3, String, String, Bigint),
		"MD5": plain("dbx_md5", String, 1, 1, String), "REVERSE": plain("dbx_reverse", String, 1, 1, String),
		"CONCAT": {1, -1, func(_ ctx, e *Call, args []typed) (typed, error) {
			var list []string
			for _, a := range args {
				list = append(list, cast(a, String, false).sql)
			}
			return typed{"(" + strings.Join(list, " || ") + ")", String}, textual(e, args...)
		}},
	}
	for alias, name := range map[string]string{
		"LCASE": "LOWER", "UCASE": "UPPER", "LEN": "LENGTH", "CHAR_LENGTH": "LENGTH", "CHARACTER_LENGTH": "LENGTH", "SUBSTR": "SUBSTRING",
		"RLIKE": "REGEXP_LIKE", "REGEXP": "REGEXP_LIKE",
	} {
		out[alias] = out[name]
	}
	return out
}

// trim takes spaces off, or given characters, which stand first in LTRIM and RTRIM.
func trim(sqlite string, charactersFirst bool) function {
	return function{1, 2, func(_ ctx, e *Call, args []typed) (typed, error) {
		if len(args) == 2 && charactersFirst {
			args[0], args[1] = args[1], args[0]
		}
		var list []string
		for _, a := range args {
			if err := accepts(e, a, String); err != nil {
				return a, err
			}
			list = append(list, cast(a, String, false).sql)
		}
		return typed{sqlite + "(" + strings.Join(list, ", ") + ")", String}, nil
	}}
}

func numberFunctions() map[string]function {
	same := func(sqlite string) function { // the result has the argument's type
		return function{1, 1, func(_ ctx, e *Call, args []typed) (typed, error) {
			x := args[0]
			if x.typ.Kind == "STRING" {
				x = cast(x, Double, false)
			}
			return typed{sqlite + "(" + x.sql + ")", x.typ}, accepts(e, x, Double)
		}}
	}
	whole := func(sqlite string) function {
		return function{1, 1, func(_ ctx, e *Call, args []typed) (typed, error) {
			return typed{"CAST(" + sqlite + "(" + cast(args[0], Double, false).sql + ") AS INTEGER)", Bigint}, accepts(e, args[0], Double)
		}}
	}
	return map[string]function{
		"ABS": same("abs"), "FLOOR": whole("floor"), "CEIL": whole("ceil"), "CEILING": whole("ceil"), "SQRT": plain("sqrt", Double, 1, 1, Double),
		"POWER": plain("pow", Double, 2, 2, Double), "POW": plain("pow", Double, 2, 2, Double), "EXP": plain("exp", Double, 1, 1,
			Double), "LN": plain("ln", Double, 1, 1, Double),
		"SIGN": plain("dbx_sign", Double, 1, 1, Double),
		"ROUND": {1, 2, func(_ ctx, e *Call, args []typed) (typed, error) {
			x, digits := args[0], "0"
			if len(args) == 2 {
				l, ok := e.Args[1].(*Literal)
				if !ok || !l.Type.integer() {
					return x, unsupported("ROUND with a number of digits that is no literal")
				}
				digits = args[1].sql
			}
			switch {
			case x.typ.integer():
				return x, nil
			case x.typ.Kind == "DECIMAL":
				return x, unsupported("ROUND of DECIMAL; write the number as DOUBLE (2.0D)")
			}
			return typed{fmt.Sprintf("dbx_round(%s, %s)", cast(x, Double, false).sql, digits), Double}, accepts(e, x, Double)
		}},
	}
}

func timeFunctions() map[string]function {
	now := function{0, 0, func(c ctx, _ *Call, _ []typed) (typed, error) {
		return typed{fmt.Sprint(c.a.env.Now.UnixMicro()), Timestamp}, nil
	}}
	today := function{0, 0, func(c ctx, _ *Call, _ []typed) (typed, error) {
		return typed{fmt.Sprint(days(c.a.env.Now.UTC())), Date}, nil
	}}
	convertTo := func(t Type, try bool) function {
		return function{1, 1, func(_ ctx, e *Call, args []typed) (typed, error) {
			return cast(args[0], t, try), accepts(e, args[0], t)
		}}
	}
	out := map[string]function{
		"CURRENT_TIMESTAMP": now, "NOW": now, "CURRENT_DATE": today, "CURDATE": today,
		"TO_TIMESTAMP": {1, 1, func(_ ctx, e *Call, args []typed) (typed, error) {
			if args[0].typ.numeric() { // seconds, whatever was meant
				return cast(args[0], Timestamp, false), nil
			}
			return cast(args[0], Timestamp, false), accepts(e, args[0], Timestamp)
		}},
		"TRY_TO_TIMESTAMP": convertTo(Timestamp, true), "TO_DATE": convertTo(Date, false), "DATE": convertTo(Date, false),
		"TIMESTAMP_SECONDS": plain("dbx_micros_1000000", Timestamp, 1, 1, Double), "TIMESTAMP_MILLIS": plain("dbx_micros_1000", Timestamp, 1, 1, Bigint),
		"TIMESTAMP_MICROS": plain("dbx_micros_1", Timestamp, 1, 1, Bigint), "UNIX_SECONDS": plain("dbx_unix_1000000", Bigint, 1, 1, Timestamp),
		"UNIX_TIMESTAMP": plain("dbx_unix_1000000", Bigint, 1, 1, Timestamp), "UNIX_MILLIS": plain("dbx_unix_1000", Bigint, 1, 1, Timestamp),
		"UNIX_MICROS": plain("dbx_unix_1", Bigint, 1, 1, Timestamp), "DATE_TRUNC": plain("dbx_date_trunc", Timestamp, 2, 2, String, Timestamp),
		"DATE_FORMAT": plain("dbx_date_format", String, 2, 2, Timestamp, String), "DATEDIFF": plain("dbx_datediff", Int, 2, 2, Date),
		"DATE_ADD": plain("dbx_date_add", Date, 2, 2, Date, Bigint), "DATE_SUB": plain("dbx_date_sub", Date, 2, 2, Date, Bigint),
	}
	for _, part := range []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"} {
		out[part] = plain("dbx_part_"+strings.ToLower(part), Int, 1, 1, Timestamp)
	}
	return out
}
