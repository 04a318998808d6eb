// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/svgchart"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
)

// axis is the axis of time of all charts: buckets of one width, from the first to the last that has a trace.
type axis struct {
	start time.Time
	width int64 // seconds
	n     int
}

func newAxis(d *aggregate.Data) axis {
	a := axis{width: d.BucketSeconds, n: 1}
	if len(d.Time) > 0 {
		a.start = d.Time[0].Start
		a.n = a.at(d.Time[len(d.Time)-1].Start) + 1
	}
	return a
}

// at is the place of a bucket.
func (a axis) at(t time.Time) int {
	return int((t.Unix() - a.start.Unix()) / a.width)
}

// values are those of the buckets; NaN where there is none.
func (a axis) values(list []aggregate.Bucket, f func(*aggregate.Bucket) (float64, bool)) []float64 {
	out := make([]float64, a.n)
	for i := range out {
		out[i] = math.NaN()
	}
	for i := range list {
		if v, ok := f(&list[i]); ok {
			out[a.at(list[i].Start)] = v
		}
	}
	return out
}

// spark is a small line without an axis.
func (a axis) spark(list []aggregate.Bucket, f func(*aggregate.Bucket) (float64, bool)) string {
	v := a.values(list, f)
	top, known := 0.0, 0
	for _, x := range v {
		if !math.IsNaN(x) {
			top, known = max(top, x), known+1
		}
	}
	if known < 2 {
		return ""
	}
	path, _ := svgchart.Line(v, svgchart.Scale{Hi: max(top, 1e-12), Size: 30, Up: true})
	return path
}

// chart is a drawing with an axis of values to the left.
type chart struct {
	ID, Title, Desc string
	Height          int
	Left, Right     int  // pixels beside the drawing
	Narrow          bool // the chart is one of several in a row
	Width           int  // of the box that is stretched
	Y               []tick
	X               []tick
	Paths           []path
	Gaps            []path
	Ends            []tick // labels behind the last point
	Notes           []tick // labels inside
	Lines           []tick // from top to bottom
	Dots            []tick
	Hits            []hit
}

// tick is a mark with a label: at percent of the width, or at a height.
type tick struct {
	At, Text, Label, Anchor, Class string
}

type path struct{ Class, D string }

// hit is a place that tells its number to who points at it.
type hit struct {
	At    int
	Label string
}

// Below and Tick are the places of the labels and marks of the axis of time.
func (c *chart) Below() int { return c.Height + 18 }

// Tick is the end of a mark.
func (c *chart) Tick() int { return c.Height + 5 }

// Total is the height with the axis.
func (c *chart) Total() int { return c.Height + 24 }

// hitsShown is the largest number of buckets that are wide enough to point at.
const hitsShown = 120

func (c *chart) grid(values []float64, s svgchart.Scale, label func(float64) string) {
	for _, v := range values {
		at := s.At(v)
		c.Y = append(c.Y, tick{At: svgchart.Num(at), Text: svgchart.Num(at + 4), Label: label(v)})
	}
}

// dates marks the axis of time: the first and the last bucket, and up to three between them, in a narrow chart one.
func (c *chart) dates(a axis) {
	layout := "2 Jan"
	switch {
	case a.width < 86400 && a.n <= 24:
		layout = "15:04"
	case a.width < 86400:
		layout = "2 Jan 15:04"
	}
	mark := func(i int, anchor string, at float64) {
		l := layout
		if (i == 0 || i == a.n-1) && layout == "2 Jan" && !c.Narrow {
			l = "2 Jan 2006"
		} else if i == 0 && layout == "15:04" {
			l = "2 Jan 15:04"
		}
		t := time.Unix(a.start.Unix()+int64(i)*a.width, 0).UTC()
		class := ""
		if anchor == "middle" && a.n > 4 && i != a.n/2 {
			class = "w"
		}
		c.X = append(c.X, tick{At: svgchart.Num(at), Label: t.Format(l), Anchor: anchor, Class: class})
	}
	if a.n == 1 {
		mark(0, "middle", 50)
		return
	}
	mark(0, "start", 0)
	if a.n > 8 {
		for _, part := range []int{1, 2, 3} {
			if c.Narrow && part != 2 {
				continue
			}
			i := part * a.n / 4
			mark(i, "middle", 100*(float64(i)+.5)/float64(a.n))
		}
	}
	mark(a.n-1, "end", 100)
}

func (c *chart) hits(d *data, label func(*aggregate.Bucket) string) {
	if d.axis.n > hitsShown {
		return
	}
	for i := range d.Time {
		b := &d.Time[i]
		c.Hits = append(c.Hits, hit{d.axis.at(b.Start), d.label(b.Start) + ": " + label(b)})
	}
}

// Traffic shows the traces of each bucket, and those that ended in an error.
func (d *data) Traffic() *chart {
	c := &chart{ID: "c-traffic", Title: "Traces per " + d.per() + ", by start time", Height: 190, Left: 44, Right: 4,
		Width: d.axis.n}
	zero := func(f func(*aggregate.Bucket) int64) []float64 {
		v := d.axis.values(d.Time, func(b *aggregate.Bucket) (float64, bool) { return float64(f(b)), true })
		for i := range v {
			if math.IsNaN(v[i]) {
				v[i] = 0
			}
		}
		return v
	}
	failed := zero(func(b *aggregate.Bucket) int64 { return b.Failed })
	well := zero(func(b *aggregate.Bucket) int64 { return b.Traces - b.Failed })
	top := 0.0
	for i := range well {
		top = max(top, well[i]+failed[i])
	}
	ticks := svgchart.Ticks(top, 4, true)
	s := svgchart.Scale{Hi: ticks[len(ticks)-1], Size: float64(c.Height), Up: true}
	c.grid(ticks, s, short)
	base := make([]float64, len(well))
	errors := svgchart.Bars(failed, base, s)
	c.Paths = []path{{"fm", svgchart.Bars(well, base, s)}, {"fe", errors}}
	c.Desc = fmt.Sprintf("%d stacked bars from %s to %s. The highest is %s. %s", len(d.Time), date(d.First),
		date(d.Last), num(int64(top)), d.TrafficFinding())
	c.dates(d.axis)
	c.hits(d, func(b *aggregate.Bucket) string {
		return plural(b.Traces, "trace") + ", " + plural(b.Failed, "error")
	})
	return c
}

