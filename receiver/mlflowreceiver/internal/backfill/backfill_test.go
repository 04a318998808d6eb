// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

func TestEveryTraceOnce(t *testing.T) {
	w := newWorld(3, 57)
	err := w.run(t, w.settings(accept))
	require.NoError(t, err)
	v := w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Equal(t, "complete: 171 of 171 traces acknowledged, with 171 spans", v.Headline)
	require.Len(t, w.got, 171)
	for id, n := range w.got {
		require.Equal(t, 1, n, id)
	}

	err = w.run(t, w.settings(accept))
	v = w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Contains(t, v.Headline, "nothing new; 171 traces")
	require.Equal(t, 1, w.got["tr-1-0000"], "read again")
}

func TestEmptySource(t *testing.T) {
	w := newWorld(1, 0)
	err := w.run(t, w.settings(accept))
	require.True(t, w.verdict(t, err).Complete)
}

// Whenever a process dies, what it had not stored is read again, and nothing else; nothing is lost.
func TestKilledAtAnyMoment(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(2, 80)
		const bound = (3 + 3 + 1) * 10 // units in work, units unwritten, the one being written; 10 traces each
		repeats := 0
		for range 4 {
			before := len(w.got)
			ctx, kill := context.WithCancel(t.Context())
			left := atomic.Int64{}
			left.Store(int64(r.IntN(12)))
			dead := atomic.Bool{}
			w.store.fail = func() error {
				if dead.Load() {
					return errors.New("the process is dead")
				}
				return nil
			}
			_, _ = Run(ctx, nil, w.settings(func(context.Context, string, []string) error {
				if left.Add(-1) < 0 {
					dead.Store(true)
					kill()
					return errors.New("the process is dead")
				}
				return nil
			}))
			kill()
			w.store.fail = nil
			sum := 0
			for _, n := range w.got {
				sum += n
			}
			_ = before
			repeats = sum - len(w.got)
			require.LessOrEqual(t, repeats, bound*4, "seed %d", seed)
			w.counts(t)
		}
		err := w.run(t, w.settings(accept))
		require.True(t, w.verdict(t, err).Complete)
		for _, id := range w.all() {
			require.NotZero(t, w.got[id], "seed %d: %s is lost", seed, id)
		}
		w.counts(t)
	}
}

func TestStopGivesUnitsBack(t *testing.T) {
	w := newWorld(1, 100)
	stop := make(chan struct{})
	var once sync.Once
	_, err := Run(t.Context(), stop, w.settings(func(context.Context, string, []string) error {
		once.Do(func() { close(stop) })
		return nil
	}))
	require.NoError(t, err)
	require.False(t, w.verdict(t, err).Complete)
	n := len(w.got)
	require.Less(t, n, 100)
	require.NoError(t, w.run(t, w.settings(accept)))
	require.Len(t, w.got, 100)
	for id, k := range w.got {
		require.Equal(t, 1, k, id)
	}
}

// A run that is stopped when everything is listed has not compared it with the source's own numbers: it is not
// complete, although nothing is left in work.
func TestStopBeforeTheComparison(t *testing.T) {
	w := days()
	hidden := w.source.infos["1"][300]
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		s := w.settings(func(ctx context.Context, _ string, ids []string) error {
			if ids[len(ids)-1] == "tr-1-0719" {
				sleep(ctx, time.Second) // until nothing is left to plan
				close(stop)
			}
			return nil
		})
		s.Source = hides{w.source, hidden.ID}
		_, err := Run(t.Context(), stop, s)
		require.NoError(t, err)
	})
	require.Len(t, w.got, 719)
	require.False(t, w.verdict(t, nil).Complete)
	w.complete(t, w.settings(accept))
	require.Equal(t, 1, w.got[hidden.ID])
}

func TestDestinationDownWhileStopping(t *testing.T) {
	w := newWorld(1, 40)
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan struct{}, 100)
	done := make(chan error)
	go func() {
		_, err := Run(ctx, nil, w.settings(func(ctx context.Context, _ string, _ []string) error {
			called <- struct{}{}
			<-ctx.Done() // as an exporter that waits for its result and retries without end
			return ctx.Err()
		}))
		done <- err
	}()
	<-called
	cancel()
	<-done //nolint:errcheck // The run was canceled, and its error says so.
	require.NoError(t, w.counters.Check())
	require.Empty(t, w.got)
	require.NoError(t, w.run(t, w.settings(accept)))
	require.Len(t, w.got, 40)
}

