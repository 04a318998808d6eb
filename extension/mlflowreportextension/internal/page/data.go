// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
)

// data is the part of the page that tells what is in the traces.
type data struct {
	*aggregate.Data

	// Receiver is empty where the page has one part only. Prefix stands before the ids of elements.
	Receiver, Prefix string

	Scope   string
	Tables  bool // the numbers behind charts
	Tiles   []tile
	Money   string    // what costs are in, with the name of the price list
	Refined bool      // a genai processor told of these traces
	Passed  []dataRow // what genai processors did, where they did not tell of which traces

	names    map[string]string // of experiments, by id
	axis     axis
	currency string
}

// tile is one of the numbers that lead to the sections.
type tile struct {
	Link, Title, Value, Unit, Note string
	Spark                          string // path in a box as wide as there are buckets, and 32 high
}

// partsShown is how many receivers have a part of their own.
const partsShown = 8

// dataOf are the data parts of a page: one for each receiver whose run has counted something, in the order of the
// report, those that delivered most where there are too many. delivered is the number of traces of all receivers.
func dataOf(doc *report.Document, list []*report.Receiver, delivered int64, d detail) (parts []*data) {
	counted := slices.DeleteFunc(slices.Clone(list), func(r *report.Receiver) bool { return r.Data == nil })
	hidden := len(counted) - partsShown
	if hidden > 0 {
		most := slices.Clone(counted)
		slices.SortStableFunc(most, func(a, b *report.Receiver) int {
			return cmp.Compare(b.Data.Traces, a.Data.Traces)
		})
		counted = slices.DeleteFunc(counted, func(r *report.Receiver) bool {
			return !slices.Contains(most[:partsShown], r)
		})
	}
	passed := false
	for i, of := range counted {
		v := &data{Data: of.Data, Tables: d.tables, Refined: of.Data.Refined > 0, names: map[string]string{}}
		if len(counted) > 1 {
			v.Receiver = clean(of.Receiver, 60)
		}
		if i > 0 {
			v.Prefix = fmt.Sprintf("r%d-", i+1)
		}
		for j := range of.Experiments {
			v.names[of.Experiments[j].ID] = of.Experiments[j].Name
		}
		v.axis = newAxis(of.Data)
		v.Scope = fmt.Sprintf("Computed from %s that %s delivered, each once. Times are start times in UTC.",
			plural(v.Traces, "trace"), was(v.Traces))
		switch {
		case len(list) > 1 && i == 0 && hidden > 0:
			v.Scope += fmt.Sprintf(" %s more receivers are in the report for programs.", num(int64(hidden)))
		case len(list) == 1 && v.Traces < delivered:
			v.Scope += fmt.Sprintf(" %s %s delivered by a list, or before these numbers were kept; they are not among "+
				"them.", plural(delivered-v.Traces, "trace"), was(delivered-v.Traces))
		}
		for j := range doc.Refinements {
			if c := doc.Refinements[j].Cost; c != nil && c.Currency != "" {
				v.currency, v.Money = c.Currency, clean(c.PriceList, 60)
			}
		}
		if !v.Refined && !passed { // the sums are of all receivers
			v.passed(doc)
			passed = true
		}
		v.tiles()
		parts = append(parts, v)
	}
	return parts
}

// passed are the sums of genai processors over all that went through them.
func (d *data) passed(doc *report.Document) {
	add := func(name, sub, value string) {
		d.Passed = append(d.Passed, dataRow{Name: name, Sub: sub, Values: []string{value}})
	}
	for i := range doc.Refinements {
		r := &doc.Refinements[i]
		if r.Spans == 0 {
			continue
		}
		if r.Counted.Spans > 0 {
			on := "on " + plural(r.Counted.Spans, "span")
			add("counted tokens of requests", on, num(r.Counted.Request))
			add("counted tokens of responses", on, num(r.Counted.Response))
		}
		if r.Reported.Calls > 0 {
			by := "by " + plural(r.Reported.Calls, "call")
			add("reported input tokens", by, num(r.Reported.Input))
			add("reported output tokens", by, num(r.Reported.Output))
		}
		if r.Cost != nil {
			add("cost", plural(r.Cost.Priced, "priced call"), d.money(r.Cost.Amount))
		}
		for j := range r.Scores[:min(len(r.Scores), 50)] {
			s := &r.Scores[j]
			add(s.Name, "mean on "+plural(s.Count, "span"), digits(s.Mean, 4))
		}
	}
}

