// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

const testdata = "../../../testdata/"

// expected is what MLflow's own client returns; see test/py/expected.py.
type expected struct {
	ExperimentID string `json:"experiment_id"`
	TraceID      string `json:"trace_id"`
	Info         struct {
		RequestTime     int64             `json:"request_time_ms"`
		Duration        int64             `json:"duration_ms"`
		State           string            `json:"state"`
		ClientRequestID string            `json:"client_request_id"`
		RequestPreview  string            `json:"request_preview"`
		ResponsePreview string            `json:"response_preview"`
		Metadata, Tags  map[string]string `json:",omitempty"`
	} `json:"info"`
	Spans []struct {
		TraceID    string `json:"trace_id"`
		SpanID     string `json:"span_id"`
		ParentID   string `json:"parent_id"`
		Name       string
		StartNs    int64 `json:"start_ns"`
		EndNs      int64 `json:"end_ns"`
		Status     struct{ Code, Message string }
		Attributes json.RawMessage
		Events     []struct {
			Name       string
			Time       int64 `json:"time_ns"`
			Attributes json.RawMessage
		}
		Links []struct {
			TraceID    string `json:"trace_id"`
			SpanID     string `json:"span_id"`
			Attributes json.RawMessage
		}
	}
	Assessments []struct {
		ID, Name, Kind string
		Value          json.RawMessage
		Error          *struct {
			Code, Message string
			StackTrace    string `json:"stack_trace"`
		}
		Source    struct{ Type, ID string }
		Rationale string
		SpanID    string `json:"span_id"`
		Overrides string
		Metadata  map[string]string
		Valid     *bool
		Created   int64 `json:"create_time_ms"`
		Updated   int64 `json:"last_update_time_ms"`
	}
}

// readExpected reads a list of expected traces of a store that was placed in dir.
func readExpected(t *testing.T, path, dir string) map[string]expected {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(f)
		require.NoError(t, err)
	}
	all := map[string]expected{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e expected
			line = bytes.ReplaceAll(line, []byte("/STORE_DIR"), []byte(filepath.ToSlash(dir)))
			require.NoError(t, json.Unmarshal(line, &e))
			all[e.TraceID] = e
		}
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
	}
}

// canonical is the value that both a stored text and the client's value stand for.
func canonical(raw []byte) string {
	out, err := pyjson.AppendCanonical(nil, raw, false)
	if err != nil {
		out = pyjson.AppendString(nil, raw)
	}
	return string(out)
}

// clientAttributes returns the attributes in order as key: canonical value.
func clientAttributes(t *testing.T, object []byte) []string {
	text := string(object)
	for _, f := range []string{"NaN", "Infinity", "-Infinity"} {
		text = strings.ReplaceAll(text, `{"$float": "`+f+`"}`, f)
	}
	s := pyjson.NewScanner([]byte(text))
	list := []string{}
	for s.Open(pyjson.KindObject); s.NextMember(); {
		key := string(s.Key())
		list = append(list, key+": "+canonical(s.Skip()))
	}
	require.NoError(t, s.Err())
	return list
}

func attributes(list []mlflow.Attribute) []string {
	out := []string{}
	for _, a := range list {
		out = append(out, a.Key+": "+canonical(a.Raw))
	}
	return out
}

func mapOf(list []mlflow.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		m[kv.Key] = kv.Value
	}
	return m
}

