// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// counting is a source whose traces take no time.
type counting struct {
	mlflow.Source
	mu   sync.Mutex
	most int // traces that it was asked for at once
}

func (c *counting) Traces(_ context.Context, infos []mlflow.Info,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) error {
	c.mu.Lock()
	c.most = max(c.most, len(infos))
	c.mu.Unlock()
	for i := range infos {
		if err := yield(i, &mlflow.Trace{Info: infos[i]}, nil); err != nil {
			return err
		}
	}
	return nil
}

func ids(n int) []mlflow.Info {
	infos := make([]mlflow.Info, n)
	for i := range infos {
		infos[i].ID = strconv.Itoa(i)
	}
	return infos
}

// Each trace is handed on once, under its own index, and no second has more of them than the limit.
func TestLimit(t *testing.T) {
	for _, c := range []struct {
		rate       float64
		n, calls   int
		part       int
		atLeast    time.Duration
		atMostMore time.Duration
	}{
		{10, 95, 1, 10, 8500 * time.Millisecond, time.Second},
		{0.5, 3, 1, 1, 4 * time.Second, 2 * time.Second},
		{1000, 2000, 2, 500, 3500 * time.Millisecond, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			inner := &counting{}
			s := Limit(inner, c.rate)
			begin := time.Now()
			var all errgroup.Group
			for range c.calls {
				all.Go(func() error {
					infos, next := ids(c.n), 0
					err := s.Traces(t.Context(), infos, func(i int, trace *mlflow.Trace, _ *mlflow.Skip) error {
						if i != next || trace.Info.ID != infos[i].ID {
							return fmt.Errorf("index %d of trace %s, want %d", i, trace.Info.ID, next)
						}
						next++
						return nil
					})
					if err == nil && next != c.n {
						err = fmt.Errorf("%d of %d traces", next, c.n)
					}
					return err
				})
			}
			require.NoError(t, all.Wait())
			require.LessOrEqual(t, inner.most, c.part)
			took := time.Since(begin)
			require.GreaterOrEqual(t, took, c.atLeast)
			require.LessOrEqual(t, took, c.atLeast+c.atMostMore)
		})
	}
}

// The end of the context ends the wait, and an error of the one who takes ends the call.
func TestLimitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Limit(&counting{}, 1)
		cause := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		n := 0
		err := s.Traces(ctx, ids(3), func(int, *mlflow.Trace, *mlflow.Skip) error {
			n++
			cancel(cause)
			return nil
		})
		require.ErrorIs(t, err, cause)
		require.Equal(t, 1, n)
		ends, end := context.WithTimeout(t.Context(), time.Millisecond)
		defer end()
		require.Error(t, s.Traces(ends, ids(3), func(int, *mlflow.Trace, *mlflow.Skip) error { return nil }),
			"there is no time to wait")
		full := errors.New("full")
		err = s.Traces(t.Context(), ids(3), func(int, *mlflow.Trace, *mlflow.Skip) error { return full })
		require.ErrorIs(t, err, full)
	})
}
