// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func pos(t int64, id string) mlflow.Position { return mlflow.Position{Timestamp: t, ID: id} }

func TestGaps(t *testing.T) {
	for name, tc := range map[string]struct {
		covered  Coverage
		from, to int64
		want     []Gap
	}{
		"nothing read":       {nil, 0, 100, []Gap{{From: 0, To: 100}}},
		"all read":           {Coverage{{0, pos(100, "")}}, 0, 100, nil},
		"stopped in between": {Coverage{{0, pos(40, "b")}}, 0, 100, []Gap{{From: 40, To: 100, After: pos(40, "b")}}},
		"time went on":       {Coverage{{0, pos(100, "")}}, 0, 150, []Gap{{From: 100, To: 150}}},
		"earlier start":      {Coverage{{50, pos(100, "")}}, 0, 100, []Gap{{From: 0, To: 50}}},
		"earlier, then resume": {Coverage{{50, pos(70, "x")}}, 0, 100,
			[]Gap{{From: 0, To: 50}, {From: 70, To: 100, After: pos(70, "x")}}},
		"later start": {Coverage{{0, pos(40, "b")}}, 60, 100, []Gap{{From: 60, To: 100}}},
		"inside":      {Coverage{{0, pos(90, "b")}}, 10, 50, nil},
		"empty":       {nil, 100, 100, nil},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, tc.covered.Gaps(tc.from, tc.to)) })
	}
}

// However runs are cut, resumed and widened, every trace is read exactly once.
func TestCoverageReadsEachTraceOnce(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var all []mlflow.Position
		for i := range 60 {
			all = append(all, pos(int64(r.IntN(40)), strconv.Itoa(100+i)))
		}
		slices.SortFunc(all, func(a, b mlflow.Position) int {
			if a.Less(b) {
				return -1
			}
			return 1
		})
		seen := map[string]int{}
		var covered Coverage
		read := func(from, to int64, budget int) {
			for _, g := range covered.Gaps(from, to) {
				for _, p := range all {
					if p.Timestamp < g.From || p.Timestamp >= g.To || !g.After.Less(p) {
						continue
					}
					if budget == 0 {
						return
					}
					budget--
					seen[p.ID]++
					covered = covered.Add(g, p)
				}
				covered = covered.Add(g, g.Whole())
			}
		}
		for range 8 {
			from := int64(r.IntN(40))
			read(from, from+int64(r.IntN(30)), r.IntN(30))
		}
		read(0, 50, 1000)
		require.Len(t, seen, len(all), "seed %d", seed)
		for id, n := range seen {
			require.Equal(t, 1, n, "seed %d trace %s", seed, id)
		}
		require.Empty(t, covered.Gaps(0, 50))
	}
}

func TestTrackerReleasesInOrder(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		var tr Tracker[int]
		var tickets []*Ticket[int]
		for range 20 {
			tickets = append(tickets, tr.Begin())
		}
		var got []int
		for _, i := range r.Perm(20) {
			tr.Done(tickets[i], i, func(v int) { got = append(got, v) })
			for _, v := range got {
				require.True(t, tickets[v].done)
			}
		}
		require.True(t, slices.IsSorted(got))
		require.Len(t, got, 20)
		require.Zero(t, tr.Open())
	}
}
