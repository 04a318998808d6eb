// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"math"
	"slices"
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

// unknown are values of which none is known.
func (a axis) unknown() []float64 { return slices.Repeat([]float64{math.NaN()}, a.n) }

// values are those of the buckets; NaN where there is none.
func (a axis) values(list []aggregate.Bucket, f func(*aggregate.Bucket) (float64, bool)) []float64 {
	out := a.unknown()
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

// scale makes the axis of values from 0 up to a round one, in about n steps.
func (c *chart) scale(top float64, n int, whole bool, label func(float64) string) svgchart.Scale {
	ticks := svgchart.Ticks(top, n, whole)
	s := svgchart.Scale{Hi: ticks[len(ticks)-1], Size: float64(c.Height), Up: true}
	c.grid(ticks, s, label)
	return s
}

// bars draws a bar for each value.
func (c *chart) bars(v []float64, s svgchart.Scale) {
	c.Paths = []path{{"fm", svgchart.Bars(v, make([]float64, len(v)), s)}}
}

// line draws a line through the values that are known, and dots the gaps.
func (c *chart) line(class string, v []float64, s svgchart.Scale) {
	line, gaps := svgchart.Line(v, s)
	c.Paths = append(c.Paths, path{class, line})
	if gaps != "" {
		c.Paths = append(c.Paths, path{class + " gap", gaps})
	}
}

// dot marks the value of a bucket.
func (c *chart) dot(a axis, i int, v float64, s svgchart.Scale) {
	c.Dots = append(c.Dots, tick{At: svgchart.Num(middle(i, a.n)), Text: svgchart.Num(s.At(v))})
}

// middle is the middle of the bucket i of n, in percent of the width.
func middle(i, n int) float64 { return 100 * (float64(i) + .5) / float64(n) }

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
			mark(i, "middle", middle(i, a.n))
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
