// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Experiment is what a test sees of an experiment. Location is empty for an ordinary one.
type Experiment struct {
	ID, Name string
	Deleted  bool
	Tags     map[string]string
	Location string
}

// CreateExperiment makes an experiment and returns its id; with a location its traces lie in Unity
// Catalog, and the tables come into being.
func (w *MLflow) CreateExperiment(name string, location *unity.Location) string {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	e, f := w.createExperiment(name, nil)
	if f != nil {
		panic("databrickstest: " + f.Error())
	}
	if location != nil {
		w.link(e, w.location(*location, unity.LayoutV2, server.Admin), "")
	}
	return e.id
}

// AddExperiment makes an ordinary experiment with a given id.
func (w *MLflow) AddExperiment(id, name string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.mlflow.experiments = append(w.mlflow.experiments, &experiment{id: id, name: name, tags: map[string]string{}})
}

// Experiment describes an experiment; nil if there is none.
func (w *MLflow) Experiment(id string) *Experiment {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	e := w.experiment(id)
	if e == nil {
		return nil
	}
	out := &Experiment{ID: e.id, Name: e.name, Deleted: e.deleted, Tags: maps.Clone(e.tags)}
	if e.location != nil {
		out.Location = e.location.String()
	}
	return out
}

func (w *MLflow) routeExperiments() {
	const path = "/api/2.0/mlflow/experiments/"
	w.Handle("POST "+path+"create", w.postExperiment)
	w.Handle("GET "+path+"get", w.getExperiment)
	w.Handle("GET "+path+"get-by-name", w.getExperiment)
	w.Handle("POST "+path+"search", w.searchExperiments)
	w.Handle("POST "+path+"set-experiment-tag", w.tagExperiment)
	w.Handle("POST "+path+"delete", w.deleteExperiment)
	w.Handle("POST "+path+"restore", w.deleteExperiment)
}

