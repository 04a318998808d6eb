// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/svgchart"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
)

// Traffic shows the traces of each bucket, and those that ended in an error.
func (d *data) Traffic() *chart {
	c := &chart{ID: d.Prefix + "c-traffic", Title: "Traces per " + d.Bucket + ", by start time", Height: 190, Left: 44,
		Right: 4, Width: d.axis.n}
	well, failed := make([]float64, d.axis.n), make([]float64, d.axis.n)
	top := 0.0
	for i := range d.Time {
		b := &d.Time[i]
		at := d.axis.at(b.Start)
		well[at], failed[at] = float64(b.Traces-b.Failed), float64(b.Failed)
		top = max(top, float64(b.Traces))
	}
	s := c.scale(top, 4, true, short)
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
		text += fmt.Sprintf(" The worst %s began %s: %s of %s failed.", d.Bucket, d.label(b.Start), num(b.Failed),
			num(b.Traces))
	}
	return text
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

// TrafficTable are the numbers of the chart of traces.
func (d *data) TrafficTable() numbers {
	t := numbers{Heads: []string{d.Bucket, "traces", "in an error", "P50", "P95", "P99"}}
	for i := range d.Time {
		b := &d.Time[i]
		t.Rows = append(t.Rows, []string{d.label(b.Start), num(b.Traces), num(b.Failed), duration(b.Duration.P50),
			duration(b.Duration.P95), duration(b.Duration.P99)})
	}
	return t
}
