// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"math"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/svgchart"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
)

// CostChart shows how the cost of traces is distributed.
func (d *data) CostChart() *chart {
	if d.Cost == nil || len(d.Cost.Histogram) == 0 {
		return nil
	}
	h := d.Cost.Histogram
	q := &d.Cost.PerTrace
	c := &chart{ID: d.Prefix + "c-cost", Title: "Cost per trace, logarithmic scale", Height: 130, Left: 44, Right: 4,
		Desc: d.CostFinding()}
	lo, hi := h[0].From, h[len(h)-1].To
	// All bins are as wide as the first.
	place := func(v float64) float64 { return math.Log(v/lo) / math.Log(h[0].To/lo) }
	c.Width = int(math.Round(place(hi)))
	bins := make([]float64, c.Width)
	top := 0.0
	for _, b := range h {
		i := min(int(math.Round(place(b.From))), c.Width-1)
		bins[i] = float64(b.Count)
		top = max(top, bins[i])
	}
	c.bars(bins, c.scale(top, 3, true, short))
	x := svgchart.Scale{Lo: lo, Hi: hi, Size: 100, Log: true}
	marks := svgchart.LogTicks(lo, hi, hi/lo > 200)
	last := -100.0
	for _, v := range marks {
		at := x.At(v)
		if at-last < 24 {
			continue
		}
		last = at
		anchor := "middle"
		switch {
		case at < 9:
			anchor = "start"
		case at > 90:
			anchor = "end"
		}
		c.X = append(c.X, tick{At: svgchart.Num(at), Label: d.money(v), Anchor: anchor})
	}
	at := x.At(max(q.P50, lo))
	anchor := "start"
	if at > 70 {
		anchor = "end"
	}
	c.Notes = append(c.Notes, tick{At: svgchart.Num(at), Text: "-6", Label: "P50", Anchor: anchor, Class: "lab"})
	c.Lines = append(c.Lines, tick{At: svgchart.Num(at)})
	return c
}

// CostFinding says what the chart of costs shows.
func (d *data) CostFinding() string {
	q := &d.Cost.PerTrace
	return fmt.Sprintf("P50 %s, P95 %s, P99 %s over %s with a cost.", d.money(q.P50), d.money(q.P95), d.money(q.P99),
		plural(d.Cost.Traces, "trace"))
}

// CostLead says what the sum is made of.
func (d *data) CostLead() string {
	by := ""
	if d.Money != "" {
		by = fmt.Sprintf(" by the price list “%s”", d.Money)
	}
	priced, calls := int64(0), int64(0)
	for _, u := range d.Models {
		priced, calls = priced+u.Priced, calls+u.Calls
	}
	return fmt.Sprintf("%s%s, for %s of %s of models. A call without usage or without a price has no cost.",
		d.money(d.Cost.Amount), by, num(priced), plural(calls, "call"))
}

// CostOverTime shows the cost of each bucket.
func (d *data) CostOverTime() *chart {
	c := &chart{ID: d.Prefix + "c-money", Title: "Cost per " + d.Bucket, Height: 130, Left: 84,
		Right: 4, Width: d.axis.n, Narrow: true}
	v := d.axis.values(d.Time, func(b *aggregate.Bucket) (float64, bool) { return b.Cost, true })
	top, at := 0.0, 0
	for i := range d.Time {
		if d.Time[i].Cost > top {
			top, at = d.Time[i].Cost, i
		}
	}
	if top == 0 {
		return nil
	}
	c.bars(v, c.scale(top, 3, false, d.money))
	c.Desc = fmt.Sprintf("Mean %s %s with traces; highest %s, %s.", d.money(d.Cost.Amount/float64(len(d.Time))),
		d.Each(), d.money(top), d.label(d.Time[at].Start))
	c.dates(d.axis)
	c.hits(d, func(b *aggregate.Bucket) string { return d.money(b.Cost) })
	return c
}

// scoreView is one score: its mean, how it is distributed, and how its mean went.
type scoreView struct {
	Name, Source, Count, Mean, Note string
	Distribution, Time              *chart
}

// sources are the kinds of sources of MLflow as people say them.
var sources = map[string]string{"HUMAN": "people", "LLM_JUDGE": "a model that judges", "CODE": "code"}

// scoresShown is how many scores have charts.
const scoresShown = 8

// ScoreViews are the scores that most traces have.
func (d *data) ScoreViews() (list []scoreView) {
	for i := range d.Scores[:min(len(d.Scores), scoresShown)] {
		s := &d.Scores[i]
		v := scoreView{Name: s.Name, Source: sources[s.Source], Count: plural(s.Count, "score"),
			Mean: digits(s.Mean, 3), Note: d.step(s), Distribution: d.distribution(s, i), Time: d.overTime(s, i)}
		if v.Source == "" {
			v.Source = clean(s.Source, 30)
		}
		list = append(list, v)
	}
	return list
}

