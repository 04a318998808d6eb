// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqlurl"
)

// lazy is a store on a database server whose schema is read by the first call that needs it, so that a server
// that is down delays the work and not the start of the process.
type lazy struct {
	mu    sync.Mutex
	ready bool
	store *Store
}

var (
	_ mlflow.Source  = (*lazy)(nil)
	_ mlflow.Grantor = (*lazy)(nil)
)

// OpenServer prepares for a store on a database server and asks the server nothing.
func OpenServer(target Target, opts Options) (mlflow.Source, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	open := openPostgres
	if target.URL.Kind == sqlurl.MySQL {
		open = openMySQL
	}
	s, err := open(*target.URL, opts)
	if err != nil {
		return nil, err
	}
	return &lazy{store: s}, nil
}

func (l *lazy) get(ctx context.Context) (*Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ready {
		if err := l.store.describe(ctx); err != nil {
			return nil, err
		}
		l.ready = true
	}
	return l.store, nil
}

// ask calls a method of the store when it is ready.
func ask[R any](ctx context.Context, l *lazy, call func(*Store) (R, error)) (R, error) {
	s, err := l.get(ctx)
	if err != nil {
		var none R
		return none, err
	}
	return call(s)
}

// Grants implements mlflow.Grantor. It does not need the schema, which a user without permissions can't read.
func (l *lazy) Grants(ctx context.Context) ([]mlflow.Grant, error) { return l.store.permissions(ctx) }

// Describe implements mlflow.Source.
func (l *lazy) Describe(ctx context.Context) (mlflow.Description, error) {
	return ask(ctx, l, func(s *Store) (mlflow.Description, error) { return s.Describe(ctx) })
}

// Experiments implements mlflow.Source.
func (l *lazy) Experiments(ctx context.Context) ([]mlflow.Experiment, error) {
	return ask(ctx, l, func(s *Store) ([]mlflow.Experiment, error) { return s.Experiments(ctx) })
}

// Count implements mlflow.Source.
func (l *lazy) Count(ctx context.Context, r mlflow.Range) (int64, error) {
	return ask(ctx, l, func(s *Store) (int64, error) { return s.Count(ctx, r) })
}

// Infos implements mlflow.Source.
func (l *lazy) Infos(ctx context.Context, r mlflow.Range, after mlflow.Position, limit int) ([]mlflow.Info, error) {
	return ask(ctx, l, func(s *Store) ([]mlflow.Info, error) { return s.Infos(ctx, r, after, limit) })
}

// Detailed implements mlflow.Source.
func (l *lazy) Detailed(ctx context.Context, infos []mlflow.Info) error {
	_, err := ask(ctx, l, func(s *Store) (any, error) { return nil, s.Detailed(ctx, infos) })
	return err
}

// Daily implements mlflow.Source.
func (l *lazy) Daily(ctx context.Context, experiments []string, from, to int64) (map[mlflow.Day]mlflow.DayCounts,
	error) {
	return ask(ctx, l, func(s *Store) (map[mlflow.Day]mlflow.DayCounts, error) {
		return s.Daily(ctx, experiments, from, to)
	})
}

// SpanCount implements mlflow.Source.
func (l *lazy) SpanCount(ctx context.Context, experiments []string, from, to int64) (int64, error) {
	return ask(ctx, l, func(s *Store) (int64, error) { return s.SpanCount(ctx, experiments, from, to) })
}

// Exactly implements mlflow.Source.
func (l *lazy) Exactly(ctx context.Context, r mlflow.Range, n int64) (bool, error) {
	return ask(ctx, l, func(s *Store) (bool, error) { return s.Exactly(ctx, r, n) })
}

// Ended implements mlflow.Source.
func (l *lazy) Ended(ctx context.Context, r mlflow.Range, since int64, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	return ask(ctx, l, func(s *Store) ([]mlflow.Info, error) { return s.Ended(ctx, r, since, after, limit) })
}

// Recent implements mlflow.Source.
func (l *lazy) Recent(ctx context.Context, r mlflow.Recency, after mlflow.Position, limit int) ([]mlflow.Info,
	error) {
	return ask(ctx, l, func(s *Store) ([]mlflow.Info, error) { return s.Recent(ctx, r, after, limit) })
}

// Lookup implements mlflow.Source.
func (l *lazy) Lookup(ctx context.Context, experiment string, ids []string) ([]mlflow.Info, error) {
	return ask(ctx, l, func(s *Store) ([]mlflow.Info, error) { return s.Lookup(ctx, experiment, ids) })
}

// Traces implements mlflow.Source.
func (l *lazy) Traces(ctx context.Context, infos []mlflow.Info,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) error {
	_, err := ask(ctx, l, func(s *Store) (any, error) { return nil, s.Traces(ctx, infos, yield) })
	return err
}

// Scan is Store.Scan.
func (l *lazy) Scan(ctx context.Context, infos []mlflow.Info) error {
	_, err := ask(ctx, l, func(s *Store) (any, error) { return nil, s.Scan(ctx, infos) })
	return err
}

// Close implements mlflow.Source.
func (l *lazy) Close() error { return l.store.Close() }

// Kind names the kind of a store for people.
func Kind(target Target) string {
	switch {
	case target.URL == nil:
		return sqliteDialect.kind
	case target.URL.Kind == sqlurl.MySQL:
		return mysqlDialect.kind
	}
	return postgresDialect.kind
}
