// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Sink takes what a receiver has to report. The mlflow_report extension is one; receivers find it
// among the extensions of the host.
type Sink interface {
	// Delivery returns what the configuration says about the pipelines behind a receiver, and what
	// the answers of destinations have shown since.
	Delivery(receiver component.ID) DeliveryCheck
	// Held returns why an exporter behind a receiver holds data, or sends it again and again, until a
	// person does something; empty while none does.
	Held(receiver component.ID) string
	// Earlier returns what the report of an earlier process says about runs of a receiver over the
	// same source, if there is one.
	Earlier(receiver component.ID, source mlflow.Description) (EarlierRun, bool)
	// EndLines ends lines that a write which failed, on a full disk, has left without their end, in the
	// files behind a receiver. Nothing may be sent before it has returned nil: a line that is appended to a
	// torn one can't be read.
	EndLines(receiver component.ID) error
	// Skip appends traces to the list of skipped ones and returns once they are on disk.
	Skip([]SkippedTrace) error
	// Examples reports whether the report shows texts of traces.
	Examples() bool
	// Publish takes the newest state of a receiver's run; the last one counts.
	Publish(Run)
}

// Publisher takes the reports of mlflow_report, for those who can't read its file. It is an extension that the
// configuration of mlflow_report names.
type Publisher interface {
	// PublishReport takes a report, JSON, with the id that all reports of a process have; the last one counts. It does
	// not wait, and keeps the bytes.
	PublishReport(id string, report []byte)
}

// PublishWithin bounds how long it is tried to publish a report: after that it is given up, and the next one is
// published.
const PublishWithin = 15 * time.Second

// EarlierRun is what a report tells of a run before this process.
type EarlierRun struct {
	Report string // path of the report
	Ended  time.Time
	// Accepted is the number of traces that all runs up to that one delivered.
	Accepted int64
}

// SkippedTrace is a line of the list of skipped traces, which trace_ids_file takes back.
type SkippedTrace struct {
	TraceID      string        `json:"trace_id"`
	ExperimentID string        `json:"experiment_id"`
	Reason       mlflow.Reason `json:"reason"`
	Detail       string        `json:"detail,omitempty"`
	Receiver     string        `json:"receiver"`
	Time         time.Time     `json:"time"`
}

// Run is the report of one receiver.
type Run struct {
	Receiver component.ID
	Mode     string
	Shard    Shard // what the run reads of a backfill
	List     bool  // the run reads the traces of a list (trace_ids_file) and nothing else
	Source   mlflow.Description
	// Delivery is the word for what was delivered. DeliveryReason says why it is weaker than
	// acknowledged, and what to do.
	Delivery       Delivery
	DeliveryReason string
	DeliveryNotes  []string
	Started        time.Time
	Ended          time.Time // zero while it runs
	// Stopped is true when the run did not end by itself: the process was stopped in the middle of
	// it.
	Stopped     bool
	Experiments []Experiment
	Samples     map[mlflow.Reason][]string
	// Details holds the first detail of each reason.
	Details map[mlflow.Reason]string
	// ExitStatus is what the run makes of the exit status of the process; nil while it goes on, and where the process
	// stays when it has ended.
	ExitStatus *int
	// Waits says what a run that goes on waits for; empty when it does not.
	Waits string
	// Data is what is in the traces that all runs delivered, as far as it was counted; nil where nothing was.
	Data *aggregate.Data
	// Complete is true when everything was read and each trace is accepted, or skipped within the
	// bound.
	Complete bool
	// Headline is one sentence for people; Problems say why the run is not complete, Next what to
	// do about it.
	Headline string
	Problems []string
	Next     []string
	// SentAgain is the number of traces that were sent again because a call that held them was
	// refused.
	SentAgain int64
	// Remarks are those of the Verdict.
	Remarks []string
	// Check holds the findings of mode check; nil otherwise.
	Check *Findings
}

// Findings is what mode check found.
type Findings struct {
	Requests int64 `json:"requests"`
	// Grants are the permissions that reading a database server takes.
	Grants      []mlflow.Grant      `json:"grants,omitempty"`
	Experiments []ExperimentFinding `json:"experiments"`
	// SourceSeconds is how long reading everything is expected to take at the source; 0 when
	// nothing could be measured.
	SourceSeconds float64 `json:"estimated_seconds_at_source,omitempty"`
	// QuotaSeconds is how long it takes at the destination's quota of QuotaPerSecond traces a
	// second.
	QuotaSeconds   float64 `json:"estimated_seconds_at_quota,omitempty"`
	QuotaPerSecond float64 `json:"quota_traces_per_second,omitempty"`
}

// ExperimentFinding is what mode check found in one experiment.
type ExperimentFinding struct {
	ID            string           `json:"id"`
	Name          string           `json:"name"`
	Deleted       bool             `json:"deleted,omitempty"`
	Traces        int64            `json:"traces"`
	InProgress    int64            `json:"in_progress,omitempty"`
	First         string           `json:"first,omitempty"`
	Last          string           `json:"last,omitempty"`
	Eras          map[string]int64 `json:"storage"`
	Reachable     map[string]bool  `json:"reachable,omitempty"`
	Problems      []string         `json:"problems,omitempty"`
	Scores        []string         `json:"scores,omitempty"`
	BytesPerTrace int64            `json:"bytes_per_trace,omitempty"`
}

// Timestamp writes Unix milliseconds as RFC 3339; nothing for 0.
func Timestamp(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
