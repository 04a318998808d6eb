// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// stores are those of the test data, and whether they have a table of spans.
var stores = map[string]bool{
	"stores/2.14.3": false, "stores/2.22.5": false, "stores/3.1.4": false, "stores/3.4.0": true, "stores/3.6.0": true,
	"stores/3.17.2": true, "sample": true,
}

// list reads all infos of a range, or those that ended since a time.
func list(t *testing.T, s *Store, r mlflow.Range, since int64) (infos []mlflow.Info) {
	t.Helper()
	var after mlflow.Position
	for {
		page, err := s.Infos(t.Context(), r, after, 7)
		if since > 0 {
			page, err = s.Ended(t.Context(), r, since, after, 7)
		}
		require.NoError(t, err)
		if len(page) == 0 {
			return infos
		}
		infos = append(infos, page...)
		after = mlflow.Position{Timestamp: page[len(page)-1].Timestamp, ID: page[len(page)-1].ID}
	}
}

// TestRecent: traces of several experiments since a time, by their start.
func TestRecent(t *testing.T) {
	for name := range stores {
		t.Run(name, func(t *testing.T) {
			s := open(t, placeStore(t, name))
			experiments, err := s.Experiments(t.Context())
			require.NoError(t, err)
			var ids []string
			var all []mlflow.Info
			for _, x := range experiments {
				ids = append(ids, x.ID)
				all = append(all, list(t, s, mlflow.Range{ExperimentID: x.ID}, 0)...)
			}
			require.NotEmpty(t, all)
			slices.SortFunc(all, func(a, b mlflow.Info) int {
				return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
			})
			since := all[len(all)/2].Timestamp
			want := slices.DeleteFunc(all, func(i mlflow.Info) bool { return i.Timestamp < since })
			var got []mlflow.Info
			for at := (mlflow.Position{}); ; {
				page, err := s.Recent(t.Context(), mlflow.Recency{Experiments: ids, Since: since}, at, 7)
				require.NoError(t, err)
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				at = mlflow.Position{Timestamp: page[len(page)-1].Timestamp, ID: page[len(page)-1].ID}
			}
			require.Equal(t, want, got)
			_, err = s.Recent(t.Context(), mlflow.Recency{Experiments: ids, Filter: "x > y"}, mlflow.Position{}, 7)
			require.Error(t, err)
		})
	}
}

// TestCountsOfStores compares what stores count with what they list.
func TestCountsOfStores(t *testing.T) {
	for name, hasSpans := range stores {
		t.Run(name, func(t *testing.T) {
			path := placeStore(t, name)
			change(t, path,
				"UPDATE trace_info SET timestamp_ms = -1 WHERE rowid = (SELECT min(rowid) FROM trace_info)",
				"UPDATE trace_info SET timestamp_ms = -86400000, execution_time_ms = NULL WHERE rowid = "+
					"(SELECT max(rowid) FROM trace_info)")
			s := open(t, path)
			experiments, err := s.Experiments(t.Context())
			require.NoError(t, err)
			var ids []string
			all := map[mlflow.Day]mlflow.DayCounts{}
			for _, x := range experiments {
				require.Positive(t, x.Created)
				ids = append(ids, x.ID)
				own := map[mlflow.Day]mlflow.DayCounts{}
				r := mlflow.Range{ExperimentID: x.ID, From: -1 << 40}
				infos := list(t, s, r, 0)
				for _, i := range infos {
					for _, days := range []map[mlflow.Day]mlflow.DayCounts{all, own} {
						d := days[mlflow.DayOf(i.Timestamp)]
						d.Traces++
						d.Duration += i.Duration
						days[mlflow.DayOf(i.Timestamp)] = d
					}
				}
				got, err := s.Daily(t.Context(), []string{x.ID}, r.From, 0)
				require.NoError(t, err)
				require.Equal(t, own, got)
				ok, err := s.Exactly(t.Context(), r, int64(len(infos)))
				require.NoError(t, err)
				require.True(t, ok)
				ok, err = s.Exactly(t.Context(), r, int64(len(infos))+1)
				require.NoError(t, err)
				require.False(t, ok)
				if len(infos) > 0 {
					since := infos[len(infos)/2].Timestamp + infos[len(infos)/2].Duration
					var ended []mlflow.Info
					for _, i := range infos {
						if i.Timestamp+i.Duration >= since {
							ended = append(ended, i)
						}
					}
					require.Equal(t, ended, list(t, s, r, since))
				}
				sameInfos(t, s, infos)
			}
			require.Contains(t, all, mlflow.Day(-1))
			got, err := s.Daily(t.Context(), ids, -1<<40, 0)
			require.NoError(t, err)
			require.Equal(t, all, got)

			n, err := s.SpanCount(t.Context(), ids, -1<<40, 0)
			if !hasSpans {
				require.ErrorIs(t, err, mlflow.ErrUnsupported)
				return
			}
			require.NoError(t, err)
			var rows int64
			require.NoError(t, s.sql.QueryRow("SELECT count(*) FROM spans").Scan(&rows))
			require.Equal(t, rows, n)
			n, err = s.SpanCount(t.Context(), ids, 0, 1)
			require.NoError(t, err)
			require.Zero(t, n)
			for day := range all { // both ways to count
				before, err := s.SpanCount(t.Context(), ids, -1<<40, day.Start()+1)
				require.NoError(t, err)
				behind, err := s.SpanCount(t.Context(), ids, day.Start()+1, 0)
				require.NoError(t, err)
				require.Equal(t, rows, before+behind, day)
			}
		})
	}
}

// sameInfos: what an info tells doesn't depend on the method that returned it.
func sameInfos(t *testing.T, s *Store, listed []mlflow.Info) {
	t.Helper()
	var ids []string
	want := map[string][]any{}
	of := func(i mlflow.Info) []any { return []any{i.Timestamp, i.Duration, i.Untimed, i.State} }
	for _, i := range listed {
		ids, want[i.ID] = append(ids, i.ID), of(i)
	}
	found, err := s.Lookup(t.Context(), "", ids)
	require.NoError(t, err)
	require.Len(t, found, len(listed))
	for _, i := range found {
		require.Equal(t, want[i.ID], of(i))
		_, final := mlflow.Get(i.Metadata, mlflow.MetaInfoFinalized)
		require.Equal(t, final, i.Final)
		stats, _ := mlflow.Get(i.Metadata, mlflow.MetaSizeStats)
		require.Equal(t, stats != "", i.Spans > 0)
	}
}

func TestCountsErrors(t *testing.T) {
	s := open(t, testdata+"sample/mlflow.db")
	_, err := s.Daily(t.Context(), []string{"1", "x"}, 0, 0)
	require.ErrorContains(t, err, `experiment id "x" is not a number`)
	_, err = s.SpanCount(t.Context(), []string{"x"}, 0, 0)
	require.ErrorContains(t, err, `experiment id "x" is not a number`)
	_, err = s.Ended(t.Context(), mlflow.Range{ExperimentID: "1", Filter: "x > 5"}, 5, mlflow.Position{}, 5)
	require.ErrorContains(t, err, `field "x" can't be used with a store`)
	days, err := s.Daily(t.Context(), nil, 0, 0)
	require.NoError(t, err)
	require.Empty(t, days)
}
