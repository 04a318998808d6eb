// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package stores compares what is read from SQLite with what is read from PostgreSQL and MariaDB, and shows how
// reading goes on when those servers fail.
package stores

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

func TestMain(m *testing.M) {
	status := m.Run()
	databases.StopAll()
	if status == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			status = 1
		}
	}
	os.Exit(status)
}

// servers are the kinds of database servers.
var servers = map[string]func() (*databases.Server, error){"PostgreSQL": databases.Postgres,
	"MariaDB": databases.MariaDB}

// each runs a test with each kind of server.
func each(t *testing.T, test func(t *testing.T, db *databases.Server)) {
	for name, get := range servers {
		t.Run(name, func(t *testing.T) { test(t, databases.Need(t, get)) })
	}
}

// options are those of the tests.
var options = store.Options{MaxTraceSize: 64 << 20}

// open opens a store.
func open(t testing.TB, uri string, options store.Options) mlflow.Source {
	t.Helper()
	target, err := store.ParseURI(uri)
	require.NoError(t, err)
	var s mlflow.Source
	if target.URL == nil {
		s, err = store.Open(context.Background(), target, options)
	} else {
		s, err = store.OpenServer(target, options)
	}
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// recorded are the stores of the test data.
func recorded(t testing.TB) map[string]string {
	t.Helper()
	paths := map[string]string{"sample": filepath.Join(collector.Root(), "testdata", "sample", "mlflow.db")}
	found, err := filepath.Glob(filepath.Join(collector.Root(), "testdata", "stores", "*", "mlflow.db"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, path := range found {
		paths[filepath.Base(filepath.Dir(path))] = path
	}
	return paths
}

// placed is a copy of an SQLite store without artifacts beside it.
func placed(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "mlflow.db")
	require.NoError(t, os.WriteFile(to, content, 0o600))
	return to
}

// change runs statements on an SQLite store.
func change(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// list reads the infos of a range in pages.
func list(t testing.TB, s mlflow.Source, r mlflow.Range, limit int) (infos []mlflow.Info) {
	t.Helper()
	for at := (mlflow.Position{}); ; {
		page, err := s.Infos(t.Context(), r, at, limit)
		require.NoError(t, err)
		if len(page) == 0 {
			return infos
		}
		require.LessOrEqual(t, len(page), limit)
		for _, i := range page {
			next := mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}
			require.True(t, at.Less(next), "%v comes after %v", next, at)
			at = next
		}
		infos = append(infos, page...)
	}
}

// read reads traces.
func read(t testing.TB, s mlflow.Source, infos []mlflow.Info) ([]*mlflow.Trace, []*mlflow.Skip) {
	t.Helper()
	traces, skips := make([]*mlflow.Trace, len(infos)), make([]*mlflow.Skip, len(infos))
	handed := 0
	require.NoError(t, s.Traces(t.Context(), infos, func(i int, trace *mlflow.Trace, skip *mlflow.Skip) error {
		require.True(t, traces[i] == nil && skips[i] == nil)
		traces[i], skips[i] = trace, skip
		handed++
		return nil
	}))
	require.Len(t, infos, handed)
	return traces, skips
}
