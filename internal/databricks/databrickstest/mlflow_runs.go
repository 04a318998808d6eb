package databrickstest

import (
	"net/http"
	"strings"
)

// run is an MLflow run, as much of it as traces refer to.
type run struct {
	info map[string]any
	tags []keyValue
}

func (w *Workspace) routeRuns() {
	const path = "/api/2.0/mlflow/runs/"
	w.handle("POST "+path+"create", w.createRun)
	w.handle("GET "+path+"get", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if found := w.findRun(rw, r.URL.Query().Get("run_id")); found != nil {
			answer(rw, http.StatusOK, map[string]any{"run": found.document()})
		}
	})
	w.handle("POST "+path+"update", func(rw http.ResponseWriter, r *http.Request) {
		var ask map[string]any
		if !decode(rw, r, &ask) {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if found := w.findRun(rw, str(ask["run_id"])); found != nil {
			for _, k := range []string{"status", "end_time", "run_name"} {
				if ask[k] != nil {
					found.info[k] = ask[k]
				}
			}
			answer(rw, http.StatusOK, map[string]any{"run_info": found.info})
		}
	})
}

func (w *Workspace) createRun(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Experiment string     `json:"experiment_id"`
		Name       string     `json:"run_name"`
		Start      any        `json:"start_time"`
		Tags       []keyValue `json:"tags"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.experiment(ask.Experiment)
	if e == nil {
		notFound("No experiment with id %s", ask.Experiment).send(rw)
		return
	}
	id := strings.ReplaceAll(w.id(), "-", "")
	made := &run{tags: ask.Tags, info: map[string]any{
		"run_id": id, "run_uuid": id, "experiment_id": e.id, "run_name": ask.Name, "status": "RUNNING", "start_time": ask.Start, "lifecycle_stage": "active",
		"artifact_uri": e.artifacts + "/" + id + "/artifacts", "user_id": caller(r).Name,
	}}
	w.mlflow.runs[id] = made
	answer(rw, http.StatusOK, map[string]any{"run": made.document()})
}

func (r *run) document() map[string]any {
	return map[string]any{"info": r.info, "data": map[string]any{"tags": r.tags}}
}

// findRun finds a run, or answers that there is none. Under the lock.
func (w *Workspace) findRun(rw http.ResponseWriter, id string) *run {
	if r := w.mlflow.runs[id]; r != nil {
		return r
	}
	notFound("Run with id=%s not found", id).send(rw)
	return nil
}