func TestTransientErrorsAreSentAgain(t *testing.T) {
	w := newWorld(1, 50)
	var n atomic.Int64
	err := w.run(t, w.settings(func(context.Context, string, []string) error {
		if n.Add(1)%3 != 0 {
			return errDown
		}
		return nil
	}))
	require.True(t, w.verdict(t, err).Complete)
	require.Len(t, w.got, 50)
	require.Positive(t, w.obs.refused)
	require.NoError(t, w.status[len(w.status)-1], "the trouble is over")
}

// refuse makes a destination that refuses some traces for good.
func refuse(bad ...string) func(context.Context, string, []string) error {
	return func(_ context.Context, _ string, ids []string) error {
		for _, id := range ids {
			if slices.Contains(bad, id) {
				return consumererror.NewPermanent(errors.New("bad data"))
			}
		}
		return nil
	}
}

// fill adds traces to experiment 1 until there are n.
func (w *world) fill(n int) {
	for i := len(w.source.infos["1"]); i < n; i++ {
		w.source.add(mlflow.Info{ID: fmt.Sprintf("tr-1-%04d", i), ExperimentID: "1", Timestamp: int64(1000 + i/4),
			State: mlflow.StateOK})
	}
}

// slowly makes each call take a while, so that others of the experiment are on their way when a
// trace is refused a second time.
func slowly(pause time.Duration, answer func(context.Context, string, []string) error) func(context.Context,
	string, []string) error {
	return func(ctx context.Context, x string, ids []string) error {
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
		return answer(ctx, x, ids)
	}
}

// Traces that are refused twice while others pass are rejected. They cost themselves and nothing
// else, and later runs try them again.
func TestRefusedWhileOthersPassIsRejected(t *testing.T) {
	w := newWorld(1, 1000)
	err := w.run(t, w.settings(slowly(time.Second, refuse("tr-1-0013", "tr-1-0049"))))
	v := w.verdict(t, err)
	require.False(t, v.Complete)
	require.Equal(t,
		[]string{"2 rejected by the destination: Permanent error: bad data; every later run tries them again"},
		v.Problems)
	require.Len(t, w.got, 998)
	require.Equal(t, map[string]mlflow.Reason{"tr-1-0013": progress.Rejected, "tr-1-0049": progress.Rejected}, w.listed)
	rec, open := w.record(t, "1")
	require.EqualValues(t, 2, rec.Totals.Rejected)
	require.Len(t, open, 2)

	clear(w.listed)
	err = w.run(t, w.settings(refuse("tr-1-0013")))
	v = w.verdict(t, err)
	require.False(t, v.Complete)
	require.Contains(t, v.Headline, "1 rejected")
	require.Equal(t, 1, w.got["tr-1-0049"])
	require.Empty(t, w.listed, "it is in the list already")

	s := w.settings(accept)
	s.RetrySkipped = false
	require.NoError(t, w.run(t, s))
	require.False(t, w.verdict(t, nil).Complete)
	require.Zero(t, w.got["tr-1-0013"])

	err = w.run(t, w.settings(accept))
	v = w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Equal(t, 1, w.got["tr-1-0013"])
	require.Equal(t, "complete: 1 of 1 trace acknowledged, with 1 span; with earlier runs 1000 of 1000", v.Headline)
	_, open = w.record(t, "1")
	require.Empty(t, open)
	for id, n := range w.got {
		require.Equal(t, 1, n, id)
	}
}

// Nothing shows whether the fault is the trace's own when no other is left: it is sent twice more
// and stays pending.
func TestLastTraceRefusedStaysPending(t *testing.T) {
	for name, n := range map[string]int{"of twelve": 12, "alone": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, n)
			bad := fmt.Sprintf("tr-1-%04d", n-1)
			sent := 0
			answer := refuse(bad)
			err := w.run(t, w.settings(func(ctx context.Context, x string, ids []string) error {
				if len(ids) == 1 && ids[0] == bad {
					sent++
				}
				return answer(ctx, x, ids)
			}))
			require.NoError(t, err)
			v := w.verdict(t, err)
			require.Contains(t, v.Headline, "1 refused: Permanent error: bad data")
			require.False(t, v.Complete)
			require.Equal(t, 3, sent)
			require.Len(t, w.got, n-1)
			require.Less(t, w.ended, 62*time.Second+refusal.Near)
			rec, open := w.record(t, "1")
			require.EqualValues(t, 1, rec.Totals.Pending[progress.Refused])
			require.Equal(t, progress.Refused, open[0].Reason)
			require.Empty(t, w.listed, "it is neither skipped nor rejected")

			err = w.run(t, w.settings(accept))
			v = w.verdict(t, err)
			require.True(t, v.Complete, v.Problems)
			require.Len(t, w.got, n)
			require.Less(t, w.ended, time.Second)
			for id, k := range w.got {
				require.Equal(t, 1, k, id)
			}
		})
	}
}

