// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// readAll reads every trace of a store in pages of the given size.
func readAll(t testing.TB, s *Store, page int) (map[string]*mlflow.Trace, map[string]*mlflow.Skip) {
	t.Helper()
	ctx := context.Background()
	traces, skips := map[string]*mlflow.Trace{}, map[string]*mlflow.Skip{}
	experiments, err := s.Experiments(ctx)
	require.NoError(t, err)
	for _, e := range experiments {
		r := mlflow.Range{ExperimentID: e.ID}
		var at mlflow.Position
		var read int64
		for {
			infos, err := s.Infos(ctx, r, at, page)
			require.NoError(t, err)
			if len(infos) == 0 {
				break
			}
			for i := range infos {
				p := mlflow.Position{Timestamp: infos[i].Timestamp, ID: infos[i].ID}
				require.True(t, at.Less(p))
				at = p
			}
			seen := make([]int, len(infos))
			require.NoError(t, s.Traces(ctx, infos, func(i int, tr *mlflow.Trace, skip *mlflow.Skip) error {
				seen[i]++
				read++
				require.True(t, (tr == nil) != (skip == nil))
				if skip != nil {
					skips[infos[i].ID] = skip
				} else {
					require.Equal(t, infos[i].ID, tr.Info.ID)
					traces[infos[i].ID] = tr
				}
				return nil
			}))
			for i := range seen {
				require.Equal(t, 1, seen[i])
			}
		}
		n, err := s.Count(ctx, r)
		require.NoError(t, err)
		require.Equal(t, n, read)
	}
	return traces, skips
}

// A file has no users: mode check asks servers only for permissions.
func TestFileHasNoGrants(t *testing.T) {
	_, asks := any(open(t, filepath.Join("..", "..", "..", "testdata", "sample", "mlflow.db"))).(mlflow.Grantor)
	require.False(t, asks)
}
