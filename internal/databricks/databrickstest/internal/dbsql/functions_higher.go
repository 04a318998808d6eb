package dbsql

import "fmt"

// higherFunction takes a collection and a lambda.
type higherFunction struct {
	kind   string // of the collection
	filter bool   // the lambda is a condition: what it keeps stays as it is
	result func(collection Type, body Type) Type
	fold   string // what puts the elements together again; its arguments are the key and JSON
}

var higher = map[string]higherFunction{
	"MAP_FILTER":       {"MAP", true, func(c, _ Type) Type { return c }, "dbx_fold_map"},
	"TRANSFORM_VALUES": {"MAP", false, func(c, b Type) Type { return Type{Kind: "MAP", Key: c.Key, Elem: &b} }, "dbx_fold_map"},
	"TRANSFORM_KEYS":   {"MAP", false, func(c, b Type) Type { return Type{Kind: "MAP", Key: &b, Elem: c.Elem} }, "dbx_fold_map"},
	"FILTER":           {"ARRAY", true, func(c, _ Type) Type { return c }, "dbx_fold_array"},
	"TRANSFORM":        {"ARRAY", false, func(_, b Type) Type { return Type{Kind: "ARRAY", Elem: &b} }, "dbx_fold_array"},
}

// overElements writes a function with a lambda as a query over the elements. The collection is computed once, in x; r are its elements.
func (c ctx) overElements(e *Call, h higherFunction) (typed, error) {
	collection, err := c.expr(e.Args[0])
	if err != nil {
		return collection, err
	}
	lambda, ok := e.Args[1].(*Lambda)
	if !ok || collection.typ.Kind != h.kind {
		return typed{}, mismatch(pretty(e), "It needs a %s and a lambda, however the first argument is \"%s\"", h.kind, collection.typ.SQL())
	}
	x, r := fmt.Sprintf("r%d", c.a.count), fmt.Sprintf("r%d", c.a.count+1)
	c.a.count += 2
	element := fmt.Sprintf("dbx_at(%s.m, %s.key, %s)", x, r, kindArgument(*collection.typ.Elem))
	columns := []bound{{sql: element, typ: *collection.typ.Elem}, {sql: r + ".key", typ: Int}}
	if h.kind == "MAP" {
		columns = []bound{{sql: r + ".key", typ: *collection.typ.Key}, {sql: element, typ: *collection.typ.Elem}}
	}
	if len(lambda.Params) > 2 || h.kind == "MAP" && len(lambda.Params) != 2 {
		return typed{}, failf("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH", "42K0D",
			"Invalid lambda function call. A higher order function expects %d arguments, but got %d.", len(columns), len(lambda.Params))
	}
	rel := &relation{sqlite: r}
	for i, p := range lambda.Params {
		columns[i].name = p
		rel.columns = append(rel.columns, columns[i])
	}
	body := ctx{a: c.a, sc: &scope{relations: []*relation{rel}, outer: c.sc, ctes: c.sc.ctes}}
	var t typed
	if h.filter {
		t, err = body.boolean(lambda.Body)
	} else {
		t, err = body.expr(lambda.Body)
	}
	if err != nil {
		return t, err
	}
	key, value, where := r+".key", fmt.Sprintf("coalesce(dbx_at(%s.m, %s.key, 'JSON'), 'null')", x, r), ""
	json := fmt.Sprintf("dbx_json(%s, %s)", t.sql, quote(t.typ.SQL()))
	switch {
	case h.filter:
		where = " WHERE " + t.sql
	case e.Name == "TRANSFORM_KEYS":
		key = cast(t, String, false).sql
	default:
		value = json
	}
	return typed{fmt.Sprintf("(SELECT CASE WHEN %s.m IS NOT NULL THEN (SELECT %s(%s, %s) FROM json_each(%s.m) AS %s%s) END FROM (SELECT %s AS m) AS %s)",
		x, h.fold, key, value, x, r, where, collection.sql, x), h.result(collection.typ, t.typ)}, nil
}
