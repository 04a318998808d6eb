// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/facts"
)

// window is a part of an experiment that is read and settled together, the unit of its position.
type window struct {
	reader *reader
	ticket *progress.Ticket[*window] // nil: the turn comes when the window is done
	infos  []mlflow.Info             // of the traces that are read
	listed bool                      // of a run over a list
	// Of a window that lists: the listing, all traces of its page and the position of the last one.
	// end says that the page was empty: nothing is left of the range.
	listing *delivered.Listing
	page    []delivered.Trace
	upto    mlflow.Position
	end     bool
	// edited are delivered traces of which tags, metadata or assessments have changed.
	edited []Edited
	// telling are the ids of traces of which something is told that has its announcement in the storage.
	telling map[string]bool
	// grown is the number of traces that were delivered before, without spans that were added since.
	grown int64
	// regrown are their ids.
	regrown map[string]bool
	// moved are the ids of traces that were delivered before their start moved back, known once they are sent.
	moved map[string]bool
	// formerly holds the traces that were open before; they are counted anew.
	formerly map[string]progress.OpenTrace
	// suspects are the traces of a window that is sent from quarantine; nil for any other.
	suspects map[string]*refusal.Suspect

	// Guarded by run.mu: since when the window waits for the source, or for an answer of the
	// pipeline; zero when it does not.
	reading, sending time.Time

	mu      sync.Mutex
	pending int // traces that are not settled, plus one while the worker is at it
	given   bool
	totals  progress.Totals
	skipped []progress.SkippedTrace
	left    []progress.OpenTrace // not delivered
	sent    []string             // accepted
	// delivered are the traces that are to be in the set: accepted ones, and those taken over from a
	// position of an older format.
	delivered []delivered.Trace
	facts     []aggregate.Trace
}

// lone is a trace from quarantine that was refused alone once more.
type lone struct {
	refusedTrace
	at   time.Time
	call call
	// after is when another trace of the experiment was accepted that was sent after it; zero until one is. quiet says
	// that nothing else was refused between call.before and after.
	after time.Time
	quiet bool
}

// process reads the traces of a window and sends them. When the run ends in between, what is not
// settled is given back: the position does not move.
func (r *run) process(w *window) {
	x := w.reader
	w.pending = len(w.infos) + 1
	w.totals.Read = int64(len(w.infos))
	r.Counters.Update(x.exp.ID, w.begin)
	r.Observer.Read(int(w.news()))
	if w.suspects == nil && len(w.formerly) > 0 {
		r.Observer.Revisited(len(w.formerly))
	}
	if w.grown > 0 && !r.part() {
		r.spans.unsure.Store(true)
	}
	r.track(w)
	defer r.untrack(w)

	err := w.announce()
	if err == nil {
		err = w.read()
	}
	if err == nil {
		err = r.tell(w)
	}
	if err != nil {
		w.giveBack()
		r.fail(x, err)
		return
	}
	if w.suspects != nil {
		r.judge(w)
	}
	w.settled(1)
}

// begin counts what the window reads: new traces, traces of earlier runs, which are counted anew,
// and those that this run has put into quarantine.
func (w *window) begin(a *progress.Experiment) {
	a.Grown += w.grown
	a.Retried += w.grown
	a.Earlier.Read -= w.grown
	a.Earlier.Accepted -= w.grown
	for i := range w.infos {
		id := w.infos[i].ID
		was, known := w.formerly[id]
		s := w.suspects[id]
		a.InFlight++
		switch {
		case s != nil && s.Counted:
			a.Run.Wait(progress.Refused, -1)
			continue
		case s != nil:
			s.Counted = true
			a.Earlier.Retake(progress.Refused)
			a.Retried++
		case known:
			a.Earlier.Retake(was.Reason)
			a.Retried++
		}
		a.Run.Read++
	}
}

// news is the number of traces that this run had not read before.
func (w *window) news() int64 {
	n := int64(len(w.infos)) - w.grown
	for _, s := range w.suspects {
		if !s.Before {
			n--
		}
	}
	return n
}

