package mlflow

import (
	"cmp"
	"regexp"
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

var filterClause = regexp.MustCompile("^([A-Za-z_][A-Za-z0-9_.]*(?:`[^`]*`)?(?:[A-Za-z0-9_.]*))" +
	"\\s*(>=|<=|!=|=|>|<|(?i:LIKE)|(?i:ILIKE))\\s*('[^']*'|\"[^\"]*\"|-?[0-9.]+)$")

// parseFilter understands what the documentation of Databricks shows: clauses joined by AND on times, state, name,
// tags, metadata and attributes of spans.
func parseFilter(filter string) (func(*TraceInfo) bool, *server.Failure) {
	var tests []func(*TraceInfo) bool
	for _, part := range clauses(filter) {
		m := filterClause.FindStringSubmatch(part)
		if m == nil {
			return nil, server.Invalid("Invalid clause(s) in filter string: %s", part)
		}
		field, operator, value := strings.ReplaceAll(m[1], "`", ""), strings.ToUpper(m[2]), m[3]
		quoted := value[0] == '\'' || value[0] == '"'
		field = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(field, "trace."), "attributes."), "attribute.")
		if number := numbers[field]; number != nil {
			want, err := strconv.ParseFloat(value, 64)
			if quoted || err != nil || strings.HasSuffix(operator, "LIKE") {
				return nil, server.Invalid("Expected numeric value type for numeric attribute: %s", field)
			}
			tests = append(tests, func(i *TraceInfo) bool { return holds(cmp.Compare(float64(number(i)), want), operator) })
			continue
		}
		texts := textField(field)
		if texts == nil || !quoted {
			return nil, server.Invalid("Invalid attribute key '%s' in the filter", field)
		}
		value = value[1 : len(value)-1]
		tests = append(tests, func(i *TraceInfo) bool {
			for _, s := range texts(i) {
				if like := strings.HasSuffix(operator, "LIKE"); like && matches(s, value, operator == "ILIKE") || !like &&
					holds(strings.Compare(s, value), operator) {
					return true
				}
			}
			return false
		})
	}
	return func(i *TraceInfo) bool {
		for _, t := range tests {
			if !t(i) {
				return false
			}
		}
		return true
	}, nil
}

// textField returns what a field holds; nil for fields that are not known. Assessments can't be filtered by.
func textField(field string) func(*TraceInfo) []string {
	switch field {
	case "status", "state":
		return func(i *TraceInfo) []string { return []string{i.State} }
	case "request_id", "trace_id":
		return func(i *TraceInfo) []string { return []string{i.ID} }
	case "client_request_id":
		return func(i *TraceInfo) []string { return []string{i.ClientRequestID} }
	case "name":
		return func(i *TraceInfo) []string { return []string{i.Tags["mlflow.traceName"]} }
	}
	kind, key, _ := strings.Cut(field, ".")
	switch kind {
	case "tag", "tags":
		return func(i *TraceInfo) []string { return present(i.Tags, key) }
	case "metadata", "request_metadata":
		return func(i *TraceInfo) []string { return present(i.Metadata, key) }
	case "span":
		if key, ok := strings.CutPrefix(key, "attributes."); ok {
			return func(i *TraceInfo) (out []string) {
				for _, row := range i.spans {
					attributes, _ := row["attributes"].(map[string]any)
					if s := preview(attributes, key); s != "" {
						out = append(out, s)
					}
				}
				return out
			}
		}
	}
	return nil
}

func present(m map[string]string, key string) []string {
	if v, ok := m[key]; ok {
		return []string{v}
	}
	return nil
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

func matches(s, pattern string, fold bool) bool {
	p := strings.ReplaceAll(strings.ReplaceAll(regexp.QuoteMeta(pattern), "%", ".*"), "_", ".")
	if fold {
		p = "(?i)" + p
	}
	ok, _ := regexp.MatchString("(?s)^"+p+"$", s)
	return ok
}

// clauses splits at AND outside of quotes.
func clauses(filter string) []string {
	var out []string
	start, quote := 0, byte(0)
	add := func(end int) {
		if s := strings.TrimSpace(filter[start:end]); s != "" {
			out = append(out, s)
		}
	}
	for i := 0; i < len(filter); i++ {
		switch c := filter[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case i+5 <= len(filter) && strings.EqualFold(filter[i:i+5], " and "):
			add(i)
			start = i + 4
			i += 3
		}
	}
	add(len(filter))
	return out
}
