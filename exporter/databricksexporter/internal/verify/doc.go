// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package verify counts in the tables what has arrived. The ingest endpoint is known to answer 200
// and store nothing, so its answers prove nothing.
//
// While data flows a Verifier records the ids of the spans that were acknowledged, table by table.
// When a run has come to its end they are counted by SQL, again and again until everything is there
// or the time is over, since rows become visible within minutes only. What can't be counted is
// reported as not verified, with the reason.
//
// That a run has come to its end is known from the mlflow_report extension (progress.Ending):
// receivers publish their runs there and are shut down before exporters, so at the exporter's
// Shutdown each run says whether it ended by itself or was stopped. After a stop in the middle
// nothing is counted, so that a stop does not take minutes; the report says so. Where a finished
// receiver stays and the process is stopped much later, rows have had their time to become visible
// and are counted once.
package verify
