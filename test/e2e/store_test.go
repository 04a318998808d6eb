// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	_ "modernc.org/sqlite" // driver

	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// store is a SQLite store that a test may change.
type store struct {
	t    testing.TB
	path string
	db   *sql.DB
}

// openStore opens a store. It waits while the server of the store writes.
func openStore(t testing.TB, path string) *store {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(60000)")
	require.NoError(t, err)
	s := &store{t, path, db}
	t.Cleanup(func() { _ = db.Close() })
	return s
}

// copyOf is a copy of a store file in dir.
func copyOf(t testing.TB, path, dir string) *store {
	t.Helper()
	to := filepath.Join(dir, "mlflow.db")
	require.NoError(t, copyFile(path, to))
	return openStore(t, to)
}

func (s *store) URI() string { return "sqlite:///" + s.path }

func (s *store) exec(query string, args ...any) {
	s.t.Helper()
	_, err := s.db.ExecContext(context.Background(), query, args...)
	require.NoError(s.t, err)
}

// one returns the first column of the first row.
func (s *store) one(query string, args ...any) string {
	s.t.Helper()
	var v string
	require.NoError(s.t, s.db.QueryRowContext(context.Background(), query, args...).Scan(&v))
	return v
}

// rows returns all rows.
func (s *store) rows(query string, args ...any) (list [][]any) {
	s.t.Helper()
	rows, err := s.db.QueryContext(context.Background(), query, args...)
	require.NoError(s.t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(s.t, err)
	for rows.Next() {
		row, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			pointers[i] = &row[i]
		}
		require.NoError(s.t, rows.Scan(pointers...))
		list = append(list, row)
	}
	require.NoError(s.t, rows.Err())
	return list
}

// column returns the first column of all rows, which is text.
func (s *store) column(query string, args ...any) (list []string) {
	s.t.Helper()
	for _, row := range s.rows(query, args...) {
		list = append(list, row[0].(string))
	}
	return list
}

// spans returns the keys of all spans of experiments that are not deleted.
func (s *store) spans() map[otlpsink.SpanKey]bool {
	s.t.Helper()
	all := map[otlpsink.SpanKey]bool{}
	for _, row := range s.rows(`SELECT s.trace_id, s.span_id FROM spans s JOIN experiments e ON e.experiment_id = ` +
		`s.experiment_id WHERE e.lifecycle_stage = 'active'`) {
		all[keyOf(s.t, row[0].(string), row[1].(string))] = true
	}
	return all
}

// edit changes the JSON document of a span.
func (s *store) edit(trace, span string, change func(document map[string]any)) {
	s.t.Helper()
	var document map[string]any
	require.NoError(s.t,
		json.Unmarshal([]byte(s.one(`SELECT content FROM spans WHERE trace_id = ? AND span_id = ?`, trace, span)),
			&document))
	change(document)
	text, err := json.Marshal(document)
	require.NoError(s.t, err)
	s.exec(`UPDATE spans SET content = ? WHERE trace_id = ? AND span_id = ?`, string(text), trace, span)
}

// keyOf makes the key of a span from MLflow's trace id (tr-<hex>) and the span's id in hex.
func keyOf(t testing.TB, trace, span string) (k otlpsink.SpanKey) {
	t.Helper()
	require.Len(t, trace, 35)
	require.NoError(t, unhex(k.Trace[:], trace[3:]))
	require.NoError(t, unhex(k.Span[:], span))
	return k
}

func traceID(t testing.TB, trace string) (id pcommon.TraceID) {
	t.Helper()
	require.NoError(t, unhex(id[:], trace[3:]))
	return id
}

// requireSpans requires that exactly the spans of want arrived, whatever how often.
func requireSpans(t testing.TB, want map[otlpsink.SpanKey]bool, got map[otlpsink.SpanKey]int) {
	t.Helper()
	var missing, foreign []otlpsink.SpanKey
	for k := range want {
		if got[k] == 0 {
			missing = append(missing, k)
		}
	}
	for k := range got {
		if !want[k] {
			foreign = append(foreign, k)
		}
	}
	require.Empty(t, missing[:min(5, len(missing))], "%d spans of %d are missing", len(missing), len(want))
	require.Empty(t, foreign[:min(5, len(foreign))], "%d spans are not those of the store", len(foreign))
}

// requireOnce requires that nothing arrived twice.
func requireOnce(t testing.TB, got map[otlpsink.SpanKey]int) {
	t.Helper()
	for k, n := range got {
		require.Equal(t, 1, n, "span %s of trace %s", k.Span, k.Trace)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
