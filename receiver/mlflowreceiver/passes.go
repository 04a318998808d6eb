// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/display"
)

// run makes passes until the work is done: one with on_complete: shutdown; with stay, a pass that a
// fault ended is followed by another. A tail goes on until Shutdown begins.
func (r *mlflowReceiver) run(ctx context.Context) {
	defer close(r.done)
	if r.cfg.Mode.follows() {
		r.follow(ctx)
		return
	}
	wait := r.cfg.RetryOnFailure.MaxInterval
	for {
		fault := r.pass(ctx)
		if r.member != nil {
			r.member.Done()
			return
		}
		if fault == nil {
			r.idle()
			return
		}
		r.status(fault)
		if !r.waitUntil(time.Now().Add(wait)) {
			return
		}
	}
}

// idle says once in a while that nothing is left to do, until Shutdown begins.
func (r *mlflowReceiver) idle() {
	for ended := time.Now(); r.waitUntil(time.Now().Add(sayEvery)); {
		r.set.Logger.Info("Nothing is left to do; the process goes on until it is stopped",
			zap.String("mode", string(r.cfg.Mode)), zap.Duration("since", time.Since(ended).Round(time.Minute)))
	}
}

// waitUntil waits for a time and reports whether Shutdown has not begun.
func (r *mlflowReceiver) waitUntil(at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return !r.stopping()
	case <-r.stop:
		return false
	}
}

// pass does the work once and publishes its report. It returns the fault that ended it, if another
// pass may do better.
func (r *mlflowReceiver) pass(ctx context.Context) error {
	report := r.newReport()
	work := r.backfill
	var fault error
	if r.cfg.Mode == ModeCheck {
		work, fault = r.check, r.grants(ctx, &report)
	}
	if fault == nil {
		fault = r.describe(ctx, &report)
	}
	if fault == nil {
		fault = work(ctx, &report)
	}
	if fault != nil && report.Headline == "" {
		report.Headline = "not complete: " + fault.Error()
		report.Problems = []string{fault.Error()}
	}
	report.Ended = time.Now()
	report.Stopped = !report.Complete && r.stopping()
	r.outcome = r.judge(&report)
	if r.cfg.OnComplete == OnCompleteShutdown {
		status := 0
		if r.outcome != nil {
			status = 1
		}
		report.ExitStatus = &status
	}
	if r.sink != nil {
		r.sink.Publish(report)
	}
	log, said := r.set.Logger.Info, report.Headline
	switch {
	case !report.Complete || r.outcome != nil:
		log = r.set.Logger.Warn
	case report.Check == nil && report.Delivery.AtLeast(progress.Acknowledged):
		said = progress.Summarize(report.Experiments, report.Delivery) // what arrived is counted later, by exporters
	}
	log("Finished: "+said, zap.Strings("problems", report.Problems), zap.String("delivery", string(report.Delivery)),
		zap.Duration("duration", report.Ended.Sub(report.Started)))
	return fault
}

// newReport begins the report of a run.
func (r *mlflowReceiver) newReport() progress.Run {
	report := progress.Run{
		Receiver: r.set.ID, Mode: string(r.cfg.Mode), Shard: r.cfg.shard(), List: r.list != nil,
		Started: time.Now(),
		Source:  r.about.Description,
	}
	r.delivers(&report)
	return report
}

// delivers puts into the report what the extension knows of the pipelines at the moment.
func (r *mlflowReceiver) delivers(report *progress.Run) {
	check := progress.DeliveryCheck{Delivery: progress.Unknown,
		Reason: "there is no mlflow_report extension, which would check the configuration"}
	if r.sink != nil {
		check = r.sink.Delivery(r.set.ID)
	}
	report.Delivery, report.DeliveryReason, report.DeliveryNotes = check.Delivery, check.Reason, check.Notes
	r.tel.deliver(check.Delivery)
}

// judge returns the error that makes the exit status 1, nil for a run that is complete and
// delivered as accept demands.
func (r *mlflowReceiver) judge(report *progress.Run) error {
	switch {
	case !report.Complete:
		return errors.New(report.Headline + problems(*report))
	case report.Check != nil || report.Delivery.AtLeast(r.cfg.Accept):
		return nil
	}
	report.Next = append(report.Next, fmt.Sprintf("to end with status 0 all the same, write receivers::%s::accept: %s",
		r.set.ID, report.Delivery))
	return errors.New(report.Headline)
}

// problems writes those problems that the headline does not already say.
func problems(run progress.Run) string {
	var b strings.Builder
	for _, p := range run.Problems {
		if !strings.Contains(run.Headline, p) {
			b.WriteString("; " + p)
		}
	}
	return b.String()
}

// describe asks the source what it is, for the report, and says so.
func (r *mlflowReceiver) describe(ctx context.Context, report *progress.Run) error {
	about, err := r.source.Describe(ctx)
	if err != nil {
		return err
	}
	about.Authentication, about.Principal = r.about.Authentication, cmp.Or(about.Principal, r.about.Principal)
	report.Source = about
	r.announce(about)
	return nil
}

