// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// BackOff gives the intervals between two attempts.
type BackOff interface {
	NextBackOff() time.Duration
	Reset()
}

// Refused is a trace that is refused for good.
type Refused struct {
	Traces ptrace.Traces // the trace alone, as it came
	ID     [16]byte
	Err    error // of the last refusal
}

// Observer is told what happens. Its methods may be called at the same time, and return at once.
type Observer interface {
	// Refused is told of each call that the destination refused.
	Refused(err error)
	// Held is told by how many the number of traces changes that were refused alone and wait.
	Held(change int)
	// Repeated is told of each trace that is sent again although the destination has it.
	Repeated()
	// Stuck is told why everything waits; nil when it goes on.
	Stuck(reason error)
	// NotSetAside is told each time that dead letters were not accepted.
	NotSetAside(err error)
}

// Settings are the surroundings of a Sender.
type Settings struct {
	// Deliver hands traces to the destinations and returns their answer. It may change them.
	Deliver func(ctx context.Context, td ptrace.Traces) error
	// Mutates says that Deliver changes what it gets.
	Mutates bool
	// SetAside stores traces that are refused for good. It is called again until it returns nil.
	SetAside func(ctx context.Context, refused []Refused) error
	// RejectAfter is the time between two refusals that count.
	RejectAfter time.Duration
	// NewBackOff returns intervals from the first on.
	NewBackOff func() BackOff
	Observer   Observer
}

// Sender delivers batches of traces. Its methods may be called at the same time.
type Sender struct {
	Settings
	stopped chan struct{}
	stop    sync.Once

	mu       sync.Mutex
	signal   chan struct{} // closed and replaced when a batch may go on
	breaker  refusal.Breaker
	closings int                 // how often the breaker has closed
	watched  map[string]*watched // experiments of which traces wait
	turns    int                 // under way
	awaiting int                 // how many of them wait for the acceptance of another
	taken    time.Time           // when the newest call began that was accepted
	known    *trace              // one that the destination has taken
	knownAt  time.Time
}

// watched is an experiment of which traces wait.
type watched struct {
	waiting  int
	accepted time.Time // when a trace of it was accepted last; zero for not since it is watched
}

// errStopped is why a batch is given back once the sender is stopped.
var errStopped = errors.New("the connector is being stopped")

// New returns a sender that has sent nothing.
func New(s Settings) *Sender {
	b := s.NewBackOff()
	return &Sender{Settings: s, stopped: make(chan struct{}), signal: make(chan struct{}),
		breaker: refusal.NewBreaker(b.NextBackOff, b.Reset), watched: map[string]*watched{}}
}

// Stop gives back the batches that wait. It may be called more than once.
func (s *Sender) Stop() { s.stop.Do(func() { close(s.stopped) }) }

// Deliver returns nil once each trace is accepted by the destinations, or set aside. It returns an error, never a
// permanent one, when the destinations take nothing for a reason that may pass, or when the context ends. It does not
// change td.
func (s *Sender) Deliver(ctx context.Context, td ptrace.Traces) error {
	if td.SpanCount() == 0 {
		return nil
	}
	c, err := s.enter(ctx)
	if err != nil {
		return err
	}
	if c.probe { // one trace is the probe, not the batch
		s.abandon(c)
		return s.deliver(ctx, newBatch(s, td))
	}
	whole := td
	if s.Mutates {
		whole = ptrace.NewTraces()
		td.CopyTo(whole)
	}
	err = s.call(ctx, whole)
	if err == nil {
		s.acceptedAll(c, td)
		return nil
	}
	some, partly := errors.AsType[*refusal.PartialSuccess](err)
	if partly && some.Rest != nil { // of several destinations one stored a part, and another one refused
		err, partly = some.Rest, false
	}
	if !partly && (!refusal.Permanent(err) || ended(ctx) != nil) {
		s.abandon(c)
		return passing(err)
	}
	b := newBatch(s, td)
	if partly {
		s.acceptedAll(c, td)
		return b.setAside(ctx, b.all, err)
	}
	s.refused(c, err, len(b.all) == 1)
	if b.cut = true; len(b.all) == 1 {
		b.isolate(b.all[0], err)
		b.rest = nil
	}
	return s.deliver(ctx, b)
}

// deliver delivers a batch of which the destinations refused the whole, or that comes while nothing is accepted.
func (s *Sender) deliver(ctx context.Context, b *batch) error {
	defer b.close()
	return b.deliver(ctx)
}

// call hands traces to the destinations as a unit.
func (s *Sender) call(ctx context.Context, td ptrace.Traces) error {
	unit := progress.NewUnit(td.SpanCount())
	unit.KeepNoRefinements()
	err := s.Settings.Deliver(progress.WithUnit(ctx, unit), td)
	if n, message := unit.Rejected(); n > 0 {
		return &refusal.PartialSuccess{Rejected: n, Spans: unit.Spans(), Message: message, Rest: err}
	}
	return err
}

