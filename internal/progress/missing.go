// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import "github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"

// The reasons for which days are listed as missing. Nothing tells which of their traces are missing.
const (
	// NotListed: the listing of the days did not come to its end.
	NotListed mlflow.Reason = "not_listed"
	// CountDiffers: the source has another number of traces than were listed.
	CountDiffers mlflow.Reason = "count_differs"
	// DurationsDiffer: the source has as many traces, and their durations add up to another sum: some were
	// replaced by others, or have grown.
	DurationsDiffer mlflow.Reason = "durations_differ"
	// InWork: the trace was being read or sent when the run ended.
	InWork mlflow.Reason = "in_work"
	// NotArrived: a destination has fewer rows than were sent there. Nothing tells which.
	NotArrived mlflow.Reason = "not_arrived"
)

// Missing is a line of the list of what the source has and was not delivered: a trace, days of which
// nobody knows the traces, or rows of a destination.
type Missing struct {
	Receiver     string        `json:"receiver,omitempty"`
	ExperimentID string        `json:"experiment_id,omitempty"`
	TraceID      string        `json:"trace_id,omitempty"`
	Reason       mlflow.Reason `json:"reason"`
	// Day is the UTC day of the start of the trace, or the first one of the days; LastDay is the last of several.
	Day     string `json:"day,omitempty"`
	LastDay string `json:"last_day,omitempty"`
	// Since is when the reason was met first, RFC 3339.
	Since string `json:"since,omitempty"`
	// Expected is how many traces the source has of the days, or how many rows a destination should have; nil where
	// that is not known. Listed is how many traces were listed, Arrived how many rows are there.
	Expected *int64 `json:"expected,omitempty"`
	Listed   *int64 `json:"listed,omitempty"`
	Arrived  *int64 `json:"arrived,omitempty"`
	// Of a destination: the exporter that writes to it, its name and signal.
	Exporter    string `json:"exporter,omitempty"`
	Destination string `json:"destination,omitempty"`
	Signal      string `json:"signal,omitempty"`
}
