// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configretry"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/artifacts"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqlurl"
)

// Options are the settings of a store.
type Options struct {
	// MaxTraceSize is the largest trace that is read, in bytes of span content. Required.
	MaxTraceSize int
	// Workspace restricts reading to the experiments of one workspace; empty means all.
	Workspace string

	// Readers is the largest number of connections; 0 is 1. A file gets at most one for each processor.
	Readers int

	// What database servers need besides.

	// Password returns the password for a new connection; nil: that of the URL.
	Password func(context.Context) (string, error)
	// Retry is the back-off after failures that pass.
	Retry configretry.BackOffConfig
	// Retrying is told of each of them; nil: nothing is.
	Retrying func(cause error, wait time.Duration)
	// Artifacts tells where files of spans are that do not lie where the database says.
	Artifacts artifacts.Config
	// ArtifactServer reads artifacts from the tracking server that Artifacts names; nil if it names none.
	ArtifactServer artifacts.Server
}

func (o *Options) check() error {
	if o.MaxTraceSize <= 0 {
		return fmt.Errorf("the largest trace size is %d; it must be positive", o.MaxTraceSize)
	}
	return nil
}

// Store is a mlflow.Source over a database.
type Store struct {
	db        database
	sql       *sql.DB // for Scan
	d         *dialect
	pace      pace
	schema    schema
	opts      Options
	name      string // in errors: the path of a file, or the place of a database
	login     login  // to a server
	path      string // of a file
	artifacts *artifacts.Reader
}

var _ mlflow.Source = (*Store)(nil)

