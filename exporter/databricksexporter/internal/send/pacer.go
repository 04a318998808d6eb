// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pacer shares a workspace's quota of traces among destinations, and leaves a part of it to live
// agents that write to the same workspace. A nil Pacer lets everything pass at once.
type Pacer struct {
	limiter *rate.Limiter

	mu    sync.Mutex
	until time.Time
}

// NewPacer allows so many traces a second, spread evenly: no more than a tenth of a second's worth
// at a time, so that in no second more than 110 % goes out. 0 means no bound.
func NewPacer(tracesPerSecond float64) *Pacer {
	if tracesPerSecond <= 0 {
		return nil
	}
	return &Pacer{limiter: rate.NewLimiter(rate.Limit(tracesPerSecond), max(1, int(tracesPerSecond/10)))}
}

// Most is the largest number of traces that a request may hold; 0 for no bound.
func (p *Pacer) Most() int {
	if p == nil {
		return 0
	}
	return p.limiter.Burst()
}

// maxPause bounds how long one destination that is throttled keeps the others waiting: the quota is
// the workspace's, but a limit of a table looks the same.
const maxPause = 30 * time.Second

// untoldPause is the pause where the workspace does not say how long to wait.
const untoldPause = time.Second

// Pause keeps all destinations from sending for a while, because the workspace said that it has
// enough. 0 means that it did not say for how long.
func (p *Pacer) Pause(d time.Duration) {
	if p == nil {
		return
	}
	if d == 0 {
		d = untoldPause
	}
	until := time.Now().Add(min(d, maxPause))
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.until) {
		p.until = until
	}
}

// Wait returns when n traces, at most Most, may be sent.
func (p *Pacer) Wait(ctx context.Context, n int) error {
	if p == nil {
		return nil
	}
	for {
		p.mu.Lock()
		d := time.Until(p.until)
		p.mu.Unlock()
		if d <= 0 {
			return p.limiter.WaitN(ctx, n)
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
