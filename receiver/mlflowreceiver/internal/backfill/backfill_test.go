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
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/multierr"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func TestEveryTraceOnce(t *testing.T) {
	w := newWorld(3, 57)
	err := Run(t.Context(), nil, w.settings(accept))
	require.NoError(t, err)
	v := w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Equal(t, "complete: 171 of 171 traces accepted, with 171 spans", v.Headline)
	require.Len(t, w.got, 171)
	for id, n := range w.got {
		require.Equal(t, 1, n, id)
	}

	err = Run(t.Context(), nil, w.settings(accept))
	v = w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Contains(t, v.Headline, "nothing new; 171 traces")
	require.Equal(t, 1, w.got["tr-1-0000"], "read again")
}

func TestEmptySource(t *testing.T) {
	w := newWorld(1, 0)
	err := Run(t.Context(), nil, w.settings(accept))
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
			_ = Run(ctx, nil, w.settings(func(context.Context, string, []string) error {
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
		}
		err := Run(t.Context(), nil, w.settings(accept))
		require.True(t, w.verdict(t, err).Complete)
		for _, id := range w.all() {
			require.NotZero(t, w.got[id], "seed %d: %s is lost", seed, id)
		}
	}
}

func TestStopGivesUnitsBack(t *testing.T) {
	w := newWorld(1, 100)
	stop := make(chan struct{})
	var once sync.Once
	err := Run(t.Context(), stop, w.settings(func(context.Context, string, []string) error {
		once.Do(func() { close(stop) })
		return nil
	}))
	require.NoError(t, err)
	require.False(t, w.verdict(t, err).Complete)
	n := len(w.got)
	require.Less(t, n, 100)
	require.NoError(t, Run(t.Context(), nil, w.settings(accept)))
	require.Len(t, w.got, 100)
	for id, k := range w.got {
		require.Equal(t, 1, k, id)
	}
}

func TestDestinationDownWhileStopping(t *testing.T) {
	w := newWorld(1, 40)
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan struct{}, 100)
	done := make(chan error)
	go func() {
		done <- Run(ctx, nil, w.settings(func(ctx context.Context, _ string, _ []string) error {
			called <- struct{}{}
			<-ctx.Done() // as an exporter that waits for its result and retries without end
			return ctx.Err()
		}))
	}()
	<-called
	cancel()
	<-done //nolint:errcheck // The run was canceled, and its error says so.
	require.NoError(t, w.ledger.Check())
	require.Empty(t, w.got)
	require.NoError(t, Run(t.Context(), nil, w.settings(accept)))
	require.Len(t, w.got, 40)
}

func TestTransientErrorsAreSentAgain(t *testing.T) {
	w := newWorld(1, 50)
	var n atomic.Int64
	err := Run(t.Context(), nil, w.settings(func(context.Context, string, []string) error {
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

func TestOneRefusedTraceCostsThatTrace(t *testing.T) {
	w := newWorld(1, 50)
	err := Run(t.Context(), nil, w.settings(refuse("tr-1-0013", "tr-1-0049")))
	v := w.verdict(t, err)
	require.False(t, v.Complete)
	require.Equal(t, []string{"2 traces were refused by the destination"}, v.Problems)
	require.Len(t, w.got, 48)
	require.Equal(t, map[string]mlflow.Reason{"tr-1-0013": progress.Rejected, "tr-1-0049": progress.Rejected}, w.listed)
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
		if !slices.Contains(ids, "tr-1-0017") || len(ids) == 1 {
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
	require.NoError(t, Run(t.Context(), nil, w.settings(answer)))
	require.Len(t, w.got, 39)
	for id, n := range calls {
		require.Equal(t, 1, n, id)
	}
	require.Equal(t, map[string]mlflow.Reason{"tr-1-0017": progress.Rejected}, w.listed)
	require.Contains(t, w.verdict(t, nil).Headline, "39 of 40 traces accepted")
}

func TestDestinationThatRefusesEverythingHolds(t *testing.T) {
	w := newWorld(2, 50)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var repaired atomic.Bool
	held := make(chan struct{})
	var once sync.Once
	s := w.settings(func(_ context.Context, x string, ids []string) error {
		if x == "1" && !repaired.Load() {
			return consumererror.NewPermanent(errors.New("no grant"))
		}
		return nil
	})
	status := s.Status
	s.Status = func(err error) {
		status(err)
		if err != nil {
			once.Do(func() { close(held) })
		}
	}
	done := make(chan error)
	go func() { done <- Run(ctx, nil, s) }()
	<-held
	// The other experiment finishes meanwhile.
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := 0
		for id := range w.got {
			if strings.HasPrefix(id, "tr-2-") {
				n++
			}
		}
		return n == 50
	}, 20*time.Second, time.Millisecond)
	rec, err := s.Store.Load(t.Context(), "1")
	require.NoError(t, err)
	require.Empty(t, rec.Coverage, "the position moved")
	repaired.Store(true)
	err = <-done
	v := w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Len(t, w.got, 100)
	require.Empty(t, w.listed)
}

func TestGivesUpAfterMaxElapsedTime(t *testing.T) {
	for name, answer := range map[string]error{"permanent": consumererror.NewPermanent(errDown), "transient": errDown} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, 50)
			s := w.settings(func(context.Context, string, []string) error { return answer })
			s.GiveUp, s.Retry.MaxElapsedTime = true, time.Second
			var ticks atomic.Int64
			s.Now = func() time.Time { return w.now.Add(time.Duration(ticks.Add(1)) * 100 * time.Millisecond) }
			err := Run(t.Context(), nil, s)
			require.ErrorIs(t, err, ErrGivenUp)
			require.ErrorContains(t, err, "down")
			require.False(t, w.verdict(t, err).Complete)
			require.Empty(t, w.listed, "what the pipeline refuses is never skipped")
		})
	}
}

