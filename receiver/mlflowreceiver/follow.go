// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/selection"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/tail"
)

// sayEvery is how often the log says how a source that is followed fares, or that nothing is left to do.
const sayEvery = time.Hour

// follower follows a source.
type follower struct {
	*mlflowReceiver
	*work
	from     int64 // of the range
	schedule tail.Schedule
	looker   tail.Looker
	// experiments are those that were selected last, by id.
	experiments map[string]mlflow.Experiment
	unmatched   error // what of the selection no longer matches an experiment; nil while all of it does
	report      progress.Run
	published   time.Time // when the report was given away last

	accepted  int64           // traces, by this process
	unsettled bool            // the last look found traces that had only just ended
	refused   error           // why the last look left experiments that the destination refuses; nil where it left none
	left      map[string]bool // those experiments, by id

	said       time.Time // when the log said how it fares
	saidBefore int64     // accepted traces then
}

// follow looks for what is new until Shutdown begins. A look that fails is made again.
func (r *mlflowReceiver) follow(ctx context.Context) {
	f := &follower{
		mlflowReceiver: r, report: r.newReport(), said: time.Now(),
		schedule: tail.Schedule{Interval: r.cfg.CollectionInterval, Overlap: r.cfg.Overlap},
	}
	if r.looksForChanges() {
		f.schedule.Hour = max(r.cfg.LateChanges.Interval, r.cfg.CollectionInterval)
	}
	var again time.Time // of a look that failed
	for {
		at, depth := f.schedule.Next()
		if !again.IsZero() {
			at = again
		}
		f.tel.plan(at)
		if !f.waitUntil(at) {
			break
		}
		began, before, refused := time.Now(), f.accepted, f.refused
		f.unsettled, f.refused, f.left = false, nil, map[string]bool{}
		fault := f.look(ctx, depth)
		if r.stopping() {
			break
		}
		if fault != nil {
			f.refused = cmp.Or(f.refused, refused) // of the last look that came to its end
			r.set.Logger.Error("The source could not be followed; it is tried again", zap.Error(fault))
			r.status(fault)
			again = time.Now().Add(r.cfg.RetryOnFailure.MaxInterval)
			continue
		}
		if !again.IsZero() {
			again = time.Time{}
			r.status(nil)
		}
		f.schedule.Done(depth, began, f.accepted > before || f.unsettled)
		switch {
		case f.refused != nil:
			f.schedule.Unsettled = true
			r.status(f.refused)
		case refused != nil:
			if depth < tail.Everything {
				f.schedule.Repeat() // what was given up was not read to its end
			}
			r.status(nil)
		}
		if f.refused == nil {
			r.tel.looked(began)
		}
		if f.unmatched != nil {
			f.status(f.unmatched)
		}
		f.counters.Settle(began, func(id string) bool { _, ok := f.experiments[id]; return ok },
			func(id string) bool { return f.left[id] })
		f.say()
	}
	f.publish(time.Now())
	r.set.Logger.Info("Finished: " + f.report.Headline)
}

// waitUntil waits for a time, during which the report is written again and again, and reports whether
// Shutdown has not begun.
func (f *follower) waitUntil(at time.Time) bool {
	for {
		again := f.published.Add(publishEvery)
		if f.published.IsZero() || !again.Before(at) {
			return f.mlflowReceiver.waitUntil(at)
		}
		if !f.mlflowReceiver.waitUntil(again) {
			return false
		}
		f.publish(time.Time{})
	}
}

