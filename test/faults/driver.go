// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// Driver interrupts a backfill at random moments. The same seed chooses the same ones.
type Driver struct {
	Config   collector.Config
	Dir      string
	Seed     uint64
	Times    int        // how often
	Total    int        // what Progress returns at the end
	Progress func() int // what has arrived
}

// startup is the time within which every fifth kill comes: a loop of crashes while starting.
const startup = 500 * time.Millisecond

// patience is how long something that must happen may take on a busy machine.
const patience = 2 * time.Minute

// Kill kills the process Times times, as kill -9 does, and lets it finish then. Every fifth kill comes
// within half a second of the start, the others when a random amount has arrived. It returns how often
// a running process died.
func (d Driver) Kill(t testing.TB) (died int) {
	t.Helper()
	random := rand.New(rand.NewPCG(d.Seed, 2))
	t.Logf("%d kills, seed %d", d.Times, d.Seed)
	for i := range d.Times {
		p := collector.Start(t, d.Dir, d.Config)
		if i%5 == 0 {
			within(p, time.Duration(random.Int64N(int64(startup))))
		} else {
			d.advance(t, p, d.mark(random, d.Times-i))
		}
		if !p.Ended() {
			died++
		}
		p.Kill()
	}
	collector.Run(t, d.Dir, d.Config, 0)
	return died
}

// Stop stops the process Times times with SIGTERM after a random amount has arrived, and lets it finish
// then. before is called before each signal, stopped with each process that has ended. It returns how
// long the longest stop took.
func (d Driver) Stop(t testing.TB, most time.Duration, before func(i int),
	stopped func(p *collector.Process, status int)) time.Duration {
	t.Helper()
	random := rand.New(rand.NewPCG(d.Seed, 3))
	t.Logf("%d stops, seed %d", d.Times, d.Seed)
	longest := time.Duration(0)
	for i := range d.Times {
		p := collector.Start(t, d.Dir, d.Config)
		d.advance(t, p, d.mark(random, d.Times-i))
		before(i)
		began := time.Now()
		p.Signal(syscall.SIGTERM)
		status := p.WaitFor(most)
		longest = max(longest, time.Since(began))
		stopped(p, status)
	}
	collector.Run(t, d.Dir, d.Config, 0)
	return longest
}

// mark is a random amount, so that the marks of the interruptions that are left reach the end together.
func (d Driver) mark(random *rand.Rand, left int) int {
	from := d.Progress()
	return from + 1 + random.IntN(max(1, 2*(d.Total-from)/(left+1)))
}

// advance returns when a mark is passed, or when the process has ended.
func (d Driver) advance(t testing.TB, p *collector.Process, mark int) {
	t.Helper()
	Eventually(t, func() bool { return p.Ended() || d.Progress() >= mark }, "the backfill passes %d of %d", mark,
		d.Total)
}

// within returns after a pause, or when the process has ended.
func within(p *collector.Process, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.Gone():
	}
}

// Eventually waits for a condition.
func Eventually(t testing.TB, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond, append([]any{what}, args...)...)
}
