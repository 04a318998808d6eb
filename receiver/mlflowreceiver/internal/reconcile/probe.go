// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
)

// Exactly says whether a source has exactly n traces in a range.
type Exactly func(ctx context.Context, r TimeRange, n int64) (bool, error)

// Disagreements finds the days of which a source has another number of traces than was listed, for
// sources that can't count by day. Of in, From, To, Days and Listed count; days that are listed
// anyway are left out best. It asks once where everything agrees, and about twice the logarithm of
// the number of days for each day that does not. Days that are not closed are not asked for.
func Disagreements(ctx context.Context, in Input, exactly Exactly) ([]delivered.Range, error) {
	p := newPlanner(in)
	d := divider{planner: p, exactly: exactly}
	for _, group := range p.stretches() {
		var part []stretch
		for _, s := range group {
			if s.day != nil && !s.day.Closed {
				if err := d.ask(ctx, part); err != nil {
					return nil, err
				}
				part = nil
				continue
			}
			part = append(part, s)
		}
		if err := d.ask(ctx, part); err != nil {
			return nil, err
		}
	}
	return d.found, nil
}

type divider struct {
	*planner
	exactly Exactly
	found   []delivered.Range
}

func (d *divider) agrees(ctx context.Context, part []stretch) (bool, error) {
	var n int64
	for _, s := range part {
		if s.day != nil {
			n += s.day.Counts.Traces
		}
	}
	from, to := part[0].From, part[len(part)-1].To
	return d.exactly(ctx, TimeRange{d.bounds(from).From, d.bounds(to - 1).To}, n)
}

func (d *divider) ask(ctx context.Context, part []stretch) error {
	if len(part) == 0 {
		return nil
	}
	if ok, err := d.agrees(ctx, part); ok || err != nil {
		return err
	}
	return d.divide(ctx, part)
}

// divide looks for the days of a part that does not agree.
func (d *divider) divide(ctx context.Context, part []stretch) error {
	if len(part) == 1 {
		d.found = append(d.found, part[0].Range)
		return nil
	}
	left, right := part[:len(part)/2], part[len(part)/2:]
	ok, err := d.agrees(ctx, left)
	if err != nil {
		return err
	}
	if ok {
		return d.divide(ctx, right)
	}
	if err := d.divide(ctx, left); err != nil {
		return err
	}
	return d.ask(ctx, right)
}
