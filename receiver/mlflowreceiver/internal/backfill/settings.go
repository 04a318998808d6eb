// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Sender converts traces of one experiment from their source bytes, hands them to the pipeline, and
// returns its answer: nil, a *refusal.PartialSuccess, or the error of the pipeline. What was given away
// before may have been changed downstream, so every call converts anew. toldBefore reports whether
// something may have been told of a trace by its id before: its assessments then may be gone.
type Sender func(ctx context.Context, x mlflow.Experiment, traces []*mlflow.Trace, toldBefore func(string) bool) error

// Observer hears what happens, for metrics.
type Observer interface {
	Read(n int)
	// Revisited takes traces that earlier runs had left open, and that are looked at again.
	Revisited(n int)
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
	// Shard is the part of the days that the run reads, of a backfill that several readers share. It does
	// not restrict a List. Found is not for a shard.
	Shard progress.Shard
	// List, when not nil, restricts the run to exactly these traces.
	List []ListedTrace
	// Found, when not nil, restricts the run to these traces, and to those of their experiments that
	// earlier runs left open.
	Found []Found
	// Part says that the run covers a part of what later runs cover: it compares no number of spans, and
	// keeps the one that the last run over all has left up to date. Runs over Found traces are such runs.
	Part bool
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
	// Follows says that the run is one of many over a source that is followed: an experiment that was
	// replaced or has a damaged position is named and left out, and holds up no other.
	Follows bool
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
	Held  func() string
	Store Store
	// Aggregates are the sums over delivered traces; nil where they are not kept. A run over a list adds nothing: it
	// may send again what was delivered.
	Aggregates *Aggregates
	Counters   *progress.Counters
	Skip       func([]progress.SkippedTrace) error
	Receiver   string
	Observer   Observer
	Now        func() time.Time
	Log        *zap.Logger
	// Status takes the newest trouble of the pipeline or the storage, nil once it is over.
	Status func(error)
}
