// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

const sampleSpans, sampleTraces = 598, 122

// stopLimit is the ten seconds that a stop may take, and as much again for a busy machine.
const stopLimit = 20 * time.Second

// quick makes the receiver try again soon.
func quick(c collector.Config) collector.Config {
	return c.Set("receivers::mlflow::retry_on_failure",
		map[string]any{"initial_interval": "50ms", "max_interval": "200ms"})
}

// refuse is an answer that refuses everything.
func refuse(status int) otlpsink.Answer {
	return func(ptrace.Traces, <-chan struct{}) (int, string) { return status, "nobody may write here" }
}

func TestExitEmptyAndFinished(t *testing.T) {
	t.Parallel()
	t.Run("empty", func(t *testing.T) {
		dir := t.TempDir()
		for range 3 { // the process ends before the collector has installed its signal handler, or after it
			p := collector.Run(t, dir, collector.Backfill("sqlite:///"+sample,
				dir).Set("receivers::mlflow::experiments::names", []any{"Default"}), 0)
			assert.Contains(t, p.Out(), "complete: 0 of 0 traces")
		}
	})
	t.Run("finished", func(t *testing.T) {
		dir, sink := t.TempDir(), otlpsink.New(t)
		c := collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil)
		collector.Run(t, dir, c, 0)
		requests := sink.Requests()
		p := collector.Run(t, dir, c, 0)
		assert.Contains(t, p.Out(), "nothing new; 122 traces with 598 spans acknowledged earlier")
		assert.Equal(t, requests, sink.Requests())
		assert.Len(t, sink.Spans(), sampleSpans)
	})
}

// The process ends when both receivers are done, not when the first one is.
func TestExitTwoReceivers(t *testing.T) {
	t.Parallel()
	dir, slow, fast := t.TempDir(), otlpsink.New(t), otlpsink.New(t)
	fastDone := make(chan struct{})
	slow.Script(func(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
		select {
		case <-fastDone:
			wait(gone, time.Second) // the other receiver has been done for a while
		case <-gone:
		}
		return 0, ""
	})
	c := collector.Backfill("sqlite:///"+sample, dir)
	receivers := c["receivers"].(map[string]any)
	one := receivers["mlflow"].(map[string]any)
	two := map[string]any{}
	maps.Copy(two, one)
	delete(receivers, "mlflow")
	receivers["mlflow/one"], receivers["mlflow/two"] = one, two
	two["experiments"] = map[string]any{"names": []any{"support-bot-eval"}}
	c.ToOTLP(slow.URL, nil).Set("exporters::otlp_http/fast", collector.OTLP(fast.URL, nil))
	c.Set("service::pipelines", map[string]any{
		"traces/slow": map[string]any{"receivers": []any{"mlflow/one"}, "exporters": []any{"otlp_http"}},
		"traces/fast": map[string]any{"receivers": []any{"mlflow/two"}, "exporters": []any{"otlp_http/fast"}},
	})
	p := collector.Start(t, dir, c)
	eventually(t, func() bool { return fast.Distinct() == 64 }, "the fast one")
	close(fastDone)
	p.Done(0)
	assert.Equal(t, sampleSpans, slow.Distinct())
	assert.Len(t, collector.ReadReport(t, dir).Receivers, 2)
}

// A SIGTERM in the moment in which the last receiver is done ends the process like any other, and
// the exit status says what the report says.
func TestExitSignalInTheSameMoment(t *testing.T) {
	t.Parallel()
	for range 5 {
		dir, sink := t.TempDir(), otlpsink.New(t)
		p := collector.Start(t, dir, collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil))
		eventually(t, func() bool { return sink.Distinct() == sampleSpans }, "everything has arrived")
		p.Signal(syscall.SIGTERM)
		status := p.WaitFor(stopLimit)
		if report := collector.ReadReport(t, dir).Receivers[0]; report.Complete {
			assert.Zero(t, status)
		} else {
			assert.Equal(t, 1, status)
		}
	}
}

// SIGTERM ends the process in time although the destination does not answer, the position has not
// moved, and the next run delivers.
func TestStopWhileDestinationIsDown(t *testing.T) {
	for name, script := range map[string]otlpsink.Answer{
		"hangs":       func(_ ptrace.Traces, gone <-chan struct{}) (int, string) { <-gone; return 503, "" },
		"unavailable": refuse(http.StatusServiceUnavailable),
		"refuses all": refuse(http.StatusForbidden),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, sink := t.TempDir(), otlpsink.New(t)
			sink.Script(script)
			c := quick(collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil))
			p := collector.Start(t, dir, c)
			eventually(t, func() bool { return sink.Requests() > 0 }, "the first request")
			p.Signal(syscall.SIGTERM)
			assert.Equal(t, 1, p.WaitFor(stopLimit), "an unfinished backfill is not a success")
			report := collector.ReadReport(t, dir).Receivers[0]
			assert.False(t, report.Complete)
			assert.Zero(t, report.Totals.Accepted)
			assert.Zero(t, report.Totals.Rejected)
			assert.Zero(t, report.Totals.Skipped["rejected"])
			assert.Contains(t, p.Out(), "stopped by SIGTERM after 0 of 123 traces; running again continues")

			sink.Script(nil)
			collector.Run(t, dir, c, 0)
			assert.Equal(t, sampleSpans, sink.Distinct())
			requireOnce(t, sink.Spans())
		})
	}
	t.Run("not listening", func(t *testing.T) {
		t.Parallel()
		dir, sink := t.TempDir(), otlpsink.New(t)
		sink.Close()
		p := collector.Start(t, dir, collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil))
		eventually(t, func() bool { return strings.Contains(p.Logs(), "Exporting failed") }, "a failed attempt")
		p.Signal(syscall.SIGTERM)
		assert.Equal(t, 1, p.WaitFor(stopLimit))
	})
}

