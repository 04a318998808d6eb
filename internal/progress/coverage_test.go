// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func pos(t int64, id string) mlflow.Position { return mlflow.Position{Timestamp: t, ID: id} }

func TestCoverageHolds(t *testing.T) {
	whole, cut := Coverage{{0, pos(40, "")}}, Coverage{{10, pos(40, "b")}, {60, pos(80, "")}}
	for name, tc := range map[string]struct {
		covered Coverage
		at      mlflow.Position
		want    bool
	}{
		"nothing read":            {nil, pos(5, "a"), false},
		"inside":                  {whole, pos(5, "a"), true},
		"the end is outside":      {whole, pos(40, "a"), false},
		"before":                  {cut, pos(9, "z"), false},
		"the start is inside":     {cut, pos(10, "a"), true},
		"the last one read":       {cut, pos(40, "b"), true},
		"before it, the same ms":  {cut, pos(40, "a"), true},
		"behind it, the same ms":  {cut, pos(40, "c"), false},
		"between two stretches":   {cut, pos(50, "a"), false},
		"in the second stretch":   {cut, pos(60, "a"), true},
		"behind the last stretch": {cut, pos(80, "a"), false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, tc.covered.Holds(tc.at)) })
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
