// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseURI(t *testing.T) {
	for uri, want := range map[string]string{
		"sqlite:///mlflow.db":            "mlflow.db",
		"sqlite:///data/ml flow%20.db":   "data/ml flow%20.db",
		"sqlite:///../mlflow.db":         "../mlflow.db",
		"sqlite:////data/mlflow.db":      "/data/mlflow.db",
		"sqlite:///C:/data/mlflow.db":    "C:/data/mlflow.db",
		`sqlite:///C:\data\mlflow.db`:    `C:\data\mlflow.db`,
		"sqlite+pysqlite:///mlflow.db":   "mlflow.db",
		"SQLite:////data/#1/mlflow.db":   "/data/#1/mlflow.db",
		"sqlite:////data/ünïcode/ä b.db": "/data/ünïcode/ä b.db",
	} {
		got, err := ParseURI(uri)
		require.NoError(t, err, uri)
		require.Equal(t, want, got.Path)
		require.True(t, IsStoreURI(uri))
	}
	for uri, want := range map[string]string{
		"sqlite://":                    "in memory",
		"sqlite:///":                   "in memory",
		"sqlite:///:memory:":           "in memory",
		"sqlite:":                      "in memory",
		"sqlite://mlflow.db":           "wrong number of slashes; write sqlite:///mlflow.db",
		"sqlite:/data/mlflow.db":       "wrong number of slashes",
		"sqlite:mlflow.db":             "wrong number of slashes",
		"sqlite://///data/mlflow.db":   "too many slashes",
		"sqlite:///file:mlflow.db":     "file: spelling",
		"sqlite:///mlflow.db?mode=rwc": "remove the options",
		"sqlite:///a\x00b":             "NUL",
		"http://localhost":             "only sqlite:/// is",
		"postgresql://u:secret@h":      "no database is named",
		"mlflow.db":                    "only sqlite:/// is",
		"":                             "only sqlite:/// is",
	} {
		_, err := ParseURI(uri)
		require.ErrorContains(t, err, want, uri)
		require.NotContains(t, err.Error(), "secret")
	}
}

func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{"sqlite:///a.db", "sqlite:////a/b.db", "sqlite://", "sqlite+x:///C:\\a", "http://h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		target, err := ParseURI(uri)
		require.True(t, err != nil || target.Path != "" || target.URL.Database != "")
		require.True(t, err != nil || IsStoreURI(uri))
	})
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "text.db")
	require.NoError(t,
		os.WriteFile(file,
			[]byte("this is not a database, but long enough to look like a page of one ............................"),
			0o600))
	empty := filepath.Join(dir, "empty.db")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	opts := Options{MaxTraceSize: 1 << 20}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.db"): "there is no file " + filepath.Join(dir, "none.db"),
		dir:                           "is a folder",
		file:                          "is not an SQLite database",
		empty:                         "found no schema revision, but there is no table experiments",
		os.DevNull:                    "is not a regular file",
	} {
		_, err := Open(context.Background(), Target{Path: path}, opts)
		require.ErrorContains(t, err, want)
	}
	sample := Target{Path: testdata + "sample/mlflow.db"}
	_, err := Open(context.Background(), sample, Options{})
	require.ErrorContains(t, err, "must be positive")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Open(ctx, sample, opts)
	require.ErrorIs(t, err, context.Canceled)
}

// TestOpenOddPath opens a file whose name means something in an URI.
func TestOpenOddPath(t *testing.T) {
	for _, name := range []string{"a b.db", "100%.db", "what?.db", "a#b.db", "ünïcode.db", "%41.db", "a&mode=rwc.db"} {
		dir := filepath.Join(t.TempDir(), "f?o#o %2f")
		require.NoError(t, os.Mkdir(dir, 0o700))
		data, err := os.ReadFile(testdata + "sample/mlflow.db")
		require.NoError(t, err)
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		s := open(t, path)
		d, err := s.Describe(context.Background())
		require.NoError(t, err)
		require.Equal(t, path, d.Location)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "nothing was created")
	}
}
