// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Readers is what the reports of the first tier add up to, over all runs. Numbers are traces:
// Found = HandedOver + Skipped + Rejected + Pending.
type Readers struct {
	Reports     int                   `json:"reports"`
	Shards      int                   `json:"shards"` // of each receiver
	Sources     []string              `json:"sources"`
	Found       int64                 `json:"found"`
	HandedOver  int64                 `json:"handed_over"`
	Skipped     int64                 `json:"skipped,omitempty"`
	Rejected    int64                 `json:"rejected,omitempty"`
	Pending     int64                 `json:"pending,omitempty"`
	Experiments map[string]Experiment `json:"experiments"` // by id
	// Problems say why the reports are not those of a whole backfill that was handed over.
	Problems []string `json:"-"`
}

// Experiment is the part of one experiment. First and Last bound the starts of its traces, RFC 3339; empty where there
// are none.
type Experiment struct {
	Name       string `json:"name"`
	HandedOver int64  `json:"handed_over"`
	First      string `json:"first,omitempty"`
	Last       string `json:"last,omitempty"`
}

// run is the run of a receiver with the place of the report that tells of it.
type run struct {
	*Receiver
	place   string
	written time.Time
	period
}

// SumReaders adds the reports of readers of a topic up. Shards of one backfill have the same receiver id.
func SumReaders(documents []Document, topic string) Readers {
	r := Readers{Experiments: map[string]Experiment{}}
	groups := map[string][]run{}
	for i := range documents {
		d := &documents[i]
		if len(d.Receivers) == 0 {
			r.problem("%s: no mlflow receiver reported there", d.Place)
		}
		for j := range d.Receivers {
			x := run{&d.Receivers[j], d.Place, d.Written, d.period(d.Receivers[j].Receiver)}
			groups[x.Receiver.Receiver] = append(groups[x.Receiver.Receiver], x)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		r.group(newest(groups[id]), topic)
	}
	if r.Found == 0 && len(r.Problems) == 0 {
		r.problem("the reports tell of no trace")
	}
	return r
}

func (r *Readers) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// clocks is how far the clocks of two machines may differ, and how old the last report of a killed process may be.
const clocks = time.Minute

// newest leaves out runs after which another one of the same shard began, or one of another number of shards, unless
// they left something undone that the later one does not read. Runs at the same time stay: two processes may have the
// same shard by mistake.
func newest(runs []run) []run {
	return slices.DeleteFunc(slices.Clone(runs), func(old run) bool {
		return slices.ContainsFunc(runs, func(x run) bool {
			a, b := old.shard(), x.shard()
			return x.Source == old.Source && (a == b || a.Count != b.Count) && x.Started.After(old.Started) &&
				old.written.Before(x.Started.Add(clocks)) && (old.done() || x.covers(&old))
		})
	})
}

// done reports whether a run left nothing out.
func (x *run) done() bool {
	return x.Ended != nil && !x.Stopped && len(x.Problems) == 0 && x.Delivery.AtLeast(progress.HandedOver)
}

// covers reports whether a run reads everything that an earlier one read, as far as that is known.
func (x *run) covers(old *run) bool {
	if x.List && !old.List {
		return false
	}
	ids := x.ids()
	for _, id := range old.ids() {
		if !slices.Contains(ids, id) {
			return false
		}
	}
	return x.period.covers(old.period, old.Started)
}

// group adds the shards of one backfill.
func (r *Readers) group(runs []run, topic string) {
	first := runs[0]
	r.Reports += len(runs)
	r.shards(runs)
	r.Sources = append(r.Sources, first.Source.Kind+" "+first.Source.Location)
	for _, x := range runs {
		r.state(x, topic)
		if x.Source != first.Source {
			r.problem("%s read %s %s, and %s %s %s: these are not shards of one backfill", x.place, x.Source.Kind,
				x.Source.Location, first.place, first.Source.Kind, first.Source.Location)
		}
		if own, others := x.ids(), first.ids(); !slices.Equal(own, others) {
			r.problem("%s is of the experiments %s, and %s of %s: shards must read the same ones", x.place,
				strings.Join(own, ", "), first.place, strings.Join(others, ", "))
		}
		if x.told && first.told && x.period != first.period {
			r.problem("%s reads %s, and %s reads %s: shards must read the same dates", x.place, x.period, first.place,
				first.period)
		}
		r.add(x.Receiver)
	}
}

// shards checks that each part of a backfill is there once.
func (r *Readers) shards(runs []run) {
	count := runs[0].shard().Count
	r.Shards = max(r.Shards, count)
	places := map[int]string{}
	for _, x := range runs {
		s := x.shard()
		if s.Count != count {
			r.problem("%s is %s, and %s is %s: shards of one backfill have the same count", x.place, s, runs[0].place,
				runs[0].shard())
			continue
		}
		if other := places[s.Index]; other != "" {
			r.problem("%s and %s are both %s of receiver %s", other, x.place, s, x.Receiver.Receiver)
		}
		places[s.Index] = x.place
	}
	for i := range min(count, 1<<16) {
		if places[i] == "" {
			r.problem("there is no report of %s of receiver %s", progress.Shard{Index: i, Count: count},
				runs[0].Receiver.Receiver)
		}
	}
}

// state checks that a run ended, and that the topic has what it read.
func (r *Readers) state(x run, topic string) {
	name := fmt.Sprintf("%s, %s", x.place, x.Receiver.Receiver)
	switch {
	case x.Mode != "backfill":
		r.problem("%s: mode %s has no end; a verdict is of a backfill", name, x.Mode)
	case x.Ended == nil:
		r.problem("%s: the reader has not ended", name)
	case x.Stopped:
		r.problem("%s: the reader was stopped: %s", name, x.Headline)
	case len(x.Problems) > 0:
		r.problem("%s: %s", name, strings.Join(x.Problems, "; "))
	case !x.Delivery.AtLeast(progress.HandedOver):
		r.problem("%s: %s", name, x.Headline)
	case !slices.ContainsFunc(x.Topics, func(t Topic) bool { return t.is(topic) }):
		r.problem("%s: the reader did not write to topic %s", name, topic)
	case x.DividedBy != "" && len(x.Topics)+len(x.Destinations) > 1:
		r.problem("%s: connector %s divides what the reader reads, so topic %s may have a part of it; use a receiver "+
			"of its own for each topic", name, x.DividedBy, topic)
	}
}

// add adds the numbers of a run and of those before it.
func (r *Readers) add(x *Receiver) {
	for _, e := range x.Experiments {
		sum := r.Experiments[e.ID]
		sum.Name = e.Name
		for _, n := range []*Numbers{&e.Run, e.Earlier} {
			if n == nil {
				continue
			}
			r.Found += n.Read
			r.HandedOver += n.Accepted
			r.Rejected += n.Rejected
			r.Skipped += total(n.Skipped)
			r.Pending += total(n.Pending) + n.InFlight
			sum.HandedOver += n.Accepted
		}
		if e.First != "" && (sum.First == "" || e.First < sum.First) {
			sum.First = e.First
		}
		sum.Last = max(sum.Last, e.Last)
		r.Experiments[e.ID] = sum
		if !e.Complete {
			r.problem("experiment %s (%s) was not read to its end", cmp.Or(e.Name, e.ID), e.ID)
		}
	}
}

// Bounds are the starts of the first and of the last trace of all experiments; zero where there are none.
func (r *Readers) Bounds() (first, last time.Time) {
	for _, e := range r.Experiments {
		if at, err := time.Parse(time.RFC3339, e.First); err == nil && (first.IsZero() || at.Before(first)) {
			first = at
		}
		if at, err := time.Parse(time.RFC3339, e.Last); err == nil && at.After(last) {
			last = at
		}
	}
	return first, last
}

// shard is the part of the backfill that was read.
func (x *Receiver) shard() progress.Shard {
	if x.Shard == nil {
		return progress.Shard{Index: 0, Count: 1}
	}
	return *x.Shard
}

// ids are those of the experiments, in order.
func (x *Receiver) ids() []string {
	ids := make([]string, len(x.Experiments))
	for i, e := range x.Experiments {
		ids[i] = e.ID
	}
	slices.Sort(ids)
	return ids
}

func total(counts map[string]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}
