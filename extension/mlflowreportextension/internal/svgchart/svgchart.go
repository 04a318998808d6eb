// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package svgchart computes the geometry of charts: scales, ticks, and the paths of bars and lines. It holds no
// words, no colors and no data. Marks are placed in percent of the width, or in a box that is stretched to it, so that
// text beside them keeps its size at every width.
package svgchart

import (
	"math"
	"strconv"
	"strings"
)

// Num writes a coordinate with at most two decimals.
func Num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

// Ticks are round values from 0 up to the first one that is not below top, in about n steps of 1, 2, 2.5 or 5 times
// a power of ten. whole keeps the steps whole. A top that is not positive gives 0 and 1.
func Ticks(top float64, n int, whole bool) []float64 {
	if !(top > 0) || math.IsInf(top, 0) {
		return []float64{0, 1}
	}
	raw := top / float64(n)
	mag := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * mag
	for _, m := range []float64{5, 2.5, 2, 1} {
		if m*mag >= raw*.999 {
			step = m * mag
		}
	}
	if whole {
		step = math.Ceil(step)
	}
	out := []float64{0}
	for i := 1; out[len(out)-1] < top*(1-1e-9); i++ {
		out = append(out, float64(i)*step)
	}
	return out
}

// LogTicks are the values 1, 2 and 5 times a power of ten from lo to hi, or the powers of ten alone. lo must be
// positive.
func LogTicks(lo, hi float64, decades bool) (out []float64) {
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := m * math.Pow(10, e); v >= lo*.999 && v <= hi*1.001 && (m == 1 || !decades) {
				out = append(out, v)
			}
		}
	}
	return out
}

// Scale maps the values from Lo to Hi to places from 0 to Size; Up counts the places from the end, as a vertical axis
// does.
type Scale struct {
	Lo, Hi, Size float64
	Log, Up      bool
}

// At is the place of v. What lies outside of the scale is put at its end.
func (s Scale) At(v float64) float64 {
	f := 0.5
	switch {
	case s.Hi == s.Lo:
	case s.Log:
		f = math.Log(max(v, s.Lo)/s.Lo) / math.Log(s.Hi/s.Lo)
	default:
		f = (v - s.Lo) / (s.Hi - s.Lo)
	}
	f = min(max(f, 0), 1)
	if s.Up {
		f = 1 - f
	}
	return f * s.Size
}

// Bars is the path of one series of a stack, in a box of len(v) by s.Size. base is what lies below each bar; the bars
// are added to it.
func Bars(v, base []float64, s Scale) string {
	gap := .36
	switch {
	case len(v) > 40:
		gap = .14
	case len(v) > 14:
		gap = .2
	}
	var b strings.Builder
	for i, x := range v {
		if !(x > 0) {
			continue
		}
		y := s.At(base[i] + x)
		h := s.At(base[i]) - y
		width := Num(1 - gap)
		b.WriteString("M" + Num(float64(i)+gap/2) + " " + Num(y) + "h" + width + "v" + Num(h) + "h-" + width + "z")
		base[i] += x
	}
	return b.String()
}

// Line is the path through the middles of the buckets of v. A NaN leaves a gap, which gaps closes.
func Line(v []float64, s Scale) (path, gaps string) {
	var line, dotted strings.Builder
	pen, last := false, -1
	for i, x := range v {
		if math.IsNaN(x) {
			pen = false
			continue
		}
		at := Num(float64(i)+.5) + " " + Num(s.At(x))
		switch {
		case pen:
			line.WriteString("L" + at)
		default:
			if last >= 0 {
				dotted.WriteString("M" + Num(float64(last)+.5) + " " + Num(s.At(v[last])) + "L" + at)
			}
			line.WriteString("M" + at + "h0")
		}
		pen, last = true, i
	}
	return line.String(), dotted.String()
}

// Steps is the outline of bars without gaps between them, from the base line of the scale.
func Steps(v []float64, s Scale) string {
	var b strings.Builder
	b.WriteString("M0 " + Num(s.Size))
	for _, x := range v {
		b.WriteString("V" + Num(s.At(x)) + "h1")
	}
	b.WriteString("V" + Num(s.Size) + "z")
	return b.String()
}

// Spread moves labels apart that lie in order from top to bottom, at least gap from each other and not below end.
func Spread(y []float64, gap, end float64) []float64 {
	out := make([]float64, len(y))
	copy(out, y)
	for i := 1; i < len(out); i++ {
		out[i] = max(out[i], out[i-1]+gap)
	}
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = min(out[i], end)
		end = out[i] - gap
	}
	return out
}
