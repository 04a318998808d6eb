// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
)

// database runs queries. Its methods may be called at the same time.
type database interface {
	// within calls f with a session and ends the session before it returns. It neither waits nor
	// repeats: see Store.session.
	within(ctx context.Context, f func(session) error) error
	// transient reports whether what failed with the error can succeed when it is tried again.
	transient(err error) bool
	// slow reports whether a limit of time ended the query, so that half as much can be tried.
	slow(err error) bool
	close() error
}

// session runs queries one after the other. The queries of a session of a database server see the same
// state of the database, in one transaction that only reads. Each query of SQLite is a transaction of its
// own, since a server can't write to the file as long as one is open.
type session interface {
	// query runs a query and calls row each time a row was read into the destinations. Their texts are
	// views of the memory of the database: what row keeps it copies. An error of row ends the query and
	// is returned.
	query(ctx context.Context, q query, row func() error) error
}

// query is a query, its parameters, and where the columns of a row are read to.
type query struct {
	text string
	args []any
	dest []destination
	// of is the first destination where the rows belong to traces of a list. Rows that belong to no
	// trace of the list are dropped.
	of *member
}

// each hands over the rows that next reads, without those of traces that are not of the list. An error of row ends the
// query with stop, before its rows are closed: a driver reads those that are left then.
func (q *query) each(next func() (bool, error), stop func(), row func() error) error {
	for {
		more, err := next()
		if err != nil || !more {
			return err
		}
		if q.of != nil && q.of.at < 0 {
			continue
		}
		if err := row(); err != nil {
			stop()
			return err
		}
	}
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

// session calls f with a session. When the session fails for a reason that passes, it waits and calls f
// again, which starts anew.
func (s *Store) session(ctx context.Context, f func(session) error) error {
	err := s.retry(ctx, func() error { return s.db.within(ctx, f) })
	if err == nil || errors.Is(err, errTooMuch) {
		return err
	}
	return fmt.Errorf("reading %s: %w", s.name, s.allowed(err))
}

// rows runs a single query. reset forgets the rows read so far.
func (s *Store) rows(ctx context.Context, q query, reset func(), row func() error) error {
	return s.session(ctx, func(at session) error {
		reset()
		return at.query(ctx, q, row)
	})
}
