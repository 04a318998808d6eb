// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"html/template"
	"strings"

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
	Files   struct{ Report, Skipped, Missing string }
	// MissingLines says how many lines Files.Missing has.
	MissingLines string

	Total  row
	Bar    template.HTML
	Cells  []cell // of the equation, behind what was found
	Facts  []fact
	Card   *card
	Checks []check
	Grants []grant

	Table    table
	Ladder   []step
	Problems []string
	Notes    []string // on delivery
	Reasons  []reason
	Results  []result
	Next     []string
	Settings []string // of the configuration
	Examples bool     // the page holds texts of traces

	Data []*data
}

func newView(in *Input, d detail) *view {
	doc := &in.Document
	var sending []*report.Receiver
	v := &view{CSS: style, Written: clock(doc.Written), Version: doc.Version}
	v.Examples = in.Examples
	v.Files.Report, v.Files.Skipped = in.ReportFile, in.SkipFile
	if in.MissingLines > 0 {
		v.Files.Missing, v.MissingLines = in.MissingFile, progress.Count(int64(in.MissingLines), "line")
	}
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
		v.Kind = clean(spaced(sending[0].Mode), 40) + " report"
	}
	if len(sending) == 0 && len(doc.Receivers) > 0 {
		v.check(doc)
	}
	v.equation()
	v.tabulate(rows, d)
	if len(sending) > 0 {
		v.facts(sending)
		v.words()
	}
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
	for _, line := range doc.Configuration {
		v.Settings = append(v.Settings, clean(line, 300))
	}
	v.Settings = bounded(v.Settings)
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
