// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

const (
	routeLong = "traces/search-long-running"
	routePoll = "traces/search/operations"

	// longField is what the timestamp is called in long-running searches: Databricks asks for a
	// bound on it in each.
	longField = "trace.timestamp_ms"
	// maxRunning is how long one search may run. A warehouse that starts takes minutes.
	maxRunning = 30 * time.Minute
)

// Windows of time that a place is searched in.
const (
	firstWindow = 24 * time.Hour
	minWindow   = time.Minute
	maxWindow   = 10 * 365 * 24 * time.Hour
)

// searchWorkspace asks for a page of infos. Empty pages that are not the last one are passed over.
func (c *Client) searchWorkspace(ctx context.Context, experiment string, w window, n int,
	token string) (mlflow.InfosPage, error) {
	h, err := c.home(ctx, experiment)
	if err != nil {
		return mlflow.InfosPage{}, err
	}
	pages := paging{route: routeLong, most: maxEmpty}
	for {
		page, err := c.searchPage(ctx, experiment, h.place, w, n, token)
		if err != nil {
			if e, ok := asError(err); ok && h.warehouse != "" && strings.Contains(e.Message, "set sql_warehouse_id") {
				e.Message += "; the experiment names " + bounded(h.warehouse, 40) + " for its monitoring"
			}
			return page, err
		}
		if len(page.Infos) > 0 || page.NextToken == "" {
			for i := range page.Infos {
				if page.Infos[i].ExperimentID == "" {
					page.Infos[i].ExperimentID = experiment
				}
			}
			return page, nil
		}
		token = page.NextToken
		if err := pages.follow(token, 0); err != nil {
			return page, err
		}
	}
}

// searchPage asks by the long-running search. Where that is not rolled out, or not for experiments,
// an ordinary experiment is searched by the route of version 3.
func (c *Client) searchPage(ctx context.Context, experiment, place string, w window, n int,
	token string) (mlflow.InfosPage, error) {
	c.dbx.mu.Lock()
	long := place != "" || !c.dbx.noSearch && !c.dbx.noExperimentSearch
	c.dbx.mu.Unlock()
	if long {
		page, err := c.longSearch(ctx, locations(place, experiment), w.filter(longField), n, token)
		e, _ := asError(err)
		switch {
		case err == nil:
			return page, nil
		case missing(err) && place != "":
			return page, &Error{Kind: KindRequest, Route: routeLong, Status: e.Status, Code: e.Code, Err: err,
				Message: "the traces of the experiment lie in Unity Catalog (" + place +
					"), and this workspace has no route to search there yet"}
		case missing(err):
			c.dbx.mu.Lock()
			c.dbx.noSearch = true
			c.dbx.mu.Unlock()
		case e != nil && e.Code == "INVALID_PARAMETER_VALUE" &&
			strings.Contains(e.Message, "locations not yet supported") && place == "":
			c.dbx.mu.Lock()
			c.dbx.noExperimentSearch = true
			c.dbx.mu.Unlock()
		default:
			return page, err
		}
		if token != "" {
			return page, err // it is not one of the other route
		}
	}
	r := c.searchRequest(apiV3, []string{experiment}, w.filter("timestamp_ms"), n, token)
	r.gated, r.budget = true, c.dbx.searches
	return c.infosPage(ctx, r)
}

// locations names where to search: a place in Unity Catalog, else an experiment.
func locations(place, experiment string) []any {
	parts := strings.Split(place, ".")
	switch {
	case place == "":
		return []any{map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]string{"experiment_id": experiment}}}
	case len(parts) == 2:
		return []any{map[string]any{"type": "UC_SCHEMA", "uc_schema": map[string]string{"catalog_name": parts[0],
			"schema_name": parts[1]}}}
	default:
		return []any{map[string]any{"type": "UC_TABLE_PREFIX", "uc_table_prefix": map[string]string{
			"catalog_name": parts[0], "schema_name": parts[1], "table_prefix": strings.Join(parts[2:], "."),
		}}}
	}
}

// operation is a search that runs on the workspace's side.
type operation struct {
	Name  string `json:"name"`
	Done  bool   `json:"done"`
	Error *struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	} `json:"error"`
	Response json.RawMessage `json:"response"`
}

