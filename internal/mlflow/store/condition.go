// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"
)

// condition translates a clause to SQL over trace_info t; values are always bound. As on the
// server, a comparison with something that a trace doesn't have, != included, is never true.
func (s *schema) condition(c clause) (string, []any, error) {
	switch c.field {
	case "end_time_ms":
		return "t.timestamp_ms + coalesce(t.execution_time_ms, 0) " + c.op + " ?", c.values, nil
	case "timestamp_ms", "execution_time_ms":
		return "t." + c.field + " " + c.op + " ?", c.values, nil
	case "client_request_id":
		if !s.traceInfo[c.field] {
			return "1 = 0", nil, nil
		}
		return compare("t.client_request_id", c)
	case "status", "request_id":
		return compare("t."+c.field, c)
	case "name":
		c.field, c.key = fieldTag, tagTraceName
	}
	switch {
	case c.field == fieldTag && c.key == tagTraceName && s.traceInfo["trace_name"]:
		return compare("t.trace_name", c)
	case c.field == fieldMetadata && c.key == metaSession && s.promoted(metaSession):
		return compare("t.session_id", c)
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
	exists := "EXISTS (SELECT 1 FROM " + table + " f WHERE f.request_id = t.request_id AND f.key = ?"
	switch c.op {
	case "IS NULL":
		return "NOT " + exists + ")", []any{c.key}, nil
	case "IS NOT NULL":
		return exists + ")", []any{c.key}, nil
	}
	cond, values, err := compare("f.value", c)
	return exists + " AND " + cond + ")", append([]any{c.key}, values...), err
}

// compare compares a text column.
func compare(column string, c clause) (string, []any, error) {
	switch c.op {
	case "IS NULL", "IS NOT NULL":
		return column + " " + c.op, nil, nil
	case "IN", "NOT IN":
		return column + " " + c.op + " (?" + strings.Repeat(", ?", len(c.values)-1) + ")", c.values, nil
	case "ILIKE":
		return "lower(" + column + ") LIKE lower(?)", c.values, nil
	}
	return column + " " + c.op + " ?", c.values, nil
}
