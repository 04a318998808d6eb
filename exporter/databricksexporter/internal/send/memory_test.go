// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMemoryBudget(t *testing.T) {
	m := newMemoryBudget(100)
	require.NoError(t, m.acquire(t.Context(), 60, 6, false))
	require.NoError(t, m.acquire(t.Context(), 40, 4, false))
	require.ErrorIs(t, m.acquire(t.Context(), 1, 1, false), errFull)
	m.release(5)
	require.EqualValues(
		t,
		50,
		m.used(),
		"bytes go by their part of the items: a queue that batches keeps the number of those",
	)
	m.release(5)
	require.Zero(t, m.used())
	require.NoError(t, m.acquire(t.Context(), 1000, 1, false), "a single batch may be larger than the bound")
	require.ErrorIs(t, m.acquire(t.Context(), 1, 1, false), errFull)
	m.release(7)
	require.Zero(t, m.used(), "no more is given back than was taken")
	m.release(1)
	require.Zero(t, m.used())
}

func TestMemoryBudgetWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryBudget(100)
		require.NoError(t, m.acquire(t.Context(), 100, 1, true))
		got := make(chan error, 1)
		go func() { got <- m.acquire(context.Background(), 50, 1, true) }()
		synctest.Wait()
		require.Empty(t, got)
		m.release(1)
		synctest.Wait()
		require.NoError(t, <-got)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := m.acquire(ctx, 51, 1, true)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errFull)

		go func() { got <- m.acquire(context.Background(), 51, 1, true) }()
		synctest.Wait()
		m.close()
		synctest.Wait()
		require.ErrorIs(t, <-got, errClosed)
		require.ErrorIs(t, m.acquire(t.Context(), 1, 1, true), errClosed)
	})
}