// Width is the number of buckets.
func (d *data) Width() int { return d.axis.n }

// money writes a cost in the currency of the price list.
func (d *data) money(v float64) string {
	text := "0"
	switch {
	case v >= 1:
		cents := int64(math.Round(100 * min(v, 1e15)))
		text = fmt.Sprintf("%s.%02d", num(cents/100), cents%100)
	case v > 0:
		text = digits(v, 2)
	}
	switch d.currency {
	case "":
		return text
	case "USD":
		return "$" + text
	}
	return text + nbsp + d.currency
}

// Each says what a number is a mean over: "a day", "an hour", "per four weeks".
func (d *data) Each() string {
	switch {
	case strings.HasSuffix(d.Bucket, "s"):
		return "per " + d.Bucket
	case d.Bucket == "hour":
		return "an hour"
	}
	return "a " + d.Bucket
}

// buckets is what several buckets are called.
func (d *data) buckets() string {
	if strings.HasSuffix(d.Bucket, "s") {
		return "stretches of " + d.Bucket
	}
	return d.Bucket + "s"
}

// Experiment is the name of an experiment, else its id.
func (d *data) Experiment(id string) string { return cmp.Or(d.names[id], id) }

func (d *data) tiles() {
	values := func(f func(*aggregate.Bucket) (float64, bool)) string { return d.axis.spark(d.Time, f) }
	n := int64(len(d.Time))
	tokens := d.tokens()
	counted := int64(0)
	if d.Counted != nil {
		counted = d.Counted.Request + d.Counted.Response
	}
	d.Tiles = []tile{
		{Link: "traffic", Title: "Traffic", Value: num(d.Traces), Unit: "traces",
			Note:  fmt.Sprintf("%s %s with traces", digits(float64(d.Traces)/float64(max(n, 1)), 3), d.Each()),
			Spark: values(func(b *aggregate.Bucket) (float64, bool) { return float64(b.Traces), true })},
		{Link: "duration", Title: "Duration", Value: duration(d.Duration.P50), Unit: "P50",
			Note: "P95 " + duration(d.Duration.P95),
			Spark: values(func(b *aggregate.Bucket) (float64, bool) {
				return b.Duration.P50, b.Duration.Count > 0
			})},
		{Link: "errors", Title: "Errors", Value: share(d.Failed, d.Traces), Unit: "of traces",
			Note: plural(d.Failed, "trace"),
			Spark: values(func(b *aggregate.Bucket) (float64, bool) {
				return float64(b.Failed) / float64(b.Traces), b.Traces > 0
			})},
	}
	if len(d.Passed) > 0 {
		for _, title := range []string{"Tokens", "Cost", "Scores"} {
			d.Tiles = append(d.Tiles, tile{Link: "passed", Title: title, Value: "sums", Note: "as they passed"})
		}
		return
	}
	t := tile{Link: "tokens", Title: "Tokens", Value: "none", Note: "how to get them"}
	if tokens > 0 || counted > 0 {
		t.Value, t.Unit, t.Note = short(float64(tokens)), "reported", short(float64(counted))+" counted"
		t.Spark = values(func(b *aggregate.Bucket) (float64, bool) { return float64(b.Input + b.Output), true })
	}
	d.Tiles = append(d.Tiles, t)
	t = tile{Link: "cost", Title: "Cost", Value: "none", Note: "how to get it"}
	if d.Cost != nil {
		t.Value, t.Note = d.money(d.Cost.Amount), "P50 "+d.money(d.Cost.PerTrace.P50)+" a trace"
		t.Spark = values(func(b *aggregate.Bucket) (float64, bool) { return b.Cost, true })
	}
	d.Tiles = append(d.Tiles, t)
	t = tile{Link: "scores", Title: "Scores", Value: "none", Note: "how to get them"}
	if len(d.Scores) > 0 {
		s := &d.Scores[0]
		t.Value, t.Unit, t.Note = digits(s.Mean, 3), "mean", clean(s.Name, 36)
	}
	d.Tiles = append(d.Tiles, t)
}

