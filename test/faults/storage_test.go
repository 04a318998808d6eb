// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"math/rand/v2"
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

// flips is how many files with flipped bits are tried.
const flips = 3

// A position file that was damaged between two runs: everything arrives, or the next run ends with an
// error, and everything arrives once the file is removed. A run never says complete while something is
// missing.
func TestDamagedPositionFile(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seedFlag, 5))
	damages := map[string]func([]byte) []byte{
		"emptied":         func([]byte) []byte { return nil },
		"text":            func([]byte) []byte { return []byte("restored by hand") },
		"half":            func(b []byte) []byte { return b[:len(b)/2] },
		"a page of zeros": func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+4096]); return b },
	}
	for i := range flips {
		at := make([]float64, 8)
		for j := range at {
			at[j] = random.Float64()
		}
		damages[fmt.Sprintf("flipped bits %d", i)] = func(b []byte) []byte {
			for _, x := range at {
				b[int(x*float64(len(b)))] ^= 0x10
			}
			return b
		}
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const traces, late = 300, 10
			source := history(t, "3.17.2", traces, 2)
			sink, dir := otlpsink.New(t), t.TempDir()
			c := small(collector.Backfill(source.URL(), dir).ToOTLP(sink.URL, nil))
			collector.Run(t, dir, c, 0)
			for i := range late {
				source.Add(source.Synthetic("1", traces+i, 2, 10))
			}
			path := positionFile(t, dir)
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage(body), 0o600))
			require.NoError(t, os.Remove(filepath.Join(dir, "log")))

			p := collector.Start(t, dir, c)
			status := p.Wait()
			t.Logf("status %d: %s", status, headline(p))
			if status == 0 {
				requireAll(t, dir, sink, 2*(traces+late))
				return
			}
			require.Equal(t, 1, status, p.Logs())
			assert.Contains(t, p.Out()+p.Logs(), "damaged")
			require.NoError(t, os.RemoveAll(filepath.Dir(path)))
			collector.Run(t, dir, c, 0)
			requireAll(t, dir, sink, 2*(traces+late))
		})
	}
}

// positionFile is the only file of the storage of a run.
func positionFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "position", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

// A damaged file of an exporter's queue ends the start with an error that names it, too.
func TestDamagedQueueFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := collector.Backfill(history(t, "3.17.2", 20, 2).URL(), dir).ToOTLP("http://"+collector.FreeAddress(t), nil).
		Set("exporters::otlp_http::sending_queue", map[string]any{"storage": "file_storage"}).
		Set("receivers::mlflow::on_complete", "stay")
	report := filepath.Join(dir, "report.json")
	p := collector.Start(t, dir, c)
	Eventually(t, func() bool { // the queue has everything
		body, err := os.ReadFile(report)
		return err == nil && strings.Contains(string(body), "handed over: 20 of 20 traces")
	}, "the backfill hands over")
	p.Signal(syscall.SIGTERM)
	p.Wait()
	path := filepath.Join(dir, "position", "exporter_otlp_http__traces")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()/2))
	collector.Run(t, dir, c, 1)
	assert.Contains(t, p.Logs(), path+" is damaged: it was cut, it has ")
}
