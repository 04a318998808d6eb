// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package verify takes the ids of spans that were acknowledged and counts how many of them are in
// the tables. The ingest endpoint is known to answer 200 and to store nothing, so its answers prove
// nothing.
//
// While data flows, a Verifier records for each table the ids of the spans that were acknowledged.
// When a run has ended, it counts them by SQL and returns the counts for the report. Rows become
// visible only after some minutes, so it repeats the count until all spans are there or the time
// limit is over. Spans that cannot be counted are reported as not verified, with the reason.
//
// The mlflow_report extension tells whether a run has ended (progress.Ending). Receivers publish
// their runs there and are shut down before exporters, so at the exporter's Shutdown each run
// tells whether it ended by itself or was stopped. After a stop in the middle of a run nothing is
// counted, so that the stop does not take minutes, and the report tells this. If the run ended
// long before the process is stopped, the rows have had time to become visible, and one count is
// enough.
package verify