// A destination that refuses everything holds the run: nothing is listed as rejected, the position
// stays, and after give_up_after the status is 1.
func TestRefusedAltogether(t *testing.T) {
	t.Parallel()
	dir, sink := t.TempDir(), otlpsink.New(t)
	sink.Script(refuse(http.StatusForbidden))
	c := collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil).
		Set("receivers::mlflow::retry_on_failure", map[string]any{"initial_interval": "50ms", "max_interval": "200ms"}).
		Set("receivers::mlflow::give_up_after", "2s")
	p := collector.Run(t, dir, c, 1)
	report := collector.ReadReport(t, dir).Receivers[0]
	assert.Zero(t, report.Totals.Accepted)
	assert.Zero(t, report.Totals.Rejected)
	assert.Empty(t, collector.ReadSkipped(t, dir))
	first, _, _ := strings.Cut(p.Out(), "\n")
	assert.Contains(t, first, "the destination accepted nothing for 2s")
	assert.Contains(t, first, "nobody may write here")
	assert.Contains(t, first, "running again continues")
	sink.Script(nil)
	collector.Run(t, dir, c, 0)
	assert.Equal(t, sampleSpans, sink.Distinct())
}

// It holds for as long as it takes, and goes on by itself when the destination takes data again.
func TestRefusedForAWhile(t *testing.T) {
	t.Parallel()
	dir, sink := t.TempDir(), otlpsink.New(t)
	sink.Script(refuse(http.StatusUnauthorized))
	p := collector.Start(t, dir, quick(collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil)))
	eventually(t, func() bool { return strings.Contains(p.Logs(), waiting) }, "the log says why it waits")
	sink.Script(nil)
	p.Done(0)
	assert.Equal(t, sampleSpans, sink.Distinct())
	assert.Empty(t, rejected(t, dir))
}

// waiting is what the log says while nothing passes.
const waiting = "Waiting for the destination; the position stays"

func rejected(t *testing.T, dir string) (list []collector.SkippedTrace) {
	for _, s := range collector.ReadSkipped(t, dir) {
		if s.Reason == "rejected" {
			list = append(list, s)
		}
	}
	return list
}

// One trace that the destination always refuses stays pending with the destination's message:
// everything else arrives, the status is 1, and a later run delivers it.
func TestRefusedTrace(t *testing.T) {
	t.Parallel()
	const bad = "tr-424b1fee9709931505d95954058b4714"
	dir, sink := t.TempDir(), otlpsink.New(t)
	sink.Script(func(td ptrace.Traces, _ <-chan struct{}) (status int, message string) {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			if s.TraceID() == traceID(t, bad) {
				status, message = http.StatusBadRequest, "this one is not liked"
			}
		})
		return status, message
	})
	c := quick(collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil))
	p := collector.Run(t, dir, c, 1)
	assert.Empty(t, rejected(t, dir), "it may be a fault of the destination")
	first, _, _ := strings.Cut(p.Out(), "\n")
	assert.Contains(t, first, "1 refused: ")
	assert.Contains(t, first, "this one is not liked")
	report := collector.ReadReport(t, dir).Receivers[0]
	assert.EqualValues(t, 1, report.Totals.Pending["refused"])
	assert.EqualValues(t, sampleTraces-1, report.Totals.Accepted)
	requireOnce(t, sink.Spans())

	sink.Script(nil)
	collector.Run(t, dir, c, 0)
	assert.Equal(t, sampleSpans, sink.Distinct())
	requireOnce(t, sink.Spans())
}

