// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/svgchart"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
)

// lines are the quantiles of durations over time, with the number of traces from which a bucket has them.
var lines = []struct {
	name, class string
	need        int64
	of          func(*aggregate.Quantiles) float64
}{
	{"P99", "l99", 100, func(q *aggregate.Quantiles) float64 { return q.P99 }},
	{"P95", "l95", 20, func(q *aggregate.Quantiles) float64 { return q.P95 }},
	{"P50", "l50", 1, func(q *aggregate.Quantiles) float64 { return q.P50 }},
}

// Latency shows the quantiles of durations over time; nil without durations. A line that fewer than 60 % of the buckets
// have is left out.
func (d *data) Latency() *chart {
	c := &chart{ID: d.Prefix + "c-latency", Title: "Duration of traces per " + d.Bucket + ": P50, P95, P99",
		Height: 210, Left: 56, Right: 40, Width: d.axis.n, Desc: d.LatencyFinding()}
	lo, hi := math.Inf(1), 0.0
	var drawn [][]float64
	for _, l := range lines {
		known := 0
		v := d.axis.values(d.Time, func(b *aggregate.Bucket) (float64, bool) {
			ok := b.Duration.Count >= l.need && l.of(&b.Duration) > 0
			if ok {
				known++
			}
			return l.of(&b.Duration), ok
		})
		if l.name != "P50" && float64(known) < .6*float64(len(d.Time)) {
			v = nil
		}
		for _, x := range v {
			if !math.IsNaN(x) {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
		drawn = append(drawn, v)
	}
	if hi == 0 {
		return nil
	}
	ticks := svgchart.LogTicks(lo*.3, hi*3, false)
	for len(ticks) > 2 && ticks[1] <= lo {
		ticks = ticks[1:]
	}
	for len(ticks) > 2 && ticks[len(ticks)-2] >= hi {
		ticks = ticks[:len(ticks)-1]
	}
	s := svgchart.Scale{Lo: ticks[0], Hi: ticks[len(ticks)-1], Size: float64(c.Height), Log: true, Up: true}
	if len(ticks) > 8 { // powers of ten are enough
		ticks = svgchart.LogTicks(s.Lo, s.Hi, true)
	}
	c.grid(ticks, s, duration)
	var ends []float64
	var labels []string
	for i, v := range drawn {
		if v == nil {
			continue
		}
		c.line(lines[i].class, v, s)
		for _, v0 := range slices.Backward(v) {
			if !math.IsNaN(v0) {
				ends, labels = append(ends, s.At(v0)), append(labels, lines[i].name)
				break
			}
		}
		if len(d.Time) <= 3 {
			for j, x := range v {
				if !math.IsNaN(x) {
					c.dot(d.axis, j, x, s)
				}
			}
		}
	}
	for i, at := range svgchart.Spread(ends, 15, float64(c.Height)) {
		c.Ends = append(c.Ends, tick{At: svgchart.Num(at + 4), Label: labels[i]})
	}
	c.dates(d.axis)
	c.hits(d, func(b *aggregate.Bucket) string {
		var parts []string
		for _, line := range slices.Backward(lines) {
			if b.Duration.Count >= line.need {
				parts = append(parts, line.name+" "+duration(line.of(&b.Duration)))
			}
		}
		return strings.Join(parts, ", ")
	})
	return c
}

// LatencyFinding says what the chart of durations shows. A trend is named where the medians of the first and the last
// 14 buckets differ by a tenth.
func (d *data) LatencyFinding() string {
	q := &d.Duration
	text := fmt.Sprintf("Over the whole time P50 %s, P95 %s, P99 %s, longest %s.", duration(q.P50), duration(q.P95),
		duration(q.P99), duration(q.Max))
	const part = 14
	var seen []float64
	for i := range d.Time {
		if d.Time[i].Duration.Count > 0 {
			seen = append(seen, d.Time[i].Duration.P50)
		}
	}
	if len(seen) < 2*part {
		return text
	}
	a, b := median(seen[:part]), median(seen[len(seen)-part:])
	if a > 0 && math.Abs(b/a-1) > .1 {
		word := "slower"
		if b < a {
			word = "faster"
		}
		text += fmt.Sprintf(" The typical trace became %s: %s in the first %d %s with traces, %s in the last.", word,
			duration(a), part, d.buckets(), duration(b))
	}
	return text
}

// typeRow is the range of the durations of one type of spans, in percent of the width.
type typeRow struct {
	Name, Spans        string
	From, Width        string
	P50, P95, P99      string
	Text50, T95, Text9 string
}

// typeTable shows the durations of spans by type.
type typeTable struct {
	Axis []tick
	Rows []typeRow
	More int
}

// ByType shows the durations of spans by type, the longest first.
func (d *data) ByType() *typeTable {
	t := &typeTable{}
	lo, hi := math.Inf(1), 0.0
	var list []aggregate.Type
	for _, x := range d.Types {
		if x.Duration.P50 <= 0 {
			continue
		}
		if len(list) == 12 {
			t.More++
			continue
		}
		list = append(list, x)
		lo, hi = min(lo, max(x.Duration.P5, x.Duration.P50/1000)), max(hi, x.Duration.P99)
	}
	if len(list) == 0 {
		return nil
	}
	s := svgchart.Scale{Lo: lo * .87, Hi: hi * 1.15, Size: 100, Log: true}
	ticks := svgchart.LogTicks(s.Lo, s.Hi, true)
	if len(ticks) < 2 {
		ticks = svgchart.LogTicks(s.Lo, s.Hi, false)
	}
	last := -100.0
	for i, v := range ticks {
		at := s.At(v)
		mark := tick{At: svgchart.Num(at), Anchor: "middle"}
		switch {
		case at < 6:
			mark.Anchor = "start"
		case at > 92:
			mark.Anchor = "end"
		}
		if at-last >= 14 {
			mark.Label, last = duration(v), at
			if i%2 == 1 && len(ticks) > 2 {
				mark.Class = "w"
			}
		}
		t.Axis = append(t.Axis, mark)
	}
	for _, x := range list {
		q := &x.Duration
		from := s.At(q.P5)
		t.Rows = append(t.Rows, typeRow{Name: x.Type, Spans: num(x.Spans), From: svgchart.Num(from),
			Width: svgchart.Num(max(.5, s.At(q.P95)-from)), P50: svgchart.Num(s.At(q.P50)),
			P95: svgchart.Num(s.At(q.P95)), P99: svgchart.Num(s.At(q.P99)),
			Text50: duration(q.P50), T95: duration(q.P95), Text9: duration(q.P99)})
	}
	return t
}

func median(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
