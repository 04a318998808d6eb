// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"slices"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// lane is the work on one experiment.
type lane struct {
	run *run
	exp mlflow.Experiment

	planning sync.Mutex // windows are planned one after the other
	gaps     []progress.Gap
	again    []string      // unfinished traces of earlier runs, looked at first
	list     []ListedTrace // of a run over a list; such a lane has no gaps

	tracker progress.Tracker[*unit]
	jury    jury

	// Guarded by run.mu.
	exhausted bool // nothing is planned any more
	complete  bool // because everything was planned
	busy      int  // units in work
	waiting   int  // of them, those that wait for the pipeline for long

	// Guarded by saver.mu.
	record progress.Record
}

// unit is a window of one lane, the unit of position.
type unit struct {
	lane   *lane
	ticket *progress.Ticket[*unit]
	infos  []mlflow.Info
	gap    progress.Gap
	upto   mlflow.Position // zero: the unit moves no position
	listed bool            // of a run over a list
	// formerly holds, for traces that an earlier run met, the reason under which it counted them;
	// they are counted anew.
	formerly map[string]mlflow.Reason

	mu      sync.Mutex
	open    int // traces that are not settled, plus one while the worker is at it
	given   bool
	totals  progress.Totals
	skipped []progress.SkippedTrace
	pending []string // met unfinished
	sent    []string // accepted, of a run over a list
}

// plan returns the lane's next unit, or nil when nothing is left.
func (l *lane) plan(ctx context.Context) (*unit, error) {
	l.planning.Lock()
	defer l.planning.Unlock()
	if len(l.list) > 0 {
		return l.planList(ctx)
	}
	if n := min(len(l.again), l.run.PageSize); n > 0 {
		ids := l.again[:n]
		l.again = l.again[n:]
		formerly := make(map[string]mlflow.Reason, n)
		for _, id := range ids {
			formerly[id] = mlflow.ReasonInProgress
		}
		return l.lookUp(ctx, ids, formerly)
	}
	if len(l.gaps) == 0 {
		return nil, nil
	}
	g := l.gaps[0]
	infos, err := l.run.Source.Infos(ctx, mlflow.Range{ExperimentID: l.exp.ID, From: g.From, To: g.To,
		Filter: l.run.Filter}, g.After, l.run.PageSize)
	if err != nil {
		return nil, err
	}
	u := &unit{lane: l, infos: infos, gap: g}
	if len(infos) == 0 {
		u.upto = g.Whole()
		l.gaps = l.gaps[1:]
	} else {
		last := infos[len(infos)-1]
		u.upto = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
		l.gaps[0].After = u.upto
	}
	u.ticket = l.tracker.Begin()
	return u, nil
}

// lookUp makes a unit of traces known by id. Ids that the source doesn't know any more are skipped
// as vanished.
func (l *lane) lookUp(ctx context.Context, ids []string, formerly map[string]mlflow.Reason) (*unit, error) {
	infos, err := l.run.Source.Lookup(ctx, ids)
	if err != nil {
		return nil, err
	}
	u := &unit{lane: l, infos: infos, ticket: l.tracker.Begin(), formerly: formerly}
	for _, id := range ids {
		if !slices.ContainsFunc(infos, func(i mlflow.Info) bool { return i.ID == id }) {
			u.infos = append(u.infos, mlflow.Info{ID: id, ExperimentID: l.exp.ID, State: vanished})
		}
	}
	return u, nil
}

// vanished is the state of an info made up for a trace that is gone.
const vanished mlflow.State = "VANISHED"
