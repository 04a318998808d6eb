// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"
	"strings"
)

// condition translates a clause to SQL over trace_info t; values are always bound. As on the
// server, a comparison with something that a trace doesn't have, != included, is never true.
func (s *schema) condition(d *dialect, c clause) (string, []any, error) {
	compared := func(column string) (string, []any, error) {
		cond, args := d.compare(column, c)
		return cond, args, nil
	}
	switch c.field {
	case "end_time_ms":
		return "t.timestamp_ms + coalesce(t.execution_time_ms, 0) " + c.op + " " + d.parameter(c), c.values, nil
	case "timestamp_ms", "execution_time_ms":
		return "t." + c.field + " " + c.op + " " + d.parameter(c), c.values, nil
	case "client_request_id":
		if !s.traceInfo[c.field] {
			return "1 = 0", nil, nil
		}
		return compared("t.client_request_id")
	case "status", "request_id":
		return compared("t." + c.field)
	case "name":
		c.field, c.key = fieldTag, tagTraceName
	}
	switch {
	case c.field == fieldTag && c.key == tagTraceName && s.traceInfo["trace_name"]:
		return compared("t.trace_name")
	case c.field == fieldMetadata && c.key == metaSession && s.promoted(metaSession):
		return compared("t.session_id")
	case c.field == fieldMetadata && s.promoted(c.key):
		columns := tokenColumns[:]
		if c.key == metaCost {
			columns = costColumns[:]
		}
		if c.op != "IS NULL" && c.op != "IS NOT NULL" {
			return "", nil,
				fmt.Errorf("metadata.%s can only be tested with IS NULL and IS NOT NULL here, since this store "+
					"keeps its members in columns; filter through the tracking server", c.key)
		}
		return "coalesce(t." + strings.Join(columns, ", t.") + ") " + c.op, nil, nil
	case c.field == fieldMetadata && c.key == "mlflow.sourceRun" && c.op == "=", c.field == fieldTag &&
		c.key == "mlflow.linkedPrompts":
		return "", nil,
			fmt.Errorf("%s.%s also matches what is linked in other tables; filter through the tracking server", c.field,
				c.key)
	}
	table := "trace_tags"
	if c.field == fieldMetadata {
		table = "trace_request_metadata"
	}
	exists := "EXISTS (SELECT 1 FROM " + table + " f WHERE f.request_id = t.request_id AND "
	switch c.op {
	case "IS NULL":
		return "NOT " + exists + "f.key = ?)", []any{c.key}, nil
	case "IS NOT NULL":
		return exists + "f.key = ?)", []any{c.key}, nil
	}
	key, args := d.compare("f.key", clause{op: "=", values: []any{c.key}})
	value, values := d.compare("f.value", c)
	return exists + key + " AND " + value + ")", slices.Concat(args, values), nil
}

// parameter is the parameter that a number is compared with.
func (d *dialect) parameter(c clause) string {
	if _, fractional := c.values[0].(float64); fractional {
		return d.fraction
	}
	return "?"
}

// compare compares a text column as SQLite does, and other databases but for what they do otherwise.
func compare(column string, c clause) (string, []any) {
	switch c.op {
	case "IS NULL", "IS NOT NULL":
		return column + " " + c.op, nil
	case "IN", "NOT IN":
		return column + " " + c.op + " (" + parameters(len(c.values)) + ")", c.values
	case "ILIKE":
		return "lower(" + column + ") LIKE lower(?)", c.values
	}
	return column + " " + c.op + " ?", c.values
}

// parameters is a list of n parameters.
func parameters(n int) string { return strings.Repeat("?, ", n-1) + "?" }
