// Package report turns the state of receivers' runs into the report: a JSON document for programs and a summary for people.
package report

import (
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

// New makes the document of the newest states of all receivers.
func New(runs []progress.Run, destinations func(receiver string) []string, skipFile, version string, now time.Time) Document {
	d := Document{Written: now.UTC(), Version: version, Complete: len(runs) > 0, Receivers: []Receiver{}}
	for i := range runs {
		r := receiver(&runs[i], now)
		r.Destinations = destinations(r.Receiver)
		if len(r.Skipped) > 0 {
			r.SkippedFile = skipFile
		}
		d.Receivers = append(d.Receivers, r)
		d.Complete = d.Complete && r.Complete
	}
	switch len(runs) {
	case 0:
		d.Headline = "no mlflow receiver reported"
	case 1:
		d.Headline = d.Receivers[0].Headline
	default:
		for _, r := range d.Receivers {
			if d.Headline == "" || (!r.Complete && d.Complete == r.Complete) {
				d.Headline = r.Receiver + ": " + r.Headline
			}
		}
	}
	return d
}

func receiver(run *progress.Run, now time.Time) Receiver {
	end := now
	r := Receiver{
		Receiver: run.Receiver.String(), Mode: run.Mode, Headline: run.Headline, Complete: run.Complete, Problems: run.Problems,
		Source:   Source(run.Source),
		Delivery: run.Delivery, DeliveryNotes: run.DeliveryNotes, Started: run.Started.UTC(), Skipped: run.Samples, Check: run.Check,
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
		ID: a.Experiment.ID, Name: a.Experiment.Name, Run: numbers(a.Run, a.InFlight), Pending: a.Pending, Complete: a.Done && a.Error == "", Error: a.Error,
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
		Read: t.Read, Emitted: t.Accepted + t.Rejected, Accepted: t.Accepted, Spans: t.Spans, Skipped: skipped, Rejected: t.Rejected, InFlight: inFlight,
	}
}
