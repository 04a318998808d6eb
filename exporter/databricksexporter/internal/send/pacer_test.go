// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// In no second more than 110 % goes out, and in the long run all of it.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(100)
		require.Equal(t, 10, p.Most())
		var sent []time.Time
		began := time.Now()
		for range 50 {
			require.NoError(t, p.Wait(t.Context(), 10))
			sent = append(sent, time.Now())
		}
		require.InDelta(t, 4.9, time.Since(began).Seconds(), 0.05)
		for i := range sent {
			n := 0
			for _, at := range sent[i:] {
				if at.Sub(sent[i]) < time.Second {
					n += 10
				}
			}
			require.LessOrEqual(t, n, 110)
		}
	})
}

func TestPacerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(10)
		began := time.Now()
		p.Pause(5 * time.Second)
		p.Pause(2 * time.Second)
		p.Pause(-time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.Wait(ctx, 1), context.DeadlineExceeded)
		require.NoError(t, p.Wait(t.Context(), 1))
		require.Equal(t, 5*time.Second, time.Since(began))
		p.Pause(time.Hour)
		began = time.Now()
		require.NoError(t, p.Wait(t.Context(), 1))
		require.Equal(t, maxPause, time.Since(began), "one destination does not keep the others waiting for long")
		p.Pause(0)
		began = time.Now()
		require.NoError(t, p.Wait(t.Context(), 1))
		require.Equal(t, untoldPause, time.Since(began), "a 429 without Retry-After")
	})
}

func TestNoPacer(t *testing.T) {
	p := NewPacer(0)
	require.Nil(t, p)
	require.Zero(t, p.Most())
	p.Pause(time.Hour)
	require.NoError(t, p.Wait(t.Context(), 1_000_000))
	require.Equal(t, 1, NewPacer(0.5).Most())
}

func TestJoined(t *testing.T) {
	require.Equal(
		t,
		[]batch.Range{{From: 0, To: 4}, {From: 6, To: 9}},
		joined([]batch.Range{{From: 6, To: 8}, {From: 0, To: 1}, {From: 8, To: 9}, {From: 1, To: 4}}),
	)
	in := []batch.Range{{From: 3, To: 4}, {From: 0, To: 3}}
	require.Equal(t, []batch.Range{{From: 0, To: 4}}, joined(in))
	require.Equal(t, batch.Range{From: 3, To: 4}, in[0], "the input is as it was")
}

func TestJitter(t *testing.T) {
	for range 100 {
		d := jittered(10 * time.Second)
		require.GreaterOrEqual(t, d, 10*time.Second)
		require.LessOrEqual(t, d, 11*time.Second)
	}
}