func (d *data) tokens() (n int64) {
	for i := range d.Models {
		n += d.Models[i].Input + d.Models[i].Output
	}
	return n
}

// dataRow is a row of a table with a bar.
type dataRow struct {
	Name, Sub string
	Values    []string
	Bars      []float64 // percent of the width
	Class     string    // of the bar
}

// most is how many rows a table shows; what is beyond is one row, or in a list of its own.
const most = 10

// TypeErrors are the types of spans with errors, most first.
func (d *data) TypeErrors() []dataRow {
	list := slices.Clone(d.Types)
	slices.SortStableFunc(list, func(a, b aggregate.Type) int { return cmp.Compare(b.Failed, a.Failed) })
	var rows []dataRow
	for _, t := range list {
		if t.Failed > 0 && len(rows) < most {
			rows = append(rows, dataRow{Name: t.Type, Class: "e",
				Values: []string{num(t.Failed), share(t.Failed, t.Spans)},
				Bars:   []float64{100 * float64(t.Failed) / float64(list[0].Failed)}})
		}
	}
	return rows
}

// NameErrors are the names of spans with errors, most first: those that are shown, and more of them.
func (d *data) NameErrors() (shown struct {
	Rows, More []dataRow
	Total      string
}) {
	const first, all = 8, 30
	n := int64(0)
	for _, x := range d.Names { // the one with most errors is the first
		if x.Failed == 0 {
			break
		}
		n++
		row := dataRow{Name: x.Name, Sub: x.Type, Class: "e", Values: []string{num(x.Failed), share(x.Failed, x.Spans)},
			Bars: []float64{100 * float64(x.Failed) / float64(d.Names[0].Failed)}}
		switch {
		case n <= first:
			shown.Rows = append(shown.Rows, row)
		case n <= all:
			shown.More = append(shown.More, row)
		}
	}
	shown.Total = plural(n, "name") + " with errors, most first."
	if n == 1 {
		shown.Total = "One name has errors."
	}
	return shown
}

// folded is a list with what is beyond the limit as one entry.
func folded(list []aggregate.Use) []aggregate.Use {
	if len(list) <= most {
		return list
	}
	rest := aggregate.Use{Name: fmt.Sprintf("%d others", len(list)-most+1)}
	for i := range list[most-1:] {
		rest.Add(&list[most-1+i])
	}
	return append(slices.Clone(list[:most-1]), rest)
}

// Reported are the tokens that the calls of each model report.
func (d *data) Reported() (rows []dataRow) {
	list := folded(d.Models)
	top := int64(1)
	for _, u := range list {
		top = max(top, u.Input+u.Output)
	}
	for _, u := range list {
		rows = append(rows, dataRow{Name: u.Name, Sub: fmt.Sprintf("%s of %s report", num(u.Reported),
			plural(u.Calls, "call")), Values: []string{num(u.Input), num(u.Output)},
			Bars: []float64{100 * float64(u.Input) / float64(top), 100 * float64(u.Output) / float64(top)}})
	}
	return rows
}

// AllReported are the sums of Reported, and the means of all traces.
func (d *data) AllReported() []dataRow {
	var input, output int64
	for _, u := range d.Models {
		input += u.Input
		output += u.Output
	}
	mean := func(n int64) string { return digits(float64(n)/float64(max(d.Traces, 1)), 3) }
	return []dataRow{{Name: "all models", Values: []string{num(input), num(output)}},
		{Name: "per trace", Values: []string{mean(input), mean(output)}}}
}

