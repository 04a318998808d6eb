package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// metadataKeys are the keys of metadata that become attributes under their own name, besides those below mlflow.source.: the ones that MLflow defines. Others
// are their users' and get TraceMetadataPrefix.
var metadataKeys = map[string]bool{
	TraceSession: true, TraceUser: true, "mlflow.trace.tokenUsage": true, "mlflow.trace.cost": true,
	mlflow.MetaSizeStats: true, mlflow.MetaSizeBytes: true, mlflow.MetaSchemaVersion: true, "mlflow.trace.infoFinalized": true,
	"mlflow.traceInputs": true, "mlflow.traceOutputs": true, "mlflow.sourceRun": true, "mlflow.modelId": true, "mlflow.user": true,
	"mlflow.gateway.endpointId": true, "mlflow.gateway.requestType": true, "mlflow.gateway.caller": true,
	"mlflow.auth.userId": true, "mlflow.auth.username": true,
}

// storageTags say where the spans lie in the server that the trace is read from. An MLflow server takes every TraceTagPrefix attribute of a root span as a tag of
// the trace; a foreign location there would make it look for the spans in the wrong place, so these never get that prefix.
var storageTags = map[string]bool{
	mlflow.TagArtifactLocation: true, mlflow.TagSpansLocation: true, "mlflow.trace.archiveLocation": true, "mlflow.trace.archivalFailure": true,
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
	if !f.hasOutputs {
		w.putString(ResponsePreview, info.ResponsePreview)
	}
	if session, ok := mlflow.Get(info.Metadata, TraceSession); ok {
		w.putString(SessionID, session)
		w.putString(ConversationID, session)
	}
	if user, ok := mlflow.Get(info.Metadata, TraceUser); ok {
		w.putString(UserID, user)
	}
	for _, m := range info.Metadata {
		if !metadataKeys[m.Key] && !strings.HasPrefix(m.Key, sourceMetadataPrefix) || !w.putText(m.Key, m.Value) {
			w.putText(TraceMetadataPrefix+m.Key, m.Value)
		}
	}
	for _, tag := range info.Tags {
		if !strings.HasPrefix(tag.Key, "mlflow.") || !w.putText(tag.Key, tag.Value) && !storageTags[tag.Key] {
			w.putText(TraceTagPrefix+tag.Key, tag.Value)
		}
	}
	w.assessments(info.Assessments)
}

// putText adds a string, which may be empty, of a tag or metadata. It reports whether the name was free; the value may still be left out for its content.
func (w *worker) putText(key, value string) (free bool) {
	key = validString(key)
	if w.levels[0].find(key) >= 0 {
		return false
	}
	if v, ok := w.put(key); ok {
		v.SetStr(validString(value))
	}
	return true
}

// location returns the middle of an id of the form trace:/<location>/<hex>, which traces in Unity Catalog have.
func location(id string) string {
	rest, ok := strings.CutPrefix(id, "trace:/")
	if !ok {
		return ""
	}
	return rest[:max(strings.LastIndexByte(rest, '/'), 0)]
}

// assessments adds all assessments of the trace, and the time of the newest change.
func (w *worker) assessments(list []mlflow.Assessment) {
	var newest int64
	for i := range list {
		newest = max(newest, list[i].Updated)
	}
	w.replace(Revision).SetInt(newest)
	if len(list) == 0 {
		return
	}
	if !w.capture {
		list = w.withoutContent(list)
	}
	if w.asJSON {
		const usual = 512 // bytes of an assessment
		text := mlflow.AppendAssessments(make([]byte, 0, usual*len(list)), list)
		if _, jsonText := w.value(w.replace(Assessments), text, pyjson.NewScanner(text)); jsonText {
			w.marks = append(w.marks, Assessments)
		}
		return
	}
	before := w.stats.JSONText
	elements := w.replace(Assessments).SetEmptySlice()
	elements.EnsureCapacity(len(list))
	for _, a := range mlflow.ByCreation(list) {
		w.assessment(elements.AppendEmpty().SetEmptyMap(), &a)
	}
	if w.stats.JSONText > before {
		w.marks = append(w.marks, Assessments)
	}
}

// assessment writes what AppendAssessments would, as the value that its text stands for.
func (w *worker) assessment(dst pcommon.Map, a *mlflow.Assessment) {
	const depth = 2 // in a list
	m := object{w, &w.levels[depth]}
	m.level.builder.EnsureCapacity(10)
	m.string("assessment_id", a.ID)
	m.string("assessment_name", a.Name)
	m.string("trace_id", a.TraceID)
	m.optional("span_id", a.SpanID)
	source := m.nested("source", depth+1, 2)
	source.string("source_type", a.SourceType)
	source.optional("source_id", a.SourceID)
	source.end()
	m.time("create_time", a.Created)
	m.time("last_update_time", a.Updated)
	if a.Kind != "" {
		kind := m.nested(string(a.Kind), depth+1, 1)
		if a.Value != nil {
			name := "value"
			if a.Kind == mlflow.Issue {
				name = "issue_name"
			}
			s := pyjson.NewScanner(a.Value)
			w.decode(kind.add(name), &s, depth+2)
		}
		if a.Serialized != "" {
			serialized := kind.nested("serialized_value", depth+2, 2)
			serialized.string("serialization_format", "JSON_FORMAT")
			serialized.string("value", a.Serialized)
			serialized.end()
		}
		if a.Error != nil {
			failure := kind.nested("error", depth+2, 3)
			failure.string("error_code", a.Error.Code)
			failure.optional("error_message", a.Error.Message)
			failure.optional("stack_trace", a.Error.StackTrace)
			failure.end()
		}
		kind.end()
	}
	m.optional("rationale", a.Rationale)
	if len(a.Metadata) > 0 {
		metadata := m.nested("metadata", depth+1, len(a.Metadata))
		for _, kv := range a.Metadata {
			metadata.string(kv.Key, kv.Value)
		}
		metadata.end()
	}
	m.optional("overrides", a.Overrides)
	m.add("valid").SetBool(!a.Invalid)
	m.level.finish(dst)
}

// builder builds a map within a value.
type builder struct {
	object
	dst pcommon.Map
}

func (b builder) end() { b.level.finish(b.dst) }

type object struct {
	w     *worker
	level *members
}

func (o object) add(name string) pcommon.Value {
	v, repeated := o.level.add(pyjson.ValidString(name))
	if repeated {
		o.w.stats.DuplicateKeys++
	}
	return v
}

func (o object) nested(name string, depth, room int) builder {
	b := builder{object{o.w, &o.w.levels[depth]}, o.add(name).SetEmptyMap()}
	b.level.builder.EnsureCapacity(room)
	return b
}

func (o object) string(name, s string) { o.add(name).SetStr(pyjson.ValidString(s)) }

func (o object) optional(name, s string) {
	if s != "" {
		o.string(name, s)
	}
}

func (o object) time(name string, unixMilli int64) {
	o.add(name).SetStr(mlflow.FormatTime(unixMilli))
}
