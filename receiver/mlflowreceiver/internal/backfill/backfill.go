// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Sender converts traces of one experiment from their source bytes, hands them to the pipeline, and
// returns its answer: nil, a *PartialSuccess, or the error of the pipeline. What was given away
// before may have been changed downstream, so every call converts anew.
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
	// Found, when not nil, restricts the run to these traces, and to those of their experiments that
	// earlier runs left open.
	Found []Found
	// PageSize is the number of infos of a window, Workers the number of windows in work at the
	// same time.
	PageSize, Workers int
	// Retry holds the intervals between probes of a destination that refuses; its end is
	// GiveUpAfter.
	Retry configretry.BackOffConfig
	// RejectAfter is the shortest time between two refusals of one trace that count.
	RejectAfter time.Duration
	// Ends says that the run ends by itself although the destination refuses: after GiveUpAfter
	// without an accepted unit (0: never), and after a few attempts at single traces. If not, it
	// holds without end.
	Ends        bool
	GiveUpAfter time.Duration
	// RetrySkipped tries again what earlier runs skipped or rejected.
	RetrySkipped bool
	// Recheck is how many recent days are listed again where the source has no sums of durations,
	// RecheckAll lists everything again. Rotate is how many old days are listed again in each run
	// where the source has no sums.
	Recheck    int
	RecheckAll bool
	Rotate     int
	// StartOver delivers an experiment from its start when another one has taken its place; if not,
	// the run ends with ErrReplaced.
	StartOver bool
	// UnfinishedAfter is how long after its last sign of life an unfinished trace is delivered as it
	// is.
	UnfinishedAfter time.Duration
	// LateChanges is nil where late changes of delivered traces are not looked for.
	LateChanges *LateChanges
	// SendOnce leaves traces that are refused alone to the next run.
	SendOnce bool
	// Delivery returns the word for what this run delivers. It gets weaker when a destination gives an
	// answer that confirms nothing.
	Delivery func() progress.Delivery
	// Held returns why an exporter holds data until a person does something; empty while none does.
	// May be nil.
	Held     func() string
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
// the window no longer counts as work in flight.
const (
	batchBytes  = 1 << 20
	batchTraces = 256
	stallAfter  = 5 * time.Second
)

// sayEvery is how often the log says why a run waits.
const sayEvery = time.Minute

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
	twice      twice

	mu      sync.Mutex
	notices []func()      // to be called once mu is free
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
}

// Result is what a run tells beside the ledger.
type Result struct {
	// SentAgain is the number of traces that were sent again because a call that held them was
	// refused.
	SentAgain int64
	// AddedSpans is how many spans were added inside of finished traces and are not delivered, as far as
	// the source tells.
	AddedSpans int64
}

// Run reads everything that is missing and returns when it is settled, or soon after stop is closed
// (no new window is begun) or ctx ends (windows in work are given back: their position does not
// move). The error is a fault that ended the run: of the source, the selection or the storage, or
// ErrGivenUp. What happened to each trace is in the ledger.
func Run(ctx context.Context, stop <-chan struct{}, s Settings) (Result, error) {
	until := s.To
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
	for _, x := range r.readers {
		r.Ledger.Update(x.exp.ID, func(a *progress.Account) {
			a.Done = x.complete && a.InFlight == 0 && a.Run.Pending[progress.Held] == 0
			a.Note = strings.Join(slices.DeleteFunc([]string{x.note, r.twice.remark(x)}, isEmpty), "; ")
		})
	}
	return Result{SentAgain: r.sentAgain.Load(), AddedSpans: r.addedSpans}, r.cause(fault)
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
			return r.conclude()
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

// explain notes why the destination takes nothing of an experiment: in the status, and in the log
// once a minute. r.mu is held.
func (r *run) explain(x *reader, why string) {
	if x.trouble != why {
		x.trouble = why
		err := fmt.Errorf("experiment %s: %s", x.exp.ID, why)
		r.notices = append(r.notices, func() { r.Status(err) })
	}
	if now := r.Now(); r.said.IsZero() || now.Sub(r.said) >= sayEvery {
		r.said = now
		r.notices = append(r.notices, func() {
			r.Log.Warn("Waiting for the destination; the position stays", zap.String("experiment_id", x.exp.ID),
				zap.String("experiment", x.exp.Name), zap.String("reason", why))
		})
	}
}

// passes notes that the destination takes data of an experiment again. r.mu is held.
func (r *run) passes(x *reader) {
	x.trouble = ""
	for _, o := range r.readers {
		if o.trouble != "" {
			return
		}
	}
	r.notices = append(r.notices, func() {
		r.Status(nil)
		r.Log.Info("The destination accepts data", zap.String("experiment_id", x.exp.ID))
	})
}

// watch looks at windows that wait for long and ends the run once the destination has refused for
// too long.
func (r *run) watch(ended <-chan struct{}) {
	every := time.Second
	if r.clock.after > 0 {
		every = min(every, max(r.clock.after/10, time.Millisecond))
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ended:
			return
		}
		held := ""
		if r.Held != nil {
			held = r.Held()
		}
		r.mu.Lock()
		now := r.Now()
		r.look(now, held)
		if r.clock.due(now) {
			r.cancel(fmt.Errorf("%w for %s: %s; running again continues", ErrGivenUp, r.clock.after, r.clock.message))
		}
		r.unlock()
	}
}

// look notes which windows wait for long, and for what: an exporter that holds is a refusal,
// everything else is none. r.mu is held.
func (r *run) look(now time.Time, held string) {
	long := func(since time.Time) bool { return !since.IsZero() && now.Sub(since) >= stallAfter }
	for _, x := range r.readers {
		if long(x.planned) {
			r.clock.other(now)
		}
	}
	for w := range r.windows {
		switch {
		case long(w.reading):
			r.clock.other(now)
		case !long(w.sending):
		case held != "":
			r.clock.refuse(held)
			r.explain(w.reader, held)
		default:
			r.clock.other(now)
			r.explain(w.reader,
				"a call of the pipeline has not returned; an exporter may be repeating it, and its log says why")
		}
	}
}

// openReader opens a reader with what is stored of its experiment.
func (r *run) openReader(exp mlflow.Experiment) (*reader, error) {
	rec, err := r.Store.Load(r.ctx, exp.ID)
	if errors.Is(err, delivered.ErrDamaged) {
		err = fmt.Errorf("%w; restore the storage folder from a backup, or remove it to begin again", err)
	}
	if err != nil {
		return nil, fmt.Errorf("position of experiment %s: %w", exp.ID, err)
	}
	x := r.newReader(exp, rec)
	if err := r.openSet(x); err != nil {
		return nil, fmt.Errorf("position of experiment %s: %w", exp.ID, err)
	}
	return x, nil
}

// open lists the experiments, chooses, and opens a reader with its account for each.
func (r *run) open() error {
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
		if err != nil {
			return err
		}
		x.again = x.record.Open
		if x.record.LastRun > 0 {
			x.endedSince = max(x.record.LastRun-endedBefore, 1)
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
		if count < 0 && len(x.ranges) > 0 {
			count, err = r.Source.Count(r.ctx,
				mlflow.Range{ExperimentID: x.exp.ID, From: r.From, To: r.To, Filter: r.Filter})
			if err != nil {
				if r.ctx.Err() != nil {
					return err
				}
				count = -1 // Infos will meet the same fault and name it
			}
		}
		r.Ledger.Open(x.exp, count, x.record.Totals, x.record.Delivery)
	}
	return nil
}
