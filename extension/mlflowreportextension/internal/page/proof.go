// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"maps"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// row is what became of traces, of this run and those before it. Found = Delivered + Skipped + Rejected + Pending +
// Missing.
type row struct {
	Name, ID, Receiver string

	Found, Delivered, Skipped, Rejected, Pending, Missing int64

	// Spans is how many spans were delivered.
	Spans int64
	// run is how many traces this run delivered.
	run int64
}

func (r *row) add(o *row) {
	r.Found += o.Found
	r.Delivered += o.Delivered
	r.Skipped += o.Skipped
	r.Rejected += o.Rejected
	r.Pending += o.Pending
	r.Missing += o.Missing
	r.Spans += o.Spans
	r.run += o.run
}

// lost is how many traces were not delivered and are not waiting.
func (r *row) lost() int64 { return r.Skipped + r.Rejected + r.Missing }

// rowOf is the row of an experiment. What the source counts and nobody has read is missing, or not read yet while the
// run goes on. Where the run's own comparison says that everything was read, it decides.
func rowOf(e *report.Experiment) row {
	r := row{Name: e.Name, ID: e.ID}
	add := func(n *report.Numbers) {
		r.Found += n.Read
		r.Delivered += n.Accepted
		r.Rejected += n.Rejected
		r.Pending += n.InFlight + sum(n.Pending)
		r.Skipped += sum(n.Skipped)
		r.Spans += n.Spans
	}
	add(&e.Run)
	r.run = e.Run.Accepted
	if e.Earlier != nil {
		add(e.Earlier)
	}
	if e.SourceCount != nil && !e.Complete {
		r.Missing = max(0, *e.SourceCount+e.Gone-r.Found)
		r.Found += r.Missing
	}
	return r
}

func sum(counts map[mlflow.Reason]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}

// rowsOf are the rows of the receivers that deliver, those with a loss first, then the largest.
func rowsOf(list []*report.Receiver) (rows []row, total row) {
	for _, r := range list {
		for i := range r.Experiments {
			one := rowOf(&r.Experiments[i])
			if len(list) > 1 {
				one.Receiver = r.Receiver
			}
			total.add(&one)
			rows = append(rows, one)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(min(b.lost(), 1), min(a.lost(), 1)), cmp.Compare(b.Found, a.Found))
	})
	return rows, total
}

// reason is why some traces were not delivered.
type reason struct {
	Code   string
	Count  int64
	Title  string
	Lines  []string
	Detail string // of the source or the destination, about the first trace
	IDs    []string
	All    bool // IDs are all of them
	Hot    bool
}

// words are what is said of traces that were left for a reason, and what happens to them.
var words = map[mlflow.Reason][2]string{
	mlflow.ReasonNoSpans: {"without spans", "The source lists the trace and holds no span of it."},
	mlflow.ReasonArtifactMissing: {"without the file of their spans",
		"The source lists the trace, and the file that should hold its spans is not there."},
	mlflow.ReasonUnreachable: {"with spans in a place that can’t be read from here",
		"The spans lie in a store that this process has no way to read."},
	mlflow.ReasonCorrupt:  {"that can’t be decoded", "What the source holds is not a trace that MLflow writes."},
	mlflow.ReasonTooLarge: {"larger than the limit", "To read them, raise max_trace_size_mib of the receiver."},
	mlflow.ReasonForbidden: {"that the source refuses to show",
		"Give the account that reads the right to see them."},
	mlflow.ReasonVanished: {"deleted while the run went on",
		"The source listed the trace, and it was gone when it was read."},
	mlflow.ReasonSourceError: {"for which the source keeps failing",
		"The source answers for other traces. Later runs try these again."},
	mlflow.ReasonInProgress:   {"not finished yet", "They are looked at again by the next run."},
	mlflow.ReasonSpansMissing: {"with spans that did not come", "What came is delivered. The next run asks again."},
	progress.Refused: {"refused, and waiting",
		"The destination refused them. The next run sends them again."},
	progress.Held:              {"read and held", "The destination took nothing. The next run sends them."},
	progress.Rejected:          {"refused by the destination", "Refused alone, more than once, while others passed."},
	progress.PartiallyRejected: {"stored in part", "The destination stored some of the spans that came with them."},
}

// reasonsOf says why traces were not delivered, most first.
func reasonsOf(list []*report.Receiver, limit int) []reason {
	counts := map[mlflow.Reason]int64{}
	ids := map[mlflow.Reason][]string{}
	first := map[mlflow.Reason]string{}
	for _, r := range list {
		for i := range r.Experiments {
			e := &r.Experiments[i]
			tally(counts, &e.Run)
			if e.Earlier != nil {
				tally(counts, e.Earlier)
			}
		}
		for why, sample := range r.Skipped {
			ids[why] = append(ids[why], sample...)
		}
		for why, text := range r.Details {
			first[why] = cmp.Or(first[why], text)
		}
	}
	var out []reason
	for _, why := range slices.Sorted(maps.Keys(counts)) {
		n := counts[why]
		if n <= 0 {
			continue
		}
		w, known := words[why]
		if !known {
			w = [2]string{"left out", ""}
		}
		x := reason{Code: clean(string(why), 40), Count: n, Title: w[0], Detail: first[why],
			Hot: why == progress.Rejected || why == progress.PartiallyRejected || why == progress.Refused}
		if w[1] != "" {
			x.Lines = append(x.Lines, w[1])
		}
		x.IDs = ids[why]
		if len(x.IDs) > limit {
			x.IDs = x.IDs[:limit]
		}
		x.All = int64(len(x.IDs)) == n
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b reason) int { return cmp.Compare(b.Count, a.Count) })
	return out[:min(len(out), reasonsShown)]
}

// reasonsShown bounds the reasons: those that are known are fewer, and a position may hold others.
const reasonsShown = 30

func tally(counts map[mlflow.Reason]int64, n *report.Numbers) {
	for why, k := range n.Skipped {
		counts[why] += k
	}
	for why, k := range n.Pending {
		counts[why] += k
	}
	counts[progress.Rejected] += n.Rejected - n.PartiallyRejected
	counts[progress.PartiallyRejected] += n.PartiallyRejected
}
