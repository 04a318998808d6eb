// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Position is a place in the order (timestamp, id) in which the traces of an experiment are read.
// The zero Position lies before every trace.
type Position struct {
	Timestamp int64  `json:"t"`
	ID        string `json:"id,omitempty"`
}

// Less reports whether p comes before q.
func (p Position) Less(q Position) bool {
	if p.Timestamp != q.Timestamp {
		return p.Timestamp < q.Timestamp
	}
	return p.ID < q.ID
}

// Range selects traces of one experiment: timestamps From <= t < To in Unix milliseconds (To 0: no
// upper bound) that match Filter, an MLflow search filter, empty for all.
type Range struct {
	ExperimentID string
	From, To     int64
	Filter       string
}

// Recency selects what is new in experiments: traces with timestamps of From or later that began or
// ended at Since or later, Unix milliseconds, and match Filter as in Range.
type Recency struct {
	Experiments []string
	Filter      string
	From, Since int64
}

// Source is one place that MLflow traces are read from. It retries what can pass by itself; an
// error that it returns ends the run, except where noted. Its methods may be called at the same
// time.
type Source interface {
	// Describe returns what is read, by which principal, and with which server version or schema
	// revision: no secret is in it. It may ask the source.
	Describe(context.Context) (Description, error)
	// Experiments lists every experiment that can be seen, deleted ones marked.
	Experiments(context.Context) ([]Experiment, error)
	// Count returns the number of traces in the range, or -1 where the source can't say cheaply.
	Count(context.Context, Range) (int64, error)
	// Infos returns at most limit traces of the range that lie after the position, in ascending
	// order of (Timestamp, ID). An empty answer means that there are no more. A source may leave
	// out what is costly for it and only Traces needs (tags, metadata with Spans and Final,
	// assessments): see Detailed. Nothing else of an info depends on the method that returned it.
	Infos(ctx context.Context, r Range, after Position, limit int) ([]Info, error)
	// Detailed fills in what Infos may have left out (tags, metadata with Spans and Final,
	// assessments).
	Detailed(context.Context, []Info) error
	// Daily counts the traces of the experiments, all together, by UTC day: timestamps From <= t < to
	// in Unix milliseconds (to 0: no upper bound). Days without traces are missing. It costs two
	// requests whatever the range. An error is ErrUnsupported where the source can't tell.
	Daily(ctx context.Context, experiments []string, from, to int64) (map[Day]DayCounts, error)
	// SpanCount returns the number of spans of these traces that lie in the source's database: it
	// alone shows that spans were added inside of finished traces. It costs one request. An error is
	// ErrUnsupported where the source can't tell.
	SpanCount(ctx context.Context, experiments []string, from, to int64) (int64, error)
	// Exactly reports whether the range has exactly n traces. It costs two requests whatever n is. An
	// error is ErrUnsupported where the source can't tell.
	Exactly(ctx context.Context, r Range, n int64) (bool, error)
	// Ended is Infos for those traces that ended at a time or later, in Unix milliseconds: timestamp
	// plus duration. An error is ErrUnsupported where the source can't tell.
	Ended(ctx context.Context, r Range, since int64, after Position, limit int) ([]Info, error)
	// Recent is Infos for what is new in several experiments at once. Where the source searches by the
	// end of a trace, these are the traces that ended at Since or later, else those that began then. An
	// error is ErrUnsupported where the source can't be asked for several experiments.
	Recent(ctx context.Context, r Recency, after Position, limit int) ([]Info, error)
	// Lookup returns the infos of the given trace ids, complete, in any order; ids that the source
	// doesn't know are missing from the answer. The experiment is the one that the traces are in, or
	// empty: then servers before 3.11 are asked for one trace after the other.
	Lookup(ctx context.Context, experiment string, ids []string) ([]Info, error)
	// Traces reads the given traces and hands each to yield exactly once, in any order: the index
	// of its info and either the trace or a *Skip. No lock, transaction, connection or request slot
	// of the source is held while yield runs. An error of yield ends the call and is returned.
	Traces(ctx context.Context, infos []Info, yield func(i int, t *Trace, skip *Skip) error) error
	// Close releases everything. It is called once, after all other calls returned.
	Close() error
}

// ErrUnsupported is the error where a source has no way to answer a question. The text around it
// says why.
var ErrUnsupported = errors.New("the source can't tell")

// DayCounts is what a source counts of one day.
type DayCounts struct {
	Counts
	// ByMean says that the source tells the mean of the durations and not their sum. Duration is then
	// the sum that they have if no trace lacks a duration.
	ByMean bool
	Mean   float64 // milliseconds
}

// Agrees reports whether the traces that were listed of a day are as many as the source counts, and
// their durations too. A mean leaves out those that are listed without a duration.
//
// A mean is exact as far as its database is: SQLite and PostgreSQL give at least 15 digits, MySQL
// gives 4 decimals.
func (c DayCounts) Agrees(listed Counts) bool {
	if c.Traces != listed.Traces {
		return false
	}
	timed := float64(listed.Traces - listed.Untimed)
	if !c.ByMean || timed <= 0 {
		return c.Duration == listed.Duration
	}
	sum := float64(listed.Duration)
	return math.Abs(c.Mean*timed-sum) < 0.5 || math.Abs(c.Mean-math.Round(sum/timed*1e4)/1e4) < 1e-9
}

// Description says what a source is, for people.
type Description struct {
	Kind      string // "MLflow server", "MLflow store (SQLite)"
	Location  string // host and path, or file: no userinfo, no query
	Version   string // of the server or the schema revision; empty when unknown
	Principal string // the principal that reads; empty when unknown
	// Authentication is how requests are signed: "extension basicauth", "none". Never a secret.
	Authentication string
}

// Reason says in one word why a trace was not delivered.
type Reason string

// The reasons for which a source gives up on one trace.
const (
	ReasonNoSpans         Reason = "no_spans"          // the trace has an info and no spans anywhere
	ReasonArtifactMissing Reason = "artifact_missing"  // the artifact that should hold the spans is not there
	ReasonUnreachable     Reason = "spans_unreachable" // the spans lie in a place that can't be read from here (s3://…)
	ReasonArtifactDenied  Reason = "artifact_denied"   // the object store refuses to show the artifact
	ReasonWrongRegion     Reason = "wrong_region"      // the bucket lies in another region than configured
	ReasonTokenExpired    Reason = "token_expired"     // the credentials of the object store have expired
	ReasonCorrupt         Reason = "corrupt"           // the spans can't be decoded
	ReasonTooLarge        Reason = "too_large"         // larger than max_trace_size_mib
	ReasonForbidden       Reason = "forbidden"         // the source refuses to show this trace
	ReasonVanished        Reason = "vanished"          // deleted between listing and reading
	// not finished and younger than the age at which it is delivered as it is
	ReasonInProgress  Reason = "in_progress"
	ReasonSourceError Reason = "source_error" // the source keeps failing for this trace alone
	// fewer spans come than the metadata of the trace tells; those that came are delivered
	ReasonSpansMissing Reason = "spans_missing"
)

// Skip is why one trace can't be read. Detail is a short text for people: never content of the
// trace, never a credential.
type Skip struct {
	Reason Reason
	Detail string
}

// Error implements error.
func (s *Skip) Error() string {
	if s.Detail == "" {
		return string(s.Reason)
	}
	return string(s.Reason) + ": " + s.Detail
}

// Skipf returns a Skip with a formatted detail.
func Skipf(r Reason, format string, args ...any) *Skip {
	return &Skip{Reason: r, Detail: fmt.Sprintf(format, args...)}
}
