// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// reader is the work on one experiment.
type reader struct {
	run *run
	exp mlflow.Experiment

	planning sync.Mutex // windows are planned one after the other
	gaps     []progress.Gap
	again    []int                // pages of open traces of earlier runs, tried again once the gaps are read
	queued   []progress.OpenTrace // of such a page, those that are looked up next
	list     []ListedTrace        // of a run over a list; such a reader has no gaps

	tracker progress.Tracker[*window]

	// Guarded by run.mu.
	breaker    breaker
	quarantine quarantine
	retrying   bool      // a goroutine sends what is in quarantine
	wantRoom   int       // workers that wait for room in quarantine
	evidence   int       // batches that go through although the quarantine is full
	planned    time.Time // since when the source is asked for infos; zero when it is not
	trouble    string    // why the destination takes nothing; empty while it does
	exhausted  bool      // nothing is planned any more
	complete   bool      // because everything was planned
	busy       int       // windows in work
	waiting    int       // of them, those that wait for the pipeline for long

	// Guarded by saver.mu once the run has begun.
	record progress.Record
	open   openTraces
}

func (r *run) newReader(x mlflow.Experiment, rec progress.Record) *reader {
	e := &reader{run: r, exp: x, record: rec, open: newOpenTraces(rec.Open)}
	b := r.newBackOff()
	e.breaker = breaker{backOff: b.NextBackOff, reset: b.Reset}
	e.quarantine.after = r.RejectAfter
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
	if len(x.gaps) > 0 {
		return x.planGap(ctx)
	}
	for len(x.queued) == 0 {
		if len(x.again) == 0 {
			return nil, nil
		}
		if err := x.loadOpen(ctx); err != nil {
			return nil, err
		}
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

func (x *reader) planGap(ctx context.Context) (*window, error) {
	g := x.gaps[0]
	infos, err := x.run.Source.Infos(ctx, mlflow.Range{ExperimentID: x.exp.ID, From: g.From, To: g.To,
		Filter: x.run.Filter}, g.After, x.run.PageSize)
	if err != nil {
		return nil, err
	}
	w := &window{reader: x, infos: infos, gap: g}
	if len(infos) == 0 {
		w.upto = g.Whole()
		x.gaps = x.gaps[1:]
	} else {
		last := infos[len(infos)-1]
		w.upto = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
		x.gaps[0].After = w.upto
	}
	w.ticket = x.tracker.Begin()
	return w, nil
}

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
			x.quarantine.suspects = append(x.quarantine.suspects, &suspect{
				id: t.ID, since: time.UnixMilli(t.Since), next: r.Now(), tries: t.Tries, before: true,
			})
		case t.Reason == mlflow.ReasonInProgress || r.RetrySkipped:
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
	infos, err := x.run.Source.Lookup(ctx, x.exp.ID, ids)
	if err != nil {
		return nil, err
	}
	w := &window{reader: x, infos: infos, formerly: formerly}
	for _, id := range ids {
		if !slices.ContainsFunc(infos, func(i mlflow.Info) bool { return i.ID == id }) {
			w.infos = append(w.infos, mlflow.Info{ID: id, ExperimentID: x.exp.ID, State: vanished})
		}
	}
	return w, nil
}

// vanished is the state of an info made up for a trace that is gone.
const vanished mlflow.State = "VANISHED"
