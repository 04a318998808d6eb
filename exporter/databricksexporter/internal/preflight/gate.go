// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
)

// Gate answers whether the table of one destination may be asked now, and is the only one that
// does. It joins what a Checker has read in the workspace with what the ingest endpoint answered:
// after a refusal one request an interval asks again, and the others wait for what it hears. Its
// methods may be called at the same time.
type Gate struct {
	checker  *Checker
	interval time.Duration
	max      time.Duration

	mu      sync.Mutex
	held    bool
	since   time.Time // when it began to be a reason to give data up some time; zero while it is none
	next    time.Time // when one request may ask again
	message string
}

// NewGate makes the gate of a destination. While the destination refuses, it is asked once an
// interval. A refusal that has lasted for the time overdue is reported; 0 means never. Without a
// checker (nil) only the answers of the ingest endpoint count.
func NewGate(c *Checker, interval, overdue time.Duration) *Gate {
	return &Gate{checker: c, interval: interval, max: overdue}
}

// Held is why a table may not be asked now.
type Held struct {
	// Message is one sentence: the grant, table or setting that is missing, and what gives it.
	Message string
	// Wait is how long to wait before the next attempt; 0 leaves it to the retry settings.
	Wait time.Duration
	// Pending: it is being found out, by preflight's first look or by the request that asks again.
	// There is nothing to report.
	Pending bool
	// Transient: it may pass by itself, such as a workspace that can't be reached, or is not the
	// destination's fault, such as a refused sign-in. It is no reason to give data up, however long
	// it lasts.
	Transient bool
	// Refused: the workspace answers and refuses; it ends only when a person does something.
	Refused bool
	// Overdue: the table has been held for longer than allowed.
	Overdue bool
}

// Admit returns nil if a request may go to the table now, and otherwise why not. It answers at
// once, from what is known. A destination that is new to the checker is checked in the background
// meanwhile.
func (g *Gate) Admit(d route.Destination, now time.Time) *Held {
	if h := g.checker.look(d); h != nil {
		if h.Pending || h.Transient {
			return h
		}
		return g.hold(h.Message, now, 0, true) // the checker finds out when the fault is gone
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.held:
		return nil
	case now.Before(g.next):
		return &Held{Message: g.message, Wait: g.next.Sub(now), Pending: true, Overdue: g.overdue(now)}
	}
	g.next = now.Add(g.interval)
	return nil
}

// Unresolved says that the table is not known.
func (g *Gate) Unresolved(f *route.Fault, now time.Time) *Held {
	if f.Transient {
		return &Held{Message: f.Message, Transient: true}
	}
	return g.hold(f.Message, now, 0, true)
}

// Refused says that the ingest endpoint refused the table. unexplained asks the checker to look
// again soon, and to say more exactly what is wrong if it knows.
func (g *Gate) Refused(d route.Destination, message string, unexplained bool, now time.Time) *Held {
	if unexplained {
		if more := g.checker.refused(d); more != "" {
			message = more
		}
	}
	return g.hold(message, now, g.interval, true)
}

// RefusedSignIn says that the workspace does not know the credential: no reason to give data up,
// but to wait.
func (g *Gate) RefusedSignIn(message string, now time.Time) *Held {
	return g.hold(message, now, g.interval, false)
}

// Accepted says that the table took data: everything may ask again.
func (g *Gate) Accepted() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.since = false, time.Time{}
}

// hold holds, or goes on holding; nothing asks for an interval. A hold that does not count is no
// reason to give data up.
func (g *Gate) hold(message string, now time.Time, interval time.Duration, counts bool) *Held {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !counts:
		g.since = time.Time{}
	case g.since.IsZero():
		g.since = now
	}
	g.held, g.message, g.next = true, message, now.Add(interval)
	return &Held{Message: message, Wait: g.interval, Refused: true, Overdue: g.overdue(now)}
}

// overdue reports whether the table has been held for longer than allowed; g.mu is held.
func (g *Gate) overdue(now time.Time) bool {
	if g.max <= 0 || g.since.IsZero() {
		return false
	}
	d := now.Sub(g.since)
	return d > 0 && d >= g.max
}
