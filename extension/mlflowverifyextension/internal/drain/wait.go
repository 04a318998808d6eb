// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Cluster is asked for offsets. An error that does not pass by asking again is a *FinalError.
type Cluster interface {
	// Ends returns the end offset of each partition.
	Ends(ctx context.Context) (map[int32]int64, error)
	Look(ctx context.Context) (Look, error)
}

// FinalError is one that does not pass.
type FinalError struct{ Err error }

func (e *FinalError) Error() string { return e.Err.Error() }
func (e *FinalError) Unwrap() error { return e.Err }

// Settings says what is waited for.
type Settings struct {
	Cluster      Cluster
	Topic, Group string
	Patience
}

// Patience is how brokers are asked.
type Patience struct {
	// StalledAfter is how long nothing may move, or be learnt; PollInterval is the time between two looks.
	StalledAfter, PollInterval time.Duration
	Log                        *zap.Logger
}

// Wait takes the end offsets and returns when the group has committed them on each partition, or when nothing moves any
// more. The error is that of the cluster, or of ctx.
func Wait(ctx context.Context, set Settings) (*State, error) {
	w := waiter{Settings: set, moved: time.Now()}
	var ends map[int32]int64
	err := w.ask(ctx, func(ctx context.Context) (err error) {
		ends, err = set.Cluster.Ends(ctx)
		return err
	})
	if err != nil {
		return newState(nil), err
	}
	s := newState(ends)
	for first := true; ; first = false {
		var look Look
		err := w.ask(ctx, func(ctx context.Context) (err error) {
			look, err = set.Cluster.Look(ctx)
			return err
		})
		if err != nil {
			s.conclude(set.Topic, set.Group, "")
			return s, err
		}
		if s.take(look, first) {
			w.moved = time.Now()
		}
		stalled := ""
		if since := time.Since(w.moved); since >= set.StalledAfter {
			stalled = set.StalledAfter.String()
		}
		if s.Drained() || stalled != "" {
			s.conclude(set.Topic, set.Group, stalled)
			return s, nil
		}
		set.Log.Info("Waiting until the group has committed everything", zap.String("topic", set.Topic),
			zap.String("group", set.Group), zap.Int64("records", s.Records), zap.Int64("committed", s.Committed),
			zap.Int("members", s.Members))
		if err := Sleep(ctx, set.PollInterval); err != nil {
			s.conclude(set.Topic, set.Group, "")
			return s, err
		}
	}
}

// waiter knows when something moved last.
type waiter struct {
	Settings
	moved time.Time
}

// askLimit is how long one request may take.
const askLimit = 30 * time.Second

// ask is Ask. Where brokers did not answer, the group could not commit either.
func (w *waiter) ask(ctx context.Context, request func(context.Context) error) error {
	failed, err := w.Ask(ctx, request)
	if failed && err == nil {
		w.moved = time.Now()
	}
	return err
}

// Ask repeats a request that fails until nothing has been learnt for StalledAfter. failed says that it was repeated.
func (p Patience) Ask(ctx context.Context, request func(context.Context) error) (failed bool, err error) {
	since := time.Now()
	for ; ; failed = true {
		one, cancel := context.WithTimeout(ctx, askLimit)
		err := request(one)
		cancel()
		var final *FinalError
		switch {
		case err == nil:
			return failed, nil
		case ctx.Err() != nil:
			return failed, ctx.Err()
		case errors.As(err, &final):
			return failed, err
		case time.Since(since) >= p.StalledAfter:
			return failed, fmt.Errorf("nothing was learnt from the brokers for %s: %w", p.StalledAfter, err)
		}
		p.Log.Warn("The brokers do not answer; asking again", zap.Error(err))
		if err := Sleep(ctx, p.PollInterval); err != nil {
			return failed, err
		}
	}
}

// Sleep returns after d, or when ctx ends, with its error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
