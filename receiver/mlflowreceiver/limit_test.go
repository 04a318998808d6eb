// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
)

// traces_per_second bounds reading by REST and from a store alike: a second's worth is free, the rest takes its time.
func TestTracesPerSecond(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mlflow.db")
	body, err := os.ReadFile(filepath.Join("..", "..", "testdata", "sample", "mlflow.db"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, body, 0o600))
	for name, uri := range map[string]string{"REST": serve(t, "3.17.2", 120).URL(), "SQLite": "sqlite:///" + file} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := newSink()
			cfg := configure()
			cfg.TrackingURI, cfg.TracesPerSecond = opaque(uri), 80
			settings := receivertest.NewNopSettings(metadata.Type)
			r := start(t, cfg, settings, newHost(report), new(consumertest.TracesSink))
			run := <-report.runs
			require.NoError(t, r.Shutdown(t.Context()))
			require.True(t, run.Complete, run.Problems)
			var read int64
			for _, a := range run.Experiments {
				read += a.Run.Read
			}
			require.GreaterOrEqual(t, read, int64(100))
			require.GreaterOrEqual(t, run.Ended.Sub(run.Started).Seconds(), float64(read-80)/80)
		})
	}
}

// A slow receiver plans small windows: the position moves when one is done.
func TestWindowsOfASlowReceiver(t *testing.T) {
	for rate, want := range map[float64]int{0: 500, 0.01: 1, 0.5: 5, 20: 200, 80: 500, 10_000: 500} {
		cfg := configure()
		cfg.TracesPerSecond = rate
		require.Equal(t, want, (&mlflowReceiver{cfg: cfg}).windowSize(), rate)
		cfg.TracesPerSecond, cfg.Shard.Count = 4*rate, 4
		require.Equal(t, want, (&mlflowReceiver{cfg: cfg}).windowSize(), "a quarter of %v", 4*rate)
	}
}