// In a fan-out, one exporter that fails for good doesn't cost another one its data.
func TestFanOut(t *testing.T) {
	t.Parallel()
	dir, good, bad := t.TempDir(), otlpsink.New(t), otlpsink.New(t)
	bad.Script(refuse(http.StatusBadRequest))
	var outage atomic.Int64
	good.Script(func(ptrace.Traces, <-chan struct{}) (int, string) {
		if outage.Add(1) <= 3 {
			return http.StatusServiceUnavailable, "in a moment"
		}
		return 0, ""
	})
	c := quick(collector.Backfill("sqlite:///"+sample, dir)).Set("exporters::otlp_http/good",
		collector.OTLP(good.URL, nil)).
		Set("exporters::otlp_http/bad", collector.OTLP(bad.URL, nil)).Set("service::pipelines::traces::exporters",
		[]any{"otlp_http/good", "otlp_http/bad"}).
		Set("exporters::otlp_http/good::retry_on_failure", map[string]any{"enabled": false})
	p := collector.Start(t, dir, c)
	eventually(t, func() bool { return strings.Contains(p.Logs(), waiting) && good.Distinct() > 0 },
		"the log says why it waits")
	bad.Script(nil)
	p.Done(0)
	assert.Equal(t, sampleSpans, good.Distinct())
	assert.Equal(t, sampleSpans, bad.Distinct())
	assert.Empty(t, rejected(t, dir))
}

// What can't be written is found out at the start.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "not a folder")
	inside := filepath.Join(dir, "file", "inside")
	for key, c := range map[string]collector.Config{
		"mlflow_report": collector.Backfill("sqlite:///"+sample, dir).Set("extensions::mlflow_report::path",
			inside+"/report.json"),
		"file_storage": collector.Backfill("sqlite:///"+sample, dir).Set("extensions::file_storage::directory",
			inside),
	} {
		p := collector.Run(t, dir, c, 1)
		assert.Contains(t, p.Logs(), key)
		assert.Contains(t, p.Logs(), filepath.Dir(inside))
		require.NoError(t, os.Remove(filepath.Join(dir, "log")))
	}
	traces, _ := collector.ReadTraces(t, dir)
	assert.Empty(t, traces)
}

// Two processes can't share one position: the second one says so and ends.
func TestOnePosition(t *testing.T) {
	t.Parallel()
	dir, second, sink := t.TempDir(), t.TempDir(), otlpsink.New(t)
	sink.Script(func(_ ptrace.Traces, gone <-chan struct{}) (int, string) { <-gone; return 503, "" })
	p := collector.Start(t, dir, collector.Backfill("sqlite:///"+sample, dir).ToOTLP(sink.URL, nil))
	eventually(t, func() bool { return sink.Requests() > 0 }, "the first process reads")
	q := collector.Run(t, second, collector.Backfill("sqlite:///"+sample,
		second).Set("extensions::file_storage::directory", filepath.Join(dir, "position")), 1)
	assert.Contains(t, q.Logs(), "another process with the same storage folder is running")
	p.Signal(syscall.SIGTERM)
	p.WaitFor(stopLimit)
}

// What the report says about delivery is true of the configuration as the collector understands it,
// defaults included.
func TestDelivery(t *testing.T) {
	t.Parallel()
	sink := otlpsink.New(t)
	otlp := func(queue any) map[string]any {
		return map[string]any{"otlp_http": map[string]any{"endpoint": sink.URL, "sending_queue": queue,
			"middlewares": []any{map[string]any{"id": "mlflow_report"}}}}
	}
	for name, x := range map[string]struct {
		exporter map[string]any
		want     string
	}{
		"debug": {map[string]any{"debug": map[string]any{}}, "acknowledged"},
		"debug with a queue": {
			map[string]any{"debug": map[string]any{"sending_queue": map[string]any{"enabled": true}}}, "handed_over"},
		"queue by default": {map[string]any{"otlp_http": map[string]any{"endpoint": sink.URL}}, "handed_over"},
		"answers that nothing reads": {map[string]any{"otlp_http": map[string]any{"endpoint": sink.URL,
			"sending_queue": map[string]any{"enabled": false}}}, "handed_over"},
		"queue off":        {otlp(map[string]any{"enabled": false}), "acknowledged"},
		"queue that waits": {otlp(map[string]any{"wait_for_result": true}), "acknowledged"},
		"queue on disk":    {otlp(map[string]any{"storage": "file_storage"}), "handed_over"},
		"file without rotation": {map[string]any{"file": map[string]any{"path": filepath.Join(t.TempDir(), "t")}},
			"handed_over"},
		"file with rotation": {map[string]any{"file": map[string]any{"path": filepath.Join(t.TempDir(), "t"),
			"rotation": map[string]any{"max_backups": 0}}}, "acknowledged"},
		"file that deletes some": {map[string]any{"file": map[string]any{"path": filepath.Join(t.TempDir(), "t"),
			"rotation": map[string]any{}}}, "acknowledged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := collector.Backfill("sqlite:///"+sample, dir).Set("exporters", x.exporter)
			for id := range x.exporter {
				c.Set("service::pipelines::traces::exporters", []any{id})
			}
			status := 0
			if x.want != "acknowledged" {
				status = 1
			}
			collector.Run(t, dir, c, status)
			collector.Run(t, dir, c.Set("receivers::mlflow::accept", x.want), 0)
			report := collector.ReadReport(t, dir).Receivers[0]
			assert.Equal(t, x.want, report.Delivery)
			noted := x.want != "acknowledged" || name == "file that deletes some"
			assert.Equal(t, noted, len(report.DeliveryNotes) > 0, report.DeliveryNotes)
		})
	}
}
