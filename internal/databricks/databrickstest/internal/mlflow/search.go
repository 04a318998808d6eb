// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/warehouse"
)

func (w *MLflow) routeSearch() {
	w.Handle("POST /api/3.0/mlflow/traces/search", w.searchV3)
}

// searchAsk is a search, in v3 and v4.
type searchAsk struct {
	Locations []struct {
		Type       string `json:"type"`
		Experiment *struct {
			ID string `json:"experiment_id"`
		} `json:"mlflow_experiment"`
		Prefix *tablePrefix `json:"uc_table_prefix"`
		Schema *ucSchema    `json:"uc_schema"`
	} `json:"locations"`
	Filter    string   `json:"filter"`
	Max       *int     `json:"max_results"`
	Order     []string `json:"order_by"`
	Token     string   `json:"page_token"`
	Warehouse string   `json:"sql_warehouse_id"`
}

// operation is a search that runs for a while.
type operation struct {
	name    string
	started time.Time
	on      *warehouse.Instance // that it waits for; nil for none
	polls   int                 // that find it running, once the warehouse runs
	failed  map[string]any
	result  map[string]any
}

func (w *MLflow) startSearch(rw http.ResponseWriter, r *http.Request) {
	if w.without(rw, r, func(s *MLflowSwitches) bool { return s.NoSearchV4 }) {
		return
	}
	var ask searchAsk
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	s := &w.mlflow.switches
	if t := w.exceeded(&w.mlflow.searches, s.SearchesPerSecond); t != nil {
		t.send(rw)
		return
	}
	for _, l := range ask.Locations {
		if l.Experiment != nil && s.NoExperimentSearchV4 {
			server.Invalid("Searching in experiment locations not yet supported").Send(rw)
			return
		}
	}
	page, f := w.search(server.Caller(r).Principal, ask, true)
	if f != nil {
		f.Send(rw)
		return
	}
	o := &operation{name: fmt.Sprintf("op-%d", w.Next()), started: w.Now(), polls: s.RunningPolls,
		on: w.WarehouseByID(ask.Warehouse)}
	if o.on != nil {
		o.on.Start(w.Now())
	}
	if s.FailSearches > 0 {
		s.FailSearches--
		o.failed = map[string]any{"error_code": s.FailCode, "message": s.FailMessage}
	} else {
		o.result = map[string]any{}
		if page.infos != nil {
			o.result["trace_infos"] = page.infos
		}
		if page.next != "" {
			o.result["next_page_token"] = page.next
		}
	}
	w.mlflow.operations[o.name] = o
	server.Answer(rw, http.StatusOK, o.document(o.polls == 0 && o.ready(w.Now())))
}

func (w *MLflow) pollSearch(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	o := w.mlflow.operations[r.PathValue("name")]
	if o == nil {
		server.NotFound("Operation %s does not exist.", r.PathValue("name")).Send(rw)
		return
	}
	if !o.ready(w.Now()) {
		server.Answer(rw, http.StatusOK, o.document(false))
		return
	}
	o.polls--
	server.Answer(rw, http.StatusOK, o.document(o.polls < 0))
}

func (o *operation) ready(now time.Time) bool { return o.on == nil || o.on.StateAt(now) == "RUNNING" }

func (o *operation) document(done bool) map[string]any {
	state := "RUNNING"
	out := map[string]any{"name": o.name, "done": done}
	switch {
	case done && o.failed != nil:
		state, out["error"] = "FAILED", o.failed
	case done:
		state, out["response"] = "SUCCEEDED", o.result
	}
	out["metadata"] = map[string]any{"start_time": o.started.UTC().Format(time.RFC3339), "state": state}
	return out
}

func (w *MLflow) searchV3(rw http.ResponseWriter, r *http.Request) {
	var ask searchAsk
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if t := w.exceeded(&w.mlflow.searches, w.mlflow.switches.SearchesPerSecond); t != nil {
		t.send(rw)
		return
	}
	page, f := w.search(server.Caller(r).Principal, ask, false)
	if f != nil {
		f.Send(rw)
		return
	}
	out := map[string]any{}
	if page.infos != nil {
		out["traces"] = page.infos
	}
	if page.next != "" {
		out["next_page_token"] = page.next
	}
	server.Answer(rw, http.StatusOK, out)
}

type searchPage struct {
	infos []*TraceInfo
	next  string
}