// MoreScores is how many scores have no chart.
func (d *data) MoreScores() int { return max(0, len(d.Scores)-scoresShown) }

func (d *data) distribution(s *aggregate.Scores, i int) *chart {
	c := &chart{ID: fmt.Sprintf("%ss%d-d", d.Prefix, i), Title: "Distribution of " + clean(s.Name, 60), Height: 84,
		Left: 2, Right: 2, Width: max(len(s.Distribution), 1)}
	bins := make([]float64, len(s.Distribution))
	top := 1.0
	for j, b := range s.Distribution {
		bins[j] = float64(b.Count)
		top = max(top, bins[j])
		c.Desc += fmt.Sprintf("%s: %s. ", digits(b.From, 3), num(b.Count))
	}
	scale := svgchart.Scale{Hi: top * 1.2, Size: float64(c.Height), Up: true}
	c.Y = []tick{{At: svgchart.Num(scale.Size)}}
	c.bars(bins, scale)
	whole := len(bins) > 0 && s.Distribution[0].From == s.Distribution[0].To
	switch {
	case whole && len(bins) <= 6:
		for j, b := range s.Distribution {
			at := svgchart.Num(middle(j, len(bins)))
			c.X = append(c.X, tick{At: at, Label: digits(b.From, 3), Anchor: "middle"})
			c.Notes = append(c.Notes, tick{At: at, Text: svgchart.Num(scale.At(bins[j]) - 5), Label: num(b.Count),
				Anchor: "middle", Class: "lab"})
		}
	case len(bins) > 0:
		last := s.Distribution[len(bins)-1]
		c.X = []tick{{At: "0", Label: digits(s.Distribution[0].From, 3), Anchor: "start"},
			{At: "100", Label: digits(last.To, 3), Anchor: "end"}}
	}
	return c
}

// means are those of the buckets; NaN where there is none.
func (d *data) means(s *aggregate.Scores) []float64 {
	v := d.axis.unknown()
	for _, m := range s.Time {
		v[d.axis.at(m.Start)] = m.Mean
	}
	return v
}

// overTime shows the mean of each bucket. Its scale may start above 0 and is at least three tenths of the score's.
func (d *data) overTime(s *aggregate.Scores, i int) *chart {
	c := &chart{ID: fmt.Sprintf("%ss%d-t", d.Prefix, i), Title: "Mean of " + clean(s.Name, 60) + " per " + d.Bucket,
		Height: 84, Left: 40, Right: 44, Width: d.axis.n, Narrow: true}
	v := d.means(s)
	lo, hi := math.Inf(1), math.Inf(-1)
	last := -1
	for j, x := range v {
		if !math.IsNaN(x) {
			lo, hi, last = min(lo, x), max(hi, x), j
		}
	}
	if last < 0 {
		return nil
	}
	from, to := aggregate.Scale(s.Min, s.Max)
	unit := (to - from) / 10
	bottom := max(from, math.Floor((lo-unit/2)/unit)*unit)
	top := min(to, math.Ceil((hi+unit/2)/unit)*unit)
	if top-bottom < 3*unit {
		bottom, top = max(from, top-3*unit), min(to, max(top, bottom+3*unit))
	}
	scale := svgchart.Scale{Lo: bottom, Hi: top, Size: float64(c.Height), Up: true}
	c.grid([]float64{bottom, top}, scale, func(x float64) string { return digits(x, 3) })
	c.line("l50", v, scale)
	for j, x := range v {
		if !math.IsNaN(x) && (len(s.Time) <= 40 || j == last) {
			c.dot(d.axis, j, x, scale)
		}
	}
	c.Ends = []tick{{At: svgchart.Num(scale.At(v[last]) + 4), Label: digits(v[last], 3)}}
	c.Desc = fmt.Sprintf("From %s to %s; lowest %s, highest %s.", digits(s.Time[0].Mean, 3), digits(v[last], 3),
		digits(lo, 3), digits(hi, 3))
	c.dates(d.axis)
	c.X = slices.DeleteFunc(c.X, func(t tick) bool { return t.Anchor == "middle" && d.axis.n > 1 })
	return c
}

// step names the largest change between neighbors, where it is more than four standard errors and both have ten
// scores.
func (d *data) step(s *aggregate.Scores) string {
	best, text := 4.0, ""
	for i := 1; i < len(s.Time); i++ {
		a, b := s.Time[i-1], s.Time[i]
		if a.Count < 10 || b.Count < 10 || s.Deviation == 0 {
			continue
		}
		z := (b.Mean - a.Mean) / (s.Deviation * math.Sqrt(1/float64(a.Count)+1/float64(b.Count)))
		if math.Abs(z) <= best {
			continue
		}
		best = math.Abs(z)
		word := "Rose"
		if z < 0 {
			word = "Fell"
		}
		text = fmt.Sprintf("%s from %s to %s in the %s of %s.", word, digits(a.Mean, 3), digits(b.Mean, 3), d.Bucket,
			d.label(b.Start))
	}
	return text
}
