// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package svgchart

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		top   float64
		n     int
		whole bool
		want  []float64
	}{
		{10, 4, false, []float64{0, 2.5, 5, 7.5, 10}},
		{10, 4, true, []float64{0, 3, 6, 9, 12}},
		{293, 4, true, []float64{0, 100, 200, 300}},
		{1, 4, true, []float64{0, 1}},
		{0.0042, 3, false, []float64{0, 0.002, 0.004, 0.006}},
		{0, 4, false, []float64{0, 1}},
		{math.NaN(), 4, false, []float64{0, 1}},
		{math.Inf(1), 4, false, []float64{0, 1}},
	} {
		got := Ticks(tc.top, tc.n, tc.whole)
		assert.InDeltaSlice(t, tc.want, got, 1e-9, "%v", tc.top)
	}
}

func TestLogTicks(t *testing.T) {
	assert.InDeltaSlice(t, []float64{50, 100, 200, 500, 1000}, LogTicks(50, 1000, false), 1e-6)
	assert.InDeltaSlice(t, []float64{100, 1000}, LogTicks(50, 1000, true), 1e-6)
	assert.InDeltaSlice(t, []float64{0.01, 0.02}, LogTicks(0.01, 0.02, false), 1e-9)
}

func TestScale(t *testing.T) {
	up := Scale{Hi: 10, Size: 100, Up: true}
	for v, want := range map[float64]float64{0: 100, 5: 50, 10: 0, 20: 0, -1: 100} {
		assert.InDelta(t, want, up.At(v), 1e-9)
	}
	log := Scale{Lo: 1, Hi: 100, Size: 100, Log: true}
	for v, want := range map[float64]float64{1: 0, 10: 50, 100: 100, 0: 0} {
		assert.InDelta(t, want, log.At(v), 1e-9)
	}
	assert.InDelta(t, 50, Scale{Lo: 3, Hi: 3, Size: 100}.At(3), 1e-9)
}

func TestPaths(t *testing.T) {
	s := Scale{Hi: 4, Size: 100, Up: true}
	base := []float64{0, 0, 0}
	assert.Equal(t, "M0.18 75h0.64v25h-0.64zM2.18 50h0.64v50h-0.64z", Bars([]float64{1, 0, 2}, base, s))
	assert.Equal(t, "M0.18 50h0.64v25h-0.64z", Bars([]float64{1, math.NaN(), 0}, base, s))
	assert.Equal(t, []float64{2, 0, 2}, base)

	nan := math.NaN()
	path, gaps := Line([]float64{nan, 1, 2, nan, 4}, s)
	assert.Equal(t, "M1.5 75h0L2.5 50M4.5 0h0", path)
	assert.Equal(t, "M2.5 50L4.5 0", gaps)

	assert.Equal(t, "M0 100V75h1V100h1V0h1V100z", Steps([]float64{1, 0, 4}, s))
	assert.Equal(t, []float64{10, 25, 40}, Spread([]float64{10, 11, 12}, 15, 100))
	assert.Equal(t, []float64{70, 85, 100}, Spread([]float64{90, 95, 100}, 15, 100))
}

func TestNum(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.5: "1.5", 100: "100", 0.126: "0.13", -0.001: "0", 12.3: "12.3"} {
		assert.Equal(t, want, Num(v))
	}
}
