// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package reconcile compares what a source has with what was listed of it, day by day, and says
// which days are to be listed and what the comparison proves. It is pure: it takes and returns
// values.
//
// The set of delivered traces (internal/delivered) keeps, for each day, the counts of its last
// complete listing: the number of traces and the sum of their durations. Everything that was listed
// is delivered or known as open. If the source's own counts of a day are the same, nothing of the
// day is missing; the number alone does not show that one trace was deleted and another one
// appeared. Counts are compared with what was listed and not with what was delivered: these differ
// for good once a trace was deleted.
//
// # A run
//
//	the last delivered ids are looked up            Anchors.Check: delivered.Set.Reopen
//	the list of open traces can't be read           delivered.Set.Reopen
//	open traces are looked up; what ended since the last run is read, where the source can tell
//	at most three times:
//	    counts := what the source counts by day     or, where it can't, Disagreements by probing
//	    plan := NewPlan(Input{…})                   Pass 0, 1, 2
//	    nothing planned: stop
//	    each range of the plan is listed            delivered.Set.List, in several experiments at a time
//	Compare(Input{…})                               with new counts of the same range
//
// A trace may be met by more than one of these ways in a run. The engine sends it once: it asks the
// set again when the trace is due, and knows what is being sent.
package reconcile
