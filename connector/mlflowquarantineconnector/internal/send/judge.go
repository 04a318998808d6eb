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

// again sends a trace from quarantine. When it is refused once more, it is judged.
func (b *batch) again(ctx context.Context, s *refusal.Suspect) error {
	t := b.suspects[s.ID]
	if err := b.sendKeptBack(ctx, t); err != nil {
		return err
	}
	c, err := b.enter(ctx)
	if err != nil {
		return err
	}
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
	counts := t.refused.Sub(t.counted) >= b.RejectAfter
	seen, err := b.evidence(ctx, c, s, t)
	if err != nil {
		return err
	}
	if refusal.Proven(s.Since, t.refused, b.RejectAfter, seen.before, seen.after) ||
		counts && seen.others && s.Last+1 >= refusal.LastTries {
		b.free(s)
		return b.setAside(ctx, []*trace{t.trace}, t.err)
	}
	b.mu.Lock()
	open := b.breaker.Open
	b.mu.Unlock()
	b.quarantine.Refuse(s, t.refused, counts && seen.others, open, "")
	if counts && seen.others {
		t.counted = t.refused
	}
	if next := t.counted.Add(b.RejectAfter); next.After(t.refused) {
		s.Next = next
	}
	return nil
}

// evidence is what was accepted around a refusal.
type evidence struct {
	before, after time.Time // of the experiment; zero for nothing
	others        bool      // of any experiment, near the refusal and after the first one
}

// evidence ends the turn in which a trace was refused once more.
func (b *batch) evidence(ctx context.Context, c turn, s *refusal.Suspect, t *suspect) (e evidence, err error) {
	b.mu.Lock()
	e.before = b.watched[t.experiment].accepted
	last := b.breaker.Accepted
	b.mu.Unlock()
	if last.After(s.Since) && t.refused.Sub(last) <= refusal.Near {
		e.others = true
		b.refused(c, t.err, c.probe)
		return e, nil
	}
	known, err := b.refusedAlone(ctx, c, t.trace, t.err)
	if e.others = known != nil; e.others && known.experiment == t.experiment {
		e.after = time.Now()
	}
	return e, err
}

// refusedAlone ends the turn in which a trace was refused alone. Another one goes in the same turn: one that the
// destinations have or, where they have none yet, one that was kept back. It is returned if they accept it: they refuse
// the one, and not everything.
func (b *batch) refusedAlone(ctx context.Context, c turn, t *trace, why error) (*trace, error) {
	b.mu.Lock()
	other := b.known
	b.mu.Unlock()
	again := other != nil
	switch n := len(b.keptBack); {
	case again && other.id != t.id:
		b.Observer.Repeated()
	case !again && n > 0:
		other, b.keptBack = b.keptBack[n-1], b.keptBack[:n-1]
	default:
		b.refused(c, why, c.probe)
		return nil, nil
	}
	b.Observer.Refused(why)
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
	default:
		b.refused(c, err, true)
		if !again {
			b.isolate(other, err)
		}
	}
	return nil, nil
}

// sendKeptBack sends a trace that was kept back, of the experiment of t if there is one, unless nothing is accepted or
// one of the experiment was just now.
func (b *batch) sendKeptBack(ctx context.Context, t *suspect) error {
	b.mu.Lock()
	enough := b.breaker.Open || time.Since(b.watched[t.experiment].accepted) <= refusal.Near
	b.mu.Unlock()
	if enough || len(b.keptBack) == 0 {
		return nil
	}
	at := max(slices.IndexFunc(b.keptBack, func(k *trace) bool { return k.experiment == t.experiment }), 0)
	one := b.keptBack[at]
	b.keptBack = slices.Delete(b.keptBack, at, at+1)
	return b.divide(ctx, []*trace{one})
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
