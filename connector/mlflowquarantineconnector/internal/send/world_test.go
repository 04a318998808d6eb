// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v7"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rejectAfter = 30 * time.Second

var (
	errBad  = errors.New("responded with HTTP Status Code 400")
	errBusy = errors.New("responded with HTTP Status Code 503")
)

// world is a destination and dead letters, with a sender for them.
type world struct {
	*Sender
	begin time.Time

	mu sync.Mutex
	// answer is what the destination says; nil takes everything.
	answer   func(ids []int) error
	partial  func(ids []int) int64
	dead     func(ids []int) error
	accepted map[int]int // how often each trace was
	letters  map[int]int
	calls    int
	refused  int
	held     int
	repeated int
	stuck    error
	order    []int
	slow     time.Duration // how long a call takes
	pause    time.Duration // of a stream between two batches
}

func newWorld() *world {
	w := &world{slow: 20 * time.Millisecond, begin: time.Now(), accepted: map[int]int{}, letters: map[int]int{}}
	w.Sender = New(Settings{Deliver: w.take, Mutates: true, SetAside: w.letter, RejectAfter: rejectAfter, Observer: w,
		NewBackOff: func() BackOff {
			b := backoff.NewExponentialBackOff()
			b.InitialInterval, b.MaxInterval, b.RandomizationFactor = time.Second, 30*time.Second, 0
			b.Reset()
			return b
		}})
	return w
}

// since is the time since the world began.
func (w *world) since() time.Duration { return time.Since(w.begin) }

func (w *world) take(ctx context.Context, td ptrace.Traces) error {
	select {
	case <-time.After(w.slow):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ids := idsOf(td)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	for _, rs := range td.ResourceSpans().All() { // as a processor may
		rs.Resource().Attributes().PutStr("changed", "by the pipeline")
	}
	if w.answer != nil {
		if err := w.answer(ids); err != nil {
			return err
		}
	}
	for _, id := range ids {
		w.accepted[id]++
	}
	w.order = append(w.order, ids...)
	if w.partial != nil {
		if n := w.partial(ids); n > 0 {
			unitOf(ctx).Reject(n, "too long")
		}
	}
	return nil
}

func (w *world) letter(_ context.Context, refused []Refused) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []int
	for _, r := range refused {
		ids = append(ids, idsOf(r.Traces)...)
		if r.Err == nil || int(binary.BigEndian.Uint64(r.ID[8:])) != ids[len(ids)-1] {
			panic("a dead letter without its reason or id")
		}
		if _, changed := r.Traces.ResourceSpans().At(0).Resource().Attributes().Get("changed"); changed {
			panic("a dead letter is not as it came")
		}
	}
	if w.dead != nil {
		if err := w.dead(ids); err != nil {
			return err
		}
	}
	for _, id := range ids {
		w.letters[id]++
	}
	return nil
}

func (w *world) count(n *int, change int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*n += change
}

func (w *world) Refused(error)   { w.count(&w.refused, 1) }
func (w *world) Held(change int) { w.count(&w.held, change) }
func (w *world) Repeated()       { w.count(&w.repeated, 1) }
func (w *world) Stuck(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck = err
}
func (w *world) NotSetAside(error) {}

// without is a destination that refuses some traces for good.
func without(bad ...int) func(ids []int) error {
	return func(ids []int) error {
		for _, id := range ids {
			if slices.Contains(bad, id) {
				return consumererror.NewPermanent(errBad)
			}
		}
		return nil
	}
}

// message holds traces of two spans each, whose ids and experiments are numbers.
func message(experiment string, ids ...int) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, id := range ids {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("of the resource")
		rs.Resource().Attributes().PutStr(genai.ExperimentID, experiment)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("scope")
		ss.SetSchemaUrl("of the scope")
		for i := range 2 {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(traceID(id))
			s.SetSpanID([8]byte{byte(i + 1)})
		}
	}
	return td
}

func traceID(id int) (t pcommon.TraceID) {
	binary.BigEndian.PutUint64(t[8:], uint64(id))
	return t
}

// idsOf are the traces in a message, each once.
func idsOf(td ptrace.Traces) (ids []int) {
	for _, t := range split(td, nil) {
		ids = append(ids, int(binary.BigEndian.Uint64(t.id[8:])))
	}
	return ids
}

func from(first, last int) (ids []int) {
	for id := first; id <= last; id++ {
		ids = append(ids, id)
	}
	return ids
}

// once requires that each trace is either accepted once or a dead letter once.
func (w *world) once(t *testing.T, ids []int, letters ...int) {
	t.Helper()
	want := map[int]int{}
	for _, id := range ids {
		want[id] = 1
	}
	dead := map[int]int{}
	for _, id := range letters {
		delete(want, id)
		dead[id] = 1
	}
	require.Equal(t, dead, w.letters)
	if !maps.Equal(want, w.accepted) {
		require.Equal(t, want, w.accepted)
	}
	require.Zero(t, w.held)
	require.Empty(t, w.watched)
}

func nop(context.Context, ptrace.Traces) error { return nil }
