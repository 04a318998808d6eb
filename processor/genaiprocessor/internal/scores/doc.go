// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package scores takes assessments as JSON text and returns attributes with numbers. It chooses the
// assessments that count, converts their values to numbers, and makes the names of the attributes.
// It is pure.
//
// A log record gen_ai.evaluation.result is one assessment, whose value is a number or label already.
//
// Assessments come as JSON text: a list of objects in MLflow's form ({"assessment_name": …,
// "feedback": {"value": …}, "span_id": …, "valid": …, "last_update_time": …, "source":
// {"source_type": …}}) or in the simpler forms that users keep in tables ({"name" or "metric_name":
// …, "value" or "score": …}), or such a list as text within a JSON string. Members may be mixed.
//
// Feedback counts, expectations and issues don't. What is not valid any more, or overridden by
// another valid assessment, is left out. Of several with one name on one span the configuration
// chooses; one without a number never takes the place of one that has it.
package scores
