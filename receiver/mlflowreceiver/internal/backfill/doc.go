// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package backfill reads the history of experiments from a source, hands it to the pipeline, and
// moves a position only after the pipeline accepted.
//
// Each experiment has a reader. It plans windows of infos in ascending order of (timestamp, id). A
// worker takes a window, reads its traces, sends them in batches and settles each of them:
// accepted, skipped by the source with a reason, pending, or rejected by the destination. Windows
// finish in any order; the position of the experiment follows in order.
//
//	Infos ─► window ─► Traces ─► batch ─► Send ─► settled ─► (in order) skip list ─► open traces, position
//
// What the destination refuses is handled in three places, which know nothing of each other's work:
//
//   - the circuit breaker of an experiment (refusal.Breaker) decides whether it may send everything, or
//     one trace per back-off interval;
//   - the quarantine of an experiment (refusal.Quarantine) holds traces that were refused alone and
//     sends them again, later;
//   - the give-up clock of a run (giveup.go) ends a run in which nothing but refusals was seen for
//     too long.
//
// All three are pure: they are told the time.
package backfill