// announce says in one line what is read, by which principal, and with or without content.
func (r *mlflowReceiver) announce(d mlflow.Description) {
	r.set.Logger.Info("Reading MLflow traces", zap.String("source", d.Kind), zap.String("location", d.Location),
		zap.String("version", d.Version),
		zap.String("principal", d.Principal), zap.String("authentication", d.Authentication),
		zap.String("mode", string(r.cfg.Mode)),
		zap.Strings("experiment_ids", r.cfg.Experiments.IDs), zap.Strings("experiment_names", r.cfg.Experiments.Names),
		zap.Strings("excluded", r.cfg.Experiments.Exclude), zap.Bool("content_captured", r.cfg.CaptureContent))
}

func (r *mlflowReceiver) backfill(ctx context.Context, report *progress.Run) error {
	w, err := r.begin(ctx, report)
	if err != nil {
		return err
	}
	w.settings.To = r.end(time.Now())
	result, fault := r.read(ctx, w, report)
	report.SentAgain = result.SentAgain
	return r.conclude(report, w, result, fault)
}

// publishEvery is how often the report tells how far a run came.
const publishEvery = time.Minute

// publishFirst is how soon the report tells of a run for the first time.
const publishFirst = 5 * time.Second

// read makes a run and shows how far it came, also in the report.
func (r *mlflowReceiver) read(ctx context.Context, w *work, report *progress.Run) (backfill.Result, error) {
	showing, hide := context.WithCancel(ctx)
	var shown sync.WaitGroup
	shown.Go(func() {
		display.Run(showing, display.Terminal(), r.set.Logger, func() display.Progress {
			experiments, _ := w.counters.Snapshot()
			return display.Of(experiments)
		})
	})
	if r.sink != nil {
		live, begun := *report, time.Now()
		shown.Go(func() {
			tick := time.NewTicker(publishFirst)
			defer tick.Stop()
			for {
				select {
				case <-showing.Done():
					return
				case <-tick.C:
					tick.Reset(publishEvery)
				}
				live.Experiments, live.Samples = w.counters.Snapshot()
				live.Details, live.Waits, live.Data = w.counters.Details(), r.waits(), w.settings.Aggregates.Data()
				live.Headline = "still running: " + display.Of(live.Experiments).Line(time.Since(begun))
				r.sink.Publish(live)
			}
		})
	}
	result, fault := backfill.Run(ctx, r.stop, w.settings)
	hide()
	shown.Wait()
	return result, fault
}

// conclude puts into the report what a run amounts to. It returns the fault that ended it, or that of
// an experiment.
func (r *mlflowReceiver) conclude(report *progress.Run, w *work, result backfill.Result, fault error) error {
	r.delivers(report) // answers of destinations may have made the word weaker
	experiments, samples := w.counters.Snapshot()
	report.Experiments, report.Samples, report.Details = experiments, samples, w.counters.Details()
	report.Data = w.settings.Aggregates.Data()
	v := progress.Judge(progress.Outcome{
		Experiments: experiments, Details: w.counters.Details(), Allowed: r.cfg.MaxSkipped.Of,
		MaxSkipped: r.cfg.MaxSkipped.String(),
		Receiver:   r.set.ID.String(),
		Delivery:   report.Delivery, Reason: report.DeliveryReason, Fault: fault, Unbalanced: w.counters.Check(),
		AddedSpans: result.AddedSpans,
		Stopped:    r.stopped(experiments, fault),
		Shard:      report.Shard,
		BeganAgain: w.beganAgain,
	})
	report.Complete, report.Headline, report.Problems, report.Next = v.Complete, v.Headline, v.Problems, v.Next
	report.Delivery, report.DeliveryReason, report.Remarks = v.Delivery, v.Reason, v.Remarks
	if v.Complete {
		r.status(nil)
	}
	for i := range experiments {
		if fault == nil && experiments[i].Error != "" {
			fault = fmt.Errorf("experiment %s: %s", experiments[i].Experiment.ID, experiments[i].Error)
		}
	}
	return fault
}

// held is why an exporter behind the receiver holds data until a person does something; empty while
// none does.
func (r *mlflowReceiver) held() string {
	if r.sink == nil {
		return ""
	}
	return r.sink.Held(r.set.ID)
}

// stopped says what stopped a run before its end; empty when it ended by itself.
func (r *mlflowReceiver) stopped(experiments []progress.Experiment, fault error) string {
	unfinished := func(a progress.Experiment) bool { return !a.Done && a.Error == "" }
	if !r.stopping() || errors.Is(fault, backfill.ErrGivenUp) || !slices.ContainsFunc(experiments, unfinished) {
		return ""
	}
	if r.member != nil && r.member.Stopped() {
		return "stopped by SIGTERM"
	}
	return "stopped"
}

// stopping reports whether Shutdown has begun.
func (r *mlflowReceiver) stopping() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// untilStop is ctx, ended when Shutdown begins.
func (r *mlflowReceiver) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-r.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
