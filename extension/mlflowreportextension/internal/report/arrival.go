// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Result is what is known of one destination: what was sent there, what waits, and what was found
// there afterwards.
type Result struct {
	Exporter     string     `json:"exporter"`
	Destination  string     `json:"destination,omitempty"`
	Signal       string     `json:"signal,omitempty"`
	Sent         int64      `json:"sent"`
	Rejected     int64      `json:"rejected"`
	DeadLettered int64      `json:"dead_lettered"`
	Held         string     `json:"held,omitempty"`
	HeldSince    *time.Time `json:"held_since,omitempty"`
	Problems     []string   `json:"problems,omitempty"`
	Verification string     `json:"verification"`
	Detail       string     `json:"detail,omitempty"`
	// Counted at the destination; absent when nothing was counted there.
	Arrived  *int64 `json:"arrived,omitempty"`
	Missing  *int64 `json:"missing,omitempty"`
	Repeated *int64 `json:"repeated,omitempty"`
}

// results are the states of all destinations in the order of their names. An exporter of Databricks
// that a receiver sends to and that reported nothing is one of them: what it sent was not verified
// either.
func results(list []progress.Destination, exporters []string) []Result {
	var out []Result
	for i := range list {
		out = append(out, result(&list[i]))
	}
	for _, id := range exporters {
		if delivery.IsDatabricks(id) && !slices.ContainsFunc(out, func(r Result) bool { return r.Exporter == id }) {
			out = append(out, Result{Exporter: id, Verification: string(progress.NotVerified),
				Detail: "the exporter reported nothing"})
		}
	}
	slices.SortStableFunc(out, func(a, b Result) int {
		return cmp.Or(strings.Compare(a.Exporter, b.Exporter), strings.Compare(a.Destination, b.Destination),
			strings.Compare(a.Signal, b.Signal))
	})
	return out
}

func result(d *progress.Destination) Result {
	r := Result{
		Exporter: d.Exporter.String(), Destination: d.Name, Signal: d.Signal, Sent: d.Sent, Rejected: d.Rejected,
		DeadLettered: d.DeadLettered,
		Held:         d.Held, Problems: d.Problems, Verification: string(d.Verification), Detail: d.Detail,
	}
	if d.Held != "" && !d.HeldSince.IsZero() {
		at := d.HeldSince.UTC()
		r.HeldSince = &at
	}
	switch d.Verification {
	case progress.Arrived, progress.Short:
		r.Arrived, r.Missing, r.Repeated = &d.Arrived, &d.Missing, &d.Repeated
	default:
		r.Verification = string(progress.NotVerified)
	}
	return r
}

// name is what people call the destination.
func (r *Result) name() string { return cmp.Or(r.Destination, r.Exporter) }

// outcome is what the results of some destinations amount to.
type outcome struct {
	sent, found, missing  int64
	unit                  string
	short, held, refusing []string // names
	rejected              int64
	notVerified           bool // of at least one it is not known what arrived
}

func outcomeOf(list []Result) outcome {
	var o outcome
	units := map[string]bool{}
	short := slices.ContainsFunc(list, func(r Result) bool { return r.Verification == string(progress.Short) })
	for i := range list {
		r := &list[i]
		if r.Rejected > 0 {
			o.rejected += r.Rejected
			o.refusing = append(o.refusing, r.name())
		}
		if r.Held != "" {
			o.held = append(o.held, r.name())
		}
		switch {
		case r.Arrived == nil:
			o.notVerified = true
			continue
		case r.Verification == string(progress.Short):
			o.short = append(o.short, r.name())
		case short:
			continue // what is missing in one table must not be made up for by another
		}
		units[Unit(r.Signal)] = true
		o.sent += *r.Arrived + *r.Missing // not r.Sent, which counts what was sent again, too
		o.found += *r.Arrived
		o.missing += *r.Missing
	}
	o.unit = "items"
	if len(units) == 1 {
		for u := range units {
			o.unit = u
		}
	}
	return o
}

// complete reports whether nothing is known to be missing at a destination.
func (o *outcome) complete() bool { return len(o.short)+len(o.held) == 0 && o.rejected == 0 }

// String is the end of a headline: what is known of the arrival.
func (o *outcome) String() string {
	var parts []string
	if o.sent > 0 || len(o.short) > 0 {
		p := fmt.Sprintf("sent %d, arrived %d %s", o.sent, o.found, o.unit)
		if len(o.short) > 0 {
			p += fmt.Sprintf(" (%d missing in %s)", o.missing, some(o.short))
		}
		parts = append(parts, p)
	}
	if len(o.held) > 0 {
		parts = append(parts, "data is held for "+some(o.held))
	}
	if o.rejected > 0 {
		parts = append(parts, fmt.Sprintf("%d items rejected by %s", o.rejected, some(o.refusing)))
	}
	switch {
	case !o.notVerified:
	case o.sent > 0 || len(o.short) > 0:
		parts = append(parts, "elsewhere arrived: not verified")
	default:
		parts = append(parts, "arrived: not verified")
	}
	return strings.Join(parts, "; ")
}

// headline is the sentence for a run whose own words are own, judged by what is known of the
// arrival. Complete is said only of what arrived.
func (o *outcome) headline(own, accepted string, complete bool) string {
	switch rest := o.String(); {
	case rest == "":
		return own
	case !complete:
		return own + "; " + rest
	case !o.complete():
		return "not complete: " + accepted + "; " + rest
	case o.notVerified:
		return accepted + "; " + rest
	default:
		return own + "; " + rest
	}
}

// Unit is what the items of a signal are called.
func Unit(signal string) string {
	switch signal {
	case "traces":
		return "spans"
	case "logs":
		return "log records"
	case "metrics":
		return "data points"
	}
	return "items"
}

// summary writes what is known of a destination, for people.
func (r *Result) summary(b *strings.Builder) {
	if r.Destination != "" {
		fmt.Fprintf(b, "  sent      %d %s to %s (%s): %s\n", r.Sent, Unit(r.Signal), r.Destination,
			r.Exporter, r.arrival())
	} else {
		fmt.Fprintf(b, "  sent      %s: %s\n", r.Exporter, r.arrival())
	}
	if r.Held != "" {
		since := ""
		if r.HeldSince != nil {
			since = " since " + r.HeldSince.Format(time.RFC3339)
		}
		fmt.Fprintf(b, "  held      data for %s%s: %s\n", r.name(), since, indented(r.Held))
	}
	if r.Rejected > 0 {
		fmt.Fprintf(b, "  rejected  %d %s by %s, %d of them in the dead-letter file\n", r.Rejected, Unit(r.Signal),
			r.name(), r.DeadLettered)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(b, "  problem   %s: %s\n", r.name(), indented(p))
	}
}

func (r *Result) arrival() string {
	var text string
	if r.Arrived == nil {
		text = "arrived: not verified"
	} else {
		text = fmt.Sprintf("%d arrived, %d missing, %d repeated", *r.Arrived, *r.Missing, *r.Repeated)
	}
	if r.Detail != "" {
		text += "; " + indented(r.Detail)
	}
	return text
}

// indented keeps the further lines of a text, such as a statement of SQL, below its first.
func indented(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n            ")
}
