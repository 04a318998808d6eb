// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Experiment is a container of traces.
type Experiment struct {
	ID, Name, ArtifactLocation string
	Created                    int64 // milliseconds
	Deleted                    bool
}

// Trace is a trace as the server holds it.
type Trace struct {
	ID, ExperimentID    string
	Timestamp, Duration int64  // milliseconds
	Untimed             bool   // there is no duration
	State               string // OK, ERROR, IN_PROGRESS
	Tags, Metadata      map[string]string
	Assessments         []json.RawMessage

	// Artifact is the document of the artifact route; nil: the file of spans is missing.
	Artifact []byte
	// Typed is the list of spans in the form of get and batchGet; nil: the database has none, which
	// makes a batchGet that asks for it fail as a whole.
	Typed json.RawMessage
	// Partial marks a trace of which fewer spans are stored than its client announced: batchGet
	// leaves it out.
	Partial bool

	// InfoV3 and InfoV2 are the recorded infos; nil ones are made from the fields above.
	InfoV3, InfoV2 json.RawMessage
}

// AddExperiment adds experiments.
func (s *Server) AddExperiment(list ...Experiment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.experiments = append(s.experiments, list...)
}

// ChangeExperiment changes an experiment in place.
func (s *Server) ChangeExperiment(id string, f func(*Experiment)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.experiments {
		if s.experiments[i].ID == id {
			f(&s.experiments[i])
		}
	}
}

// Add adds traces, or replaces those of the same id.
func (s *Server) Add(list ...Trace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range list {
		s.traces[t.ID] = &t
	}
}

// Remove deletes traces.
func (s *Server) Remove(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.traces, id)
	}
}

// Change changes a trace in place.
func (s *Server) Change(id string, f func(*Trace)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.traces[id]; t != nil {
		c := *t
		f(&c)
		s.traces[id] = &c
	}
}

// Synthetic makes the i-th trace of an experiment for this server's version: ten milliseconds after
// the one before, with that many spans and about that many bytes of inputs in each. Servers from
// 3.6 on keep its spans in the database, older ones in an artifact.
func (s *Server) Synthetic(experiment string, i, spans, payload int) Trace {
	raw := fmt.Sprintf("%016x%016x", uint64(i+1)*0x9e3779b97f4a7c15, i+1)
	t := Trace{
		ID: "tr-" + raw, ExperimentID: experiment, Timestamp: 1_700_000_000_000 + int64(i)*10, Duration: 7, State: "OK",
		Tags: map[string]string{"mlflow.traceName": fmt.Sprintf("trace %d", i),
			"mlflow.artifactLocation": "mlflow-artifacts:/" + experiment + "/traces/tr-" + raw + "/artifacts"},
		Metadata: map[string]string{"mlflow.trace_schema.version": "3"},
	}
	if !s.since(3, 2) {
		t.ID = raw
		t.Metadata["mlflow.trace_schema.version"] = "2"
	}
	text := strings.Repeat("lorem ipsum ", payload/12+1)[:payload]
	var artifact, typed []any
	for n := range spans {
		start := t.Timestamp*1e6 + int64(n)*1000
		trace, id := encode(raw), encode(fmt.Sprintf("%016x", uint64(i)<<20+uint64(n)+1))
		c := map[string]any{
			"trace_id": trace, "span_id": id, "parent_span_id": nil, "name": fmt.Sprintf("span %d", n),
			"start_time_unix_nano": start, "end_time_unix_nano": start + 5_000_000,
			"status": map[string]string{"code": "STATUS_CODE_OK", "message": ""}, "events": []any{}, "links": []any{},
			"attributes": map[string]string{
				"mlflow.spanType": `"CHAIN"`, "mlflow.traceRequestId": quote(t.ID), "mlflow.spanInputs": `{"text": ` +
					quote(text) + `, "n": ` + strconv.Itoa(n) + `}`,
			},
		}
		d := maps.Clone(c)
		delete(d, "parent_span_id")
		d["status"] = map[string]string{"code": "STATUS_CODE_OK"}
		d["attributes"] = []any{
			attribute("mlflow.spanType", map[string]any{"string_value": "CHAIN"}),
			attribute("mlflow.traceRequestId", map[string]any{"string_value": t.ID}),
			attribute("mlflow.spanInputs", map[string]any{"kvlist_value": map[string]any{"values": []any{
				attribute("text", map[string]any{"string_value": text}), attribute("n", map[string]any{"int_value": n}),
			}}}),
		}
		delete(d, "links")
		delete(d, "events")
		if n > 0 {
			root := encode(fmt.Sprintf("%016x", uint64(i)<<20+1))
			c["parent_span_id"], d["parent_span_id"] = root, root
		}
		artifact, typed = append(artifact, c), append(typed, d)
	}
	t.Artifact = marshal(map[string]any{"spans": artifact})
	if s.since(3, 2) {
		t.Metadata["mlflow.trace.sizeBytes"] = strconv.Itoa(len(t.Artifact))
		t.Metadata["mlflow.trace.sizeStats"] = fmt.Sprintf(`{"total_size_bytes": %d, "num_spans": %d}`,
			len(t.Artifact), spans)
	}
	if s.since(3, 6) {
		t.Typed = marshal(typed)
		t.Tags["mlflow.trace.spansLocation"] = "TRACKING_STORE"
	}
	if s.since(3, 12) {
		t.Metadata["mlflow.trace.infoFinalized"] = "true"
	}
	return t
}

func attribute(key string, value any) map[string]any {
	return map[string]any{"key": key, "value": value}
}

// encode turns hex into the base64 of the wire.
func encode(hex string) string {
	var raw []byte
	if _, err := fmt.Sscanf(hex, "%x", &raw); err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func quote(s string) string { return string(marshal(s)) }

func marshal(v any) []byte {
	doc, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return doc
}

// element is the trace as an element of batchGet.
func (t *Trace) element() any {
	return map[string]any{"trace_info": t.infoV3(), "spans": t.Typed}
}

func (t *Trace) infoV3() json.RawMessage {
	if t.InfoV3 != nil {
		return t.InfoV3
	}
	info := map[string]any{
		"trace_id": t.ID,
		"trace_location": map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]string{"experiment_id": t.ExperimentID}},
		"request_time": time.UnixMilli(t.Timestamp).UTC().Format("2006-01-02T15:04:05.000Z"),
		"state":        t.State,
	}
	if !t.Untimed {
		info["execution_duration"] = fmt.Sprintf("%gs", float64(t.Duration)/1000)
	}
	if len(t.Tags) > 0 {
		info["tags"] = t.Tags
	}
	if len(t.Metadata) > 0 {
		info["trace_metadata"] = t.Metadata
	}
	if len(t.Assessments) > 0 {
		info["assessments"] = t.Assessments
	}
	return marshal(info)
}

func (t *Trace) infoV2() json.RawMessage {
	if t.InfoV2 != nil {
		return t.InfoV2
	}
	return marshal(map[string]any{
		"request_id": t.ID, "experiment_id": t.ExperimentID, "timestamp_ms": t.Timestamp,
		"execution_time_ms": t.Duration, "status": t.State,
		"request_metadata": pairs(t.Metadata), "tags": pairs(t.Tags),
	})
}

func pairs(m map[string]string) []map[string]string {
	list := []map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, map[string]string{"key": k, "value": m[k]})
	}
	return list
}
