// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// numbers are the fields of a trace that are compared as numbers, under all names that are in use.
var numbers = map[string]func(*TraceInfo) int64{}

func init() {
	start := func(i *TraceInfo) int64 { return i.start.UnixMilli() }
	duration := func(i *TraceInfo) int64 {
		d, _ := time.ParseDuration(i.Duration)
		return d.Milliseconds()
	}
	end := func(i *TraceInfo) int64 { return start(i) + duration(i) }
	for _, n := range []string{"timestamp_ms", "timestamp"} {
		numbers[n] = start
	}
	for _, n := range []string{"execution_time_ms", "execution_time", "execution_duration_ms"} {
		numbers[n] = duration
	}
	for _, n := range []string{"end_time_ms", "end_time"} {
		numbers[n] = end
	}
}

var filterClause = regexp.MustCompile(`^([A-Za-z_.]+)\s*(>=|<=|!=|=|>|<)\s*('[^']*'|"[^"]*"|-?[0-9.]+)$`)

var and = regexp.MustCompile(`(?i) and `)

// parseFilter understands what clients send: clauses joined by AND on times and the state. Other
// fields are refused.
func parseFilter(filter string) (func(*TraceInfo) bool, *server.Failure) {
	var tests []func(*TraceInfo) bool
	for _, part := range and.Split(filter, -1) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		m := filterClause.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, server.Invalid("Invalid clause(s) in filter string: %s", part)
		}
		field, operator, value := strings.TrimPrefix(m[1], "trace."), m[2], m[3]
		quoted := value[0] == '\'' || value[0] == '"'
		number := numbers[strings.TrimPrefix(field, "attributes.")]
		switch want, err := strconv.ParseFloat(value, 64); {
		case number != nil && (quoted || err != nil):
			return nil, server.Invalid("Expected numeric value type for numeric attribute: %s", field)
		case number != nil:
			tests = append(tests,
				func(i *TraceInfo) bool { return holds(cmp.Compare(float64(number(i)), want), operator) })
		case quoted && (field == "status" || field == "state"):
			value = value[1 : len(value)-1]
			tests = append(tests, func(i *TraceInfo) bool { return holds(strings.Compare(i.State, value), operator) })
		default:
			return nil, server.Invalid("Invalid attribute key '%s' in the filter", field)
		}
	}
	return func(i *TraceInfo) bool {
		return !slices.ContainsFunc(tests, func(t func(*TraceInfo) bool) bool { return !t(i) })
	}, nil
}

func holds(order int, operator string) bool {
	switch operator {
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	case "!=":
		return order != 0
	}
	return order == 0
}
