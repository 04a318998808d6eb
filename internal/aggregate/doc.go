// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package aggregate sums up what is in delivered traces: counts, durations, errors, tokens, cost and scores, in event
// time. Counts are exact. Quantiles come from sketches with a relative error of at most 1 %. Its memory is bounded:
// times are counted in buckets that merge as they become many, and names beyond a limit count as others.
//
// It is pure. The result does not depend on the order in which traces are added, except for which names are among the
// first where there are more than the limit.
package aggregate