// accept settles traces that the pipeline took. One that lacks spans is delivered with those that came,
// and stays open.
func (w *window) accept(traces []*mlflow.Trace, unit *progress.Unit) {
	if slices.ContainsFunc(traces, lacksSpans) {
		whole := make([]*mlflow.Trace, 0, len(traces))
		for _, t := range traces {
			if lacksSpans(t) {
				w.leavePart(t, int64(len(t.Spans)))
			} else {
				whole = append(whole, t)
			}
		}
		if traces = whole; len(traces) == 0 {
			return
		}
	}
	delta := progress.Totals{Accepted: int64(len(traces))}
	for _, t := range traces {
		delta.Spans += max(0, int64(len(t.Spans))-w.formerly[t.Info.ID].Spans)
		delta.Saw(t.Info.Timestamp)
	}
	counted := w.count(traces, unit)
	w.mu.Lock()
	w.totals.Add(delta)
	w.facts = append(w.facts, counted...)
	for _, t := range traces {
		w.sent = append(w.sent, t.Info.ID)
		entry := delivered.NewTrace(&t.Info, delivered.UnknownSpans)
		entry.Digest = w.reader.run.digestOf(&t.Info)
		w.delivered = append(w.delivered, entry)
	}
	w.mu.Unlock()
	w.reader.waits.sent(w, traces)
	r := w.reader.run
	if len(r.readers) > 1 {
		r.twice.note(w.reader, traces)
	}
	if w.suspects != nil {
		for _, t := range traces {
			r.acquit(w, t.Info.ID)
		}
	}
	r.Counters.Update(w.reader.exp.ID, func(a *progress.Experiment) {
		a.Run.Add(delta)
		a.InFlight -= delta.Accepted
	})
	w.noteSpans(traces)
	r.Observer.Accepted(len(traces))
	w.settled(len(traces))
}

// count returns what the sums count of accepted traces. One that was delivered before counted then.
func (w *window) count(traces []*mlflow.Trace, unit *progress.Unit) []aggregate.Trace {
	a := w.reader.run.Aggregates
	if a == nil {
		return nil
	}
	if w.regrown != nil {
		traces = slices.DeleteFunc(slices.Clone(traces), func(t *mlflow.Trace) bool { return w.regrown[t.Info.ID] })
	}
	list := facts.Of(w.reader.exp.ID, traces, a.Texts && !unit.NamesWithheld(), unit.Refined)
	if unit.NamesWithheld() {
		for i := range list {
			for j := range list[i].Spans {
				list[i].Spans[j].Name = ""
			}
		}
	}
	return list
}

// leavePart settles a trace of which the source gives fewer spans than its metadata tells; those that
// came were delivered. It is tried again by the next run.
func (w *window) leavePart(t *mlflow.Trace, delivered int64) {
	if w.suspects != nil {
		w.reader.run.acquit(w, t.Info.ID)
	}
	w.leaveOpen(&t.Info, progress.OpenTrace{Reason: mlflow.ReasonSpansMissing, Spans: delivered,
		Digest: w.reader.run.digestOf(&t.Info)},
		fmt.Sprintf("trace %s: %d of %d spans came", t.Info.ID, len(t.Spans), t.Info.Spans), w.reader.run.Now())
}

// skip settles a trace that the source could not give, or that is not finished.
func (w *window) skip(info *mlflow.Info, s *mlflow.Skip) {
	if w.suspects != nil {
		w.reader.run.acquit(w, info.ID)
	}
	w.leave(info, s.Reason, s.Detail, w.reader.run.Now())
	if !progress.IsPending(s.Reason) {
		w.reader.run.Observer.Skipped(s.Reason, 1)
	}
}

// reject settles a trace that the destination refused for good while it took others.
func (w *window) reject(f refusedTrace, since time.Time) {
	w.leave(&f.trace.Info, progress.Rejected, refusal.Message(f.err), since)
	w.reader.run.Observer.Rejected(1)
}

