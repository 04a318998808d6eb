// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// model is a server with a number of workers: requests beyond that wait, and slow the others down.
type model struct {
	mu      sync.Mutex
	workers int
	now     int
}

func (m *model) serve() {
	m.mu.Lock()
	m.now++
	factor := 1.0
	if m.now > m.workers {
		factor = float64(m.now) / float64(m.workers) * 1.1
	}
	m.mu.Unlock()
	<-time.After(time.Duration(factor * float64(70*time.Millisecond)))
	m.mu.Lock()
	m.now--
	m.mu.Unlock()
}

func (m *model) scale(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.workers = n
}

// drive sends requests from several goroutines through the gate until the time is over, and returns
// how many.
func drive(t *testing.T, g *gate, m *model, callers int, pause, during time.Duration) (n int) {
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for g.acquire(ctx) == nil {
				m.serve()
				g.release(1<<20, false)
				mu.Lock()
				n++
				mu.Unlock()
				if pause > 0 { // a timer that is due at once crashes the race detector in a bubble (Go 1.26)
					<-time.After(pause)
				}
			}
		})
	}
	wg.Wait()
	return n
}

func TestGateAdapts(t *testing.T) {
	for name, tt := range map[string]struct {
		workers, max, callers int
		pause                 time.Duration
		want                  int
	}{
		"one worker":         {workers: 1, max: 4, callers: 6, want: 1},
		"two workers":        {workers: 2, max: 4, callers: 6, want: 2},
		"four workers":       {workers: 4, max: 8, callers: 8, want: 4},
		"bound of the user":  {workers: 4, max: 2, callers: 8, want: 2},
		"one at a time":      {workers: 4, max: 1, callers: 8, want: 1},
		"too little to tell": {workers: 4, max: 4, callers: 1, pause: time.Second, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, m := newGate(tt.max), &model{workers: tt.workers}
				drive(t, g, m, tt.callers, tt.pause, 25*time.Second)
				require.Equal(t, tt.want, g.limit)
				require.Zero(t, g.inFlight)

				// The trials that bring nothing cost little.
				if tt.pause == 0 {
					n := drive(t, g, m, tt.callers, tt.pause, 10*time.Minute)
					best := float64(min(tt.workers, tt.max)) * 600 / 0.07
					require.Greater(t, float64(n), 0.97*best)
				}
			})
		})
	}
}

func TestGateFollowsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, m := newGate(4), &model{workers: 1}
		drive(t, g, m, 6, 0, time.Minute)
		require.Equal(t, 1, g.limit)
		m.scale(3)
		drive(t, g, m, 6, 0, 20*time.Minute)
		require.Equal(t, 3, g.limit)
		m.scale(1)
		drive(t, g, m, 6, 0, 40*time.Minute)
		require.Equal(t, 1, g.limit, "what paid once has to prove itself again")
		m.scale(3)
		drive(t, g, m, 6, 0, 20*time.Minute)
		require.NoError(t, g.acquire(t.Context()))
		g.release(0, true)
		require.Equal(t, 1, g.limit, "overload")
	})
}

func TestGateHoldsNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		require.NoError(t, g.acquire(t.Context()))
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- g.acquire(ctx) }()
		synctest.Wait()
		got := make(chan error, 1)
		go func() { got <- g.acquire(t.Context()) }()
		synctest.Wait()
		cancel(stop)
		require.ErrorIs(t, <-failed, stop)
		g.release(1, false)
		require.NoError(t, <-got)
		g.release(1, false)
		require.Zero(t, g.inFlight)
		require.Empty(t, g.waiters)
	})
}
