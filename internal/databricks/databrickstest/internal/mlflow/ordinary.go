// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// ordinaryTrace is a trace of an experiment without a location in Unity Catalog. Its spans are a
// file on the storage host.
type ordinaryTrace struct {
	TraceInfo
	experiment string
}

// OrdinaryTraces returns the infos of an ordinary experiment as they were stored, in the order of
// creation.
func (w *MLflow) OrdinaryTraces(experiment string) []json.RawMessage {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	var out []json.RawMessage
	for _, t := range w.mlflow.ordinary {
		if t.experiment == experiment {
			doc, _ := json.Marshal(t.TraceInfo)
			out = append(out, doc)
		}
	}
	return out
}

// AddOrdinaryTrace stores a trace of an ordinary experiment: its info as v3 writes it and its file
// of spans, nil for none.
func (w *MLflow) AddOrdinaryTrace(info json.RawMessage, spans []byte) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	var i TraceInfo
	if err := json.Unmarshal(info, &i); err != nil {
		panic("databrickstest: " + err.Error())
	}
	t, f := w.addOrdinary(i)
	if f != nil {
		panic("databrickstest: " + f.Error())
	}
	if spans != nil {
		w.mlflow.storage.put(t.ID+"/traces.json", spans)
	}
}

func (w *MLflow) routeOrdinary() {
	const v3 = "/api/3.0/mlflow/traces"
	w.Handle("POST "+v3, w.startTrace)
	w.Handle("GET "+v3+"/{id}", w.ordinaryInfo)
	for _, v := range []string{"/api/2.0/mlflow/traces", v3} {
		w.Handle("PATCH "+v+"/{id}/tags", w.ordinaryTag)
		w.Handle("DELETE "+v+"/{id}/tags", w.ordinaryTag)
	}
	w.Handle("POST "+v3+"/{id}/assessments", w.ordinaryAssessment)
	w.Handle("PATCH "+v3+"/{id}/assessments/{assessment}", w.ordinaryAssessment)
	w.Handle("GET "+v3+"/{id}/assessments/{assessment}", w.ordinaryAssessment)
	w.Handle("DELETE "+v3+"/{id}/assessments/{assessment}", w.ordinaryAssessment)
	w.Handle("GET /api/2.0/mlflow/get-online-trace-details", w.onlineTrace)
	w.Handle("GET /api/2.0/mlflow/traces/{id}/credentials-for-data-download", w.dataCredentials)
	w.Handle("GET /api/2.0/mlflow/traces/{id}/credentials-for-data-upload", w.dataCredentials)
}

func (w *MLflow) startTrace(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Trace struct {
			Info TraceInfo `json:"trace_info"`
		} `json:"trace"`
	}
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t, f := w.addOrdinary(ask.Trace.Info)
	if f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, map[string]any{"trace": map[string]any{"trace_info": t.TraceInfo}})
}

func (w *MLflow) ordinaryInfo(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
		t.send(rw)
		return
	}
	t := w.ordinaryTrace(rw, r)
	switch {
	case t == nil:
	case w.mlflow.odd[t.ID] == oddNull:
		server.Answer(rw, http.StatusOK, map[string]any{"trace": nil})
	default:
		server.Answer(rw, http.StatusOK, map[string]any{"trace": map[string]any{"trace_info": t.TraceInfo}})
	}
}

func (w *MLflow) ordinaryTag(rw http.ResponseWriter, r *http.Request) {
	var ask keyValue
	if r.Method == http.MethodDelete && r.URL.Query().Has("key") {
		ask.Key = r.URL.Query().Get("key")
	} else if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t := w.ordinaryTrace(rw, r)
	if t == nil {
		return
	}
	if t.Tags == nil {
		t.Tags = map[string]string{}
	}
	if r.Method == http.MethodDelete {
		delete(t.Tags, ask.Key)
	} else {
		t.Tags[ask.Key] = ask.Value
	}
	server.Answer(rw, http.StatusOK, map[string]any{})
}

func (w *MLflow) ordinaryAssessment(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Assessment map[string]any `json:"assessment"`
		Mask       string         `json:"update_mask"`
	}
	if r.Body != nil && (r.Method == http.MethodPost || r.Method == http.MethodPatch) && !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t := w.ordinaryTrace(rw, r)
	if t == nil {
		return
	}
	id := r.PathValue("assessment")
	if r.Method == http.MethodPost {
		a := maps.Clone(ask.Assessment)
		if a["feedback"] == nil && a["expectation"] == nil {
			server.Invalid("An assessment has a feedback or an expectation").Send(rw)
			return
		}
		if server.Text(a["assessment_id"]) == "" {
			a["assessment_id"] = "a-" + strings.ReplaceAll(w.NewID(), "-", "")
		}
		for _, old := range t.Assessments {
			if old["assessment_id"] == a["overrides"] {
				old["valid"] = false
			}
		}
		t.Assessments = append(t.Assessments, a)
		server.Answer(rw, http.StatusOK, map[string]any{"assessment": a})
		return
	}
	for i, a := range t.Assessments {
		if a["assessment_id"] != id {
			continue
		}
		switch r.Method {
		case http.MethodDelete:
			t.Assessments = append(t.Assessments[:i:i], t.Assessments[i+1:]...)
			server.Answer(rw, http.StatusOK, map[string]any{})
			return
		case http.MethodPatch:
			for field := range strings.SplitSeq(ask.Mask, ",") {
				// Field masks are in camel case in protobuf's JSON.
				name := map[string]string{"assessmentName": "assessment_name"}[field]
				if name == "" {
					name = field
				}
				a[name] = ask.Assessment[name]
			}
			a["last_update_time"] = w.Now().UTC().Format(time.RFC3339Nano)
		}
		server.Answer(rw, http.StatusOK, map[string]any{"assessment": a})
		return
	}
	server.NotFound("Assessment with ID %s not found for trace %s", id, t.ID).Send(rw)
}

