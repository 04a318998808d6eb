// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// late is a finished trace that began a time before virtual time.
func late(id string, ago, duration time.Duration) mlflow.Info {
	return mlflow.Info{ID: id, ExperimentID: "1", Timestamp: epoch.Add(-ago).UnixMilli(),
		Duration: duration.Milliseconds(), State: mlflow.StateOK}
}

// days is a world with a trace per hour over 30 days.
func days() *world {
	w := newWorld(1, 0)
	for i := range 30 * 24 {
		w.source.add(late(fmt.Sprintf("tr-1-%04d", i), time.Duration(30*24-i)*time.Hour, time.Duration(i)*time.Second))
	}
	return w
}

// complete runs to the end and requires that nothing is missing.
func (w *world) complete(t *testing.T, s Settings) progress.Verdict {
	t.Helper()
	err := w.run(t, s)
	require.NoError(t, err)
	v := w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	return v
}

// A client writes a trace when it ends, dated by its start: a run before it can't see it, and a
// later one delivers it, and nothing else again.
func TestLateTrace(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprint("a source that can't count by day: ", old), func(t *testing.T) {
			w := days()
			w.source.old = old
			w.complete(t, w.settings(accept))
			for _, ago := range []time.Duration{time.Minute, 26 * time.Hour, 29 * 24 * time.Hour} {
				w.source.add(late("late "+ago.String(), ago, time.Second))
			}
			w.complete(t, w.settings(accept))
			require.Len(t, w.got, 30*24+3)
			for id, n := range w.got {
				require.Equal(t, 1, n, id)
			}
			v := w.complete(t, w.settings(accept))
			require.Contains(t, v.Headline, "nothing new")
		})
	}
}

// One trace deleted and one late on the same day leave the number as it was.
func TestLateTraceBehindADeletedOne(t *testing.T) {
	w := days()
	w.complete(t, w.settings(accept))
	w.source.infos["1"] = slices.DeleteFunc(w.source.infos["1"],
		func(i mlflow.Info) bool { return i.ID == "tr-1-0100" })
	gone := late("tr-1-0100", (30*24-100)*time.Hour, 0)
	gone.ID, gone.Duration = "late", 7
	w.source.add(gone)
	w.complete(t, w.settings(accept))
	require.Equal(t, 1, w.got["late"])
	experiments, _ := w.counters.Snapshot()
	require.EqualValues(t, 1, experiments[0].Gone)
}

// A trace that grew after it was delivered is delivered again, and counted as such.
func TestGrownTrace(t *testing.T) {
	w := days()
	w.complete(t, w.settings(accept))
	w.source.mu.Lock()
	w.source.infos["1"][50].Duration += 1000
	w.source.mu.Unlock()
	w.complete(t, w.settings(accept))
	require.Equal(t, 2, w.got["tr-1-0050"])
	experiments, _ := w.counters.Snapshot()
	require.EqualValues(t, 1, experiments[0].Grown)
	rec, _ := w.record(t, "1")
	require.EqualValues(t, 30*24, rec.Totals.Accepted, "it is one trace")
	w.counts(t)
	v := w.complete(t, w.settings(accept))
	require.Contains(t, v.Headline, "nothing new; 720 traces")
}

// What ended since the last run is read although the numbers of its day agree.
func TestWhatEndedSince(t *testing.T) {
	w := days()
	w.complete(t, w.settings(accept))
	w.source.mu.Lock()
	list := w.source.infos["1"]
	grown, other := &list[50], &list[51]
	require.Equal(t, mlflow.DayOf(grown.Timestamp), mlflow.DayOf(other.Timestamp))
	more := epoch.Add(time.Minute).UnixMilli() - grown.Timestamp - grown.Duration
	grown.Duration += more
	other.Duration -= more
	w.source.mu.Unlock()
	w.later = time.Hour
	w.complete(t, w.settings(accept))
	require.Equal(t, 2, w.got["tr-1-0050"])
	require.Equal(t, 1, w.got["tr-1-0051"], "nothing shows that it has changed")

	// One that is met on both ways is sent once.
	w.source.add(late("late", -55*time.Minute, time.Second))
	w.source.pause, w.later = time.Second, 2*time.Hour
	w.complete(t, w.settings(accept))
	require.Equal(t, 1, w.got["late"])
}

