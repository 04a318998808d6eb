// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Segment is a stretch of an experiment that has been read completely: every trace with a timestamp
// of From or later, up to and including Upto. An Upto with an empty id means everything before that
// millisecond.
type Segment struct {
	From int64           `json:"from"`
	Upto mlflow.Position `json:"upto"`
}

// Coverage is the set of stretches of one experiment that were read, in ascending order, not
// overlapping.
type Coverage []Segment

// Holds reports whether a trace at a position was read.
func (c Coverage) Holds(p mlflow.Position) bool {
	for _, s := range c {
		if p.Timestamp >= s.From && (p.Timestamp < s.Upto.Timestamp || s.Upto.ID != "" && !s.Upto.Less(p)) {
			return true
		}
	}
	return false
}
