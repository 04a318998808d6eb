// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// prose is text of so many bytes, with as many characters outside ASCII as text of people has.
func prose(size int) string {
	const sentence = "The parcel to Zürich – 12 € – waits; a courier takes it today, before noon, to another address. "
	return strings.ToValidUTF8(strings.Repeat(sentence, size/len(sentence)+1)[:size], "")
}

// jsonText is the JSON text of a value.
func jsonText(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

type object = map[string]any

// agentSpans are the documents of the spans of trace number n, as MLflow 3.17 stores them: an agent
// and what it calls, three to five spans of 2.4 kB.
func agentSpans(t testing.TB, n int, trace string) (docs []string) {
	t.Helper()
	id := func(size, number int) string {
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, size-8), uint64(number)))
	}
	usage := object{"input_tokens": 300 + n, "output_tokens": 80, "total_tokens": 380 + n}
	message := func(role string, size int) object { return object{"role": role, "content": prose(size)} }
	page := func(k int) object {
		uri := object{"doc_uri": fmt.Sprintf("https://help.example.com/%d", k), "score": 0.5 + float64(k)/10}
		return object{"page_content": prose(560), "metadata": uri, "id": strconv.Itoa(k)}
	}
	for k, name := range []string{"agent", "retrieve", "chat", "lookup", "answer"}[:3+n%3] {
		kind, inputs, outputs := "TOOL", any(object{"query": prose(260)}), any(prose(950))
		attributes := object{}
		switch name {
		case "agent":
			kind, inputs, outputs = "AGENT", object{"question": prose(430)}, object{"answer": prose(780)}
		case "retrieve":
			kind, outputs = "RETRIEVER", []any{page(0), page(1), page(2)}
		case "chat", "answer":
			kind = "CHAT_MODEL"
			messages := []any{message("system", 430), message("user", 600)}
			choice := object{"index": 0, "message": message("assistant", 520), "finish_reason": "stop"}
			inputs = object{"model": "gpt-4o-mini", "messages": messages}
			outputs = object{"choices": []any{choice}, "usage": usage}
			attributes = object{
				"mlflow.chat.tokenUsage": usage, "mlflow.llm.model": "gpt-4o-mini", "mlflow.llm.provider": "openai",
				"temperature": 0.2, "mlflow.llm.cost": object{"input_cost": 4.71e-05, "output_cost": 4.8e-05,
					"total_cost": 9.51e-05},
			}
		}
		attributes["mlflow.spanStartTimeNs"] = 1767225859200123457
		attributes["mlflow.traceRequestId"], attributes["mlflow.spanType"] = trace, kind
		attributes["mlflow.spanInputs"], attributes["mlflow.spanOutputs"] = inputs, outputs
		for key, value := range attributes {
			attributes[key] = jsonText(t, value)
		}
		doc := object{
			"trace_id": id(16, n+1), "span_id": id(8, 16*n+k+1), "parent_span_id": nil, "name": name,
			"start_time_unix_nano": 1767225859200123457 + k, "end_time_unix_nano": 1767225859300123457,
			"events": []any{},
			"status": object{"code": "STATUS_CODE_OK", "message": ""}, "attributes": attributes,
		}
		if k > 0 {
			doc["parent_span_id"] = id(8, 16*n+1)
		}
		docs = append(docs, jsonText(t, doc))
	}
	return docs
}

