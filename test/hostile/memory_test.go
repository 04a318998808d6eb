// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// neighbours is how many ordinary traces lie beside the hostile one.
const neighbours = 30

// hostile is the id of the trace that the source misbehaves for.
const (
	hostileHex = "00000000000000000000000000abcdef"
	hostile    = "tr-" + hostileHex
)

// endless answers with a start and then with a piece, again and again, until the client goes away.
func endless(start, piece string, compressed bool) http.HandlerFunc {
	block := []byte(strings.Repeat(piece, 256<<10/len(piece)))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		out := io.Writer(w)
		if compressed {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			out = z
		}
		if _, err := io.WriteString(out, start); err != nil {
			return
		}
		for {
			if _, err := out.Write(block); err != nil {
				return
			}
		}
	}
}

// answers are bodies without an end.
var answers = map[string]struct {
	start, piece string
	compressed   bool
}{
	"text":       {`{"spans":[{"name":"`, "x", false},
	"spans":      {`{"spans":[{}`, `,{}`, false},
	"nesting":    {`{"spans":[{"attributes":{"a":`, "[", false},
	"attributes": {`{"spans":[{"attributes":[{}`, ",{}", false},
	"events":     {`{"spans":[{"events":[{}`, ",{}", false},
	"space":      {`{"spans":[`, " ", false},
	"bomb":       {`{"spans":[{"name":"`, "x", true},
	"bomb of spans": {`{"spans":[{"span_id":"AAAAAAAAAAE=","name":"x"}`, `,{"span_id":"AAAAAAAAAAE=","name":"x"}`,
		true},
}

// A body of spans without an end costs its trace: it is skipped and named, the others arrive, and
// memory and time are bounded. Once the source behaves, the next run delivers the trace.
func TestEndlessSpans(t *testing.T) {
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			s := source(t)
			s.Add(trace(hostileHex, 3, 0))
			s.SetFault(func(r *http.Request) *mlflowtest.Fault {
				if !strings.Contains(r.URL.RawQuery, hostile) {
					return nil
				}
				start := a.start
				if mlflowtest.Route(r.URL.Path) == "traces/batchGet" {
					start = `{"traces":[` + start
				}
				return &mlflowtest.Fault{Serve: endless(start, a.piece, a.compressed)}
			})
			dir := t.TempDir()
			c := collector.Backfill(s.URL(), dir).Set("receivers::mlflow::max_skipped", 0)
			out := run(t, dir, c, 1, aim)
			assert.Regexp(t, `1 of 31 traces were skipped \(1 (too_large|corrupt)\)`, out)
			arrived := otlpsink.TraceIDs(collector.Traces(t, dir))
			assert.Len(t, arrived, neighbours)
			skipped := collector.ReadSkipped(t, dir)
			require.Len(t, skipped, 1)
			assert.Equal(t, hostile, skipped[0].TraceID)

			s.SetFault(nil)
			run(t, dir, c, 0, aim)
			assert.Len(t, otlpsink.TraceIDs(collector.Traces(t, dir)), neighbours+1)
		})
	}
}

// A page of infos, or a list of experiments, without an end ends the run with an error that names it.
func TestEndlessLists(t *testing.T) {
	for name, tt := range map[string]struct {
		route, start, piece string
		compressed, long    bool
	}{
		"infos, text":       {"traces/search", `{"traces":[{"trace_id":"`, "x", false, false},
		"infos, elements":   {"traces/search", `{"traces":[{}`, ",{}", false, false},
		"infos, bomb":       {"traces/search", `{"traces":[{"trace_id":"`, "x", true, true},
		"infos, scores":     {"traces/search", `{"traces":[{"assessments":[{}`, ",{}", false, true},
		"infos, tags":       {"traces/search", `{"traces":[{"tags":[{}`, ",{}", false, true},
		"experiments, text": {"experiments/search", `{"experiments":[{"name":"`, "x", false, false},
		"experiments, many": {"experiments/search", `{"experiments":[{}`, ",{}", false, false},
		"metrics":           {"traces/metrics", `{"data_points":"`, "x", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.long && !*full {
				t.Skip("only with -full")
			}
			s := source(t)
			searches := 0
			s.SetFault(func(r *http.Request) *mlflowtest.Fault {
				if mlflowtest.Route(r.URL.Path) != tt.route {
					return nil
				}
				if searches++; tt.route == "traces/search" && searches == 1 {
					return nil // the one that finds out about the version
				}
				return &mlflowtest.Fault{Serve: endless(tt.start, tt.piece, tt.compressed)}
			})
			dir := t.TempDir()
			c := collector.Backfill(s.URL(), dir)
			out := run(t, dir, c, 1, aim)
			assert.Contains(t, out, tt.route)
			s.SetFault(nil)
			run(t, dir, c, 0, aim)
			assert.Len(t, otlpsink.TraceIDs(collector.Traces(t, dir)), neighbours)
		})
	}
}

// full runs the tests with the sizes that docs/performance.md tells.
var full = flag.Bool("full", false, "a trace of 200,000 spans and one of 100,000 assessments, not a quarter of them")

