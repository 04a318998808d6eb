// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// view is what the template writes.
type view struct {
	verdict

	CSS     template.CSS
	Kind    string // of report
	Written string
	Version string
	Files   struct{ Report, Skipped string }

	Total  row
	Bar    template.HTML
	Cells  []cell // of the equation, behind what was found
	Facts  []fact
	Card   *card
	Checks []check

	Table    table
	Ladder   []step
	Problems []string
	Notes    []string // on delivery
	Reasons  []reason
	Results  []result
	Next     []string

	Data *data
}

// cell is a number of the equation, or a column of the table.
type cell struct {
	Label, Icon, Class, Value string
}

// fact is one of the facts about a run.
type fact struct {
	Label string
	Lines []string
	Wide  bool
	Bold  bool
}

// step is one of the words of delivery.
type step struct {
	Word, Text, Group string
	Current           bool
}

// table shows what became of the traces of each experiment.
type table struct {
	Heads  []cell
	Rows   []line
	Foot   *line
	More   []line // the experiments that are not shown, as plain numbers
	Hidden int    // experiments that are in none of the rows
}

// line is a row of the table.
type line struct {
	row

	Bar   template.HTML
	Cells []cell
}

// result is what is known of a place that an exporter wrote to.
type result struct {
	Name, Exporter, Unit, Text, Held string
	Sent                             string
	Problems                         []string
	Bad                              bool
}

// check is what mode check found in an experiment.
type check struct {
	Name, ID, Traces, Range string
	Problems                []string
}

// rowsShown is how many experiments the table shows; rowsListed how many more are listed as plain numbers.
const (
	rowsShown  = 20
	rowsListed = 400
)

func newView(in *Input, d detail) *view {
	doc := &in.Document
	var sending []*report.Receiver
	v := &view{CSS: style, Written: clock(doc.Written), Version: doc.Version}
	v.Files.Report, v.Files.Skipped = in.ReportFile, in.SkipFile
	for i := range doc.Receivers {
		if r := &doc.Receivers[i]; r.Check == nil {
			sending = append(sending, r)
		} else {
			v.checked(r)
		}
	}
	rows, total := rowsOf(sending)
	v.Total = total
	v.verdict = verdictOf(doc, sending, &total)
	v.Kind = "report"
	if len(sending) == 1 {
		v.Kind = clean(strings.ReplaceAll(sending[0].Mode, "_", " "), 40) + " report"
	}
	if len(sending) == 0 && len(v.Checks) > 0 {
		v.check(doc)
	}
	v.equation()
	v.tabulate(rows, d)
	v.facts(sending)
	v.words(sending)
	if v.Live {
		v.Card = cardOf(in, sending, &total)
	}
	for _, r := range sending {
		for _, p := range r.Problems {
			v.Problems = append(v.Problems, clean(p, 600))
		}
		for _, n := range r.DeliveryNotes {
			v.Notes = append(v.Notes, clean(n, 600))
		}
	}
	v.Problems, v.Notes = bounded(v.Problems), bounded(v.Notes)
	v.Reasons = reasonsOf(sending, d.ids)
	for i := range doc.Destinations {
		v.Results = append(v.Results, resultOf(&doc.Destinations[i]))
	}
	next := doc.Next()
	if v.Live {
		next = nil // it is said when the run has ended
	}
	for _, n := range next {
		v.Next = append(v.Next, strings.ToUpper(n[:1])+clean(n[1:], 600)+".")
	}
	v.Next = bounded(v.Next)
	v.Data = dataOf(doc, sending, total.Delivered, d)
	return v
}

// bounded keeps what a person reads of a long list.
func bounded(list []string) []string {
	const most = 50
	if more := len(list) - most; more > 0 {
		return append(list[:most:most], fmt.Sprintf("and %d more, in the report for programs", more))
	}
	return list
}

// Icon is the sign of the state.
func (v *view) Icon() template.HTML { return icons[v.State] }

// Mark is the color of the state, as a part of an address.
func (v *view) Mark() template.URL {
	return template.URL(map[string]string{"ok": "0a7355", "warn": "b58900", "bad": "b54400", //nolint:gosec // ours
		"run": "0b6aa8"}[v.State])
}

// icons of the states, in a box of 44 by 44.
var icons = map[string]template.HTML{
	"ok": `<circle cx="22" cy="22" r="20" fill="var(--c)"/><path d="M13 22.5l6.3 6.5L31.5 16" fill="none" ` +
		`stroke="var(--cbg)" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>`,
	"warn": `<path d="M22 3L42.5 40H1.5z" fill="var(--c)" stroke="var(--c)" stroke-width="3" ` +
		`stroke-linejoin="round"/>` +
		`<path d="M22 16v11" stroke="var(--cbg)" stroke-width="4" stroke-linecap="round"/>` +
		`<circle cx="22" cy="34" r="2.5" fill="var(--cbg)"/>`,
	"bad": `<path d="M14 2h16l12 12v16L30 42H14L2 30V14z" fill="var(--c)"/>` +
		`<path d="M22 11v14" stroke="var(--cbg)" stroke-width="4.4" stroke-linecap="round"/>` +
		`<circle cx="22" cy="32.3" r="2.7" fill="var(--cbg)"/>`,
	"run": `<circle cx="22" cy="22" r="18" fill="none" stroke="var(--c)" stroke-width="4" opacity=".3"/>` +
		`<path d="M22 4a18 18 0 1 1-15.6 27" fill="none" stroke="var(--c)" stroke-width="4" stroke-linecap="round"/>` +
		`<path d="M18.5 14.5v15l12-7.5z" fill="var(--c)"/>`,
}

