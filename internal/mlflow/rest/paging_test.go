// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

func TestPagesWithoutEnd(t *testing.T) {
	p := paging{route: routeSearch}
	for i := range 50 {
		require.NoError(t, p.follow(strconv.Itoa(i), 1))
	}
	require.ErrorContains(t, p.follow("7", 1), "repeats a page token")
	for i := range maxStale {
		require.NoError(t, p.follow("stale"+strconv.Itoa(i), 0))
	}
	require.ErrorContains(t, p.follow("another", 0), "4 pages in a row that hold nothing new")
	p = paging{route: routeSearch, most: maxEmpty}
	for i := range maxEmpty {
		require.NoError(t, p.follow(strconv.Itoa(i), 0))
	}
	require.Error(t, p.follow("more", 0))
	p = paging{}
	for i := range maxPages {
		require.NoError(t, p.follow(strconv.Itoa(i), 1))
	}
	require.ErrorContains(t, p.follow("more", 1), "more than 100000 pages")
}

func TestPageNotAskedFor(t *testing.T) {
	w := window{from: 10, to: 20}
	for want, i := range map[string]mlflow.Info{
		"":                             {ID: "tr-1", Timestamp: 10, ExperimentID: "7"},
		"from 10 to 19 and lists tr-2": {ID: "tr-2", Timestamp: 20, ExperimentID: "7"},
		"lists tr-3 of 9":              {ID: "tr-3", Timestamp: 9, ExperimentID: "7"},
		"lists tr-4 of experiment 8":   {ID: "tr-4", Timestamp: 10, ExperimentID: "8"},
	} {
		err := w.check([]mlflow.Info{{ID: "tr-0", Timestamp: 19, ExperimentID: "7"}, i}, []string{"7"})
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, w.check([]mlflow.Info{{ID: "trace:/a.b.c/0af7651916cd43dd8448eb211c80319d", Timestamp: 10,
		ExperimentID: "8"}, {ID: "x", Unreadable: "its time is missing or is no time"}}, []string{"7"}),
		"a place belongs to several experiments")
	require.ErrorContains(t, window{from: 10}.check([]mlflow.Info{{ID: "tr-1", Timestamp: 9}}, []string{"7"}),
		"from 10 and lists tr-1 of 9")
	require.NoError(t, window{}.check([]mlflow.Info{{ID: "tr-1", Timestamp: -5}}, []string{"7"}))
}

// An answer about another trace, or about one of another experiment, is not taken for the one that
// was asked for.
func TestLookupOfAnother(t *testing.T) {
	s, c := filled(t, "3.17.2", 2, nil)
	first, second := s.Synthetic("0", 0, 1, 1).ID, s.Synthetic("0", 1, 1, 1).ID
	infos, err := c.Lookup(t.Context(), "1", []string{first})
	require.NoError(t, err)
	require.Empty(t, infos)
	infos, err = c.Lookup(t.Context(), "0", []string{first})
	require.NoError(t, err)
	require.Len(t, infos, 1)

	s, c = filled(t, "3.4.0", 2, nil)
	s.Change(first, func(i *mlflowtest.Trace) {
		i.InfoV3 = []byte(`{"trace_id":"` + second + `","request_time":"2026-01-01T00:00:00Z"}`)
	})
	_, err = c.Lookup(t.Context(), "", []string{first})
	require.ErrorContains(t, err, "was asked for the trace "+first+" and answers with "+second)
}
