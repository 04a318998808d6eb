// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// process reads the traces of a unit and sends them. When the run ends in between, what is not
// settled is given back: it stays in flight in the books and the position does not move.
func (r *run) process(u *unit) {
	l := u.lane
	u.open = len(u.infos) + 1
	r.Ledger.Update(l.exp.ID, func(a *progress.Account) {
		a.Run.Read += int64(len(u.infos))
		a.InFlight += int64(len(u.infos))
		u.recount(&a.Earlier)
	})
	r.Observer.Read(len(u.infos))
	u.totals.Read = int64(len(u.infos))

	due := make([]mlflow.Info, 0, len(u.infos))
	for i := range u.infos {
		switch info := &u.infos[i]; {
		case info.State == vanished:
			u.skip(info, &mlflow.Skip{Reason: mlflow.ReasonVanished})
		case info.State == mlflow.StateInProgress && r.Now().Sub(latest(info)) < unfinishedAge:
			u.skip(info,
				mlflow.Skipf(mlflow.ReasonInProgress, "not finished yet; it is looked at again by the next run"))
		default:
			due = append(due, *info)
		}
	}

	var batch []*mlflow.Trace
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		traces := batch
		batch, size = nil, 0
		return r.deliver(u, traces)
	}
	var err error
	if len(due) > 0 {
		err = r.Source.Traces(r.ctx, due, func(i int, t *mlflow.Trace, skip *mlflow.Skip) error {
			if skip != nil {
				u.skip(&due[i], skip)
				return nil
			}
			batch = append(batch, t)
			size += t.Size
			if size >= batchBytes || len(batch) >= batchTraces {
				return flush()
			}
			return nil
		})
	}
	if err == nil {
		err = flush()
	}
	if err != nil {
		u.giveBack()
		r.fail(l, err)
		return
	}
	u.settled(1)
}

// recount takes back what earlier runs counted for traces of this unit.
func (u *unit) recount(earlier *progress.Totals) {
	for _, reason := range u.formerly {
		switch {
		case reason == progress.Rejected && earlier.Rejected > 0:
			earlier.Rejected--
			earlier.Read--
		case earlier.Skipped[reason] > 0:
			earlier.Skipped[reason]--
			earlier.Read--
		}
	}
}

// latest is the last sign of life of an unfinished trace.
func latest(i *mlflow.Info) time.Time { return time.UnixMilli(i.Timestamp + max(i.Duration, 0)) }

// accept settles traces that the pipeline took.
func (u *unit) accept(traces []*mlflow.Trace) {
	delta := progress.Totals{Accepted: int64(len(traces))}
	for _, t := range traces {
		delta.Spans += int64(len(t.Spans))
		delta.Saw(t.Info.Timestamp)
	}
	u.mu.Lock()
	u.totals.Add(delta)
	if u.listed {
		for _, t := range traces {
			u.sent = append(u.sent, t.Info.ID)
		}
	}
	u.mu.Unlock()
	r := u.lane.run
	r.Ledger.Update(u.lane.exp.ID, func(a *progress.Account) {
		a.Run.Add(delta)
		a.InFlight -= delta.Accepted
	})
	r.Observer.Accepted(len(traces))
	u.settled(len(traces))
}

// skip settles a trace that the source could not give.
func (u *unit) skip(info *mlflow.Info, s *mlflow.Skip) {
	u.mu.Lock()
	u.totals.Skip(s.Reason, 1)
	u.list(info, s.Reason, s.Detail)
	if s.Reason == mlflow.ReasonInProgress {
		u.pending = append(u.pending, info.ID)
	}
	u.mu.Unlock()
	r := u.lane.run
	r.Ledger.Update(u.lane.exp.ID, func(a *progress.Account) {
		a.Run.Skip(s.Reason, 1)
		a.InFlight--
		if s.Reason == mlflow.ReasonInProgress {
			a.Pending++
		}
	})
	r.Ledger.Sample(s.Reason, info.ID, s.Detail)
	r.Observer.Skipped(s.Reason, 1)
	u.settled(1)
}

// reject settles traces that the pipeline refused for good while it took others.
func (u *unit) reject(refused []refusal) {
	u.mu.Lock()
	u.totals.Rejected += int64(len(refused))
	for _, f := range refused {
		u.list(&f.trace.Info, progress.Rejected, message(f.err))
	}
	u.mu.Unlock()
	r := u.lane.run
	r.Ledger.Update(u.lane.exp.ID, func(a *progress.Account) {
		a.Run.Rejected += int64(len(refused))
		a.InFlight -= int64(len(refused))
	})
	for _, f := range refused {
		r.Ledger.Sample(progress.Rejected, f.trace.Info.ID, message(f.err))
	}
	r.Observer.Rejected(len(refused))
	u.settled(len(refused))
}

// list adds a line to the list of skipped traces; u.mu is held.
func (u *unit) list(info *mlflow.Info, reason mlflow.Reason, detail string) {
	r := u.lane.run
	u.skipped = append(u.skipped, progress.SkippedTrace{
		TraceID: info.ID, ExperimentID: u.lane.exp.ID, Reason: reason, Detail: detail,
		Receiver: r.Receiver, Time: r.Now().UTC(),
	})
}

// settled counts n settled traces; the last one completes the unit.
func (u *unit) settled(n int) {
	u.mu.Lock()
	u.open -= n
	complete := u.open == 0 && !u.given
	u.mu.Unlock()
	if complete {
		u.lane.tracker.Done(u.ticket, u, u.lane.run.saver.add)
		u.lane.run.saver.wait()
	}
}

// giveBack ends a unit that was not finished: its position does not move, nor that of any unit
// behind it.
func (u *unit) giveBack() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.given = true
}

func accountError(err error) func(*progress.Account) {
	return func(a *progress.Account) { a.Error = err.Error() }
}
