// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
