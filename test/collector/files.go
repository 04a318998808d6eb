// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Report is what report.json says, as far as the tests look at it.
type Report struct {
	Headline  string     `json:"headline"`
	Complete  bool       `json:"complete"`
	Receivers []Receiver `json:"receivers"`
	Answers   []Answers  `json:"answers"`
}

// Answers is what was read of the answers to stock exporters.
type Answers struct {
	Extension   string   `json:"extension"`
	Exporters   []string `json:"exporters"`
	Requests    int64    `json:"requests"`
	Confirmed   int64    `json:"confirmed"`
	Unconfirmed int64    `json:"unconfirmed"`
	Refused     int64    `json:"refused"`
	Rejected    int64    `json:"rejected"`
}

// Receiver is the part of one receiver.
type Receiver struct {
	Receiver      string              `json:"receiver"`
	Headline      string              `json:"headline"`
	Complete      bool                `json:"complete"`
	Problems      []string            `json:"problems"`
	Delivery      string              `json:"delivery"`
	DeliveryNotes []string            `json:"delivery_notes"`
	Source        map[string]string   `json:"source"`
	Totals        Numbers             `json:"totals"`
	Experiments   []Experiment        `json:"experiments"`
	Skipped       map[string][]string `json:"skipped_examples"`
	SkippedFile   string              `json:"skipped_file"`
	Ended         *time.Time          `json:"ended"`
	Check         *struct {
		Requests int64 `json:"requests"`
		Grants   []struct {
			Statement string `json:"statement"`
			Table     string `json:"table"`
			State     string `json:"state"`
		} `json:"grants"`
		Experiments []struct {
			ID, Name  string
			Traces    int64
			Storage   map[string]int64
			Reachable map[string]bool
			Scores    []string
		} `json:"experiments"`
	} `json:"check"`
}

// Numbers are the counts of a run.
type Numbers struct {
	Read     int64            `json:"read"`
	Emitted  int64            `json:"emitted"`
	Accepted int64            `json:"accepted"`
	Spans    int64            `json:"accepted_spans"`
	Skipped  map[string]int64 `json:"skipped"`
	Rejected int64            `json:"rejected"`
	Partly   int64            `json:"partially_rejected"`
	Pending  map[string]int64 `json:"pending"`
	InFlight int64            `json:"in_flight"`
}

// Experiment is the part of one experiment.
type Experiment struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	SourceCount *int64   `json:"source_count"`
	First       string   `json:"first"`
	Last        string   `json:"last"`
	Run         Numbers  `json:"run"`
	Earlier     *Numbers `json:"earlier_runs"`
	Pending     int64    `json:"pending"`
	Complete    bool     `json:"complete"`
	Error       string   `json:"error"`
}

// ReadReport reads dir/report.json, whose counters must add up: read = accepted + skipped +
// rejected + in flight, in each experiment and in all.
func ReadReport(t testing.TB, dir string) Report {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	var r Report
	require.NoError(t, json.Unmarshal(body, &r))
	for _, x := range r.Receivers {
		x.Totals.requireSum(t)
		for _, e := range x.Experiments {
			e.Run.requireSum(t)
		}
	}
	return r
}

func (n Numbers) requireSum(t testing.TB) {
	t.Helper()
	sum := n.Accepted + n.Rejected + n.InFlight
	for _, counts := range []map[string]int64{n.Skipped, n.Pending} {
		for _, k := range counts {
			sum += k
		}
	}
	require.Equal(t, n.Read, sum, "read = accepted + skipped + rejected + pending + in flight: %+v", n)
}

// Missing is a line of missing.jsonl.
type Missing struct {
	TraceID      string `json:"trace_id"`
	ExperimentID string `json:"experiment_id"`
	Reason       string `json:"reason"`
	Day          string `json:"day"`
	Expected     *int64 `json:"expected"`
	Listed       *int64 `json:"listed"`
}

// ReadMissing reads dir/missing.jsonl; no file is an empty list.
func ReadMissing(t testing.TB, dir string) []Missing {
	return readLines[Missing](t, dir, "missing.jsonl")
}

// SkippedTrace is a line of skipped.jsonl.
type SkippedTrace struct {
	TraceID      string `json:"trace_id"`
	ExperimentID string `json:"experiment_id"`
	Reason       string `json:"reason"`
	Detail       string `json:"detail"`
}

// ReadSkipped reads dir/skipped.jsonl; no file is an empty list.
func ReadSkipped(t testing.TB, dir string) []SkippedTrace {
	return readLines[SkippedTrace](t, dir, "skipped.jsonl")
}

func readLines[T any](t testing.TB, dir, name string) []T {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	var list []T
	for line := range bytes.Lines(body) {
		var s T
		require.NoError(t, json.Unmarshal(line, &s), "%s", line)
		list = append(list, s)
	}
	return list
}

// ReadTraces reads dir/traces.jsonl: what could be read, and the lines that are not OTLP. No file
// holds nothing.
func ReadTraces(t testing.TB, dir string) (traces []ptrace.Traces, broken [][]byte) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "traces.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	require.NoError(t, err)
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var decode ptrace.JSONUnmarshaler
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			td, derr := decode.UnmarshalTraces(line)
			if derr != nil {
				broken = append(broken, line)
			} else {
				traces = append(traces, td)
			}
		}
		if err != nil {
			return traces, broken
		}
	}
}

// Traces reads dir/traces.jsonl, all lines of which must be OTLP.
func Traces(t testing.TB, dir string) []ptrace.Traces {
	t.Helper()
	traces, broken := ReadTraces(t, dir)
	require.Empty(t, broken)
	return traces
}
