// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package report turns the state of receivers' runs into the report: a JSON document for programs
// and a summary for users.
package report

import (
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Document is the report as it is written.
type Document struct {
	Headline string    `json:"headline"`
	Complete bool      `json:"complete"`
	Written  time.Time `json:"written"`
	Version  string    `json:"version"`
	// ID is another one at each start: it has the service.instance.id of the process, the id of the extension, and a
	// random text. Final says that the process wrote this at its end.
	ID string `json:"id"`
	// Process is the same in the reports of several extensions of one process, which have IDs of their own.
	Process string `json:"process,omitempty"`
	// Sequence counts the reports of the process from 1 on: clocks may be set back.
	Sequence  int64      `json:"sequence"`
	Final     bool       `json:"final"`
	Receivers []Receiver `json:"receivers"`
	// TopicReaders are the receivers of Kafka.
	TopicReaders []TopicReader `json:"topic_readers,omitempty"`
	// Destinations are what is known of the places that exporters wrote to; Receiver.Destinations
	// are the places that the configuration names.
	Destinations []Result `json:"destination_results,omitempty"`
	// RejectedEarlier are spans, log records and data points that destinations rejected in processes before this one,
	// which wrote to the same file and read the same topic in the same group.
	RejectedEarlier int64 `json:"rejected_earlier,omitempty"`
	// Answers are what destinations answered to stock exporters.
	Answers []Answers `json:"answers,omitempty"`
	// Refinements are what processors did on the way.
	Refinements []Refinement `json:"refinements,omitempty"`
	// Configuration is what Settings shows of the configuration.
	Configuration []string `json:"configuration,omitempty"`
}

// Receiver is the part of one receiver.
type Receiver struct {
	Receiver      string            `json:"receiver"`
	Mode          string            `json:"mode"`
	Shard         *progress.Shard   `json:"shard,omitempty"` // nil: everything
	List          bool              `json:"list,omitempty"`  // only the traces of a list were read
	Headline      string            `json:"headline"`
	Complete      bool              `json:"complete"`
	Problems      []string          `json:"problems,omitempty"`
	Source        Source            `json:"source"`
	Delivery      progress.Delivery `json:"delivery"`
	DeliveryNotes []string          `json:"delivery_notes,omitempty"`
	Destinations  []Destination     `json:"destinations,omitempty"`
	Topics        []Topic           `json:"topics,omitempty"`
	// DividedBy is a connector that gives each of Destinations and Topics a part of the traces.
	DividedBy       string                     `json:"divided_by,omitempty"`
	Started         time.Time                  `json:"started"`
	Ended           *time.Time                 `json:"ended,omitempty"`
	Seconds         float64                    `json:"duration_seconds"`
	TracesPerSecond float64                    `json:"traces_per_second"`
	Totals          Numbers                    `json:"totals"`
	SentAgain       int64                      `json:"sent_again,omitempty"`
	Experiments     []Experiment               `json:"experiments"`
	Skipped         map[mlflow.Reason][]string `json:"skipped_examples,omitempty"`
	SkippedFile     string                     `json:"skipped_file,omitempty"`
	// MissingLines is how many lines of MissingFile are of this receiver.
	MissingLines int    `json:"missing_lines,omitempty"`
	MissingFile  string `json:"missing_file,omitempty"`
	// Details are what was said of the first trace of each reason.
	Details map[mlflow.Reason]string `json:"skipped_details,omitempty"`
	// Stopped says that the run was stopped before its end.
	Stopped bool `json:"stopped,omitempty"`
	// ExitStatus is what the run makes of the exit status of the process; absent while it goes on, and where the
	// process stays when it has ended.
	ExitStatus *int `json:"exit_status,omitempty"`
	// Data is what is in the traces that this run and those before it delivered.
	Data *aggregate.Data `json:"data,omitempty"`

	Check *progress.Findings `json:"check,omitempty"`

	settled bool     // complete as far as the receiver knows
	next    []string // what the receiver advises
}

// Destination is a place that the configuration names, and the word for what it got.
type Destination struct {
	Exporter string            `json:"exporter"`
	Name     string            `json:"name"`
	Delivery progress.Delivery `json:"delivery"`
}

// isCheck reports whether the run checked the source and sent nothing.
func isCheck(run *progress.Run) bool { return run.Mode == "check" }

// Settled reports whether the run is complete as far as its receiver knows: what destinations confirm is not looked at.
func (r *Receiver) Settled() bool { return r.settled }

// details are those of the reasons for which the report lists traces.
func details(run *progress.Run) map[mlflow.Reason]string {
	out := map[mlflow.Reason]string{}
	for r, text := range run.Details {
		if text != "" && len(run.Samples[r]) > 0 {
			out[r] = text
		}
	}
	return out
}

// Source says what was read.
type Source struct {
	Kind      string `json:"kind"`
	Location  string `json:"location"`
	Version   string `json:"version,omitempty"`
	Principal string `json:"principal,omitempty"`
	// Authentication is how requests are signed.
	Authentication string `json:"authentication,omitempty"`
}

// Numbers are counts of traces, except for spans. read = accepted + skipped + rejected + pending +
// in_flight.
type Numbers struct {
	Read     int64                   `json:"read"`
	Emitted  int64                   `json:"emitted"`
	Accepted int64                   `json:"accepted"`
	Spans    int64                   `json:"accepted_spans"`
	Skipped  map[mlflow.Reason]int64 `json:"skipped"`
	Rejected int64                   `json:"rejected"`
	// PartiallyRejected is the part of Rejected of which the destination has some spans.
	PartiallyRejected int64 `json:"partially_rejected,omitempty"`

	Pending  map[mlflow.Reason]int64 `json:"pending"`
	InFlight int64                   `json:"in_flight"`
}

// Experiment is the part of one experiment. SourceCount is absent where the source gives none.
type Experiment struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	SourceCount *int64   `json:"source_count,omitempty"`
	First       string   `json:"first,omitempty"`
	Last        string   `json:"last,omitempty"`
	Run         Numbers  `json:"run"`
	Earlier     *Numbers `json:"earlier_runs,omitempty"`
	Complete    bool     `json:"complete"`
	// Grown are traces that were delivered again since spans were added to them; Gone are delivered
	// ones that the source does not show any more.
	Grown int64 `json:"grown,omitempty"`
	Gone  int64 `json:"gone,omitempty"`
	// Missing is what the source has and was not read, NotCompared the days whose numbers were not
	// compared with the source's.
	Missing string `json:"missing,omitempty"`
	// PendingAges are the pending traces by how long ago the reason was met first. Settled is when the last look
	// at a followed source began that settled everything of the experiment.
	PendingAges *progress.Ages `json:"pending_ages,omitempty"`
	Settled     *time.Time     `json:"settled,omitempty"`
	NotCompared string         `json:"not_compared,omitempty"`
	Note        string         `json:"note,omitempty"`
	Error       string         `json:"error,omitempty"`
}

