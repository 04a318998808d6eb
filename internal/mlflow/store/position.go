// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"

// lowest is the lower bound of timestamps for what lies behind a position, in a range that begins at from.
// Without it a page reads again what the pages before it have listed: of two lower bounds SQLite takes the
// first one for its index, which would be that of the range.
func lowest(from int64, after mlflow.Position) int64 {
	if after == (mlflow.Position{}) {
		return from
	}
	return max(from, after.Timestamp)
}
