// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// A configuration that is loaded again by SIGHUP goes on where the one before it was: with other intervals, with
// another filter and without one. What the filter selects now is delivered, and no span comes twice.
func TestReload(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	id := experiment(t, s.Server, t.Name())
	now := time.Now()
	border := now.Add(-24 * time.Hour).UnixMilli()
	earlier, later := fmt.Sprintf("timestamp_ms < %d", border), fmt.Sprintf("timestamp_ms >= %d", border)
	dir, sink := t.TempDir(), otlpsink.New(t)
	config := func(filter, interval string) collector.Config {
		c := tailing(s.URL, dir).ToOTLP(sink.URL, nil).
			Set("receivers::mlflow::experiments::names", []any{t.Name()}).
			Set("receivers::mlflow::collection_interval", interval)
		if filter != "" {
			c = c.Set("receivers::mlflow::filter", filter)
		}
		return c
	}
	want := 0
	add := func(n int, age time.Duration) {
		t.Helper()
		want += n
		seed(t, s.Server, mlflowserver.Login{}, id, n, now.Add(-age))
	}
	arrives := func() {
		t.Helper()
		eventually(t, func() bool { return sink.Distinct() == 2*want }, "%d traces", want)
	}
	add(3, 48*time.Hour)
	p := collector.Start(t, dir, config(earlier, "200ms"))
	arrives()
	reload := func(c collector.Config) {
		t.Helper()
		text, err := json.Marshal(c)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), text, 0o600))
		p.Signal(syscall.SIGHUP)
		arrives()
	}
	add(1, 49*time.Hour)
	reload(config(earlier, "300ms"))
	add(2, time.Hour)
	reload(config(later, "300ms"))
	add(1, 50*time.Hour)
	reload(config(earlier, "200ms"))
	add(1, 2*time.Hour)
	reload(config("", "200ms"))
	p.Signal(syscall.SIGTERM)
	p.Done(0)
	requireOnce(t, sink.Spans())
}
