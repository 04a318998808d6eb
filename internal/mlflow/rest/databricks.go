// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Databricks is what a Client needs besides Config to read the MLflow of a Databricks workspace.
// Config.HTTP signs its requests.
type Databricks struct {
	Warehouse string        // SQL warehouse that searches and reads traces in Unity Catalog
	Storage   *http.Client  // for signed URLs of cloud storage: it must know no credential
	Poll      time.Duration // time between two looks at a running search; 0: 1 s
	Identity  string        // the principal that signs requests, for messages
	Readers   int           // processes that share the quotas; 0: 1
}

// Quotas of a workspace, for everybody who uses it (Databricks, "Tracing FAQ"). By default half of
// them is used; with requests_per_second as much as that says, up to the quota.
const (
	searchQuota   = 25
	downloadQuota = 200
)

const (
	routeExperiment = "experiments/get"
	defaultPoll     = time.Second // as MLflow's own client

	tagPlace     = "mlflow.experiment.databricksTraceDestinationPath"
	tagWarehouse = "mlflow.monitoring.sqlWarehouseId"
)

// workspace is what a Client knows of its Databricks workspace.
type workspace struct {
	Databricks
	storage             http.Client
	searches, downloads *rate.Limiter

	mu      sync.Mutex
	homes   map[string]home          // by experiment
	windows map[string]time.Duration // by place: how much of it is searched at once
	host    string                   // of the storage that signed URLs pointed to last

	// What turned out to be missing: the long-running search, and that of experiments.
	noSearch, noExperimentSearch bool
}