// The first refusal of an earlier run counts, if others pass between and near the second.
func TestSecondRefusalInALaterRun(t *testing.T) {
	w := newWorld(1, 12)
	s := w.settings(refuse("tr-1-0011"))
	s.To = 1003
	require.NoError(t, w.run(t, s))
	require.Empty(t, w.listed)
	w.fill(400)
	w.later = time.Hour
	require.NoError(t, w.run(t, w.settings(slowly(100*time.Millisecond, refuse("tr-1-0011")))))
	require.Equal(t, map[string]mlflow.Reason{"tr-1-0011": progress.Rejected}, w.listed)
	require.Len(t, w.got, 399)
}

// A destination that has all of a batch but one trace, and says so, gets nothing twice.
func TestOnePartRefusedIsNotSentAgain(t *testing.T) {
	w := newWorld(1, 40)
	calls := map[string]int{}
	answer := func(_ context.Context, _ string, ids []string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, id := range ids {
			calls[id]++
		}
		if !slices.Contains(ids, "tr-1-0017") {
			return nil
		}
		for _, id := range ids {
			if id != "tr-1-0017" {
				w.got[id]++
			}
		}
		rest := ptrace.NewTraces()
		rest.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().
			SetTraceID([16]byte([]byte("tr-1-0017       ")))
		return consumererror.NewPermanent(consumererror.NewTraces(errors.New("too large"), rest))
	}
	require.NoError(t, w.run(t, w.settings(answer)))
	require.Len(t, w.got, 39)
	for id, n := range calls {
		want := 1
		if id == "tr-1-0017" {
			want += refusal.LastTries
		}
		require.Equal(t, want, n, id)
	}
	require.Contains(t, w.verdict(t, nil).Headline, "39 of 40 traces acknowledged")
}

// One experiment that the destination refuses is held with single probes; the others complete, and
// after the time to give up the run ends with the message. Nothing of it is rejected, and the next
// run delivers it.
func TestOneExperimentRefused(t *testing.T) {
	w := newWorld(40, 60)
	var calls []time.Duration
	s := w.settings(func(_ context.Context, x string, ids []string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if x == "7" {
			calls = append(calls, time.Since(epoch))
			if len(calls) > 1 {
				require.Len(t, ids, 1, "one trace per interval")
			}
			return consumererror.NewPermanent(errors.New("no grant"))
		}
		return nil
	})
	s.GiveUpAfter = 2 * time.Minute
	err := w.run(t, s)
	require.ErrorIs(t, err, ErrGivenUp)
	v := w.verdict(t, err)
	require.False(t, v.Complete)
	require.Contains(t, v.Headline, "no grant; running again continues")
	require.Len(t, w.got, 39*60)
	require.Empty(t, w.listed)
	require.Less(t, w.ended, 2*time.Minute+5*time.Second)
	require.Less(t, len(calls), 16)
	for i := 2; i < len(calls); i++ {
		require.GreaterOrEqual(t, calls[i]-calls[i-1], time.Second/2)
	}
	rec, open := w.record(t, "7")
	require.EqualValues(t, len(open), rec.Totals.Pending[progress.Refused], "what was probed is known as refused")
	require.Zero(t, rec.Totals.Accepted)

	err = w.run(t, w.settings(accept))
	require.True(t, w.verdict(t, err).Complete)
	require.Len(t, w.got, 40*60)
	for id, n := range w.got {
		require.Equal(t, 1, n, id)
	}
}

// A destination that refuses everything sees few requests, however many experiments there are.
func TestEverythingRefused(t *testing.T) {
	for _, experiments := range []int{1, 3, 40} {
		w := newWorld(experiments, 60)
		requests := 0
		s := w.settings(func(context.Context, string, []string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if time.Since(epoch) <= 30*time.Second {
				requests++
			}
			return consumererror.NewPermanent(status.Error(codes.Unauthenticated, "who are you?"))
		})
		err := w.run(t, s)
		require.ErrorIs(t, err, ErrGivenUp)
		require.ErrorContains(t, err, "who are you?")
		require.LessOrEqual(t, requests, 15, "%d experiments", experiments)
		require.Less(t, w.ended, s.GiveUpAfter+2*time.Second)
		v := w.verdict(t, err)
		require.Contains(t, v.Headline, "not complete: 0 of ")
		require.Empty(t, w.listed)
		err = w.run(t, w.settings(accept))
		v = w.verdict(t, err)
		require.True(t, v.Complete, "%v", v.Problems)
		require.Len(t, w.got, experiments*60)
	}
}

