// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// verdict is the first thing that people read.
type verdict struct {
	State      string // ok, warn, bad or run: the class of the page
	Title, Sub string
	// Took is the word for what the destination took: "delivered" is said only of what it has confirmed.
	Took string
	// Word is the weakest word of all receivers.
	Word progress.Delivery
	// Live says that a run goes on; Open that it did not come to its end, so that what is missing is not known.
	Live, Open bool
}

// cause is one of the reasons why a run is not complete.
type cause struct {
	n    int64
	text string // with the number
}

// verdictOf judges what the receivers that deliver amount to.
func verdictOf(d *report.Document, list []*report.Receiver, total *row) verdict {
	v := verdict{Word: progress.Verified, Took: "delivered"}
	stopped, follows, settled := false, false, true
	for _, r := range list {
		v.Word = progress.Weakest(v.Word, r.Delivery)
		v.Live = v.Live || r.Ended == nil
		stopped = stopped || r.Stopped
		follows = follows || strings.Contains(r.Mode, "tail")
		settled = settled && r.Settled()
	}
	v.Open = v.Live || stopped
	switch {
	case v.Word == progress.HandedOver:
		v.Took = "handed over"
	case !v.Word.AtLeast(progress.Acknowledged):
		v.Took = "accepted"
	}
	switch {
	case len(list) == 0:
		v.State, v.Title = "warn", "No receiver of MLflow delivered anything."
		v.Sub = "This page tells of exporters and processors only."
		v.Word = ""
	case v.Live:
		v.running(d, list, total, follows)
	case d.Complete && notVerified(d):
		v.State = "warn"
		v.Title = fmt.Sprintf("Acknowledged, arrival not verified: %s.", plural(total.Delivered, "trace"))
		v.Sub = "Databricks answered with success. Nothing was counted in its tables, and it is known to answer so " +
			"without storing anything. With verify::warehouse_id the next run counts."
	case d.Complete:
		v.complete(total, follows)
	case settled && !v.Word.AtLeast(progress.Acknowledged) && len(causesOf(d, total, false)) == 0:
		v.unconfirmed(list, total)
	default:
		v.bad(d, list, total, stopped)
	}
	return v
}

// notVerified reports whether data went to Databricks that nobody counted there.
func notVerified(d *report.Document) bool {
	return slices.ContainsFunc(d.Destinations, func(r report.Result) bool { return r.Arrived == nil })
}

func (v *verdict) running(d *report.Document, list []*report.Receiver, total *row, follows bool) {
	v.State = "run"
	v.Sub = "The destination acknowledged each of them. Whether anything is missing is said at the end, when the " +
		"counts are compared."
	switch {
	case total.Delivered == 0:
		v.Sub = "The destination has confirmed nothing yet."
	case v.Took != "delivered":
		v.Sub = "Whether the destination has them is not known: see below what the word means."
	}
	if follows {
		v.Title = fmt.Sprintf("Following the source: %s %s %s.", plural(total.Delivered, "trace"), is(total.Delivered),
			v.Took)
		if v.Took == "delivered" {
			v.Sub = "The destination acknowledged each of them. What comes next is delivered as it comes."
		}
	} else {
		v.Title = fmt.Sprintf("Running, %d%s%%: %s of %s %s %s.", percent(total), nbsp, num(total.Delivered),
			plural(total.Found, "trace"), is(total.Delivered), v.Took)
	}
	if slices.ContainsFunc(list, func(r *report.Receiver) bool { return len(r.Problems) > 0 }) {
		v.State = "warn"
		v.Sub = "There are problems; they are listed below. " + v.Sub
	}
	if slices.ContainsFunc(d.Destinations, func(r report.Result) bool { return r.Held != "" }) {
		v.State = "warn"
		v.Sub = "Data is held until the cause is removed that is named below."
	}
}

// percent is how far a run came; never 100 before its end.
func percent(total *row) int64 {
	done := total.Found - total.Missing - total.Pending
	return min(99, 100*done/max(total.Found, 1))
}

func (v *verdict) complete(total *row, follows bool) {
	v.State = "ok"
	v.Sub = "The destination acknowledged each of them."
	if v.Word == progress.Verified {
		v.Sub = "Each of them was counted at the destination."
	}
	rest := total.Found - total.Delivered
	switch {
	case total.Found == 0:
		v.State, v.Title = "warn", "Nothing found: no trace matches."
		v.Sub = "No trace of the selected experiments lies in the range of time, or matches the filter."
		return
	case follows:
		v.Title = fmt.Sprintf("Followed the source to the end: %s %s delivered.", plural(total.Delivered, "trace"),
			is(total.Delivered))
	case total.run == 0 && total.Delivered > 0:
		v.Title = fmt.Sprintf("Nothing new: %s %s delivered earlier.", plural(total.Delivered, "trace"),
			was(total.Delivered))
	case rest == 0 && total.Delivered == 1:
		v.Title = "Complete: the only trace is delivered."
	case rest == 0:
		v.Title = fmt.Sprintf("Complete: all %s traces are delivered.", num(total.Delivered))
	default:
		v.Title = fmt.Sprintf("Complete: %s of %s %s delivered%s.", num(total.Delivered), plural(total.Found, "trace"),
			is(total.Delivered), left(total))
	}
	switch {
	case total.Skipped > 0:
		v.Sub += " What was skipped stays within the bound of the configuration (max_skipped)."
	case rest == 0:
		v.Sub += " Nothing was skipped or rejected, and nothing is missing."
	}
}