// Input is what a document is made of: the newest states of all that reported.
type Input struct {
	Runs         []progress.Run
	Destinations []progress.Destination
	Refinements  []progress.Refinement
	Answers      []Answers
	// Earlier is the report of the process before this one.
	Earlier Earlier
	// Behind says where the data of a receiver goes.
	Behind func(receiver string) delivery.Guarantee
	// TopicReaders are the ids of the receivers of Kafka.
	TopicReaders []string
	// SkipFile and MissingFile are the lists of traces that were skipped or rejected, and of what Missing returned.
	SkipFile, MissingFile string
	Version, ID, Process  string
	// Final says that the process ends.
	Final bool
	// Sequence counts the documents of the process.
	Sequence int64
	// Configuration is what Settings returned.
	Configuration []string
}

// New makes the document.
func New(in Input, now time.Time) Document {
	d := Document{Written: now.UTC(), Version: in.Version, ID: in.ID, Process: in.Process,
		Final: in.Final, Sequence: in.Sequence,
		Complete: len(in.Runs) > 0, Receivers: []Receiver{}, Answers: in.Answers, Configuration: in.Configuration}
	var sending []string // exporters behind receivers that sent something
	for i := range in.Runs {
		r := receiver(&in.Runs[i], now)
		behind := in.Behind(r.Receiver)
		r.Destinations, r.Topics = places(&behind)
		r.DividedBy = behind.DividedBy
		if !isCheck(&in.Runs[i]) {
			for _, b := range behind.Destinations {
				sending = append(sending, b.Exporter)
			}
		}
		if len(r.Skipped) > 0 {
			r.SkippedFile = in.SkipFile
		}
		for j := range in.Runs[i].Experiments {
			a := &in.Runs[i].Experiments[j]
			r.MissingLines += len(a.MissingDays) + len(a.Undelivered)
		}
		if r.MissingLines > 0 {
			r.MissingFile = in.MissingFile
		}
		d.Receivers = append(d.Receivers, r)
	}
	for _, id := range in.TopicReaders {
		behind := in.Behind(id)
		t := topicReader(id, &behind)
		t.DeliveryEarlier = in.Earlier.weaker(&t)
		d.TopicReaders = append(d.TopicReaders, t)
	}
	d.RejectedEarlier = in.Earlier.rejected(d.TopicReaders)
	slices.Sort(sending)
	d.Destinations = results(in.Destinations, slices.Compact(sending))
	earlier := in.Earlier.refined(in.Runs)
	for i := range in.Refinements {
		sum, added := withEarlier(in.Refinements[i], earlier)
		r := refinement(&sum)
		r.WithEarlierRuns = added
		d.Refinements = append(d.Refinements, r)
	}
	d.conclude(in.Runs)
	return d
}

