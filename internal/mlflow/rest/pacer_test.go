// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// busyFor is the virtual time that n clients need for requests of a second each, 12 in all.
func busyFor(t *testing.T, share float64, n int) (elapsed time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(share)
		start := time.Now()
		var clients sync.WaitGroup
		for range n {
			clients.Go(func() {
				for range 12 / n {
					if p.begin(context.Background()) != nil {
						t.Error("no turn")
						return
					}
					<-time.After(time.Second)
					p.end(time.Second)
				}
			})
		}
		clients.Wait()
		elapsed = time.Since(start)
	})
	return elapsed
}

// The last pause is not waited for.
func TestPacerShares(t *testing.T) {
	require.Equal(t, 12*time.Second, busyFor(t, 1, 1))
	require.Equal(t, 12*time.Second, busyFor(t, 0, 1))
	require.Equal(t, 23*time.Second, busyFor(t, 0.5, 1))
	require.Equal(t, 45*time.Second, busyFor(t, 0.25, 1))
	// Two at once, as a server with two workers takes them: half of its time again.
	require.Equal(t, 6*time.Second, busyFor(t, 1, 2))
	require.InDelta(t, 12, busyFor(t, 0.5, 2).Seconds(), 1.5)
}

func TestPacerCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(0.001)
		require.NoError(t, p.begin(t.Context()))
		p.end(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, p.begin(ctx), context.DeadlineExceeded)
		require.NoError(t, p.begin(context.Background()), "999 hours later")
		p.end(0)
		require.NoError(t, p.begin(t.Context()), "what brought no answer costs no pause")
		p.end(0)
	})
}