// home is where the traces of an experiment lie. place is empty for an ordinary one.
type home struct {
	place     string
	warehouse string // that the experiment names for its monitoring
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func newWorkspace(d Databricks, perSecond float64) (*workspace, error) {
	if d.Storage == nil {
		return nil, errors.New("rest: Databricks.Storage is required")
	}
	if d.Poll <= 0 {
		d.Poll = defaultPoll
	}
	share := 0.5
	if perSecond > 0 {
		share = 0.95 // counted by seconds of another clock
	}
	share /= float64(max(d.Readers, 1))
	w := &workspace{
		Databricks: d, storage: *d.Storage, homes: map[string]home{}, windows: map[string]time.Duration{},
		searches:  rate.NewLimiter(rate.Limit(share*searchQuota), 1),
		downloads: rate.NewLimiter(rate.Limit(share*downloadQuota), 1),
	}
	w.storage.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.storage.Jar = nil
	return w, nil
}

// describeWorkspace names the workspace and finds out whether it answers.
func (c *Client) describeWorkspace(ctx context.Context) (mlflow.Description, error) {
	d := mlflow.Description{Kind: "MLflow on Databricks", Location: c.cfg.URL.String(), Principal: c.dbx.Identity}
	return d, c.workspaceAlive(ctx, "")
}

// workspaceAlive waits until the workspace answers; with a place also until a search there does, so
// that a SQL warehouse that starts is waited for.
func (c *Client) workspaceAlive(ctx context.Context, place string) error {
	if place != "" {
		now := time.Now()
		_, err := c.longSearch(ctx, locations(place, ""), window{now.UnixMilli(), now.Add(time.Hour).UnixMilli(),
			""}.filter(longField), 1, "")
		return err
	}
	var answer struct{}
	return c.post(ctx, patient, routeExperiments, "/api/2.0/mlflow/experiments/search",
		map[string]any{"max_results": 1, "view_type": "ALL"}, &answer)
}

// note remembers what the tags of an experiment say, and returns the place.
func (w *workspace) note(experiment string, tags []tag) string {
	var h home
	for _, t := range tags {
		switch t.Key {
		case tagPlace:
			h.place = strings.ReplaceAll(t.Value, "`", "")
		case tagWarehouse:
			h.warehouse = t.Value
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.homes[experiment] = h
	return h.place
}

// home says where the traces of an experiment lie. Its tags tell; they are asked for once.
func (c *Client) home(ctx context.Context, experiment string) (home, error) {
	c.dbx.mu.Lock()
	h, known := c.dbx.homes[experiment]
	c.dbx.mu.Unlock()
	if known {
		return h, nil
	}
	body, err := c.call(ctx, patient, &request{route: routeExperiment, path: "/api/2.0/mlflow/experiments/get",
		query: url.Values{"experiment_id": {experiment}}, limit: listLimit})
	if err != nil {
		return home{}, err
	}
	var answer struct {
		Experiment struct {
			Tags []tag `json:"tags"`
		} `json:"experiment"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return home{}, undecodable(routeExperiment, err)
	}
	c.dbx.note(experiment, answer.Experiment.Tags)
	c.dbx.mu.Lock()
	defer c.dbx.mu.Unlock()
	return c.dbx.homes[experiment], nil
}

// placeOf returns the place in Unity Catalog that the trace lies in, or "".
func placeOf(info *mlflow.Info) string {
	place, _ := mlflow.SplitPlaceID(info.ID)
	return place
}

// sameTrace reports whether an id of a batch is that of an info: batches of Unity Catalog hold the
// bare hex one.
func sameTrace(id, inBatch string) bool {
	if id == inBatch {
		return true
	}
	place, hex := mlflow.SplitPlaceID(id)
	return place != "" && hex == inBatch
}

// lookupWorkspace returns the infos of the traces that are there. A trace in Unity Catalog belongs
// to the experiment whose place it lies in, of several to the first.
func (c *Client) lookupWorkspace(ctx context.Context, ids []string) ([]mlflow.Info, error) {
	var infos []mlflow.Info
	for _, id := range ids {
		if strings.Trim(id, ".") == "" {
			continue // the path would lead to another route
		}
		info, err := c.workspaceInfo(ctx, id)
		switch kind := kindOf(err); {
		case err == nil:
			if place := placeOf(&info); place != "" {
				if info.ExperimentID, err = c.owner(ctx, place); err != nil {
					return nil, err
				}
			}
			infos = append(infos, info)
		// a slash in an id leads to no route
		case kind == KindNotFound || kind == KindPermission || missing(err) || errors.Is(err, mlflow.ErrNoInfo):
		default:
			return nil, err
		}
	}
	return infos, nil
}

// workspaceInfo asks for the info of one trace.
func (c *Client) workspaceInfo(ctx context.Context, id string) (mlflow.Info, error) {
	r := &request{route: routeInfo, path: "/api/3.0/mlflow/traces/" + url.PathEscape(id), limit: listLimit,
		budget: c.dbx.downloads}
	place, hex := mlflow.SplitPlaceID(id)
	if place != "" {
		r.path = "/api/4.0/mlflow/traces/" + url.PathEscape(place) + "/" + url.PathEscape(hex) + "/info"
		r.query = c.dbx.query()
	}
	body, err := c.call(ctx, patient, r)
	if err != nil {
		return mlflow.Info{}, err
	}
	info, err := mlflow.DecodeInfo(body)
	if info, err = known(info, err, id); err == nil && place != "" {
		info.ID = id
	}
	return info, err
}

// owner is the experiment that a place belongs to: of all those that can be seen, the one with the
// smallest id. "" if there is none.
func (c *Client) owner(ctx context.Context, place string) (string, error) {
	find := func() (id string) {
		c.dbx.mu.Lock()
		defer c.dbx.mu.Unlock()
		for x, h := range c.dbx.homes {
			if h.place == place && (id == "" || len(x) < len(id) || len(x) == len(id) && x < id) {
				id = x
			}
		}
		return id
	}
	if id := find(); id != "" {
		return id, nil
	}
	if _, err := c.Experiments(ctx); err != nil {
		return "", err
	}
	return find(), nil
}

// query is what every request to traces in Unity Catalog carries.
func (w *workspace) query() url.Values {
	q := url.Values{}
	if w.Warehouse != "" {
		q.Set("sql_warehouse_id", w.Warehouse)
	}
	return q
}

// rephrase says in the words of Databricks what an answer means.
func (w *workspace) rephrase(e *Error) {
	switch {
	case edge.TokenRefused(e.Status, e.Message):
		e.Kind = KindCredentials
		e.Message = "the workspace refuses the credentials; check databricks::auth or the profile, or the " +
			"databricks_auth extension named in http::auth"
	case strings.Contains(e.Message, "sql_warehouse_id") || strings.Contains(e.Message, "SQL warehouse ID"):
		e.Message = "traces in Unity Catalog are read through a SQL warehouse, and the workspace has none to " +
			"use; set sql_warehouse_id to one that the identity has CAN USE on" +
			colon(e.Message)
	case e.Kind == KindAddress && e.Status == http.StatusNotFound:
		e.Message = "no such route: a Databricks workspace doesn't answer there; check host"
	}
}
