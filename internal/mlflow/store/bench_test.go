// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// benchTraces is the size of the generated store.
const benchTraces = 5000

// grow makes a store of n traces in experiment 1 by cloning the finished traces of the sample under
// new ids and times.
func grow(t testing.TB, path string, n int) {
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	ctx := context.Background()
	// the sample has small pages
	_, err = db.ExecContext(ctx, "PRAGMA page_size = 4096; VACUUM; PRAGMA synchronous = OFF")
	require.NoError(t, err)
	var templates []string
	rows, err := db.QueryContext(ctx, "SELECT request_id FROM trace_info WHERE experiment_id = 1 AND request_id IN "+
		"(SELECT trace_id FROM spans) ORDER BY timestamp_ms")
	require.NoError(t, err)
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		templates = append(templates, id)
	}
	require.NoError(t, rows.Err())
	type table struct{ name, key, id, insert string }
	tables := []table{
		{name: "trace_info", key: "request_id"}, {name: "trace_tags", key: "request_id"},
		{name: "trace_request_metadata", key: "request_id"},
		{name: "assessments", key: "trace_id", id: "assessment_id"}, {name: "spans", key: "trace_id"},
	}
	for i := range tables {
		table := &tables[i]
		var have string
		require.NoError(t, db.QueryRowContext(ctx, "SELECT group_concat(name) FROM pragma_table_info(?)",
			table.name).Scan(&have))
		var to, from []string
		for c := range strings.SplitSeq(have, ",") {
			switch c {
			case table.key:
				to, from = append(to, c), append(from, "?1")
			case table.id:
				to, from = append(to, c), append(from, c+" || ?1")
			case "timestamp_ms":
				to, from = append(to, c), append(from, "1700000000000 + ?3")
			default:
				to, from = append(to, c), append(from, c)
			}
		}
		table.insert = fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %[1]s WHERE %[4]s = ?2 AND ?3 >= 0", table.name,
			strings.Join(to, ","), strings.Join(from, ","), table.key)
	}
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	for _, table := range tables {
		insert, err := tx.PrepareContext(ctx, table.insert)
		require.NoError(t, err)
		for i := range n {
			_, err := insert.ExecContext(ctx, fmt.Sprintf("tr-%032x", i+1), templates[i%len(templates)], i/3)
			require.NoError(t, err)
		}
	}
	require.NoError(t, tx.Commit())
}

// readWith reads a whole experiment: this goroutine pages the infos, workers read windows.
func readWith(b *testing.B, s *Store, workers int, work func([]mlflow.Info) error) (traces int) {
	windows := make(chan []mlflow.Info)
	g, ctx := errgroup.WithContext(context.Background())
	for range workers {
		g.Go(func() error {
			for infos := range windows {
				if err := work(infos); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(windows)
		var at mlflow.Position
		for {
			infos, err := s.Infos(ctx, mlflow.Range{ExperimentID: "1"}, at, maxIDs)
			if err != nil || len(infos) == 0 {
				return err
			}
			last := infos[len(infos)-1]
			at = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
			traces += len(infos)
			select {
			case windows <- infos:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	require.NoError(b, g.Wait())
	return traces
}

func bench(b *testing.B, work func(s *Store) func([]mlflow.Info) error) {
	path := placeStore(b, "sample")
	grow(b, path, benchTraces)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			s := open(b, path)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n += readWith(b, s, workers, work(s))
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "traces/s")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "us/trace")
		})
	}
}

// BenchmarkTraces reads and decodes a generated store: 4.8 spans of 1.2 kB, 5 tags, 14 metadata and
// 4 assessments per trace.
func BenchmarkTraces(b *testing.B) {
	bench(b, func(s *Store) func([]mlflow.Info) error {
		return func(infos []mlflow.Info) error {
			return s.Traces(context.Background(), infos, func(_ int, _ *mlflow.Trace, skip *mlflow.Skip) error {
				if skip != nil && skip.Reason != mlflow.ReasonNoSpans { // the sample has one such trace
					return skip
				}
				return nil
			})
		}
	})
}

// BenchmarkNull runs the queries of BenchmarkTraces and drops the values.
func BenchmarkNull(b *testing.B) {
	bench(b, func(s *Store) func([]mlflow.Info) error {
		return func(infos []mlflow.Info) error { return s.Scan(context.Background(), infos) }
	})
}

// BenchmarkInfos pages the infos of a whole experiment.
func BenchmarkInfos(b *testing.B) {
	bench(b, func(*Store) func([]mlflow.Info) error { return func([]mlflow.Info) error { return nil } })
}