func (w *MLflow) postExperiment(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Name          string     `json:"name"`
		Artifacts     string     `json:"artifact_location"`
		Tags          []keyValue `json:"tags"`
		TraceLocation *struct {
			UC *struct {
				Catalog string `json:"catalog"`
				Schema  string `json:"schema"`
				Prefix  string `json:"table_prefix"`
			} `json:"uc_trace_location"`
		} `json:"trace_location"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if ask.Name == "" {
		server.Invalid("Missing required field: name").Send(rw)
		return
	}
	var location *unity.Location
	if ask.TraceLocation != nil && ask.TraceLocation.UC != nil && !w.mlflow.switches.NoTraceLocation {
		uc := ask.TraceLocation.UC
		location = &unity.Location{Catalog: uc.Catalog, Schema: uc.Schema, Prefix: uc.Prefix}
		if uc.Prefix == "" {
			location.Prefix = strconv.Itoa(w.nextExperiment())
		}
		if f := w.mayCreate(server.Caller(r).Principal, *location); f != nil {
			f.Send(rw)
			return
		}
	}
	e, f := w.createExperiment(ask.Name, ask.Tags)
	if f != nil {
		f.Send(rw)
		return
	}
	if ask.Artifacts != "" {
		e.artifacts = ask.Artifacts
	}
	if location != nil {
		w.link(e, w.location(*location, unity.LayoutV2, server.Caller(r).Name), "")
	}
	server.Answer(rw, http.StatusOK, map[string]any{"experiment_id": e.id})
}

func (w *MLflow) getExperiment(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	q := r.URL.Query()
	if id := q.Get("experiment_id"); strings.HasSuffix(r.URL.Path, "/get") {
		if e := w.experiment(id); e != nil {
			server.Answer(rw, http.StatusOK, map[string]any{"experiment": e.document()})
			return
		}
		server.NotFound("No experiment was found. If using the Databricks-backend, experiment id '%s' may not exist.",
			id).Send(rw)
		return
	}
	name := q.Get("experiment_name")
	for _, e := range w.mlflow.experiments {
		if e.name == name {
			server.Answer(rw, http.StatusOK, map[string]any{"experiment": e.document()})
			return
		}
	}
	server.NotFound("Could not find experiment with name %s", name).Send(rw)
}

func (w *MLflow) searchExperiments(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Max    any    `json:"max_results"`
		Token  string `json:"page_token"`
		View   string `json:"view_type"`
		Filter string `json:"filter"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	n, err := strconv.Atoi(strings.Trim(fmt.Sprint(ask.Max), `"`))
	if ask.Max == nil {
		n, err = 1000, nil
	}
	if err != nil || n < 1 || n > 1000 {
		server.Invalid("Invalid value for parameter 'max_results': %v", ask.Max).Send(rw)
		return
	}
	if ask.Filter != "" {
		server.Invalid("The fake workspace knows no filter of experiments: %s", ask.Filter).Send(rw)
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	var found []*experiment
	for _, e := range slices.Backward(w.mlflow.experiments) {
		if ask.View == "ALL" || e.deleted == (ask.View == "DELETED_ONLY") {
			found = append(found, e)
		}
	}
	from, ok := readToken(ask.Token, "experiments")
	if !ok {
		server.Invalid("Invalid page token").Send(rw)
		return
	}
	from = min(from, len(found))
	page := found[from:min(from+n, len(found))]
	out := map[string]any{}
	var list []any
	for _, e := range page {
		list = append(list, e.document())
	}
	if list != nil {
		out["experiments"] = list
	}
	if from+n < len(found) {
		out["next_page_token"] = pageToken(from+n, "experiments")
	}
	server.Answer(rw, http.StatusOK, out)
}

func (w *MLflow) tagExperiment(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		ID string `json:"experiment_id"`
		keyValue
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	e := w.experiment(ask.ID)
	if e == nil {
		server.NotFound("No experiment with id %s", ask.ID).Send(rw)
		return
	}
	e.tags[ask.Key] = ask.Value
	server.Answer(rw, http.StatusOK, map[string]any{})
}

func (w *MLflow) deleteExperiment(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		ID string `json:"experiment_id"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	e := w.experiment(ask.ID)
	if e == nil {
		server.NotFound("No experiment with id %s", ask.ID).Send(rw)
		return
	}
	e.deleted = strings.HasSuffix(r.URL.Path, "/delete")
	server.Answer(rw, http.StatusOK, map[string]any{})
}

type keyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// The rest of this file is under the lock.

func (w *MLflow) nextExperiment() int { return 1000 + len(w.mlflow.experiments) + 1 }

func (w *MLflow) createExperiment(name string, tags []keyValue) (*experiment, *server.Failure) {
	for _, e := range w.mlflow.experiments {
		if e.name == name {
			return nil, server.Refusal(http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS",
				fmt.Sprintf("Node named '%s' already exists", name[strings.LastIndexByte(name, '/')+1:]))
		}
	}
	id := strconv.Itoa(w.nextExperiment())
	e := &experiment{id: id, name: name, artifacts: "dbfs:/databricks/mlflow-tracking/" + id, tags: map[string]string{},
		created: w.Now()}
	for _, t := range tags {
		e.tags[t.Key] = t.Value
	}
	w.mlflow.experiments = append(w.mlflow.experiments, e)
	return e, nil
}

func (w *MLflow) experiment(id string) *experiment {
	for _, e := range w.mlflow.experiments {
		if e.id == id {
			return e
		}
	}
	return nil
}

// document is the experiment as the API shows it.
func (e *experiment) document() map[string]any {
	stage := "active"
	if e.deleted {
		stage = "deleted"
	}
	out := map[string]any{
		"experiment_id": e.id, "name": e.name, "artifact_location": e.artifacts, "lifecycle_stage": stage,
		"creation_time":    e.created.UnixMilli(),
		"last_update_time": e.created.UnixMilli(),
	}
	var tags []keyValue
	for _, k := range slices.Sorted(maps.Keys(e.tags)) {
		tags = append(tags, keyValue{k, e.tags[k]})
	}
	if tags != nil {
		out["tags"] = tags
	}
	return out
}
