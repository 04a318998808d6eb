// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

func (w *MLflow) createAssessment(rw http.ResponseWriter, r *http.Request) {
	var ask map[string]any
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l, f := w.place(r, true)
	if f == nil {
		f = w.running(r)
	}
	if f == nil && ask["trace_id"] != r.PathValue("id") {
		f = server.Invalid("The trace id %v of the body is not the bare id of the path", ask["trace_id"])
	}
	if f != nil {
		f.Send(rw)
		return
	}
	row, f := w.addAssessment(l, r.PathValue("id"), server.Caller(r).Name, ask)
	if f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, assessmentOf(row, l))
}

// oneAssessment reads, changes or removes an assessment.
func (w *MLflow) oneAssessment(rw http.ResponseWriter, r *http.Request) {
	var ask map[string]any
	if r.Method == http.MethodPatch && !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l, f := w.place(r, r.Method != http.MethodGet)
	if f == nil {
		f = w.running(r)
	}
	if f != nil {
		f.Send(rw)
		return
	}
	for _, n := range w.annotationsOf(l) {
		if n["annotation_id"] != r.PathValue("assessment") || traceOf(n) != r.PathValue("id") {
			continue
		}
		switch r.Method {
		case http.MethodDelete:
			w.revise(l, n, catalog.Row{"deleted_at": catalog.Timestamp(w.Now()), "deleted_by": server.Caller(r).Name})
			server.Answer(rw, http.StatusOK, map[string]any{})
			return
		case http.MethodPatch:
			change, f := changed(n, ask, strings.Split(r.URL.Query().Get("update_mask"), ","))
			if f != nil {
				f.Send(rw)
				return
			}
			change["updated_by"] = server.Caller(r).Name
			n = w.revise(l, n, change)
		}
		server.Answer(rw, http.StatusOK, assessmentOf(n, l))
		return
	}
	server.NotFound("Assessment with ID %s not found for trace %s", r.PathValue("assessment"),
		r.PathValue("id")).Send(rw)
}

// changed are the columns that a PATCH with a mask changes.
func changed(n catalog.Row, ask map[string]any, mask []string) (catalog.Row, *server.Failure) {
	out := catalog.Row{}
	for _, field := range mask {
		switch field {
		case "assessment_name":
			out["name"] = ask["assessment_name"]
		case "rationale":
			out["comment"] = ask["rationale"]
		case "feedback", "expectation":
			value, _ := valueOf(ask)
			out["value"] = value
		case "metadata":
			metadata := maps.Clone(n["metadata"].(map[string]any))
			given, _ := ask["metadata"].(map[string]any)
			maps.Copy(metadata, given)
			out["metadata"] = metadata
		default:
			return nil, server.Invalid("Invalid update mask: %q", field)
		}
	}
	return out, nil
}

// The rest of this file is under the lock.

// addAssessment writes an assessment that came in.
func (w *MLflow) addAssessment(l *traceLocation, trace, who string, ask map[string]any) (catalog.Row, *server.Failure) {
	value, kind := valueOf(ask)
	if kind == "" {
		return nil, server.Invalid("An assessment has a feedback or an expectation")
	}
	metadata := map[string]any{}
	if given, ok := ask["metadata"].(map[string]any); ok {
		maps.Copy(metadata, given)
	}
	// The keys are those that the official migrators of traces write. What is said about a span has
	// the trace as its target.
	source, _ := ask["source"].(map[string]any)
	metadata[sourceType], metadata[sourceID] = source["source_type"], source["source_id"]
	if feedback, ok := ask["feedback"].(map[string]any); ok {
		failure, _ := feedback["error"].(map[string]any)
		for k, v := range failure {
			metadata[errorPrefix+k] = v
		}
	}
	if span := server.Text(ask["span_id"]); span != "" {
		metadata[spanID] = span
	}
	if ask["valid"] == false {
		metadata[valid] = false
	}
	n := note{
		id: server.Text(ask["assessment_id"]), trace: trace, kind: kind,
		name: server.Text(ask["assessment_name"]), value: value,
		comment: ask["rationale"], metadata: metadata, who: who, created: moment(ask["create_time"]),
		updated: moment(ask["last_update_time"]),
	}
	if n.name == "" {
		return nil, server.Invalid("Missing required field: assessment_name")
	}
	if n.id == "" {
		n.id = "a-" + strings.ReplaceAll(w.NewID(), "-", "")
	}
	if old := server.Text(ask["overrides"]); old != "" {
		metadata[overrides] = old
		for _, o := range w.annotationsOf(l) {
			if o["annotation_id"] == old {
				replaced := maps.Clone(o["metadata"].(map[string]any))
				replaced[valid] = false
				w.revise(l, o, catalog.Row{"metadata": replaced})
			}
		}
	}
	return w.annotate(l, n), nil
}

