// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
)

// Workers tell trouble and its end in the order in which they met them, however slow the status is: the
// last word stays.
func TestStatusInOrder(t *testing.T) {
	w := newWorld(1, 60)
	var calls atomic.Int64
	s := w.settings(func(context.Context, string, []string) error {
		if calls.Add(1) == 1 {
			return errDown
		}
		return nil
	})
	s.Retry.InitialInterval, s.Retry.MaxInterval = time.Millisecond, time.Millisecond
	status, over := s.Status, make(chan struct{})
	var once sync.Once
	s.Status = func(err error) {
		if err == nil {
			status(err)
			once.Do(func() { close(over) })
			return
		}
		select {
		case <-over: // another worker told that the trouble is over
		case <-time.After(100 * time.Millisecond):
		}
		status(err)
	}
	_, err := Run(t.Context(), nil, s)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(w.status), 2)
	require.NoError(t, w.status[len(w.status)-1], "the trouble is over")
}

// A storage that works again ends its own trouble, and not that of the destination.
func TestStorageWorksAgainWhileTheDestinationRefuses(t *testing.T) {
	w := newWorld(2, 400)
	w.source.pause = time.Second
	between := func(from, to time.Duration) bool {
		now := time.Since(epoch)
		return now >= from && now < to
	}
	w.store.fail = func() error {
		if between(time.Minute, 2*time.Minute) {
			return errors.New("disk full")
		}
		return nil
	}
	s := w.settings(func(_ context.Context, x string, _ []string) error {
		if x == "1" && between(0, 10*time.Minute) {
			return errDown
		}
		return nil
	})
	var over time.Duration // when the trouble was over first
	status := s.Status
	s.Status = func(err error) {
		status(err)
		w.mu.Lock()
		defer w.mu.Unlock()
		if err == nil && over == 0 {
			over = time.Since(epoch)
		}
	}
	require.NoError(t, w.run(t, s))
	require.Contains(t, fmt.Sprint(w.status), "progress can't be written: disk full")
	require.GreaterOrEqual(t, over, 10*time.Minute)
	require.NoError(t, w.status[len(w.status)-1])
}

// While experiments are in trouble the status names one of them, and none that has recovered.
func TestStatusNamesTheTroubleThatIsLeft(t *testing.T) {
	w := newWorld(2, 100)
	s := w.settings(func(_ context.Context, x string, _ []string) error {
		if time.Since(epoch) < map[string]time.Duration{"1": 10 * time.Minute, "2": 5 * time.Minute}[x] {
			return consumererror.NewPermanent(errors.New("no grant"))
		}
		return nil
	})
	status := s.Status
	var between error // the status when experiment 2 has recovered and 1 has not
	s.Status = func(err error) {
		status(err)
		if time.Since(epoch) < 10*time.Minute {
			between = err
		}
	}
	require.NoError(t, w.run(t, s))
	require.ErrorContains(t, between, "experiment 1: ")
	require.NoError(t, w.status[len(w.status)-1])
}
