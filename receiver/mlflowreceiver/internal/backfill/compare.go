// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/reconcile"
)

// passes is how often days that the source counts otherwise are listed in a run.
const passes = 3

// plan compares what the source counts with what was listed, and sets the ranges that each reader
// lists in a pass. It reports whether there is anything to list.
func (r *run) plan(pass int) (more bool, err error) {
	if err := r.loadDays(); err != nil {
		return false, err
	}
	if err := r.count(pass); err != nil {
		return false, err
	}
	if err := r.findFirst(pass); err != nil {
		return false, err
	}
	for _, x := range r.readers {
		if pass > 0 && !x.complete {
			continue
		}
		in := r.input(x)
		in.Recheck, in.All, in.Pass = r.Recheck, r.RecheckAll, pass
		if r.LateChanges != nil {
			in.LateChanges = true
			in.Recheck = max(in.Recheck, int(mlflow.DayOf(r.To)-mlflow.DayOf(r.LateChanges.since(r.Now())))+1)
		}
		if x.counts == nil {
			in.Rotate = r.Rotate
		}
		ranges := reconcile.NewPlan(in).Ranges
		if pass == 0 && r.until > r.To {
			ranges = append(ranges, reconcile.TimeRange{From: r.To, To: r.until})
		}
		more = more || len(ranges) > 0
		if pass == passes { // what differs now is part of the verdict
			continue
		}
		x.ranges = ranges
		if pass > 0 {
			x.exhausted = len(ranges) == 0
			x.complete = x.exhausted
		}
	}
	return more, nil
}

// ranges is how many ranges were listed to their end in this run.
func (r *run) ranges() (n int) {
	for _, x := range r.readers {
		n += len(x.listed)
	}
	return n
}

// loadDays takes from the sets what is known of each day now.
func (r *run) loadDays() (err error) {
	for _, x := range r.readers {
		if x.days, err = x.set.Days(r.ctx); err != nil {
			return err
		}
	}
	return nil
}

// input is what is known of an experiment.
func (r *run) input(x *reader) reconcile.Input {
	return reconcile.Input{From: max(r.From, x.first), To: r.To, Owned: x.owned, Days: x.days, Listed: x.set.Listed(),
		Source: x.counts, Differ: x.differ}
}

// count asks the source for the traces of each day, first for all experiments together and only
// where that differs from what was listed for each of them. Where the source can't count, it is
// asked whether there are as many as were listed.
func (r *run) count(pass int) error {
	for _, x := range r.readers {
		x.before, x.counts = x.counts, nil
	}
	if r.Filter != "" {
		return r.probe(pass)
	}
	if !r.Shard.Whole() {
		return r.countOwned(pass)
	}
	if len(r.readers) == 0 || pass == 0 && r.unlisted() { // everything is listed, whatever the source counts
		return nil
	}
	listed := map[mlflow.Day]mlflow.Counts{}
	var ids []string
	for _, x := range r.readers {
		for _, d := range x.days {
			if d.Date < mlflow.DayOf(r.From) || d.Date.Start() >= r.To {
				continue // not asked for
			}
			sum := listed[d.Date]
			sum.Add(d.Counts)
			listed[d.Date] = sum
		}
		ids = append(ids, x.exp.ID)
	}
	if err := r.countSpans(ids); err != nil {
		return err
	}
	total, err := r.Source.Daily(r.ctx, ids, r.From, r.To)
	if errors.Is(err, mlflow.ErrUnsupported) {
		return r.probe(pass)
	}
	if err != nil {
		return err
	}
	agree := true
	for day := range total {
		agree = agree && total[day].Agrees(listed[day])
	}
	for day := range listed {
		agree = agree && total[day].Agrees(listed[day])
	}
	for _, x := range r.readers {
		switch {
		case len(ids) == 1:
			x.counts = &reconcile.SourceCounts{Days: total, Durations: true}
		case agree:
			x.counts = x.own()
		default:
			days, err := r.Source.Daily(r.ctx, []string{x.exp.ID}, r.From, r.To)
			if err != nil {
				return err
			}
			x.counts = &reconcile.SourceCounts{Days: days, Durations: true}
		}
	}
	return nil
}