// TrafficFinding says what the chart of traces shows. A bucket is the worst only where its share of errors is three
// times the mean, from ten errors on.
func (d *data) TrafficFinding() string {
	text := fmt.Sprintf("%s with %s; %s ended in an error (%s).", plural(d.Traces, "trace"), plural(d.Spans, "span"),
		num(d.Failed), share(d.Failed, d.Traces))
	mean := float64(d.Failed) / float64(d.Traces)
	worst := -1
	for i := range d.Time {
		b := &d.Time[i]
		if s := float64(b.Failed) / float64(b.Traces); b.Failed >= 10 && s > 3*mean &&
			(worst < 0 || s > float64(d.Time[worst].Failed)/float64(d.Time[worst].Traces)) {
			worst = i
		}
	}
	if worst >= 0 {
		b := &d.Time[worst]
		text += fmt.Sprintf(" The worst %s began %s: %s of %s failed.", d.per(), d.label(b.Start), num(b.Failed),
			num(b.Traces))
	}
	return text
}

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
	c := &chart{ID: "c-latency", Title: "Duration of traces per " + d.per() + ": P50, P95, P99", Height: 210, Left: 56,
		Right: 40, Width: d.axis.n, Desc: d.LatencyFinding()}
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
		line, gaps := svgchart.Line(v, s)
		c.Paths = append(c.Paths, path{lines[i].class, line})
		if gaps != "" {
			c.Paths = append(c.Paths, path{lines[i].class + " gap", gaps})
		}
		for _, v0 := range slices.Backward(v) {
			if !math.IsNaN(v0) {
				ends, labels = append(ends, s.At(v0)), append(labels, lines[i].name)
				break
			}
		}
		if len(d.Time) <= 3 {
			for j, x := range v {
				if !math.IsNaN(x) {
					c.Dots = append(c.Dots, tick{At: svgchart.Num(100 * (float64(j) + .5) / float64(d.axis.n)),
						Text: svgchart.Num(s.At(x))})
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
		text += fmt.Sprintf(" The typical trace became %s: %s in the first 14 %ss with traces, %s in the last.", word,
			duration(a), d.per(), duration(b))
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

// weekdays in the order of the rows.
var weekdays = [7]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

// weekChart shows the traces by weekday and hour.
type weekChart struct {
	Finding string
	Steps   []path // by strength
	Names   []tick
	Rows    [][]string
}

// ByHour shows the traces by weekday and hour; the color has six strengths.
func (d *data) ByHour() *weekChart {
	c := &weekChart{}
	peak, day, hour := int64(0), 0, 0
	for r := range d.Week {
		for h, n := range d.Week[r] {
			if n > peak {
				peak, day, hour = n, r, h
			}
		}
	}
	opacity := [6]string{".1", ".24", ".4", ".58", ".78", "1"}
	for step := range int64(6) {
		var b strings.Builder
		for r := range d.Week {
			for h, n := range d.Week[r] {
				if n > 0 && (6*n+peak-1)/peak == step+1 {
					fmt.Fprintf(&b, "M%d.04 %d.06h.92v.88h-.92z", h, r)
				}
			}
		}
		if b.Len() > 0 {
			c.Steps = append(c.Steps, path{opacity[step], b.String()})
		}
	}
	for r, name := range weekdays {
		c.Names = append(c.Names, tick{Text: strconv.Itoa(r*20 + 14), Label: name})
		row := []string{name}
		for from := 0; from < 24; from += 6 {
			n := int64(0)
			for _, k := range d.Week[r][from : from+6] {
				n += k
			}
			row = append(row, num(n))
		}
		c.Rows = append(c.Rows, row)
	}
	c.Finding = fmt.Sprintf("Busiest: %s %d:00 to %d:00, %s in all. The stronger the color, the more.", weekdays[day],
		hour, hour+1, plural(peak, "trace"))
	return c
}

// experimentRow is an experiment over time.
type experimentRow struct {
	Name, Traces, Share string
	Width               int
	Steps               string
}

// ByExperiment are the largest experiments over time, each with its own scale.
func (d *data) ByExperiment() (rows []experimentRow) {
	const height = 26
	for _, x := range d.Experiments[:min(len(d.Experiments), 8)] {
		r := experimentRow{Name: d.Experiment(x.ID), Traces: num(x.Traces), Share: share(x.Failed, x.Traces),
			Width: d.axis.n}
		v := make([]float64, d.axis.n)
		top := 0.0
		for i, n := range x.Time {
			v[d.axis.at(d.Time[i].Start)] = float64(n)
			top = max(top, float64(n))
		}
		if top > 0 {
			r.Steps = svgchart.Steps(v, svgchart.Scale{Hi: top, Size: height, Up: true})
		}
		rows = append(rows, r)
	}
	return rows
}

// Opacity is the strength of a step.
func (p path) Opacity() template.HTMLAttr {
	return template.HTMLAttr(`opacity="` + p.Class + `"`) //nolint:gosec // a number of ours
}