// Errors that may pass, permanent ones that say that the destination fails, and calls that do not
// return are waited for.
func TestUnavailableIsWaitedFor(t *testing.T) {
	for name, err := range map[string]error{
		"transient": errDown,
		"500":       consumererror.NewPermanent(errors.New("responded with HTTP Status Code 500")),
		"Internal":  consumererror.NewPermanent(status.Error(codes.Internal, "oops")),
		"blocked":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(2, 50)
			s := w.settings(func(ctx context.Context, _ string, _ []string) error {
				left := time.Hour - time.Since(epoch)
				switch {
				case left <= 0:
					return nil
				case err == nil:
					sleep(ctx, left)
					return ctx.Err()
				}
				return err
			})
			require.NoError(t, w.run(t, s))
			require.True(t, w.verdict(t, nil).Complete)
			require.Len(t, w.got, 100)
			require.GreaterOrEqual(t, w.ended, time.Hour)
			require.Contains(t, fmt.Sprint(w.status), "experiment 1: ", "the status says why")
			require.NoError(t, w.status[len(w.status)-1])
		})
	}
}

// A call that an exporter holds until a person does something is a refusal.
func TestHeldByTheExporter(t *testing.T) {
	w := newWorld(1, 50)
	s := w.settings(func(ctx context.Context, _ string, _ []string) error {
		<-ctx.Done()
		return ctx.Err()
	})
	s.Held = func() string { return "GRANT MODIFY" }
	err := w.run(t, s)
	require.ErrorIs(t, err, ErrGivenUp)
	v := w.verdict(t, err)
	require.Contains(t, v.Headline, "GRANT MODIFY")
	require.Contains(t, v.Headline, "0 of 30 traces acknowledged, with 0 spans, 30 held")
	require.InDelta(t, s.GiveUpAfter.Seconds(), w.ended.Seconds(), 2)
}

// Without an end, a refusal is held until it is over.
func TestStaysWithoutEnd(t *testing.T) {
	w := newWorld(1, 50)
	s := w.settings(func(context.Context, string, []string) error {
		if time.Since(epoch) < 48*time.Hour {
			return consumererror.NewPermanent(errDown)
		}
		return nil
	})
	s.Ends = false
	require.NoError(t, w.run(t, s))
	require.True(t, w.verdict(t, nil).Complete)
	require.Len(t, w.got, 50)
}

// In a fan-out, a healthy branch gets at most one trace per interval again while another one
// refuses everything.
func TestFanOut(t *testing.T) {
	for name, err := range map[string]error{"permanent": consumererror.NewPermanent(errDown), "transient": errDown} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, 500)
			healthy := map[string]int{}
			var again []time.Duration
			s := w.settings(func(_ context.Context, _ string, ids []string) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				for _, id := range ids {
					if healthy[id]++; healthy[id] > 1 {
						again = append(again, time.Since(epoch))
					}
				}
				if time.Since(epoch) < 5*time.Minute {
					return err
				}
				return nil
			})
			require.NoError(t, w.run(t, s))
			require.Len(t, w.got, 500)
			meanwhile := 0
			for i, at := range again {
				if at >= 5*time.Minute {
					break
				}
				meanwhile++
				if i > 0 {
					require.GreaterOrEqual(t, at-again[i-1], time.Second/2, "two within an interval")
				}
			}
			require.Positive(t, meanwhile)
			require.EqualValues(t, len(again), w.result.SentAgain)
		})
	}
}

// A full quarantine holds the experiment until there is room.
func TestFullQuarantine(t *testing.T) {
	w := newWorld(1, 3000)
	var bad []string
	for i := range 1200 {
		bad = append(bad, fmt.Sprintf("tr-1-%04d", 2*i+1))
	}
	s := w.settings(slowly(10*time.Millisecond, refuse(bad...)))
	s.GiveUpAfter, s.RejectAfter = 0, 10*time.Hour
	require.NoError(t, w.run(t, s))
	require.Len(t, w.got, 1800)
	rec, _ := w.record(t, "1")
	require.EqualValues(t, 1200, rec.Totals.Rejected+rec.Totals.Pending[progress.Refused])
	require.Positive(t, rec.Totals.Rejected)
	require.Contains(t, fmt.Sprint(w.status), "the quarantine is full")
}

