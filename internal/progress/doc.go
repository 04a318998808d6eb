// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package progress keeps the books of a run: what was listed, read, accepted, skipped and rejected,
// how far each experiment is covered, and the report that is made of it. It does no I/O except for
// the list of skipped traces.
package progress
