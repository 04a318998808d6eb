// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Input is what is known of one experiment.
type Input struct {
	// From <= timestamp < To is what the run reads, Unix milliseconds. To does not lie in the
	// future.
	From, To int64
	// Owned, where it is not nil, says which days the run reads. Days, Listed and Source may tell of
	// others; they don't count.
	Owned func(mlflow.Day) bool
	// Days and Listed are those of the delivered set, in ascending order.
	Days   []delivered.Day
	Listed []delivered.Range
	// Source is what the source counts, for the same range; nil where it can't count by day.
	Source *SourceCounts
	// Differ are the ranges that Disagreements found; for sources that can't count by day.
	Differ []delivered.Range
	// Recheck is how many days before To are listed again: where the source has no sums of
	// durations, and where LateChanges are wanted (of tags and assessments, which no count shows).
	Recheck     int
	LateChanges bool
	// Rotate is how many of the days that were listed longest ago are listed again.
	Rotate int
	// All asks for everything to be listed. Where it must be, since what was listed proves nothing,
	// the set is reopened instead: that outlasts a process.
	All bool
	// Pass counts the plans of a run. After the first one, only days that differ or are not listed
	// are.
	Pass int
}

// SourceCounts is what a source counts by day. Days without traces may be missing.
type SourceCounts struct {
	Days map[mlflow.Day]mlflow.DayCounts
	// Durations says that the source sums durations; if not, only numbers are compared.
	Durations bool
}

// agree compares the counts of a day.
func (s *SourceCounts) agree(d mlflow.Day, listed mlflow.Counts) bool {
	c := s.Days[d]
	return c.Traces == listed.Traces && (!s.Durations || c.Agrees(listed))
}

// sums reports whether the source sums durations by day.
func (in *Input) sums() bool { return in.Source != nil && in.Source.Durations }

// Reason says why a day is listed.
type Reason string

// The reasons to list a day.
const (
	// Unlisted: it was not yet listed to its end, or not all of the part that is asked for.
	Unlisted Reason = "not listed yet"
	// Differs: the source counts otherwise than what was listed.
	Differs Reason = "the source counts otherwise"
	// Recheck: it is recent.
	Recheck Reason = "recent"
	// Rotation: it was listed longest ago.
	Rotation Reason = "listed longest ago"
	// Asked: the configuration asks for everything.
	Asked Reason = "everything is listed again"
)

// Plan is what is to be listed.
type Plan struct {
	// Ranges are in ascending order and don't overlap. Each is listed from its start, or from where
	// an unfinished listing of its first day stands.
	Ranges []TimeRange
	// Causes are the days and why they are in the plan. A day may be there for several reasons;
	// Ranges may also hold days without traces, where that saves requests.
	Causes []Cause
}

// TimeRange is From <= timestamp < To, Unix milliseconds.
type TimeRange struct{ From, To int64 }

// Cause is why days are listed.
type Cause struct {
	delivered.Range
	Reason Reason
}

// planner makes a plan.
type planner struct {
	Input
	all     delivered.Range // the days of the run
	days    []delivered.Day // those of them with a record
	records map[mlflow.Day]delivered.Day
	causes  []Cause
}

func newPlanner(in Input) *planner {
	p := &planner{Input: in, records: map[mlflow.Day]delivered.Day{}}
	if in.From >= in.To {
		return p
	}
	p.all = delivered.Range{From: mlflow.DayOf(in.From), To: mlflow.DayOf(in.To-1) + 1}
	for _, d := range in.Days {
		if d.Date >= p.all.From && d.Date < p.all.To && p.owns(d.Date) {
			p.days = append(p.days, d)
			p.records[d.Date] = d
		}
	}
	return p
}

// NewPlan says which days are to be listed.
func NewPlan(in Input) Plan {
	p := newPlanner(in)
	p.compare()
	if in.Pass == 0 {
		if in.All {
			p.addAll()
		}
		p.recheck()
		p.rotate()
	}
	return Plan{Ranges: p.ranges(), Causes: p.causes}
}