func TestSingleTraceRefusedInSmallExperiment(t *testing.T) {
	w := newWorld(1, 1)
	s := w.settings(refuse("tr-1-0000"))
	s.GiveUp, s.Retry.MaxElapsedTime = true, time.Second
	var ticks atomic.Int64
	s.Now = func() time.Time { return w.now.Add(time.Duration(ticks.Add(1)) * 200 * time.Millisecond) }
	require.ErrorIs(t, Run(t.Context(), nil, s), ErrGivenUp, "nothing shows that the destination works")
}

func TestSkippedAreListedAndCounted(t *testing.T) {
	w := newWorld(2, 50)
	w.source.skips["tr-1-0003"] = mlflow.Skipf(mlflow.ReasonNoSpans, "")
	err := Run(t.Context(), nil, w.settings(accept))
	v := w.verdict(t, err)
	require.True(t, v.Complete, "1 of 100 is within 1%%: %v", v.Problems)
	require.Equal(t, map[string]mlflow.Reason{"tr-1-0003": mlflow.ReasonNoSpans}, w.listed)

	w = newWorld(2, 50)
	for i := range 50 {
		w.source.skips[fmt.Sprintf("tr-2-%04d", i)] = mlflow.Skipf(mlflow.ReasonUnreachable,
			"spans are in s3://bucket (not readable here)")
	}
	err = Run(t.Context(), nil, w.settings(accept))
	require.False(t, w.verdict(t, err).Complete)

	// Mend them, feed the list back: exactly those arrive, and the books are even.
	var lines strings.Builder
	for id, reason := range w.listed {
		fmt.Fprintf(&lines, `{"trace_id":%q,"experiment_id":"2","reason":%q}`+"\n", id, reason)
	}
	clear(w.source.skips)
	clear(w.got)
	list, err := ReadList(strings.NewReader(lines.String()))
	require.NoError(t, err)
	s := w.settings(accept)
	s.List = list
	err = Run(t.Context(), nil, s)
	require.NoError(t, err)
	require.Len(t, w.got, 50)
	s = w.settings(accept)
	s.List = list
	require.NoError(t, Run(t.Context(), nil, s))
	for id, n := range w.got {
		require.Equal(t, 1, n, id)
	}
	err = Run(t.Context(), nil, w.settings(accept))
	require.True(t, w.verdict(t, err).Complete, "the skipped ones were delivered")
}

func TestUnreachableHeadline(t *testing.T) {
	w := newWorld(1, 3)
	for _, id := range w.all() {
		w.source.skips[id] = mlflow.Skipf(mlflow.ReasonUnreachable, "spans are in s3://bucket/x (not readable here)")
	}
	err := Run(t.Context(), nil, w.settings(accept))
	v := w.verdict(t, err)
	require.False(t, v.Complete)
	require.Equal(t, "0 of 3 delivered: spans are in s3://bucket/x (not readable here)", v.Headline)
}