// Bounds of the peak of resident memory, in MiB: for every hostile source, and for large traces that
// are written to a file.
const (
	aim      = 300
	withFile = 800
)

// A trace of 200,000 spans and one of 100,000 assessments arrive whole.
func TestLargeTraces(t *testing.T) {
	spans, assessments := 50_000, 25_000
	if *full {
		spans, assessments = 200_000, 100_000
	}
	for name, tt := range map[string]struct{ spans, assessments int }{
		"spans":       {spans, 0},
		"assessments": {2, assessments},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t)
			large := trace(hostileHex, tt.spans, tt.assessments)
			t.Logf("%d MiB of spans, %d assessments", len(large.Typed)>>20, len(large.Assessments))
			s.Add(large)
			dir := t.TempDir()
			// What the receiver needs is told by an exporter that keeps nothing: the file exporter writes
			// the JSON of a whole trace at a time.
			c := collector.Backfill(s.URL(), t.TempDir())
			delete(c["exporters"].(map[string]any), "file")
			run(t, t.TempDir(), c.Set("exporters::nop", object{}).
				Set("service::pipelines::traces::exporters", []any{"nop"}), 0, aim)
			run(t, dir, collector.Backfill(s.URL(), dir), 0, withFile)
			all := collector.Traces(t, dir)
			assert.Len(t, otlpsink.TraceIDs(all), neighbours+1)
			assert.Len(t, otlpsink.Count(all), 3*neighbours+tt.spans)
		})
	}
}

// source starts a server with ordinary traces.
func source(t *testing.T) *mlflowtest.Server {
	s := mlflowtest.New("3.17.2")
	t.Cleanup(s.Close)
	for i := range neighbours {
		s.Add(s.Synthetic("0", i, 3, 100))
	}
	return s
}

// trace is a trace with small spans and assessments.
func trace(hex string, spans, assessments int) mlflowtest.Trace {
	var raw [16]byte
	for i := range raw {
		_, _ = fmt.Sscanf(hex[2*i:2*i+2], "%02x", &raw[i])
	}
	id := base64.StdEncoding.EncodeToString(raw[:])
	spanID := func(i int) string {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(i+1))
		return base64.StdEncoding.EncodeToString(b[:])
	}
	const start = 1_700_000_000_000
	var typed, artifact strings.Builder
	for i := range spans {
		comma, parent := ",", `"`+spanID(0)+`"`
		if i == 0 {
			comma, parent = "", "null"
		}
		head := fmt.Sprintf(`%s{"trace_id":"%s","span_id":"%s","parent_span_id":%s,"name":"span %d",`+
			`"start_time_unix_nano":%d,"end_time_unix_nano":%d,"status":{"code":"STATUS_CODE_OK"},"attributes":`,
			comma, id, spanID(i), parent, i, start*1_000_000+i, start*1_000_000+i+5_000_000)
		typed.WriteString(head + `[{"key":"mlflow.spanType","value":{"string_value":"CHAIN"}}]}`)
		artifact.WriteString(head + `{"mlflow.spanType":"\"CHAIN\""}}`)
	}
	t := mlflowtest.Trace{
		ID: "tr-" + hex, ExperimentID: "0", Timestamp: start, Duration: 7, State: "OK",
		Tags: map[string]string{"mlflow.trace.spansLocation": "TRACKING_STORE"},
		Metadata: map[string]string{"mlflow.trace_schema.version": "3",
			"mlflow.trace.sizeBytes": strconv.Itoa(artifact.Len())},
		Typed: []byte("[" + typed.String() + "]"), Artifact: []byte(`{"spans":[` + artifact.String() + `]}`),
	}
	for i := range assessments {
		t.Assessments = append(t.Assessments, []byte(fmt.Sprintf(
			`{"assessment_id":"a-%032d","assessment_name":"score %d","trace_id":"%s",`+
				`"source":{"source_type":"HUMAN","source_id":"someone@example.com"},`+
				`"create_time":"2026-01-01T00:00:00Z","last_update_time":"2026-01-01T00:00:00Z",`+
				`"feedback":{"value":%d},"rationale":"because","valid":true}`, i, i%10, t.ID, i%5)))
	}
	return t
}

// longest is how long a run may take.
const longest = 2 * time.Minute

// run runs a backfill, requires its exit status, holds its peak memory against a bound in MiB, and
// returns its summary.
func run(t *testing.T, dir string, c collector.Config, status int, most int64) string {
	t.Helper()
	p := collector.Start(t, dir, c)
	peak := collector.WatchPeak(t, p)
	began := time.Now()
	got := p.WaitFor(longest)
	t.Logf("peak %d MiB, %v", peak.MiB(), time.Since(began).Round(100*time.Millisecond))
	require.Equal(t, status, got, "%s\n%s", p.Out(), p.Logs())
	assert.LessOrEqual(t, peak.MiB(), most)
	first, _, _ := strings.Cut(p.Out(), "\n")
	t.Log(first)
	return p.Out()
}
