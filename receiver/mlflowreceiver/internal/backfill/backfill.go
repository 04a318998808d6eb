// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Sender converts traces of one experiment from their source bytes, hands them to the pipeline, and
// returns its answer. What was given away before may have been changed downstream, so every call
// converts anew.
type Sender func(ctx context.Context, x mlflow.Experiment, traces []*mlflow.Trace) error

// Observer hears what happens, for metrics.
type Observer interface {
	Read(n int)
	Accepted(n int)
	Skipped(r mlflow.Reason, n int)
	Rejected(n int)
	Refused(permanent bool)
}

// Settings is what a run needs. All fields are required unless they say otherwise.
type Settings struct {
	Source mlflow.Source
	Send   Sender
	// Select chooses among all experiments; its error is a mistake of the user's.
	Select func([]mlflow.Experiment) ([]mlflow.Experiment, error)
	// From <= timestamp < To, Unix milliseconds, and an MLflow filter (may be empty).
	From, To int64
	Filter   string
	// List, when not nil, restricts the run to exactly these traces.
	List []ListedTrace
	// PageSize is the number of infos of a unit, Workers the number of units in work at the same
	// time.
	PageSize, Workers int
	// HoldAfter is the number of batches refused for good in a row, without any acceptance in
	// between, that makes a lane hold.
	HoldAfter int
	Retry     configretry.BackOffConfig
	// GiveUp ends the run when the pipeline has refused for Retry.MaxElapsedTime (0: never).
	GiveUp   bool
	Store    Store
	Ledger   *progress.Ledger
	Skip     func([]progress.SkippedTrace) error
	Receiver string
	Observer Observer
	Now      func() time.Time
	Log      *zap.Logger
	// Status takes the newest trouble of the pipeline or the storage, nil once it is over.
	Status func(error)
}

// Sizes of a batch, whichever is reached first, and how long a call of the pipeline may take before
// the unit no longer counts as work in flight.
const (
	batchBytes  = 1 << 20
	batchTraces = 256
	stallAfter  = 5 * time.Second
)

// unfinishedAge is how long an unfinished trace is left alone; after that its writer is taken for
// gone and the trace is delivered as it is.
const unfinishedAge = time.Hour

// ErrGivenUp is the error of a run that ended because the pipeline refused for too long.
var ErrGivenUp = errors.New("the pipeline refused for longer than retry_on_failure::max_elapsed_time")

// run is one pass over the selected experiments.
type run struct {
	Settings
	ctx    context.Context
	cancel context.CancelCauseFunc
	saver  *saver

	mu      sync.Mutex
	changed sync.Cond
	lanes   []*lane
	next    int // where the round begins
	stopped <-chan struct{}
	running int // workers
	stalled int // workers that wait for the pipeline and don't count
	wg      sync.WaitGroup
}

// Run reads everything that is missing and returns when it is settled, or soon after stop is closed
// (no new unit is begun) or ctx ends (units in work are given back: their position does not move).
// The error is a fault that ended the run: of the source, the selection or the storage, or
// ErrGivenUp. What happened to each trace is in the ledger.
func Run(ctx context.Context, stop <-chan struct{}, s Settings) error {
	r := &run{Settings: s, stopped: stop}
	r.changed.L = &r.mu
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)

	if err := r.open(); err != nil {
		return r.cause(err)
	}
	r.saver = newSaver(r)
	undo := context.AfterFunc(r.ctx, func() {
		r.wake()
		r.saver.nudge()
	})
	defer undo()
	ended := make(chan struct{})
	go func() {
		select {
		case <-stop:
			r.wake()
		case <-ended:
		}
	}()
	for range s.Workers {
		r.spawn()
	}
	r.wg.Wait()
	close(ended)
	r.saver.close()
	for _, l := range r.lanes {
		r.Ledger.Update(l.exp.ID, func(a *progress.Account) { a.Done = l.complete && a.InFlight == 0 })
	}
	return r.cause(nil)
}

// cause returns why the run ended: the first fault if there was one, else err.
func (r *run) cause(err error) error {
	if c := context.Cause(r.ctx); c != nil && !errors.Is(c, context.Canceled) {
		return c
	}
	return err
}

// wake makes waiting workers look again whether there is something to do.
func (r *run) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed.Broadcast()
}

// halted reports whether no new unit is to be begun.
func (r *run) halted() bool {
	select {
	case <-r.stopped:
		return true
	case <-r.ctx.Done():
		return true
	default:
		return false
	}
}

// open lists the experiments, chooses, and opens a lane with its account for each.
func (r *run) open() error {
	all, err := r.Source.Experiments(r.ctx)
	if err != nil {
		return err
	}
	if r.List != nil {
		return r.openList(all)
	}
	chosen, err := r.Select(all)
	if err != nil {
		return err
	}
	for _, x := range chosen {
		rec, err := r.Store.Load(r.ctx, x.ID)
		if err != nil {
			return fmt.Errorf("position of experiment %s: %w", x.ID, err)
		}
		l := &lane{run: r, exp: x, record: rec, gaps: rec.Coverage.Gaps(r.From, r.To), again: rec.Pending}
		count := int64(-1)
		if len(l.gaps) > 0 {
			if count, err = r.Source.Count(r.ctx, mlflow.Range{ExperimentID: x.ID, From: r.From, To: r.To,
				Filter: r.Filter}); err != nil {
				if r.ctx.Err() != nil {
					return err
				}
				count = -1 // Infos will meet the same fault and name it
			}
		}
		r.Ledger.Open(x, count, rec.Totals)
		r.lanes = append(r.lanes, l)
	}
	return nil
}
