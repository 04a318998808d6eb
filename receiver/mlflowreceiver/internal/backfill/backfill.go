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
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v7"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Sizes of a batch, whichever is reached first, and how long a call of the pipeline may take before
// the window no longer counts as work in flight.
const (
	batchBytes  = 1 << 20
	batchTraces = 256
	stallAfter  = 5 * time.Second
)

// ErrGivenUp is the error of a run that ended because the destination refused for too long.
var ErrGivenUp = errors.New("the destination accepted nothing")

// run is one pass over the selected experiments.
type run struct {
	Settings
	parent  context.Context // of the storage: what is settled is written although the run ends
	ctx     context.Context
	cancel  context.CancelCauseFunc
	saver   *saver
	stopped <-chan struct{}
	wg      sync.WaitGroup

	// until is the end of the range as it was asked for. From Settings.To on it lies in the future:
	// traces are delivered, and their days stay open.
	until int64

	sentAgain  atomic.Int64
	spans      spanCheck
	addedSpans int64
	unsettled  []string // as in Result; guarded by mu
	twice      twice
	compared   bool // what was listed with the source's own numbers, at the end

	mu      sync.Mutex
	notices []func()      // to be called, in this order, once mu is free
	signal  chan struct{} // closed and replaced when a window or a quarantine may go on
	changed sync.Cond     // something to plan, or nothing any more
	readers []*reader
	next    int // where the round begins
	running int // workers
	stalled int // workers that wait for the pipeline and don't count
	pace    pace
	clock   giveUp
	windows map[*window]bool // in work
	said    time.Time        // when the log said why the run waits

	tells sync.Mutex // is locked before mu while notices are called, so that they keep their order
}

// Result is what a run tells beside the counters.
type Result struct {
	// SentAgain is the number of traces that were sent again because a call that held them was
	// refused.
	SentAgain int64
	// AddedSpans is how many spans were added inside of finished traces and are not delivered, as far as
	// the source tells.
	AddedSpans int64
	// Unsettled are ids of found traces that had only just ended. Nothing is known of them: they are to
	// be found again.
	Unsettled []string
}

// Run reads everything that is missing and returns when it is settled, or soon after stop is closed
// (no new window is begun) or ctx ends (windows in work are given back: their position does not
// move). The error is a fault that ended the run: of the source, the selection or the storage, or
// ErrGivenUp. What happened to each trace is in the counters.
func Run(ctx context.Context, stop <-chan struct{}, s Settings) (Result, error) {
	until := s.To
	if s.List != nil {
		s.Aggregates = nil
	}
	s.To = min(s.To, s.Now().UnixMilli()) // what is listed to its end is known as listed up to there
	r := &run{Settings: s, until: until, parent: ctx, stopped: stop, signal: make(chan struct{}),
		windows: map[*window]bool{}}
	r.changed.L = &r.mu
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	b := r.newBackOff()
	r.pace = pace{backOff: b.NextBackOff, reset: b.Reset, first: s.Retry.InitialInterval}
	if s.Ends {
		r.clock.after = s.GiveUpAfter
	}
	r.clock.since = s.Now()

	r.saver = newSaver(r)
	if err := r.open(); err != nil {
		r.saver.close()
		return Result{}, r.cause(err)
	}
	undo := context.AfterFunc(r.ctx, func() {
		r.mu.Lock()
		r.wake()
		r.unlock()
		r.saver.nudge()
	})
	defer undo()
	ended := make(chan struct{})
	var watchers sync.WaitGroup
	watchers.Go(func() {
		select {
		case <-stop:
			r.mu.Lock()
			r.wake()
			r.unlock()
		case <-ended:
		}
	})
	watchers.Go(func() { r.watch(ended) })
	fault := r.read()
	close(ended)
	watchers.Wait()
	r.saver.close()
	if fault == nil && r.part() && !r.halted() {
		fault = r.carrySpans()
	}
	for _, x := range r.readers {
		waiting, undelivered := x.open.ages(r.Now()), x.undelivered()
		r.Counters.Update(x.exp.ID, func(a *progress.Experiment) {
			if r.List == nil {
				a.Waiting, a.Undelivered = waiting, undelivered
			}
			a.Done = x.complete && a.InFlight == 0 && a.Run.Pending[progress.Held] == 0 &&
				(r.compared || r.List != nil || r.Found != nil)
			a.Note = strings.Join(slices.DeleteFunc([]string{x.note, r.twice.remark(x)}, isEmpty), "; ")
		})
	}
	return Result{SentAgain: r.sentAgain.Load(), AddedSpans: r.addedSpans, Unsettled: r.unsettled},
		r.cause(fault)
}

func isEmpty(s string) bool { return s == "" }

// read lists and delivers until the source's own numbers agree with what was listed, or further
// passes are no use.
func (r *run) read() error {
	listed := 0
	for pass := 1; ; pass++ {
		r.mu.Lock()
		for range r.Workers {
			r.spawn()
		}
		r.unlock()
		r.wg.Wait()
		if r.List != nil || r.Found != nil || r.halted() {
			return nil
		}
		r.saver.flush()
		more := false
		// If nothing was listed nor settled, the source's numbers are those of the last plan.
		if n := r.ranges(); n > listed || r.spans.counted >= 0 && r.spans.stale.Load() {
			listed = n
			var err error
			if more, err = r.plan(pass); err != nil {
				return err
			}
		}
		if !more || pass == passes {
			r.damaged()
			err := r.conclude()
			r.compared = err == nil
			return err
		}
	}
}