// agentStore makes a store of n traces of an agent in experiment 1: 4 spans with 9.5 kB of content,
// 4 tags, 11 rows of metadata and 1.5 assessments in each, on average. These are the proportions of
// the store of bench/backfill.
func agentStore(t testing.TB, n int) string {
	t.Helper()
	path := placeStore(t, "sample")
	change(t, path, "DELETE FROM assessments", "DELETE FROM spans", "DELETE FROM trace_tags",
		"DELETE FROM trace_request_metadata", "DELETE FROM trace_info")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	insert := func(text string, args ...any) {
		_, err := tx.ExecContext(t.Context(), "INSERT INTO "+text, args...)
		require.NoError(t, err)
	}
	for i := range n {
		id, at := fmt.Sprintf("tr-%032x", i+1), 1767225859200+int64(i)
		insert(`trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, status, request_preview, `+
			`response_preview,
			trace_name, session_id, input_tokens, output_tokens, total_tokens) VALUES (?, 1, ?, 167, 'OK', ?, ?, `+
			`'agent', ?, 628, 160, 788)`,
			id, at, prose(450), prose(800), fmt.Sprintf("session %d", i%12))
		for key, value := range map[string]string{
			mlflow.TagArtifactLocation: "mlflow-artifacts:/1/traces/" + id + "/artifacts",
			mlflow.TagSpansLocation:    mlflow.SpansInStore, "channel": "web", "team": "support",
		} {
			insert("trace_tags (request_id, key, value) VALUES (?, ?, ?)", id, key, value)
		}
		for key, value := range map[string]string{
			"mlflow.source.git.branch": "main", "mlflow.source.git.commit": "4f2c", "mlflow.source.name": "agent.py",
			"mlflow.source.type": "LOCAL", "mlflow.trace.infoFinalized": "true", "mlflow.trace.sizeBytes": "9500",
			"mlflow.trace.sizeStats": `{"total_size_bytes": 9500, "num_spans": 4, "max": 3243, "p25": 2014, "p50": ` +
				`2864, "p75": 2898}`,
			"mlflow.trace.user": "user-14", "mlflow.traceInputs": prose(250), "mlflow.traceOutputs": prose(250),
			"mlflow.trace_schema.version": "3", "mlflow.user": "ann",
		} {
			insert("trace_request_metadata (request_id, key, value) VALUES (?, ?, ?)", id, key, value)
		}
		for k := range 1 + i%2 {
			insert(`assessments (assessment_id, trace_id, name, assessment_type, value, created_timestamp, `+
				`last_updated_timestamp,
				source_type, source_id, rationale, valid) VALUES (?, ?, 'helpful', 'feedback', 'true', ?, ?, `+
				`'HUMAN', 'agent-1', ?, 1)`,
				fmt.Sprintf("a-%s-%d", id, k), id, at, at, prose(100))
		}
		for k, doc := range agentSpans(t, i, id) {
			parent := sql.NullString{String: "root", Valid: k > 0}
			insert(`spans (trace_id, experiment_id, span_id, parent_span_id, status, start_time_unix_nano, content)
				VALUES (?, 1, ?, ?, 'OK', ?, ?)`, id, strconv.Itoa(k), parent, k, doc)
		}
	}
	require.NoError(t, tx.Commit())
	return path
}

// TestAllocations holds how much memory a trace takes to be read, decoded and converted.
func TestAllocations(t *testing.T) {
	const traces, maxAllocations, maxBytes = 480, 275, 40_000
	s := open(t, agentStore(t, traces))
	converter := genai.NewConverter(genai.Options{CaptureContent: true})
	read := func() (spans, size int) {
		infos, err := s.Infos(t.Context(), mlflow.Range{ExperimentID: "1"}, mlflow.Position{}, traces)
		require.NoError(t, err)
		require.Len(t, infos, traces)
		const batch = 25
		td := ptrace.NewTraces()
		require.NoError(t,
			s.Traces(context.Background(), infos, func(i int, trace *mlflow.Trace, skip *mlflow.Skip) error {
				if skip != nil {
					return skip
				}
				if i%batch == 0 {
					td = ptrace.NewTraces()
				}
				spans += converter.Append(td, mlflow.Experiment{ID: "1", Name: "agent"}, trace).Spans
				size += trace.Size
				return nil
			}))
		return spans, size
	}
	spans, size := read() // the first time makes statements and buffers
	require.Equal(t, 4*traces, spans)
	require.InEpsilon(t, 9500*traces, size, 0.05)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	allocations := float64(after.Mallocs-before.Mallocs) / traces
	bytes := float64(after.TotalAlloc-before.TotalAlloc) / traces
	t.Logf("%.0f allocations and %.1f kB for each trace", allocations, bytes/1000)
	require.LessOrEqual(t, allocations, float64(maxAllocations))
	require.LessOrEqual(t, bytes, float64(maxBytes))
}
