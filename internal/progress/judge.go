// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Verdict is what a backfill's numbers amount to.
type Verdict struct {
	Complete bool
	Headline string   // one sentence, the first line that people read
	Problems []string // why it is not complete
}

// Judge says whether a run is complete: no fault ended it, everything of the range was read, the
// books balance, nothing was rejected, and no more was skipped than the share allows, never a whole
// experiment. Earlier runs over the same positions count: what they left out is still missing.
// Unfinished traces are not held against it. fault is the error that ended the run, if any; details
// holds an example for each reason.
func Judge(accounts []Account, details map[mlflow.Reason]string, maxSkipped float64, fault, books error) Verdict {
	var v Verdict
	var all, run Totals
	for i := range accounts {
		a := &accounts[i]
		total := a.Earlier.Clone()
		total.Add(a.Run)
		all.Add(total)
		run.Add(a.Run)
		v.Problems = append(v.Problems, a.problems(total)...)
	}
	skipped := all.SkippedSum() - all.Skipped[mlflow.ReasonInProgress]
	if skipped > 0 && float64(skipped) > maxSkipped*float64(all.Read) {
		v.Problems = append(v.Problems, fmt.Sprintf("%d of %d traces were skipped (%s), more than max_skipped %g%%",
			skipped, all.Read, Reasons(all.Skipped), maxSkipped*100))
	}
	if all.Rejected > 0 {
		v.Problems = append(v.Problems, fmt.Sprintf("%d traces were refused by the destination", all.Rejected))
	}
	if fault != nil {
		v.Problems = append(v.Problems, fault.Error())
	}
	if books != nil {
		v.Problems = append(v.Problems, books.Error())
	}
	v.Complete = len(v.Problems) == 0
	v.Headline = headline(v, all, run, details, skipped)
	return v
}

func (a *Account) problems(total Totals) (p []string) {
	name := fmt.Sprintf("experiment %s (%s)", a.Experiment.Name, a.Experiment.ID)
	if a.Error != "" {
		p = append(p, name+": "+a.Error)
	} else if !a.Done {
		p = append(p, name+" was not read to its end")
	}
	if lost := total.SkippedSum() - total.Skipped[mlflow.ReasonInProgress]; lost > 0 && lost == total.Read {
		p = append(p, fmt.Sprintf("%s: every trace was skipped (%s)", name, Reasons(total.Skipped)))
	}
	if a.InFlight > 0 {
		p = append(p, fmt.Sprintf("%s: %d traces were read and not settled; the next run reads them again", name,
			a.InFlight))
	}
	return p
}

func headline(v Verdict, all, run Totals, details map[mlflow.Reason]string, skipped int64) string {
	if skipped > 0 && skipped == all.Read {
		why := Reasons(all.Skipped)
		if d := details[mlflow.ReasonUnreachable]; d != "" {
			why = d
		} else if len(details) == 1 {
			for _, d := range details {
				if d != "" {
					why = d
				}
			}
		}
		return fmt.Sprintf("0 of %d delivered: %s", all.Read, why)
	}
	verdict := "not complete: "
	if v.Complete {
		verdict = "complete: "
	}
	if nothingNew(all, run) {
		return verdict + earlier(all) + left(all, skipped)
	}
	return verdict + fmt.Sprintf("%d of %d traces accepted, with %d spans", run.Accepted, run.Read, run.Spans) +
		left(all, skipped)
}

// Accepted says what runs read and what the pipeline accepted of it. It doesn't say that anything
// is complete: its users know that accepted is not arrived.
func Accepted(accounts []Account) string {
	var all, run Totals
	for i := range accounts {
		all.Add(accounts[i].Earlier)
		run.Add(accounts[i].Run)
	}
	all.Add(run)
	skipped := all.SkippedSum() - all.Skipped[mlflow.ReasonInProgress]
	if nothingNew(all, run) {
		return earlier(all) + left(all, skipped)
	}
	return fmt.Sprintf("read and accepted %d of %d traces, with %d spans", run.Accepted, run.Read, run.Spans) +
		left(all, skipped)
}

func nothingNew(all, run Totals) bool {
	return run.Read == run.Skipped[mlflow.ReasonInProgress] && all.Accepted > 0
}

func earlier(all Totals) string {
	return fmt.Sprintf("nothing new; %d traces with %d spans were accepted earlier", all.Accepted, all.Spans)
}

// left names what was not accepted.
func left(all Totals, skipped int64) string {
	var b strings.Builder
	if all.Rejected > 0 {
		fmt.Fprintf(&b, ", %d rejected", all.Rejected)
	}
	if skipped > 0 {
		fmt.Fprintf(&b, ", %d skipped", skipped)
	}
	if n := all.Skipped[mlflow.ReasonInProgress]; n > 0 {
		fmt.Fprintf(&b, ", %d not finished yet", n)
	}
	return b.String()
}

// Reasons writes counts by reason: "2 no_spans, 1 corrupt".
func Reasons(skipped map[mlflow.Reason]int64) string {
	var parts []string
	for _, r := range slices.Sorted(maps.Keys(skipped)) {
		if n := skipped[r]; n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r))
		}
	}
	return strings.Join(parts, ", ")
}