// left says what is not delivered of a complete run.
func left(t *row) string {
	var s string
	if t.Skipped > 0 {
		s += fmt.Sprintf(", %s %s skipped", num(t.Skipped), was(t.Skipped))
	}
	if t.Pending > 0 {
		s += fmt.Sprintf(", %s %s not finished yet", num(t.Pending), is(t.Pending))
	}
	return s
}

func (v *verdict) unconfirmed(list []*report.Receiver, total *row) {
	v.State = "warn"
	v.Title = fmt.Sprintf("Handed over, not known to have arrived: %s.", plural(total.Delivered, "trace"))
	if v.Word != progress.HandedOver {
		v.Title = fmt.Sprintf("Accepted, not known to have arrived: %s.", plural(total.Delivered, "trace"))
	}
	v.Sub = "Everything was read, and the pipeline took it. What answered before the destination did is named below; " +
		"what became of the data after that is not known."
	if slices.ContainsFunc(list, func(r *report.Receiver) bool { return r.ExitStatus != nil && *r.ExitStatus == 0 }) {
		v.Sub += " The configuration accepts this."
	}
}

// causesOf are the numbers that keep a run from being complete, the largest first. skipped says whether skipped traces
// are among them.
func causesOf(d *report.Document, total *row, skipped bool) (list []cause) {
	add := func(n int64, text string) {
		if n > 0 {
			list = append(list, cause{n, text})
		}
	}
	for i := range d.Destinations {
		r := &d.Destinations[i]
		if r.Missing != nil && r.Verification == string(progress.Short) {
			add(*r.Missing, fmt.Sprintf("%s %s missing in %s", plural(*r.Missing, "span"), is(*r.Missing),
				clean(r.Destination, 100)))
		}
		add(r.Rejected, fmt.Sprintf("%s %s rejected by %s", plural(r.Rejected, "item"), was(r.Rejected),
			clean(cmp.Or(r.Destination, r.Exporter), 100)))
	}
	of := "of " + plural(total.Found, "trace")
	add(total.Missing, fmt.Sprintf("%s %s %s missing", num(total.Missing), of, is(total.Missing)))
	add(total.Rejected, fmt.Sprintf("%s %s %s rejected", num(total.Rejected), of, was(total.Rejected)))
	add(total.Pending, fmt.Sprintf("%s %s %s waiting", num(total.Pending), of, is(total.Pending)))
	if skipped {
		add(total.Skipped, fmt.Sprintf("%s %s %s skipped", num(total.Skipped), of, was(total.Skipped)))
	}
	slices.SortStableFunc(list, func(a, b cause) int { return cmp.Compare(b.n, a.n) })
	return list
}

func (v *verdict) bad(d *report.Document, list []*report.Receiver, total *row, stopped bool) {
	v.State = "bad"
	causes := causesOf(d, total, true)
	held := slices.IndexFunc(d.Destinations, func(r report.Result) bool { return r.Held != "" })
	switch {
	case stopped:
		v.Title = fmt.Sprintf("Stopped: %s of %s %s %s.", num(total.Delivered), plural(total.Found, "trace"),
			is(total.Delivered), v.Took)
		v.Sub = "The run was stopped before its end. Running again continues where it stopped."
		return
	case held >= 0:
		v.Title = "Not complete: data is held for " + clean(d.Destinations[held].Destination, 100) + "."
	case len(causes) > 0:
		v.Title = "Not complete: " + causes[0].text + "."
		causes = causes[1:]
	default:
		v.Title = "Not complete: the run did not come to its end."
	}
	var also []string
	for _, c := range causes {
		also = append(also, c.text)
	}
	if len(also) > 0 {
		v.Sub = "Also: " + strings.Join(also, ", ") + ". "
	}
	if total.Delivered > 0 {
		v.Sub += fmt.Sprintf("%s %s %s (%s).", plural(total.Delivered, "trace"), is(total.Delivered), v.Took,
			spaced(string(v.Word)))
	} else if problem := firstProblem(list); problem != "" {
		v.Sub += clean(problem, 400)
	}
}

func firstProblem(list []*report.Receiver) string {
	for _, r := range list {
		if len(r.Problems) > 0 {
			return r.Problems[0]
		}
	}
	return ""
}
