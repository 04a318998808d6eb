// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package views takes the location of the tables and the names of scores, and returns the SQL of
// the refined views over the OpenTelemetry tables of Unity Catalog. It also compares an existing
// view with that SQL. It is pure.
//
// # Five views
//
// <prefix>_genai_traces has one row per trace with a column for each known score,
// <prefix>_genai_scores one row per trace and score, whatever their names, and
// <prefix>_genai_spans one row per span. <prefix>_genai_content has the texts of requests and
// responses, and <prefix>_genai_eval the same as data sets for mlflow.genai.evaluate. Content is in
// views of its own so that it can be granted to fewer users.
//
// # Which span stands for a trace
//
// Its topmost GenAI span. Candidates are spans without a parent (NULL, empty, or sixteen zeros),
// and those with what only a topmost span gets: mlflow.revision from the mlflow receiver, token
// counts or the cost of a trace from the genai processor. An agent behind an instrumented web
// framework has the web server's span above it, so of these the receiver's comes first, then GenAI
// spans, then others; of equals one without a parent, then the one that began first. A trace of
// which only inner spans have arrived has no row.
//
// Repeats, the same trace and span id more than once, are removed first: the highest
// mlflow.revision wins, then the highest record_id, which the workspace makes in the order of
// arrival. Layout v1 has no record_id; there the version that ended last and holds most attributes
// wins. Rows are filtered and cut down to the columns of the view before they are ranked, and only
// ids and scalars are compared: a VARIANT can't be grouped or sorted.
//
// # Where scores are
//
// In attributes metric_<name> of that span; if asked for, also in log records
// gen_ai.evaluation.result and in the annotations that MLflow keeps. The newest of a name wins.
// Names of the last two are made like those of the first (genai.ScoreName), so that a score is one
// score wherever it lies. One that was withdrawn later than the span was written is gone. Scores of
// single inner spans are not scores of the trace.
//
// # Dialect
//
// Queries use what Databricks and Apache Spark 4.0 both execute: functions in place of the path
// operator, ranked subqueries in place of QUALIFY. A test runs them, letter by letter, on Spark.
// Statements marked Databricks are those that Spark has no counterpart for.
//
// # Changing views
//
// A view carries a marker, see Marker. An existing view is changed by ALTER VIEW, which keeps what
// was granted on it; CREATE OR REPLACE would not. Columns are added at the end, and never dropped
// or moved.
package views
