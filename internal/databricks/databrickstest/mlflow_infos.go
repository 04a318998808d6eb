package databrickstest

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

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// traceInfo is what searches and single requests show of a trace, in Unity Catalog or in an ordinary experiment.
type traceInfo struct {
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
	spans []Row // that filters look at
}

// TraceInfos returns the infos of a location (catalog.schema.prefix) as searches show them, oldest first.
func (w *Workspace) TraceInfos(location string) []json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
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
func (w *Workspace) postInfo(rw http.ResponseWriter, r *http.Request) {
	var ask traceInfo
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l, f := w.place(r, true)
	if f != nil {
		f.send(rw)
		return
	}
	id := r.PathValue("id")
	start, err := time.Parse(time.RFC3339Nano, ask.RequestTime)
	switch {
	case !bareID.MatchString(id) || ask.ID != id:
		invalid("The trace id %q of the body is not the bare id of the path, %q", ask.ID, id).send(rw)
		return
	case err != nil:
		invalid("request_time is no time").send(rw)
		return
	}
	who := caller(r).Name
	l.posted[id] = &postedInfo{start: start, duration: ask.Duration, state: ask.State}
	w.annotate(l, note{trace: id, kind: "METADATA", name: "metadata", who: who, value: map[string]any{
		"client_request_id": orNil(ask.ClientRequestID), "trace_metadata": anyMap(ask.Metadata), "request_preview": orNil(ask.RequestPreview),
		"response_preview": orNil(ask.ResponsePreview),
	}})
	for _, k := range slices.Sorted(maps.Keys(ask.Tags)) {
		w.annotate(l, note{trace: id, kind: "TAG", name: k, value: ask.Tags[k], who: who})
	}
	for _, a := range ask.Assessments {
		if _, f := w.addAssessment(l, id, who, a); f != nil {
			f.send(rw)
			return
		}
	}
	ask.Location = l.wire()
	answer(rw, http.StatusOK, ask)
}

func (w *Workspace) getInfo(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
		t.send(rw)
		return
	}
	l, f := w.place(r, false)
	if f == nil {
		f = w.running(r)
	}
	if f != nil {
		f.send(rw)
		return
	}
	for _, i := range w.infos(l) {
		if i.ID == r.PathValue("id") {
			answer(rw, http.StatusOK, map[string]any{"trace": map[string]any{"trace_info": i}})
			return
		}
	}
	notFound("Trace with ID %s not found in %s.", r.PathValue("id"), l).send(rw)
}

// The rest of this file is under the lock.

// infos makes the infos of a location out of its rows: a trace shows with its root span, or with what a client posted. The oldest comes first.
func (w *Workspace) infos(l *traceLocation) []*traceInfo {
	found := map[string]*traceInfo{}
	spans := map[string][]Row{}
	for _, row := range w.rows(l.Table(unity.Spans, l.layout).String(), w.now()) {
		id, _ := row["trace_id"].(string)
		spans[id] = append(spans[id], row)
		if parent, _ := row["parent_span_id"].(string); parent == "" && found[id] == nil {
			found[id] = ofRoot(id, row)
		}
	}
	for id, p := range l.posted {
		i := found[id]
		if i == nil {
			i = &traceInfo{ID: id, start: p.start, Duration: p.duration}
			found[id] = i
		}
		i.State = cmp.Or(p.state, i.State)
		i.Duration = cmp.Or(i.Duration, p.duration)
	}
	for _, n := range w.annotationsOf(l) {
		i := found[n.trace()]
		if i == nil {
			continue
		}
		i.annotated(n, l)
	}
	out := make([]*traceInfo, 0, len(found))
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

func byTime(a, b *traceInfo) int {
	return cmp.Or(a.start.Compare(b.start), strings.Compare(a.ID, b.ID))
}

// ofRoot is the info that a root span alone makes.
func ofRoot(id string, row Row) *traceInfo {
	start, end := integer(row["start_time_unix_nano"]), integer(row["end_time_unix_nano"])
	i := &traceInfo{ID: id, start: time.Unix(0, start), State: "OK", Metadata: map[string]string{}, Tags: map[string]string{}}
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
func (i *traceInfo) annotated(n Row, l *traceLocation) {
	switch n["annotation_type"] {
	case "METADATA":
		value, _ := n["value"].(map[string]any)
		i.ClientRequestID = cmp.Or(str(value["client_request_id"]), i.ClientRequestID)
		i.RequestPreview = cmp.Or(str(value["request_preview"]), i.RequestPreview)
		i.ResponsePreview = cmp.Or(str(value["response_preview"]), i.ResponsePreview)
		metadata, _ := value["trace_metadata"].(map[string]any)
		if i.Metadata == nil {
			i.Metadata = map[string]string{}
		}
		for k, v := range metadata {
			i.Metadata[k] = str(v)
		}
	case "TAG":
		if i.Tags == nil {
			i.Tags = map[string]string{}
		}
		i.Tags[str(n["name"])] = str(n["value"])
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
