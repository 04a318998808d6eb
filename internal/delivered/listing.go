// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// ErrOutOfOrder is the error for a source that lists traces out of order, or outside of the range
// that was asked for.
var ErrOutOfOrder = errors.New("the source lists traces out of order or outside of the range")

// Listing is one pass over a range of time, page by page in ascending order. It moves the counts of
// the days that it passes.
type Listing struct {
	set      *Set
	from, to int64
	at       mlflow.Day // days before it are passed
	begun    bool       // the day at is being listed
}

// List begins to list from <= timestamp < to, Unix milliseconds. to must not lie in the future:
// what is listed to its end is taken as listed up to there. The position is where an unfinished
// listing of the first day stands; the zero position if the day is to be listed from its start.
func (s *Set) List(ctx context.Context, from, to int64) (*Listing, mlflow.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &Listing{set: s, from: from, to: to, at: mlflow.DayOf(from)}
	if from >= to {
		return l, mlflow.Position{}, nil
	}
	if err := s.loadMonths(ctx, []Month{monthOf(l.at)}); err != nil {
		return nil, mlflow.Position{}, err
	}
	d := s.day(l.at)
	if d.Closed || d.Cursor == (mlflow.Position{}) || d.From != from || d.restart {
		return l, mlflow.Position{}, nil
	}
	l.begun = true
	return l, d.Cursor, nil
}

// Anew lists the first day from its start although an unfinished listing stands in it: what has changed
// in front of that since is seen. It is called before the first page.
func (l *Listing) Anew() { l.begun = false }

// Page takes a page of infos as they were listed, in ascending order, once each of them is in the
// set or known as open; upto is the position of the last one. now is the time in Unix milliseconds.
func (l *Listing) Page(ctx context.Context, page []Trace, upto mlflow.Position, now int64) error {
	s := l.set
	s.mu.Lock()
	defer s.mu.Unlock()
	at := l.at
	for i := range page {
		t := &page[i]
		if t.Timestamp < l.from || t.Timestamp >= l.to || t.Day() < at {
			return fmt.Errorf("%w: a trace at %d, in the range %d to %d", ErrOutOfOrder, t.Timestamp, l.from, l.to)
		}
		at = t.Day()
	}
	known, err := s.has(ctx, page)
	if err != nil {
		return err
	}
	for i := range page {
		t := &page[i]
		if err := l.pass(ctx, t.Day(), now); err != nil {
			return err
		}
		d := s.day(l.at)
		if !l.begun {
			l.begin(d)
			l.begun = true
		}
		s.change(d)
		if d.restart {
			continue
		}
		d.Counts.Add(t.counts())
		d.Spans += t.Spans
		if known[i] != New {
			d.known++
		}
	}
	if len(page) > 0 {
		if d := s.day(l.at); !d.restart {
			d.Cursor = upto
		}
	}
	return nil
}

// End takes the page without infos: nothing is left of the range. now is the time in Unix
// milliseconds.
func (l *Listing) End(ctx context.Context, now int64) error {
	if l.from >= l.to {
		return nil
	}
	l.set.mu.Lock()
	defer l.set.mu.Unlock()
	return l.pass(ctx, mlflow.DayOf(l.to-1)+1, now)
}

// pass closes the days before one, as far as they are not closed.
func (l *Listing) pass(ctx context.Context, next mlflow.Day, now int64) error {
	s := l.set
	if next <= l.at {
		return nil
	}
	first, last := monthOf(l.at), monthOf(next-1)
	months := []Month{first}
	for _, m := range s.index.months {
		if m > first && m <= last {
			months = append(months, m)
		}
	}
	for _, edge := range []mlflow.Day{l.at, next - 1} {
		if m := monthOf(edge); l.partial(edge) && !slices.Contains(months, m) {
			months = append(months, m)
		}
	}
	if err := s.loadMonths(ctx, slices.Clone(months)); err != nil {
		return err
	}
	for _, edge := range []mlflow.Day{l.at, next - 1} {
		if l.partial(edge) { // it has a record without traces, too: it is not listed as a whole
			s.change(s.day(edge))
		}
	}
	for _, m := range months {
		for _, d := range s.months[m].days {
			if d.Date < l.at || d.Date >= next {
				continue
			}
			if d.Date > l.at || !l.begun {
				l.begin(d)
			}
			if !d.restart {
				d.Closed, d.Cursor = true, mlflow.Position{}
				d.Gone = max(0, d.Delivered-d.known)
				d.Listed = now / 60_000
			}
			s.change(d)
		}
	}
	whole := Range{l.at, next}
	if l.partial(l.at) {
		whole.From++
	}
	if l.partial(next - 1) {
		whole.To--
	}
	if merged := s.index.listed.add(whole); !slices.Equal(merged, s.index.listed) {
		s.index.listed, s.index.changed = merged, true
	}
	l.at, l.begun = next, false
	return nil
}

func (l *Listing) begin(d *day) {
	from, to := l.bounds(d.Date)
	d.begin(from, to, l.set.index.epoch)
}

// partial reports whether only a part of a day is listed.
func (l *Listing) partial(d mlflow.Day) bool {
	from, to := l.bounds(d)
	return to-from < mlflow.MillisPerDay
}

// bounds is the part of a day that is listed.
func (l *Listing) bounds(d mlflow.Day) (from, to int64) {
	return max(l.from, d.Start()), min(l.to, d.Start()+mlflow.MillisPerDay)
}