// look asks for what is new, as far back as the depth says, and delivers it.
func (f *follower) look(ctx context.Context, depth tail.Depth) error {
	if f.work == nil {
		if err := f.open(ctx); err != nil {
			return err
		}
	}
	now := time.Now()
	switch depth {
	case tail.Everything:
		f.settings.Part = false
		err := f.list(ctx, f.from, now)
		f.schedule.Unsettled = slices.ContainsFunc(f.report.Experiments, func(a progress.Experiment) bool {
			return a.Missing != ""
		})
		debug.FreeOSMemory() // what a backfill needed is many times of what the looks need that follow
		if f.refused == nil {
			f.set.Logger.Info("Everything was compared: " + f.report.Headline)
		}
		return err
	case tail.LastDay:
		f.settings.Part = true
		yesterday := mlflow.DayOf(now.UnixMilli()) - 1
		return f.list(ctx, max(f.from, yesterday.Start()), now)
	case tail.Overlap, tail.LastHour:
		if err := f.selectAgain(ctx); err != nil {
			return err
		}
	}
	ids := slices.Sorted(maps.Keys(f.experiments))
	asked := map[string]bool{}
	take := func(infos map[string][]mlflow.Info) error {
		for id := range infos {
			asked[id] = true
		}
		return f.deliver(ctx, infos)
	}
	if err := f.looker.Look(ctx, ids, f.schedule.Since(depth), depth == tail.LastHour, take); err != nil {
		return err
	}
	open := map[string][]mlflow.Info{}
	experiments, _ := f.counters.Snapshot()
	for i := range experiments {
		a := &experiments[i]
		id := a.Experiment.ID
		if _, followed := f.experiments[id]; followed && !asked[id] && a.Earlier.PendingSum()+a.Run.PendingSum() > 0 {
			open[id] = nil
		}
	}
	if len(open) > 0 {
		return f.deliver(ctx, open)
	}
	return nil
}

// open asks the source what it is and prepares the passes.
func (f *follower) open(ctx context.Context) error {
	err := f.describe(ctx, &f.report)
	if err != nil {
		return err
	}
	if f.work, err = f.begin(ctx, &f.report); err != nil {
		return err
	}
	f.settings.Select, f.settings.Follows = f.choose, true
	f.from = f.settings.From
	// What a destination refuses of one experiment holds up the others for no longer than this. In that time
	// others are tried, and a trace that is refused for good is found, see RejectAfter.
	f.settings.Ends, f.settings.GiveUpAfter = true, max(f.cfg.CollectionInterval, 3*f.cfg.RejectAfter,
		2*f.cfg.RetryOnFailure.MaxInterval)
	f.looker = tail.Looker{Source: f.source, From: f.from, Filter: f.cfg.Filter, Page: f.searchPage()}
	return nil
}

// selectAgain takes experiments that are new, or new in the selection, and leaves those that are gone.
func (f *follower) selectAgain(ctx context.Context) error {
	all, err := f.source.Experiments(ctx)
	if err != nil {
		return err
	}
	chosen, err := f.choose(all)
	if err != nil {
		return err
	}
	known := f.experiments
	f.experiments = make(map[string]mlflow.Experiment, len(chosen))
	for _, x := range chosen {
		f.experiments[x.ID] = x
		if _, ok := known[x.ID]; !ok && known != nil {
			f.set.Logger.Info("Following another experiment", zap.String("experiment_id", x.ID),
				zap.String("experiment", x.Name))
		}
	}
	return nil
}

// choose is selectExperiments. Once the source is followed, an experiment that is deleted or renamed does not hold up
// the others: it is said, and they are followed.
func (f *follower) choose(all []mlflow.Experiment) ([]mlflow.Experiment, error) {
	chosen, err := f.selectExperiments(all)
	_, gone := errors.AsType[*selection.Unmatched](err)
	if err != nil && (!gone || f.experiments == nil) {
		return nil, err
	}
	switch {
	case err != nil && (f.unmatched == nil || f.unmatched.Error() != err.Error()):
		f.set.Logger.Warn("A part of the selection is no longer there; the rest is followed", zap.Error(err))
	case err == nil && f.unmatched != nil:
		f.status(nil)
	}
	f.unmatched = err
	return chosen, nil
}

// list makes a run over a range of time, as a backfill does.
func (f *follower) list(ctx context.Context, from int64, now time.Time) error {
	if err := f.selectAgain(ctx); err != nil {
		return err
	}
	f.settings.From, f.settings.To, f.settings.Found = from, now.UnixMilli(), nil
	f.settings.RetrySkipped = f.cfg.RetrySkipped
	f.counters.Fold()
	result, fault := f.read(ctx, f.work, &f.report)
	f.settle(result, fault)
	return f.leave(maps.Keys(f.experiments), fault)
}

