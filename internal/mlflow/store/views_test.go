// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

// everything reads a store by all methods that return texts.
func everything(t *testing.T, s *Store) map[string]any {
	t.Helper()
	ctx := t.Context()
	experiments, err := s.Experiments(ctx)
	require.NoError(t, err)
	traces, skips := readAll(t, s, 100)
	all := map[string]any{"Experiments": experiments, "Traces": traces, "Traces, skips": skips}
	for _, e := range experiments {
		infos, err := s.Infos(ctx, mlflow.Range{ExperimentID: e.ID}, mlflow.Position{}, 1000)
		require.NoError(t, err)
		all["Infos "+e.ID] = slices.Clone(infos)
		var ids []string
		for _, info := range infos {
			ids = append(ids, info.ID)
		}
		found, err := s.Lookup(ctx, "", ids)
		require.NoError(t, err)
		require.Len(t, found, len(infos))
		require.NoError(t, s.Detailed(ctx, infos))
		all["Detailed "+e.ID], all["Lookup "+e.ID] = infos, found
	}
	return all
}

// poisonViews makes the store's only connection do so.
func poisonViews(t *testing.T, s *Store) {
	t.Helper()
	require.Len(t, connectionsOf(s).idle, 1, "one goroutine reads by one connection")
	connectionsOf(s).idle[0].PoisonViews()
}

// TestNothingOfAViewIsKept poisons the memory of each row when the row was read. What is read must
// be the same as without that.
func TestNothingOfAViewIsKept(t *testing.T) {
	for _, name := range recordedStores {
		t.Run(name, func(t *testing.T) {
			path := placeStore(t, name)
			s := open(t, path)
			if s.schema.hasSpans {
				change(t, path, "UPDATE spans SET content = CAST(content AS BLOB) WHERE rowid % 3 = 0",
					"UPDATE spans SET content = substr(content, 1, 300) WHERE rowid % 50 = 0")
			}
			if s.schema.hasAssessments {
				change(t, path, "UPDATE assessments SET source_type = 'x', assessment_type = 'y' WHERE rowid % 5 = 0",
					"UPDATE assessments SET error = '{\"error_code\": \"E\", \"error_message\": \"failed\"}'",
					"UPDATE assessments SET assessment_metadata = '{\"a\": \"b\", \"c\": \"d\\ne\"}'")
			}
			want := everything(t, s)
			poisonViews(t, s)
			got := everything(t, s)
			for name := range want {
				require.True(t, reflect.DeepEqual(want[name], got[name]), "%s keeps a view", name)
			}
		})
	}
}

// TestCancel ends a query that would run for hours, in SQLite's first step.
func TestCancel(t *testing.T) {
	s := open(t, placeStore(t, "sample"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	var n integer
	err := s.rows(ctx, query{text: endless, dest: []destination{&n}}, func() {}, func() error { return nil })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, skips := readAll(t, s, 100)
	require.Len(t, skips, 1, "the connection can be used again")
}

// TestClose: a connection that is in use is closed when its query ends, and there are no others
// afterwards.
func TestClose(t *testing.T) {
	s, err := Open(t.Context(), Target{Path: placeStore(t, "sample")}, Options{MaxTraceSize: 1 << 20})
	require.NoError(t, err)
	var id text
	rows := 0
	all := query{text: "SELECT request_id FROM trace_info", dest: []destination{&id}}
	require.NoError(t, s.rows(t.Context(), all, func() {}, func() error {
		if rows++; rows == 1 {
			require.NoError(t, s.Close())
		}
		return nil
	}))
	require.Equal(t, 124, rows)
	require.Empty(t, connectionsOf(s).idle)
	_, err = s.Experiments(t.Context())
	require.ErrorContains(t, err, "the store is closed")
}

// TestBothReadersGiveTheSame reads values of every type by database/sql and by sqliteread.
func TestBothReadersGiveTheSame(t *testing.T) {
	s := open(t, placeStore(t, "sample"))
	c, err := sqliteread.Open(connectionsOf(s).uri, pragmas[:]...)
	require.NoError(t, err)
	defer c.Close()
	for _, value := range []string{
		"NULL", "17", "-9223372036854775808", "1.5", "1e300", "9e999", "''", "'soon'", "'42'", "' 42'",
		"'1.5'", "x''", "x'3432'",
		"x'ff00'", "'a' || char(0) || 'b'", "CAST(x'ff41' AS TEXT)", "'Zürich'",
	} {
		one := query{text: "SELECT " + value + ", " + value + ", " + value + ", " + value}
		destinations := func() []destination { return []destination{&text{}, &integer{}, &real{}, &text{}} }
		one.dest = destinations()
		require.NoError(t, s.drop(t.Context(), one))
		got := destinations()
		require.NoError(t, c.Query(t.Context(), one.text, nil, func(r *sqliteread.Row) error {
			for i, d := range got {
				d.read(r, i)
			}
			require.Equal(t, one.dest, got, value)
			return nil
		}))
	}
}

func connectionsOf(s *Store) *connections { return s.db.(sqliteFile).connections }
