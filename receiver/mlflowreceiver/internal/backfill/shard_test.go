// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// asked counts the requests of a run for pages of infos and for counts by day, and the pages that were
// empty.
type asked struct {
	*fakeSource
	mu                   sync.Mutex
	pages, empty, counts int
}

func (a *asked) Infos(ctx context.Context, r mlflow.Range, after mlflow.Position, limit int) ([]mlflow.Info, error) {
	infos, err := a.fakeSource.Infos(ctx, r, after, limit)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pages++
	if len(infos) == 0 {
		a.empty++
	}
	return infos, err
}

func (a *asked) Daily(ctx context.Context, experiments []string, from, to int64) (map[mlflow.Day]mlflow.DayCounts,
	error) {
	a.mu.Lock()
	a.counts++
	a.mu.Unlock()
	return a.fakeSource.Daily(ctx, experiments, from, to)
}

// sharded runs the shard of a backfill that reads everything, each with a store of its own.
func (w *world) sharded(t *testing.T, index, count int) (v progress.Verdict, a *asked) {
	t.Helper()
	s := w.settings(accept)
	a = &asked{fakeSource: w.source}
	s.Source, s.Shard = a, progress.Shard{Index: index, Count: count}
	s.Store.Source = fmt.Sprint("s", index, "-", count)
	err := w.run(t, s)
	require.NoError(t, err)
	v = w.verdict(t, err)
	require.True(t, v.Complete, v.Problems)
	return v, a
}

// weeks is a world with an experiment that has 20 traces on each of some days, of which every fifth is empty.
func weeks() *world {
	w := newWorld(1, 0)
	for day := range 40 {
		for i := range 20 {
			if day%5 > 0 {
				w.source.add(late(fmt.Sprintf("tr-%02d-%02d", day, i), time.Duration(day)*24*time.Hour+
					time.Duration(i+1)*time.Minute, time.Duration(i)*time.Second))
			}
		}
	}
	return w
}

// The shards of a backfill deliver each trace once. Where the source counts by day no page of a day is empty;
// where it does not, at most one.
func TestShards(t *testing.T) {
	for _, old := range []bool{false, true} {
		for count := 2; count <= 4; count++ {
			t.Run(fmt.Sprintf("%d shards, a source that can't count by day: %t", count, old), func(t *testing.T) {
				w := weeks()
				w.source.old = old
				empty := 0
				for index := range count {
					before := len(w.got)
					_, a := w.sharded(t, index, count)
					require.Greater(t, len(w.got), before)
					if !old {
						assert.Equal(t, 1, a.empty, "that of the time after the start of the run")
						assert.Equal(t, 2*(len(w.got)-before)/20+1, a.pages, "two pages of 10 for each day")
						assert.Equal(t, 2, a.counts)
					}
					empty += a.empty
					experiments, _ := w.counters.Snapshot()
					assert.Empty(t, experiments[0].Missing)
					if !old {
						assert.EqualValues(t, len(w.got)-before, experiments[0].SourceCount)
					}
				}
				require.Len(t, w.got, len(w.all()))
				for id, n := range w.got {
					require.Equal(t, 1, n, id)
				}
				assert.LessOrEqual(t, empty, 41+count)
			})
		}
	}
}

// Later runs of a shard deliver what appeared in its windows, and miss nothing of others.
func TestLateTracesOfShards(t *testing.T) {
	for _, old := range []bool{false, true} {
		w := weeks()
		w.source.old = old
		for index := range 2 {
			w.sharded(t, index, 2)
		}
		for day := range 40 { // also on days that were empty
			w.source.add(late(fmt.Sprintf("late-%02d", day), time.Duration(day)*24*time.Hour+time.Hour, time.Second))
		}
		for index := range 2 {
			w.sharded(t, index, 2)
		}
		require.Len(t, w.got, len(w.all()))
		for id, n := range w.got {
			require.Equal(t, 1, n, id)
		}
		v, _ := w.sharded(t, 0, 2)
		assert.True(t, strings.HasPrefix(v.Headline, "complete: nothing new"), v.Headline)
	}
}

// A shard notices that the source has more than it listed.
func TestShortPagesOfShard(t *testing.T) {
	w := weeks()
	s := w.settings(accept)
	s.Shard = progress.Shard{Index: 0, Count: 2}
	var missing []string
	for index := range 2 { // the trace of one day is hidden; one of the shards misses it
		s.Shard.Index, s.Store.Source = index, fmt.Sprint("s", index)
		s.Source = hides{w.source, "tr-07-05"}
		w.counters = &progress.Counters{}
		s.Counters = w.counters
		require.NoError(t, w.run(t, s))
		experiments, _ := w.counters.Snapshot()
		missing = append(missing, experiments[0].Missing)
	}
	assert.Equal(t, 1, strings.Count(strings.Join(missing, ""), "the source has 20 traces, 19 were listed"), missing)
}

// Traces of the time after the start of a run are those of the shard that owns their days.
func TestFutureTracesOfShards(t *testing.T) {
	w := newWorld(1, 0)
	for day := range 10 {
		w.source.add(late(fmt.Sprint("future-", day), -time.Duration(day)*24*time.Hour-time.Minute, time.Second))
	}
	for index := range 3 {
		w.sharded(t, index, 3)
	}
	require.Len(t, w.got, 10)
	for id, n := range w.got {
		require.Equal(t, 1, n, id)
	}
}
