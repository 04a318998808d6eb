// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// due waits until traces in quarantine are to be sent, and returns them. While nothing is accepted, one of them may be
// the next probe.
func (b *batch) due(ctx context.Context) ([]*refusal.Suspect, error) {
	q := &b.quarantine
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if err := b.ended(ctx); err != nil {
			return nil, err
		}
		now := time.Now()
		if b.closings != b.Sender.closings {
			b.closings = b.Sender.closings
			q.Passing(now)
		}
		at, _ := q.Due(false, true)
		if !at.After(now) {
			return q.Take(now, allAtOnce, false, true), nil
		}
		if b.breaker.Open {
			b.doubt()
			if b.mayProbe(now) {
				first := slices.MinFunc(q.Suspects, func(a, b *refusal.Suspect) int { return a.Next.Compare(b.Next) })
				first.Busy = true
				return []*refusal.Suspect{first}, nil
			}
			if !b.breaker.Probing && b.breaker.Next.Before(at) {
				at = b.breaker.Next
			}
		}
		b.await(ctx, at)
	}
}

// doubt marks what was refused since anything was accepted: once the destinations accept again, it may go at once.
// b.mu is held.
func (b *batch) doubt() {
	for _, s := range b.quarantine.Suspects {
		if b.suspects[s.ID].refused.After(b.breaker.Accepted) {
			s.Unproven = true
		}
	}
}

// again sends a trace from quarantine. When it is refused once more, it is judged. Where that could set it aside, and
// nothing was accepted just before the refusal, the trace goes once more right after something was.
func (b *batch) again(ctx context.Context, s *refusal.Suspect) error {
	t := b.suspects[s.ID]
	var since time.Time // when another was accepted after the first refusal here
	for first := true; ; first = false {
		c, err := b.enter(ctx)
		if err != nil {
			return err
		}
		before := b.lastTaken()
		err = b.send(ctx, []*trace{t.trace})
		_, partly := errors.AsType[*refusal.PartialSuccess](err)
		gone := b.ended(ctx)
		switch {
		case err == nil:
			b.free(s)
			b.took(c, []*trace{t.trace})
			return nil
		case partly:
			b.free(s)
			b.took(c, []*trace{t.trace})
			return b.setAside(ctx, []*trace{t.trace}, err)
		case gone != nil:
			b.abandon(c)
			return gone
		case !refusal.Permanent(err):
			b.failed(c, err)
			s.Busy = false
			return nil
		}
		t.err, t.refused = err, time.Now()
		after, err := b.evidence(ctx, c, s, t)
		if err != nil {
			return err
		}
		counts := !after.IsZero() && t.refused.Sub(t.counted) >= b.RejectAfter
		if b.decides(s, t, after) || counts && s.Last+1 >= refusal.LastTries {
			if s.Proven(before, after, !first && c.began.Sub(since) <= refusal.Idle) {
				b.free(s)
				return b.setAside(ctx, []*trace{t.trace}, t.err)
			}
			if first {
				since = after
				continue
			}
		}
		b.mu.Lock()
		open := b.breaker.Open
		b.mu.Unlock()
		b.quarantine.Refuse(s, t.refused, counts, open, "")
		if counts {
			t.counted = t.refused
		}
		if next := t.counted.Add(b.RejectAfter); next.After(t.refused) {
			s.Next = next
		}
		return nil
	}
}

// lastTaken is when the newest call began that was accepted.
func (b *batch) lastTaken() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken
}

// decides reports whether the last refusal of a trace lies RejectAfter behind its first one, with another trace of the
// experiment accepted since, and something accepted after the last one.
func (b *batch) decides(s *refusal.Suspect, t *suspect, after time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !after.IsZero() && t.refused.Sub(s.Since) >= b.RejectAfter && b.watched[t.experiment].accepted.After(s.Since)
}