func requireEqualTrace(t *testing.T, want expected, got *mlflow.Trace) {
	t.Helper()
	require.Equal(t, want.ExperimentID, got.Info.ExperimentID)
	require.Equal(t, want.Info.RequestTime, got.Info.Timestamp)
	require.Equal(t, want.Info.Duration, got.Info.Duration)
	require.Equal(t, strings.TrimPrefix(want.Info.State, "STATE_UNSPECIFIED"), string(got.Info.State))
	require.Equal(t, want.Info.ClientRequestID, got.Info.ClientRequestID)
	metadata, tags := mapOf(got.Info.Metadata), mapOf(got.Info.Tags)
	require.Equal(t, want.Info.Metadata, metadata)
	require.Equal(t, want.Info.Tags, tags)
	if got.Info.RequestPreview == "" && want.Info.RequestPreview == metadata["mlflow.traceInputs"] {
		// the clients of 3.0 and 3.1 answer with the metadata, since their servers have no previews
		want.Info.RequestPreview = ""
	}
	if got.Info.ResponsePreview == "" && want.Info.ResponsePreview == metadata["mlflow.traceOutputs"] {
		want.Info.ResponsePreview = ""
	}
	require.Equal(t, want.Info.RequestPreview, got.Info.RequestPreview)
	require.Equal(t, want.Info.ResponsePreview, got.Info.ResponsePreview)
	require.Len(t, got.Spans, len(want.Spans))
	for i, w := range want.Spans {
		g := got.Spans[i]
		require.Equal(t, w.TraceID, hex.EncodeToString(g.TraceID[:]), w.Name)
		require.Equal(t, w.SpanID, hex.EncodeToString(g.ID[:]), w.Name)
		parent := ""
		if g.Parent != [8]byte{} {
			parent = hex.EncodeToString(g.Parent[:])
		}
		require.Equal(t, w.ParentID, parent)
		require.Equal(t, w.Name, g.Name)
		require.Equal(t, w.StartNs, g.Start)
		require.Equal(t, w.EndNs, g.End)
		require.Equal(t, map[string]mlflow.StatusCode{"OK": mlflow.StatusCodeOK, "ERROR": mlflow.StatusCodeError,
			"UNSET": mlflow.StatusCodeUnset}[w.Status.Code], g.Status)
		require.Equal(t, w.Status.Message, g.Message)
		require.Equal(t, clientAttributes(t, w.Attributes), attributes(g.Attributes))
		require.Len(t, g.Events, len(w.Events))
		for j, e := range w.Events {
			require.Equal(t, e.Name, g.Events[j].Name)
			if e.Time < 1e17 {
				e.Time *= 1000
			}
			require.Equal(t, e.Time, g.Events[j].Time)
			require.Equal(t, clientAttributes(t, e.Attributes), attributes(g.Events[j].Attributes))
		}
		require.Len(t, g.Links, len(w.Links))
		for j, l := range w.Links {
			require.Equal(t, strings.TrimPrefix(l.TraceID, "tr-"), hex.EncodeToString(g.Links[j].TraceID[:]))
			require.Equal(t, l.SpanID, hex.EncodeToString(g.Links[j].SpanID[:]))
		}
	}
	require.Len(t, got.Info.Assessments, len(want.Assessments))
	for i, w := range want.Assessments {
		g := got.Info.Assessments[i]
		require.Equal(t, w.ID, g.ID)
		require.Equal(t, w.Name, g.Name)
		require.Equal(t, got.Info.ID, g.TraceID)
		require.Equal(t, w.Kind, string(g.Kind))
		value := g.Value
		if g.Serialized != "" {
			value = []byte(g.Serialized)
		}
		require.Equal(t, string(mlflow.CanonicalValue(w.Value)), string(mlflow.CanonicalValue(value)), w.Name)
		require.Equal(t, w.Error == nil, g.Error == nil)
		if w.Error != nil {
			require.Equal(t, mlflow.AssessmentError{Code: w.Error.Code, Message: w.Error.Message,
				StackTrace: w.Error.StackTrace}, *g.Error)
		}
		require.Equal(t, w.Source.Type, g.SourceType)
		require.Equal(t, w.Source.ID, g.SourceID)
		require.Equal(t, w.Rationale, g.Rationale)
		require.Equal(t, w.SpanID, g.SpanID)
		require.Equal(t, w.Overrides, g.Overrides)
		require.Len(t, g.Metadata, len(w.Metadata))
		for _, kv := range g.Metadata {
			require.Equal(t, w.Metadata[kv.Key], kv.Value)
		}
		require.Equal(t, w.Valid != nil && !*w.Valid, g.Invalid)
		require.Equal(t, w.Created, g.Created)
		require.Equal(t, w.Updated, g.Updated)
	}
}

// placeStore copies a recorded store to a folder of its own and writes the folder into its
// locations.
func placeStore(t testing.TB, name string) string {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(testdata, name))))
	path := filepath.Join(dir, "mlflow.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	for _, q := range []string{
		"UPDATE experiments SET artifact_location = replace(artifact_location, '/STORE_DIR', ?)",
		"UPDATE trace_tags SET value = replace(value, '/STORE_DIR', ?) WHERE key = 'mlflow.artifactLocation'",
	} {
		_, err := db.ExecContext(context.Background(), q, filepath.ToSlash(dir))
		require.NoError(t, err)
	}
	return path
}

// TestStores compares everything with what MLflow's own client of the version returned for the same
// store.
func TestStores(t *testing.T) {
	for _, name := range recordedStores {
		t.Run(name, func(t *testing.T) {
			file := "expected.jsonl"
			if name == "sample" {
				file += ".gz"
			}
			path := placeStore(t, name)
			want := readExpected(t, filepath.Join(testdata, name, file), filepath.Dir(path))
			for _, page := range []int{7, 500} {
				s := open(t, path)
				got, skips := readAll(t, s, page)
				require.Len(t, want, len(got)+len(skips))
				for id, w := range want {
					t.Run(id, func(t *testing.T) {
						if skip := skips[id]; skip != nil {
							require.Empty(t, w.Spans, skip)
							require.Contains(t, []mlflow.Reason{mlflow.ReasonNoSpans, mlflow.ReasonArtifactMissing},
								skip.Reason,
								skip)
							return
						}
						if _, ok := mlflow.Get(got[id].Info.Tags, mlflow.TagSpansLocation); !ok &&
							name == "stores/3.4.0" && len(w.Spans) == 0 {
							// Came by OTLP: 3.4 stores such spans, but has no route that reads
							// them.
							require.NotEmpty(t, got[id].Spans)
							got[id].Spans = nil
						}
						requireEqualTrace(t, w, got[id])
					})
				}
			}
		})
	}
}
