// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// batchGet answers with whole traces. Ids that are not known are left out without a word.
func (w *MLflow) batchGet(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if t := w.exceeded(&w.mlflow.downloads, w.mlflow.switches.DownloadsPerSecond); t != nil {
		t.send(rw)
		return
	}
	q := r.URL.Query()
	l, f := w.place(r, false)
	if f == nil {
		f = w.running(r)
	}
	ids := q["trace_ids"]
	if limit := w.mlflow.switches.BatchSize; f == nil && len(ids) > limit {
		f = server.Invalid("At most %d traces can be fetched at a time, got %d", limit, len(ids))
	}
	if f != nil {
		f.Send(rw)
		return
	}
	infos := map[string]*TraceInfo{}
	for _, i := range w.infos(l) {
		infos[i.ID] = i
	}
	traces := []any{}
	for _, id := range ids {
		i := infos[id]
		if i == nil {
			continue
		}
		switch w.mlflow.odd[id] {
		case oddAbsent:
		case oddNull:
			traces = append(traces, nil)
		case oddNoSpans:
			traces = append(traces, map[string]any{"trace_info": i})
		default:
			spans := []any{}
			for _, row := range i.spans {
				spans = append(spans, protoSpan(row, w.mlflow.switches.IntegersAsNumbers))
			}
			traces = append(traces, map[string]any{"trace_info": i, "spans": spans})
		}
	}
	server.Answer(rw, http.StatusOK, map[string]any{"traces": traces})
}

// Spans returns the spans of a trace in a location as batchGet shows them.
func (w *MLflow) Spans(location, trace string) []json.RawMessage {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l := w.findLocation(location)
	if l == nil {
		return nil
	}
	var out []json.RawMessage
	for _, row := range w.RowsAt(l.Table(unity.SignalSpans, l.layout).String(), w.Now()) {
		if row["trace_id"] == trace {
			doc, _ := json.Marshal(protoSpan(row, false))
			out = append(out, doc)
		}
	}
	return out
}

// protoSpan is a row in the JSON form of protobuf: ids in base64, 64-bit integers as strings, names
// of fields as in the .proto file.
func protoSpan(row catalog.Row, numbers bool) map[string]any {
	p := proto{numbers}
	out := map[string]any{
		"trace_id": p.id(row["trace_id"]), "span_id": p.id(row["span_id"]), "name": row["name"],
		"start_time_unix_nano": p.integer(integer(row["start_time_unix_nano"])),
		"end_time_unix_nano":   p.integer(integer(row["end_time_unix_nano"])),
	}
	if parent := server.Text(row["parent_span_id"]); parent != "" {
		out["parent_span_id"] = p.id(parent)
	}
	if state := server.Text(row["trace_state"]); state != "" {
		out["trace_state"] = state
	}
	if kind := server.Text(row["kind"]); kind != "" && kind != "SPAN_KIND_UNSPECIFIED" {
		out["kind"] = kind
	}
	p.count(out, row, "flags", "dropped_attributes_count", "dropped_events_count", "dropped_links_count")
	p.attributes(out, row)
	status, _ := row["status"].(map[string]any)
	shown := map[string]any{}
	if code := server.Text(status["code"]); code != "" && code != "STATUS_CODE_UNSET" {
		shown["code"] = code
	}
	if message := server.Text(status["message"]); message != "" {
		shown["message"] = message
	}
	out["status"] = shown
	var events, links []any
	for _, e := range list(row["events"]) {
		event := map[string]any{"name": e["name"], "time_unix_nano": p.integer(integer(e["time_unix_nano"]))}
		p.attributes(event, e)
		p.count(event, e, "dropped_attributes_count")
		events = append(events, event)
	}
	for _, l := range list(row["links"]) {
		link := map[string]any{"trace_id": p.id(l["trace_id"]), "span_id": p.id(l["span_id"])}
		if state := server.Text(l["trace_state"]); state != "" {
			link["trace_state"] = state
		}
		p.attributes(link, l)
		p.count(link, l, "dropped_attributes_count", "flags")
		links = append(links, link)
	}
	if events != nil {
		out["events"] = events
	}
	if links != nil {
		out["links"] = links
	}
	return out
}

type proto struct{ numbers bool }

func (proto) id(v any) string {
	raw, _ := hex.DecodeString(server.Text(v))
	return base64.StdEncoding.EncodeToString(raw)
}

func (p proto) integer(n int64) any {
	if p.numbers {
		return n
	}
	return strconv.FormatInt(n, 10)
}

func (proto) count(out, row map[string]any, names ...string) {
	for _, name := range names {
		if n := integer(row[name]); n != 0 {
			out[name] = n
		}
	}
}

func (p proto) attributes(out, row map[string]any) {
	attributes, _ := row["attributes"].(map[string]any)
	if len(attributes) > 0 {
		out["attributes"] = p.pairs(attributes)
	}
}

func (p proto) pairs(m map[string]any) []any {
	out := []any{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, map[string]any{"key": k, "value": p.value(m[k])})
	}
	return out
}

// value is an AnyValue.
func (p proto) value(v any) map[string]any {
	switch v := v.(type) {
	case string:
		return map[string]any{"string_value": v}
	case bool:
		return map[string]any{"bool_value": v}
	case int64:
		return map[string]any{"int_value": p.integer(v)}
	case float64:
		switch {
		case math.IsNaN(v):
			return map[string]any{"double_value": "NaN"}
		case math.IsInf(v, 1):
			return map[string]any{"double_value": "Infinity"}
		case math.IsInf(v, -1):
			return map[string]any{"double_value": "-Infinity"}
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0" // as protobuf writes doubles; without it a negative zero would be lost
		}
		return map[string]any{"double_value": json.RawMessage(text)}
	case []any:
		values := []any{}
		for _, e := range v {
			values = append(values, p.value(e))
		}
		return map[string]any{"array_value": map[string]any{"values": values}}
	case map[string]any:
		return map[string]any{"kvlist_value": map[string]any{"values": p.pairs(v)}}
	}
	return map[string]any{}
}

// list reads a column of structs.
func list(v any) []map[string]any {
	elements, _ := v.([]any)
	var out []map[string]any
	for _, e := range elements {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