// Open opens the database and looks at its schema.
func Open(ctx context.Context, target Target, opts Options) (*Store, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	s, err := openFile(ctx, target.Path, opts)
	if err != nil {
		return nil, err
	}
	if err := s.describe(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openFile opens an SQLite file.
func openFile(ctx context.Context, path string, opts Options) (*Store, error) {
	db, uri, err := openSQLite(ctx, path)
	if err != nil {
		return nil, err
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return &Store{
		db: sqliteFile{newConnections(uri, opts.Readers)}, sql: db, d: &sqliteDialect, pace: locked, opts: opts,
		name: path, path: path,
	}, nil
}

// serverStore is the store on a database server.
func serverStore(db *server, u sqlurl.URL, opts Options) *Store {
	return &Store{
		db: db, sql: db.pool, d: db.d, opts: opts, name: u.Place(),
		login: login{user: cmp.Or(u.User, "the_user"), database: u.Database},
		pace: pace{
			first: cmp.Or(opts.Retry.InitialInterval, time.Second), most: cmp.Or(opts.Retry.MaxInterval, time.Second),
			limit: opts.Retry.MaxElapsedTime, exceeded: "not readable", note: opts.Retrying,
		},
	}
}

// describe reads the schema and the places of artifacts.
func (s *Store) describe(ctx context.Context) error {
	err := s.session(ctx, func(at session) (err error) {
		s.schema, err = s.discover(ctx, at)
		return err
	})
	if err != nil {
		return err
	}
	if s.opts.Workspace != "" && !s.schema.hasWorkspaces {
		err = fmt.Errorf("workspace %q is set, but this store has no workspaces (%s)",
			s.opts.Workspace, s.schema.version())
		return fmt.Errorf("%s: %w", s.name, err)
	}
	experiments, err := s.Experiments(ctx)
	if err != nil {
		return err
	}
	files := artifacts.Options{Database: s.path, MaxSize: s.opts.MaxTraceSize, Config: s.opts.Artifacts,
		Server: s.opts.ArtifactServer}
	for _, e := range experiments {
		files.Experiments = append(files.Experiments, e.ArtifactLocation)
	}
	s.artifacts = artifacts.New(files)
	return nil
}

// Close implements mlflow.Source.
func (s *Store) Close() error {
	errs := []error{s.db.close(), s.sql.Close()}
	if s.artifacts != nil { // it was described
		errs = append(errs, s.artifacts.Close())
	}
	return errors.Join(errs...)
}

// Describe implements mlflow.Source.
func (s *Store) Describe(context.Context) (mlflow.Description, error) {
	return mlflow.Description{Kind: s.d.kind, Location: s.name, Version: s.schema.version()}, nil
}

// Experiments implements mlflow.Source.
func (s *Store) Experiments(ctx context.Context) ([]mlflow.Experiment, error) {
	var id, name, location, stage text
	var created integer
	more, dest := selected(s.schema.experiments, []column{{"creation_time", &created}})
	q, args := "SELECT t.experiment_id, t.name, t.artifact_location, t.lifecycle_stage"+more+" FROM experiments t",
		[]any(nil)
	if s.opts.Workspace != "" {
		q, args = q+" WHERE t.workspace = ?", []any{s.opts.Workspace}
	}
	var found []mlflow.Experiment
	all := query{text: q + " ORDER BY t.experiment_id", args: args,
		dest: append([]destination{&id, &name, &location, &stage}, dest...)}
	err := s.rows(ctx, all, func() { found = nil }, func() error {
		found = append(found, mlflow.Experiment{
			ID: strings.Clone(id.s), Name: strings.Clone(name.s), ArtifactLocation: strings.Clone(location.s),
			Created: created.n, Deleted: stage.s == "deleted",
		})
		return nil
	})
	return found, err
}

// scope returns the condition that selects the traces of a range in experiments, and its parameters. The
// experiment of the range is not looked at.
func (s *Store) scope(experiments []string, r mlflow.Range) (string, []any, error) {
	where, args, err := within(experiments, r.From, r.To)
	if err != nil {
		return "", nil, err
	}
	clauses, err := parseFilter(r.Filter)
	if err != nil {
		return "", nil, fmt.Errorf("filter %q: %w", r.Filter, err)
	}
	for _, c := range clauses {
		cond, params, err := s.schema.condition(s.d, c)
		if err != nil {
			return "", nil, fmt.Errorf("filter %q: %w", r.Filter, err)
		}
		where, args = where+" AND "+cond, append(args, params...)
	}
	return where, args, nil
}

// Infos implements mlflow.Source. It reads what identifies a trace, its times and its state; Detailed
// reads the rest. (The number of spans alone makes listing take 1.7 times as long.)
func (s *Store) Infos(ctx context.Context, r mlflow.Range, after mlflow.Position, limit int) ([]mlflow.Info, error) {
	r.From = lowest(r.From, after)
	where, args, err := s.scope([]string{r.ExperimentID}, r)
	if err != nil {
		return nil, err
	}
	return s.page(ctx, where, args, after, limit)
}

// Recent implements mlflow.Source: by the start of traces. To search by their end would read every row
// of the experiments.
func (s *Store) Recent(ctx context.Context, r mlflow.Recency, after mlflow.Position, limit int) ([]mlflow.Info,
	error) {
	from := lowest(max(r.From, r.Since), after)
	where, args, err := s.scope(r.Experiments, mlflow.Range{From: from, Filter: r.Filter})
	if err != nil {
		return nil, err
	}
	return s.page(ctx, where, args, after, limit)
}

// Ended implements mlflow.Source.
func (s *Store) Ended(ctx context.Context, r mlflow.Range, since int64, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	r.From = lowest(r.From, after)
	where, args, err := s.scope([]string{r.ExperimentID}, r)
	if err != nil {
		return nil, err
	}
	ended, params, err := s.schema.condition(s.d, clause{field: "end_time_ms", op: ">=", values: []any{since}})
	if err != nil {
		return nil, err
	}
	return s.page(ctx, where+" AND "+ended, append(args, params...), after, limit)
}

// Lookup implements mlflow.Source.
func (s *Store) Lookup(ctx context.Context, _ string, ids []string) ([]mlflow.Info, error) {
	var infos []mlflow.Info
	for part := range slices.Chunk(ids, maxIDs) {
		asked := make([]mlflow.Info, len(part))
		for i := range asked {
			asked[i].ID = part[i]
		}
		err := s.inHalves(asked, func(asked []mlflow.Info) error {
			var found []bool
			err := s.session(ctx, func(at session) (err error) {
				found, err = s.detail(ctx, at, asked)
				return err
			})
			if err != nil {
				return err
			}
			for i := range asked {
				if found[i] {
					infos = append(infos, asked[i])
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return infos, nil
}

// state maps a stored status to a state. Stores of 2.x know the spelling with TRACE_STATUS_.
func state(status string) mlflow.State {
	switch status {
	case "OK":
		return mlflow.StateOK
	case "ERROR":
		return mlflow.StateError
	case "IN_PROGRESS":
		return mlflow.StateInProgress
	}
	return mlflow.StateUnspecified
}