// conclude writes the words and the headlines, and takes back what is complete where data waits or
// is missing at a destination.
func (d *Document) conclude(runs []progress.Run) {
	var experiments []progress.Experiment
	word := progress.Verified
	for i := range d.Receivers {
		r, run := &d.Receivers[i], &runs[i]
		if isCheck(run) {
			d.Complete = d.Complete && r.Complete
			continue
		}
		part := outcomeOf(slices.DeleteFunc(slices.Clone(d.Destinations),
			func(x Result) bool { return !r.sendsTo(x.Exporter) }))
		r.Delivery = r.verified(d.Destinations)
		word = progress.Weakest(word, r.Delivery)
		r.Complete = r.Complete && r.Delivery.AtLeast(progress.Acknowledged)
		own := r.Headline
		if r.Complete && r.Delivery == progress.Verified {
			own = strings.Join(append([]string{"complete: " + progress.Summarize(run.Experiments, r.Delivery)},
				run.Remarks...), "; ")
		}
		r.Headline = part.headline(own, progress.Summarize(run.Experiments, r.Delivery), r.Complete)
		r.Complete = r.Complete && part.complete()
		d.Complete = d.Complete && r.Complete
		experiments = append(experiments, run.Experiments...)
	}
	d.summarize(runs, experiments, word)
}

// summarize writes the headline of all receivers and destinations.
func (d *Document) summarize(runs []progress.Run, experiments []progress.Experiment, word progress.Delivery) {
	all := outcomeOf(d.Destinations)
	switch {
	case len(runs) == 0:
		own := d.topicHeadline()
		d.Headline = all.headline(own, own, false)
	case len(runs) == 1:
		d.Headline = d.Receivers[0].Headline
	case d.Complete && len(experiments) > 0:
		text := progress.Summarize(experiments, word)
		d.Headline = all.headline("complete: "+text, text, true)
	default:
		first := slices.IndexFunc(d.Receivers, func(r Receiver) bool { return !r.Complete })
		r := &d.Receivers[max(first, 0)]
		d.Headline = r.Receiver + ": " + r.Headline
	}
}

// sendsTo reports whether an exporter is behind the receiver.
func (r *Receiver) sendsTo(exporter string) bool {
	return slices.ContainsFunc(r.Destinations, func(d Destination) bool { return d.Exporter == exporter })
}

