// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/reconcile"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/shard"
)

// reader is the work on one experiment.
type reader struct {
	run *run
	exp mlflow.Experiment

	set *delivered.Set
	// Of a shard: which days it owns, nil for all; and the start of the day of the first trace, where the
	// source can't count by day.
	owned func(mlflow.Day) bool
	first int64

	planning sync.Mutex           // windows are planned one after the other
	again    []int                // pages of open traces of earlier runs, tried again before anything is listed
	queued   []progress.OpenTrace // of them, those that are looked up next
	// Traces that ended at endedSince or later, Unix milliseconds, are asked for before anything is
	// listed, from endedAfter on; 0: not, or no more.
	endedSince int64
	endedAfter mlflow.Position
	met        map[uint64]uint16 // those of them that are read, by hash: their shapes
	ranges     []reconcile.TimeRange
	listing    *delivered.Listing // of the first range; nil before it is begun
	after      mlflow.Position    // how far it came
	from       int64              // from where on this run listed it
	remaining  int64              // of a shard, if counting: traces of the range that are not listed yet
	counting   bool
	listed     []reconcile.TimeRange
	list       []ListedTrace // of a run over a list; such a reader lists nothing
	found      []mlflow.Info // of a run over found traces; such a reader lists nothing
	// toldEarlier are traces of which an earlier run may have told without noting it, left those of them that are
	// still to be told again. toldAgain are those that were, by hash, with their digests.
	toldEarlier map[string]bool
	left        []string
	toldAgain   map[uint64]uint64
	// takeOver is what a position of an older format says was read: its traces are in the set as soon
	// as they are listed.
	takeOver progress.Coverage

	// Of the newest plan: what the set knows of each day, and what the source counted before and at
	// the end of the listing.
	days           []delivered.Day
	before, counts *reconcile.SourceCounts
	differ         []delivered.Range
	exact          bool   // differ was found by asking whether the source has as many traces as listed
	missing        bool   // the source counts otherwise than what was listed
	note           string // why more was listed or delivered than usual

	tracker progress.Tracker[*window]

	// Guarded by run.mu.
	breaker    refusal.Breaker
	quarantine refusal.Quarantine
	taken      time.Time // when the newest call began that was accepted
	denied     time.Time // when anything was refused last, or failed, but for traces in quarantine
	lone       []*lone   // traces from quarantine that were refused and are not judged yet
	retrying   bool      // a goroutine sends what is in quarantine
	wantRoom   int       // workers that wait for room in quarantine
	evidence   int       // batches that go through although the quarantine is full
	planned    time.Time // since when the source is asked for infos; zero when it is not
	trouble    string    // why the destination takes nothing; empty while it does
	exhausted  bool      // nothing is planned any more
	complete   bool      // because everything was planned
	busy       int       // windows in work
	waits      waits
	waiting    int // of them, those that wait for the pipeline for long

	// Guarded by saver.mu once the run has begun.
	record  progress.Record
	open    openTraces
	telling telling
}

func (r *run) newReader(x mlflow.Experiment, rec progress.Record, left []string) *reader {
	e := &reader{run: r, exp: x, record: rec, open: newOpenTraces(rec.Open), telling: newTelling(left),
		toldEarlier: newTelling(left).left, owned: shard.Owned(r.Shard, x.ID)}
	b := r.newBackOff()
	e.breaker = refusal.NewBreaker(b.NextBackOff, b.Reset)
	e.quarantine.After = r.RejectAfter
	if len(rec.Unfinished) > 0 { // of format 1
		page := make([]progress.OpenTrace, len(rec.Unfinished))
		for i, id := range rec.Unfinished {
			page[i] = progress.OpenTrace{ID: id, Reason: mlflow.ReasonInProgress, Since: r.Now().UnixMilli(), Tries: 1}
			e.open.put(page[i])
		}
		e.queued = page
	}
	return e
}

