// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// A trace is written when it ends and dated by its start. What was not there when a backfill ended
// is delivered by the next run, wherever it lies in time, and nothing is delivered twice.
func TestLateTraces(t *testing.T) {
	t.Parallel()
	t.Run("3.17.2", func(t *testing.T) {
		t.Parallel()
		s := need(t, database)
		id := experiment(t, s.Server, t.Name())
		add := func(age time.Duration, n int) {
			seed(t, s.Server, mlflowserver.Login{}, id, n, time.Now().Add(-age))
		}
		for name, source := range map[string]string{"REST": s.URL, "SQLite": s.SQLite()} {
			t.Run(name, func(t *testing.T) {
				requireLate(t, source, "TestLateTraces/3.17.2", add)
			})
		}
	})
	t.Run("2.14.3", func(t *testing.T) { // scripted, as real servers of this version answer
		t.Parallel()
		s := mlflowtest.New("2.14.3")
		t.Cleanup(s.Close)
		s.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "old"})
		number := 0
		add := func(age time.Duration, n int) {
			for range n {
				number++
				trace := s.Synthetic("1", number, 2, 10)
				trace.Timestamp = time.Now().Add(-age).UnixMilli() + int64(number)
				s.Add(trace)
			}
		}
		requireLate(t, s.URL(), "old", add)
	})
}

func requireLate(t *testing.T, source, experiment string, add func(age time.Duration, n int)) {
	t.Helper()
	ages := []time.Duration{time.Minute, 25 * time.Hour, 40 * 24 * time.Hour}
	add(50*24*time.Hour, 20)
	add(2*time.Hour, 20)
	dir, sink := t.TempDir(), otlpsink.New(t)
	config := collector.Backfill(source, dir).ToOTLP(sink.URL, nil).
		Set("receivers::mlflow::experiments::names", []any{experiment})
	collector.Run(t, dir, config, 0)
	spans := sink.Distinct()
	for _, age := range ages {
		add(age, 1)
	}
	p := collector.Run(t, dir, config, 0)
	assert.True(t, strings.HasPrefix(p.Out(), "complete: 3 of 3 traces"), p.Out())
	assert.Equal(t, spans+2*len(ages), sink.Distinct())
	requireOnce(t, sink.Spans())
	requests := sink.Requests()
	p = collector.Run(t, dir, config, 0)
	assert.True(t, strings.HasPrefix(p.Out(), "complete: nothing new"), p.Out())
	assert.Equal(t, requests, sink.Requests())
}

// Another store in the place of a delivered one is noticed.
func TestReplacedStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := copyOf(t, sample, dir)
	config := collector.Backfill(s.URI(), dir)
	collector.Run(t, dir, config, 0)
	s.exec(`UPDATE experiments SET creation_time = creation_time + 1000`)
	p := collector.Run(t, dir, config, 1)
	first, _, _ := strings.Cut(p.Out(), "\n")
	assert.Contains(t, first, "the source was replaced")
	assert.Contains(t, first, "on_replaced: start_over")

	require.NoError(t, os.Remove(filepath.Join(dir, "traces.jsonl")))
	collector.Run(t, dir, config.Set("receivers::mlflow::on_replaced", "start_over"), 0)
	traces, _ := collector.ReadTraces(t, dir)
	assert.Len(t, otlpsink.Count(traces), sampleSpans)
}

// Spans whose rows are gone are missed: the metadata of their traces tells how many there were.
func TestSpansMissingFromAStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := copyOf(t, sample, dir)
	id := s.one(`SELECT trace_id FROM spans GROUP BY trace_id HAVING count(*) > 3 ORDER BY trace_id LIMIT 1`)
	s.exec(`CREATE TABLE kept AS SELECT * FROM spans WHERE trace_id = ? AND parent_span_id IS NOT NULL LIMIT 2`, id)
	s.exec(`DELETE FROM spans WHERE span_id IN (SELECT span_id FROM kept)`)
	config := collector.Backfill(s.URI(), dir)
	p := collector.Run(t, dir, config, 1)
	first, _, _ := strings.Cut(p.Out(), "\n")
	assert.Contains(t, first, "1 lack spans: trace "+id)
	traces, _ := collector.ReadTraces(t, dir)
	assert.Len(t, otlpsink.Count(traces), sampleSpans-2)
	skipped := collector.ReadSkipped(t, dir)
	assert.Equal(t, id, skipped[len(skipped)-1].TraceID)

	columns := strings.Join(s.column(`SELECT name FROM pragma_table_info('spans')`), ", ") // not generated ones
	s.exec(`INSERT INTO spans (` + columns + `) SELECT ` + columns + ` FROM kept`)
	collector.Run(t, dir, config, 0)
	traces, _ = collector.ReadTraces(t, dir)
	assert.Len(t, otlpsink.Count(traces), sampleSpans)
}

// A span that is added inside a finished trace shows in the number of spans.
func TestSpansAddedToAStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := copyOf(t, sample, dir)
	config := collector.Backfill(s.URI(), dir)
	collector.Run(t, dir, config, 0)
	names := s.column(`SELECT name FROM pragma_table_info('spans')`)
	columns := strings.Join(names, ", ")
	values := strings.ReplaceAll(columns, "span_id", "'00000000000000ff'")
	values = strings.ReplaceAll(values, "parent_'00000000000000ff'", "parent_span_id")
	s.exec(`INSERT INTO spans (` + columns + `) SELECT ` + values +
		` FROM spans WHERE parent_span_id IS NOT NULL LIMIT 1`)
	for range 2 {
		p := collector.Run(t, dir, config, 1)
		first, _, _ := strings.Cut(p.Out(), "\n")
		assert.Contains(t, first, "1 span added to finished traces")
	}
}
