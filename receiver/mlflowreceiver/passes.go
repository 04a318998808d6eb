// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/check"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/display"
)

// run makes passes until the work is done: one with on_complete: shutdown; with stay, a pass that a
// fault ended is followed by another.
func (r *mlflowReceiver) run(ctx context.Context) {
	defer close(r.done)
	wait := r.cfg.RetryOnFailure.MaxInterval
	for {
		fault := r.pass(ctx)
		if r.member != nil {
			r.member.Done()
			return
		}
		if fault == nil {
			return
		}
		r.status(fault)
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-r.stop:
			again.Stop()
			return
		}
	}
}

// pass does the work once and publishes its report. It returns the fault that ended it, if another
// pass may do better.
func (r *mlflowReceiver) pass(ctx context.Context) error {
	report := progress.Run{Receiver: r.set.ID, Mode: string(r.cfg.Mode), Started: time.Now(),
		Source: r.about.Description, Delivery: progress.Unknown}
	if r.sink != nil {
		report.Delivery, report.DeliveryNotes = r.sink.Delivery(r.set.ID)
	}
	about, fault := r.source.Describe(ctx)
	if fault == nil {
		about.Authentication = r.about.Authentication
		report.Source = about
		r.announce(about)
		if r.cfg.Mode == ModeCheck {
			fault = r.check(ctx, &report)
		} else {
			fault = r.backfill(ctx, &report)
		}
	}
	if fault != nil && report.Headline == "" {
		report.Headline = "not complete: " + fault.Error()
		report.Problems = []string{fault.Error()}
	}
	r.outcome = nil
	if !report.Complete {
		r.outcome = errors.New(report.Headline + problems(report))
	}
	report.Ended = time.Now()
	report.Stopped = !report.Complete && r.stopping()
	if r.sink != nil {
		r.sink.Publish(report)
	}
	log, said := r.set.Logger.Info, report.Headline
	switch {
	case !report.Complete:
		log = r.set.Logger.Warn
	case report.Check == nil:
		said = progress.Accepted(report.Accounts) // what arrived is counted later, by exporters
	}
	log("Finished: "+said, zap.Strings("problems", report.Problems), zap.String("delivery", string(report.Delivery)),
		zap.Duration("duration", report.Ended.Sub(report.Started)))
	return fault
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

// announce says in one line what is read, by which principal, and with or without content.
func (r *mlflowReceiver) announce(d mlflow.Description) {
	r.set.Logger.Info("Reading MLflow traces", zap.String("source", d.Kind), zap.String("location", d.Location),
		zap.String("version", d.Version),
		zap.String("principal", d.Principal), zap.String("authentication", d.Authentication),
		zap.String("mode", string(r.cfg.Mode)),
		zap.Strings("experiment_ids", r.cfg.Experiments.IDs), zap.Strings("experiment_names", r.cfg.Experiments.Names),
		zap.Strings("excluded", r.cfg.Experiments.Exclude), zap.Bool("content_captured", r.cfg.CaptureContent))
}

func (r *mlflowReceiver) check(ctx context.Context, report *progress.Run) error {
	now := time.Now()
	ctx, cancel := r.untilStop(ctx)
	defer cancel()
	findings, err := check.Run(ctx, check.Settings{
		Source: r.source, Select: r.selectExperiments, From: r.cfg.StartTime.Millis(now), To: r.end(now),
		Filter: r.cfg.Filter,
	})
	if err != nil {
		return err
	}
	findings.Requests = r.tel.requests()
	report.Check = findings
	var traces int64
	for i := range findings.Experiments {
		e := &findings.Experiments[i]
		traces += e.Traces
		for _, p := range e.Problems {
			report.Problems = append(report.Problems, fmt.Sprintf("experiment %s (%s): %s", e.Name, e.ID, p))
		}
	}
	report.Complete = len(report.Problems) == 0
	report.Headline = fmt.Sprintf("%d traces in %d experiments", traces, len(findings.Experiments))
	return nil
}

func (r *mlflowReceiver) backfill(ctx context.Context, report *progress.Run) error {
	now := time.Now()
	store := backfill.Store{Client: r.store, Source: r.fingerprint()}
	from := r.cfg.StartTime.Millis(now)
	if r.cfg.StartTime.IsRelative() {
		var err error
		if from, err = store.FixStart(ctx, r.cfg.StartTime.String(), from); err != nil {
			return err
		}
	}
	converter := genai.NewConverter(genai.Options{Payloads: r.cfg.Payloads, CaptureContent: r.cfg.CaptureContent})
	ledger := &progress.Ledger{}
	r.tel.watch(ledger)
	skip := r.logSkipped
	if r.sink != nil {
		skip = r.sink.Skip
	}
	showing, hide := context.WithCancel(ctx)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		display.Run(showing, display.Terminal(), r.set.Logger, func() display.Progress {
			accounts, _ := ledger.Snapshot()
			return display.Of(accounts)
		})
	}()
	fault := backfill.Run(ctx, r.stop, backfill.Settings{
		Source: r.source, Send: r.send(converter), Select: r.selectExperiments, From: from, To: r.end(now),
		Filter: r.cfg.Filter, List: r.list,
		PageSize: r.cfg.PageSize, Workers: r.cfg.Concurrency + 1, HoldAfter: r.hold,
		Retry: r.cfg.RetryOnFailure, GiveUp: r.cfg.OnComplete == OnCompleteShutdown,
		Store: store, Ledger: ledger, Skip: skip, Receiver: r.set.ID.String(), Observer: r.tel, Now: time.Now,
		Log: r.set.Logger, Status: r.status,
	})
	hide()
	<-shown
	mismatch := ledger.Check()
	accounts, samples := ledger.Snapshot()
	report.Accounts, report.Samples = accounts, samples
	v := progress.Judge(accounts, ledger.Details(), float64(r.cfg.MaxSkipped), fault, mismatch)
	report.Complete, report.Headline, report.Problems = v.Complete, v.Headline, v.Problems
	if v.Complete {
		r.status(nil)
	}
	for i := range accounts {
		if fault == nil && accounts[i].Error != "" {
			fault = fmt.Errorf("experiment %s: %s", accounts[i].Experiment.ID, accounts[i].Error)
		}
	}
	return fault
}

// end is the end of the range: the one written, else now, at the beginning of the pass.
func (r *mlflowReceiver) end(now time.Time) int64 {
	if r.cfg.EndTime.IsZero() {
		return now.UnixMilli()
	}
	return r.cfg.EndTime.Millis(now)
}

// fingerprint identifies what positions belong to: the place that is read, the workspace and the
// filter. Credentials and the form of the output don't matter.
func (r *mlflowReceiver) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.about.Identity, r.cfg.Workspace, r.cfg.Filter}, "\x00")))
	return hex.EncodeToString(sum[:8])
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
