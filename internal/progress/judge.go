// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Outcome is what Judge needs to know of a run.
type Outcome struct {
	Experiments []Experiment
	// Details holds the first detail of each reason.
	Details map[mlflow.Reason]string
	// Allowed is the number of skipped traces that a run may have which read so many; MaxSkipped is
	// how the user wrote it.
	Allowed    func(read int64) int64
	MaxSkipped string
	// Receiver is the id under which the settings are written.
	Receiver string
	// Delivery is the word that the configuration gives; Reason says why it is weaker than
	// acknowledged, and what to do.
	Delivery Delivery
	Reason   string
	// Fault is the error that ended the run, if any; Unbalanced says that the counts do not add up.
	Fault, Unbalanced error
	// AddedSpans is how many spans were added inside of finished traces after their delivery.
	AddedSpans int64
	// Stopped says what stopped the run before its end ("stopped by SIGTERM"); empty when it ended
	// by itself.
	Stopped string
	// Shard is what the run reads of a backfill.
	Shard Shard
	// BeganAgain says that the storage was new although an earlier run is known of; empty when it
	// was not.
	BeganAgain string
}

// Verdict is what a run's numbers amount to.
type Verdict struct {
	// Complete is true when everything of the range was read and each trace is accepted, or skipped
	// within the bound.
	Complete bool
	// Delivery is the word for what was delivered by this run and those before it; Reason says why
	// it is weaker than acknowledged.
	Delivery Delivery
	Reason   string
	// Headline is one sentence, the first line that people read.
	Headline string
	// Problems say why the run is not complete, Next what to do about it.
	Problems []string
	Next     []string
	// Remarks are parts of the headline: what a person has to know of a run, complete or not.
	Remarks []string
}

// Judge says whether a run is complete: no fault ended it, everything of the range was read, the
// counts add up, nothing is rejected or refused, and no more is skipped than allowed, never a whole
// experiment. Runs before it over the same positions count: what they left out is still missing.
// Unfinished traces are not held against a run.
func Judge(o Outcome) Verdict {
	v := Verdict{Delivery: o.Delivery, Reason: o.Reason}
	all, _, _ := totals(o.Experiments)
	var earlier Delivery
	for i := range o.Experiments {
		a := &o.Experiments[i]
		earlier = Weakest(earlier, a.EarlierDelivery)
		total := a.Earlier.Clone()
		total.Add(a.Run)
		v.Problems = append(v.Problems, a.problems(total, o.Stopped != "")...)
	}
	if earlier != "" && !earlier.AtLeast(v.Delivery) {
		v.Delivery = earlier
		v.Reason = "an earlier run delivered without a confirmation; to deliver its traces again, remove the " +
			"storage folder"
	}
	if n := all.SkippedSum(); n > o.Allowed(all.Read) {
		v.Problems = append(v.Problems, fmt.Sprintf("%d of %d traces were skipped (%s), more than max_skipped %s",
			n, all.Read, Reasons(all.Skipped), o.MaxSkipped))
		v.Next = append(v.Next,
			fmt.Sprintf("to accept what is skipped, write receivers::%s::max_skipped: %d", o.Receiver, n))
	} else if n > 0 {
		v.Next = append(v.Next,
			fmt.Sprintf("what is skipped lies within receivers::%s::max_skipped: %s; to accept none, write 0",
				o.Receiver, o.MaxSkipped))
	}
	if n := all.Left(Rejected); n > 0 {
		v.Problems = append(v.Problems,
			fmt.Sprintf("%d rejected by the destination%s; every later run tries them again",
				n, detail(o.Details, Rejected)))
	}
	if n := all.PartiallyRejected; n > 0 {
		v.Problems = append(v.Problems,
			fmt.Sprintf("%d partially rejected by the destination%s; no run sends them again by itself, since what "+
				"was stored would be there twice", n, detail(o.Details, PartiallyRejected)))
		v.Next = append(v.Next, fmt.Sprintf("to send what was partially rejected again, write its lines of "+
			"skipped.jsonl into a file and run once with receivers::%s::trace_ids_file", o.Receiver))
	}
	if n := all.Pending[Refused]; n > 0 {
		v.Problems = append(v.Problems,
			fmt.Sprintf("%d refused%s; they stay pending, and running again tries them again",
				n, detail(o.Details, Refused)))
	}
	if n := all.Pending[mlflow.ReasonSpansMissing]; n > 0 {
		v.Problems = append(v.Problems,
			fmt.Sprintf("%d traces lack spans%s; the spans that came are delivered, and running again asks again",
				n, detail(o.Details, mlflow.ReasonSpansMissing)))
	}
	if o.AddedSpans > 0 && o.Stopped == "" {
		v.Problems = append(v.Problems, added(o)+"; nothing tells which traces these are")
		v.Next = append(v.Next, "to deliver spans that were added later, deliver everything again with another "+
			"storage folder")
	}
	if o.Fault != nil {
		v.Problems = append(v.Problems, o.Fault.Error())
	}
	if o.Unbalanced != nil {
		v.Problems = append(v.Problems, o.Unbalanced.Error())
	}
	v.Complete = len(v.Problems) == 0 && o.Stopped == ""
	v.Remarks = remarks(o)
	v.Headline = strings.Join(append([]string{headline(v, o, all)}, v.Remarks...), "; ")
	return v
}