// plan returns the next window, or nil when nothing is left.
func (x *reader) plan(ctx context.Context) (*window, error) {
	x.planning.Lock()
	defer x.planning.Unlock()
	if len(x.list) > 0 {
		return x.planList(ctx)
	}
	for len(x.again) > 0 {
		if err := x.loadOpen(ctx); err != nil {
			return nil, err
		}
	}
	if len(x.queued) == 0 {
		if w, err := x.planLeft(ctx); w != nil || err != nil {
			return w, err
		}
		if w, err := x.planFound(ctx); w != nil || err != nil {
			return w, err
		}
		if w, err := x.planEnded(ctx); w != nil || err != nil {
			return w, err
		}
		return x.planRange(ctx)
	}
	n := min(len(x.queued), x.run.PageSize)
	part := x.queued[:n]
	x.queued = x.queued[n:]
	ids := make([]string, n)
	formerly := make(map[string]progress.OpenTrace, n)
	for i, t := range part {
		ids[i] = t.ID
		formerly[t.ID] = t
	}
	return x.lookUp(ctx, ids, formerly)
}

// endedBefore is how long before the last run a trace must have ended that is not asked for: clients
// write it after its end, and clocks differ.
const endedBefore = 10 * 60_000

// planEnded makes a window of traces that ended since the last run and are not known as they are now,
// or returns nil when there are none. A day whose numbers agree may have such traces.
func (x *reader) planEnded(ctx context.Context) (*window, error) {
	r := x.run
	for x.endedSince > 0 {
		infos, err := r.Source.Ended(ctx,
			mlflow.Range{ExperimentID: x.exp.ID, From: r.From, To: r.To, Filter: r.Filter},
			x.endedSince, x.endedAfter, r.PageSize)
		if err != nil && !errors.Is(err, mlflow.ErrUnsupported) {
			return nil, err
		}
		if len(infos) == 0 {
			x.endedSince = 0
			break
		}
		last := infos[len(infos)-1]
		x.endedAfter = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
		w := &window{reader: x}
		if err := w.choose(ctx, x.ours(infos)); err != nil {
			return nil, err
		}
		if len(w.infos)+len(w.delivered)+len(w.edited) == 0 {
			continue
		}
		for i := range w.infos {
			t := delivered.NewTrace(&w.infos[i], delivered.UnknownSpans)
			if x.met == nil {
				x.met = map[uint64]uint16{}
			}
			x.met[t.Hash] = t.Shape
		}
		w.ticket = x.tracker.Begin()
		return w, nil
	}
	return nil, nil
}

// planRange makes a window of the next page of infos, or returns nil when everything is listed.
// Traces that were delivered as they are, and those that are known as open, are not read.
func (x *reader) planRange(ctx context.Context) (*window, error) {
	if len(x.ranges) == 0 {
		return nil, nil
	}
	r, of := x.run, x.ranges[0]
	future := of.From >= r.To
	if x.listing == nil && !future {
		listing, after, err := x.set.List(ctx, of.From, of.To)
		if err != nil {
			return nil, err
		}
		if r.LateChanges != nil && mlflow.DayOf(of.From) >= mlflow.DayOf(r.LateChanges.since(r.Now())) {
			listing.Anew() // traces in front of it may have changed
			after = mlflow.Position{}
		}
		x.listing, x.after, x.from = listing, after, of.From
		x.remaining, x.counting = x.counted(of)
		if after != (mlflow.Position{}) { // what appeared before it since is not seen
			x.from, x.counting = after.Timestamp, false
		}
	}
	infos, err := x.page(ctx, of)
	if err != nil {
		return nil, err
	}
	w := &window{reader: x, listing: x.listing}
	if len(infos) == 0 {
		w.end = true
		if !future {
			x.listed = append(x.listed, reconcile.TimeRange{From: x.from, To: of.To})
		}
		x.ranges, x.listing, x.after, x.counting = x.ranges[1:], nil, mlflow.Position{}, false
	} else {
		last := infos[len(infos)-1]
		x.after = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
		w.upto = x.after
		if err := w.choose(ctx, x.ours(infos)); err != nil {
			return nil, err
		}
	}
	w.ticket = x.tracker.Begin()
	return w, nil
}

