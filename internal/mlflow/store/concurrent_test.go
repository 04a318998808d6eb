// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// writer opens a store as a server does.
func writer(t *testing.T, path, journal string) *sql.DB {
	db, err := sql.Open("sqlite",
		"file:"+path+"?_pragma=busy_timeout(20000)&_pragma=synchronous(OFF)&_pragma=journal_mode("+journal+")")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// insert writes a trace of one span in one transaction.
func insert(db *sql.DB, id string, timestamp int64) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	for _, q := range []string{
		"INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, status) VALUES (?1, 1, " +
			"?2, 1, 'OK')",
		"INSERT INTO trace_tags (request_id, key, value) VALUES (?1, 'mlflow.trace.spansLocation', 'TRACKING_STORE')",
		`INSERT INTO spans (trace_id, experiment_id, span_id, status, start_time_unix_nano, content) SELECT ?1, 1, ` +
			`'a', 'OK', ?2, content FROM spans LIMIT 1`,
	} {
		if _, err := tx.Exec(q, id, timestamp); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// TestWriterIsNeverBlocked: each time a trace is handed on, a writer must be able to commit before
// the reader goes on. A lock held by the reader would end this in the writer's busy timeout.
// Nothing is missed and nothing comes twice.
func TestWriterIsNeverBlocked(t *testing.T) {
	for _, journal := range []string{"DELETE", "WAL"} {
		t.Run(journal, func(t *testing.T) {
			path := placeStore(t, "sample")
			w := writer(t, path, journal)
			require.NoError(t, w.Ping())
			s := open(t, path)
			ctx := context.Background()
			newest := int64(1773408512076 + 1e6)
			inserted := 0
			seen := map[string]int{}
			var at mlflow.Position
			for {
				infos, err := s.Infos(ctx, mlflow.Range{ExperimentID: "1"}, at, 20)
				require.NoError(t, err)
				if len(infos) == 0 {
					break
				}
				last := infos[len(infos)-1]
				at = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
				require.NoError(t, s.Traces(ctx, infos, func(i int, _ *mlflow.Trace, _ *mlflow.Skip) error {
					seen[infos[i].ID]++
					if inserted < 50 {
						inserted++
						return insert(w, fmt.Sprintf("new-%d", inserted), newest+int64(inserted))
					}
					return nil
				}))
			}
			require.Len(t, seen, 107+50)
			for id, n := range seen {
				require.Equal(t, 1, n, id)
			}
		})
	}
}

// TestConcurrentWriter reads with two workers while a writer commits as fast as it can.
func TestConcurrentWriter(t *testing.T) {
	for _, journal := range []string{"DELETE", "WAL"} {
		t.Run(journal, func(t *testing.T) {
			path := placeStore(t, "sample")
			w := writer(t, path, journal)
			require.NoError(t, w.Ping())
			s := open(t, path)
			stop, done := make(chan struct{}), make(chan error, 1)
			go func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						done <- nil
						return
					default:
					}
					if err := insert(w, fmt.Sprintf("new-%d", i), 1773408512076+1e6+int64(i)); err != nil {
						done <- err
						return
					}
				}
			}()
			for range 10 {
				to := int64(1773408512076 + 1e6)
				infos, err := s.Infos(context.Background(), mlflow.Range{ExperimentID: "1", To: to},
					mlflow.Position{}, 500)
				require.NoError(t, err)
				require.Len(t, infos, 107)
				n := 0
				require.NoError(t, s.Traces(context.Background(), infos,
					func(int, *mlflow.Trace, *mlflow.Skip) error { n++; return nil }))
				require.Equal(t, 107, n)
			}
			close(stop)
			require.NoError(t, <-done)
		})
	}
}

