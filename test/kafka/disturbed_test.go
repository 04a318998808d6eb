// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// large: a trace of 20 MB among small ones goes through the topic, and no process needs 300 MB for it.
func large(t *testing.T, w *world, _ *rand.Rand) {
	const small, spans = 50, 4
	source := mlflowtest.New("3.17.2")
	t.Cleanup(source.Close)
	source.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "large"})
	for i := range small + 1 {
		payload := 100
		if i == small/2 {
			payload = 20_000_000 / spans
		}
		trace := source.Synthetic("1", i, spans, payload)
		trace.Artifact = nil // one form is enough
		source.Add(trace)
	}
	w.store = store{Spans: spans * (small + 1)}
	reader := w.reader(t, "--set=receivers::mlflow::tracking_uri="+source.URL())
	consumer := w.refine(t, "only")
	reading, refining := collector.WatchPeak(t, reader), collector.WatchPeak(t, consumer)
	reader.Done(0)
	w.arrived(t, patience)
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
	t.Logf("peak with a trace of 20 MB: %d MiB in the reader, %d MiB in the consumer", reading.MiB(), refining.MiB())
	const most = 286 // MiB, 300 MB
	require.Less(t, reading.MiB(), int64(most))
	require.Less(t, refining.MiB(), int64(most))
}

// frozen: a consumer stands still for longer than its session lasts and goes on then, when others have its partitions.
func frozen(t *testing.T, w *world, _ *rand.Rand) {
	w.sink.Script(slowly)
	sleeper, other := w.refine(t, "sleeper"), w.refine(t, "other")
	eventually(t, func() bool { return w.broker.Members(w.group()) == 2 }, "both consumers have partitions")
	reader := w.reader(t)
	eventually(t, func() bool { return w.sink.Distinct() > 0 }, "it is refined")
	sleeper.Signal(syscall.SIGSTOP)
	eventually(t, func() bool { return w.broker.Members(w.group()) == 1 }, "the group goes on without it")
	sleeper.Signal(syscall.SIGCONT)
	eventually(t, func() bool { return w.broker.Members(w.group()) == 2 }, "it is back")
	require.Zero(t, reader.WaitFor(brokerPatience), "%s", reader.Logs())
	w.arrived(t, brokerPatience)
	repeated := otlpsink.Repeated(w.sink.Spans())
	t.Logf("%d of %d traces came again", repeated, *tracesFlag)
	require.LessOrEqual(t, repeated, pollAtRisk)
	for _, p := range []*collector.Process{sleeper, other} {
		p.Signal(syscall.SIGTERM)
		p.Done(0)
	}
}

// hang is an answer that does not come.
const hang = -100

// longBlips: the destination gives each of these answers for 1 to 15 s. Everything arrives, no partition stops, and
// nothing becomes a dead letter.
func longBlips(t *testing.T, w *world, random *rand.Rand) {
	blips := &blips{answers: []int{400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, otlpsink.Reset, hang}}
	random.Shuffle(len(blips.answers), func(i, j int) {
		blips.answers[i], blips.answers[j] = blips.answers[j], blips.answers[i]
	})
	for range blips.answers {
		blips.lengths = append(blips.lengths, time.Second+time.Duration(random.Int64N(int64(14*time.Second))))
	}
	t.Log(blips.answers, blips.lengths)
	w.sink.Script(blips.answer)
	w.reader(t).Done(0)
	consumers := []*collector.Process{w.refine(t, "first"), w.refine(t, "second")}
	within(t, brokerPatience, func() bool {
		return w.hasArrived() || w.broker.Messages(w.topic+"-dead") > 0
	}, "everything arrives and is committed")
	require.Zero(t, w.broker.Messages(w.topic+"-dead"), "dead letters")
	require.Empty(t, blips.left(), "the answers that were not played")
	for _, p := range consumers {
		p.Signal(syscall.SIGTERM)
		p.Done(0)
	}
}

// reshard: two readers are stopped in the middle, three go on, and one finishes. Each imports what the ones before
// know. Nothing is lost, and only what was in work comes again.
func reshard(t *testing.T, w *world, _ *rand.Rand) {
	w.sink.Script(slowly)
	consumer := w.refine(t, "only")
	var former []string
	for i, count := range []int{2, 3, 1} {
		var readers []*collector.Process
		var folders []string
		for index := range count {
			name := fmt.Sprintf("reader-%d-of-%d", index, count)
			args := []string{fmt.Sprintf("--set=receivers::mlflow::shard::index=%d", index),
				fmt.Sprintf("--set=receivers::mlflow::shard::count=%d", count)}
			if former != nil {
				args = append(args, "--set=receivers::mlflow::shard::import=["+strings.Join(former, ", ")+"]")
			}
			readers = append(readers, w.readerIn(t, name, args...))
			folders = append(folders, filepath.Join(w.dir, name, "position"))
		}
		former = folders
		if mark := w.store.Spans * (i + 1) / 3; count > 1 {
			within(t, brokerPatience, func() bool { return w.sink.Distinct() >= mark }, "a third more arrives")
			for _, p := range readers {
				p.Signal(syscall.SIGTERM)
			}
		}
		for _, p := range readers {
			p.WaitFor(brokerPatience)
		}
		if count == 1 {
			readers[0].Done(0)
		}
	}
	w.arrived(t, brokerPatience)
	repeated := otlpsink.Repeated(w.sink.Spans())
	t.Logf("%d of %d traces came again", repeated, *tracesFlag)
	require.LessOrEqual(t, repeated, 5*readerAtRisk)
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
}
