// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package shard says which of several readers of a backfill owns which traces. It is pure: every reader
// computes the same answer from the configuration alone, so that none has to ask another one.
//
// The window of a trace is the UTC day of its start. Of each count days that follow on each other every
// reader gets one. Which one changes from block to block and from experiment to experiment, so that quiet
// weekends do not fall to the same reader.
package shard

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Owner is the index of the reader that owns a day of an experiment, for a count of at least 1:
// (day mod count + FNV-1a of experiment id and day div count) mod count. The hash takes the quotient as 8
// bytes, big endian. What former readers delivered is told by it, so it never changes.
func Owner(count int, experimentID string, d mlflow.Day) int {
	n := int64(count)
	block, at := int64(d)/n, int64(d)%n
	if at < 0 { // before 1970
		block, at = block-1, at+n
	}
	h := fnv.New32a()
	_, _ = h.Write(binary.BigEndian.AppendUint64([]byte(experimentID), uint64(block)))
	return int((at + int64(h.Sum32())) % n)
}

// Owned returns whether a shard owns a day of an experiment, as a function of the day; nil if it owns
// all.
func Owned(s progress.Shard, experimentID string) func(mlflow.Day) bool {
	if s.Whole() {
		return nil
	}
	return func(d mlflow.Day) bool { return Owner(s.Count, experimentID, d) == s.Index }
}
