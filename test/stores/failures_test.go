// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configretry"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// quick are options that try again soon, and tell of it.
func quick(retrying func(cause error)) store.Options {
	o := options
	o.Retry = configretry.BackOffConfig{InitialInterval: 5 * time.Millisecond, MaxInterval: 100 * time.Millisecond}
	o.Retrying = func(cause error, _ time.Duration) { retrying(cause) }
	return o
}

// A user without a grant is told which; a table that is not there is none that is denied.
func TestDenied(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
		reader := db.Reader(t, name)
		from, on := reader, "spans"
		if db.Kind == "mysql" {
			from, on = reader+"@'%'", name+".spans"
		}
		db.Exec(t, name, "REVOKE SELECT ON "+on+" FROM "+from)
		_, err := open(t, db.URI(reader, name), options).Experiments(t.Context())
		require.ErrorContains(t, err, "table spans: permission denied; an administrator can grant it: GRANT SELECT ON ")
		require.ErrorContains(t, err, reader)
		require.NotContains(t, err.Error(), reader+":")

		old := db.Copy(t, placed(t, recorded(t)["2.22.5"]))
		reader = "old_" + old
		if db.Kind == "mysql" {
			db.Exec(t, old, "CREATE USER "+reader+"@'%' IDENTIFIED BY '"+reader+"'")
			for _, table := range []string{"alembic_version", "experiments", "trace_info", "trace_tags",
				"trace_request_metadata"} {
				db.Exec(t, old, "GRANT SELECT ON "+old+"."+table+" TO "+reader+"@'%'")
			}
		} else {
			db.Exec(t, old, "CREATE ROLE "+reader+" LOGIN PASSWORD '"+reader+"'",
				"GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+reader)
		}
		experiments, err := open(t, db.URI(reader, old), options).Experiments(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, experiments)
	})
}

// A wrong login ends the work at once, and no message holds a password.
func TestWrongLogin(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
		for uri, want := range map[string]string{
			strings.Replace(db.URI(databases.Admin, name), ":admin@", ":canary@", 1): "admin",
			db.URI(databases.Admin, "nowhere"):                                       "nowhere",
		} {
			s := open(t, uri, quick(func(cause error) { t.Errorf("tried again after: %v", cause) }))
			_, err := s.Experiments(t.Context())
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "canary")
		}
	})
}

// The password is asked for at each connect, so that one that expires is followed by the next.
func TestPasswordOfEachConnect(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
		reader := db.Reader(t, name)
		password := reader
		asked := 0
		o := quick(func(error) {})
		o.Password = func(context.Context) (string, error) { asked++; return password, nil }
		s := open(t, strings.Replace(db.URI(reader, name), ":"+reader+"@", "@", 1), o)
		_, err := s.Experiments(t.Context())
		require.NoError(t, err)
		password = "the next"
		if db.Kind == "mysql" {
			db.Exec(t, "", "SET PASSWORD FOR "+reader+"@'%' = PASSWORD('the next')")
		} else {
			db.Exec(t, "", "ALTER ROLE "+reader+" PASSWORD 'the next'")
		}
		before := asked
		kill(t, db, reader)
		_, err = s.Experiments(t.Context())
		require.NoError(t, err)
		require.Greater(t, asked, before)
		gone := errors.New("no token")
		o.Password = func(context.Context) (string, error) { return "", gone }
		_, err = open(t, db.URI(reader, name), o).Experiments(t.Context())
		require.ErrorIs(t, err, gone)
	})
}

// kill ends every connection of a user.
func kill(t testing.TB, db *databases.Server, user string) {
	if db.Kind != "mysql" {
		db.Exec(t, "", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+user+"'")
		return
	}
	db.Exec(t, "", "KILL USER '"+user+"'")
}

// hammered reads every trace of an experiment while something is done to the server again and again, and compares.
func hammered(t *testing.T, s mlflow.Source, want []mlflow.Info, disturb func()) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range 30 {
			select {
			case <-stop:
				return
			case <-tick.C:
				disturb()
			}
		}
	}()
	for range 4 {
		infos := list(t, s, mlflow.Range{ExperimentID: "1"}, 20)
		require.Equal(t, want, infos)
		read(t, s, infos)
	}
	close(stop)
	<-done
}

// Connections that are killed, in the middle of a query or between, cost time only.
func TestKilled(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["sample"]))
		reader := db.Reader(t, name)
		var again atomic.Int64
		s := open(t, db.URI(reader, name), quick(func(error) { again.Add(1) }))
		want := list(t, s, mlflow.Range{ExperimentID: "1"}, 500)
		admin := db.Open(t, "")
		hammered(t, s, want, func() {
			statement := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + reader + "'"
			if db.Kind == "mysql" {
				statement = "KILL USER '" + reader + "'"
			}
			_, _ = admin.ExecContext(context.Background(), statement)
		})
		require.Positive(t, again.Load())
	})
}