// passing is err without what makes it permanent: a fan-out joins the errors of its branches, and one that may pass is
// enough to send again.
func passing(err error) error {
	if err == nil {
		return nil
	}
	return &notPermanent{err}
}

type notPermanent struct{ err error }

func (e *notPermanent) Error() string { return e.err.Error() }

// turn is the permission for one call.
type turn struct {
	began time.Time
	probe bool
}

// enter waits until a batch may send: at once while the breaker is closed, else when it is its turn to send a probe.
// The caller ends the turn by accepted, refused, failed or abandon.
func (s *Sender) enter(ctx context.Context) (turn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.ended(ctx); err != nil {
			return turn{}, err
		}
		now := time.Now()
		b := &s.breaker
		if !b.Open {
			s.turns++
			return turn{now, false}, nil
		}
		if s.mayProbe(now) {
			s.turns++
			b.Probing = true
			return turn{now, true}, nil
		}
		at := b.Next
		if b.Probing {
			at = time.Time{}
		}
		s.await(ctx, at)
	}
}

// mayProbe reports whether the open breaker lets a probe through; s.mu is held.
func (s *Sender) mayProbe(now time.Time) bool {
	return !s.breaker.Probing && !s.breaker.Next.After(now)
}

// abandon ends a turn of which nothing is known.
func (s *Sender) abandon(c turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns--
	if c.probe {
		s.breaker.Probing = false
	}
	if c.probe || s.awaiting > 0 {
		s.broadcast()
	}
}

// acceptedAll is accepted for a whole batch.
func (s *Sender) acceptedAll(c turn, td ptrace.Traces) {
	s.mu.Lock()
	watching := len(s.watched) > 0
	s.mu.Unlock()
	var experiments map[string]bool
	if watching {
		experiments = experimentsOf(td)
	}
	var known *trace
	if s.wantsKnown() {
		known = firstOf(td)
	}
	s.accepted(c, experiments, known)
}

// wantsKnown reports whether a trace that the destination has taken is to be remembered.
func (s *Sender) wantsKnown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known == nil || time.Since(s.knownAt) > renewAfter
}

// renewAfter is how long a trace is remembered that the destination has taken, before a newer one takes its place.
const renewAfter = time.Minute

// accepted ends a turn in which traces of experiments were accepted. One of them may be remembered.
func (s *Sender) accepted(c turn, experiments map[string]bool, known *trace) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.probe {
		s.breaker.Probed(now)
	}
	s.turns--
	closes := s.breaker.Accept(now, c.began, c.probe)
	if !s.breaker.Open && c.began.After(s.taken) {
		s.taken = c.began
	}
	if known != nil {
		s.known, s.knownAt = known, now
	}
	for x := range experiments {
		if w := s.watched[x]; w != nil && !s.breaker.Open {
			w.accepted = now
		}
	}
	if closes {
		s.closings++
		s.Observer.Stuck(nil)
	}
	if closes || c.probe || s.awaiting > 0 {
		s.broadcast()
	}
}

// refused ends a turn in which traces were refused. checked says that one was sent to find out whether the destinations
// take anything.
func (s *Sender) refused(c turn, err error, checked bool) {
	s.Observer.Refused(err)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.probe {
		s.breaker.Probed(now)
	}
	s.turns--
	s.breaker.Refuse(now, checked)
	s.waits(err)
}

// refusedOnceMore ends a turn in which a trace in quarantine was refused, and another one accepted after it.
func (s *Sender) refusedOnceMore(err error) {
	s.Observer.Refused(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns--
}

// failed ends a turn with an error that may pass.
func (s *Sender) failed(c turn, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.probe {
		s.breaker.Probed(now)
	}
	s.turns--
	s.breaker.Fail(now)
	s.waits(err)
}

// waits tells why everything waits, if it does; s.mu is held.
func (s *Sender) waits(err error) {
	if s.breaker.Open {
		s.Observer.Stuck(err)
	}
	if s.breaker.Open || s.awaiting > 0 {
		s.broadcast()
	}
}

// broadcast lets batches look again whether they may go on; s.mu is held.
func (s *Sender) broadcast() {
	close(s.signal)
	s.signal = make(chan struct{})
}

// await returns when something changed, when a time has come (zero: never), or when the context or the sender ends.
// s.mu is held, and free meanwhile.
func (s *Sender) await(ctx context.Context, at time.Time) {
	changed := s.signal
	s.mu.Unlock()
	defer s.mu.Lock()
	var due <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-changed:
	case <-due:
	case <-s.stopped:
	case <-ctx.Done():
	}
}

// ended is why a batch must be given back; nil while it must not.
func (s *Sender) ended(ctx context.Context) error {
	select {
	case <-s.stopped:
		return errStopped
	default:
		return ended(ctx)
	}
}

func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return passing(context.Cause(ctx))
}