// choose takes a page of infos and keeps those whose traces are to be read.
func (w *window) choose(ctx context.Context, infos []mlflow.Info) error {
	x := w.reader
	w.page = make([]delivered.Trace, len(infos))
	open := make([]bool, len(infos))
	x.run.saver.mu.Lock() // before the set is asked: a trace is in the set before it is no longer open
	for i := range infos {
		_, open[i] = x.open.get(infos[i].ID)
		w.page[i] = delivered.NewTrace(&infos[i], delivered.UnknownSpans)
	}
	x.run.saver.mu.Unlock()
	if err := w.digest(ctx, infos); err != nil {
		return err
	}
	known, err := x.set.Has(ctx, w.page)
	if err != nil {
		return err
	}
	for i := range infos {
		shape, met := x.met[w.page[i].Hash]
		switch {
		case open[i], met && shape == w.page[i].Shape:
		case known[i] >= delivered.Changed && w.page[i].Digest != 0 &&
			x.toldAgain[w.page[i].Hash] == w.page[i].Digest:
		case known[i] == delivered.New &&
			x.takeOver.Holds(mlflow.Position{Timestamp: infos[i].Timestamp, ID: infos[i].ID}):
			w.delivered = append(w.delivered, w.page[i])
		case known[i] == delivered.Grown:
			w.grown++
			if w.regrown == nil {
				w.regrown = map[string]bool{}
			}
			w.regrown[infos[i].ID] = true
			w.infos = append(w.infos, infos[i])
		case known[i] == delivered.New:
			w.infos = append(w.infos, infos[i])
		case known[i] == delivered.Changed, known[i] == delivered.Overridden:
			w.edited = append(w.edited, Edited{Info: infos[i]})
			w.delivered = append(w.delivered, w.page[i])
		case known[i] == delivered.Unchecked:
			w.edited = append(w.edited, Edited{Info: infos[i], Untold: true})
			w.delivered = append(w.delivered, w.page[i])
		}
	}
	return nil
}

// spansExpected is for how long each run over found traces asks again for a trace that lacks spans. Such runs follow
// each other within seconds, and some spans never come.
const spansExpected = time.Hour

// loadOpen loads the next page of open traces. Refused ones go into quarantine, the others are
// queued.
func (x *reader) loadOpen(ctx context.Context) error {
	r := x.run
	number := x.again[0]
	page, err := r.Store.LoadOpen(ctx, x.exp.ID, number)
	if err != nil {
		return err
	}
	x.again = x.again[1:]
	r.saver.mu.Lock()
	x.open.loaded(number, page)
	r.saver.mu.Unlock()
	r.mu.Lock()
	defer r.unlock()
	for _, t := range page {
		switch {
		case t.Reason == progress.Refused:
			x.quarantine.Suspects = append(x.quarantine.Suspects, &refusal.Suspect{
				ID: t.ID, Since: time.UnixMilli(t.Since), Next: r.Now(), Tries: t.Tries, Before: true,
			})
		case t.Reason == progress.PartiallyRejected: // sent again on purpose only, by a list
		case t.Reason == mlflow.ReasonSpansMissing && r.Found != nil &&
			r.Now().Sub(time.UnixMilli(t.Since)) > spansExpected: // left to a run that lists
		case t.Reason == mlflow.ReasonInProgress || t.Reason == mlflow.ReasonSpansMissing || r.RetrySkipped:
			x.queued = append(x.queued, t)
		}
	}
	r.retryLater(x)
	return nil
}

// lookUp makes a window of traces known by id. Ids that the source doesn't know any more are
// skipped as vanished.
func (x *reader) lookUp(ctx context.Context, ids []string, formerly map[string]progress.OpenTrace) (*window, error) {
	w, err := x.lookUpUntracked(ctx, ids, formerly)
	if w != nil {
		w.ticket = x.tracker.Begin()
	}
	return w, err
}

// lookUpUntracked is lookUp for a window whose turn comes when it is done.
func (x *reader) lookUpUntracked(ctx context.Context, ids []string, formerly map[string]progress.OpenTrace) (*window,
	error) {
	infos, err := x.find(ctx, ids)
	if err != nil {
		return nil, err
	}
	return &window{reader: x, infos: infos, formerly: formerly}, nil
}

// find looks traces up by their ids. Those that the source does not know are vanished.
func (x *reader) find(ctx context.Context, ids []string) ([]mlflow.Info, error) {
	found, err := x.run.Source.Lookup(ctx, x.exp.ID, ids)
	if err != nil {
		return nil, err
	}
	infos := make([]mlflow.Info, len(ids))
	for i, id := range ids {
		at := slices.IndexFunc(found, func(f mlflow.Info) bool { return f.ID == id })
		if at < 0 {
			infos[i] = mlflow.Info{ID: id, ExperimentID: x.exp.ID, State: vanished}
			continue
		}
		infos[i] = found[at]
	}
	return infos, nil
}

// vanished is the state of an info made up for a trace that is gone.
const vanished mlflow.State = "VANISHED"
