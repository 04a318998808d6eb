// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package progress records the state of a run: what was listed, read, accepted, skipped and
// rejected, and which part of each experiment is covered. It makes the verdict and the report of
// that state. It does no I/O except for the list of skipped traces.
package progress