// TestLocked: a database that is locked for longer than SQLite itself waits is waited for, unless
// the context ends.
func TestLocked(t *testing.T) {
	path := placeStore(t, "sample")
	w := writer(t, path, "DELETE")
	s := open(t, path)
	_, err := w.Exec("BEGIN EXCLUSIVE")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(context.Background(), 2*busyTimeout)
	_, err = s.Experiments(ctx)
	cancel()
	require.ErrorIs(t, err, context.DeadlineExceeded)

	type result struct {
		n   int64
		err error
	}
	counted := make(chan result)
	go func() {
		n, err := s.Count(context.Background(), mlflow.Range{ExperimentID: "1"})
		counted <- result{n, err}
	}()
	blocked := time.NewTimer(2 * busyTimeout)
	select {
	case r := <-counted:
		t.Fatalf("counted %d, %v while the database was locked", r.n, r.err)
	case <-blocked.C:
	}
	_, err = w.Exec("COMMIT")
	require.NoError(t, err)
	r := <-counted
	require.NoError(t, r.err)
	require.EqualValues(t, 107, r.n)
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := errors.New("busy")
		n := 0
		start := time.Now()
		err := retry(t.Context(), locked, func(error) bool { return true }, func() error { n++; return busy })
		require.ErrorIs(t, err, busy)
		require.ErrorContains(t, err, "locked by another process for more than 1m0s")
		require.Less(t, time.Since(start), locked.limit+2*time.Second)
		require.Greater(t, n, 10)
		none := func(error) bool { return false }
		require.Equal(t, busy, retry(t.Context(), locked, none, func() error { return busy }))
	})
}

// TestWALAtRest reads a database in write-ahead mode that no server has open.
func TestWALAtRest(t *testing.T) {
	path := placeStore(t, "sample")
	change(t, path, "PRAGMA journal_mode = WAL")
	require.NoFileExists(t, path+"-wal")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 1 << 20})
	require.NoError(t, err)
	traces, _ := readAll(t, s, 100)
	require.NoError(t, s.Close())
	require.Len(t, traces, 123)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	change(t, path, "CREATE TABLE later (a)")
	require.NoFileExists(t, path+"-wal", "the next writer removes what reading left behind")
}

// TestImmutable reads a database in write-ahead mode without its files beside it, as is done where
// they can't be created.
func TestImmutable(t *testing.T) {
	path := placeStore(t, "sample")
	change(t, path, "PRAGMA journal_mode = WAL")
	uri := sqliteURI(path, true)
	db, err := connect(context.Background(), uri)
	require.NoError(t, err)
	var n int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM trace_info").Scan(&n))
	require.Equal(t, 124, n)
	require.NoError(t, db.Close())
	c, err := sqliteread.Open(uri, pragmas[:]...)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Query(t.Context(), "SELECT count(*) FROM trace_info", nil, func(r *sqliteread.Row) error {
		require.EqualValues(t, 124, r.Int(0))
		return nil
	}))
	require.NoFileExists(t, path+"-shm")
	require.True(t, writable(filepath.Dir(path)))
	require.False(t, writable(filepath.Join(filepath.Dir(path), "none")))
}

// TestHotJournal: a store whose server was killed while it wrote can't be read before its journal
// is rolled back, which a reader must not do.
func TestHotJournal(t *testing.T) {
	path := placeStore(t, "sample")
	w := writer(t, path, "DELETE")
	for _, q := range []string{"PRAGMA cache_size = 1", "BEGIN", "UPDATE spans SET content = content || ' '"} {
		_, err := w.Exec(q)
		require.NoError(t, err)
	}
	killed := filepath.Join(t.TempDir(), "mlflow.db")
	for _, suffix := range []string{"", "-journal"} {
		data, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(killed+suffix, data, 0o600))
	}
	_, err := w.Exec("ROLLBACK")
	require.NoError(t, err)
	_, err = Open(context.Background(), Target{Path: killed}, Options{MaxTraceSize: 1 << 20})
	require.ErrorContains(t, err, "if an MLflow server was killed while it wrote, start it once")
	change(t, killed, "SELECT count(*) FROM spans")
	traces, _ := readAll(t, open(t, killed), 100)
	require.Len(t, traces, 123)
}

func TestReadOnly(t *testing.T) {
	path := placeStore(t, "sample")
	s := open(t, path)
	_, err := s.sql.Exec("DELETE FROM spans")
	require.True(t, isCode(err, sqlite3.SQLITE_READONLY), err)
	err = s.rows(t.Context(), query{text: "DELETE FROM spans"}, func() {}, func() error { return nil })
	require.True(t, isCode(err, sqlite3.SQLITE_READONLY), err)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	before := len(entries)
	readAll(t, s, 100)
	entries, err = os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, before)
}
