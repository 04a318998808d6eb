// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"slices"
	"time"
)

// most is how many traces of an experiment wait in quarantine. When it is full, no further batch is begun.
const most = 1000

// LastTries is how often a refused trace is sent again once no other trace of its experiment is
// left.
const LastTries = 2

// Suspect is a trace in quarantine.
type Suspect struct {
	ID    string
	Since time.Time // of the first refusal
	Next  time.Time // of the next attempt
	Tries int       // attempts so far
	Last  int       // attempts since no other trace was left
	// Unproven says that nothing was accepted around the refusal, so that the trace may go again as
	// soon as something is.
	Unproven bool
	// Direct is how many refusals were direct: see Proven.
	Direct int
	// Before says that an earlier run refused it first.
	Before bool
	Busy   bool // being sent
	// Counted says that this run has counted the trace as read.
	Counted bool
	Message string
}

// Quarantine holds the traces of one experiment that were refused alone. It is not safe for
// concurrent use.
type Quarantine struct {
	After    time.Duration // between two refusals that count
	Suspects []*Suspect
}

// Full reports whether no further batch should be begun.
func (q *Quarantine) Full() bool { return len(q.Suspects) >= most }

// Message is the destination's message for one of the traces.
func (q *Quarantine) Message() string { return q.Suspects[0].Message }

// Add puts a trace in that was refused alone at a time.
func (q *Quarantine) Add(id string, now time.Time, unproven bool, message string) {
	q.Suspects = append(q.Suspects, &Suspect{
		ID: id, Since: now, Next: now.Add(q.After), Tries: 1, Unproven: unproven, Counted: true, Message: message,
	})
}

// Passing lets those go again at once that were refused while nothing was accepted.
func (q *Quarantine) Passing(now time.Time) {
	for _, s := range q.Suspects {
		if s.Unproven {
			s.Unproven, s.Next = false, now
		}
	}
}

// Take returns up to limit traces that are due and marks them as being sent. alone says that no
// other trace of the experiment is left, so that each has a last number of attempts, or any number
// if forever.
func (q *Quarantine) Take(now time.Time, limit int, alone, forever bool) []*Suspect {
	var due []*Suspect
	for _, s := range q.Suspects {
		if len(due) == limit {
			break
		}
		if s.Busy || s.Next.After(now) || alone && !forever && s.Last >= LastTries {
			continue
		}
		s.Busy = true
		due = append(due, s)
	}
	return due
}

// Refuse notes that a trace was refused alone once more.
func (q *Quarantine) Refuse(s *Suspect, now time.Time, alone, unproven bool, message string) {
	s.Busy, s.Message, s.Unproven = false, message, unproven
	s.Next = now.Add(q.After)
	s.Tries++
	if alone {
		s.Last++
	}
}

// Remove takes a trace out.
func (q *Quarantine) Remove(s *Suspect) {
	q.Suspects = slices.DeleteFunc(q.Suspects, func(o *Suspect) bool { return o == s })
}

// Due is the time of the next attempt; false when there is none.
func (q *Quarantine) Due(alone, forever bool) (at time.Time, ok bool) {
	for _, s := range q.Suspects {
		if s.Busy || alone && !forever && s.Last >= LastTries {
			continue
		}
		if !ok || s.Next.Before(at) {
			at, ok = s.Next, true
		}
	}
	return at, ok
}

// Proven reports whether the last refusal of a trace proves that it is the trace that is refused. before is when a call
// began that was accepted before it, after the end of one that was sent after it and accepted. No blip fits between
// them where they are close. Where they are not, it takes two refusals that are direct: right after an acceptance, and
// right before another one or with nothing refused before that but traces in quarantine.
func (s *Suspect) Proven(before, after time.Time, direct bool) bool {
	if direct {
		s.Direct++
	}
	return after.Sub(before) < Shortest || s.Direct >= 2
}
