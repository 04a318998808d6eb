package store

import (
	"context"
	"errors"
	"fmt"
)

// query is a query, its parameters, and where the columns of a row are scanned to.
type query struct {
	text string
	args []any
	dest []any
}

// column is a column that not every schema has.
type column struct {
	name string
	to   any
}

// selected returns the columns that exist, as a continuation of a list, and their destinations.
func selected(have map[string]bool, columns []column) (list string, dest []any) {
	for _, c := range columns {
		if have[c.name] {
			list, dest = list+", t."+c.name, append(dest, c.to)
		}
	}
	return list, dest
}

// errEnough ends a query early.
var errEnough = errors.New("enough rows")

// read runs a query and calls row each time a row was scanned; texts are views of the engine's memory, valid until row returns. When the database is locked it waits
// and starts again: reset forgets the rows read so far.
func (s *Store) read(ctx context.Context, q query, reset func(), row func() error) error {
	err := retry(ctx, s.d.transient, func() error {
		reset()
		return s.readRaw(ctx, q, row)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("reading %s: %w", s.path, err)
	}
	return nil
}

// drop runs a query through database/sql and drops the rows.
func (s *Store) drop(ctx context.Context, q query) error {
	rows, err := s.db.QueryContext(ctx, q.text, q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(q.dest...); err != nil {
			return err
		}
	}
	return rows.Err()
}
