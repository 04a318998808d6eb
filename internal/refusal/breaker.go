// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

import "time"

// Near is how close in time an acceptance must be to count as evidence that the destination takes
// data. A refusal is judged by closer ones: see Shortest.
const Near = 10 * time.Second

// Shortest is the shortest blip that is told from a trace that is refused for good: no blip fits between two
// acceptances that are closer to each other.
const Shortest = time.Second

// Idle is the longest time between two calls that follow each other directly.
const Idle = 300 * time.Millisecond

// streakLimit is the number of refusals in a row that opens a circuit breaker whatever was accepted
// before. Isolating one trace of a full batch takes fewer.
const streakLimit = 12

// Breaker is a circuit breaker. Closed, everything is sent. Open, one trace is sent per back-off
// interval, the probe; the first probe that is accepted closes it. It is not safe for concurrent use.
type Breaker struct {
	backOff func() time.Duration // the next interval; reset by reset
	reset   func()

	Open     bool
	Probing  bool      // a probe is under way
	Next     time.Time // of the next probe
	Accepted time.Time // when something was accepted last
	Tried    bool      // something was sent

	opened time.Time
	streak int // refusals in a row, without an acceptance in between
}

// NewBreaker returns a closed breaker. backOff gives the next interval between two probes, and reset begins again with
// the first.
func NewBreaker(backOff func() time.Duration, reset func()) Breaker {
	return Breaker{backOff: backOff, reset: reset}
}

// Refuse notes a refusal at a time. checked says that the call was sent to find out whether the
// destination takes anything at all: a probe, or the first trace of a refused batch. It opens the
// breaker where nothing shows that the destination takes data.
func (b *Breaker) Refuse(now time.Time, checked bool) {
	b.streak++
	if b.Open {
		return
	}
	if checked || b.streak >= streakLimit || !b.recent(now) {
		b.Trip(now)
	}
}

// Fail notes an error that may pass: sending everything again would repeat it.
func (b *Breaker) Fail(now time.Time) {
	if !b.Open {
		b.Trip(now)
	}
}

// Trip opens the breaker.
func (b *Breaker) Trip(now time.Time) {
	b.Open, b.opened = true, now
	b.reset()
	b.Next = now.Add(b.backOff())
}

// Accept notes an acceptance of a call that began at a time. It reports whether the breaker closes.
// A call from before the breaker opened proves nothing about the time after.
func (b *Breaker) Accept(now, began time.Time, probe bool) (closes bool) {
	if b.Open && !probe && !began.After(b.opened) {
		return false
	}
	b.Accepted, b.streak = now, 0
	closes, b.Open = b.Open, false
	return closes
}

// Probed ends a probe and sets the time of the next.
func (b *Breaker) Probed(now time.Time) {
	b.Probing = false
	b.Next = now.Add(b.backOff())
}

// recent reports whether something was accepted near a time.
func (b *Breaker) recent(now time.Time) bool {
	return !b.Accepted.IsZero() && now.Sub(b.Accepted) <= Near
}
