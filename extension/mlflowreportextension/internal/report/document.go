// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package report turns the state of receivers' runs into the report: a JSON document for programs
// and a summary for users.
package report

import (
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Document is the report as it is written.
type Document struct {
	Headline  string     `json:"headline"`
	Complete  bool       `json:"complete"`
	Written   time.Time  `json:"written"`
	Version   string     `json:"version"`
	Receivers []Receiver `json:"receivers"`
	// Destinations are what is known of the places that exporters wrote to; Receiver.Destinations
	// are the places that the configuration names.
	Destinations []Result `json:"destination_results,omitempty"`
	// Refinements are what processors did on the way.
	Refinements []Refinement `json:"refinements,omitempty"`
}

// Receiver is the part of one receiver.
type Receiver struct {
	Receiver        string                     `json:"receiver"`
	Mode            string                     `json:"mode"`
	Headline        string                     `json:"headline"`
	Complete        bool                       `json:"complete"`
	Problems        []string                   `json:"problems,omitempty"`
	Source          Source                     `json:"source"`
	Delivery        progress.Delivery          `json:"delivery"`
	DeliveryNotes   []string                   `json:"delivery_notes,omitempty"`
	Destinations    []string                   `json:"destinations,omitempty"`
	Started         time.Time                  `json:"started"`
	Ended           *time.Time                 `json:"ended,omitempty"`
	Seconds         float64                    `json:"duration_seconds"`
	TracesPerSecond float64                    `json:"traces_per_second"`
	Totals          Numbers                    `json:"totals"`
	Experiments     []Experiment               `json:"experiments"`
	Skipped         map[mlflow.Reason][]string `json:"skipped_examples,omitempty"`
	SkippedFile     string                     `json:"skipped_file,omitempty"`
	Check           *progress.Findings         `json:"check,omitempty"`

	read bool // complete as far as the receiver knows
}

// isCheck reports whether the run checked the source and sent nothing.
func isCheck(run *progress.Run) bool { return run.Mode == "check" }

// Source says what was read.
type Source struct {
	Kind      string `json:"kind"`
	Location  string `json:"location"`
	Version   string `json:"version,omitempty"`
	Principal string `json:"principal,omitempty"`
	// Authentication is how requests are signed.
	Authentication string `json:"authentication,omitempty"`
}

// Numbers are counts of traces, except for spans. read = accepted + skipped + rejected + in_flight.
type Numbers struct {
	Read     int64                   `json:"read"`
	Emitted  int64                   `json:"emitted"`
	Accepted int64                   `json:"accepted"`
	Spans    int64                   `json:"accepted_spans"`
	Skipped  map[mlflow.Reason]int64 `json:"skipped"`
	Rejected int64                   `json:"rejected"`
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
	Pending     int64    `json:"pending,omitempty"`
	Complete    bool     `json:"complete"`
	Error       string   `json:"error,omitempty"`
}

// Input is what a document is made of: the newest states of all that reported.
type Input struct {
	Runs         []progress.Run
	Destinations []progress.Destination
	Refinements  []progress.Refinement
	// Behind says where the data of a receiver goes, in words and as the ids of exporters.
	Behind   func(receiver string) (destinations, exporters []string)
	SkipFile string
	Version  string
}

// New makes the document.
func New(in Input, now time.Time) Document {
	d := Document{Written: now.UTC(), Version: in.Version, Complete: len(in.Runs) > 0, Receivers: []Receiver{}}
	var sending []string // exporters behind receivers that sent something
	behind := make([][]string, len(in.Runs))
	for i := range in.Runs {
		r := receiver(&in.Runs[i], now)
		r.Destinations, behind[i] = in.Behind(r.Receiver)
		if !isCheck(&in.Runs[i]) {
			sending = append(sending, behind[i]...)
		}
		if len(r.Skipped) > 0 {
			r.SkippedFile = in.SkipFile
		}
		d.Receivers = append(d.Receivers, r)
		d.Complete = d.Complete && r.Complete
	}
	slices.Sort(sending)
	d.Destinations = results(in.Destinations, slices.Compact(sending))
	for i := range in.Refinements {
		d.Refinements = append(d.Refinements, refinement(&in.Refinements[i]))
	}
	d.conclude(in.Runs, behind)
	return d
}

// conclude writes the headlines, and takes back what is complete where data waits or is missing at
// a destination.
func (d *Document) conclude(runs []progress.Run, behind [][]string) {
	all := outcomeOf(d.Destinations)
	if len(runs) > 0 && !slices.ContainsFunc(runs, func(r progress.Run) bool { return !isCheck(&r) }) {
		all = outcome{} // nothing was sent
	}
	own, accepted := d.receivers(runs)
	d.Headline = all.headline(own, accepted, d.Complete)
	d.Complete = d.Complete && all.complete()
	for i := range d.Receivers {
		r := &d.Receivers[i]
		if isCheck(&runs[i]) {
			continue
		}
		part := outcomeOf(slices.DeleteFunc(slices.Clone(d.Destinations),
			func(x Result) bool { return !slices.Contains(behind[i], x.Exporter) }))
		r.Headline = part.headline(r.Headline, progress.Accepted(runs[i].Accounts), r.Complete)
		r.Complete = r.Complete && part.complete()
	}
}

// receivers is the headline of the receivers in their own words, and in words that don't say
// complete.
func (d *Document) receivers(runs []progress.Run) (own, accepted string) {
	switch len(runs) {
	case 0:
		own = "no mlflow receiver reported"
		return own, own
	case 1:
		return runs[0].Headline, progress.Accepted(runs[0].Accounts)
	}
	complete := true
	var accounts []progress.Account
	for i := range d.Receivers {
		r := &d.Receivers[i]
		if own == "" || (complete && !r.Complete) {
			own = r.Receiver + ": " + r.Headline
			complete = r.Complete
		}
		accounts = append(accounts, runs[i].Accounts...)
	}
	return own, progress.Accepted(accounts)
}

func receiver(run *progress.Run, now time.Time) Receiver {
	end := now
	r := Receiver{
		Receiver: run.Receiver.String(), Mode: run.Mode, Headline: run.Headline, Complete: run.Complete,
		read: run.Complete, Problems: run.Problems,
		Source:   Source(run.Source),
		Delivery: run.Delivery, DeliveryNotes: run.DeliveryNotes, Started: run.Started.UTC(),
		Skipped: run.Samples, Check: run.Check,
		Experiments: []Experiment{},
	}
	if !run.Ended.IsZero() {
		end = run.Ended
		at := run.Ended.UTC()
		r.Ended = &at
	}
	r.Seconds = end.Sub(run.Started).Seconds()
	var inFlight int64
	for i := range run.Accounts {
		a := &run.Accounts[i]
		inFlight += a.InFlight
		r.Experiments = append(r.Experiments, experiment(a))
	}
	r.Totals = numbers(progress.Sum(run.Accounts), inFlight)
	if r.Seconds > 0 {
		r.TracesPerSecond = float64(r.Totals.Accepted) / r.Seconds
	}
	return r
}

func experiment(a *progress.Account) Experiment {
	e := Experiment{
		ID: a.Experiment.ID, Name: a.Experiment.Name, Run: numbers(a.Run, a.InFlight), Pending: a.Pending,
		Complete: a.Done && a.Error == "", Error: a.Error,
	}
	if a.SourceCount >= 0 {
		n := a.SourceCount
		e.SourceCount = &n
	}
	if a.Earlier.Read > 0 {
		n := numbers(a.Earlier, 0)
		e.Earlier = &n
	}
	all := a.Earlier.Clone()
	all.Add(a.Run)
	e.First, e.Last = progress.Timestamp(all.First), progress.Timestamp(all.Last)
	return e
}

func numbers(t progress.Totals, inFlight int64) Numbers {
	skipped := t.Skipped
	if skipped == nil {
		skipped = map[mlflow.Reason]int64{}
	}
	return Numbers{
		Read: t.Read, Emitted: t.Accepted + t.Rejected, Accepted: t.Accepted, Spans: t.Spans, Skipped: skipped,
		Rejected: t.Rejected, InFlight: inFlight,
	}
}
