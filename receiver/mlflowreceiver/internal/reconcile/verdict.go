// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// anchorsKept is how many of the last delivered ids are kept.
const anchorsKept = 20

// Anchors are the ids that were delivered last. A store that was restored from a backup does not
// have them, although its experiments look the same.
type Anchors []string

// Add returns the anchors after more traces were delivered.
func (a Anchors) Add(ids ...string) Anchors {
	if len(ids) > anchorsKept {
		ids = ids[len(ids)-anchorsKept:]
	}
	keep := slices.DeleteFunc(slices.Clone(a), func(id string) bool { return slices.Contains(ids, id) })
	keep = append(keep, ids...)
	return keep[max(0, len(keep)-anchorsKept):]
}

// Check returns the anchors that the source still has, and whether it must have been restored from
// a backup: half of them or more are gone. Then the delivered set is reopened. found are the ids
// that the source knows.
func (a Anchors) Check(found []string) (left Anchors, restored bool) {
	left = slices.DeleteFunc(slices.Clone(a), func(id string) bool { return !slices.Contains(found, id) })
	return left, len(a) > 0 && 2*len(left) <= len(a)
}

// Method is how what is older than the recent days was compared with the source.
type Method uint8

// The methods, from the strongest to the weakest.
const (
	// ByDurations: numbers and sums of durations of each day.
	ByDurations Method = iota
	// ByNumber: numbers of traces.
	ByNumber
	// NotCompared: not at all.
	NotCompared
)

// Comparison is what a run proves of one experiment.
type Comparison struct {
	// Differ are the days whose counts differ after the last listing, Unlisted those that were not
	// listed to their end.
	Differ   []Difference
	Unlisted []delivered.Range
	// Gone is the number of delivered traces that the source does not show any more.
	Gone int64
	// Method is how the days were compared that this run did not list. They lie before Before; the
	// one that was listed longest ago was listed at Since, Unix milliseconds, 0 when that is not
	// known. Before is 0 where there are no such days.
	Method Method
	Before mlflow.Day
	Since  int64
}

// Difference is a day, or days, whose counts differ.
type Difference struct {
	delivered.Range
	Listed mlflow.Counts
	// Source is what the source counts; nil where it only said that it has another number.
	Source *mlflow.Counts
}

// Compare says what a run proves, from the state at its end. listed is what the run listed: each
// range of its plans, from where a resumed listing stood. method is what the source can do. Of in,
// Recheck, LateChanges, Rotate, All and Pass don't count.
func Compare(in Input, listed []TimeRange, method Method) Comparison {
	p := newPlanner(in)
	p.compare()
	var c Comparison
	for _, cause := range p.causes {
		if cause.Reason == Unlisted {
			c.Unlisted = append(c.Unlisted, cause.Range)
			continue
		}
		d := Difference{Range: cause.Range}
		for day := range p.records {
			if day >= d.From && day < d.To {
				d.Listed.Add(p.records[day].Counts)
			}
		}
		if in.Source != nil {
			counts := in.Source.Days[d.From].Counts
			d.Source = &counts
		}
		c.Differ = append(c.Differ, d)
	}
	slices.SortFunc(c.Differ, func(a, b Difference) int { return cmp.Compare(a.From, b.From) })
	slices.SortFunc(c.Unlisted, func(a, b delivered.Range) int { return cmp.Compare(a.From, b.From) })
	for _, d := range p.days {
		c.Gone += d.Gone
	}
	c.Method = method
	for _, s := range slices.Concat(p.stretches()...) {
		if method == NotCompared && !inside(p.bounds(s.From), listed) { // days without a record
			c.Before = s.To
			if s.day != nil {
				c.Before = s.day.Date
			}
		}
		if s.day == nil || inside(p.bounds(s.day.Date), listed) {
			continue
		}
		c.Before = s.day.Date + 1
		if at := s.day.Listed * 60_000; c.Since == 0 || at < c.Since {
			c.Since = at
		}
	}
	return c
}

// inside reports whether a range lies in one of a list.
func inside(r TimeRange, list []TimeRange) bool {
	return slices.ContainsFunc(list, func(o TimeRange) bool { return o.From <= r.From && r.To <= o.To })
}

// Complete reports whether nothing is known to be missing, within the Scope.
func (c *Comparison) Complete() bool { return len(c.Differ) == 0 && len(c.Unlisted) == 0 }

// Scope says of what the comparison proves less than that nothing is missing; empty when there is
// nothing of that kind.
func (c *Comparison) Scope() string {
	if c.Before == 0 {
		return ""
	}
	text := fmt.Sprintf("days before %s: not compared", c.Before)
	switch c.Method {
	case ByDurations:
		return ""
	case ByNumber:
		text = fmt.Sprintf("days before %s: only the number of traces was compared", c.Before)
	}
	if c.Since != 0 {
		text += fmt.Sprintf(", they were last listed on %s or later",
			time.UnixMilli(c.Since).UTC().Format(time.DateOnly))
	}
	return text
}

// daysNamed is how many days Missing names.
const daysNamed = 3

// Missing says what is known to be missing; empty when nothing is.
func (c *Comparison) Missing() string {
	parts := make([]string, 0, daysNamed+1)
	for i, r := range c.Unlisted {
		if i == daysNamed {
			parts = append(parts, fmt.Sprintf("%d more", len(c.Unlisted)-i))
			break
		}
		parts = append(parts, name(r)+" not listed to the end")
	}
	for i, d := range c.Differ {
		if i == daysNamed {
			parts = append(parts, fmt.Sprintf("%d more days differ", len(c.Differ)-i))
			break
		}
		parts = append(parts, d.String())
	}
	return strings.Join(parts, "; ")
}

// MissingDays are the days that Missing speaks of, all of them.
func (c *Comparison) MissingDays() (list []progress.Missing) {
	line := func(r delivered.Range, reason mlflow.Reason) progress.Missing {
		m := progress.Missing{Reason: reason, Day: r.From.String()}
		if r.To > r.From+1 {
			m.LastDay = (r.To - 1).String()
		}
		return m
	}
	for _, r := range c.Unlisted {
		list = append(list, line(r, progress.NotListed))
	}
	for _, d := range c.Differ {
		m := line(d.Range, progress.CountDiffers)
		m.Listed = &d.Listed.Traces
		if d.Source != nil {
			m.Expected = &d.Source.Traces
			if d.Source.Traces == d.Listed.Traces {
				m.Reason = progress.DurationsDiffer
			}
		}
		list = append(list, m)
	}
	return list
}

// String says how the day differs.
func (d Difference) String() string {
	switch {
	case d.Source == nil:
		return fmt.Sprintf("%s: %d traces were listed, the source has another number", name(d.Range), d.Listed.Traces)
	case d.Source.Traces != d.Listed.Traces:
		return fmt.Sprintf("%s: the source has %d traces, %d were listed", name(d.Range), d.Source.Traces,
			d.Listed.Traces)
	default:
		return fmt.Sprintf("%s: the durations of its %d traces add up to %d ms at the source, to %d ms as listed",
			name(d.Range), d.Source.Traces, d.Source.Duration, d.Listed.Duration)
	}
}

func name(r delivered.Range) string {
	if r.To == r.From+1 {
		return r.From.String()
	}
	return fmt.Sprintf("%s to %s", r.From, r.To-1)
}