func TestUnfinishedTraces(t *testing.T) {
	w := newWorld(1, 10)
	w.source.add(mlflow.Info{ID: "young", ExperimentID: "1", Timestamp: w.now.Add(-time.Minute).UnixMilli(),
		State: mlflow.StateInProgress})
	w.source.add(mlflow.Info{ID: "old", ExperimentID: "1", Timestamp: w.now.Add(-2 * time.Hour).UnixMilli(),
		State: mlflow.StateInProgress})
	s := w.settings(accept)
	s.To = w.now.Add(time.Minute).UnixMilli()
	err := Run(t.Context(), nil, s)
	v := w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.Contains(t, v.Headline, "1 not finished yet")
	require.Equal(t, map[string]mlflow.Reason{"young": mlflow.ReasonInProgress}, w.listed)
	require.Equal(t, 1, w.got["old"])
	require.Zero(t, w.got["young"])

	w.now = w.now.Add(2 * time.Hour)
	s = w.settings(accept)
	s.To = w.now.UnixMilli()
	err = Run(t.Context(), nil, s)
	v = w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	require.NotContains(t, v.Headline, "not finished")
	require.Equal(t, 1, w.got["young"])
	require.Equal(t, 1, w.got["old"])
	rec, err := s.Store.Load(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, int64(12), rec.Totals.Read)
	require.Equal(t, int64(12), rec.Totals.Accepted)
}

func TestVanishedPendingTraceIsSkipped(t *testing.T) {
	w := newWorld(1, 0)
	w.source.add(mlflow.Info{ID: "young", ExperimentID: "1", Timestamp: w.now.UnixMilli(),
		State: mlflow.StateInProgress})
	require.NoError(t, Run(t.Context(), nil, w.settings(accept)))
	w.source.infos["1"] = nil
	require.NoError(t, Run(t.Context(), nil, w.settings(accept)))
	require.Equal(t, mlflow.ReasonVanished, w.listed["young"])
}

func TestExperimentThatCannotBeRead(t *testing.T) {
	w := newWorld(3, 20)
	w.source.infosErr["2"] = errors.New("permission denied")
	err := Run(t.Context(), nil, w.settings(accept))
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
	err := Run(t.Context(), nil, w.settings(func(context.Context, string, []string) error {
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
			require.NoError(t, w.store.Set(t.Context(), "position/s/1", b))
			err := Run(t.Context(), nil, w.settings(accept))
			require.ErrorIs(t, err, progress.ErrDamaged)
			require.Empty(t, w.got)
		})
	}
	good := progress.Record{Coverage: progress.Coverage{{From: 1, Upto: mlflow.Position{Timestamp: 2}}}}.Encode()
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x10
		_, err := progress.DecodeRecord(bad)
		require.ErrorIs(t, err, progress.ErrDamaged, "byte %d", i)
	}
}

func TestPermanentOnlyIfEveryLeafIs(t *testing.T) {
	perm := consumererror.NewPermanent(errDown)
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"plain":               {errDown, false},
		"permanent":           {perm, true},
		"wrapped":             {fmt.Errorf("x: %w", perm), true},
		"both":                {multierr.Append(perm, perm), true},
		"one branch":          {multierr.Append(errDown, perm), false},
		"one branch wrapped":  {fmt.Errorf("x: %w", errors.Join(perm, errDown)), false},
		"deep":                {errors.Join(perm, fmt.Errorf("x: %w", errors.Join(perm, errDown))), false},
		"wrapper over a fork": {consumererror.NewPermanent(errors.Join(perm, errDown)), false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, permanent(tc.err)) })
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

func TestReadList(t *testing.T) {
	list, err := ReadList(
		strings.NewReader(
			"# mine\ntr-1\n\n" +
				"{\"trace_id\":\"tr-2\",\"experiment_id\":\"7\",\"reason\":\"corrupt\",\"other\":1}\r\n" +
				"tr-1\n{\"trace_id\":\"tr"))
	require.NoError(t, err)
	require.Equal(t,
		[]ListedTrace{{TraceID: "tr-1"}, {TraceID: "tr-2", ExperimentID: "7", Reason: mlflow.ReasonCorrupt}},
		list)
	for _, bad := range []string{"{\"x\":1}\ntr-1\n", "[1]{}\n", strings.Repeat("x", 1<<20)} {
		_, err := ReadList(strings.NewReader(bad))
		require.ErrorContains(t, err, "line 1")
	}
}
