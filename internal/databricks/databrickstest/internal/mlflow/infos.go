// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// TraceInfo is what searches and single requests show of a trace, in Unity Catalog or in an
// ordinary experiment.
type TraceInfo struct {
	ID              string            `json:"trace_id"`
	ClientRequestID string            `json:"client_request_id,omitempty"`
	Location        map[string]any    `json:"trace_location,omitempty"`
	RequestPreview  string            `json:"request_preview,omitempty"`
	ResponsePreview string            `json:"response_preview,omitempty"`
	RequestTime     string            `json:"request_time,omitempty"`
	Duration        string            `json:"execution_duration,omitempty"`
	State           string            `json:"state,omitempty"`
	Metadata        map[string]string `json:"trace_metadata,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	Assessments     []map[string]any  `json:"assessments,omitempty"`

	start time.Time
	spans []catalog.Row
}

// TraceInfos returns the infos of a location (catalog.schema.prefix) as searches show them, oldest
// first.
func (w *MLflow) TraceInfos(location string) []json.RawMessage {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l := w.findLocation(location)
	if l == nil {
		return nil
	}
	var out []json.RawMessage
	for _, i := range w.infos(l) {
		doc, _ := json.Marshal(i)
		out = append(out, doc)
	}
	return out
}

var bareID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// postInfo takes what a client says of a trace, before its spans or after them.
func (w *MLflow) postInfo(rw http.ResponseWriter, r *http.Request) {
	var ask TraceInfo
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l, f := w.place(r, true)
	if f != nil {
		f.Send(rw)
		return
	}
	id := r.PathValue("id")
	start, err := time.Parse(time.RFC3339Nano, ask.RequestTime)
	switch {
	case !bareID.MatchString(id) || ask.ID != id:
		server.Invalid("The trace id %q of the body is not the bare id of the path, %q", ask.ID, id).Send(rw)
		return
	case err != nil:
		server.Invalid("request_time is no time").Send(rw)
		return
	}
	who := server.Caller(r).Name
	l.posted[id] = &postedInfo{start: start, duration: ask.Duration, state: ask.State}
	w.annotate(l, note{trace: id, kind: "METADATA", name: "metadata", who: who, value: map[string]any{
		"client_request_id": orNil(ask.ClientRequestID), "trace_metadata": anyMap(ask.Metadata),
		"request_preview":  orNil(ask.RequestPreview),
		"response_preview": orNil(ask.ResponsePreview),
	}})
	for _, k := range slices.Sorted(maps.Keys(ask.Tags)) {
		w.annotate(l, note{trace: id, kind: "TAG", name: k, value: ask.Tags[k], who: who})
	}
	for _, a := range ask.Assessments {
		if _, f := w.addAssessment(l, id, who, a); f != nil {
			f.Send(rw)
			return
		}
	}
	ask.Location = l.wire()
	server.Answer(rw, http.StatusOK, ask)
}

func (w *MLflow) getInfo(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
		t.send(rw)
		return
	}
	l, f := w.place(r, false)
	if f == nil {
		f = w.running(r)
	}
	if f != nil {
		f.Send(rw)
		return
	}
	for _, i := range w.infos(l) {
		if i.ID == r.PathValue("id") {
			server.Answer(rw, http.StatusOK, map[string]any{"trace": map[string]any{"trace_info": i}})
			return
		}
	}
	server.NotFound("Trace with ID %s not found in %s.", r.PathValue("id"), l).Send(rw)
}

// The rest of this file is under the lock.

// infos makes the infos of a location out of its rows: a trace shows with its root span, or with
// what a client posted. The oldest comes first.
func (w *MLflow) infos(l *traceLocation) []*TraceInfo {
	found := map[string]*TraceInfo{}
	spans := map[string][]catalog.Row{}
	for _, row := range w.RowsAt(l.Table(unity.SignalSpans, l.layout).String(), w.Now()) {
		id, _ := row["trace_id"].(string)
		spans[id] = append(spans[id], row)
		if parent, _ := row["parent_span_id"].(string); parent == "" && found[id] == nil {
			found[id] = ofRoot(id, row)
		}
	}
	for id, p := range l.posted {
		i := found[id]
		if i == nil {
			i = &TraceInfo{ID: id, start: p.start, Duration: p.duration}
			found[id] = i
		}
		i.State = cmp.Or(p.state, i.State)
		i.Duration = cmp.Or(i.Duration, p.duration)
	}
	for _, n := range w.annotationsOf(l) {
		i := found[traceOf(n)]
		if i == nil {
			continue
		}
		i.annotated(n, l)
	}
	out := make([]*TraceInfo, 0, len(found))
	for id, i := range found {
		i.spans = spans[id]
		i.Location = l.wire()
		i.start = i.start.Truncate(time.Millisecond)
		i.RequestTime = i.start.UTC().Format("2006-01-02T15:04:05.000Z")
		out = append(out, i)
	}
	slices.SortFunc(out, byTime)
	return out
}

func byTime(a, b *TraceInfo) int {
	return cmp.Or(a.start.Compare(b.start), strings.Compare(a.ID, b.ID))
}

// ofRoot is the info that a root span alone makes.
func ofRoot(id string, row catalog.Row) *TraceInfo {
	start, end := integer(row["start_time_unix_nano"]), integer(row["end_time_unix_nano"])
	i := &TraceInfo{ID: id, start: time.Unix(0, start), State: "OK", Metadata: map[string]string{},
		Tags: map[string]string{}}
	ms := (end - start) / 1e6
	i.Duration = strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) + "s"
	status, _ := row["status"].(map[string]any)
	if status["code"] == "STATUS_CODE_ERROR" {
		i.State = "ERROR"
	}
	attributes, _ := row["attributes"].(map[string]any)
	i.RequestPreview = preview(attributes, "mlflow.spanInputs", "input.value")
	i.ResponsePreview = preview(attributes, "mlflow.spanOutputs", "output.value")
	if name, _ := row["name"].(string); name != "" {
		i.Tags["mlflow.traceName"] = name
	}
	return i
}

// preview is the text of the first attribute that is there.
func preview(attributes map[string]any, keys ...string) string {
	for _, k := range keys {
		if v, ok := attributes[k]; ok && v != nil {
			if s, ok := v.(string); ok {
				return s
			}
			doc, _ := json.Marshal(v)
			return string(doc)
		}
	}
	return ""
}

// annotated adds what an annotation says.
func (i *TraceInfo) annotated(n catalog.Row, l *traceLocation) {
	switch n["annotation_type"] {
	case "METADATA":
		value, _ := n["value"].(map[string]any)
		i.ClientRequestID = cmp.Or(server.Text(value["client_request_id"]), i.ClientRequestID)
		i.RequestPreview = cmp.Or(server.Text(value["request_preview"]), i.RequestPreview)
		i.ResponsePreview = cmp.Or(server.Text(value["response_preview"]), i.ResponsePreview)
		metadata, _ := value["trace_metadata"].(map[string]any)
		if i.Metadata == nil {
			i.Metadata = map[string]string{}
		}
		for k, v := range metadata {
			i.Metadata[k] = server.Text(v)
		}
	case "TAG":
		if i.Tags == nil {
			i.Tags = map[string]string{}
		}
		i.Tags[server.Text(n["name"])] = server.Text(n["value"])
	case "FEEDBACK", "EXPECTATION":
		i.Assessments = append(i.Assessments, assessmentOf(n, l))
	}
}

func integer(v any) int64 {
	n, _ := v.(int64)
	return n
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func anyMap(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}
