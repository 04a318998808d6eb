// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// conflicts is how often the recovery of a replica must have ended a query or a transaction of the reader.
const conflicts = 3

// A replica gives what its primary has. Where the primary takes locks that the replica repeats, it ends the reader's
// transactions with 40001: they are tried again, and everything is read.
func TestReplica(t *testing.T) {
	primary := databases.Need(t, databases.Postgres)
	name := primary.Copy(t, placed(t, recorded(t)["sample"]))
	want := list(t, open(t, primary.URI(databases.Admin, name), options), mlflow.Range{ExperimentID: "1"}, 500)
	replica := primary.Standby(t)
	var ended, others atomic.Int64
	s := open(t, replica.URI(databases.Admin, name), quick(func(cause error) {
		if e, ok := errors.AsType[*pgconn.PgError](cause); ok && e.Code == "40001" {
			ended.Add(1)
		} else {
			others.Add(1)
			t.Logf("tried again after: %v", cause)
		}
	}))
	require.Equal(t, want, list(t, s, mlflow.Range{ExperimentID: "1"}, 500))

	admin := primary.Open(t, name)
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			for _, table := range []string{"spans", "trace_info", "trace_tags"} {
				if _, err := admin.ExecContext(context.Background(), "VACUUM FULL "+table); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for ended.Load() < conflicts && ctx.Err() == nil {
		infos := list(t, s, mlflow.Range{ExperimentID: "1"}, 50)
		require.Equal(t, want, infos)
		traces, _ := read(t, s, infos)
		require.Len(t, traces, len(want))
	}
	close(stop)
	require.NoError(t, <-done)
	require.GreaterOrEqual(t, ended.Load(), int64(conflicts), "conflicts with recovery; %d other failures",
		others.Load())
}