// A first run that is stopped is followed by one that reads what ended since the first began, also on days that were
// listed to their end, where no sum of durations tells.
func TestWhatEndedSinceAStoppedRun(t *testing.T) {
	w := days()
	w.source.old = true
	stop, calls := make(chan struct{}), 0
	s := w.settings(func(context.Context, string, []string) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if calls++; calls == 40 {
			close(stop)
		}
		return nil
	})
	synctest.Test(t, func(t *testing.T) {
		_, err := Run(t.Context(), stop, s)
		require.NoError(t, err)
	})
	require.Less(t, len(w.got), 720)
	require.Equal(t, 1, w.got["tr-1-0050"])
	w.source.mu.Lock()
	grown := &w.source.infos["1"][50]
	grown.Duration += epoch.Add(time.Hour).UnixMilli() - grown.Timestamp - grown.Duration
	w.source.mu.Unlock()
	w.later = 24 * time.Hour
	w.complete(t, w.settings(accept))
	require.Equal(t, 2, w.got["tr-1-0050"])
	rec, _ := w.record(t, "1")
	require.Zero(t, rec.Begun)
}

// What is delivered during a run and what appears meanwhile is found in the same run.
func TestTraceThatAppearsMeanwhile(t *testing.T) {
	w := days()
	var once sync.Once
	w.complete(t, w.settings(func(context.Context, string, []string) error {
		once.Do(func() { w.source.add(late("meanwhile", 29*24*time.Hour, time.Second)) })
		return nil
	}))
	require.Equal(t, 1, w.got["meanwhile"])
}

// A source that gives shorter or empty pages than it counts is not complete, and says what is
// missing.
func TestShortPages(t *testing.T) {
	w := days()
	hidden := w.source.infos["1"][300]
	s := w.settings(accept)
	s.Source = hides{w.source, hidden.ID}
	err := w.run(t, s)
	require.NoError(t, err)
	v := w.verdict(t, err)
	require.False(t, v.Complete)
	require.Contains(t, v.Problems[0], "the source has 24 traces, 23 were listed")
	require.Len(t, w.got, 719)
	w.complete(t, w.settings(accept))
	require.Len(t, w.got, 720)
}

// A run over a part of the range counts all experiments together, too, where nothing differs.
func TestCountsOfAPart(t *testing.T) {
	w := newWorld(20, 50)
	for i := range 20 {
		recent := late(fmt.Sprint("recent-", i), time.Hour, time.Second)
		recent.ExperimentID = w.source.experiments[i].ID
		w.source.add(recent)
	}
	w.complete(t, w.settings(accept))
	for _, from := range []int64{0, epoch.Add(-48 * time.Hour).UnixMilli()} {
		s, counted := w.settings(accept), 0
		s.Source, s.From, s.Part = counts{w.source, &counted}, from, from > 0
		w.complete(t, s)
		require.Equal(t, 1, counted)
	}
}

// counts is a source that tells how often it was asked for counts by day.
type counts struct {
	*fakeSource
	asked *int
}

func (c counts) Daily(ctx context.Context, experiments []string, from, to int64) (map[mlflow.Day]mlflow.DayCounts,
	error) {
	*c.asked++
	return c.fakeSource.Daily(ctx, experiments, from, to)
}

// hides is a source that leaves a trace out of its lists.
type hides struct {
	*fakeSource
	id string
}

func (h hides) Infos(ctx context.Context, r mlflow.Range, after mlflow.Position, limit int) ([]mlflow.Info, error) {
	infos, err := h.fakeSource.Infos(ctx, r, after, limit)
	return slices.DeleteFunc(infos, func(i mlflow.Info) bool { return i.ID == h.id }), err
}

