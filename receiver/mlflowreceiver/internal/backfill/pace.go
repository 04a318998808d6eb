// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import "time"

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
