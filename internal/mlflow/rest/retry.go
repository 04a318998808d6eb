// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.uber.org/zap"
)

// maxRetryAfter bounds what a server may ask for in Retry-After.
const maxRetryAfter = 5 * time.Minute

// patience says how often one request is tried: how many 500s and how many failures of the network
// (0: no bound but max_elapsed_time).
type patience struct{ faults, network int }

var (
	patient = patience{faults: 5}             // requests that everything depends on
	splits  = patience{faults: 2, network: 2} // requests that can be asked in halves
	single  = patience{faults: 3, network: 3} // one trace: it may be the cause of the failure itself
)

// retry calls attempt until it succeeds, fails for good, or its patience ends. Between attempts it
// waits as configured, longer if the server asks for it.
func (c *Client) retry(ctx context.Context, p patience, attempt func() *Error) error {
	wait := backoff.ExponentialBackOff{
		InitialInterval:     c.cfg.Retry.InitialInterval,
		RandomizationFactor: c.cfg.Retry.RandomizationFactor,
		Multiplier:          c.cfg.Retry.Multiplier,
		MaxInterval:         c.cfg.Retry.MaxInterval,
	}
	wait.Reset()
	start := time.Now()
	var faults, losses int
	for {
		e := attempt()
		if e == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch e.again {
		case capped:
			faults++
		case network:
			losses++
		}
		if e.again == never || !c.cfg.Retry.Enabled || e.again == capped && faults >= p.faults || p.network > 0 &&
			losses >= p.network {
			return e
		}
		pause := max(wait.NextBackOff(), e.after)
		if limit := c.cfg.Retry.MaxElapsedTime; limit > 0 && time.Since(start)+pause > limit {
			return e
		}
		c.cfg.Logger.Warn("Request to MLflow failed, trying again", zap.String("error", e.Error()),
			zap.Duration("wait", pause))
		if c.cfg.Hooks.Retry != nil {
			c.cfg.Hooks.Retry(e, pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// retryAfter reads a Retry-After header in either form, seconds or an HTTP date. A number of any
// size counts as at most maxRetryAfter.
func retryAfter(header string) time.Duration {
	header = strings.TrimSpace(header)
	if s, err := strconv.ParseUint(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(s, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(0, time.Until(at)), maxRetryAfter)
	}
	return 0
}

// withoutURL removes the *url.Error around the cause: its text holds the whole query.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
