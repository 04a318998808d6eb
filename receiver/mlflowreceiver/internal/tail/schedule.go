// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tail

import "time"

// Depth is how far back a look goes.
type Depth int

// The depths, each one within the next.
const (
	Newest     Depth = iota // since the look before
	Overlap                 // the overlap
	LastHour                // traces that are known, too: of them, tags and assessments may have changed
	LastDay                 // the last day is listed again where its numbers differ
	Everything              // as a backfill
	depths
)

const (
	// Margin is how much further back a look goes than the one before it was: a trace is written after
	// its end.
	Margin = time.Minute
	// slowest is how many intervals lie between two looks at most, when nothing new comes.
	slowest = 10
	// growth is by how much the time between two looks grows with each that finds nothing.
	growth = 1.5
)

// Schedule plans looks. The zero value of what is not exported plans everything at once.
type Schedule struct {
	// Interval lies between two looks while something new comes, Overlap between two that go back by as
	// much.
	Interval, Overlap time.Duration
	// Hour lies between two looks at the last hour; 0 where late changes are not wanted.
	Hour time.Duration
	// Unsettled says that numbers differed at the end of the last look at everything, or that the destination
	// refused something: the next one comes after an hour.
	Unsettled bool

	looked [depths]time.Time // when the last look of a depth or a deeper one began
	pause  time.Duration     // to the next look
}

// Next returns when the source is asked next and how far back.
func (s *Schedule) Next() (at time.Time, depth Depth) {
	if s.looked[Newest].IsZero() {
		return time.Time{}, Everything
	}
	at = s.looked[Newest].Add(s.pause)
	for d := Everything; d > Newest; d-- {
		if d == LastHour && s.Hour == 0 {
			continue
		}
		if !s.looked[d].Add(s.every(d)).After(at) {
			return at, d
		}
	}
	return at, Newest
}

// every is the time between two looks of a depth.
func (s *Schedule) every(d Depth) time.Duration {
	switch d {
	case Overlap:
		return s.Overlap
	case LastHour:
		return s.Hour
	case LastDay:
		return time.Hour
	case Everything:
		if s.Unsettled {
			return time.Hour
		}
		return 24 * time.Hour
	}
	return s.pause
}

// Since returns from when on a look of a depth up to LastHour asks.
func (s *Schedule) Since(d Depth) time.Time {
	switch d {
	case Newest:
		return s.looked[Newest].Add(-Margin)
	case LastHour:
		if hour := s.looked[LastHour].Add(-time.Hour); hour.Before(s.Since(Overlap)) {
			return hour
		}
	}
	return s.looked[Overlap].Add(-max(s.Overlap, Margin))
}

// Done takes the end of a look: when it began, and whether it found anything new. The next one comes
// sooner if it did.
func (s *Schedule) Done(d Depth, began time.Time, found bool) {
	for i := range d + 1 {
		s.looked[i] = began
	}
	if found || s.pause == 0 {
		s.pause = s.Interval
		return
	}
	s.pause = min(time.Duration(float64(s.pause)*growth), slowest*s.Interval)
}

// Repeat makes the next look one at everything.
func (s *Schedule) Repeat() { s.looked[Everything] = time.Time{} }

// Pause is the time to the next look.
func (s *Schedule) Pause() time.Duration { return s.pause }