// Keys of metadata that are MLflow's own.
const (
	sourceType  = "mlflow.source.source_type"
	sourceID    = "mlflow.source.source_id"
	errorPrefix = "mlflow.error."
	spanID      = "mlflow.span_id"
	overrides   = "mlflow.overrides"
	valid       = "mlflow.valid"
)

// valueOf is what an assessment says, and its type as annotations spell it.
func valueOf(ask map[string]any) (value any, kind string) {
	if f, ok := ask["feedback"].(map[string]any); ok {
		return f["value"], "FEEDBACK"
	}
	e, ok := ask["expectation"].(map[string]any)
	if !ok {
		return nil, ""
	}
	if s, ok := e["serialized_value"].(map[string]any); ok {
		if json.Unmarshal([]byte(server.Text(s["value"])), &value) != nil {
			value = s["value"]
		}
		return value, "EXPECTATION"
	}
	return e["value"], "EXPECTATION"
}

// assessmentOf is the assessment that a row holds.
func assessmentOf(n catalog.Row, l *traceLocation) map[string]any {
	metadata, _ := n["metadata"].(map[string]any)
	out := map[string]any{
		"assessment_id": n["annotation_id"], "assessment_name": n["name"], "trace_id": traceOf(n),
		"trace_location": l.wire(), "create_time": n["created_at"],
		"last_update_time": n["updated_at"], "valid": metadata[valid] != false && metadata[valid] != "false",
		"source": map[string]any{"source_type": metadata[sourceType], "source_id": metadata[sourceID]},
	}
	if span := server.Text(metadata[spanID]); span != "" {
		out["span_id"] = span
	} else if _, span, ok := strings.Cut(server.Text(n["target_id"]), ":"); ok {
		out["span_id"] = span
	}
	if n["comment"] != nil {
		out["rationale"] = n["comment"]
	}
	if metadata[overrides] != nil {
		out["overrides"] = metadata[overrides]
	}
	own := map[string]any{}
	for k, v := range metadata {
		if !strings.HasPrefix(k, "mlflow.") || strings.HasPrefix(k, "mlflow.assessment.") {
			own[k] = v
		}
	}
	if len(own) > 0 {
		out["metadata"] = own
	}
	if n["annotation_type"] == "FEEDBACK" {
		feedback := map[string]any{"value": n["value"]}
		failure := map[string]any{}
		for k, v := range metadata {
			if field, ok := strings.CutPrefix(k, errorPrefix); ok {
				failure[field] = v
			}
		}
		if len(failure) > 0 {
			feedback["error"] = failure
		}
		out["feedback"] = feedback
		return out
	}
	switch n["value"].(type) {
	case map[string]any, []any:
		doc, _ := json.Marshal(n["value"])
		out["expectation"] = map[string]any{"serialized_value": map[string]any{"serialization_format": "JSON_FORMAT",
			"value": string(doc)}}
	default:
		out["expectation"] = map[string]any{"value": n["value"]}
	}
	return out
}
