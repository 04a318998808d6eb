package databrickstest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"
)

// ordinaryTrace is a trace of an experiment without a location in Unity Catalog. Its spans are a file on the storage host.
type ordinaryTrace struct {
	traceInfo
	experiment string
}

// OrdinaryTraces returns the infos of an ordinary experiment as they were stored, in the order of creation.
func (w *Workspace) OrdinaryTraces(experiment string) []json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []json.RawMessage
	for _, t := range w.mlflow.ordinary {
		if t.experiment == experiment {
			doc, _ := json.Marshal(t.traceInfo)
			out = append(out, doc)
		}
	}
	return out
}

// AddOrdinaryTrace stores a trace of an ordinary experiment: its info as v3 writes it and its file of spans, nil for none.
func (w *Workspace) AddOrdinaryTrace(info json.RawMessage, spans []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var i traceInfo
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

func (w *Workspace) routeOrdinary() {
	const v3 = "/api/3.0/mlflow/traces"
	w.handle("POST "+v3, w.startTrace)
	w.handle("GET "+v3+"/{id}", w.ordinaryInfo)
	for _, v := range []string{"/api/2.0/mlflow/traces", v3} {
		w.handle("PATCH "+v+"/{id}/tags", w.ordinaryTag)
		w.handle("DELETE "+v+"/{id}/tags", w.ordinaryTag)
	}
	w.handle("POST "+v3+"/{id}/assessments", w.ordinaryAssessment)
	w.handle("PATCH "+v3+"/{id}/assessments/{assessment}", w.ordinaryAssessment)
	w.handle("GET "+v3+"/{id}/assessments/{assessment}", w.ordinaryAssessment)
	w.handle("DELETE "+v3+"/{id}/assessments/{assessment}", w.ordinaryAssessment)
	w.handle("GET /api/2.0/mlflow/get-online-trace-details", w.onlineTrace)
	w.handle("GET /api/2.0/mlflow/traces/{id}/credentials-for-data-download", w.dataCredentials)
	w.handle("GET /api/2.0/mlflow/traces/{id}/credentials-for-data-upload", w.dataCredentials)
}

func (w *Workspace) startTrace(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Trace struct {
			Info traceInfo `json:"trace_info"`
		} `json:"trace"`
	}
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t, f := w.addOrdinary(ask.Trace.Info)
	if f != nil {
		f.send(rw)
		return
	}
	answer(rw, http.StatusOK, map[string]any{"trace": map[string]any{"trace_info": t.traceInfo}})
}

func (w *Workspace) ordinaryInfo(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
		t.send(rw)
		return
	}
	t := w.ordinaryTrace(rw, r)
	switch {
	case t == nil:
	case w.mlflow.odd[t.ID] == oddNull:
		answer(rw, http.StatusOK, map[string]any{"trace": nil})
	default:
		answer(rw, http.StatusOK, map[string]any{"trace": map[string]any{"trace_info": t.traceInfo}})
	}
}

func (w *Workspace) ordinaryTag(rw http.ResponseWriter, r *http.Request) {
	var ask keyValue
	if r.Method == http.MethodDelete && r.URL.Query().Has("key") {
		ask.Key = r.URL.Query().Get("key")
	} else if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
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
	answer(rw, http.StatusOK, map[string]any{})
}

func (w *Workspace) ordinaryAssessment(rw http.ResponseWriter, r *http.Request) {
	var ask struct {
		Assessment map[string]any `json:"assessment"`
		Mask       string         `json:"update_mask"`
	}
	if r.Body != nil && (r.Method == http.MethodPost || r.Method == http.MethodPatch) && !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.ordinaryTrace(rw, r)
	if t == nil {
		return
	}
	id := r.PathValue("assessment")
	if r.Method == http.MethodPost {
		a := maps.Clone(ask.Assessment)
		if a["feedback"] == nil && a["expectation"] == nil {
			invalid("An assessment has a feedback or an expectation").send(rw)
			return
		}
		if str(a["assessment_id"]) == "" {
			a["assessment_id"] = "a-" + strings.ReplaceAll(w.id(), "-", "")
		}
		for _, old := range t.Assessments {
			if old["assessment_id"] == a["overrides"] {
				old["valid"] = false
			}
		}
		t.Assessments = append(t.Assessments, a)
		answer(rw, http.StatusOK, map[string]any{"assessment": a})
		return
	}
	for i, a := range t.Assessments {
		if a["assessment_id"] != id {
			continue
		}
		switch r.Method {
		case http.MethodDelete:
			t.Assessments = append(t.Assessments[:i:i], t.Assessments[i+1:]...)
			answer(rw, http.StatusOK, map[string]any{})
			return
		case http.MethodPatch:
			for _, field := range strings.Split(ask.Mask, ",") {
				// Field masks are in camel case in protobuf's JSON.
				name := map[string]string{"assessmentName": "assessment_name"}[field]
				if name == "" {
					name = field
				}
				a[name] = ask.Assessment[name]
			}
			a["last_update_time"] = w.now().UTC().Format(time.RFC3339Nano)
		}
		answer(rw, http.StatusOK, map[string]any{"assessment": a})
		return
	}
	notFound("Assessment with ID %s not found for trace %s", id, t.ID).send(rw)
}