// column is a part of the equation.
type column struct {
	label, icon string
	hot         string // class of a number that is not 0
	of          func(*row) int64
}

// columns are the parts of the equation; traces that wait have one only if there are any.
func (v *view) columns() []column {
	taken, todo, icon, hot := "d", "missing", "x", "m"
	if v.Took != "delivered" {
		taken = "h"
	}
	if v.Open {
		todo, icon, hot = "not read yet", "t", ""
	}
	list := []column{
		{v.Took, taken, "", func(r *row) int64 { return r.Delivered }},
		{"skipped", "k", "", func(r *row) int64 { return r.Skipped }},
		{"rejected", "r", "m", func(r *row) int64 { return r.Rejected }},
	}
	if v.Total.Pending > 0 {
		list = append(list, column{"waiting", "w", "", func(r *row) int64 { return r.Pending }})
	}
	return append(list, column{todo, icon, hot, func(r *row) int64 { return r.Missing }})
}

// cells are the numbers of a row. Where the destination did not confirm what it took, nobody knows what is missing.
func (v *view) cells(r *row) (list []cell) {
	for _, c := range v.columns() {
		n := c.of(r)
		one := cell{Label: c.label, Icon: c.icon, Class: c.hot, Value: num(n)}
		if n == 0 {
			one.Class = "z"
		}
		if c.label == "missing" && n == 0 && v.Took != "delivered" {
			one.Value = "?"
		}
		list = append(list, one)
	}
	return list
}

func (v *view) equation() {
	v.Cells = v.cells(&v.Total)
	v.Bar = v.bar(&v.Total)
}

// bar shows the parts of a row; those that are there have a width.
func (v *view) bar(r *row) template.HTML {
	var b strings.Builder
	for _, c := range v.columns() {
		if n := c.of(r); n > 0 {
			fmt.Fprintf(&b, `<i class="%s" style="flex-grow:%d"></i>`, c.icon, n)
		}
	}
	return template.HTML(b.String()) //nolint:gosec // classes and numbers of ours
}

// Percent is how far a run came.
func (v *view) Percent() int64 { return percent(&v.Total) }

// Found writes what was found at the source.
func (v *view) Found() string { return num(v.Total.Found) }

func (v *view) tabulate(rows []row, d detail) {
	t := &v.Table
	for _, c := range v.columns() {
		t.Heads = append(t.Heads, cell{Label: c.label})
	}
	rest := []row(nil)
	if len(rows) > rowsShown {
		rows, rest = rows[:rowsShown-1], rows[rowsShown-1:]
	}
	line := func(r *row) line { return line{*r, v.bar(r), v.cells(r)} }
	for i := range rows {
		t.Rows = append(t.Rows, line(&rows[i]))
	}
	if len(rest) > 0 {
		others := row{Name: fmt.Sprintf("%d more experiments", len(rest))}
		for i := range rest {
			others.add(&rest[i])
		}
		t.Rows = append(t.Rows, line(&others))
		listed := rest[:min(len(rest), rowsListed)]
		if !d.tables {
			listed = nil
		}
		for i := range listed {
			t.More = append(t.More, line(&listed[i]))
		}
		t.Hidden = len(rest) - len(listed)
	}
	if len(t.Rows) > 1 {
		foot := line(&v.Total)
		t.Foot = &foot
	}
}

// Columns is the number of numbers in a row.
func (t table) Columns() int { return len(t.Heads) + 1 }

// Found writes what was found of a row.
func (l line) Found() string { return num(l.row.Found) }

// Account says how much was delivered, and what found means.
func (v *view) Account() string {
	s := fmt.Sprintf("%s in %s %s %s.", plural(v.Total.Spans, "span"), plural(v.Total.Delivered, "trace"),
		is(v.Total.Delivered), v.Took)
	s += " “Found” is the source’s own count, or what was read where that is more, or where the source does not count."
	if v.Live {
		s += " A trace counts as " + v.Took + " once the pipeline has accepted it."
	}
	return s
}

// Nothing is said where nothing was left out.
func (v *view) Nothing() string {
	switch {
	case v.Live:
		return "Nothing so far."
	case v.Took != "delivered":
		return "Nothing was left out on the way. What became of the data after it was " + v.Took + " is not known."
	case v.Total.Found == 0:
		return "There was nothing to deliver."
	}
	return "Nothing: every trace that the source counts was read, and every trace that was read was delivered."
}

