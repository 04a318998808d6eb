// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package sqliteread

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	sqlite3 "modernc.org/sqlite/lib"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const sample = "file:../../../../testdata/sample/mlflow.db?mode=ro"

func open(t *testing.T) *Conn {
	t.Helper()
	c, err := Open(sample, "query_only(1)")
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// numbers precedes queries that never end: endless has no last row, silent computes forever after
// its first.
const (
	numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
	endless = numbers + "SELECT i FROM n"
	silent  = numbers + "SELECT 1 UNION ALL SELECT i FROM n WHERE i < 0"
)

func ignore(*Row) error { return nil }

func TestQuery(t *testing.T) {
	c := open(t)
	const query = "SELECT key + ?1 + ?3, value, NULL, ?4, CAST(value AS BLOB), '' FROM json_each(?2)"
	for range 2 { // the second time with the statement of the first
		var got []string
		require.NoError(t, c.Query(t.Context(), query, []any{1, `["a","é\u0000"]`, int64(2), 0.5}, func(r *Row) error {
			for i, kind := range []Kind{KindInteger, KindText, KindNull, KindFloat, KindBlob, KindText} {
				require.Equal(t, kind, r.Kind(i))
			}
			require.EqualValues(t, 3+len(got), r.Int(0))
			require.Equal(t, 0.5, r.Float(3))
			require.Equal(t, r.Text(1), r.Blob(4))
			require.Empty(t, r.Blob(2))
			require.Empty(t, r.Text(5))
			got = append(got, string(r.Text(1)))
			return nil
		}))
		require.Equal(t, []string{"a", "é\x00"}, got)
	}
	require.Len(t, c.statements, 2, "the pragma and the query")
}

func TestErrors(t *testing.T) {
	c := open(t)
	require.ErrorContains(t, c.Query(t.Context(), "SELECT nope", nil, ignore), "no such column")
	require.ErrorContains(t, c.Query(t.Context(), "SELECT ?", []any{true}, ignore), "parameter 1 is of type bool")
	require.ErrorContains(t, c.Query(t.Context(), "SELECT 1", []any{1}, ignore), "out of range")
	enough := errors.New("enough")
	require.Equal(t, enough, c.Query(t.Context(), endless, nil, func(*Row) error { return enough }))

	requireCode := func(want int, err error) {
		t.Helper()
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Code()&0xff)
	}
	requireCode(sqlite3.SQLITE_READONLY, c.Query(t.Context(), "DELETE FROM spans", nil, ignore))
	_, err := Open("file:none?mode=ro")
	requireCode(sqlite3.SQLITE_CANTOPEN, err)
	_, err = Open("file:conn_test.go?mode=ro", "schema_version")
	requireCode(sqlite3.SQLITE_NOTADB, err)
	require.NoError(t, c.Query(t.Context(), "SELECT 1", nil, ignore), "the connection can still be used")
}

// TestCancellation ends queries that would never end: between two rows, and within the step to the
// first.
func TestCancellation(t *testing.T) {
	c := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	rows := 0
	require.Equal(t, context.Canceled, c.Query(ctx, endless, nil, func(*Row) error {
		if rows++; rows == 100 {
			cancel()
		}
		return nil
	}))
	require.GreaterOrEqual(t, rows, 100)
	require.Equal(t, context.Canceled, c.Query(ctx, endless, nil, func(*Row) error {
		t.Error("a query started after its context was done")
		return nil
	}))

	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		require.Equal(t, context.Canceled, c.Query(ctx, silent, nil, func(*Row) error {
			go cancel() // while the next step computes
			return nil
		}))
	}
	rows = 0
	require.NoError(t, c.Query(t.Context(), "SELECT 1", nil, func(*Row) error { rows++; return nil }))
	require.Equal(t, 1, rows, "an interrupt doesn't reach the next query")
}

// TestPoisonViews keeps views, which is wrong, and expects that they can't be read after their row.
func TestPoisonViews(t *testing.T) {
	c := open(t)
	c.PoisonViews()
	var kept [][]byte
	rows := 0
	const query = "SELECT trace_id, content, CAST(content AS BLOB) FROM spans"
	require.NoError(t, c.Query(t.Context(), query, nil, func(r *Row) error {
		for _, view := range kept {
			require.Equal(t, strings.Repeat("\xff", len(view)), string(view))
		}
		rows++
		id, content, blob := r.Text(0), r.Text(1), r.Blob(2)
		require.Equal(t, "tr-", string(id[:3]))
		require.Equal(t, "{", string(content[:1]))
		require.Equal(t, content, blob)
		kept = [][]byte{id, content, blob}
		return nil
	}))
	require.Greater(t, rows, 100)
}
