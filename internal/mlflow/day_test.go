// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDayOf(t *testing.T) {
	for _, c := range []struct {
		timestamp int64
		day       Day
		text      string
	}{
		{0, 0, "1970-01-01"},
		{MillisPerDay - 1, 0, "1970-01-01"},
		{MillisPerDay, 1, "1970-01-02"},
		{-1, -1, "1969-12-31"},
		{-MillisPerDay, -1, "1969-12-31"},
		{-MillisPerDay - 1, -2, "1969-12-30"},
		{1772686799999, 20517, "2026-03-05"},
	} {
		d := DayOf(c.timestamp)
		assert.Equal(t, c.day, d, c.timestamp)
		assert.Equal(t, c.text, d.String(), c.timestamp)
		assert.LessOrEqual(t, d.Start(), c.timestamp)
		assert.Less(t, c.timestamp, (d + 1).Start())
	}
	for _, extreme := range []int64{math.MinInt64, math.MaxInt64} { // clients choose timestamps
		assert.NotPanics(t, func() { _ = DayOf(extreme).String() })
	}
}
