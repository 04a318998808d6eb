// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// run is an MLflow run, as much of it as traces refer to.
type run struct {
	info map[string]any
	tags []keyValue
}

func (w *MLflow) routeRuns() {
	const path = "/api/2.0/mlflow/runs/"
	w.Handle("POST "+path+"create", w.createRun)
	w.Handle("GET "+path+"get", func(rw http.ResponseWriter, r *http.Request) {
		w.Mu.Lock()
		defer w.Mu.Unlock()
		if found := w.findRun(rw, r.URL.Query().Get("run_id")); found != nil {
			server.Answer(rw, http.StatusOK, map[string]any{"run": found.document()})
		}
	})
	w.Handle("POST "+path+"update", func(rw http.ResponseWriter, r *http.Request) {
		var ask map[string]any
		if !server.Decode(rw, r, &ask) {
			return
		}
		w.Mu.Lock()
		defer w.Mu.Unlock()
		if found := w.findRun(rw, server.Text(ask["run_id"])); found != nil {
			for _, k := range []string{"status", "end_time", "run_name"} {
				if ask[k] != nil {
					found.info[k] = ask[k]
				}
			}
			server.Answer(rw, http.StatusOK, map[string]any{"run_info": found.info})
		}
	})
}

func (w *MLflow) createRun(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Experiment string     `json:"experiment_id"`
		Name       string     `json:"run_name"`
		Start      any        `json:"start_time"`
		Tags       []keyValue `json:"tags"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	e := w.experiment(ask.Experiment)
	if e == nil {
		server.NotFound("No experiment with id %s", ask.Experiment).Send(rw)
		return
	}
	id := strings.ReplaceAll(w.NewID(), "-", "")
	made := &run{tags: ask.Tags, info: map[string]any{
		"run_id": id, "run_uuid": id, "experiment_id": e.id, "run_name": ask.Name, "status": "RUNNING",
		"start_time": ask.Start, "lifecycle_stage": "active",
		"artifact_uri": e.artifacts + "/" + id + "/artifacts", "user_id": server.Caller(r).Name,
	}}
	w.mlflow.runs[id] = made
	server.Answer(rw, http.StatusOK, map[string]any{"run": made.document()})
}

func (r *run) document() map[string]any {
	return map[string]any{"info": r.info, "data": map[string]any{"tags": r.tags}}
}

// findRun finds a run, or answers that there is none. Under the lock.
func (w *MLflow) findRun(rw http.ResponseWriter, id string) *run {
	if r := w.mlflow.runs[id]; r != nil {
		return r
	}
	server.NotFound("Run with id=%s not found", id).Send(rw)
	return nil
}