// longSearch begins a search and asks for its outcome until it has one. A search that failed for a
// reason that passes is begun again.
func (c *Client) longSearch(ctx context.Context, where []any, filter string, n int,
	token string) (page mlflow.InfosPage, err error) {
	ask := map[string]any{"locations": where, "filter": filter, "max_results": n,
		"order_by": []string{"timestamp_ms ASC"}}
	if token != "" {
		ask["page_token"] = token
	}
	if c.dbx.Warehouse != "" {
		ask["sql_warehouse_id"] = c.dbx.Warehouse
	}
	doc, err := json.Marshal(ask)
	if err != nil {
		return page, err
	}
	err = c.retry(ctx, patient, func() *Error {
		body, e := c.attempt(ctx, &request{route: routeLong, path: "/api/4.0/mlflow/traces/search-long-running",
			body: doc, limit: listLimit, gated: true, budget: c.dbx.searches})
		if e != nil {
			return e
		}
		answer, e := c.outcome(ctx, body)
		if e != nil {
			return e
		}
		if len(answer) == 0 {
			page = mlflow.InfosPage{}
			return nil
		}
		var err error
		if page, err = mlflow.DecodeSearch(answer); err != nil {
			return undecodable(routeLong, err)
		}
		return nil
	})
	return page, err
}

// outcome polls an operation until it is done and returns its response.
func (c *Client) outcome(ctx context.Context, body []byte) ([]byte, *Error) {
	for began := time.Now(); ; {
		var o operation
		if err := json.Unmarshal(body, &o); err != nil {
			return nil, undecodable(routeLong, err)
		}
		switch {
		case o.Done && o.Error != nil:
			return nil, c.failed(&o)
		case o.Done:
			return o.Response, nil
		case o.Name == "":
			return nil, &Error{Kind: KindAnswer, Route: routeLong, Status: http.StatusOK,
				Message: "the answer names no operation"}
		case time.Since(began) > maxRunning:
			return nil, &Error{Kind: KindUnavailable, Route: routePoll, again: network,
				Message: "the search has run for " + maxRunning.String() +
					" without an end; see the query history of the SQL warehouse"}
		}
		timer := time.NewTimer(c.dbx.Poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, &Error{Kind: KindUnavailable, Route: routePoll, Message: "stopped", Err: context.Cause(ctx)}
		case <-timer.C:
		}
		var err error
		body, err = c.call(ctx, patient, &request{route: routePoll, path: "/api/4.0/mlflow/traces/search/operations/" +
			url.PathEscape(o.Name), limit: listLimit})
		if e, ok := asError(err); ok {
			if e.Kind == KindNotFound {
				e.again = capped // forgotten by the workspace: begin anew
			}
			return nil, e
		}
		if err != nil {
			return nil, &Error{Kind: KindUnavailable, Route: routePoll, Message: "stopped", Err: err}
		}
	}
}

// failed explains an operation that ended without a result. Its code says what status a plain
// request would have been answered with.
func (c *Client) failed(o *operation) *Error {
	e := &Error{Kind: KindServer, Route: routeLong, Status: http.StatusOK, Code: o.Error.Code,
		Message: "the search failed" + colon(bounded(o.Error.Message, 300)), again: capped}
	switch o.Error.Code {
	case "INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST", "INVALID_ARGUMENT":
		e.Kind, e.again = KindRequest, never
	case "PERMISSION_DENIED", "UNAUTHENTICATED":
		e.Kind, e.again = KindPermission, never
	case "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND", "ENDPOINT_NOT_FOUND":
		e.Kind, e.again = KindNotFound, never
	case "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED",
		"ABORTED", "CANCELLED":
		e.Kind, e.again = KindUnavailable, waiting
	}
	c.dbx.rephrase(e)
	return e
}

// end bounds a range without an upper end: with the year 10000.
func end(to int64) int64 {
	if to != 0 {
		return to
	}
	return 253402300800000
}

// until says up to when the next search looks. Of a place in Unity Catalog only a window is
// searched, so that the warehouse doesn't read all that is newer for each page.
func (c *Client) until(ctx context.Context, experiments []string, from, last int64) (int64, error) {
	if c.dbx == nil || from <= 0 {
		return last, nil
	}
	h, err := c.home(ctx, experiments[0])
	if err != nil || h.place == "" {
		return last, err
	}
	c.dbx.mu.Lock()
	defer c.dbx.mu.Unlock()
	w := c.dbx.windows[h.place]
	if w == 0 {
		w = firstWindow
	}
	if to := from + w.Milliseconds(); to < last && to < time.Now().UnixMilli() {
		return to, nil
	}
	return last, nil // what bears a time to come is not much
}

// learn widens the window after a page that was not half full and narrows it after a full one.
func (c *Client) learn(experiments []string, found, size int) {
	if c.dbx == nil {
		return
	}
	c.dbx.mu.Lock()
	defer c.dbx.mu.Unlock()
	place := c.dbx.homes[experiments[0]].place
	w := c.dbx.windows[place]
	if w == 0 {
		w = firstWindow
	}
	switch {
	case found < size/2:
		w = min(2*w, maxWindow)
	case found >= size:
		w = max(w/2, minWindow)
	}
	c.dbx.windows[place] = w
}
