// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// recent answers with traces from memory.
type recent struct {
	mlflow.Source
	infos    []mlflow.Info
	single   bool // one experiment at a time
	requests int
	fail     error
}

func (r *recent) Recent(_ context.Context, of mlflow.Recency, after mlflow.Position, limit int) ([]mlflow.Info, error) {
	r.requests++
	if r.fail != nil {
		return nil, r.fail
	}
	if r.single && len(of.Experiments) > 1 {
		return nil, mlflow.ErrUnsupported
	}
	var page []mlflow.Info
	for _, i := range r.infos {
		at := mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}
		if slices.Contains(of.Experiments, i.ExperimentID) && i.Timestamp >= of.Since && after.Less(at) {
			page = append(page, i)
		}
	}
	slices.SortFunc(page, func(a, b mlflow.Info) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
	})
	return page[:min(len(page), limit)], nil
}

func (r *recent) add(experiments, traces int) (ids []string) {
	for x := range experiments {
		id := strconv.Itoa(x)
		ids = append(ids, id)
		for n := range traces {
			r.infos = append(r.infos, mlflow.Info{ID: fmt.Sprintf("tr-%s-%05d", id, n), ExperimentID: id,
				Timestamp: begin.UnixMilli() + int64(n), State: mlflow.StateOK})
		}
	}
	return ids
}

// look returns the ids of what is found, in order, and the sizes of what is handed over at once.
func look(t *testing.T, l *Looker, experiments []string) (ids []string, sizes []int) {
	t.Helper()
	err := l.Look(t.Context(), experiments, begin, false, func(infos map[string][]mlflow.Info) error {
		n := 0
		for x, list := range infos {
			n += len(list)
			for _, i := range list {
				require.Equal(t, x, i.ExperimentID)
				ids = append(ids, i.ID)
			}
			l.Settle(list, begin, begin.Add(-time.Hour))
		}
		sizes = append(sizes, n)
		return nil
	})
	require.NoError(t, err)
	return ids, sizes
}

// A thousand quiet experiments cost ten requests, one where the source can't be asked for several.
func TestLookIsCheap(t *testing.T) {
	for single, want := range map[bool]int{false: 10, true: 1000} {
		source := &recent{single: single}
		experiments := source.add(1000, 0)
		l := &Looker{Source: source, Page: 100}
		look(t, l, experiments)
		source.requests = 0
		look(t, l, experiments)
		require.Equal(t, want, source.requests)
	}
}

func TestLook(t *testing.T) {
	source := &recent{}
	experiments := source.add(3, 1500)
	l := &Looker{Source: source, Page: 500}
	ids, sizes := look(t, l, experiments[:2])
	require.Len(t, ids, 3000)
	require.LessOrEqual(t, slices.Max(sizes), atOnce+l.Page)
	ids, _ = look(t, l, experiments[:2])
	require.Empty(t, ids, "they were settled")
	source.infos[7].Duration = 5
	source.infos[9].State = mlflow.StateError
	ids, _ = look(t, l, experiments[:2])
	require.Equal(t, []string{source.infos[7].ID, source.infos[9].ID}, ids, "they have changed")
	l.Settle(nil, begin, begin.Add(time.Second))
	ids, _ = look(t, l, experiments[:2])
	require.Len(t, ids, 3000, "they were forgotten")
}

// Two experiments may hold traces of the same id.
func TestLookTellsExperimentsApart(t *testing.T) {
	source := &recent{infos: []mlflow.Info{
		{ID: "tr-1", ExperimentID: "1", Timestamp: begin.UnixMilli()},
		{ID: "tr-1", ExperimentID: "2", Timestamp: begin.UnixMilli()},
	}}
	l := &Looker{Source: source, Page: 10}
	ids, _ := look(t, l, []string{"1"})
	require.Len(t, ids, 1)
	ids, _ = look(t, l, []string{"1", "2"})
	require.Len(t, ids, 1)
}

func TestLookFails(t *testing.T) {
	down := errors.New("down")
	l := &Looker{Source: &recent{fail: down}, Page: 10}
	err := l.Look(t.Context(), []string{"1"}, begin, false, nil)
	require.ErrorIs(t, err, down)
	source := &recent{}
	l = &Looker{Source: source, Page: 10}
	take := func(map[string][]mlflow.Info) error { return down }
	require.ErrorIs(t, l.Look(t.Context(), source.add(1, 3), begin, false, take), down)
}
