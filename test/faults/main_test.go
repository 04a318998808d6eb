// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
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

// Sizes of the steps that have a long form. make faults sets them.
var (
	seedFlag  = flag.Uint64("seed", 1, "of everything that is random; 0 takes one from the clock")
	killsFlag = flag.Int("kills", 5, "how often the backfill of TestKills is killed")
	tracesOf  = flag.Int("traces", 500, "its traces, of ten spans each")
	stopsFlag = flag.Int("stops", 3, "how often the backfill of TestStops is stopped")
	blipsFlag = flag.Float64("blips", 0.01, "share of the 330 blips that TestBlips plays")
	soakFlag  = flag.Duration("soak", 5*time.Second, "how long TestSoak delivers")
)

// atOnce is how many tests run side by side: they wait most of the time.
const atOnce = 8

func TestMain(m *testing.M) {
	if _, err := os.Stat(collector.Default()); err != nil {
		fmt.Fprintln(os.Stderr, "run make build first:", err)
		os.Exit(1)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
		panic(err)
	}
	if *seedFlag == 0 {
		*seedFlag = uint64(time.Now().UnixNano())
	}
	os.Exit(m.Run())
}

// sample is the bundled store: 123 traces, one of which has no spans.
var sample = filepath.Join(collector.Root(), "testdata", "sample", "mlflow.db")

const sampleSpans = 598

// history is a scripted server with traces of one experiment.
func history(t testing.TB, version string, traces, spans int) *mlflowtest.Server {
	t.Helper()
	s := mlflowtest.New(version)
	t.Cleanup(s.Close)
	s.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "support-bot"})
	for i := range traces {
		s.Add(s.Synthetic("1", i, spans, 10))
	}
	return s
}

// quick makes receiver and exporter try again soon.
func quick(c collector.Config) collector.Config {
	return c.Set("receivers::mlflow::retry_on_failure", map[string]any{"initial_interval": "50ms",
		"max_interval": "200ms"})
}

// headline is the first line of the summary of a run.
func headline(p *collector.Process) string {
	first, _, _ := strings.Cut(p.Out(), "\n")
	return first
}

// requireAll requires that so many spans arrived, and that nothing was rejected.
func requireAll(t testing.TB, dir string, sink *otlpsink.Sink, spans int) {
	t.Helper()
	require.Equal(t, spans, sink.Distinct(), "distinct spans that arrived")
	for _, s := range collector.ReadSkipped(t, dir) {
		require.NotEqual(t, "rejected", s.Reason)
	}
	report := collector.ReadReport(t, dir).Receivers[0]
	assert.True(t, report.Complete, report.Headline)
	assert.Zero(t, report.Totals.InFlight)
}
