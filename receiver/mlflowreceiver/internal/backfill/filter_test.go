// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// What was delivered with one filter is not delivered again with another one, and what that selects is.
func TestFilterChanges(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprint("a source that can't count by day: ", old), func(t *testing.T) {
			w := newWorld(1, 0)
			w.source.old = old
			for i := range 20 {
				for _, team := range []string{"a", "b"} {
					w.source.add(late(fmt.Sprint(team, i), time.Duration(i+1)*20*time.Hour, time.Second))
				}
			}
			run := func(filter string, traces int) string {
				t.Helper()
				s := w.settings(accept)
				s.Filter = filter
				w.complete(t, s)
				require.Len(t, w.got, traces)
				experiments, _ := w.counters.Snapshot()
				return experiments[0].Note
			}
			require.Empty(t, run("a", 20))
			require.Empty(t, run("a", 20))
			require.Contains(t, run("b", 40), "the filter is another one")
			w.source.add(late("a new", 300*time.Hour, time.Second))
			require.Contains(t, run("a", 41), "the filter is another one")
			w.source.add(late("b old", 301*time.Hour, time.Second))
			w.source.add(late("c", 302*time.Hour, time.Second))
			require.Contains(t, run("", 43), "the filter is another one")
			require.Empty(t, run("", 43))
			for id, n := range w.got {
				require.Equal(t, 1, n, id)
			}
		})
	}
}

// A process may die before it has noted the filter of now: the next one lists everything as well.
func TestFilterChangesAndTheProcessDies(t *testing.T) {
	for left := range 12 {
		w, n := newWorld(1, 0), left
		errDead := errors.New("the process is dead")
		for i := range 30 {
			w.source.add(late(fmt.Sprint("a", i), time.Duration(i+1)*20*time.Hour, time.Second))
			w.source.add(late(fmt.Sprint("b", i), time.Duration(i+1)*20*time.Hour, time.Second))
		}
		s := w.settings(accept)
		s.Filter = "a"
		w.complete(t, s)
		synctest.Test(t, func(t *testing.T) {
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			s := w.settings(accept)
			s.Filter, s.Workers = "b", 1
			var mu sync.Mutex
			s.Store.Client = &mortalStore{w.store, func() (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				if n--; n < 0 {
					kill()
					return n == -1 && left%2 == 0, errDead
				}
				return true, nil
			}}
			_, _ = Run(ctx, nil, s)
			require.Negative(t, n, "it has died")
		})
		s = w.settings(accept)
		s.Filter = "b"
		w.complete(t, s)
		require.Len(t, w.got, 60, "dead after %d writes", left)
	}
}

// Positions that an earlier version kept under a name of their filter are gone on with.
func TestAdopt(t *testing.T) {
	experiments := func() ([]mlflow.Experiment, error) { return []mlflow.Experiment{{ID: "1"}, {ID: "2"}}, nil }
	store := func(positions ...string) Store {
		s := newFailingStore()
		for _, name := range positions {
			require.NoError(t, s.Set(t.Context(), Store{Source: name}.position("2"), []byte("x")))
		}
		return Store{Client: s, Source: "base"}
	}
	adopt := func(s Store, older string) string {
		t.Helper()
		s, err := s.Adopt(t.Context(), older, experiments)
		require.NoError(t, err)
		return s.Source
	}
	s := store()
	require.Equal(t, "base", adopt(s, "base"))
	require.Equal(t, "base", adopt(s, "filter a"))
	require.NoError(t, s.Client.Set(t.Context(), Store{Source: "filter b"}.position("2"), []byte("x")))
	require.Equal(t, "base", adopt(s, "filter b"), "it was decided by the first run")

	s = store("filter a")
	require.Equal(t, "filter a", adopt(s, "filter a"))
	require.Equal(t, "filter a", adopt(s, "filter b"))
	require.Equal(t, "filter a", adopt(s, "base"))

	require.Equal(t, "base", adopt(store("base", "filter a"), "filter a"), "the source has others")

	away := errors.New("away")
	_, err := store().Adopt(t.Context(), "filter a", func() ([]mlflow.Experiment, error) { return nil, away })
	require.ErrorIs(t, err, away)
}
