// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package display

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func TestLine(t *testing.T) {
	for name, tc := range map[string]struct {
		p    Progress
		want string
	}{
		"total known": {Progress{Done: 25, Total: 100, Spans: 80}, "25 of 100 traces (25%)  80 spans  2/s  30s left"},
		"total unknown": {Progress{Done: 25, Total: -1, Spans: 80, Skipped: 2, Rejected: 1},
			"25 traces  80 spans  2/s  skipped 2  rejected 1"},
		"nothing yet": {Progress{Total: 100}, "0 of 100 traces (0%)  0 spans  0/s"},
		"done":        {Progress{Done: 100, Total: 100}, "100 of 100 traces (100%)  0 spans  10/s"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, tc.p.Line(10*time.Second)) })
	}
}

func TestOf(t *testing.T) {
	a := progress.Experiment{SourceCount: 100, Earlier: progress.Totals{Read: 40},
		Run: progress.Totals{Read: 20, Accepted: 10, Spans: 30, Rejected: 1,
			Skipped: map[mlflow.Reason]int64{mlflow.ReasonNoSpans: 2}}}
	require.Equal(t, Progress{Done: 13, Total: 60, Spans: 30, Skipped: 2, Rejected: 1}, Of([]progress.Experiment{a}))
	unknown := a
	unknown.SourceCount = -1
	require.Equal(t, int64(-1), Of([]progress.Experiment{unknown, a}).Total)
}

func TestRecordsAtMostEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Run(ctx, nil, zap.New(core), func() Progress { return Progress{Done: 50, Total: 100} })
		}()
		<-time.After(35 * time.Second) // by the bubble's clock
		cancel()
		<-done
		require.Equal(t, 3, logs.Len())
		require.EqualValues(t, 50, logs.All()[0].ContextMap()["percent"])
	})
}

func TestTerminalLineIsDrawnAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Run(ctx, &out, zap.NewNop(), func() Progress { return Progress{Done: 5, Total: 10} })
		}()
		<-time.After(1100 * time.Millisecond) // by the bubble's clock
		cancel()
		<-done
		require.Equal(t, 2, bytes.Count(out.Bytes(), []byte("5 of 10 traces (50%)")))
		require.True(t, bytes.HasSuffix(out.Bytes(), []byte("\r\x1b[K")), "the line is cleared at the end")
	})
}

// What is thrown away or goes to a file is no terminal: the log says how far a run came then.
func TestTerminal(t *testing.T) {
	opened := func(name string, flags int) *os.File {
		fd, err := syscall.Open(name, flags, 0o600)
		if err != nil {
			t.Skip("NOT RUN: ", name, err)
		}
		f := os.NewFile(uintptr(fd), "/dev/stderr") // as a shell hands it over
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	t.Setenv("TERM", "xterm")
	null, file := opened(os.DevNull, os.O_WRONLY), opened(filepath.Join(t.TempDir(), "log"), os.O_CREATE|os.O_WRONLY)
	require.Nil(t, terminal(null, file))
	device := opened("/dev/ptmx", os.O_RDWR)
	require.Same(t, device, terminal(null, device))
	t.Setenv("TERM", "dumb")
	require.Nil(t, terminal(null, device))
}
