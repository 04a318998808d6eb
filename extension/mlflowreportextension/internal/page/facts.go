// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

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

// grant is a permission of the user of a database.
type grant struct {
	Statement, State string
	Missing          bool
}

// words explains the words of delivery.
func (v *view) words() {
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
		s.Current = s.Word == spaced(string(v.Word))
		v.Ladder = append(v.Ladder, s)
	}
}

func (v *view) facts(list []*report.Receiver) {
	var sources, places, topics, times, rates, status []string
	var first, last string
	for _, r := range list {
		s := r.Source.Kind + " " + r.Source.Location
		if r.Source.Version != "" {
			s = r.Source.Kind + " " + r.Source.Version + ", " + r.Source.Location
		}
		sources = append(sources, clean(s, 300))
		for _, d := range r.Destinations {
			places = append(places, clean(d.Name, 300)+", "+spaced(string(d.Delivery)))
		}
		for _, t := range r.Topics {
			topics = append(topics, clean(t.Name, 300)+", "+spaced(string(t.Delivery)))
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
	label := [2]string{"duration", "rate of this run"}
	if v.Live {
		label = [2]string{"running for", "mean rate"}
	}
	v.Facts = []fact{{Label: "source", Lines: bounded(sources), Wide: true}}
	if len(places) > 0 || len(topics) == 0 {
		v.Facts = append(v.Facts, fact{Label: "destination", Lines: bounded(places), Wide: true})
	}
	if len(topics) > 0 {
		v.Facts = append(v.Facts, fact{Label: "topic", Lines: bounded(topics), Wide: true})
	}
	v.Facts = append(v.Facts, []fact{
		{Label: "period of the traces", Lines: []string{period(first, last)}, Wide: true},
		{Label: label[0], Lines: times}, {Label: label[1], Lines: rates},
		{Label: "exit status", Lines: status, Bold: v.State == "bad"},
	}...)
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
	for _, g := range r.Check.Grants {
		v.Grants = append(v.Grants, grant{Statement: clean(g.Statement, 300),
			State: strings.ReplaceAll(string(g.State), "_", " "), Missing: g.State == mlflow.GrantMissing})
	}
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
		if len(v.Checks) == 0 {
			v.Sub = "Nothing was read, and nothing was sent."
		}
	}
}
