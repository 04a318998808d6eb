// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowtest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

type search struct {
	experiments []string
	filter      string
	order       []string
	max         string
	token       string
}

func (s *Server) searchV3(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Locations []struct {
			Experiment struct {
				ID string `json:"experiment_id"`
			} `json:"mlflow_experiment"`
		} `json:"locations"`
		Max    *int     `json:"max_results"`
		Filter string   `json:"filter"`
		Order  []string `json:"order_by"`
		Token  string   `json:"page_token"`
	}
	if !read(w, r, &ask) {
		return
	}
	q := search{filter: ask.Filter, order: ask.Order, token: ask.Token}
	if ask.Max != nil {
		q.max = strconv.Itoa(*ask.Max)
	}
	for _, l := range ask.Locations {
		q.experiments = append(q.experiments, l.Experiment.ID)
	}
	s.search(w, q, true)
}

func (s *Server) search(w http.ResponseWriter, q search, v3 bool) {
	refuse := func(message string) { fail(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "%s", message) }
	n := 100
	if q.max != "" {
		n, _ = strconv.Atoi(q.max)
	}
	if n < 1 || n > 500 {
		refuse("Invalid value " + q.max + " for parameter 'max_results' supplied")
		return
	}
	for _, id := range q.experiments {
		if _, err := strconv.Atoi(id); err != nil && s.since(3, 4) {
			fail(w, http.StatusInternalServerError, "INTERNAL_ERROR", "invalid literal for int() with base 10: '%s'",
				id)
			return
		}
	}
	match, bad := s.parseFilter(q.filter)
	if bad != "" {
		refuse(bad)
		return
	}
	from, ok := offset(q.token)
	if !ok {
		refuse("Invalid page token, could not base64-decode")
		return
	}
	var found []*Trace
	for _, t := range s.traces {
		if slices.Contains(q.experiments, t.ExperimentID) && match(t) {
			found = append(found, t)
		}
	}
	ascending := len(q.order) > 0 && q.order[0] == "timestamp_ms ASC"
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.Timestamp != b.Timestamp {
			return a.Timestamp < b.Timestamp == ascending
		}
		return a.ID < b.ID
	})
	page, next := cut(found, from, n)
	out := map[string]any{}
	var list []json.RawMessage
	for _, t := range page {
		if v3 {
			list = append(list, t.infoV3())
		} else {
			list = append(list, t.infoV2())
		}
	}
	if list != nil {
		out["traces"] = list
	}
	if next != "" {
		out["next_page_token"] = next
	}
	answer(w, out)
}

var (
	clause = regexp.MustCompile(`^(timestamp_ms|timestamp|end_time_ms|status|request_id)\s*(>=|<=|!=|=|>|<)\s*(\S+)$`)
	listed = regexp.MustCompile(`^request_id IN \((.+)\)$`)
)

// parseFilter understands the clauses on timestamp_ms, end_time_ms (3.6 on), status and request_id. It
// returns the message of a refusal otherwise.
func (s *Server) parseFilter(filter string) (match func(*Trace) bool, refusal string) {
	var tests []func(*Trace) bool
	if filter != "" {
		for part := range strings.SplitSeq(filter, " AND ") {
			if m := listed.FindStringSubmatch(strings.TrimSpace(part)); m != nil {
				var ids []string
				for id := range strings.SplitSeq(m[1], ",") {
					ids = append(ids, strings.Trim(id, ` '`))
				}
				tests = append(tests, func(t *Trace) bool { return slices.Contains(ids, t.ID) })
				continue
			}
			m := clause.FindStringSubmatch(strings.TrimSpace(part))
			if m == nil {
				return nil, "Invalid clause(s) in filter string: '" + part + "'"
			}
			field, op, value := m[1], m[2], strings.Trim(m[3], `'"`)
			number, err := strconv.ParseInt(value, 10, 64)
			if field == "end_time_ms" && !s.since(3, 6) {
				return nil, "Invalid attribute key 'end_time_ms' specified. Valid keys are '{'timestamp_ms', " +
					"'request_id', 'status', 'run_id', 'execution_time_ms', 'timestamp', 'execution_time', 'name'}'"
			}
			if strings.HasPrefix(field, "timestamp") && err != nil {
				return nil, "Expected numeric value type for numeric attribute: timestamp_ms"
			}
			tests = append(tests, func(t *Trace) bool {
				order := 0
				switch {
				case strings.HasPrefix(field, "timestamp"):
					order = int(max(-1, min(1, t.Timestamp-number)))
				case field == "end_time_ms":
					order = int(max(-1, min(1, t.Timestamp+t.Duration-number)))
				case field == "status":
					order = strings.Compare(t.State, value)
				default:
					order = strings.Compare(t.ID, value)
				}
				switch op {
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
			})
		}
	}
	return func(t *Trace) bool {
		for _, test := range tests {
			if !test(t) {
				return false
			}
		}
		return true
	}, ""
}

// cut returns a page of the list and the token of the next one: an offset, as MLflow's.
func cut[T any](list []T, from, n int) (page []T, next string) {
	from = min(max(0, from), len(list))
	page = list[from:min(from+n, len(list))]
	if len(page) == n {
		next = base64.StdEncoding.EncodeToString([]byte(`{"offset": ` + strconv.Itoa(from+n) + `}`))
	}
	return page, next
}

func offset(token string) (n int, ok bool) {
	if token == "" {
		return 0, true
	}
	var t struct {
		Offset int `json:"offset"`
	}
	doc, err := base64.StdEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(doc, &t) != nil {
		return 0, false
	}
	return t.Offset, true
}
