// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import "time"

// Day is a UTC day, counted from 1970-01-01.
type Day int64

// MillisPerDay is the length of a Day.
const MillisPerDay = 24 * 60 * 60 * 1000

// DayOf returns the day of a time in Unix milliseconds.
func DayOf(timestamp int64) Day {
	d := timestamp / MillisPerDay
	if timestamp%MillisPerDay < 0 {
		d--
	}
	return Day(d)
}

// Start is the first millisecond of the day.
func (d Day) Start() int64 { return int64(d) * MillisPerDay }

// Time is the start of the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*(MillisPerDay/1000), 0).UTC() }

// String writes the day as 2006-01-02.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Counts are what is compared between a source and what was listed of it: traces of one day by
// their timestamp, in every state.
type Counts struct {
	Traces int64
	// Duration is the sum of their durations in milliseconds. A trace without a duration counts 0.
	Duration int64
	// Untimed is the number of those without a duration. Sources don't tell it.
	Untimed int64
}

// Add adds the counts of other traces.
func (c *Counts) Add(o Counts) {
	c.Traces += o.Traces
	c.Duration += o.Duration
	c.Untimed += o.Untimed
}