func TestSkippedAreListedAndCounted(t *testing.T) {
	w := newWorld(2, 50)
	w.source.skips["tr-1-0003"] = mlflow.Skipf(mlflow.ReasonNoSpans, "")
	err := w.run(t, w.settings(accept))
	v := w.verdict(t, err)
	require.True(t, v.Complete, "1 of 100 is within 1%%: %v", v.Problems)
	require.Equal(t, map[string]mlflow.Reason{"tr-1-0003": mlflow.ReasonNoSpans}, w.listed)

	w = newWorld(2, 50)
	for i := range 50 {
		w.source.skips[fmt.Sprintf("tr-2-%04d", i)] = mlflow.Skipf(mlflow.ReasonUnreachable,
			"spans are in s3://bucket (not readable here)")
	}
	err = w.run(t, w.settings(accept))
	require.False(t, w.verdict(t, err).Complete)

	// Repair them, and read the list: exactly those arrive, and the counters agree.
	var lines strings.Builder
	for id, reason := range w.listed {
		fmt.Fprintf(&lines, `{"trace_id":%q,"experiment_id":"2","reason":%q}`+"\n", id, reason)
	}
	clear(w.source.skips)
	clear(w.got)
	list, torn, err := ReadList(strings.NewReader(lines.String()))
	require.Empty(t, torn)
	require.NoError(t, err)
	s := w.settings(accept)
	s.List = list
	err = w.run(t, s)
	require.NoError(t, err)
	require.Len(t, w.got, 50)
	s = w.settings(accept)
	s.List = list
	require.NoError(t, w.run(t, s))
	for id, n := range w.got {
		require.Equal(t, 1, n, id)
	}
	err = w.run(t, w.settings(accept))
	require.True(t, w.verdict(t, err).Complete, "the skipped ones were delivered")
}

func TestUnreachableHeadline(t *testing.T) {
	w := newWorld(1, 3)
	for _, id := range w.all() {
		w.source.skips[id] = mlflow.Skipf(mlflow.ReasonUnreachable, "spans are in s3://bucket/x (not readable here)")
	}
	err := w.run(t, w.settings(accept))
	v := w.verdict(t, err)
	require.False(t, v.Complete)
	require.Equal(t, "0 of 3 delivered: spans are in s3://bucket/x (not readable here)", v.Headline)
}

func TestUnfinishedTraces(t *testing.T) {
	w := newWorld(1, 10)
	w.source.add(mlflow.Info{ID: "young", ExperimentID: "1", Timestamp: epoch.Add(-time.Minute).UnixMilli(),
		State: mlflow.StateInProgress})
	w.source.add(mlflow.Info{ID: "old", ExperimentID: "1", Timestamp: epoch.Add(-2 * time.Hour).UnixMilli(),
		State: mlflow.StateInProgress})
	s := w.settings(accept)
	s.To = epoch.Add(time.Minute).UnixMilli()
	err := w.run(t, s)
	v := w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Contains(t, v.Headline, "1 not finished yet")
	require.Equal(t, map[string]mlflow.Reason{"young": mlflow.ReasonInProgress}, w.listed)
	require.Equal(t, 1, w.got["old"])
	require.Zero(t, w.got["young"])

	w.later = 2 * time.Hour
	s = w.settings(accept)
	s.To = epoch.Add(w.later).UnixMilli()
	err = w.run(t, s)
	v = w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.NotContains(t, v.Headline, "not finished")
	require.Equal(t, 1, w.got["young"])
	require.Equal(t, 1, w.got["old"])
	rec, _, err := s.Store.Load(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, int64(12), rec.Totals.Read)
	require.Equal(t, int64(12), rec.Totals.Accepted)
}

func TestVanishedPendingTraceIsSkipped(t *testing.T) {
	w := newWorld(1, 0)
	w.source.add(mlflow.Info{ID: "young", ExperimentID: "1", Timestamp: epoch.Add(-time.Minute).UnixMilli(),
		State: mlflow.StateInProgress})
	require.NoError(t, w.run(t, w.settings(accept)))
	w.source.infos["1"] = nil
	require.NoError(t, w.run(t, w.settings(accept)))
	require.Equal(t, mlflow.ReasonVanished, w.listed["young"])
}