// onlineTrace answers with the spans of a trace in an inference table, whose info names the table and the request. The fake keeps them with the files of other traces.
func (w *Workspace) onlineTrace(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
		t.send(rw)
		return
	}
	q := r.URL.Query()
	if f := w.running(r); f != nil {
		f.send(rw)
		return
	}
	r.SetPathValue("id", q.Get("trace_id"))
	t := w.ordinaryTrace(rw, r)
	if t == nil {
		return
	}
	if t.Metadata["mlflow.sourceTable"] != q.Get("source_inference_table") || t.Metadata["mlflow.databricksRequestId"] != q.Get("source_databricks_request_id") {
		notFound("Trace %s is not in inference table %s", t.ID, q.Get("source_inference_table")).send(rw)
		return
	}
	out := map[string]any{}
	if content := w.mlflow.storage.files[t.ID+"/traces.json"]; content != nil && w.mlflow.odd[t.ID] == "" {
		out["trace_data"] = string(content)
	}
	answer(rw, http.StatusOK, out)
}

// dataCredentials hands out a signed URL of the storage host for a trace's file.
func (w *Workspace) dataCredentials(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
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
	info := map[string]any{"signed_uri": w.mlflow.storage.sign(w, method, t.ID+"/"+name, w.now().Add(life)), "type": s.CredentialType}
	if headers != nil {
		info["headers"] = headers
	}
	answer(rw, http.StatusOK, map[string]any{"credential_info": info})
}

// The rest of this file is under the lock.

// ordinaryTrace finds the trace of a request's path, or answers that there is none.
func (w *Workspace) ordinaryTrace(rw http.ResponseWriter, r *http.Request) *ordinaryTrace {
	for _, t := range w.mlflow.ordinary {
		if t.ID == r.PathValue("id") {
			return t
		}
	}
	notFound("Trace with ID %s not found.", r.PathValue("id")).send(rw)
	return nil
}

// addOrdinary stores an info or merges it into the one that is there.
func (w *Workspace) addOrdinary(i traceInfo) (*ordinaryTrace, *failure) {
	at, _ := i.Location["mlflow_experiment"].(map[string]any)
	e := w.experiment(str(at["experiment_id"]))
	if e == nil {
		return nil, notFound("No experiment with id %s", str(at["experiment_id"]))
	}
	var err error
	if i.start, err = time.Parse(time.RFC3339Nano, i.RequestTime); err != nil {
		return nil, invalid("request_time is no time")
	}
	if i.ID == "" {
		return nil, invalid("Missing required field: trace_id")
	}
	if i.Tags == nil {
		i.Tags = map[string]string{}
	}
	i.Tags["mlflow.artifactLocation"] = e.artifacts + "/" + i.ID + "/artifacts"
	for _, a := range i.Assessments {
		if str(a["assessment_id"]) == "" {
			a["assessment_id"] = "a-" + strings.ReplaceAll(w.id(), "-", "")
		}
	}
	for _, t := range w.mlflow.ordinary {
		if t.ID == i.ID {
			i.Assessments = append(t.Assessments, i.Assessments...)
			maps.Copy(t.Tags, i.Tags)
			i.Tags = t.Tags
			t.traceInfo = i
			return t, nil
		}
	}
	t := &ordinaryTrace{traceInfo: i, experiment: e.id}
	w.mlflow.ordinary = append(w.mlflow.ordinary, t)
	return t, nil
}