// evidence ends the turn in which a trace was refused once more. It returns when another one had been accepted that was
// sent after that; zero where none was.
func (b *batch) evidence(ctx context.Context, c turn, s *refusal.Suspect, t *suspect) (after time.Time, err error) {
	if !c.probe && b.othersPass(ctx, s, t) {
		after = time.Now()
		b.refusedOnceMore(t.err)
		return after, nil
	}
	other, err := b.refusedAlone(ctx, c, t.trace, t.err, c.probe)
	if other != nil {
		after = time.Now()
	}
	return after, err
}

// othersPass waits a moment for the acceptance of a call that began after the refusal of a trace. It returns at once
// where no other call is under way, or where a trace was kept back to show that others of the experiment are accepted.
func (b *batch) othersPass(ctx context.Context, s *refusal.Suspect, t *suspect) bool {
	kept := slices.ContainsFunc(b.keptBack, func(k *trace) bool { return k.experiment == t.experiment })
	b.mu.Lock()
	defer b.mu.Unlock()
	if kept && !b.watched[t.experiment].accepted.After(s.Since) {
		return false
	}
	b.awaiting++
	defer func() { b.awaiting-- }()
	for end := t.refused.Add(refusal.Idle); b.taken.Before(t.refused); {
		if b.turns <= b.awaiting || b.breaker.Open || !time.Now().Before(end) || b.ended(ctx) != nil {
			return false
		}
		b.await(ctx, end)
	}
	return !b.breaker.Open
}

// refusedAlone ends the turn in which a trace was refused alone. Another one goes in the same turn: see other. It is
// returned if it is accepted: the destinations refuse the one, and not everything.
func (b *batch) refusedAlone(ctx context.Context, c turn, t *trace, why error, known bool) (*trace, error) {
	other, again := b.other(t, known)
	if other == nil {
		b.refused(c, why, known)
		return nil, nil
	}
	b.Observer.Refused(why)
	c.began = time.Now()
	err := b.send(ctx, []*trace{other})
	gone := b.ended(ctx)
	_, partly := errors.AsType[*refusal.PartialSuccess](err)
	switch {
	case err == nil || partly:
		b.took(c, []*trace{other})
		if partly && !again {
			return other, b.setAside(ctx, []*trace{other}, err)
		}
		return other, nil
	case gone != nil:
		b.abandon(c)
		return nil, gone
	case !refusal.Permanent(err):
		b.failed(c, err)
		if !again {
			b.keptBack = append(b.keptBack, other)
		}
	case !again && !known: // it may be refused for good, too
		b.isolate(other, err)
		return b.refusedAlone(ctx, c, t, err, true)
	default:
		b.refused(c, err, true)
		if !again {
			b.isolate(other, err)
		}
	}
	return nil, nil
}

// other returns a trace that is sent to find out whether the destinations take others than t: one that was kept back,
// if possible of the same experiment, or one that they have. known prefers the latter. again says that they have it.
func (b *batch) other(t *trace, known bool) (other *trace, again bool) {
	b.mu.Lock()
	other = b.known
	b.mu.Unlock()
	if other != nil && (known || len(b.keptBack) == 0) {
		if other.id == t.id {
			return nil, false
		}
		b.Observer.Repeated()
		return other, true
	}
	if len(b.keptBack) == 0 {
		return nil, false
	}
	at := max(slices.IndexFunc(b.keptBack, func(k *trace) bool { return k.experiment == t.experiment }), 0)
	other = b.keptBack[at]
	b.keptBack = slices.Delete(b.keptBack, at, at+1)
	return other, false
}

// setAside stores traces that are refused for good, and returns once they are.
func (b *batch) setAside(ctx context.Context, traces []*trace, reason error) error {
	refused := make([]Refused, len(traces))
	for i, t := range traces {
		refused[i] = Refused{t.td, t.id, reason}
	}
	for wait := b.NewBackOff(); ; {
		err := b.SetAside(ctx, refused)
		if err == nil {
			return nil
		}
		if gone := b.ended(ctx); gone != nil {
			return gone
		}
		b.Observer.NotSetAside(err)
		for until := time.Now().Add(wait.NextBackOff()); time.Now().Before(until); {
			b.mu.Lock()
			b.await(ctx, until)
			b.mu.Unlock()
			if gone := b.ended(ctx); gone != nil {
				return gone
			}
		}
	}
}
