// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// underLoad reads a database into which a server writes, which migrations change, and out of which traces are
// archived. Nobody is in the way of another, and each trace arrives once.
//
// On MariaDB MLflow's writers and a migration refuse each other with 1213 and 1205, whether someone reads or not. There
// they take turns: what is refused then is refused because of the reader, and who waits for a row waits for the reader.
func underLoad(t *testing.T, s *mlflowserver.Server, db *databases.Server, name, reader string) {
	const experiments, rounds, each = 2, 12, 4
	var ids, names []string
	for i := range experiments {
		names = append(names, fmt.Sprintf("under load %d", i))
		ids = append(ids, experiment(t, s, names[i]))
	}
	dir, sink := t.TempDir(), otlpsink.New(t)
	config := tailing(db.URI(reader, name), dir).ToOTLP(sink.URL, nil).
		Set("receivers::mlflow::experiments::names", []any{"under load *"})
	p := collector.Start(t, dir, config)

	turn, waits := func(write func()) { write() }, func() int { return 0 }
	if db.Kind == "mysql" {
		waits = func() int { return rowLockWaits(t, db) }
		var one sync.Mutex
		turn = func(write func()) {
			one.Lock()
			defer one.Unlock()
			write()
		}
	}

	before := waits()
	var mu sync.Mutex
	want := map[otlpsink.SpanKey]bool{}
	var writers sync.WaitGroup
	for i := range experiments {
		writers.Go(func() {
			for range rounds {
				td, keys := seedling(each, time.Now())
				mu.Lock()
				maps.Copy(want, keys)
				mu.Unlock()
				turn(func() {
					status, content, err := tryExport(s, mlflowserver.Login{}, ids[i], td)
					assert.NoError(t, err)
					assert.Equal(t, http.StatusOK, status, "%s", content)
				})
			}
		})
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		writers.Wait()
	}()
	migrated := migrate(t, db, name, written, turn)
	eventually(t, func() bool { return sink.Distinct() > 0 }, "the first traces")
	archive := filepath.Join(dir, "archive")
	require.NoError(t, os.Mkdir(archive, 0o700))
	uri := strings.Replace(db.URI(databases.Admin, name), "mysql:", "mysql+pymysql:", 1)
	archived := 0
	for going := true; going || archived == 0; {
		select {
		case <-written:
			going = false
		default:
		}
		turn(func() {
			n, err := mlflowserver.ArchiveOf(uri, dir, "file://"+archive, 20, nil, names...)
			require.NoError(t, err)
			archived += n
		})
	}
	<-written
	assert.Positive(t, <-migrated)
	eventually(t, func() bool { return sink.Distinct() >= len(want) }, "%d spans", len(want))
	p.Signal(syscall.SIGTERM)
	p.Done(0)
	require.Len(t, want, experiments*rounds*each*2)
	requireSpans(t, want, sink.Spans())
	requireOnce(t, sink.Spans())
	assert.Empty(t, collector.ReadSkipped(t, dir))
	t.Logf("%d traces archived meanwhile", archived)
	assert.Equal(t, before, waits(), "waits for locks of rows")

	log, err := os.ReadFile(filepath.Join(s.Dir, "server.log"))
	require.NoError(t, err)
	assert.NotRegexp(t, `(?i)deadlock|lock timeout|lock wait timeout|LockNotAvailable|OperationalError`, string(log))
}

// rowLockWaits is how often someone has waited for a lock of a row of MariaDB.
func rowLockWaits(t *testing.T, db *databases.Server) (n int) {
	t.Helper()
	var name string
	require.NoError(t, db.Open(t, "").QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'").
		Scan(&name, &n))
	return n
}

// migrate adds columns, as migrations of MLflow do, until the traces are written, and tells how many it added. A
// migration waits for the transactions of readers, and everyone else then waits for it.
func migrate(t *testing.T, db *databases.Server, name string, written <-chan struct{},
	turn func(func())) <-chan int {
	t.Helper()
	admin := db.Open(t, name)
	wait := "SET lock_timeout = '120s'" // a busy machine is slow
	if db.Kind == "mysql" {
		wait = "SET lock_wait_timeout = 120"
	}
	done := make(chan int, 1)
	go func() {
		n := 0
		defer func() { done <- n }()
		conn, err := admin.Conn(context.Background())
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		if _, err := conn.ExecContext(context.Background(), wait); !assert.NoError(t, err) {
			return
		}
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, table := range []string{"spans", "trace_info", "trace_tags"} {
				turn(func() {
					_, err = conn.ExecContext(context.Background(),
						fmt.Sprintf("ALTER TABLE %s ADD COLUMN later%d integer", table, n))
				})
				if !assert.NoError(t, err, "a migration") {
					return
				}
			}
			n++
			select {
			case <-written:
				return
			case <-tick.C:
			}
		}
	}()
	return done
}