// search answers with a page. Places in Unity Catalog are for v4 only. Under the lock.
func (w *MLflow) search(who *server.Principal, ask searchAsk, v4 bool) (*searchPage, *server.Failure) {
	n := 100
	if ask.Max != nil {
		n = *ask.Max
	}
	match, f := parseFilter(ask.Filter)
	if f == nil && (n < 1 || n > 500) {
		f = server.Invalid("Invalid value %d for parameter 'max_results'", n)
	}
	if f == nil && len(ask.Locations) == 0 {
		f = server.Invalid("At least one location must be specified for searching traces.")
	}
	if f != nil {
		return nil, f
	}
	var found []*TraceInfo
	uc := 0
	for _, at := range ask.Locations {
		var l *traceLocation
		name := ""
		switch {
		case at.Experiment != nil:
			e := w.experiment(at.Experiment.ID)
			if e == nil || e.location == nil || !v4 {
				for _, t := range w.mlflow.ordinary {
					if t.experiment == at.Experiment.ID {
						found = append(found, &t.TraceInfo)
					}
				}
				continue
			}
			l = e.location
		case at.Prefix != nil:
			name = at.Prefix.Catalog + "." + at.Prefix.Schema + "." + at.Prefix.Prefix
		case at.Schema != nil:
			name = at.Schema.Catalog + "." + at.Schema.Schema
		default:
			return nil, server.Invalid("A location has no type that is known: %q", at.Type)
		}
		if uc++; !v4 {
			return nil, server.Invalid("Only experiments can be searched")
		}
		if l == nil {
			l = w.findLocation(name)
		}
		if l == nil {
			return nil, server.NotFound("Trace location %s does not exist.", name)
		}
		if f := w.allowed(who, l, false); f != nil {
			return nil, f
		}
		found = append(found, w.infos(l)...)
	}
	if uc > 0 {
		if _, f := w.warehouse(who, ask.Warehouse); f != nil {
			return nil, f
		}
		if uc < len(ask.Locations) {
			return nil, server.Invalid("locations cannot hold both experiments and Unity Catalog")
		}
	}
	found = slices.DeleteFunc(found, func(i *TraceInfo) bool { return !match(i) })
	if f := order(found, ask.Order); f != nil {
		return nil, f
	}
	return w.page(found, ask, n)
}

// page cuts the page that the token asks for. Tokens belong to one search; those of another are
// refused.
func (w *MLflow) page(found []*TraceInfo, ask searchAsk, n int) (*searchPage, *server.Failure) {
	h := fnv.New64a()
	_ = json.NewEncoder(h).Encode([]any{ask.Locations, ask.Filter, ask.Order})
	search := strconv.FormatUint(h.Sum64(), 10)
	at, ok := readToken(ask.Token, search)
	if !ok {
		return nil, server.Invalid("Invalid page token")
	}
	// The token counts traces and empty pages: position = traces×(empty+1) + pages that were empty.
	empty := w.mlflow.switches.EmptyPages
	from, shown := at/(empty+1), at%(empty+1)
	if from >= len(found) {
		return &searchPage{}, nil
	}
	if shown < empty {
		return &searchPage{next: pageToken(at+1, search)}, nil
	}
	p := &searchPage{infos: found[from:min(from+n, len(found))]}
	if from+n < len(found) {
		p.next = pageToken((from+n)*(empty+1), search)
	}
	return p, nil
}

// order sorts as order_by says; the newest come first without it. Equal ones are in the order of
// their ids.
func order(found []*TraceInfo, keys []string) *server.Failure {
	if len(keys) == 0 {
		keys = []string{"timestamp_ms DESC"}
	}
	type by struct {
		value      func(*TraceInfo) int64
		descending bool
	}
	var all []by
	for _, k := range keys {
		name, direction, _ := strings.Cut(strings.TrimSpace(k), " ")
		direction = strings.ToUpper(strings.TrimSpace(direction))
		value := numbers[strings.TrimPrefix(strings.TrimPrefix(name, "trace."), "attributes.")]
		if value == nil || direction != "" && direction != "ASC" && direction != "DESC" {
			return server.Invalid("Invalid order_by clause %q", k)
		}
		all = append(all, by{value, direction == "DESC"})
	}
	slices.SortStableFunc(found, func(a, b *TraceInfo) int {
		for _, k := range all {
			if c := cmp.Compare(k.value(a), k.value(b)); c != 0 {
				if k.descending {
					return -c
				}
				return c
			}
		}
		return strings.Compare(a.ID, b.ID)
	})
	return nil
}

// pageToken says where a list goes on. Its form is private.
func pageToken(from int, of string) string {
	doc, _ := json.Marshal([]any{from, of})
	return base64.RawURLEncoding.EncodeToString(doc)
}

func readToken(s, of string) (from int, ok bool) {
	if s == "" {
		return 0, true
	}
	var name string
	doc, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(doc, &[]any{&from, &name}) != nil || name != of || from < 0 {
		return 0, false
	}
	return from, true
}
