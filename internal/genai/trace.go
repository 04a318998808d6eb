// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// metadataKeys are the keys of metadata that become attributes under their own name, besides those
// below mlflow.source.: the ones that MLflow defines. Others are their users' and get
// TraceMetadataPrefix.
var metadataKeys = map[string]bool{
	TraceSession: true, TraceUser: true, "mlflow.trace.tokenUsage": true, "mlflow.trace.cost": true,
	mlflow.MetaSizeStats: true, mlflow.MetaSizeBytes: true, mlflow.MetaSchemaVersion: true,
	"mlflow.trace.infoFinalized": true,
	"mlflow.traceInputs":         true, "mlflow.traceOutputs": true, "mlflow.sourceRun": true,
	"mlflow.modelId": true, "mlflow.user": true,
	"mlflow.gateway.endpointId": true, "mlflow.gateway.requestType": true, "mlflow.gateway.caller": true,
	"mlflow.auth.userId": true, "mlflow.auth.username": true,
}

// storageTags say where the spans lie in the server that the trace is read from. An MLflow server
// takes every TraceTagPrefix attribute of a root span as a tag of the trace; a foreign location
// there would make it look for the spans in the wrong place, so these never get that prefix.
var storageTags = map[string]bool{
	mlflow.TagArtifactLocation: true, mlflow.TagSpansLocation: true, "mlflow.trace.archiveLocation": true,
	"mlflow.trace.archivalFailure": true,
}

// trace adds what belongs to the whole trace to its topmost span.
func (w *worker) trace(t *mlflow.Trace, experimentID string, f *facts) {
	info := &t.Info
	w.putString(TraceRequestID, info.ID)
	w.putString(TraceLocation, location(info.ID))
	if t.Synthetic {
		if v, ok := w.put(TraceIDSynthetic); ok {
			v.SetBool(true)
		}
	}
	w.putString(ExperimentID, experimentID)
	w.putString(ClientRequestID, info.ClientRequestID)
	if info.State != mlflow.StateUnspecified {
		w.replace(TraceState).SetStr(validString(string(info.State)))
	}
	if !f.hasInputs {
		w.putString(RequestPreview, info.RequestPreview)
	}
	if !f.hasOutput {
		w.putString(ResponsePreview, info.ResponsePreview)
	}
	if session, ok := mlflow.Get(info.Metadata, TraceSession); ok {
		if levels := sessionLevels(session); levels != nil {
			w.putStrings(SessionID, levels)
		} else {
			w.putString(SessionID, session)
		}
		w.putString(ConversationID, session)
	}
	if user, ok := mlflow.Get(info.Metadata, TraceUser); ok {
		w.putString(UserID, user)
	}
	for _, m := range info.Metadata {
		w.metadata(m)
	}
	for _, tag := range info.Tags {
		w.tag(tag)
	}
	w.assessments(info.Assessments)
}

// metadata adds an entry of the metadata of a trace.
func (w *worker) metadata(m mlflow.KeyValue) {
	if !metadataKeys[m.Key] && !strings.HasPrefix(m.Key, sourceMetadataPrefix) || !w.putText(m.Key, m.Value) {
		w.putText(TraceMetadataPrefix+m.Key, m.Value)
	}
}

// tag adds a tag of a trace.
func (w *worker) tag(t mlflow.KeyValue) {
	if !strings.HasPrefix(t.Key, "mlflow.") || !w.putText(t.Key, t.Value) && !storageTags[t.Key] {
		w.putText(TraceTagPrefix+t.Key, t.Value)
	}
}

// sessionLevels returns the ids of a session with several levels, outermost first, which MLflow (3.18
// on) keeps as the JSON text of a list of strings in the metadata and writes as a list into session.id
// of spans; nil for one id.
func sessionLevels(session string) []string {
	var levels []string
	if !strings.HasPrefix(session, "[") || json.Unmarshal([]byte(session), &levels) != nil || len(levels) == 0 {
		return nil
	}
	return levels
}

// putText adds a string, which may be empty, of a tag or metadata. It reports whether the name was
// free; the value may still be left out for its content.
func (w *worker) putText(key, value string) (free bool) {
	key = validString(key)
	if w.levels[0].find(key) >= 0 {
		return false
	}
	if w.admits(key) {
		w.levels[0].addNew(key).SetStr(validString(value))
	}
	return true
}

// location returns the middle of an id of the form trace:/<location>/<hex>, which traces in Unity
// Catalog have.
func location(id string) string {
	rest, ok := strings.CutPrefix(id, "trace:/")
	if !ok {
		return ""
	}
	return rest[:max(strings.LastIndexByte(rest, '/'), 0)]
}
