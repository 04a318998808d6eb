// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/source"
)

// BenchmarkShare compares the CPU time of counting with that of reading and converting the traces of the sample store.
// Both are taken in turn, so that the load of the machine changes the share little. A save follows every 100 traces.
func BenchmarkShare(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx := b.Context()
	s, _, err := source.Open(ctx, source.Settings{URI: "sqlite:///../../../../testdata/sample/mlflow.db",
		MaxTraceSize: 64 << 20, Concurrency: 1, SearchPage: 100, Host: componenttest.NewNopHost(),
		Telemetry: componenttest.NewNopTelemetrySettings()})
	require.NoError(b, err)
	defer func() { _ = s.Close() }()
	x := mlflow.Experiment{ID: "1", Name: "support-bot"}
	converter := genai.NewConverter(genai.Options{Payloads: genai.PayloadsStructured, CaptureContent: true})
	read := func() (list []*mlflow.Trace) {
		infos, err := s.Infos(ctx, mlflow.Range{ExperimentID: "1", To: 1 << 62}, mlflow.Position{}, 100)
		require.NoError(b, err)
		require.NoError(b, s.Traces(ctx, infos, func(_ int, t *mlflow.Trace, _ *mlflow.Skip) error {
			if t != nil {
				list = append(list, t)
			}
			return nil
		}))
		td := ptrace.NewTraces()
		for _, t := range list {
			converter.Append(td, x, t)
		}
		_, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(b, err)
		return list
	}
	var sum aggregate.Sum
	var without, counting time.Duration
	traces := 0
	for b.Loop() {
		begin := cpu(b, syscall.RUSAGE_SELF) // reading uses other threads, counting does not
		list := read()
		without += cpu(b, syscall.RUSAGE_SELF) - begin
		begin = cpu(b, rusageThread)
		sum.Add(Of("1", list, false, func([16]byte) *aggregate.Refined { return nil }))
		sum.Changes()
		counting += cpu(b, rusageThread) - begin
		traces += len(list)
	}
	b.ReportMetric(float64(without.Microseconds())/float64(traces), "µs/trace-without")
	b.ReportMetric(float64(counting.Microseconds())/float64(traces), "µs/trace-counting")
	b.ReportMetric(100*counting.Seconds()/without.Seconds(), "%")
}

// rusageThread is RUSAGE_THREAD of Linux.
const rusageThread = 1

// cpu is the CPU time that was used so far.
func cpu(b *testing.B, who int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(who, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
