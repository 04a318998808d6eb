// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recordedStores are the stores of testdata.
var recordedStores = []string{
	"sample", "stores/2.14.3", "stores/2.22.5", "stores/3.1.4", "stores/3.4.0", "stores/3.6.0", "stores/3.17.2",
	"stores/upgraded",
}

// digests returns a line for each trace of a store, sorted: its id and, of both payload modes, the
// digest of the OTLP bytes and the statistics of the conversion, or why it was skipped.
func digests(t testing.TB, s *Store) []string {
	t.Helper()
	dir := filepath.Dir(s.path)
	names := map[string]string{}
	experiments, err := s.Experiments(t.Context())
	require.NoError(t, err)
	for _, e := range experiments {
		names[e.ID] = e.Name
	}
	structured := genai.NewConverter(genai.Options{CaptureContent: true})
	asJSON := genai.NewConverter(genai.Options{CaptureContent: true, Payloads: genai.PayloadsJSON})
	var lines []string
	traces, skips := readAll(t, s, 100)
	for id, trace := range traces {
		for i := range trace.Info.Tags {
			tag := &trace.Info.Tags[i]
			tag.Value = strings.ReplaceAll(tag.Value, filepath.ToSlash(dir), "/STORE_DIR")
		}
		e := mlflow.Experiment{ID: trace.Info.ExperimentID, Name: names[trace.Info.ExperimentID]}
		line := id + " " + digest(t, structured, e, trace) + " " + digest(t, asJSON, e, trace)
		lines = append(lines, line)
	}
	for id, skip := range skips {
		detail := strings.ReplaceAll(skip.Detail, dir, "/STORE_DIR")
		lines = append(lines, id+" skipped, "+string(skip.Reason)+": "+detail)
	}
	slices.Sort(lines)
	return lines
}

func digest(t testing.TB, c *genai.Converter, e mlflow.Experiment, trace *mlflow.Trace) string {
	t.Helper()
	td := ptrace.NewTraces()
	stats, err := json.Marshal(c.Append(td, e, trace))
	require.NoError(t, err)
	otlp, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	sum := sha256.Sum256(append(otlp, stats...))
	return hex.EncodeToString(sum[:8])
}

// TestDigests holds that what is read from a store and converted stays the same to the byte,
// however it is read. After a change of the conversion that is meant, write the file anew with
// -update and look at which traces changed.
func TestDigests(t *testing.T) {
	var got []string
	for _, name := range recordedStores {
		s := open(t, placeStore(t, name))
		poisonViews(t, s)
		for _, line := range digests(t, s) {
			got = append(got, name+" "+line)
		}
	}
	path := filepath.Join("testdata", "digests.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(got, "\n")+"\n"), 0o644))
	}
	golden, err := os.ReadFile(path)
	require.NoError(t, err)
	want := strings.Split(strings.TrimSuffix(string(golden), "\n"), "\n")
	require.Equal(t, want, got)
}
