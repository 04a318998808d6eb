// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package refusal holds the rules for what a destination refuses. The mlflow receiver and the
// mlflow_quarantine connector share them.
//
//   - Permanent, Missing and Message read the error of a pipeline.
//   - Division divides a refused batch until single traces are refused.
//   - Breaker decides whether everything may be sent, or one trace per back-off interval.
//   - Quarantine holds traces that were refused alone and says when they are sent again; Proven says
//     when a trace is refused for good.
//
// All of it is pure: it is told the time, and sends nothing.
package refusal
