// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Names of routes, for people and metrics.
const (
	routeExperiments = "experiments/search"
	routeMetrics     = "traces/metrics"
	routeInfos       = "traces/batchGetInfos"
	routeInfo        = "traces/info"
)

const (
	maxExperiments = 1000
	listLimit      = 64 << 20 // bytes of an answer that lists things
)

// Experiments implements mlflow.Source.
func (c *Client) Experiments(ctx context.Context) ([]mlflow.Experiment, error) {
	var all []mlflow.Experiment
	seen := map[string]bool{} // experiments made meanwhile shift the pages
	pages := paging{route: routeExperiments}
	for token := ""; ; {
		ask := map[string]any{"max_results": maxExperiments, "view_type": "ALL"}
		if token != "" {
			ask["page_token"] = token
		}
		page, err := c.experimentsPage(ctx, ask)
		if err != nil {
			return nil, err
		}
		news := 0
		for _, e := range page.Experiments {
			if seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			news++
			x := mlflow.Experiment{ID: e.ID, Name: e.Name, ArtifactLocation: e.Location,
				Created: int64(e.Created), Deleted: e.Stage == "deleted"}
			if c.dbx != nil {
				x.Place = c.dbx.note(e.ID, e.Tags)
			}
			all = append(all, x)
		}
		if token = page.Next; token == "" {
			return all, nil
		}
		if err := pages.follow(token, news); err != nil {
			return nil, err
		}
	}
}

// experimentsPage is one page of experiments as the server lists them.
type experimentsPage struct {
	Experiments []listedExperiment
	Next        string
}

type listedExperiment struct {
	ID       string `json:"experiment_id"`
	Name     string `json:"name"`
	Location string `json:"artifact_location"`
	Created  millis `json:"creation_time"`
	Stage    string `json:"lifecycle_stage"`
	Tags     []tag  `json:"tags"`
}

// experimentsPage asks for a page of experiments, which is decoded as it comes.
func (c *Client) experimentsPage(ctx context.Context, ask any) (page experimentsPage, err error) {
	doc, err := json.Marshal(ask)
	if err != nil {
		return page, err
	}
	_, err = c.call(ctx, patient, &request{route: routeExperiments, path: "/api/2.0/mlflow/experiments/search",
		body: doc, limit: listLimit, decode: func(s *pyjson.Stream) error {
			page = experimentsPage{}
			return page.read(s)
		}})
	return page, err
}

func (p *experimentsPage) read(s *pyjson.Stream) error {
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		switch string(s.Key()) {
		case "experiments":
			if s.Kind() != pyjson.KindArray {
				s.Skip()
				continue
			}
			s.Open(pyjson.KindArray)
			for s.NextElement() {
				doc := s.Value()
				var e listedExperiment
				s.Fail(json.Unmarshal(doc, &e))
				p.Experiments = append(p.Experiments, e)
				s.Spend(len(doc) + sizeOfExperiment)
			}
		case "next_page_token":
			s.Fail(json.Unmarshal(s.Value(), &p.Next))
		default:
			s.Skip()
		}
	}
	s.End()
	return s.Err()
}

// sizeOfExperiment is the memory that a listed experiment needs, without its texts.
const sizeOfExperiment = 128

// millis is a time in Unix milliseconds, written as a number or as a text. What is neither is 0.
type millis int64

// UnmarshalJSON implements json.Unmarshaler.
func (m *millis) UnmarshalJSON(doc []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(doc), `"`), 10, 64)
	if err == nil {
		*m = millis(n)
	}
	return nil
}

// post asks with a JSON document and decodes the answer.
func (c *Client) post(ctx context.Context, p patience, route, path string, ask, answer any) error {
	doc, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	body, err := c.call(ctx, p, &request{route: route, path: path, body: doc, limit: listLimit})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return undecodable(route, err)
	}
	return nil
}

func undecodable(route string, err error) *Error {
	return &Error{Kind: KindAnswer, Route: route, Status: http.StatusOK, Message: "the answer can't be understood: " +
		bounded(err.Error(), 200), Err: err}
}

// kindOf returns the kind of an *Error, or the empty one.
func kindOf(err error) Kind {
	if e, ok := asError(err); ok {
		return e.Kind
	}
	return ""
}

// searchRequest asks for a page of infos in ascending order of timestamp, then id. The filter may
// be empty.
func (c *Client) searchRequest(version int32, experiments []string, filter string, n int, token string) *request {
	const order = "timestamp_ms ASC"
	if version == apiV2 {
		q := url.Values{"experiment_ids": experiments, "max_results": {strconv.Itoa(n)}, "order_by": {order}}
		if filter != "" {
			q.Set("filter", filter)
		}
		if token != "" {
			q.Set("page_token", token)
		}
		return &request{route: routeSearch, path: "/api/2.0/mlflow/traces", query: q, limit: listLimit}
	}
	locations := make([]any, len(experiments))
	for i, id := range experiments {
		locations[i] = map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]string{"experiment_id": id}}
	}
	ask := map[string]any{
		"locations":   locations,
		"max_results": n,
		"order_by":    []string{order},
	}
	if filter != "" {
		ask["filter"] = filter
	}
	if token != "" {
		ask["page_token"] = token
	}
	doc, _ := json.Marshal(ask) // maps of strings and ints
	return &request{route: routeSearch, path: "/api/3.0/mlflow/traces/search", body: doc, limit: listLimit}
}

// window bounds the timestamps of a search, from <= t < to in milliseconds (to 0: no upper bound),
// with the user's own filter.
type window struct {
	from, to int64
	own      string
}

// filter is the window as a search filter; field is what the timestamp is called.
func (w window) filter(field string) string {
	var clauses []string
	if w.from > 0 || w.to != 0 || field != "timestamp_ms" {
		clauses = append(clauses, field+" >= "+strconv.FormatInt(w.from, 10))
	}
	if w.to != 0 {
		clauses = append(clauses, field+" < "+strconv.FormatInt(w.to, 10))
	}
	if own := strings.TrimSpace(w.own); own != "" {
		clauses = append(clauses, own)
	}
	return strings.Join(clauses, " AND ")
}
