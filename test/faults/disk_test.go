// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// smallDisk mounts a file system of its own with so many KiB and a file that takes all of them but free.
// The test may remove that file.
func smallDisk(t *testing.T, size, free int) (dir, ballast string) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size))
	if errors.Is(err, syscall.EPERM) {
		t.Skip("NOT RUN: to mount a small file system needs root")
	}
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, 0)) })
	ballast = filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, (size-free)<<10), 0o600))
	return dir, ballast
}

// A backfill whose disk is full waits and says so, and goes on once there is room: the position and the
// file of traces lose nothing, and every line of the file is whole.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const traces, spans = 600, 3
	t.Run("of the position", func(t *testing.T) {
		t.Parallel()
		disk, ballast := smallDisk(t, 1024, 36)
		sink, dir := otlpsink.New(t), t.TempDir()
		c := small(collector.Backfill(history(t, "3.17.2", traces, spans).URL(), dir).ToOTLP(sink.URL, nil)).
			Set("extensions::file_storage::directory", filepath.Join(disk, "position"))
		p := collector.Start(t, dir, c)
		Eventually(t, func() bool { return strings.Contains(p.Logs(), "no space left on device") }, "the log says it")
		require.False(t, p.Ended())
		require.NoError(t, os.Remove(ballast))
		p.Done(0)
		requireAll(t, dir, sink, traces*spans)
		require.Zero(t, sink.Repeated())
	})
	t.Run("of the traces", func(t *testing.T) {
		t.Parallel()
		disk, ballast := smallDisk(t, 4096, 100)
		dir := t.TempDir()
		c := small(collector.Backfill(history(t, "3.17.2", traces, spans).URL(), dir)).
			Set("exporters::file::path", filepath.Join(disk, "traces.jsonl"))
		p := collector.Start(t, dir, c)
		Eventually(t, func() bool { return strings.Contains(p.Logs(), "no space left on device") }, "the log says it")
		require.False(t, p.Ended())
		require.NoError(t, os.Remove(ballast))
		p.Done(0)
		all, broken := collector.ReadTraces(t, disk)
		t.Logf("%d lines were torn; %s", len(broken), headline(p))
		require.Len(t, otlpsink.Count(all), traces*spans)
		require.Len(t, broken, 1)
	})
}
