// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// since reports whether the server is of that version or later.
func (s *Server) since(major, minor int) bool {
	return s.major > major || s.major == major && s.minor >= minor
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, path string) {
	api, v2 := strings.CutPrefix(path, "/api/2.0/mlflow")
	if !v2 {
		api, v2 = strings.CutPrefix(path, "/ajax-api/2.0/mlflow")
	}
	v3, isV3 := strings.CutPrefix(path, "/api/3.0/mlflow")
	isV3 = isV3 && s.since(3, 2)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case path == "/version":
		fmt.Fprint(w, s.version)
	case path == "/health":
		fmt.Fprint(w, "OK")
	case strings.HasPrefix(path, "/api/2.0/mlflow-artifacts/artifacts/"):
		s.proxied(w, strings.TrimPrefix(path, "/api/2.0/mlflow-artifacts/artifacts/"))
	case v2 && api == "/experiments/search" && r.Method == http.MethodPost:
		s.searchExperiments(w, r)
	case v2 && api == "/traces" && r.Method == http.MethodGet:
		q := r.URL.Query()
		s.search(w, search{experiments: q["experiment_ids"], filter: q.Get("filter"), order: q["order_by"],
			max: q.Get("max_results"), token: q.Get("page_token")}, false)
	case v2 && strings.HasPrefix(api, "/traces/") && strings.HasSuffix(api, "/info"):
		s.info(w, strings.TrimSuffix(strings.TrimPrefix(api, "/traces/"), "/info"), false)
	case path == "/ajax-api/2.0/mlflow/get-trace-artifact":
		s.artifact(w, r.URL.Query().Get("request_id"))
	case !isV3 || !strings.HasPrefix(v3, "/traces/"):
		notFound(w)
	case v3 == "/traces/search" && r.Method == http.MethodPost:
		s.searchV3(w, r)
	case v3 == "/traces/batchGet" && s.since(3, 6):
		s.batchGet(w, r.URL.Query()["trace_ids"])
	case v3 == "/traces/get" && s.since(3, 7):
		s.get(w, r.URL.Query().Get("trace_id"))
	case v3 == "/traces/batchGetInfos" && s.since(3, 11):
		s.batchGetInfos(w, r)
	case v3 == "/traces/metrics" && s.since(3, 9):
		s.metrics(w, r)
	case r.Method == http.MethodGet && !strings.Contains(v3[len("/traces/"):], "/"):
		s.info(w, v3[len("/traces/"):], true)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusMethodNotAllowed)
		fmt.Fprint(w, "<!doctype html>\n<title>405 Method Not Allowed</title>\n")
	}
}

func notFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n")
}

// fail answers with one of MLflow's error documents.
func fail(w http.ResponseWriter, status int, code, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error_code": code, "message": fmt.Sprintf(format, args...)})
}

func unknownTrace(w http.ResponseWriter, id string) {
	fail(w, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Trace with ID '%s' not found.", id)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	doc, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(doc)
}

func (s *Server) searchExperiments(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Max   int    `json:"max_results"`
		View  string `json:"view_type"`
		Token string `json:"page_token"`
	}
	if !read(w, r, &ask) {
		return
	}
	var list []map[string]any
	for _, e := range s.experiments {
		stage := "active"
		if e.Deleted {
			stage = "deleted"
		}
		if e.Deleted && ask.View != "ALL" {
			continue
		}
		doc := map[string]any{"experiment_id": e.ID, "name": e.Name, "artifact_location": e.ArtifactLocation,
			"lifecycle_stage": stage}
		if e.Created != 0 {
			doc["creation_time"] = e.Created
		}
		list = append(list, doc)
	}
	from, ok := offset(ask.Token)
	if !ok {
		fail(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Invalid page token, could not base64-decode")
		return
	}
	page, next := cut(list, from, max(1, ask.Max))
	out := map[string]any{"experiments": page}
	if next != "" {
		out["next_page_token"] = next
	}
	answer(w, out)
}

func (s *Server) info(w http.ResponseWriter, id string, v3 bool) {
	t := s.traces[id]
	switch {
	case t == nil:
		unknownTrace(w, id)
	case v3:
		answer(w, map[string]any{"trace": map[string]any{"trace_info": t.infoV3()}})
	default:
		answer(w, map[string]any{"trace_info": t.infoV2()})
	}
}

func (s *Server) batchGetInfos(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		IDs []string `json:"trace_ids"`
	}
	if !read(w, r, &ask) {
		return
	}
	list := []json.RawMessage{}
	for _, id := range ask.IDs {
		if t := s.traces[id]; t != nil {
			list = append(list, t.infoV3())
		}
	}
	answer(w, map[string]any{"trace_infos": list})
}

func (s *Server) batchGet(w http.ResponseWriter, ids []string) {
	var list []any
	seen := map[string]bool{}
	for _, id := range ids {
		t := s.traces[id]
		if t == nil || seen[id] {
			continue
		}
		seen[id] = true
		if t.Typed == nil {
			fail(w, http.StatusInternalServerError, "INTERNAL_ERROR", "Trace data not stored in tracking store")
			return
		}
		if !t.Partial {
			list = append(list, t.element())
		}
	}
	out := map[string]any{}
	if list != nil {
		out["traces"] = list
	}
	answer(w, out)
}

func (s *Server) get(w http.ResponseWriter, id string) {
	t := s.traces[id]
	switch {
	case t == nil:
		unknownTrace(w, id)
	case t.Typed == nil:
		fail(w, http.StatusInternalServerError, "INTERNAL_ERROR", "Trace data not stored in tracking store")
	default:
		answer(w, map[string]any{"trace": t.element()})
	}
}

// artifact is the route that the user interface reads traces by.
func (s *Server) artifact(w http.ResponseWriter, id string) {
	t := s.traces[id]
	switch {
	case t == nil && s.since(3, 6) && !s.since(3, 7), t != nil && t.Partial && s.since(3, 6) && !s.since(3, 7):
		fail(w, http.StatusInternalServerError, "INTERNAL_ERROR",
			"Failed to get trace data from tracking store. Please check the request_id.")
	case t == nil:
		unknownTrace(w, id)
	case t.Artifact == nil:
		fail(w, http.StatusNotFound, "NOT_FOUND", "Trace data not found for path=traces.json")
	case !s.since(3, 7) && !json.Valid(withoutNaN(t.Artifact)): // later ones pass files on as they are
		fail(w, http.StatusInternalServerError, "INVALID_STATE", "Trace data is corrupted for path=traces.json")
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Disposition", "attachment; filename=traces.json")
		_, _ = w.Write(t.Artifact)
	}
}

func withoutNaN(doc []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(doc, []byte("NaN"), []byte("0")), []byte("Infinity"), []byte("0"))
}

func (s *Server) proxied(w http.ResponseWriter, path string) {
	for _, t := range s.traces {
		if strings.TrimPrefix(t.Tags["mlflow.artifactLocation"], "mlflow-artifacts:/")+"/traces.json" == path &&
			t.Artifact != nil {
			_, _ = w.Write(t.Artifact)
			return
		}
	}
	fail(w, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "No such artifact")
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "MALFORMED_REQUEST", "%s", err)
		return false
	}
	return true
}