// CountedRows are the counted tokens.
func (d *data) CountedRows() []dataRow {
	c := d.Counted
	if c == nil {
		return nil
	}
	top := float64(max(c.Request, c.Response, 1))
	row := func(name, sub string, n int64) dataRow {
		return dataRow{Name: name, Sub: sub, Values: []string{num(n), digits(float64(n)/float64(max(c.Traces, 1)), 3)},
			Bars: []float64{100 * float64(n) / top}}
	}
	return []dataRow{row("requests", "token_count_request", c.Request),
		row("responses", "token_count_response", c.Response)}
}

// costliest is a list with the most expensive first, folded.
func costliest(list []aggregate.Use) []aggregate.Use {
	return folded(slices.SortedStableFunc(slices.Values(list), func(a, b aggregate.Use) int {
		return cmp.Compare(b.Cost, a.Cost)
	}))
}

// CostRows are the costs of models, or of tools. Their bars have one scale.
func (d *data) CostRows(tools bool) (rows []dataRow) {
	models, others := costliest(d.Models), costliest(d.Tools)
	list := models
	if tools {
		list = others
	}
	top := 0.0
	for _, u := range slices.Concat(models, others) {
		top = max(top, u.Cost)
	}
	for _, u := range list {
		r := dataRow{Name: u.Name, Class: "a", Sub: plural(u.Calls, "call") + ", no price", Values: []string{"–", "–"},
			Bars: []float64{0}}
		if u.Priced > 0 {
			r.Sub = fmt.Sprintf("%s priced of %s", num(u.Priced), plural(u.Calls, "call"))
			r.Values = []string{d.money(u.Cost), d.money(u.Cost / float64(u.Priced))}
			r.Bars[0] = 100 * u.Cost / max(top, 1e-300)
		}
		rows = append(rows, r)
	}
	return rows
}

// extremeTable lists traces at one end of a scale.
type extremeTable struct {
	Title, Column string
	Rows, More    []extremeRow
}

type extremeRow struct{ ID, Note, Value, Request, Response string }

// Extremes are the tables of traces to look at.
func (d *data) Extremes() (list []extremeTable) {
	add := func(title, column string, traces []aggregate.Extreme, write func(float64) string) {
		if len(traces) == 0 {
			return
		}
		t := extremeTable{Title: title, Column: column}
		for i, x := range traces {
			row := extremeRow{x.TraceID, x.Start.UTC().Format("2 Jan 2006 15:04") + ", " +
				clean(d.Experiment(x.ExperimentID), 40), write(x.Value), clean(x.Request, 200), clean(x.Response, 200)}
			if i < 5 {
				t.Rows = append(t.Rows, row)
			} else {
				t.More = append(t.More, row)
			}
		}
		list = append(list, t)
	}
	add("Slowest", "duration", d.Slowest, duration)
	add("Costliest", "cost", d.Costliest, d.money)
	if len(d.Scores) > 0 {
		s := &d.Scores[0]
		add("Lowest "+clean(s.Name, 40), "score", s.Lowest, func(v float64) string { return digits(v, 3) })
	}
	return list
}

// label is the start of a bucket as people write it.
func (d *data) label(t time.Time) string {
	if d.BucketSeconds < 86400 {
		return t.UTC().Format("2 Jan 2006 15:04")
	}
	return date(t)
}

// numbers is the table behind a chart.
type numbers struct {
	Heads []string
	Rows  [][]string
}

// ScoreTable are the means of all scores.
func (d *data) ScoreTable() numbers {
	t := numbers{Heads: []string{"score", "source", "scores", "mean", "lowest", "highest"}}
	for i := range d.Scores {
		s := &d.Scores[i]
		t.Rows = append(t.Rows, []string{clean(s.Name, 60), clean(s.Source, 20), num(s.Count),
			fmt.Sprintf("%.4f", s.Mean), digits(s.Min, 4), digits(s.Max, 4)})
	}
	return t
}
