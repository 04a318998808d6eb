// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// Behind a pooler that gives each transaction another connection, several readers read everything: the first
// conflict of prepared statements is noticed, and there are no more.
func TestPgBouncer(t *testing.T) {
	db := databases.Need(t, databases.Postgres)
	name := db.Copy(t, placed(t, recorded(t)["sample"]))
	want := list(t, open(t, db.URI(databases.Admin, name), options), mlflow.Range{ExperimentID: "1"}, 500)
	var again atomic.Int64
	o := quick(func(error) { again.Add(1) })
	o.Readers = 6
	s := open(t, db.Pooled(t, databases.Admin, name), o)
	round := func() {
		var g errgroup.Group
		for range o.Readers {
			g.Go(func() error {
				for at := (mlflow.Position{}); ; {
					infos, err := s.Infos(t.Context(), mlflow.Range{ExperimentID: "1"}, at, 10)
					if err != nil || len(infos) == 0 {
						return err
					}
					last := infos[len(infos)-1]
					at = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
					n := 0
					err = s.Traces(t.Context(), infos, func(int, *mlflow.Trace, *mlflow.Skip) error { n++; return nil })
					if err != nil {
						return err
					}
				}
			})
		}
		require.NoError(t, g.Wait())
	}
	round()
	t.Logf("tried again %d times", again.Load())
	again.Store(0)
	round()
	require.Zero(t, again.Load())
	require.Equal(t, want, list(t, s, mlflow.Range{ExperimentID: "1"}, 500))
}
