// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package status records what happens to the data of each destination: what was sent, given up and
// returned to the sender, and the reason why data waits. It turns these records into the report,
// the component's status, metrics and log lines.
package status

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Recorder records for one destination. Its methods may be called at the same time.
type Recorder struct {
	registry *Registry

	mu       sync.Mutex
	name     string // of the table, or of what it is looked up by while it is not known
	known    bool   // name is a table
	taken    bool   // something was given to the destination's queue, in this run or before
	state    progress.Destination
	delivery time.Time            // the newest answer of success
	said     map[string]time.Time // when a reason for giving up was logged
}

// saidEvery is how often the log tells one reason for giving up data of one destination; metrics
// and the report count each.
const saidEvery = time.Minute

// most problems that a report shows of one destination.
const mostProblems = 8

// Name is the table, or what it is looked up by.
func (r *Recorder) Name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name
}

// Identify tells the table of a destination that had to be looked up.
func (r *Recorder) Identify(table string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.name, r.known = table, true
}

// Taken says that the destination has data to send: until it is sent, nobody can say that all has arrived.
func (r *Recorder) Taken() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = true
}

// Sent counts items that the workspace accepted.
func (r *Recorder) Sent(items int64) {
	r.mu.Lock()
	r.state.Sent += items
	name := r.name
	r.mu.Unlock()
	r.registry.metrics.sent(name, items)
}

// Rejected counts items that were given up here: they exist nowhere else, except for those in the
// dead-letter file.
func (r *Recorder) Rejected(reason string, items, deadLettered int64, message string) {
	r.mu.Lock()
	r.state.Rejected += items
	r.state.DeadLettered += deadLettered
	r.problem(message)
	name := r.name
	now := r.registry.now()
	say := now.Sub(r.said[reason]) > saidEvery
	if say {
		r.said[reason] = now
	}
	r.mu.Unlock()
	r.registry.metrics.rejected(name, reason, items, deadLettered)
	if say {
		r.registry.log.Error(
			"Data was given up",
			zap.String("destination", name),
			zap.String("reason", reason),
			zap.Int64("items", items),
			zap.Int64("in_dead_letter_file", deadLettered),
			zap.String("message", message),
		)
	}
}

// Returned counts items that were given back to the sender, which still has them.
func (r *Recorder) Returned(reason string, items int64, message string) {
	r.mu.Lock()
	r.problem(message)
	name := r.name
	r.mu.Unlock()
	r.registry.metrics.returned(name, reason, items)
}

// Request counts a request by its outcome.
func (r *Recorder) Request(outcome string) { r.registry.metrics.request(r.Name(), outcome) }

// Note adds sentences to those of the report.
func (r *Recorder) Note(problems []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range problems {
		r.problem(p)
	}
}

// problem remembers a sentence for the report; r.mu is held.
func (r *Recorder) problem(message string) {
	if message != "" && len(r.state.Problems) < mostProblems && !slices.Contains(r.state.Problems, message) {
		r.state.Problems = append(r.state.Problems, message)
	}
}

// Wait says that data waits for a destination that is away or busy, and why. An answer of success
// that came after the attempt began outweighs it.
func (r *Recorder) Wait(message string, began time.Time) { r.wait(message, began, false) }

// Hold is Wait for data that waits until a person does something.
func (r *Recorder) Hold(message string, began time.Time) { r.wait(message, began, true) }

func (r *Recorder) wait(message string, began time.Time, refused bool) {
	r.mu.Lock()
	if r.delivery.After(began) || r.state.Held == message && r.state.Refused == refused {
		r.mu.Unlock()
		return
	}
	first := r.state.Held == ""
	if first {
		r.state.HeldSince = r.registry.now()
	}
	r.state.Held, r.state.Refused = message, refused
	r.problem(message)
	r.mu.Unlock()
	r.registry.changed(r, first)
}

// Flow says that the workspace took something.
func (r *Recorder) Flow() {
	r.mu.Lock()
	r.delivery = r.registry.now()
	waited := r.state.Held
	r.state.Held, r.state.HeldSince, r.state.Refused = "", time.Time{}, false
	r.mu.Unlock()
	if waited != "" {
		r.registry.changed(r, true)
	}
}

// Waiting says why data waits and since when; empty while it flows.
func (r *Recorder) Waiting() (message string, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Held, r.state.HeldSince
}

// snapshot returns a copy of the state under its name, whether the table is known, and whether the
// destination had data to send.
func (r *Recorder) snapshot(exporter component.ID, signal string) (d progress.Destination, known, taken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d = r.state
	d.Exporter, d.Name, d.Signal = exporter, r.name, signal
	d.Verification = progress.NotVerified
	d.Problems = slices.Clone(d.Problems)
	return d, r.known, r.taken
}