// unlisted reports whether nothing of any experiment was listed to its end before this run.
func (r *run) unlisted() bool {
	return !slices.ContainsFunc(r.readers, func(x *reader) bool { return len(x.set.Listed()) > 0 })
}

// own is what was listed of an experiment as what the source counts of it, since the sums over all
// experiments agree.
func (x *reader) own() *reconcile.SourceCounts {
	counts := &reconcile.SourceCounts{Days: map[mlflow.Day]mlflow.DayCounts{}, Durations: true}
	for _, d := range x.days {
		counts.Days[d.Date] = mlflow.DayCounts{Counts: d.Counts}
	}
	return counts
}

// probe asks a source that can't count by day whether it has as many traces as were listed.
func (r *run) probe(pass int) error {
	for _, x := range r.readers {
		if pass > 0 && !x.complete {
			continue
		}
		x.differ = nil
		var err error
		x.exact = true
		in := r.input(x)
		if x.owned != nil && pass > 0 {
			in.Listed = nil // each day costs requests of its own: not for those that were just found empty
		}
		x.differ, err = reconcile.Disagreements(r.ctx, in,
			func(ctx context.Context, of reconcile.TimeRange, n int64) (bool, error) {
				return r.Source.Exactly(ctx, mlflow.Range{ExperimentID: x.exp.ID, From: of.From, To: of.To,
					Filter: r.Filter}, n)
			})
		if errors.Is(err, mlflow.ErrUnsupported) {
			x.exact, x.differ = false, nil
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// conclude says for each experiment what the comparison with the source proves, and writes that the
// run has read everything.
func (r *run) conclude() error {
	if err := r.loadDays(); err != nil {
		return err
	}
	for _, x := range r.readers {
		if !x.complete {
			continue
		}
		method := reconcile.NotCompared
		if x.counts != nil {
			method = reconcile.ByDurations
		} else if x.exact {
			method = reconcile.ByNumber
		}
		c := reconcile.Compare(r.input(x), x.listed, method)
		c.Differ = slices.DeleteFunc(c.Differ, x.meanwhile)
		x.missing = !c.Complete()
		r.Counters.Update(x.exp.ID, func(a *progress.Experiment) {
			a.Missing, a.Scope, a.Gone, a.MissingDays = c.Missing(), c.Scope(), c.Gone, c.MissingDays()
		})
		if err := x.forget(r.ctx); err != nil {
			return err
		}
		r.saver.change(x, func(rec *progress.Record) {
			rec.Covered, rec.LastRun, rec.Begun, rec.Identity = nil, r.To, 0, progress.IdentityOf(&x.exp)
		})
	}
	return r.concludeSpans()
}

// meanwhile reports whether a day differs only by what appeared while it was listed: what was listed
// is what the source had counted before.
func (x *reader) meanwhile(d reconcile.Difference) bool {
	return d.Source != nil && x.before != nil && d.To == d.From+1 && x.before.Days[d.From].Agrees(d.Listed)
}

// restoredAsks is of how many experiments the traces that were delivered last are looked up.
const restoredAsks = 5

// restored looks up the traces that were delivered last. If the source does not have half of them,
// it was restored from a backup: everything is listed again.
func (r *run) restored() error {
	last := slices.SortedFunc(slices.Values(r.readers), func(a, b *reader) int {
		return cmp.Compare(b.record.LastRun, a.record.LastRun)
	})
	var anchors, left reconcile.Anchors
	for _, x := range last[:min(len(last), restoredAsks)] {
		if len(x.record.Last) == 0 {
			continue
		}
		infos, err := r.Source.Lookup(r.ctx, x.exp.ID, x.record.Last)
		if err != nil {
			return err
		}
		found := make([]string, len(infos))
		for i := range infos {
			found[i] = infos[i].ID
		}
		anchors = append(anchors, x.record.Last...)
		x.record.Last, _ = reconcile.Anchors(x.record.Last).Check(found)
		left = append(left, x.record.Last...)
	}
	if _, restored := anchors.Check(left); !restored {
		return nil
	}
	r.Log.Warn("Half of the traces that were delivered last are gone at the source. It seems to be restored from a " +
		"backup, so everything is listed again")
	var all delivered.Changes
	for _, x := range r.readers {
		x.set.Reopen(r.Now().UnixMilli())
		all.Append(x.set.Changes())
		x.note = "the source seems to be restored from a backup, so everything was listed again"
	}
	if err := r.Store.Client.Batch(r.ctx, all.Operations()...); err != nil {
		return fmt.Errorf("writing the storage: %w", err)
	}
	for _, x := range r.readers {
		x.set.Applied()
	}
	return nil
}

// keysNamed is how many damaged records a note names; the log names all.
const keysNamed = 3

// damaged names the records of the set that could not be read; their days are listed again.
func (r *run) damaged() {
	for _, x := range r.readers {
		var keys []string
		for _, d := range x.set.Damage() {
			keys = append(keys, d.Key)
		}
		if len(keys) > 0 {
			slices.Sort(keys)
			keys = slices.Compact(keys)
			r.Log.Error("Stored records are damaged; their days are listed again and some traces are delivered again",
				zap.String("experiment_id", x.exp.ID), zap.Strings("records", keys))
			if n := len(keys); n > keysNamed {
				keys = append(keys[:keysNamed], fmt.Sprintf("and %d more", n-keysNamed))
			}
			x.note = "records of delivered traces were damaged (" + strings.Join(keys, ", ") +
				"), so some traces were delivered again"
		}
	}
}

// ErrReplaced is the error for a source whose experiment has another identity than before.
var ErrReplaced = errors.New("the source was replaced")

// openSet opens the delivered set of an experiment, and takes over what a position of an older format
// says.
func (r *run) openSet(x *reader) (err error) {
	rec := &x.record
	if identity := progress.IdentityOf(&x.exp); rec.Identity.Differs(identity) {
		if !r.StartOver {
			return fmt.Errorf("%w: experiment %s (%s), %s, was %s when it was delivered; to deliver it from its "+
				"start, write on_replaced: start_over", ErrReplaced, x.exp.Name, x.exp.ID, identity, rec.Identity)
		}
		*rec = progress.Record{Generation: rec.Generation + 1, Identity: identity}
		x.open, x.telling = newOpenTraces(nil), newTelling(nil)
		x.telling.dirty, x.toldEarlier = true, nil
		x.note = "another experiment has the same id now, so it was delivered from its start"
	}
	name := r.Store.set(x.exp.ID, rec.Generation)
	if x.set, err = delivered.Open(r.ctx, r.Store.Client, name, r.Now().UnixMilli()); err != nil {
		return err
	}
	if !rec.Older || len(rec.Covered) == 0 {
		x.takeOver = rec.Covered
		return nil
	}
	var known int64
	for _, s := range rec.Covered {
		n, err := r.Source.Count(r.ctx, mlflow.Range{ExperimentID: x.exp.ID, From: s.From, To: s.Upto.Timestamp,
			Filter: r.Filter})
		if err != nil {
			return err
		}
		if n < 0 || s.Upto.ID != "" { // it can't be known what was read
			known = -1
			break
		}
		known += n
	}
	unnamed := len(rec.Open) == 0 && rec.Totals.SkippedSum()+rec.Totals.Rejected > 0
	if known == rec.Totals.Read && !unnamed {
		x.takeOver = rec.Covered
		return nil
	}
	x.note = "its position is of an older format and does not tell which traces were delivered, so everything is " +
		"delivered again"
	*rec = progress.Record{Identity: rec.Identity, Delivery: rec.Delivery, Unfinished: rec.Unfinished}
	return nil
}

// total is the number of traces that the source counts; -1 when it can't.
func (x *reader) total() int64 {
	if x.counts == nil {
		return -1
	}
	var n int64
	for c := range maps.Values(x.counts.Days) {
		n += c.Traces
	}
	return n
}