// A server that is restarted while it is read is waited for.
func TestRestart(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["sample"]))
		tries := 0
		s := open(t, db.URI(databases.Admin, name), quick(func(error) {
			if tries++; tries == 3 {
				require.NoError(t, db.Start())
			}
		}))
		infos := list(t, s, mlflow.Range{ExperimentID: "1"}, 500)
		db.Stop()
		require.Equal(t, infos, list(t, s, mlflow.Range{ExperimentID: "1"}, 500))
		require.GreaterOrEqual(t, tries, 3)
		require.NoError(t, db.Ready())
		read(t, s, infos)
	})
}

// A user who has no connection left is served when there is one.
func TestTooManyConnections(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
		reader := db.Reader(t, name)
		driver, dsn := "pgx", db.URI(reader, name)+"?sslmode=disable"
		if db.Kind == "mysql" {
			driver, dsn = "mysql", fmt.Sprintf("%[1]s:%[1]s@tcp(127.0.0.1:%[2]d)/%[3]s", reader, db.Port, name)
			db.Exec(t, "", "ALTER USER "+reader+"@'%' WITH MAX_USER_CONNECTIONS 1")
		} else {
			db.Exec(t, "", "ALTER ROLE "+reader+" CONNECTION LIMIT 1")
		}
		other, err := sql.Open(driver, dsn)
		require.NoError(t, err)
		require.NoError(t, other.PingContext(t.Context()))
		tries := 0
		s := open(t, db.URI(reader, name), quick(func(error) {
			if tries++; tries == 2 {
				require.NoError(t, other.Close())
			}
		}))
		_, err = s.Experiments(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, tries, 2)
	})
}

// A trace that is archived after its infos were read is one in an archive, and not one without spans.
func TestArchivedMeanwhile(t *testing.T) {
	path := placed(t, recorded(t)["sample"])
	archive := func(id string) []string {
		return []string{
			"UPDATE spans SET content = '' WHERE trace_id = '" + id + "'",
			"UPDATE trace_tags SET value = 'ARCHIVE_REPO' WHERE request_id = '" + id + "' AND " +
				"trace_tags.key = 'mlflow.trace.spansLocation'",
			"INSERT INTO trace_tags (request_id, " + "%s" + ", value) VALUES ('" + id +
				"', 'mlflow.trace.archiveLocation', 's3://bucket/1/traces/x/artifacts')",
		}
	}
	check := func(t *testing.T, s mlflow.Source, key string, exec func(...string)) {
		infos := list(t, s, mlflow.Range{ExperimentID: "1"}, 5)[:5]
		require.NoError(t, s.Detailed(t.Context(), infos))
		statements := archive(infos[2].ID)
		statements[2] = fmt.Sprintf(statements[2], key)
		exec(statements...)
		traces, skips := read(t, s, infos)
		require.NotNil(t, traces[1])
		require.Nil(t, traces[2])
		require.Equal(t, mlflow.ReasonUnreachable, skips[2].Reason)
		require.Contains(t, skips[2].Detail, "s3://bucket")
	}
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, path)
		key := `"key"`
		if db.Kind == "mysql" {
			key = "`key`"
		}
		check(t, open(t, db.URI(databases.Admin, name), options), key, func(s ...string) { db.Exec(t, name, s...) })
	})
	t.Run("SQLite", func(t *testing.T) {
		check(t, open(t, "sqlite:///"+path, options), `"key"`, func(s ...string) { change(t, path, s...) })
	})
}

// A reader is in the way of neither writers nor a migration: nothing is open while traces are handed on.
func TestNothingIsOpenWhileTracesAreHandedOn(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["sample"]))
		s := open(t, db.URI(databases.Admin, name), options)
		infos := list(t, s, mlflow.Range{ExperimentID: "1"}, 500)
		admin := db.Open(t, name)
		wait := "SET lock_timeout = '20s'"
		if db.Kind == "mysql" {
			wait = "SET SESSION lock_wait_timeout = 20"
		}
		n := 0
		require.NoError(t, s.Traces(t.Context(), infos, func(int, *mlflow.Trace, *mlflow.Skip) error {
			if n++; n > 3 {
				return nil
			}
			conn, err := admin.Conn(t.Context())
			require.NoError(t, err)
			defer conn.Close()
			for _, statement := range []string{wait, fmt.Sprintf("ALTER TABLE spans ADD COLUMN more%d integer", n)} {
				_, err = conn.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			return nil
		}))
		read(t, s, infos) // the table has changed
	})
}