// A store that was restored from a backup is listed as a whole.
func TestRestoredSource(t *testing.T) {
	w := days()
	w.complete(t, w.settings(accept))
	w.source.mu.Lock()
	for i := range w.source.infos["1"] { // other traces, with the same durations
		w.source.infos["1"][i].ID += "b"
	}
	w.source.mu.Unlock()
	w.complete(t, w.settings(accept))
	require.Equal(t, 1, w.got["tr-1-0000b"])
	require.Equal(t, 1, w.got["tr-1-0719b"])
	experiments, _ := w.counters.Snapshot()
	require.Contains(t, experiments[0].Note, "restored from a backup")
}

// Another experiment with the id of a delivered one is noticed.
func TestReplacedExperiment(t *testing.T) {
	w := days()
	w.source.experiments[0].ArtifactLocation = "mlflow-artifacts:/1"
	w.complete(t, w.settings(accept))
	w.source.experiments[0].ArtifactLocation = "mlflow-artifacts:/other"
	err := w.run(t, w.settings(accept))
	require.ErrorIs(t, err, ErrReplaced)
	require.ErrorContains(t, err, "on_replaced: start_over")
	s := w.settings(accept)
	s.StartOver = true
	w.complete(t, s)
	require.Equal(t, 2, w.got["tr-1-0000"])
	w.complete(t, w.settings(accept))
	require.Equal(t, 2, w.got["tr-1-0000"])
}

// Positions of older formats are taken over where they tell what was delivered; if not, everything
// is delivered again, and the run says so.
func TestUpgrade(t *testing.T) {
	for name, c := range map[string]struct {
		read  int64
		again bool
	}{"as many as were read": {720, false}, "more than were read": {719, true}} {
		t.Run(name, func(t *testing.T) {
			w := days()
			old := fmt.Appendf(nil, `{"coverage":[{"from":0,"upto":{"t":%d}}],"totals":{"read":%d,"accepted":%d,`+
				`"spans":1,"rejected":0}}`, epoch.UnixMilli(), c.read, c.read)
			require.NoError(t, w.store.Client.Set(t.Context(), "position/s/1", sealed("mlflow-position-2", old)))
			v := w.complete(t, w.settings(accept))
			experiments, _ := w.counters.Snapshot()
			if c.again {
				require.Len(t, w.got, 720)
				require.Contains(t, experiments[0].Note, "older format")
				return
			}
			require.Empty(t, w.got)
			require.Contains(t, v.Headline, "nothing new; 720 traces")
			w.source.add(late("late", 29*24*time.Hour, time.Second))
			w.complete(t, w.settings(accept))
			require.Equal(t, map[string]int{"late": 1}, w.got)
		})
	}
}

// sealed puts the version of a format and the checksum in front of a record.
func sealed(version string, body []byte) []byte {
	return append(fmt.Appendf(nil, "%s %08x ", version, crc32.ChecksumIEEE(body)), body...)
}

// A damaged record of the set costs repeats and nothing else.
func TestDamagedChunk(t *testing.T) {
	w := days()
	w.complete(t, w.settings(accept))
	day := mlflow.DayOf(w.source.infos["1"][300].Timestamp)
	key := "ids/s/1/" + day.String() + "/0"
	b, err := w.store.Client.Get(t.Context(), key)
	require.NoError(t, err)
	require.NotEmpty(t, b)
	b[len(b)-1] ^= 1
	require.NoError(t, w.store.Client.Set(t.Context(), key, b))
	s := w.settings(accept)
	s.RecheckAll = true
	w.complete(t, s)
	require.Len(t, w.got, 720)
	sum := 0
	for _, n := range w.got {
		sum += n
	}
	require.LessOrEqual(t, sum, 720+delivered.ChunkSize)
	require.Equal(t, 720+24, sum)
	experiments, _ := w.counters.Snapshot()
	require.Contains(t, experiments[0].Note, key)
	rec, _ := w.record(t, "1")
	require.EqualValues(t, 720, rec.Totals.Accepted, "a trace that was delivered again is one trace")
	require.Equal(t, rec.Totals.Accepted, experiments[0].Earlier.Accepted+experiments[0].Run.Accepted)
	require.Contains(t, w.complete(t, w.settings(accept)).Headline, "nothing new; 720 traces")
}

