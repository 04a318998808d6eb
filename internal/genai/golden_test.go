// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded holds answers of real servers, a folder for each version.
const recorded = "../mlflow/testdata"

var versions = []string{"2.14.3", "2.22.5", "3.1.4", "3.4.0", "3.6.0", "3.17.2"}

// recordedTraces returns the traces of a version by their label, read from artifacts.
func recordedTraces(t testing.TB, version string) map[string]*mlflow.Trace {
	t.Helper()
	artifacts, err := filepath.Glob(filepath.Join(recorded, version, "trace-*.artifact.json"))
	require.NoError(t, err)
	require.NotEmpty(t, artifacts, version)
	traces := map[string]*mlflow.Trace{}
	for _, path := range artifacts {
		label := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "trace-"), ".artifact.json")
		doc := read(t, path)
		if !bytes.Contains(doc, []byte(`"spans"`)) {
			continue // the server's answer that there is no artifact
		}
		trace, err := mlflow.DecodeTrace(recordedInfo(t, version, label), doc)
		require.NoError(t, err, path)
		traces[label] = trace
	}
	return traces
}

func recordedInfo(t testing.TB, version, label string) mlflow.Info {
	t.Helper()
	path := filepath.Join(recorded, version, "trace-"+label)
	doc, err := os.ReadFile(path + ".info_v3.json")
	if os.IsNotExist(err) {
		doc = read(t, path+".info_v2.json")
	} else {
		require.NoError(t, err)
	}
	info, err := mlflow.DecodeInfo(doc)
	require.NoError(t, err, path)
	return info
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// goldenLabels are the traces whose conversion is written down.
var goldenLabels = []string{"every_kind", "error", "in_progress", "unicode", "null_io", "explicit_null_io", "nan_io",
	"huge_int", "with_run", "historic", "links", "attachment", "otlp"}

func TestGolden(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			traces := recordedTraces(t, version)
			got := ptrace.NewTraces()
			c := NewConverter(Options{CaptureContent: true})
			for _, label := range goldenLabels {
				if trace := traces[label]; trace != nil {
					c.Append(got, mlflow.Experiment{ID: trace.Info.ExperimentID, Name: "/Shared/fixtures"}, trace)
				}
			}
			path := filepath.Join("testdata", "golden", version+".yaml")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, golden.WriteTracesToFile(path, got))
			}
			want, err := golden.ReadTraces(path)
			require.NoError(t, err)
			if text(t, want) != text(t, got) {
				require.NoError(t, ptracetest.CompareTraces(want, got))
				t.Error("the order of something differs")
			}
		})
	}
}

// text returns td as OTLP JSON, in which all NaN are the same.
func text(t *testing.T, td ptrace.Traces) string {
	t.Helper()
	b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return string(b)
}

// TestRecordedTracesAreFaithful checks for every recorded trace, in each of its forms, what must
// hold for all traces.
func TestRecordedTracesAreFaithful(t *testing.T) {
	exp := mlflow.Experiment{ID: "1", Name: "e"}
	for _, version := range versions {
		for label, trace := range recordedTraces(t, version) {
			t.Run(version+"/"+label, func(t *testing.T) {
				for _, opts := range []Options{{CaptureContent: true}, {CaptureContent: true, Payloads: PayloadsJSON},
					{}} {
					c, td, again := NewConverter(opts), ptrace.NewTraces(), ptrace.NewTraces()
					require.Equal(t, c.Append(td, exp, trace), c.Append(again, exp, trace))
					require.Equal(t, marshal(t, td), marshal(t, again))
					assertRoundTrip(t, td)
					assertValid(t, td)
				}
				td := ptrace.NewTraces()
				NewConverter(captured).Append(td, exp, trace)
				spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
				require.Equal(t, len(trace.Spans), spans.Len())
				for i := range trace.Spans {
					source, got := &trace.Spans[i], spans.At(i)
					assertAllThere(t, source.Attributes, got.Attributes())
					require.Equal(t, len(source.Events), got.Events().Len())
					for j := range source.Events {
						assertAllThere(t, source.Events[j].Attributes, got.Events().At(j).Attributes())
					}
				}
			})
		}
	}
}

func assertAllThere(t *testing.T, source []mlflow.Attribute, got pcommon.Map) {
	t.Helper()
	for i, a := range source {
		assertFaithful(t, got, a.Key, a.Raw)
		key := ""
		for k := range got.All() {
			if i == 0 {
				key = k
				break
			}
			i--
		}
		assert.Equal(t, a.Key, key, "order")
	}
}

// TestTypedFormGivesTheSame compares the two forms in which servers from 3.6 on answer with the
// same trace.
func TestTypedFormGivesTheSame(t *testing.T) {
	exp := mlflow.Experiment{ID: "1", Name: "e"}
	for label, trace := range recordedTraces(t, "3.17.2") {
		if label == "otlp" {
			continue // its artifact holds texts as strings that the typed form has decoded
		}
		t.Run(label, func(t *testing.T) {
			var answer struct{ Trace json.RawMessage }
			require.NoError(t, json.Unmarshal(read(t, filepath.Join(recorded, "3.17.2", "trace-"+label+".get_v3.json")),
				&answer))
			typed, err := mlflow.DecodeTrace(trace.Info, answer.Trace)
			require.NoError(t, err)
			want, got := ptrace.NewTraces(), ptrace.NewTraces()
			NewConverter(captured).Append(want, exp, trace)
			NewConverter(captured).Append(got, exp, typed)
			if !bytes.Equal(marshal(t, want), marshal(t, got)) {
				require.NoError(t, ptracetest.CompareTraces(want, got))
				t.Error("the order of something differs")
			}
		})
	}
}