// onlineTrace answers with the spans of a trace in an inference table, whose info names the table
// and the request. The fake keeps them with the files of other traces.
func (w *MLflow) onlineTrace(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
		t.send(rw)
		return
	}
	q := r.URL.Query()
	if f := w.running(r); f != nil {
		f.Send(rw)
		return
	}
	r.SetPathValue("id", q.Get("trace_id"))
	t := w.ordinaryTrace(rw, r)
	if t == nil {
		return
	}
	if t.Metadata["mlflow.sourceTable"] != q.Get("source_inference_table") ||
		t.Metadata["mlflow.databricksRequestId"] != q.Get("source_databricks_request_id") {
		server.NotFound("Trace %s is not in inference table %s", t.ID, q.Get("source_inference_table")).Send(rw)
		return
	}
	out := map[string]any{}
	if content := w.mlflow.storage.files[t.ID+"/traces.json"]; content != nil && w.mlflow.odd[t.ID] == "" {
		out["trace_data"] = string(content)
	}
	server.Answer(rw, http.StatusOK, out)
}

// dataCredentials hands out a signed URL of the storage host for a trace's file.
func (w *MLflow) dataCredentials(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	upload := strings.HasSuffix(r.URL.Path, "upload")
	if !upload {
		if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
			t.send(rw)
			return
		}
	}
	t := w.ordinaryTrace(rw, r)
	if t == nil {
		return
	}
	name := "traces.json"
	if p := r.URL.Query().Get("path"); p != "" {
		name = p
	}
	s := &w.mlflow.switches
	life := s.URLLife
	if !upload && s.ExpiredURLs > 0 {
		s.ExpiredURLs--
		life = -time.Minute
	}
	method := http.MethodGet
	if upload {
		method = http.MethodPut
	}
	var headers []map[string]string
	for k, v := range s.URLHeaders {
		headers = append(headers, map[string]string{"name": k, "value": v})
	}
	info := map[string]any{"signed_uri": w.mlflow.storage.sign(w, method, t.ID+"/"+name, w.Now().Add(life)),
		"type": s.CredentialType}
	if headers != nil {
		info["headers"] = headers
	}
	server.Answer(rw, http.StatusOK, map[string]any{"credential_info": info})
}

// The rest of this file is under the lock.

// ordinaryTrace finds the trace of a request's path, or answers that there is none.
func (w *MLflow) ordinaryTrace(rw http.ResponseWriter, r *http.Request) *ordinaryTrace {
	for _, t := range w.mlflow.ordinary {
		if t.ID == r.PathValue("id") {
			return t
		}
	}
	server.NotFound("Trace with ID %s not found.", r.PathValue("id")).Send(rw)
	return nil
}

// addOrdinary stores an info or merges it into the one that is there.
func (w *MLflow) addOrdinary(i TraceInfo) (*ordinaryTrace, *server.Failure) {
	at, _ := i.Location["mlflow_experiment"].(map[string]any)
	e := w.experiment(server.Text(at["experiment_id"]))
	if e == nil {
		return nil, server.NotFound("No experiment with id %s", server.Text(at["experiment_id"]))
	}
	var err error
	if i.start, err = time.Parse(time.RFC3339Nano, i.RequestTime); err != nil {
		return nil, server.Invalid("request_time is no time")
	}
	if i.ID == "" {
		return nil, server.Invalid("Missing required field: trace_id")
	}
	if i.Tags == nil {
		i.Tags = map[string]string{}
	}
	i.Tags["mlflow.artifactLocation"] = e.artifacts + "/" + i.ID + "/artifacts"
	for _, a := range i.Assessments {
		if server.Text(a["assessment_id"]) == "" {
			a["assessment_id"] = "a-" + strings.ReplaceAll(w.NewID(), "-", "")
		}
	}
	for _, t := range w.mlflow.ordinary {
		if t.ID != i.ID {
			continue
		}
		i.Assessments = append(t.Assessments, i.Assessments...)
		maps.Copy(t.Tags, i.Tags)
		i.Tags = t.Tags
		t.TraceInfo = i
		return t, nil
	}
	t := &ordinaryTrace{TraceInfo: i, experiment: e.id}
	w.mlflow.ordinary = append(w.mlflow.ordinary, t)
	return t, nil
}