func (v *view) words(list []*report.Receiver) {
	if len(list) == 0 {
		return
	}
	for _, s := range []step{
		{Word: string(progress.Verified), Group: "enough for exit status 0",
			Text: "Counted at the destination after delivery: what was sent is there."},
		{Word: string(progress.Acknowledged),
			Text: "Every destination answered that it has the data, and the run waited for that answer."},
		{Word: "handed over", Group: "not enough: exit status 1",
			Text: "A stage on the way has the data. The destination may not."},
		{Word: string(progress.Unknown),
			Text: "What a stage on the way does is not known, or an answer confirmed nothing."},
	} {
		s.Current = s.Word == strings.ReplaceAll(string(v.Word), "_", " ")
		v.Ladder = append(v.Ladder, s)
	}
}

func (v *view) facts(list []*report.Receiver) {
	var sources, places, times, rates, status []string
	var first, last string
	for _, r := range list {
		s := r.Source.Kind + " " + r.Source.Location
		if r.Source.Version != "" {
			s = r.Source.Kind + " " + r.Source.Version + ", " + r.Source.Location
		}
		sources = append(sources, clean(s, 300))
		for _, d := range r.Destinations {
			places = append(places, clean(d.Name, 300)+", "+strings.ReplaceAll(string(d.Delivery), "_", " "))
		}
		times = append(times, elapsed(r.Seconds)+", from "+clock(r.Started))
		rates = append(rates, fmt.Sprintf("%s traces/s, %s spans/s", digits(r.TracesPerSecond, 3),
			digits(float64(r.Totals.Spans)/max(r.Seconds, 1e-9), 3)))
		status = append(status, exitStatus(r))
		for i := range r.Experiments {
			e := &r.Experiments[i]
			if e.First != "" && (first == "" || e.First < first) {
				first = e.First
			}
			last = max(last, e.Last)
		}
	}
	if len(list) == 0 {
		return
	}
	label := [2]string{"duration", "rate of this run"}
	if v.Live {
		label = [2]string{"running for", "mean rate"}
	}
	v.Facts = []fact{
		{Label: "source", Lines: bounded(sources), Wide: true},
		{Label: "destination", Lines: bounded(places), Wide: true},
		{Label: "period of the traces", Lines: []string{period(first, last)}, Wide: true},
		{Label: label[0], Lines: times}, {Label: label[1], Lines: rates},
		{Label: "exit status", Lines: status, Bold: v.State == "bad"},
	}
}

// exitStatus says what a run makes of the exit status.
func exitStatus(r *report.Receiver) string {
	switch {
	case r.Ended == nil && r.ExitStatus == nil:
		return "not yet"
	case r.ExitStatus == nil:
		return "the process stays"
	case *r.ExitStatus == 0:
		return "0"
	}
	return fmt.Sprintf("%d, not complete", *r.ExitStatus)
}

// period writes two times of the report as days, from the start of the first trace to that of the last.
func period(first, last string) string {
	a, errA := time.Parse(time.RFC3339, first)
	b, errB := time.Parse(time.RFC3339, last)
	switch {
	case errA != nil || errB != nil:
		return "no trace delivered"
	case date(a) == date(b):
		return date(a) + ", start times in UTC"
	}
	return date(a) + " to " + date(b) + ", start times in UTC"
}

func resultOf(r *report.Result) result {
	out := result{Name: clean(cmp.Or(r.Destination, r.Exporter), 200), Exporter: clean(r.Exporter, 100),
		Held: clean(r.Held, 600), Sent: num(r.Sent), Unit: report.Unit(r.Signal)}
	switch r.Arrived {
	case nil:
		out.Text = "Arrived: not verified."
	default:
		out.Text = fmt.Sprintf("%s arrived, %s missing, %s there more than once.", num(*r.Arrived), num(*r.Missing),
			num(*r.Repeated))
	}
	if r.Detail != "" {
		out.Text += " " + clean(r.Detail, 600)
	}
	if r.Rejected > 0 {
		out.Text += fmt.Sprintf(" %s rejected, %s of them in the dead-letter file.", num(r.Rejected),
			num(r.DeadLettered))
	}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, clean(p, 600))
	}
	out.Problems = bounded(out.Problems)
	out.Bad = r.Held != "" || r.Rejected > 0 || r.Verification == string(progress.Short)
	return out
}

func (v *view) checked(r *report.Receiver) {
	for i := range r.Check.Experiments {
		e := &r.Check.Experiments[i]
		c := check{Name: e.Name, ID: e.ID, Traces: num(e.Traces), Range: period(e.First, e.Last)}
		if e.Traces == 0 {
			c.Range = "no traces"
		}
		for _, p := range e.Problems {
			c.Problems = append(c.Problems, clean(p, 300))
		}
		if len(v.Checks) < rowsListed {
			v.Checks = append(v.Checks, c)
		}
	}
}

// check is the verdict of a run that only looked.
func (v *view) check(doc *report.Document) {
	v.State, v.Took, v.Kind = "ok", "delivered", "check report"
	v.Title = "Checked: " + clean(doc.Headline, 200) + "."
	v.Sub = "Nothing was read beyond that, and nothing was sent."
	if !doc.Complete {
		v.State, v.Sub = "bad", "There are problems; they are named in the table. Nothing was sent."
	}
}
