// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// batch is a message of which something was refused.
type batch struct {
	*Sender
	all  []*trace
	rest []*trace // to be sent
	cut  bool     // the whole was refused, so that the rest is divided at once
	// keptBack are the last traces of experiments with several: accepted around the second refusal of another, they
	// show that the destinations take others of the experiment.
	keptBack []*trace

	quarantine refusal.Quarantine
	suspects   map[string]*suspect
	closings   int // of the breaker, when the quarantine was told last
}

// suspect is a trace in quarantine.
type suspect struct {
	*trace
	err     error     // of the last refusal
	refused time.Time // last
	counted time.Time // the last refusal that counts; the first one does
}

// mostKept is how many traces of an experiment are kept back: one to be accepted before the second refusal of another,
// and one after it.
const mostKept = 2

// allAtOnce is how many traces leave the quarantine at a time.
const allAtOnce = 1000

func newBatch(s *Sender, message ptrace.Traces) *batch {
	b := &batch{Sender: s, all: split(message, nil), suspects: map[string]*suspect{}}
	b.quarantine.After = s.RejectAfter
	s.mu.Lock()
	b.closings = s.closings
	s.mu.Unlock()
	several := map[string]int{}
	for _, t := range b.all {
		several[t.experiment]++
	}
	kept := map[string]int{}
	for _, t := range slices.Backward(b.all) {
		if n := kept[t.experiment]; n < mostKept && n+1 < several[t.experiment] {
			kept[t.experiment]++
			b.keptBack = append(b.keptBack, t)
		} else {
			b.rest = append(b.rest, t)
		}
	}
	slices.Reverse(b.rest)
	return b
}

// close forgets what waits.
func (b *batch) close() {
	for _, s := range b.quarantine.Suspects {
		b.unwatch(b.suspects[s.ID].trace)
	}
}

// deliver returns nil once each trace is accepted or set aside.
func (b *batch) deliver(ctx context.Context) error {
	for {
		if err := b.divide(ctx, b.rest); err != nil {
			return err
		}
		for len(b.quarantine.Suspects) > 0 {
			due, err := b.due(ctx)
			if err != nil {
				return err
			}
			for _, s := range due {
				if err := b.again(ctx, s); err != nil {
					return err
				}
			}
		}
		if len(b.keptBack) == 0 {
			return nil
		}
		b.rest, b.keptBack = b.keptBack, nil
	}
}

// divide sends traces, in smaller and smaller parts. What is refused alone is in quarantine afterwards.
func (b *batch) divide(ctx context.Context, traces []*trace) error {
	if len(traces) == 0 {
		return nil
	}
	parts := refusal.Divide(traces, false)
	if b.cut {
		b.cut = false
		p, _ := parts.Next()
		parts.Refuse(p.Items)
	}
	for p, ok := parts.Next(); ok; p, ok = parts.Next() {
		c, err := b.enter(ctx)
		if err != nil {
			return err
		}
		if c.probe {
			p = parts.Probe(p)
		}
		err = b.send(ctx, p.Items)
		some, partly := errors.AsType[*refusal.PartialSuccess](err)
		if partly && some.Rest != nil {
			err, partly = some.Rest, false
		}
		switch gone := b.ended(ctx); {
		case err == nil:
			b.took(c, p.Items)
			continue
		case partly:
			b.took(c, p.Items)
			if err := b.setAside(ctx, p.Items, err); err != nil {
				return err
			}
			continue
		case gone != nil:
			b.abandon(c)
			return gone
		}
		rest := missing(err, p.Items)
		switch {
		case !refusal.Permanent(err):
			b.failed(c, err)
			parts.Retry(rest)
		case len(rest) == 1 && c.probe:
			b.isolate(rest[0], err)
			if _, err := b.refusedAlone(ctx, c, rest[0], err, true); err != nil {
				return err
			}
		case len(rest) == 1:
			b.refused(c, err, p.Check)
			b.isolate(rest[0], err)
		default:
			b.refused(c, err, false)
			parts.Refuse(rest)
		}
	}
	return nil
}

// missing are the traces that an error says were not taken, else all: see refusal.Missing.
func missing(err error, traces []*trace) []*trace {
	ids := refusal.Missing(err)
	rest := slices.DeleteFunc(slices.Clone(traces), func(t *trace) bool { return !ids[t.id] })
	if len(rest) == 0 {
		return traces
	}
	return rest
}

// send hands copies of traces to the destinations.
func (b *batch) send(ctx context.Context, traces []*trace) error { return b.call(ctx, join(traces)) }

// took ends a turn in which traces were accepted.
func (b *batch) took(c turn, traces []*trace) {
	experiments := map[string]bool{}
	for _, t := range traces {
		experiments[t.experiment] = true
	}
	var known *trace
	if b.wantsKnown() {
		known = remembered(traces[0])
	}
	b.accepted(c, experiments, known)
}

// isolate puts a trace that was refused alone into quarantine.
func (b *batch) isolate(t *trace, err error) {
	id := hex.EncodeToString(t.id[:])
	b.mu.Lock()
	open := b.breaker.Open
	if b.watched[t.experiment] == nil {
		b.watched[t.experiment] = &watched{}
	}
	b.watched[t.experiment].waiting++
	b.mu.Unlock()
	now := time.Now()
	b.suspects[id] = &suspect{trace: t, err: err, refused: now, counted: now}
	b.quarantine.Add(id, now, open, "")
	b.Observer.Held(1)
}

// free takes a trace out of quarantine.
func (b *batch) free(s *refusal.Suspect) {
	b.quarantine.Remove(s)
	b.unwatch(b.suspects[s.ID].trace)
}

func (b *batch) unwatch(t *trace) {
	b.Observer.Held(-1)
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.watched[t.experiment]
	if w.waiting--; w.waiting == 0 {
		delete(b.watched, t.experiment)
	}
}