// cause returns why the run ended: the first fault if there was one, else err.
func (r *run) cause(err error) error {
	if c := context.Cause(r.ctx); c != nil && !errors.Is(c, context.Canceled) {
		return c
	}
	return err
}

// unlock frees r.mu and then tells what is to be told.
func (r *run) unlock() {
	quiet := len(r.notices) == 0
	r.mu.Unlock()
	if quiet {
		return
	}
	r.tells.Lock()
	defer r.tells.Unlock()
	r.mu.Lock()
	notices := r.notices
	r.notices = nil
	r.mu.Unlock()
	for _, tell := range notices {
		tell()
	}
}

// wake makes waiting workers look again whether there is something to plan; r.mu is held.
func (r *run) wake() { r.changed.Broadcast() }

// broadcast lets windows and quarantines look again whether they may go on; r.mu is held.
func (r *run) broadcast() {
	close(r.signal)
	r.signal = make(chan struct{})
}

// halted reports whether no new window is to be begun.
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

// newBackOff returns the intervals of the configuration, which never end.
func (r *run) newBackOff() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval: r.Retry.InitialInterval, MaxInterval: r.Retry.MaxInterval,
		Multiplier: r.Retry.Multiplier, RandomizationFactor: r.Retry.RandomizationFactor,
	}
	b.Reset()
	return b
}

// track and untrack say which windows are in work.
func (r *run) track(w *window) {
	r.mu.Lock()
	defer r.unlock()
	r.windows[w] = true
	w.reading = r.Now()
}

func (r *run) untrack(w *window) {
	r.mu.Lock()
	defer r.unlock()
	delete(r.windows, w)
}

// openReader opens a reader with what is stored of its experiment.
func (r *run) openReader(exp mlflow.Experiment) (*reader, error) {
	rec, left, err := r.Store.Load(r.ctx, exp.ID)
	if errors.Is(err, delivered.ErrDamaged) {
		err = fmt.Errorf("%w; restore the storage folder from a backup, or remove it to begin again", err)
	}
	if err != nil {
		return nil, fmt.Errorf("position of experiment %s: %w", exp.ID, err)
	}
	x := r.newReader(exp, rec, left)
	if err := r.openSet(x); err != nil {
		return nil, fmt.Errorf("position of experiment %s: %w", exp.ID, err)
	}
	if err := r.refilter(x); err != nil {
		return nil, fmt.Errorf("position of experiment %s: %w", exp.ID, err)
	}
	return x, nil
}

// leftOut reports whether an experiment that can't be opened is left out, which its counts say.
func (r *run) leftOut(exp mlflow.Experiment, err error) bool {
	if !r.Follows || !errors.Is(err, ErrReplaced) && !errors.Is(err, delivered.ErrDamaged) {
		return false
	}
	rec, _, _ := r.Store.Load(r.ctx, exp.ID) // a damaged one counts nothing
	r.Counters.Open(exp, -1, rec.Totals, rec.Delivery)
	r.Counters.Update(exp.ID, experimentError(err))
	return true
}

// open lists the experiments, chooses, and opens a reader with its counts for each.
func (r *run) open() error {
	if r.Aggregates != nil {
		if err := r.Aggregates.load(r.ctx, r.Store, r.Log); err != nil {
			return err
		}
	}
	if r.Found != nil {
		return r.openFound()
	}
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
	for _, exp := range chosen {
		x, err := r.openReader(exp)
		if err != nil && r.leftOut(exp, err) {
			continue
		}
		if err != nil {
			return err
		}
		x.again = x.record.Open
		if r.LateChanges != nil {
			x.left = slices.Sorted(maps.Keys(x.toldEarlier))
		}
		if since := cmp.Or(x.record.LastRun, x.record.Begun); since > 0 {
			x.endedSince = max(since-endedBefore, 1)
		} else { // of what is listed from now on, a run that goes on asks what has ended since
			r.saver.change(x, func(rec *progress.Record) { rec.Begun = r.To })
		}
		r.readers = append(r.readers, x)
	}
	if err := r.restored(); err != nil {
		return err
	}
	if err := r.openSpans(); err != nil {
		return err
	}
	if _, err := r.plan(0); err != nil {
		return err
	}
	r.spans.gone = r.totalGone()
	for _, x := range r.readers {
		count := x.total()
		if count < 0 && len(x.ranges) > 0 && x.owned == nil {
			count, err = r.Source.Count(r.ctx,
				mlflow.Range{ExperimentID: x.exp.ID, From: r.From, To: r.To, Filter: r.Filter})
			if err != nil {
				if r.ctx.Err() != nil {
					return err
				}
				count = -1 // Infos will meet the same fault and name it
			}
		}
		r.Counters.Open(x.exp, count, x.record.Totals, x.record.Delivery)
	}
	return nil
}
