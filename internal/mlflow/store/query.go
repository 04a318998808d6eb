// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

// query is a query, its parameters, and where the columns of a row are read to.
type query struct {
	text string
	args []any
	dest []destination
}

// column is a column that not every schema has.
type column struct {
	name string
	to   destination
}

// selected returns the columns that exist, as a continuation of a list, and their destinations.
func selected(have map[string]bool, columns []column) (list string, dest []destination) {
	for _, c := range columns {
		if have[c.name] {
			list, dest = list+", t."+c.name, append(dest, c.to)
		}
	}
	return list, dest
}

// errEnough ends a query early.
var errEnough = errors.New("enough rows")

// read runs a query and calls row each time a row was read. Texts are views of SQLite's memory:
// what row keeps it copies. When the database is locked, read waits and starts again: reset forgets
// the rows read so far.
func (s *Store) read(ctx context.Context, q query, reset func(), row func() error) error {
	err := retry(ctx, s.d.transient, func() error {
		reset()
		return s.readOnce(ctx, q, row)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("reading %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) readOnce(ctx context.Context, q query, row func() error) error {
	c, err := s.connections.get()
	if err != nil {
		return err
	}
	defer s.connections.put(c)
	return c.Query(ctx, q.text, q.args, func(r *sqliteread.Row) error {
		for i, d := range q.dest {
			d.read(r, i)
		}
		return row()
	})
}
