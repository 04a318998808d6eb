// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package tail says when a source that is followed is asked for what is new, how far back, and asks
// it.
//
// Most looks ask for what came since the one before. Some traces come late: clients write them after
// their end, dated by their start, and clocks differ. Less frequent looks therefore go further back: the
// overlap, the last hour where late changes are wanted, the last day, and everything, which compares the
// numbers of each day with those of the source.
package tail
