// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import "time"

// near is how close in time an acceptance must be to count as evidence that the destination takes
// data.
const near = 10 * time.Second

// streakLimit is the number of refusals in a row that opens a circuit breaker whatever was accepted
// before. Isolating one trace of a full batch takes fewer.
const streakLimit = 12

// breaker is the circuit breaker of one experiment. Closed, everything is sent. Open, one trace is
// sent per back-off interval, the probe; the first probe that is accepted closes the breaker. It is
// not safe for concurrent use: the run's lock guards it.
type breaker struct {
	backOff func() time.Duration // the next interval; reset by reset
	reset   func()

	open     bool
	opened   time.Time
	probing  bool // a probe is under way
	next     time.Time
	streak   int // refusals in a row, without an acceptance in between
	accepted time.Time
	tried    bool // something was sent
}

// refuse notes a refusal at a time. checked says that the call was sent to find out whether the
// destination takes anything at all: a probe, or the first trace of a refused batch. It opens the
// breaker where nothing shows that the destination takes data.
func (b *breaker) refuse(now time.Time, checked bool) {
	b.streak++
	if b.open {
		return
	}
	if checked || b.streak >= streakLimit || !b.recent(now) {
		b.trip(now)
	}
}

// fail notes an error that may pass: sending everything again would repeat it.
func (b *breaker) fail(now time.Time) {
	if !b.open {
		b.trip(now)
	}
}

// trip opens the breaker.
func (b *breaker) trip(now time.Time) {
	b.open, b.opened = true, now
	b.reset()
	b.next = now.Add(b.backOff())
}

// accept notes an acceptance of a call that began at a time. It reports whether the breaker closes.
// A call from before the breaker opened proves nothing about the time after.
func (b *breaker) accept(now, began time.Time, probe bool) (closes bool) {
	if b.open && !probe && !began.After(b.opened) {
		return false
	}
	b.accepted, b.streak = now, 0
	closes, b.open = b.open, false
	return closes
}

// probed ends a probe and sets the time of the next.
func (b *breaker) probed(now time.Time) {
	b.probing = false
	b.next = now.Add(b.backOff())
}

// recent reports whether something was accepted near a time.
func (b *breaker) recent(now time.Time) bool {
	return !b.accepted.IsZero() && now.Sub(b.accepted) <= near
}

// pace spreads the probes of a run in which nothing passes anywhere: one for all experiments per
// interval. It is not safe for concurrent use.
type pace struct {
	backOff func() time.Duration
	reset   func()
	first   time.Duration // the first interval of the back-off
	streak  int           // refusals and failures in a row in the whole run
	next    time.Time
}

// stuckAfter is the number of refusals in a row, over all experiments, after which nothing counts
// as passing.
const stuckAfter = 3

// stuck reports whether nothing passes anywhere.
func (p *pace) stuck() bool { return p.streak >= stuckAfter }

// refuse notes a refusal or a failure.
func (p *pace) refuse(now time.Time) {
	if p.streak++; p.streak == stuckAfter {
		p.reset()
		p.next = now.Add(p.backOff())
	}
}

// take reserves the time until the next probe. While an experiment is untried its turn comes soon,
// whatever the back-off says.
func (p *pace) take(now time.Time, untried bool) {
	wait := p.backOff()
	if untried {
		wait = 3 * p.first
	}
	p.next = now.Add(wait)
}

// accept notes an acceptance and reports whether the run was stuck until now.
func (p *pace) accept() (was bool) {
	was = p.stuck()
	p.streak = 0
	return was
}
