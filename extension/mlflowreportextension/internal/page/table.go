// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"html/template"
	"strings"
)

// cell is a number of the equation, or a column of the table.
type cell struct {
	Label, Icon, Class, Value string
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

// rowsShown is how many experiments the table shows; rowsListed how many more are listed as plain numbers.
const (
	rowsShown  = 20
	rowsListed = 400
)

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