// remarksShown is how many experiments remarks name.
const remarksShown = 3

// remarks say which shard it is, where a run began again and of what the source's numbers were not compared.
func remarks(o Outcome) (list []string) {
	if !o.Shard.Whole() {
		list = append(list, "this is "+o.Shard.String())
	}
	if o.BeganAgain != "" {
		list = append(list, o.BeganAgain)
	}
	var scopes, notes []string
	for i := range o.Experiments {
		a := &o.Experiments[i]
		if a.Scope != "" && a.Missing == "" && !slices.Contains(scopes, a.Scope) {
			scopes = append(scopes, a.Scope)
		}
		if a.Note != "" {
			notes = append(notes, fmt.Sprintf("experiment %s (%s): %s", a.Experiment.Name, a.Experiment.ID, a.Note))
		}
	}
	if len(scopes) > 1 {
		scopes = []string{scopes[0] + ", and of other experiments other days"}
	}
	if more := len(notes) - remarksShown; more > 0 {
		notes = append(notes[:remarksShown], fmt.Sprintf("and %d more experiments", more))
	}
	return slices.Concat(list, scopes, notes)
}

// faults says what is missing of the first experiment that has a fault of its source, and how many
// others have one.
func faults(experiments []Experiment) (text string) {
	others := -1
	for i := range experiments {
		a := &experiments[i]
		fault := cmp.Or(a.Error, a.Missing)
		if fault == "" {
			continue
		}
		if others++; others == 0 {
			text = fmt.Sprintf("; experiment %s (%s): %s", a.Experiment.Name, a.Experiment.ID, fault)
		}
	}
	if others > 0 {
		text += fmt.Sprintf("; and %d more experiments", others)
	}
	return text
}

// totals are those of all runs and of this one, and how many of the traces that this one read were
// known before.
func totals(experiments []Experiment) (all, run Totals, known int64) {
	for i := range experiments {
		all.Add(experiments[i].Earlier)
		run.Add(experiments[i].Run)
		known += experiments[i].Retried
	}
	all.Add(run)
	return all, run, known
}

// detail is the first detail of a reason, to be put behind a count.
func detail(details map[mlflow.Reason]string, r mlflow.Reason) string {
	if d := details[r]; d != "" {
		return ": " + d
	}
	return ""
}

func (a *Experiment) problems(total Totals, stopped bool) (p []string) {
	name := fmt.Sprintf("experiment %s (%s)", a.Experiment.Name, a.Experiment.ID)
	if a.Missing != "" && !stopped {
		p = append(p, name+" is not delivered completely: "+a.Missing)
	}
	if a.Error != "" {
		p = append(p, name+": "+a.Error)
	} else if !a.Done && !stopped && total.Pending[Held] == 0 {
		p = append(p, name+" was not read to its end")
	}
	if lost := total.SkippedSum(); lost > 0 && lost == total.Read {
		p = append(p, fmt.Sprintf("%s: every trace was skipped (%s)", name, Reasons(total.Skipped)))
	}
	if n := total.Pending[Held]; n > 0 {
		p = append(p, fmt.Sprintf("%s: read and held: %s; running again sends them", name,
			Count(n, "trace")))
	}
	if a.InFlight > 0 {
		p = append(p, fmt.Sprintf("%s: read and not settled: %s; running again reads them again", name,
			Count(a.InFlight, "trace")))
	}
	return p
}

