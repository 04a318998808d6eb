package dbsql

import (
	"fmt"
	"slices"
	"strings"
)

func variantFunctions() map[string]function {
	get := func(try int) function {
		return function{2, 3, func(_ ctx, e *Call, args []typed) (typed, error) {
			if args[0].typ.Kind != "VARIANT" {
				return typed{}, accepts(e, args[0], Variant)
			}
			path, ok := e.Args[1].(*Literal)
			if !ok || path.Type.Kind != "STRING" {
				return typed{}, unsupported("a path of %s that is no literal", strings.ToLower(e.Name))
			}
			if _, ok := parsePath(path.Value.(string)); !ok {
				return typed{}, failf("INVALID_VARIANT_GET_PATH", "22023",
					"The path `%s` is not a valid variant extraction path in `%s`. A valid path should start with `$` and is followed by zero or more segments like "+
						"`[123]`, `.name`, `['name']`, or `[\"name\"]`.", path.Value, strings.ToLower(e.Name))
			}
			t := Variant
			if len(args) == 3 {
				l, ok := e.Args[2].(*Literal)
				if !ok || l.Type.Kind != "STRING" {
					return typed{}, failf("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09",
						"Cannot resolve \"%s\" due to data type mismatch: the type must be a foldable \"STRING\" expression.", pretty(e))
				}
				var err error
				if t, err = ParseType(l.Value.(string)); err != nil {
					return typed{}, err
				}
				if !fromVariantTo(t) {
					return typed{}, unsupported("variants as %s", t.SQL())
				}
			}
			return typed{fmt.Sprintf("dbx_variant_get(%s, %s, %s, %d)", args[0].sql, args[1].sql, quote(t.SQL()), try), t}, nil
		}}
	}
	return map[string]function{
		"VARIANT_GET": get(0), "TRY_VARIANT_GET": get(1), "PARSE_JSON": plain("dbx_parse_json", Variant, 1, 1,
			String), "TRY_PARSE_JSON": plain("dbx_try_parse_json", Variant, 1, 1, String),
		"GET_JSON_OBJECT": plain("dbx_get_json_object", String, 2, 2, String),
		"IS_VARIANT_NULL": {1, 1, func(_ ctx, e *Call, args []typed) (typed, error) {
			return typed{"(" + args[0].sql + " IS 'null')", Boolean}, accepts(e, args[0], Variant)
		}},
		"TO_JSON": {1, 1, func(_ ctx, e *Call, args []typed) (typed, error) {
			if !args[0].typ.nested() && args[0].typ.Kind != "VARIANT" {
				return typed{}, mismatch(pretty(e), "to_json needs a STRUCT, ARRAY, MAP or VARIANT, however it is \"%s\"", args[0].typ.SQL())
			}
			return typed{fmt.Sprintf("dbx_to_json(%s, %s)", args[0].sql, quote(args[0].typ.SQL())), String}, nil
		}},
	}
}