// verified gives the word verified to the destinations where everything was counted, and returns
// the word of the run: verified if all of them are, and if nothing else makes its own word weaker
// than acknowledged.
func (r *Receiver) verified(results []Result) progress.Delivery {
	all := len(r.Destinations) > 0
	for i := range r.Destinations {
		d := &r.Destinations[i]
		known, arrived := false, true
		for j := range results {
			if results[j].Exporter == d.Exporter {
				known = true
				arrived = arrived && results[j].Verification == string(progress.Arrived) && results[j].Rejected == 0
			}
		}
		if known && arrived && d.Delivery.AtLeast(progress.Acknowledged) {
			d.Delivery = progress.Verified
		}
		all = all && d.Delivery == progress.Verified
	}
	if all && r.Delivery.AtLeast(progress.Acknowledged) {
		return progress.Verified
	}
	return r.Delivery
}

func receiver(run *progress.Run, now time.Time) Receiver {
	end := now
	r := Receiver{
		Receiver: run.Receiver.String(), Mode: run.Mode, List: run.List, Headline: run.Headline, Complete: run.Complete,
		settled: run.Complete, Problems: run.Problems,
		next: run.Next, SentAgain: run.SentAgain,
		Source:   Source(run.Source),
		Delivery: run.Delivery, DeliveryNotes: run.DeliveryNotes, Started: run.Started.UTC(),
		Skipped: run.Samples, Check: run.Check, Details: details(run), Stopped: run.Stopped, ExitStatus: run.ExitStatus,
		Data:        run.Data,
		Experiments: []Experiment{},
	}
	if !run.Shard.Whole() {
		r.Shard = &run.Shard
	}
	if !run.Ended.IsZero() {
		end = run.Ended
		at := run.Ended.UTC()
		r.Ended = &at
	}
	r.Seconds = end.Sub(run.Started).Seconds()
	var inFlight int64
	for i := range run.Experiments {
		a := &run.Experiments[i]
		inFlight += a.InFlight
		r.Experiments = append(r.Experiments, experiment(a))
	}
	r.Totals = numbers(progress.Sum(run.Experiments), inFlight)
	if r.Seconds > 0 {
		r.TracesPerSecond = float64(r.Totals.Accepted) / r.Seconds
	}
	return r
}

func experiment(a *progress.Experiment) Experiment {
	e := Experiment{
		ID: a.Experiment.ID, Name: a.Experiment.Name, Run: numbers(a.Run, a.InFlight),
		Complete: a.Done && a.Error == "" && a.Missing == "",
		Grown:    a.Grown, Gone: a.Gone, Missing: a.Missing, NotCompared: a.Scope,
		Note: a.Note, Error: a.Error,
	}
	if a.SourceCount >= 0 {
		n := a.SourceCount
		e.SourceCount = &n
	}
	if a.Earlier.Read > 0 {
		n := numbers(a.Earlier, 0)
		e.Earlier = &n
	}
	if a.Waiting != (progress.Ages{}) {
		e.PendingAges = &a.Waiting
	}
	if !a.Settled.IsZero() {
		at := a.Settled.UTC()
		e.Settled = &at
	}
	all := a.Earlier.Clone()
	all.Add(a.Run)
	e.First, e.Last = progress.Timestamp(all.First), progress.Timestamp(all.Last)
	return e
}

func numbers(t progress.Totals, inFlight int64) Numbers {
	return Numbers{
		Read: t.Read, Emitted: t.Accepted + t.Rejected, Accepted: t.Accepted, Spans: t.Spans,
		Skipped: counts(t.Skipped), Rejected: t.Rejected,
		PartiallyRejected: t.PartiallyRejected,
		Pending:           counts(t.Pending), InFlight: inFlight,
	}
}

// counts leaves out reasons that no trace has any more.
func counts(m map[mlflow.Reason]int64) map[mlflow.Reason]int64 {
	out := map[mlflow.Reason]int64{}
	for r, n := range m {
		if n != 0 {
			out[r] = n
		}
	}
	return out
}