// owns reports whether the run reads a day, as far as it lies in its range.
func (p *planner) owns(d mlflow.Day) bool { return p.Owned == nil || p.Owned(d) }

// add puts days into the plan, as far as they belong to the run.
func (p *planner) add(r delivered.Range, why Reason) {
	for _, own := range p.own(r) {
		p.causes = append(p.causes, Cause{own, why})
	}
}

// addAll adds everything. Where the run does not read all days, each is a range of its own: those without traces
// are left out, if the source counts them.
func (p *planner) addAll() {
	if p.Owned == nil || p.Source == nil {
		p.add(p.all, Asked)
		return
	}
	for d := range p.Source.Days {
		if !p.empty(d) {
			p.addDay(d, Asked)
		}
	}
}

// own are the days of a range that belong to the run, in ranges that don't touch.
func (p *planner) own(r delivered.Range) (list []delivered.Range) {
	r.From, r.To = max(r.From, p.all.From), min(r.To, p.all.To)
	if p.Owned == nil && r.From < r.To {
		return []delivered.Range{r}
	}
	for d := r.From; d < r.To; d++ {
		switch n := len(list); {
		case !p.owns(d):
		case n > 0 && list[n-1].To == d:
			list[n-1].To++
		default:
			list = append(list, delivered.Range{From: d, To: d + 1})
		}
	}
	return list
}

func (p *planner) addDay(d mlflow.Day, why Reason) { p.add(delivered.Range{From: d, To: d + 1}, why) }

// compare finds the days that are not listed, and those that differ.
func (p *planner) compare() {
	for i := range p.days {
		d := &p.days[i]
		switch {
		case !d.Closed:
			p.addDay(d.Date, Unlisted)
		case p.Source != nil:
			if !p.Source.agree(d.Date, d.Counts) {
				p.addDay(d.Date, Differs)
			}
		case d.From > p.bounds(d.Date).From || d.To < p.bounds(d.Date).To:
			p.addDay(d.Date, Unlisted)
		}
	}
	if p.Source == nil {
		for _, r := range p.unlisted() {
			p.add(r, Unlisted)
		}
		for _, r := range p.Differ {
			p.add(r, Differs)
		}
		return
	}
	for d, c := range p.Source.Days {
		if _, recorded := p.records[d]; recorded || c.Traces == 0 || !p.owns(d) {
			continue
		}
		why := Unlisted
		if slices.ContainsFunc(p.Listed, func(r delivered.Range) bool { return r.From <= d && d < r.To }) {
			why = Differs
		}
		p.addDay(d, why)
	}
}

