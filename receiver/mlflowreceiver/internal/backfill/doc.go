// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package backfill reads the history of experiments from a source, hands it to the pipeline, and
// moves a position only after the pipeline accepted.
//
// The traces of an experiment are a lane. A lane is planned in windows of infos, in ascending order
// of (timestamp, id); each window is a unit, taken by a worker that reads its traces, sends them in
// batches and settles each of them: accepted, skipped by the source with a reason, or rejected by
// the pipeline. Units finish in any order; the lane's position follows in order.
//
//	Infos ─► unit ─► Traces ─► batch ─► Send ─► settled ─► (in order) skip list ─► position
package backfill