// Clients choose the time of a trace. A range that ends in the future holds those that are dated
// there, and what is written there later is delivered, too.
func TestFutureTraces(t *testing.T) {
	for _, old := range []bool{false, true} {
		w := days()
		w.source.old = old
		w.source.add(late("tomorrow", -25*time.Hour, time.Second))
		s := w.settings(accept)
		s.To = epoch.Add(100 * 24 * time.Hour).UnixMilli()
		w.complete(t, s)
		require.Equal(t, 1, w.got["tomorrow"])
		require.Len(t, w.got, 721)
		w.later = 26 * time.Hour
		w.source.add(late("also tomorrow", -24*time.Hour, time.Second))
		s = w.settings(accept)
		s.To = epoch.Add(100 * 24 * time.Hour).UnixMilli()
		w.complete(t, s)
		require.Equal(t, 1, w.got["also tomorrow"])
		require.Equal(t, 1, w.got["tomorrow"])
		require.Len(t, w.got, 722)
	}
}

// Random histories: traces appear late, grow and vanish between runs that die at random moments.
// After a last run everything that the source has is delivered in its newest shape, and what was
// delivered twice is bounded.
func TestHistoriesWithDeaths(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 11))
		w := newWorld(1, 0)
		w.source.old = seed%4 == 3
		shapes := map[string]int64{} // of the newest delivery
		next, grown := 0, 0
		add := func(n int) {
			for range n {
				next++
				w.source.add(late(fmt.Sprintf("tr-%04d", next), time.Duration(1+r.IntN(20*24))*time.Hour,
					time.Duration(1+r.IntN(1e9))*time.Millisecond)) // such that sums differ
			}
		}
		add(60)
		deliver := func(s Settings) Settings {
			send := s.Send
			s.Send = func(ctx context.Context, x mlflow.Experiment, traces []*mlflow.Trace,
				told func(string) bool) error {
				err := send(ctx, x, traces, told)
				if err == nil {
					w.mu.Lock()
					for _, t := range traces {
						shapes[t.Info.ID] = t.Info.Duration
					}
					w.mu.Unlock()
				}
				return err
			}
			return s
		}
		for range 6 {
			dead, left := atomic.Bool{}, atomic.Int64{}
			left.Store(int64(r.IntN(8)))
			w.store.fail = func() error {
				if dead.Load() {
					return errors.New("the process is dead")
				}
				return nil
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				_, _ = Run(ctx, nil, deliver(w.settings(func(context.Context, string, []string) error {
					if left.Add(-1) < 0 {
						dead.Store(true)
						kill()
						return errors.New("the process is dead")
					}
					return nil
				})))
			})
			w.store.fail = nil
			w.counts(t)
			add(r.IntN(6))
			w.source.mu.Lock()
			if list := w.source.infos["1"]; len(list) > 10 {
				if !w.source.old { // a number alone does not show that a trace has grown
					list[r.IntN(len(list))].Duration += 1 + r.Int64N(1e9)
					grown++
				}
				at := r.IntN(len(list))
				w.source.infos["1"] = slices.Delete(slices.Clone(list), at, at+1)
			}
			w.source.mu.Unlock()
		}
		s := deliver(w.settings(accept))
		s.RecheckAll = w.source.old
		w.complete(t, s)
		if experiments, _ := w.counters.Snapshot(); experiments[0].Scope != "" {
			// a listing that was resumed does not see what appeared before it, and says so
			require.True(t, w.source.old)
			s = deliver(w.settings(accept))
			s.RecheckAll = true
			w.complete(t, s)
			experiments, _ = w.counters.Snapshot()
			require.Empty(t, experiments[0].Scope)
		}
		repeats := -len(w.got)
		for _, n := range w.got {
			repeats += n
		}
		for _, i := range w.source.infos["1"] {
			require.Equal(t, i.Duration, shapes[i.ID], "seed %d: %s", seed, i.ID)
		}
		require.LessOrEqual(t, repeats, grown+6*(3+3+1)*10, "seed %d", seed)
		w.counts(t)
	}
}
