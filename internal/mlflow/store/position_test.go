// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func TestLowest(t *testing.T) {
	assert.EqualValues(t, -5, lowest(-5, mlflow.Position{}), "no position")
	assert.EqualValues(t, 7, lowest(-5, mlflow.Position{Timestamp: 7, ID: "tr-1"}))
	assert.EqualValues(t, 9, lowest(9, mlflow.Position{Timestamp: 7, ID: "tr-1"}), "the range begins behind it")
	assert.EqualValues(t, 0, lowest(-5, mlflow.Position{ID: "tr-1"}), "a position at the time 0")
}
