// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/check"
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
		said = progress.Summarize(report.Accounts, report.Delivery) // what arrived is counted later, by exporters
	}
	log("Finished: "+said, zap.Strings("problems", report.Problems), zap.String("delivery", string(report.Delivery)),
		zap.Duration("duration", report.Ended.Sub(report.Started)))
	return fault
}

// newReport begins the report of a run.
func (r *mlflowReceiver) newReport() progress.Run {
	report := progress.Run{
		Receiver: r.set.ID, Mode: string(r.cfg.Mode), Shard: r.cfg.shard(), Started: time.Now(),
		Source: r.about.Description,
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

// grants asks a database server what its user may read, for the report: a permission that is missing ends the check
// before it looks at traces.
func (r *mlflowReceiver) grants(ctx context.Context, report *progress.Run) error {
	grantor, ok := r.source.(mlflow.Grantor)
	if !ok {
		return nil
	}
	ctx, cancel := r.untilStop(ctx)
	defer cancel()
	grants, err := grantor.Grants(ctx)
	if err != nil {
		return err
	}
	report.Check = &progress.Findings{Grants: grants, Experiments: []progress.ExperimentFinding{}}
	var missing []string
	for _, g := range grants {
		if g.State == mlflow.GrantMissing {
			missing = append(missing, g.Statement)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: the user may not read everything that is needed; an administrator can grant it: %s",
			r.about.Location, strings.Join(missing, "; "))
	}
	return nil
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
	if report.Check != nil {
		findings.Grants = report.Check.Grants
	}
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
	report.Headline = fmt.Sprintf("%s in %s", progress.Count(traces, "trace"),
		progress.Count(int64(len(findings.Experiments)), "experiment"))
	return nil
}

// work is what the passes of a receiver have in common.
type work struct {
	settings backfill.Settings
	ledger   *progress.Ledger
	// beganAgain says that the storage is new although an earlier run is known of; empty when it is not.
	beganAgain string
}

// begin prepares the passes: it tries the storage and fixes the start of the range.
func (r *mlflowReceiver) begin(ctx context.Context, report *progress.Run) (*work, error) {
	now := time.Now()
	w := &work{ledger: &progress.Ledger{}}
	if err := delivered.Probe(ctx, r.store); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	store, isNew, err := r.takeStore(ctx)
	if err != nil {
		return nil, err
	}
	if isNew && r.sink != nil && !r.cfg.inMemory() {
		if earlier, ok := r.sink.Earlier(r.set.ID, report.Source); ok {
			w.beganAgain = fmt.Sprintf(
				"the storage is new, so this run begins again; %s tells of a run that ended %s, with %d traces so far",
				earlier.Report, earlier.Ended.Format(time.RFC3339), earlier.Accepted)
			r.set.Logger.Warn("The storage holds no position although a report tells of an earlier run: everything "+
				"is delivered again",
				zap.String("report", earlier.Report), zap.Time("ended", earlier.Ended),
				zap.Int64("traces", earlier.Accepted))
		}
	}
	from := r.cfg.StartTime.Millis(now)
	switch {
	case r.cfg.StartTime.IsRelative():
		from, err = store.FixStart(ctx, r.cfg.StartTime.String(), from)
	case r.cfg.StartTime.IsZero() && r.cfg.Mode == ModeTail:
		from, err = store.FixStart(ctx, string(ModeTail), now.UnixMilli())
	}
	if err != nil {
		return nil, err
	}
	converter := genai.NewConverter(genai.Options{Payloads: r.cfg.Payloads, CaptureContent: r.cfg.CaptureContent})
	r.tel.watch(w.ledger)
	skip := r.logSkipped
	if r.sink != nil {
		skip = r.sink.Skip
	}
	w.settings = backfill.Settings{
		Source: r.source, Send: r.send(converter), Select: r.selectExperiments, From: from,
		Filter: r.cfg.Filter, List: r.list, Shard: r.cfg.shard(),
		PageSize: r.windowSize(), Workers: r.cfg.Concurrency + 1, Retry: r.cfg.RetryOnFailure,
		RejectAfter: r.cfg.RejectAfter, Ends: r.cfg.OnComplete == OnCompleteShutdown, GiveUpAfter: r.cfg.GiveUpAfter,
		RetrySkipped: r.cfg.RetrySkipped, UnfinishedAfter: r.cfg.UnfinishedAfter,
		Recheck: r.cfg.Recheck.Days(), RecheckAll: r.cfg.Recheck.All(), Rotate: r.cfg.Rotate,
		StartOver: r.cfg.OnReplaced == OnReplacedStartOver,
		Delivery: func() progress.Delivery {
			var now progress.Run
			r.delivers(&now)
			return now.Delivery
		},
		Held: r.held, SendOnce: r.sendOnce, LateChanges: r.lateChanges(converter),
		Store: store, Aggregates: &backfill.Aggregates{Texts: r.examples()}, Ledger: w.ledger, Skip: skip,
		Receiver: r.set.ID.String(), Observer: r.tel, Now: time.Now, Log: r.set.Logger, Status: r.status,
	}
	return w, nil
}

// examples reports whether the report shows texts of traces.
func (r *mlflowReceiver) examples() bool {
	return r.cfg.CaptureContent && r.sink != nil && r.sink.Examples()
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
			accounts, _ := w.ledger.Snapshot()
			return display.Of(accounts)
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
				live.Accounts, live.Samples = w.ledger.Snapshot()
				live.Details, live.Waits, live.Data = w.ledger.Details(), r.waits(), w.settings.Aggregates.Data()
				live.Headline = "still running: " + display.Of(live.Accounts).Line(time.Since(begun))
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
	accounts, samples := w.ledger.Snapshot()
	report.Accounts, report.Samples, report.Details = accounts, samples, w.ledger.Details()
	report.Data = w.settings.Aggregates.Data()
	v := progress.Judge(progress.Outcome{
		Accounts: accounts, Details: w.ledger.Details(), Allowed: r.cfg.MaxSkipped.Of,
		MaxSkipped: r.cfg.MaxSkipped.String(),
		Receiver:   r.set.ID.String(),
		Delivery:   report.Delivery, Reason: report.DeliveryReason, Fault: fault, Unbalanced: w.ledger.Check(),
		AddedSpans: result.AddedSpans,
		Stopped:    r.stopped(accounts, fault),
		Shard:      report.Shard,
		BeganAgain: w.beganAgain,
	})
	report.Complete, report.Headline, report.Problems, report.Next = v.Complete, v.Headline, v.Problems, v.Next
	report.Delivery, report.DeliveryReason, report.Remarks = v.Delivery, v.Reason, v.Remarks
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

// fingerprint identifies what positions belong to: the place that is read and the workspace. Credentials,
// the filter and the form of the output don't matter. Earlier versions had the filter in it, too.
func (r *mlflowReceiver) fingerprint(filter string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.about.Identity, r.cfg.Workspace, filter}, "\x00")))
	return hex.EncodeToString(sum[:8])
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
func (r *mlflowReceiver) stopped(accounts []progress.Account, fault error) string {
	unfinished := func(a progress.Account) bool { return !a.Done && a.Error == "" }
	if !r.stopping() || errors.Is(fault, backfill.ErrGivenUp) || !slices.ContainsFunc(accounts, unfinished) {
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