func TestExperimentThatCannotBeRead(t *testing.T) {
	w := newWorld(3, 20)
	w.source.infosErr["2"] = errors.New("permission denied")
	err := w.run(t, w.settings(accept))
	require.NoError(t, err)
	v := w.verdict(t, err)
	require.False(t, v.Complete)
	require.Equal(t, []string{"experiment exp-2 (2): permission denied"}, v.Problems)
	require.Len(t, w.got, 40)
}

func TestStorageThatFailsHoldsTheRun(t *testing.T) {
	w := newWorld(1, 100)
	var broken atomic.Bool
	var n atomic.Int64
	w.store.fail = func() error {
		if broken.Load() && n.Add(1) < 20 {
			return errors.New("disk full")
		}
		return nil
	}
	err := w.run(t, w.settings(func(context.Context, string, []string) error {
		broken.Store(true)
		return nil
	}))
	require.True(t, w.verdict(t, err).Complete)
	require.GreaterOrEqual(t, n.Load(), int64(20))
	require.NoError(t, w.status[len(w.status)-1])
}

func TestDamagedPositionIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": {}, "zeros": make([]byte, 100), "text": []byte("hello"),
		"future": []byte("mlflow-position-2 00000000 {}"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, 5)
			require.NoError(t, w.store.Client.Set(t.Context(), "position/s/1", b))
			err := w.run(t, w.settings(accept))
			require.ErrorIs(t, err, delivered.ErrDamaged)
			require.ErrorContains(t, err, "position of experiment 1: ")
			require.ErrorContains(t, err, "remove it to begin again")
			require.Empty(t, w.got)
		})
	}
	good := progress.Record{Covered: progress.Coverage{{From: 1, Upto: mlflow.Position{Timestamp: 2}}}}.Encode()
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x10
		_, err := progress.DecodeRecord(bad)
		require.ErrorIs(t, err, delivered.ErrDamaged, "byte %d", i)
	}
}

func TestMissingTrustsOneDestinationOnly(t *testing.T) {
	traces := []*mlflow.Trace{{Spans: []mlflow.Span{{TraceID: [16]byte{1}}}},
		{Spans: []mlflow.Span{{TraceID: [16]byte{2}}}}}
	rest := ptrace.NewTraces()
	rest.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetTraceID([16]byte{2})
	partial := consumererror.NewTraces(errDown, rest)
	require.Equal(t, traces[1:], missing(partial, traces))
	require.Equal(t, traces[1:], missing(fmt.Errorf("x: %w", partial), traces))
	require.Nil(t, missing(errors.Join(partial, errDown), traces))
	require.Nil(t, missing(errDown, traces))
}

// Traces that a partial error does not name count as taken only where all that it names are known.
func TestMissingKnowsAllThatIsNamed(t *testing.T) {
	var traces []*mlflow.Trace
	for _, id := range []byte{1, 2} {
		traces = append(traces, &mlflow.Trace{Spans: []mlflow.Span{{TraceID: [16]byte{id}}}})
	}
	named := func(ids ...byte) error {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, id := range ids {
			spans.AppendEmpty().SetTraceID([16]byte{id})
		}
		return consumererror.NewTraces(errDown, td)
	}
	require.Equal(t, traces[:1], missing(named(1, 1), traces))
	require.Nil(t, missing(named(1, 9), traces))
	require.Nil(t, missing(named(9), traces))
}

func TestReadList(t *testing.T) {
	list, torn, err := ReadList(
		strings.NewReader(
			"# mine\ntr-1\n\n" +
				"{\"trace_id\":\"tr-2\",\"experiment_id\":\"7\",\"rea\n" +
				"{\"trace_id\":\"tr-2\",\"experiment_id\":\"7\",\"reason\":\"corrupt\",\"other\":1}\r\n" +
				"tr-1\n{\"trace_id\":\"tr"))
	require.NoError(t, err)
	require.Equal(t, []int{4, 7}, torn)
	require.Equal(t,
		[]ListedTrace{{TraceID: "tr-1"}, {TraceID: "tr-2", ExperimentID: "7", Reason: mlflow.ReasonCorrupt}},
		list)
	for _, bad := range []string{
		"{\"x\":1}\ntr-1\n", "{\"x\":1}", "{\"trace_id\":\"tr-1\"}{\"trace_id\":\"tr-2\"}\n", "{\"trace_id\":1}\n",
		"{\"trace_id\":\"tr-1\",}\n", "[1]{}\n", strings.Repeat("x", 1<<20),
	} {
		_, _, err := ReadList(strings.NewReader(bad))
		require.ErrorContains(t, err, "line 1")
	}
}
