// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"time"
)

// Row is a row of a table by column. Values are what JSON would show, but exact: string, int64,
// float64, bool, nil, []any and map[string]any. Timestamps are strings in UTC with microseconds
// (2026-11-21T05:04:44.937883Z), dates 2026-11-21.
type Row map[string]any

// StoredRow is a row in a table.
type StoredRow struct {
	Row     Row
	Visible time.Time // from then on
}

// Rows returns the rows of a table that can be seen by now, in the order of writing. A table that
// does not exist has none.
func (w *Catalog) Rows(table string) []Row {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return w.RowsAt(table, w.Now())
}

// WrittenRows returns all rows of a table, also those that can't be seen yet.
func (w *Catalog) WrittenRows(table string) []Row {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return w.RowsAt(table, time.Time{})
}

// AddRows writes rows into a table as they are; columns that they lack are NULL.
func (w *Catalog) AddRows(table string, rows ...Row) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Write(w.mustTable(table), rows)
}

// RowsAt is Rows under the lock; a zero time sees everything.
func (w *Catalog) RowsAt(name string, now time.Time) []Row {
	t := w.Relation(name)
	if t == nil {
		return nil
	}
	var out []Row
	for _, r := range t.rows {
		if now.IsZero() || !r.Visible.After(now) {
			out = append(out, r.Row)
		}
	}
	return out
}

// Write appends rows. Under the lock.
func (w *Catalog) Write(t *Relation, rows []Row) {
	for _, r := range rows {
		t.rows = append(t.rows, w.Stored(r))
	}
}

// Stored is a row that is written now. Under the lock.
func (w *Catalog) Stored(r Row) StoredRow {
	return StoredRow{r, w.Now().Add(w.Switches.VisibleAfter)}
}

// Timestamp is how rows show a TIMESTAMP.
func Timestamp(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.000000Z")
}
