// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// quarantineSize is how many traces of an experiment wait in quarantine. When it is full, no
// further batch is begun.
const quarantineSize = 1000

// lastTries is how often a refused trace is sent again once no other trace of its experiment is
// left.
const lastTries = 2

// suspect is a trace in quarantine.
type suspect struct {
	id    string
	since time.Time // of the first refusal
	next  time.Time // of the next attempt
	tries int       // attempts so far
	last  int       // attempts since no other trace was left
	// unproven says that nothing was accepted around the refusal, so that the trace may go again as
	// soon as something is.
	unproven bool
	// before says that an earlier run refused it first.
	before bool
	busy   bool // being sent
	// counted says that this run has counted the trace as read.
	counted bool
	message string
}

// quarantine holds the traces of one experiment that were refused alone. It is not safe for
// concurrent use.
type quarantine struct {
	after    time.Duration // between two refusals that count
	suspects []*suspect
}

func (q *quarantine) full() bool { return len(q.suspects) >= quarantineSize }

// message is the destination's message for one of the traces.
func (q *quarantine) message() string { return q.suspects[0].message }

// add puts a trace in that was refused alone at a time.
func (q *quarantine) add(id string, now time.Time, unproven bool, message string) {
	q.suspects = append(q.suspects, &suspect{
		id: id, since: now, next: now.Add(q.after), tries: 1, unproven: unproven, counted: true, message: message,
	})
}

// passing lets those go again at once that were refused while nothing was accepted.
func (q *quarantine) passing(now time.Time) {
	for _, s := range q.suspects {
		if s.unproven {
			s.unproven, s.next = false, now
		}
	}
}

// take returns up to limit traces that are due and marks them as being sent. alone says that no
// other trace of the experiment is left, so that each has a last number of attempts, or any number
// if forever.
func (q *quarantine) take(now time.Time, limit int, alone, forever bool) []*suspect {
	var due []*suspect
	for _, s := range q.suspects {
		if len(due) == limit {
			break
		}
		if s.busy || s.next.After(now) || alone && !forever && s.last >= lastTries {
			continue
		}
		s.busy = true
		due = append(due, s)
	}
	return due
}

// refuse notes that a trace was refused alone once more.
func (q *quarantine) refuse(s *suspect, now time.Time, alone, unproven bool, message string) {
	s.busy, s.message, s.unproven = false, message, unproven
	s.next = now.Add(q.after)
	s.tries++
	if alone {
		s.last++
	}
}

// remove takes a trace out.
func (q *quarantine) remove(s *suspect) {
	q.suspects = slices.DeleteFunc(q.suspects, func(o *suspect) bool { return o == s })
}

// due is the time of the next attempt; false when there is none.
func (q *quarantine) due(alone, forever bool) (at time.Time, ok bool) {
	for _, s := range q.suspects {
		if s.busy || alone && !forever && s.last >= lastTries {
			continue
		}
		if !ok || s.next.Before(at) {
			at, ok = s.next, true
		}
	}
	return at, ok
}

// proven reports whether a trace is rejected that was refused alone at since and again at second:
// the two refusals lie far enough apart, another trace of the experiment was accepted between them,
// and one near the second. before and after are the newest acceptances around the second refusal;
// zero for none.
func proven(since, second time.Time, pause time.Duration, before, after time.Time) bool {
	if second.Sub(since) < pause || !before.After(since) {
		return false
	}
	return second.Sub(before) <= near || !after.IsZero() && after.Sub(second) <= near
}

// refusal is a single trace that the destination refused alone.
type refusal struct {
	trace *mlflow.Trace
	err   error
}
