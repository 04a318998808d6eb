// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"sync"
	"time"
)

// A gate bounds the requests for pages of infos and for spans in flight and finds out how many the
// server can use: a server with one worker is saturated by one request and gets slower with two,
// one with several workers is half idle with one. The gate begins with one, measures the bytes per
// second that come back, allows one more, and keeps it only if the throughput grew by more than a
// tenth. It tries again after a while, up and down, since load and workers change and a trial may
// have won by chance.
type gate struct {
	max int

	mu       sync.Mutex
	limit    int
	inFlight int
	waiters  []chan struct{}

	// What is measured since began: full is how long the limit was used up.
	began, fullSince time.Time
	full             time.Duration
	bytes            int64
	requests         int

	trial  bool      // limit is one more than what is known to pay
	base   float64   // bytes per second with limit-1, of a trial
	next   time.Time // not before that time a trial
	pause  time.Duration
	review time.Time     // when a limit above one has to prove itself again
	trust  time.Duration // from one such proof to the next, longer each time
}

// What a measurement needs, and how long the gate rests after a trial that brought nothing.
const (
	gateEpoch    = 2 * time.Second
	gateRequests = 8
	gatePause    = 30 * time.Second
	gateTrust    = time.Minute // how long a trial that paid is believed at first
	gateMaxPause = 8 * time.Minute
	gateGain     = 1.1
	gateBusy     = 0.8 // part of the epoch in which the limit must have been used up
)

func newGate(limit int) *gate {
	return &gate{max: max(1, limit), limit: 1, pause: gatePause, trust: gateTrust}
}

// acquire waits for a slot. An error is the context's.
func (g *gate) acquire(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.mu.Lock()
	if g.inFlight < g.limit && len(g.waiters) == 0 {
		g.enter(time.Now())
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	g.waiters = append(g.waiters, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range g.waiters {
		if w == turn {
			g.waiters = append(g.waiters[:i], g.waiters[i+1:]...)
			return context.Cause(ctx)
		}
	}
	g.leave(time.Now()) // the turn came at the same time
	return context.Cause(ctx)
}

// release gives a slot back: how many bytes its request brought, and whether the server said that
// it is overloaded.
func (g *gate) release(bytes int64, overloaded bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.bytes += bytes
	g.requests++
	if overloaded {
		g.limit, g.trial = 1, false
		g.rest(now)
		g.reset(now)
	} else {
		g.adapt(now)
	}
	g.leave(now)
}

// adapt ends an epoch when enough was measured.
func (g *gate) adapt(now time.Time) {
	elapsed := now.Sub(g.began)
	if g.max == 1 || elapsed < gateEpoch || g.requests < gateRequests {
		return
	}
	full := g.full
	if g.inFlight >= g.limit {
		full += now.Sub(g.fullSince)
	}
	rate := float64(g.bytes) / elapsed.Seconds()
	switch {
	case full.Seconds() < gateBusy*elapsed.Seconds():
		// Too little demand to tell anything.
	case g.trial && rate <= g.base*gateGain:
		g.limit--
		g.trial = false
		g.rest(now)
	case g.trial:
		g.trial = false
		g.pause, g.review = gatePause, now.Add(g.trust)
		g.trust = min(2*g.trust, gateMaxPause)
	case g.limit > 1 && !now.Before(g.review):
		g.limit--
		g.next, g.review = now, now.Add(g.trust)
	case g.limit < g.max && !now.Before(g.next):
		g.limit++
		g.trial, g.base = true, rate
	}
	g.reset(now)
}

// rest puts the next trial off, longer each time.
func (g *gate) rest(now time.Time) {
	g.trust = gateTrust
	g.next = now.Add(g.pause)
	g.pause = min(2*g.pause, gateMaxPause)
}

func (g *gate) reset(now time.Time) {
	g.began, g.fullSince, g.full, g.bytes, g.requests = now, now, 0, 0, 0
}

func (g *gate) enter(now time.Time) {
	if g.began.IsZero() {
		g.reset(now)
	}
	g.inFlight++
	if g.inFlight == g.limit {
		g.fullSince = now
	}
}

// leave frees a slot and lets those who wait in.
func (g *gate) leave(now time.Time) {
	if g.inFlight == g.limit {
		g.full += now.Sub(g.fullSince)
	}
	g.inFlight--
	for g.inFlight < g.limit && len(g.waiters) > 0 {
		close(g.waiters[0])
		g.waiters = g.waiters[1:]
		g.enter(now)
	}
}
