// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Segment is a stretch of an experiment that has been read completely: every trace with a timestamp
// of From or later, up to and including Upto. An Upto with an empty id means everything before that
// millisecond.
type Segment struct {
	From int64           `json:"from"`
	Upto mlflow.Position `json:"upto"`
}

// Holds reports whether a trace at a position was read.
func (c Coverage) Holds(p mlflow.Position) bool {
	for _, s := range c {
		if p.Timestamp >= s.From && (p.Timestamp < s.Upto.Timestamp || s.Upto.ID != "" && !s.Upto.Less(p)) {
			return true
		}
	}
	return false
}

// Gap is a stretch that is still to be read: timestamps From <= t < To, after After where a part of
// it was read before.
type Gap struct {
	From, To int64
	After    mlflow.Position
}

// Coverage is the set of stretches of one experiment that were read, in ascending order, not
// overlapping.
type Coverage []Segment

// Gaps returns what of from <= t < to is not covered, in ascending order.
func (c Coverage) Gaps(from, to int64) []Gap {
	var gaps []Gap
	next := Gap{From: from, To: to}
	for _, s := range c {
		if s.Upto.Timestamp < next.From || s.From >= to {
			continue
		}
		if s.From > next.From {
			gap := next
			gap.To = s.From
			gaps = append(gaps, gap)
		}
		next = Gap{From: max(next.From, s.Upto.Timestamp), To: to}
		if s.Upto.ID != "" {
			next.After = s.Upto
		}
	}
	if next.From < to {
		gaps = append(gaps, next)
	}
	return gaps
}

// Add returns the coverage with everything from the start of the gap up to and including upto
// added.
func (c Coverage) Add(g Gap, upto mlflow.Position) Coverage {
	s := Segment{From: g.From, Upto: upto}
	if g.After.ID != "" {
		s.From = g.After.Timestamp
	}
	merged := make(Coverage, 0, len(c)+1)
	for _, o := range c {
		if o.Upto.Timestamp < s.From || o.From > s.Upto.Timestamp {
			merged = append(merged, o)
			continue
		}
		s.From = min(s.From, o.From)
		if s.Upto.Less(o.Upto) {
			s.Upto = o.Upto
		}
	}
	merged = append(merged, s)
	slices.SortFunc(merged, func(a, b Segment) int {
		if a.From < b.From {
			return -1
		}
		return 1
	})
	return merged
}

// Whole is the position that closes a gap: everything before its end was read.
func (g Gap) Whole() mlflow.Position { return mlflow.Position{Timestamp: g.To} }