// partly settles traces that were sent together and of which the destination stored a part: which
// of them have all their spans there is not known.
func (w *window) partly(traces []*mlflow.Trace, s *refusal.PartialSuccess) {
	r, detail := w.reader.run, refusal.Message(s)
	for _, t := range traces {
		if w.suspects != nil {
			r.acquit(w, t.Info.ID)
		}
		w.leave(&t.Info, progress.PartiallyRejected, detail, r.Now())
	}
	r.Observer.Rejected(len(traces))
}

// leave settles a trace that was not delivered. since is when the reason was met first, unless an
// earlier run met it.
func (w *window) leave(info *mlflow.Info, reason mlflow.Reason, detail string, since time.Time) {
	w.leaveOpen(info, progress.OpenTrace{Reason: reason}, detail, since)
}

// leaveOpen is leave for an open trace of which only Reason and Spans are set.
func (w *window) leaveOpen(info *mlflow.Info, t progress.OpenTrace, detail string, since time.Time) {
	r, reason := w.reader.run, t.Reason
	was, known := w.formerly[info.ID]
	t.ID, t.Day, t.Since = info.ID, int64(mlflow.DayOf(info.Timestamp)), since.UnixMilli()
	t.Tries = was.Tries + 1
	more := max(0, t.Spans-was.Spans)
	t.Spans = was.Spans + more
	same := known && was.Reason == reason
	r.noteLeft(reason, known, same && more == 0)
	if same {
		t.Since = was.Since
		if t.Day = was.Day; reason != progress.Refused {
			t.Tries = was.Tries // nothing that is stored changes
		}
	}
	delta := progress.Totals{Spans: more}
	delta.Leave(reason, 1)
	w.reader.waits.left(t)
	w.mu.Lock()
	w.totals.Add(delta)
	w.left = append(w.left, t)
	if !same && reason != progress.Refused {
		w.skipped = append(w.skipped, progress.SkippedTrace{
			TraceID: info.ID, ExperimentID: w.reader.exp.ID, Reason: reason, Detail: detail,
			Receiver: r.Receiver, Time: r.Now().UTC(),
		})
	}
	w.mu.Unlock()
	r.Counters.Update(w.reader.exp.ID, func(a *progress.Experiment) {
		a.Run.Add(delta)
		a.InFlight--
	})
	r.Counters.Sample(reason, info.ID, detail)
	w.settled(1)
}

// settled counts n settled traces; the last one completes the window.
func (w *window) settled(n int) {
	w.mu.Lock()
	w.pending -= n
	complete := w.pending == 0 && !w.given
	w.mu.Unlock()
	if complete {
		x := w.reader
		if w.ticket == nil {
			w.ticket = x.tracker.Begin()
		}
		x.tracker.Done(w.ticket, w, x.run.saver.add)
		x.run.saver.wait()
	}
}

// giveBack ends a window that was not finished: its position does not move, nor that of any window
// behind it. What was read of it is held if the destination takes nothing, else in flight; what
// came from quarantine stays there.
func (w *window) giveBack() {
	w.mu.Lock()
	w.given = true
	n := int64(w.pending - 1)
	w.mu.Unlock()
	r, x := w.reader.run, w.reader
	r.mu.Lock()
	troubled := x.trouble != ""
	for _, s := range w.suspects {
		if s.Busy {
			x.quarantine.Refuse(s, r.Now(), true, false, s.Message)
		}
	}
	r.unlock()
	x.waits.back(w, troubled)
	reason := progress.Held
	if w.suspects != nil {
		reason = progress.Refused
	} else if !troubled {
		return
	}
	r.Counters.Update(x.exp.ID, func(a *progress.Experiment) {
		a.InFlight -= n
		a.Run.Wait(reason, n)
	})
}

func experimentError(err error) func(*progress.Experiment) {
	return func(a *progress.Experiment) { a.Error = err.Error() }
}
