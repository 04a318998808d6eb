// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file has few connections, whatever the number of readers: who finds none free waits, and no longer than it may.
func TestConnectionsAreFew(t *testing.T) {
	const uri = "file:../../../testdata/sample/mlflow.db?mode=ro"
	require.Equal(t, 1, cap(newConnections(uri, 0).used))
	require.LessOrEqual(t, cap(newConnections(uri, 64).used), runtime.GOMAXPROCS(0))

	p := newConnections(uri, 1)
	defer p.close()
	first, err := p.get(t.Context())
	require.NoError(t, err)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = p.get(ended)
	require.ErrorIs(t, err, context.Canceled)

	second := make(chan error)
	go func() {
		c, err := p.get(t.Context())
		if err == nil {
			p.put(c)
		}
		second <- err
	}()
	p.put(first)
	require.NoError(t, <-second)
	require.Len(t, p.idle, 1)
	require.Empty(t, p.used)
}

func TestConnectionsAfterAFailure(t *testing.T) {
	p := newConnections("file:none?mode=ro", 1)
	for range 2 {
		_, err := p.get(t.Context())
		require.Error(t, err)
	}
	p.close()
	_, err := p.get(t.Context())
	require.ErrorContains(t, err, "the store is closed")
	require.Empty(t, p.used)
}
