// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"sync"
	"time"
)

// A pacer leaves a server time for others. After an answer that took t, no request of any kind begins for
// t*(1/share-1), so that the requests of one client keep a server busy for at most that share of the time. Of
// several requests at the same time each keeps a part of the server busy, so their pauses are divided by their
// number.
type pacer struct {
	rest float64 // seconds of pause per second of answer

	mu       sync.Mutex
	inFlight int
	free     time.Time // when the next request may begin
}

// newPacer returns a pacer for a share of the time: above 0, and without pauses from 1 on.
func newPacer(share float64) *pacer {
	if share <= 0 || share >= 1 {
		return &pacer{}
	}
	return &pacer{rest: 1/share - 1}
}

// begin waits until a request may begin. An error is the context's; otherwise end must follow.
func (p *pacer) begin(ctx context.Context) error {
	for {
		p.mu.Lock()
		wait := time.Until(p.free)
		if wait <= 0 {
			p.inFlight++
			p.mu.Unlock()
			return nil
		}
		p.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// end notes how long an answer took; 0 where none came.
func (p *pacer) end(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(p.rest * float64(took) / float64(p.inFlight)))
	p.inFlight--
}
