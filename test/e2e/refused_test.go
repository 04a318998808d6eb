// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// Settings under which a run ends soon although its destination refuses.
const (
	rejectAfter = 2 * time.Second
	giveUpAfter = 6 * time.Second
)

func impatient(c collector.Config) collector.Config {
	return quick(c).Set("receivers::mlflow::reject_after", rejectAfter.String()).
		Set("receivers::mlflow::give_up_after", giveUpAfter.String())
}

// perExperiment keeps the numbers of traces of two experiments apart.
const perExperiment = 1000

// history is a scripted server with experiments of traces of two spans each.
func history(t *testing.T, experiments, traces int) *mlflowtest.Server {
	t.Helper()
	s := mlflowtest.New("3.17.2")
	t.Cleanup(s.Close)
	for x := 1; x <= experiments; x++ {
		id := strconv.Itoa(x)
		s.AddExperiment(mlflowtest.Experiment{ID: id, Name: "experiment " + id})
		for i := range traces {
			s.Add(s.Synthetic(id, x*perExperiment+i, 2, 10))
		}
	}
	return s
}

// experimentOf is the experiment of a span, as its resource or itself names it.
func experimentOf(r pcommon.Resource, s ptrace.Span) string {
	for _, attributes := range []pcommon.Map{r.Attributes(), s.Attributes()} {
		if id, ok := attributes.Get("mlflow.experimentId"); ok {
			return id.AsString()
		}
	}
	return ""
}

// A run whose destination refuses ends by itself, soon, with exit status 1 and the destination's
// words in its first line. Nothing is rejected, and a second run against the repaired destination
// delivers everything.
func TestRefusalsEnd(t *testing.T) {
	t.Parallel()
	const words = "the schema is frozen"
	for name, c := range map[string]struct {
		experiments, traces int
		// refuses says whether a request with spans of an experiment is refused; last is true when
		// the request holds the last trace of the experiment.
		refuses  func(experiment string, last bool) bool
		accepted int
		headline string
	}{
		"everything": {2, 60, func(string, bool) bool { return true }, 0,
			"the destination accepted nothing for 6s: "},
		"the last of twelve traces":  {1, 12, func(_ string, last bool) bool { return last }, 11, "1 refused: "},
		"an experiment of one trace": {1, 1, func(string, bool) bool { return true }, 0, "1 refused: "},
		"one experiment of forty": {40, 12, func(x string, _ bool) bool { return x == "7" }, 39 * 12,
			"the destination accepted nothing for 6s: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, sink, dir := history(t, c.experiments, c.traces), otlpsink.New(t), t.TempDir()
			var newest atomic.Int64 // when something was accepted
			newest.Store(time.Now().UnixNano())
			end := source.Synthetic("1", perExperiment+c.traces-1, 2, 10).Timestamp
			sink.Script(func(td ptrace.Traces, _ <-chan struct{}) (int, string) {
				refused := false
				otlpsink.Each(td, func(r pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
					last := s.StartTimestamp().AsTime().UnixMilli() >= end
					refused = refused || c.refuses(experimentOf(r, s), last)
				})
				if refused {
					return http.StatusBadRequest, words
				}
				newest.Store(time.Now().UnixNano())
				return 0, ""
			})
			config := impatient(collector.Backfill(source.URL(), dir).ToOTLP(sink.URL, nil))
			p := collector.Run(t, dir, config, 1)
			assert.Less(t, time.Since(time.Unix(0, newest.Load())), 2*rejectAfter+giveUpAfter+stopLimit)
			first, _, _ := strings.Cut(p.Out(), "\n")
			assert.Contains(t, first, c.headline)
			assert.Contains(t, first, words)
			assert.Empty(t, rejected(t, dir))
			report := collector.ReadReport(t, dir).Receivers[0]
			assert.EqualValues(t, c.accepted, report.Totals.Accepted)
			assert.Zero(t, report.Totals.Rejected)

			sink.Script(nil)
			p = collector.Run(t, dir, config, 0)
			assert.True(t, strings.HasPrefix(p.Out(), "complete: "), p.Out())
			assert.Equal(t, 2*c.experiments*c.traces, sink.Distinct())
			requireOnce(t, sink.Spans())
		})
	}
}

// A destination that refuses for some seconds costs nothing, whatever it answers.
func TestBlips(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		grpc    bool
		seconds time.Duration
		status  int
		server  bool // the source is a server
	}{
		"HTTP 401 from a server":     {false, 15, http.StatusUnauthorized, true},
		"gRPC UNAUTHENTICATED":       {true, 15, int(codes.Unauthenticated), false},
		"a connection that is reset": {false, 5, otlpsink.Reset, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, spans := "sqlite:///"+sample, sampleSpans
			if c.server {
				s := history(t, 2, 60)
				source, spans = s.URL(), 2*2*60
			}
			dir := t.TempDir()
			config := collector.Backfill(source, dir)
			var sink *otlpsink.Sink
			if c.grpc {
				sink = otlpsink.NewGRPC(t)
				config.ToGRPC(sink.Address)
			} else {
				sink = otlpsink.New(t)
				config.ToOTLP(sink.URL, nil)
			}
			var first atomic.Int64 // request
			sink.Script(func(ptrace.Traces, <-chan struct{}) (int, string) {
				now := time.Now().UnixNano()
				first.CompareAndSwap(0, now)
				if time.Duration(now-first.Load()) < c.seconds*time.Second {
					return c.status, "for a moment"
				}
				return 0, ""
			})
			p := collector.Run(t, dir, config, 0)
			assert.True(t, strings.HasPrefix(p.Out(), "complete: "), p.Out())
			assert.Equal(t, spans, sink.Distinct())
			assert.Empty(t, rejected(t, dir))
		})
	}
}

// A gRPC destination that refuses everything sees few requests, and the log says once why the run
// waits.
func TestFewRequestsWhileRefused(t *testing.T) {
	t.Parallel()
	dir, sink := t.TempDir(), otlpsink.NewGRPC(t)
	sink.Script(func(ptrace.Traces, <-chan struct{}) (int, string) {
		return int(codes.Unauthenticated), "who are you?"
	})
	config := collector.Backfill("sqlite:///"+sample, dir).ToGRPC(sink.Address).
		Set("receivers::mlflow::give_up_after", "30s")
	p := collector.Run(t, dir, config, 1)
	assert.LessOrEqual(t, sink.Requests(), 15, "in 30 s")
	assert.Equal(t, 1, strings.Count(p.Logs(), waiting))
	assert.LessOrEqual(t, strings.Count(p.Logs(), "Exporting failed"), 3*sink.Requests())
	require.Contains(t, p.Out(), "who are you?")
}
