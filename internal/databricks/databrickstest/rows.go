package databrickstest

import (
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Row is a row of a table by column. Values are what JSON would show, but exact: string, int64, float64, bool, nil, []any and map[string]any. Timestamps are
// strings in UTC with microseconds (2026-11-21T05:04:44.937883Z), dates 2026-11-21.
type Row map[string]any

type storedRow struct {
	row     Row
	visible time.Time // from then on
}

// Rows returns the rows of a table that can be seen by now, in the order of writing. A table that does not exist has none.
func (w *Workspace) Rows(table string) []Row {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows(table, w.now())
}

// WrittenRows returns all rows of a table, also those that can't be seen yet.
func (w *Workspace) WrittenRows(table string) []Row {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows(table, time.Time{})
}

// AddRows writes rows into a table as they are; columns that they lack are NULL.
func (w *Workspace) AddRows(table string, rows ...Row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(w.mustTable(table), rows)
}

// rows is Rows under the lock; a zero time sees everything.
func (w *Workspace) rows(name string, now time.Time) []Row {
	t := w.table(name)
	if t == nil {
		return nil
	}
	var out []Row
	for _, r := range t.rows {
		if now.IsZero() || !r.visible.After(now) {
			out = append(out, r.row)
		}
	}
	return out
}

// write appends rows. Under the lock.
func (w *Workspace) write(t *table, rows []Row) {
	for _, r := range rows {
		t.rows = append(t.rows, w.stored(r))
	}
}

// stored is a row that is written now. Under the lock.
func (w *Workspace) stored(r Row) storedRow {
	return storedRow{r, w.now().Add(w.switches.VisibleAfter)}
}

// timestamp is how rows show a TIMESTAMP.
func timestamp(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.000000Z")
}

// signals are the tables that a layout has.
func signals(layout unity.Layout) []unity.Signal {
	if layout == unity.V1 {
		return []unity.Signal{unity.Spans, unity.Logs, unity.Metrics}
	}
	return []unity.Signal{unity.Spans, unity.Logs, unity.Metrics, annotations}
}

// annotations is the fourth table of layout v2; only MLflow's REST API writes it.
const annotations = unity.Signal("annotations")