func collectionFunctions() map[string]function {
	collection := func(kinds []string, write func(e *Call, args []typed) (typed, error)) func(ctx, *Call, []typed) (typed, error) {
		return func(_ ctx, e *Call, args []typed) (typed, error) {
			if !slices.Contains(kinds, args[0].typ.Kind) {
				return typed{}, mismatch(pretty(e), "The first parameter requires one of %v, however it is \"%s\"", kinds, args[0].typ.SQL())
			}
			return write(e, args)
		}
	}
	size := function{1, 1, collection([]string{"ARRAY", "MAP"}, func(_ *Call, args []typed) (typed, error) {
		return typed{"dbx_size(" + args[0].sql + ")",
			Int}, nil
	})}
	element := func(sqlite string) function {
		return function{2, 2, collection([]string{"ARRAY", "MAP"}, func(e *Call, args []typed) (typed, error) {
			if args[0].typ.Kind == "MAP" {
				return at(args[0], args[1].sql, *args[0].typ.Elem), nil
			}
			return typed{fmt.Sprintf("%s(%s, %s, %s)", sqlite, args[0].sql, args[1].sql, kindArgument(*args[0].typ.Elem)), *args[0].typ.Elem}, accepts(e,
				args[1], Bigint)
		})}
	}
	return map[string]function{
		"SIZE": size, "CARDINALITY": size, "ARRAY_SIZE": size, "ELEMENT_AT": element("dbx_element_at"), "TRY_ELEMENT_AT": element("dbx_try_element_at"),
		"GET": element("dbx_get"),
		"MAP_CONTAINS_KEY": {2, 2, collection([]string{"MAP"}, func(_ *Call, args []typed) (typed, error) {
			return typed{fmt.Sprintf("dbx_has_key(%s, %s)", args[0].sql, args[1].sql), Boolean}, nil
		})},
		"MAP_KEYS": {1, 1, collection([]string{"MAP"}, func(_ *Call, args []typed) (typed, error) {
			return typed{"dbx_map_keys(" + args[0].sql + ")", Type{Kind: "ARRAY", Elem: args[0].typ.Key}}, nil
		})},
		"SORT_ARRAY": {1, 2, collection([]string{"ARRAY"}, func(e *Call, args []typed) (typed, error) {
			if !args[0].typ.Elem.orderable() {
				return typed{}, notOrderable(e, *args[0].typ.Elem)
			}
			up := typed{"1", Boolean}
			if len(args) == 2 {
				up = args[1]
			}
			return typed{fmt.Sprintf("dbx_sort_array(%s, %s)", args[0].sql, up.sql), args[0].typ}, accepts(e, up, Boolean)
		})},
		"ARRAY_CONTAINS": {2, 2, collection([]string{"ARRAY"}, func(_ *Call, args []typed) (typed, error) {
			return typed{fmt.Sprintf("dbx_array_contains(%s, dbx_json(%s, %s))", args[0].sql, args[1].sql, quote(args[1].typ.SQL())), Boolean}, nil
		})},
		"MAP": {0, -1, func(_ ctx, e *Call, args []typed) (typed, error) {
			if len(args)%2 != 0 {
				return typed{}, wrongArguments(e)
			}
			var keys, values []typed
			for i := 0; i < len(args); i += 2 {
				keys, values = append(keys, args[i]), append(values, args[i+1])
			}
			keys, k, err := unify(e.Name, keys)
			if err != nil {
				return typed{}, err
			}
			values, v, err := unify(e.Name, values)
			var parts []string
			for i := range keys {
				parts = append(parts, cast(keys[i], String, false).sql, fmt.Sprintf("dbx_json(%s, %s)", values[i].sql, quote(v.SQL())))
			}
			return typed{"dbx_map(" + strings.Join(parts, ", ") + ")", Type{Kind: "MAP", Key: &k, Elem: &v}}, err
		}},
		"MAP_CONCAT": {1, -1, collection([]string{"MAP"}, func(e *Call, args []typed) (typed, error) {
			list, t, err := unify(e.Name, args)
			return typed{"dbx_map_concat(" + sqlOf(list) + ")", t}, err
		})},
		"MAP_FROM_ENTRIES": {1, 1, collection([]string{"ARRAY"}, func(e *Call, args []typed) (typed, error) {
			entry := args[0].typ.Elem
			if entry.Kind != "STRUCT" || len(entry.Fields) != 2 {
				return typed{}, mismatch(pretty(e), "map_from_entries needs an array of pairs, however it is \"%s\"", args[0].typ.SQL())
			}
			k, v := entry.Fields[0], entry.Fields[1]
			return typed{fmt.Sprintf("dbx_map_from_entries(%s, %s, %s)", args[0].sql, quote(k.Name), quote(v.Name)), Type{Kind: "MAP", Key: &k.Type,
				Elem: &v.Type}}, nil
		})},
		"STRUCT": {1, -1, func(_ ctx, e *Call, args []typed) (typed, error) {
			t := Type{Kind: "STRUCT"}
			var parts []string
			for i, x := range args {
				n := fmt.Sprintf("col%d", i+1)
				switch e.Args[i].(type) {
				case *Name, *Dot, *Path, *bound:
					n = pretty(e.Args[i])
				}
				t.Fields = append(t.Fields, Field{n, x.typ})
				parts = append(parts, quote(n), fmt.Sprintf("dbx_json(%s, %s)", x.sql, quote(x.typ.SQL())))
			}
			return typed{"dbx_object(" + strings.Join(parts, ", ") + ")", t}, nil
		}},
		"ARRAY": {0, -1, func(_ ctx, e *Call, args []typed) (typed, error) {
			list, t, err := unify(e.Name, args)
			sql := "dbx_array("
			for i, x := range list {
				if i > 0 {
					sql += ", "
				}
				sql += fmt.Sprintf("dbx_json(%s, %s)", x.sql, quote(t.SQL()))
			}
			return typed{sql + ")", Type{Kind: "ARRAY", Elem: &t}}, err
		}},
		"NAMED_STRUCT": {2, -1, func(_ ctx, e *Call, args []typed) (typed, error) {
			t := Type{Kind: "STRUCT"}
			sql := "dbx_object("
			for i := 0; i+1 < len(args); i += 2 {
				l, ok := e.Args[i].(*Literal)
				if !ok || l.Type.Kind != "STRING" {
					return typed{}, mismatch(pretty(e), "The names must be string literals")
				}
				t.Fields = append(t.Fields, Field{l.Value.(string), args[i+1].typ})
				if i > 0 {
					sql += ", "
				}
				sql += fmt.Sprintf("%s, dbx_json(%s, %s)", args[i].sql, args[i+1].sql, quote(args[i+1].typ.SQL()))
			}
			return typed{sql + ")", t}, nil
		}},
	}
}
