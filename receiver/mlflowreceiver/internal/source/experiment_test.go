// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// ordinary adds a trace of an ordinary experiment.
func ordinary(w *databrickstest.Workspace, experiment, id string, n int, metadata string, file []byte) {
	w.AddOrdinaryTrace(
		json.RawMessage(
			fmt.Sprintf(
				`{"trace_id": %q, "trace_location": {"type": "MLFLOW_EXPERIMENT", `+
					`"mlflow_experiment": {"experiment_id": %q}}, "request_time": %q,
		"execution_duration": "0.5s", "state": "OK", "trace_metadata": {"mlflow.trace_schema.version": "3"%s}, `+
					`"tags": {"mlflow.traceName": "t"}}`,
				id, experiment, at.Add(time.Duration(n)*time.Second).Format(time.RFC3339), metadata)), file)
}

// file is the traces.json, of schema 3, of the trace whose id is the number n; it has one span.
func file(n int) []byte {
	return []byte(
		fmt.Sprintf(
			`{"spans": [{"trace_id": "%s", "span_id": "%s", "parent_span_id": "", "name": "span %d", `+
				`"start_time_unix_nano": 1, "end_time_unix_nano": 2,
		"status": {"code": "STATUS_CODE_OK"}, "attributes": `+
				`{"mlflow.spanInputs": "{\"q\": %d}"}}]}`, base64.StdEncoding.EncodeToString([]byte{15: byte(n)}),
			"AAAAAAAAAAE=", n, n))
}

// TestExperiment reads an ordinary experiment: by either search, its files through signed URLs,
// without the token ever leaving for the storage.
func TestExperiment(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*databrickstest.MLflowSwitches)
		long   int // searches by the long-running route
	}{
		{"v4", func(*databrickstest.MLflowSwitches) {}, 3},
		{"not rolled out", func(s *databrickstest.MLflowSwitches) { s.NoSearchV4 = true }, 1},
		{"not for experiments", func(s *databrickstest.MLflowSwitches) { s.NoExperimentSearchV4 = true }, 1},
		{"expired on the way", func(s *databrickstest.MLflowSwitches) { s.ExpiredURLs = 1 }, 3},
		{"with headers", func(s *databrickstest.MLflowSwitches) {
			s.URLHeaders = map[string]string{"X-Ms-Blob-Type": "BlockBlob"}
		}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := workspace(t)
			x := w.CreateExperiment("/plain", nil)
			for i := 1; i <= 5; i++ {
				ordinary(w, x, fmt.Sprintf("tr-%032x", i), i, "", file(i))
			}
			w.SetMLflow(c.change)
			s := settings(w)
			s.HTTP.Headers = configopaque.MapList{{Name: "X-Gateway-Key", Value: "secret"}}
			src := open(t, s)
			traces, skipped, order := read(t, src, mlflow.Range{ExperimentID: x}, 3)
			require.Empty(t, skipped)
			require.Len(t, traces, 5)
			require.True(t, slices.IsSorted(order))
			require.Equal(t, "span 4", traces["tr-"+hex(4)].Spans[0].Name)
			require.JSONEq(t, `{"q": 4}`, string(traces["tr-"+hex(4)].Spans[0].Attributes[0].Raw))
			require.Equal(t, c.long, w.Count(http.MethodPost, "/api/4.0/mlflow/traces/search-long-running"))
			require.NotEmpty(t, w.StorageRequests())
			for _, r := range w.StorageRequests() {
				require.Empty(t, r.Header.Get("Authorization"), "the token stays with the workspace")
				require.Empty(t, r.Header.Get("X-Gateway-Key"), "so does every configured header")
				require.NotEqual(t, http.StatusBadRequest, r.Status)
			}
		})
	}
}

// TestFilesThatCannotBeRead: each trace that can't be had has its reason.
func TestFilesThatCannotBeRead(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/plain", nil)
	id := func(i int) string { return "tr-" + hex(i) }
	for i := 1; i <= 7; i++ {
		ordinary(w, x, id(i), i, "", file(i))
	}
	w.RemoveFile(id(1), "traces.json")
	w.HideSpans(id(2))
	w.StoreFile(id(3), "traces.json", []byte("<html>"))
	w.StoreFile(id(4), "traces.json", []byte(`{"spans": [`))
	w.StoreFile(id(5), "traces.json", slices.Concat([]byte(`{"spans": ["`), bytes.Repeat([]byte("x"), 2<<20)))
	src := open(t, settings(w))
	traces, skipped, _ := read(t, src, mlflow.Range{ExperimentID: x}, 50)
	require.Len(t, traces, 2)
	reasons := map[string]mlflow.Reason{}
	for id, s := range skipped {
		reasons[id] = s.Reason
	}
	require.Equal(t, map[string]mlflow.Reason{id(1): mlflow.ReasonArtifactMissing, id(2): mlflow.ReasonNoSpans,
		id(3): mlflow.ReasonCorrupt, id(4): mlflow.ReasonCorrupt, id(5): mlflow.ReasonTooLarge}, reasons)

	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.ExpiredURLs = 100 })
	_, skipped, _ = read(t, src, mlflow.Range{ExperimentID: x}, 50)
	require.Equal(t, mlflow.ReasonUnreachable, skipped[id(6)].Reason)
	require.NotContains(t, skipped[id(6)].Detail, "Signature")
	w.NullTrace(id(7))
	found, err := src.Lookup(context.Background(), "", []string{id(7), id(6)})
	require.NoError(t, err)
	require.Len(t, found, 1, "trace: null is a trace that is not there")
}

// TestInferenceTable reads a trace whose id is that of a request to a model, from the inference
// table that its metadata names.
func TestInferenceTable(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/plain", nil)
	const id = "0b6a26c0-6b6c-4d53-9b3f-3f9c1c6f2a11"
	ordinary(w, x, id, 1, `, "mlflow.sourceTable": "main.serving.payload", "mlflow.databricksRequestId": "req-1"`,
		[]byte(`{"spans": [{"name": "served", "context": {"span_id": "0x000000000000000a",
		"trace_id": "0x0000000000000000000000000000000b"}, "parent_id": null, "start_time": 1, "end_time": 2, `+
			`"status_code": "OK", "status_message": "", "attributes": {}, "events": []}]}`))
	const lost = "0b6a26c0-6b6c-4d53-9b3f-3f9c1c6f2a12"
	ordinary(w, x, lost, 2, `, "mlflow.sourceTable": "main.serving.payload", "mlflow.databricksRequestId": "req-2"`,
		nil)
	traces, skipped, _ := read(t, open(t, settings(w)), mlflow.Range{ExperimentID: x}, 10)
	require.Equal(t, "served", traces[id].Spans[0].Name)
	require.Equal(t, [16]byte{15: 0xb}, traces[id].Spans[0].TraceID)
	require.Equal(t, mlflow.ReasonNoSpans, skipped[lost].Reason)
	require.Empty(t, w.StorageRequests())
}