// known are the days of the run that have a record or were listed, in ranges that don't touch.
func (p *planner) known() []delivered.Range {
	var have []delivered.Range
	for _, r := range p.Listed {
		have = append(have, p.own(r)...)
	}
	for _, d := range p.days {
		have = append(have, delivered.Range{From: d.Date, To: d.Date + 1})
	}
	slices.SortFunc(have, func(a, b delivered.Range) int { return cmp.Compare(a.From, b.From) })
	var joined []delivered.Range
	for _, r := range have {
		if n := len(joined); n > 0 && joined[n-1].To >= r.From {
			joined[n-1].To = max(joined[n-1].To, r.To)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// unlisted are the days of the run that have no record and were never listed.
func (p *planner) unlisted() []delivered.Range {
	var left []delivered.Range
	next := p.all.From
	for _, r := range p.known() {
		left = append(left, delivered.Range{From: next, To: r.From})
		next = r.To
	}
	return append(left, delivered.Range{From: next, To: p.all.To})
}

// recheck adds the recent days.
func (p *planner) recheck() {
	if p.sums() && !p.LateChanges || p.Recheck <= 0 {
		return
	}
	recent := delivered.Range{From: p.all.To - mlflow.Day(p.Recheck), To: p.all.To}
	if p.Source == nil {
		p.add(recent, Recheck)
		return
	}
	for d := max(recent.From, p.all.From); d < recent.To; d++ {
		if !p.empty(d) {
			p.addDay(d, Recheck)
		}
	}
}

// rotate adds the days that were listed longest ago, among those that are not in the plan. Where
// the source does not count by day, days without a record come with the next day that has one.
func (p *planner) rotate() {
	var rest []stretch
	for _, s := range slices.Concat(p.stretches()...) {
		if s.day != nil && !slices.ContainsFunc(p.causes, func(c Cause) bool {
			return c.From <= s.day.Date && s.day.Date < c.To
		}) {
			rest = append(rest, s)
		}
	}
	slices.SortStableFunc(rest, func(a, b stretch) int { return cmp.Compare(a.day.Listed, b.day.Listed) })
	for _, s := range rest[:min(p.Rotate, len(rest))] {
		if p.Source == nil {
			p.add(s.Range, Rotation)
		} else {
			p.addDay(s.day.Date, Rotation)
		}
	}
}

// stretch is a day with a record, and the listed days without one before it; the last day of a
// range of listed days also has those after it. day is nil where no day of such a range has one.
type stretch struct {
	delivered.Range
	day *delivered.Day
}

// stretches returns the days that were listed, in groups that follow on each other.
func (p *planner) stretches() (groups [][]stretch) {
	days := p.days
	for _, r := range p.known() {
		var group []stretch
		next := r.From
		for len(days) > 0 && days[0].Date < r.To {
			group = append(group, stretch{delivered.Range{From: next, To: days[0].Date + 1}, &days[0]})
			next = days[0].Date + 1
			days = days[1:]
		}
		if len(group) == 0 {
			group = []stretch{{r, nil}}
		}
		group[len(group)-1].To = r.To
		groups = append(groups, group)
	}
	return groups
}

// empty reports whether a day has no traces, neither listed nor at the source.
func (p *planner) empty(d mlflow.Day) bool {
	return p.records[d].Counts.Traces == 0 && (p.Source == nil || p.Source.Days[d].Traces == 0)
}

// bounds is the part of a day that the run reads.
func (p *planner) bounds(d mlflow.Day) TimeRange {
	return TimeRange{max(p.From, d.Start()), min(p.To, d.Start()+mlflow.MillisPerDay)}
}

// ranges joins the days of the plan. Days without traces between them are listed with them, since
// each range costs a request more. A day on which an unfinished listing stands begins a range.
func (p *planner) ranges() []TimeRange {
	sorted := slices.Clone(p.causes)
	slices.SortFunc(sorted, func(a, b Cause) int { return cmp.Compare(a.From, b.From) })
	var joined []delivered.Range
	for _, c := range sorted {
		if n := len(joined); n > 0 && p.joins(joined[n-1].To, c.From) {
			joined[n-1].To = max(joined[n-1].To, c.To)
			continue
		}
		joined = append(joined, c.Range)
	}
	var list []TimeRange
	for _, r := range joined {
		from := r.From
		for i := range p.days {
			d := &p.days[i]
			if d.Date > from && d.Date < r.To && !d.Closed && d.Cursor != (mlflow.Position{}) &&
				d.From == p.bounds(d.Date).From {
				list = append(list, TimeRange{p.bounds(from).From, d.Date.Start()})
				from = d.Date
			}
		}
		list = append(list, TimeRange{p.bounds(from).From, p.bounds(r.To - 1).To})
	}
	return list
}

// joins reports whether the run may list the days from <= day < to with others: it reads all of them,
// and there are no traces.
func (p *planner) joins(from, to mlflow.Day) bool {
	for d := from; p.Owned != nil && d < to; d++ {
		if !p.owns(d) {
			return false
		}
	}
	for i := range p.days {
		if d := p.days[i].Date; d >= from && d < to && !p.empty(d) {
			return false
		}
	}
	if p.Source != nil {
		for d, c := range p.Source.Days {
			if d >= from && d < to && c.Traces > 0 {
				return false
			}
		}
	}
	return true
}