func headline(v Verdict, o Outcome, all Totals) string {
	if o.Stopped != "" {
		return fmt.Sprintf("%s after %s; running again continues", o.Stopped, after(o.Experiments, all))
	}
	if n := all.SkippedSum(); n > 0 && n == all.Read {
		return fmt.Sprintf("0 of %d delivered: %s", all.Read, why(o.Details, all))
	}
	verb := " " + v.Delivery.participle()
	if v.Complete && v.Delivery == HandedOver {
		verb = "" // the headline begins with it
	}
	text := summarize(o.Experiments, v.Delivery, verb)
	switch {
	case !v.Complete && o.Fault != nil && all.Read == 0:
		return "not complete: " + o.Fault.Error()
	case !v.Complete && o.Fault != nil:
		return "not complete: " + text + "; " + o.Fault.Error()
	case !v.Complete:
		if n := all.Pending[Refused]; n > 0 {
			text += fmt.Sprintf("; %d refused%s", n, detail(o.Details, Refused))
		}
		text += faults(o.Experiments)
		if o.AddedSpans > 0 {
			text += "; " + added(o)
		}
		if n := all.Pending[mlflow.ReasonSpansMissing]; n > 0 {
			text += fmt.Sprintf("; %d lack spans%s", n, detail(o.Details, mlflow.ReasonSpansMissing))
		}
		return "not complete: " + text
	case v.Delivery == HandedOver:
		return "handed over: " + text + "; delivery not confirmed: " + v.Reason
	case !v.Delivery.AtLeast(Acknowledged):
		return "delivery unknown: " + text + "; " + v.Reason
	}
	return "complete: " + text
}

func added(o Outcome) string {
	return Count(o.AddedSpans, "span") + " added to finished traces after their delivery and not delivered"
}

// after is how far a run came that was stopped: "198 of 6000 traces" where the source told its own
// count.
func after(experiments []Experiment, all Totals) string {
	var total int64
	for i := range experiments {
		if experiments[i].SourceCount < 0 {
			return Count(all.Accepted, "trace")
		}
		total += max(experiments[i].SourceCount, experiments[i].Earlier.Read)
	}
	return fmt.Sprintf("%d of %s", all.Accepted, Count(max(total, all.Read), "trace"))
}

// why is the reason why everything was skipped.
func why(details map[mlflow.Reason]string, all Totals) string {
	if d := details[mlflow.ReasonUnreachable]; d != "" {
		return d
	}
	if len(details) == 1 {
		for _, d := range details {
			if d != "" {
				return d
			}
		}
	}
	return Reasons(all.Skipped)
}

// Summarize says what runs read and what became of it, without a verdict. Its numbers are of one
// scope and add up: of this run, or of all runs if this one read nothing new. What earlier runs did
// beside that is named as theirs.
func Summarize(experiments []Experiment, d Delivery) string {
	return summarize(experiments, d, " "+d.participle())
}

// SummarizeAll is Summarize for all runs together.
func SummarizeAll(experiments []Experiment, d Delivery) string {
	all, _, _ := totals(experiments)
	return fmt.Sprintf("%d of %s %s, with %s", all.Accepted, Count(all.Read, "trace"), d.participle(),
		Count(all.Spans, "span")) + left(&all)
}

func summarize(experiments []Experiment, d Delivery, verb string) string {
	all, run, known := totals(experiments)
	if run.Accepted == 0 && run.Read <= known+run.Pending[mlflow.ReasonInProgress] && all.Accepted > 0 {
		return fmt.Sprintf("nothing new; %s with %s %s earlier", Count(all.Accepted, "trace"),
			Count(all.Spans, "span"), d.participle()) + left(&all)
	}
	text := fmt.Sprintf("%d of %s%s, with %s", run.Accepted, Count(run.Read, "trace"), verb, Count(run.Spans, "span")) +
		left(&run)
	if all.Accepted > run.Accepted {
		text += fmt.Sprintf("; with earlier runs %d of %d", all.Accepted, all.Read)
		if earlier := all.Read - all.Accepted; earlier > run.Read-run.Accepted {
			text += left(&all)
		}
	}
	return text
}

// left names what was not accepted.
func left(t *Totals) string {
	var b strings.Builder
	for _, part := range []struct {
		n    int64
		text string
	}{
		{t.Left(Rejected), "rejected"}, {t.PartiallyRejected, "partially rejected"}, {t.SkippedSum(), "skipped"},
		{t.Pending[Refused], "pending"},
		{t.Pending[Held], "held"}, {t.Pending[mlflow.ReasonInProgress], "not finished yet"},
		{t.Pending[mlflow.ReasonSpansMissing], "incomplete"},
	} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.text)
		}
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