// leave takes the fault of a run over experiments. That the destination refuses some of them is none of the
// look: the others were read, and later looks try again what the run gave up.
func (f *follower) leave(experiments iter.Seq[string], fault error) error {
	if !errors.Is(fault, backfill.ErrGivenUp) {
		return fault
	}
	undone := map[string]bool{}
	for i := range f.report.Experiments {
		a := &f.report.Experiments[i]
		undone[a.Experiment.ID] = !a.Done
	}
	for id := range experiments {
		f.left[id] = f.left[id] || undone[id]
	}
	f.refused = fault
	f.set.Logger.Warn("The look goes on without what the destination refuses", zap.Error(fault))
	return nil
}

// deliver makes a run over traces that were found, and over those of their experiments that are open.
func (f *follower) deliver(ctx context.Context, infos map[string][]mlflow.Info) error {
	f.settings.Found = make([]backfill.Found, 0, len(infos))
	for _, id := range slices.Sorted(maps.Keys(infos)) {
		f.settings.Found = append(f.settings.Found, backfill.Found{Experiment: f.experiments[id], Infos: infos[id]})
	}
	now := time.Now()
	f.settings.From, f.settings.To = f.from, now.UnixMilli()
	f.settings.RetrySkipped = false
	f.counters.Fold()
	result, fault := backfill.Run(ctx, f.stop, f.settings)
	f.settle(result, fault)
	if err := f.leave(maps.Keys(infos), fault); err != nil {
		return err
	}
	var settled []mlflow.Info
	for i := range f.report.Experiments {
		if a := &f.report.Experiments[i]; a.Error == "" && !f.left[a.Experiment.ID] {
			settled = append(settled, infos[a.Experiment.ID]...)
		}
	}
	f.unsettled = f.unsettled || len(result.Unsettled) > 0
	settled = slices.DeleteFunc(settled, func(i mlflow.Info) bool { return slices.Contains(result.Unsettled, i.ID) })
	f.looker.Settle(settled, now, now.Add(-2*(f.cfg.Overlap+tail.Margin)))
	return nil
}

// settle takes the end of a run. An experiment that could not be read does not hold up the others: its
// traces are found by a deeper look.
func (f *follower) settle(result backfill.Result, fault error) {
	f.report.SentAgain += result.SentAgain
	if trouble := f.conclude(&f.report, f.work, result, fault); trouble != nil && fault == nil {
		f.status(trouble)
	}
	sum := progress.Sum(f.report.Experiments)
	f.accepted += sum.Accepted
	if sum.Read > 0 {
		f.set.Logger.Debug("Looked for what is new", zap.Int64("accepted", sum.Accepted),
			zap.Int64("pending", sum.PendingSum()), zap.Int64("skipped", sum.SkippedSum()),
			zap.Int64("rejected", sum.Rejected))
	}
	f.publish(time.Time{})
}

// publish gives the report away; ended is zero while the source is followed. That it is stopped in the
// middle of a look is no fault.
func (f *follower) publish(ended time.Time) {
	f.published = time.Now()
	problems := f.report.Problems
	if f.unmatched != nil {
		problems = append(slices.Clip(problems), f.unmatched.Error())
	}
	f.report.Ended, f.report.Complete, f.report.Waits = ended, len(problems) == 0, f.waits()
	state := "following the source"
	if !ended.IsZero() {
		state = "followed the source until " + ended.UTC().Format(time.RFC3339)
	}
	f.report.Headline = strings.Join(append([]string{
		state + ": " + progress.SummarizeAll(f.report.Experiments, f.report.Delivery),
	}, problems...), "; ")
	if f.sink != nil {
		report := f.report
		report.Problems = problems
		f.sink.Publish(report)
	}
}

// say tells once in a while how it fares.
func (f *follower) say() {
	if time.Since(f.said) < sayEvery {
		return
	}
	f.set.Logger.Info(fmt.Sprintf("Following the source: %d new traces in the last %s", f.accepted-f.saidBefore,
		time.Since(f.said).Round(time.Minute)), zap.Duration("next_look", f.schedule.Pause()))
	f.said, f.saidBefore = time.Now(), f.accepted
}
