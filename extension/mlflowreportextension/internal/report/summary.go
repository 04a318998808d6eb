// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Summary writes a document for people. It lies at path, and the page of it at page.
func Summary(w io.Writer, d Document, page, path string) error {
	var b strings.Builder
	if len(d.Receivers) != 1 && (len(d.Receivers) == 0 || len(d.Destinations) > 0) {
		fmt.Fprintln(&b, d.Headline)
	}
	for i, r := range d.Receivers {
		if i > 0 {
			b.WriteByte('\n')
		}
		if len(d.Receivers) > 1 {
			fmt.Fprintf(&b, "%s: ", r.Receiver)
			r.summary(&b, r.Headline)
		} else {
			r.summary(&b, d.Headline)
		}
	}
	for i := range d.TopicReaders {
		d.TopicReaders[i].summary(&b)
	}
	for i := range d.Destinations {
		d.Destinations[i].summary(&b)
	}
	for i := range d.Answers {
		d.Answers[i].summary(&b)
	}
	for i := range d.Refinements {
		if len(d.Refinements) > 1 && d.Refinements[i].Spans > 0 {
			fmt.Fprintf(&b, "  processor %s\n", d.Refinements[i].Processor)
		}
		d.Refinements[i].summary(&b)
	}
	if path != "" {
		fmt.Fprintf(&b, "  report    %s\n  page      %s\n", path, page)
	}
	for _, n := range d.Next() {
		fmt.Fprintf(&b, "  next      %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Receiver) summary(b *strings.Builder, headline string) {
	fmt.Fprintln(b, headline)
	for _, p := range r.Problems {
		if !strings.Contains(headline, p) {
			fmt.Fprintf(b, "  problem   %s\n", p)
		}
	}
	fmt.Fprintf(b, "  source    %s %s", r.Source.Kind, r.Source.Location)
	if r.Source.Version != "" {
		fmt.Fprintf(b, " (%s)", r.Source.Version)
	}
	b.WriteByte('\n')
	if r.Check != nil {
		r.checked(b)
		return
	}
	if r.Totals.Read > 0 {
		fmt.Fprintf(b, "  traces    %d read, %d accepted with %s, in %.1f s (%.0f traces/s)\n",
			r.Totals.Read, r.Totals.Accepted, progress.Count(r.Totals.Spans, "span"), r.Seconds, r.TracesPerSecond)
	}
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	for _, e := range r.Experiments {
		n := e.total()
		fmt.Fprintf(t, "  \t  %s (%s)\t%s\t%s\t%s\t%s\n", e.Name, e.ID, progress.Count(n.Accepted, "trace"),
			progress.Count(n.Spans, "span"), span(e.First, e.Last), e.Error)
	}
	_ = t.Flush()
	for _, reason := range slices.Sorted(maps.Keys(r.Totals.Skipped)) {
		ids := r.Skipped[reason]
		fmt.Fprintf(b, "  skipped   %d %s: %s\n", r.Totals.Skipped[reason], reason, some(ids))
	}
	if n := r.Totals.Rejected - r.Totals.PartiallyRejected; n > 0 {
		fmt.Fprintf(b, "  rejected  %d by the destination: %s\n", n, some(r.Skipped[progress.Rejected]))
	}
	if n := r.Totals.PartiallyRejected; n > 0 {
		fmt.Fprintf(b, "  rejected  %d in part: %s\n", n, some(r.Skipped[progress.PartiallyRejected]))
	}
	if r.SkippedFile != "" {
		fmt.Fprintf(b, "            all of them with their reasons: %s (trace_ids_file takes it back)\n", r.SkippedFile)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Totals.Pending)) {
		fmt.Fprintf(b, "  pending   %d %s", r.Totals.Pending[reason], reason)
		if ids := r.Skipped[reason]; len(ids) > 0 {
			fmt.Fprintf(b, ": %s", some(ids))
		}
		b.WriteByte('\n')
	}
	if r.MissingFile != "" {
		fmt.Fprintf(b, "  missing   %s, with days and ids: %s\n", progress.Count(int64(r.MissingLines), "line"),
			r.MissingFile)
	}
	for i := range r.Experiments {
		e := &r.Experiments[i]
		if e.Grown > 0 {
			fmt.Fprintf(b, "  grown     %s of %s (%s) delivered again, since spans were added\n",
				progress.Count(e.Grown, "trace"), e.Name, e.ID)
		}
		if e.Gone > 0 {
			fmt.Fprintf(b, "  gone      %s of %s (%s) delivered, and not at the source any more or left out by the "+
				"filter\n", progress.Count(e.Gone, "trace"), e.Name, e.ID)
		}
	}
	if r.SentAgain > 0 {
		fmt.Fprintf(b, "  repeated  %s sent again after refusals; a destination that had accepted what it refused "+
			"may hold it twice\n", progress.Count(r.SentAgain, "trace"))
	}
	if r.nothing() {
		return
	}
	fmt.Fprintf(b, "  delivery  %s\n", meaning[r.Delivery])
	for _, n := range r.DeliveryNotes {
		fmt.Fprintf(b, "            %s\n", n)
	}
	outputs(b, r.Destinations, r.Topics)
}

// nothing reports whether a run failed before it delivered anything, and none before it did.
func (r *Receiver) nothing() bool {
	return !r.settled && r.Totals.Accepted == 0 && !slices.ContainsFunc(r.Experiments,
		func(e Experiment) bool { return e.total().Accepted > 0 })
}

var meaning = map[progress.Delivery]string{
	progress.Verified:     "verified: everything was counted at the destination",
	progress.Acknowledged: "acknowledged: every destination has confirmed what it got",
	progress.HandedOver:   "handed_over: a stage on the way has taken the data; the destination has not confirmed it",
	progress.Unknown:      "unknown: what the pipeline accepted may not have reached the destination",
}

func (r *Receiver) checked(b *strings.Builder) {
	for i, g := range r.Check.Grants {
		head := "grants"
		if i > 0 {
			head = ""
		}
		fmt.Fprintf(b, "  %-8s  %-8s  %s\n", head, strings.ReplaceAll(string(g.State), "_", " "), g.Statement)
	}
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	for _, e := range r.Check.Experiments {
		name := e.Name
		if e.Deleted {
			name += " (deleted)"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", e.ID, name, progress.Count(e.Traces, "trace"),
			span(e.First, e.Last), eras(e))
	}
	_ = t.Flush()
	for _, e := range r.Check.Experiments {
		if len(e.Scores) > 0 {
			fmt.Fprintf(b, "  scores    %s: %s\n", e.Name, strings.Join(e.Scores, ", "))
		}
	}
	if s := r.Check.SourceSeconds; s > 0 {
		fmt.Fprintf(b, "  estimate  %s to read everything", duration(s))
		if q := r.Check.QuotaSeconds; q > s {
			fmt.Fprintf(b, "; %s at a destination that takes %g traces a second", duration(q), r.Check.QuotaPerSecond)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "  requests  %d; nothing was written\n", r.Check.Requests)
}

func (e *Experiment) total() Numbers {
	n := e.Run
	if e.Earlier != nil {
		n.Accepted += e.Earlier.Accepted
		n.Spans += e.Earlier.Spans
	}
	return n
}

func eras(e progress.ExperimentFinding) string {
	var parts []string
	for _, era := range slices.Sorted(maps.Keys(e.Eras)) {
		p := fmt.Sprintf("%d in %s", e.Eras[era], era)
		if ok, tried := e.Reachable[era]; tried && !ok {
			p += " (not readable)"
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ", ")
}

func span(first, last string) string {
	if first == "" {
		return ""
	}
	if first[:10] == last[:10] {
		return first[:10]
	}
	return first[:10] + " to " + last[:10]
}

func some(ids []string) string {
	const most = 3
	if len(ids) > most {
		return strings.Join(ids[:most], ", ") + ", …"
	}
	return strings.Join(ids, ", ")
}

func duration(seconds float64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.0f s", max(seconds, 1))
	case seconds < 2*3600:
		return fmt.Sprintf("%.0f min", seconds/60)
	default:
		return fmt.Sprintf("%.1f h", seconds/3600)
	}
}
