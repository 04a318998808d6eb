// Package account keeps the books of destinations: what was sent, given up and given back, and why data waits. It turns them into reports, status and log lines.
package account

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Observer hears what is counted, for metrics.
type Observer interface {
	Sent(destination string, items int64)
	Rejected(destination, reason string, items, deadLettered int64)
	Returned(destination, reason string, items int64)
	Request(destination, outcome string)
}

// Account is the part of one destination. Its methods may be called at the same time.
type Account struct {
	book *Book

	mu       sync.Mutex
	name     string // of the table, or of what it is looked up by while it is not known
	known    bool   // name is a table
	state    progress.Destination
	delivery time.Time            // the newest answer of success
	said     map[string]time.Time // when a reason for giving up was logged
}

// saidEvery is how often the log tells one reason for giving up data of one destination; metrics and the report count each.
const saidEvery = time.Minute

// most problems that a report shows of one destination.
const mostProblems = 8

// Name is the table, or what it is looked up by.
func (a *Account) Name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.name
}

// Identify tells the table of a destination that had to be looked up.
func (a *Account) Identify(table string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.name, a.known = table, true
}

// Sent counts items that the workspace accepted.
func (a *Account) Sent(items int64) {
	a.mu.Lock()
	a.state.Sent += items
	name := a.name
	a.mu.Unlock()
	a.book.observer.Sent(name, items)
}

// Rejected counts items that were given up here: nobody has them any more, except for those that lie in the dead-letter file.
func (a *Account) Rejected(reason string, items, deadLettered int64, message string) {
	a.mu.Lock()
	a.state.Rejected += items
	a.state.DeadLettered += deadLettered
	a.problem(message)
	name := a.name
	now := a.book.now()
	say := now.Sub(a.said[reason]) > saidEvery
	if say {
		a.said[reason] = now
	}
	a.mu.Unlock()
	a.book.observer.Rejected(name, reason, items, deadLettered)
	if say {
		a.book.log.Error("Data was given up", zap.String("destination", name), zap.String("reason", reason), zap.Int64("items", items),
			zap.Int64("in_dead_letter_file", deadLettered), zap.String("message", message))
	}
}

// Returned counts items that were given back to whoever sent them, who has them still.
func (a *Account) Returned(reason string, items int64, message string) {
	a.mu.Lock()
	a.problem(message)
	name := a.name
	a.mu.Unlock()
	a.book.observer.Returned(name, reason, items)
}

// Request counts a request by its outcome.
func (a *Account) Request(outcome string) { a.book.observer.Request(a.Name(), outcome) }

// Note adds sentences to those of the report.
func (a *Account) Note(problems []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range problems {
		a.problem(p)
	}
}

// problem remembers a sentence for the report; a.mu is held.
func (a *Account) problem(message string) {
	if message != "" && len(a.state.Problems) < mostProblems && !slices.Contains(a.state.Problems, message) {
		a.state.Problems = append(a.state.Problems, message)
	}
}

// Wait says that data waits, and why. An answer of success that came after the attempt began outweighs it.
func (a *Account) Wait(message string, began time.Time) {
	a.mu.Lock()
	if a.delivery.After(began) || a.state.Held == message {
		a.mu.Unlock()
		return
	}
	first := a.state.Held == ""
	if first {
		a.state.HeldSince = a.book.now()
	}
	a.state.Held = message
	a.problem(message)
	a.mu.Unlock()
	a.book.changed(a, first)
}

// Flow says that the workspace took something.
func (a *Account) Flow() {
	a.mu.Lock()
	a.delivery = a.book.now()
	waited := a.state.Held
	a.state.Held, a.state.HeldSince = "", time.Time{}
	a.mu.Unlock()
	if waited != "" {
		a.book.changed(a, true)
	}
}

// Waiting says why data waits and since when; empty while it flows.
func (a *Account) Waiting() (message string, since time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.Held, a.state.HeldSince
}

// snapshot returns a copy of the state under its name, and whether the table is known.
func (a *Account) snapshot(exporter component.ID, signal string) (progress.Destination, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.state
	d.Exporter, d.Name, d.Signal = exporter, a.name, signal
	d.Verification = progress.NotVerified
	d.Problems = slices.Clone(d.Problems)
	return d, a.known
}
