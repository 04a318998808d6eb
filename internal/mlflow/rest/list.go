// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Names of routes, for people and metrics.
const (
	routeExperiments = "experiments/search"
	routeMetrics     = "traces/metrics"
	routeInfos       = "traces/batchGetInfos"
	routeInfo        = "traces/info"
)

const (
	experimentsPage = 1000
	lookupPage      = 100
	listLimit       = 64 << 20 // bytes of an answer that lists things
)

// Experiments implements mlflow.Source.
func (c *Client) Experiments(ctx context.Context) ([]mlflow.Experiment, error) {
	var all []mlflow.Experiment
	seen := map[string]bool{} // experiments made meanwhile shift the pages
	for token := ""; ; {
		ask := map[string]any{"max_results": experimentsPage, "view_type": "ALL"}
		if token != "" {
			ask["page_token"] = token
		}
		var page struct {
			Experiments []struct {
				ID       string `json:"experiment_id"`
				Name     string `json:"name"`
				Location string `json:"artifact_location"`
				Stage    string `json:"lifecycle_stage"`
				Tags     []tag  `json:"tags"`
			} `json:"experiments"`
			Next string `json:"next_page_token"`
		}
		if err := c.post(ctx, patient, routeExperiments, "/api/2.0/mlflow/experiments/search", ask, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Experiments {
			if !seen[e.ID] {
				seen[e.ID] = true
				x := mlflow.Experiment{ID: e.ID, Name: e.Name, ArtifactLocation: e.Location,
					Deleted: e.Stage == "deleted"}
				if c.dbx != nil {
					x.Place = c.dbx.note(e.ID, e.Tags)
				}
				all = append(all, x)
			}
		}
		if page.Next == "" || page.Next == token {
			return all, nil
		}
		token = page.Next
	}
}

// Count implements mlflow.Source with the aggregation route (3.9 on), which knows no search filter.
func (c *Client) Count(ctx context.Context, r mlflow.Range) (int64, error) {
	if r.Filter != "" || c.noMetrics.Load() || c.dbx != nil {
		return -1, nil
	}
	if r.To != 0 && r.To <= r.From {
		return 0, nil
	}
	ask := map[string]any{
		"experiment_ids": []string{r.ExperimentID},
		"view_type":      "TRACES",
		"metric_name":    "trace_count",
		"aggregations":   []any{map[string]string{"aggregation_type": "COUNT"}},
	}
	if r.From > 0 {
		ask["start_time_ms"] = r.From
	}
	if r.To != 0 {
		ask["end_time_ms"] = r.To - 1 // inclusive there
	}
	var answer struct {
		Points []struct {
			Values map[string]float64 `json:"values"`
		} `json:"data_points"`
	}
	switch err := c.post(ctx, patient, routeMetrics, "/api/3.0/mlflow/traces/metrics", ask, &answer); {
	case missing(err):
		c.noMetrics.Store(true)
		return -1, nil
	case err != nil && ctx.Err() == nil && exists(err):
		return -1, nil // stores other than SQL answer, but can't count
	case err != nil:
		return 0, err
	}
	n := int64(0)
	for _, p := range answer.Points {
		n += int64(p.Values["COUNT"])
	}
	return n, nil
}

// Lookup implements mlflow.Source: in bulk where the server can (3.11 on), else one by one. Traces
// that are hidden from the caller count as unknown.
func (c *Client) Lookup(ctx context.Context, ids []string) ([]mlflow.Info, error) {
	v, err := c.version(ctx)
	if err != nil {
		return nil, err
	}
	if v == apiDatabricks {
		return c.lookupWorkspace(ctx, ids)
	}
	var infos []mlflow.Info
	for len(ids) > 0 && v == apiV3 && !c.noInfos.Load() {
		n := min(len(ids), lookupPage)
		found, err := c.lookup(ctx, ids[:n])
		if missing(err) {
			c.noInfos.Store(true)
			break
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, found...)
		ids = ids[n:]
	}
	for _, id := range ids {
		if strings.Trim(id, ".") == "" {
			continue // the path would lead to another route
		}
		info, err := c.info(ctx, v, id)
		switch e := kindOf(err); {
		case err == nil:
			infos = append(infos, info)
		case e == KindNotFound || e == KindPermission || missing(err): // a slash in an id leads to no route
		default:
			return nil, err
		}
	}
	return infos, nil
}

// lookup asks for infos in bulk. A trace that is hidden from the caller makes the server refuse the
// whole request: then the halves are asked for.
func (c *Client) lookup(ctx context.Context, ids []string) ([]mlflow.Info, error) {
	ask, err := json.Marshal(map[string]any{"trace_ids": ids})
	if err != nil {
		return nil, err
	}
	body, err := c.call(ctx, patient, &request{route: routeInfos, path: "/api/3.0/mlflow/traces/batchGetInfos",
		body: ask, limit: listLimit})
	if half := len(ids) / 2; kindOf(err) == KindPermission || errors.Is(err, errTooLarge) {
		if half == 0 {
			if kindOf(err) == KindPermission {
				err = nil
			}
			return nil, err
		}
		first, err := c.lookup(ctx, ids[:half])
		if err != nil {
			return nil, err
		}
		second, err := c.lookup(ctx, ids[half:])
		return append(first, second...), err
	}
	if err != nil {
		return nil, err
	}
	page, err := mlflow.DecodeSearchV3(body)
	if err != nil {
		return nil, undecodable(routeInfos, err)
	}
	return slices.DeleteFunc(page.Infos, func(i mlflow.Info) bool {
		return i.Unreadable != "" && !slices.Contains(ids, i.ID)
	}), nil
}

// info asks for the info of one trace.
func (c *Client) info(ctx context.Context, v int32, id string) (mlflow.Info, error) {
	path, decode := "/api/3.0/mlflow/traces/"+url.PathEscape(id), mlflow.DecodeInfoV3
	if v == apiV2 {
		path, decode = "/api/2.0/mlflow/traces/"+url.PathEscape(id)+"/info", mlflow.DecodeInfoV2
	}
	body, err := c.call(ctx, patient, &request{route: routeInfo, path: path, limit: listLimit})
	if err != nil {
		return mlflow.Info{}, err
	}
	info, err := decode(body)
	return known(info, err, id)
}

// known completes what was decoded of the answer to a request for the info of a trace. An answer
// that can't be read costs this trace and no other.
func known(info mlflow.Info, err error, id string) (mlflow.Info, error) {
	switch {
	case errors.Is(err, mlflow.ErrNoInfo):
		return mlflow.Info{}, undecodable(routeInfo, err)
	case err != nil:
		info = mlflow.Info{Unreadable: bounded(err.Error(), 200)}
	}
	if info.ID == "" {
		info.ID = id
	}
	return info, nil
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
func (c *Client) searchRequest(version int32, experiment, filter string, n int, token string) *request {
	const order = "timestamp_ms ASC"
	if version == apiV2 {
		q := url.Values{"experiment_ids": {experiment}, "max_results": {strconv.Itoa(n)}, "order_by": {order}}
		if filter != "" {
			q.Set("filter", filter)
		}
		if token != "" {
			q.Set("page_token", token)
		}
		return &request{route: routeSearch, path: "/api/2.0/mlflow/traces", query: q, limit: listLimit}
	}
	ask := map[string]any{
		"locations": []any{map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]string{"experiment_id": experiment}}},
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
	if w.from > 0 || field != "timestamp_ms" {
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
