// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Day is what is known of one day of an experiment.
type Day struct {
	Date mlflow.Day
	// Delivered is the number of traces in the set. A trace whose timestamp moved within its day
	// counts again, if its new minute lies outside of the minutes of its chunk.
	Delivered int64
	// Closed says that the last listing of the day came to its end. Then Counts and Spans are those
	// of what it listed, each trace of which was delivered or is known as open; else those of the
	// part that an unfinished listing has seen.
	Closed bool
	Counts mlflow.Counts
	// Spans is the sum of the numbers of spans that the metadata of traces tells.
	Spans int64
	// Gone is the number of traces in the set that the last complete listing did not show, deleted
	// ones and those whose timestamp moved to another day.
	Gone int64
	// Listed is when the last complete listing ended, Unix minutes; 0 for never.
	Listed int64
	// From <= timestamp < To is what the last listing was asked for, within the day, Unix
	// milliseconds.
	From, To int64
	// Cursor is how far an unfinished listing came; zero when there is none.
	Cursor mlflow.Position
}

// day is a Day with what only the set needs.
type day struct {
	Day
	known   int64 // traces among the listed ones that are in the set
	digests bool  // there are digests of its chunks
	epoch   int64 // of the set when its last listing began
	chunks  []span
	// restart says that entries were lost while the day was being listed, so that this listing
	// can't close it. It is not stored: the record says that the day is not closed.
	restart bool
}

func newDay(d mlflow.Day) *day {
	return &day{Day: Day{Date: d, From: d.Start(), To: d.Start() + mlflow.MillisPerDay}}
}

// partial reports whether the last listing was asked for a part of the day.
func (d *day) partial() bool {
	return d.From != d.Date.Start() || d.To != d.Date.Start()+mlflow.MillisPerDay
}

// begin starts a listing of a part of the day.
func (d *day) begin(from, to, epoch int64) {
	d.Closed, d.restart = false, false
	d.Counts, d.Spans, d.known, d.Cursor = mlflow.Counts{}, 0, 0, mlflow.Position{}
	d.From, d.To, d.epoch = from, to, epoch
}

// enter takes the day into an epoch: a listing that began in an earlier one doesn't count.
func (d *day) enter(epoch int64) {
	if d.epoch != epoch {
		d.Closed, d.Cursor = false, mlflow.Position{}
	}
}

// lost makes the next run list the day from its start.
func (d *day) lost() {
	d.Closed, d.restart, d.Cursor = false, true, mlflow.Position{}
}

// Month is a month of the calendar in UTC, counted from the year 0.
type Month int64

const monthsPerYear = 12

func monthOf(d mlflow.Day) Month {
	t := d.Time()
	return Month(t.Year())*monthsPerYear + Month(t.Month()) - 1
}

func (m Month) year() int {
	y := int(m / monthsPerYear)
	if m%monthsPerYear < 0 {
		y--
	}
	return y
}

func (m Month) month() time.Month { return time.Month(int(m)-m.year()*monthsPerYear) + 1 }

// first is the first day of the month.
func (m Month) first() mlflow.Day {
	return mlflow.Day(time.Date(m.year(), m.month(), 1, 0, 0, 0, 0, time.UTC).Unix() / (mlflow.MillisPerDay / 1000))
}

// String writes the month as 2006-01.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.year(), m.month()) }

// Range is the days From <= day < To.
type Range struct{ From, To mlflow.Day }

// ranges are in ascending order and neither overlap nor touch.
type ranges []Range

// add returns the ranges with the days of r added.
func (rs ranges) add(r Range) ranges {
	if r.From >= r.To {
		return rs
	}
	merged := make(ranges, 0, len(rs)+1)
	for _, o := range rs {
		if o.To < r.From || o.From > r.To {
			merged = append(merged, o)
			continue
		}
		r = Range{min(r.From, o.From), max(r.To, o.To)}
	}
	at, _ := slices.BinarySearchFunc(merged, r, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	return slices.Insert(merged, at, r)
}

// remove returns the ranges without the days of r.
func (rs ranges) remove(r Range) ranges {
	var left ranges
	for _, o := range rs {
		if before := (Range{o.From, min(o.To, r.From)}); before.From < before.To {
			left = append(left, before)
		}
		if after := (Range{max(o.From, r.To), o.To}); after.From < after.To {
			left = append(left, after)
		}
	}
	return left
}
