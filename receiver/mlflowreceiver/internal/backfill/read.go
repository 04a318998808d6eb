// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

const (
	// attempts is how often a trace is read in a run that comes without all of its spans, or has only
	// just ended.
	attempts = 3
	// settleAge is how long after its end a trace may still change: clients write spans first and the
	// final info after them, and spans that are exported in parts follow each other.
	settleAge = 10 * time.Second
)

// read reads the traces of the window and sends them. A trace that comes without all of its spans is
// read again, and one that has only just ended is read once it has settled.
func (w *window) read() error {
	r := w.reader.run
	var batch []*mlflow.Trace
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		traces := batch
		batch, size = nil, 0
		return r.deliver(w, traces)
	}
	due := w.due(w.infos)
	for attempt := 1; len(due) > 0; attempt++ {
		var again []mlflow.Info
		var settled time.Time
		err := r.Source.Traces(r.ctx, due, func(i int, t *mlflow.Trace, skip *mlflow.Skip) error {
			if skip != nil {
				w.skip(&due[i], skip)
				return nil
			}
			if lacksSpans(t) {
				if was := w.formerly[t.Info.ID]; was.Spans >= int64(len(t.Spans)) {
					if err := w.editPart(&t.Info, was.Digest); err != nil {
						return err
					}
					w.leavePart(t, was.Spans)
					return nil
				}
			}
			if attempt < attempts {
				at, unsettled := settles(&t.Info, r.Now())
				if unsettled && at.After(settled) {
					settled = at
				}
				if unsettled || lacksSpans(t) {
					again = append(again, due[i])
					return nil
				}
			}
			batch = append(batch, t)
			size += t.Size
			if size >= batchBytes || len(batch) >= batchTraces {
				return flush()
			}
			return nil
		})
		if err == nil {
			err = flush()
		}
		if err != nil || len(again) == 0 {
			return err
		}
		if err := r.pause(settled); err != nil {
			return err
		}
		infos, err := w.reader.find(r.ctx, idsOf(again))
		if err != nil {
			return err
		}
		due = w.due(infos)
	}
	return nil
}

// editPart notes that something of a trace is to be told that lacks spans, of which none have come, if it has changed
// since it was told last. It is in no listing of what has changed, since it is open.
func (w *window) editPart(info *mlflow.Info, told uint64) error {
	r := w.reader.run
	if digest := r.digestOf(info); digest == 0 || digest == told {
		return nil
	}
	w.edited = append(w.edited, Edited{Info: *info, Untold: told == 0})
	if w.telling[info.ID] {
		return nil
	}
	return r.saver.announce(w, []string{info.ID})
}

// due settles the traces that are gone or not finished and returns the others.
func (w *window) due(infos []mlflow.Info) []mlflow.Info {
	r := w.reader.run
	now := r.Now()
	due := make([]mlflow.Info, 0, len(infos))
	for i := range infos {
		switch info := &infos[i]; {
		case info.State == vanished:
			w.skip(info, &mlflow.Skip{Reason: mlflow.ReasonVanished})
		case info.State == mlflow.StateInProgress && now.Sub(end(info)) < r.UnfinishedAfter:
			w.skip(info,
				mlflow.Skipf(mlflow.ReasonInProgress, "not finished yet; it is looked at again by the next run"))
		case r.Found != nil && w.formerly[info.ID].Reason == mlflow.ReasonInProgress && isUnsettled(info, now):
			w.skip(info, &mlflow.Skip{Reason: mlflow.ReasonInProgress}) // as before: it holds up nothing
		default:
			due = append(due, *info)
		}
	}
	return due
}

// lacksSpans reports whether fewer spans came than the metadata of the trace tells. Spans that are
// added to a finished trace later are not told there.
func lacksSpans(t *mlflow.Trace) bool { return int64(len(t.Spans)) < t.Info.Spans }

// settles returns when a trace that has only just ended will have settled. One whose final info is
// there has, and so has one that is dated further into the future than clocks differ.
func settles(info *mlflow.Info, now time.Time) (at time.Time, unsettled bool) {
	if info.Final {
		return time.Time{}, false
	}
	at = end(info).Add(settleAge)
	return at, at.After(now) && at.Before(now.Add(2*settleAge))
}

func isUnsettled(info *mlflow.Info, now time.Time) bool {
	_, unsettled := settles(info, now)
	return unsettled
}

// end is when a trace ended; the last sign of life of an unfinished one.
func end(i *mlflow.Info) time.Time { return time.UnixMilli(i.Timestamp + max(i.Duration, 0)) }

// pause waits until a time, at once if it is zero. The error says that the run is being stopped.
func (r *run) pause(until time.Time) error {
	r.mu.Lock()
	defer r.unlock()
	for r.Now().Before(until) {
		if r.halted() {
			return errHalted
		}
		if err := r.await(until); err != nil {
			return err
		}
	}
	return nil
}

func idsOf(infos []mlflow.Info) []string {
	ids := make([]string, len(infos))
	for i := range infos {
		ids[i] = infos[i].ID
	}
	return ids
}
