// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Options are the settings of a store.
type Options struct {
	// MaxTraceSize is the largest trace that is read, in bytes of span content. Required.
	MaxTraceSize int
	// Workspace restricts reading to the experiments of one workspace; empty means all.
	Workspace string
}

// Store is a mlflow.Source over a database.
type Store struct {
	db          *sql.DB      // for what isn't read often: the schema
	connections *connections // for rows
	d           dialect
	schema      schema
	opts        Options
	path        string
	roots       []string // see artifactRoots
	// experimentFolders are the artifact locations of experiments that are folders.
	experimentFolders []string
}

var _ mlflow.Source = (*Store)(nil)

// windowBytes is how much span content is read by one query before the query ends and its traces
// are handed on; a trace is never cut. It bounds memory, and how long a query keeps its lock. Less
// than this costs time: each query begins anew.
const windowBytes = 2 << 20

// Open opens the database and looks at its schema.
func Open(ctx context.Context, target Target, opts Options) (*Store, error) {
	if opts.MaxTraceSize <= 0 {
		return nil, fmt.Errorf("the largest trace size is %d; it must be positive", opts.MaxTraceSize)
	}
	db, uri, err := openSQLite(ctx, target.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, connections: &connections{uri: uri}, d: sqliteDialect, opts: opts, path: target.Path}
	if abs, err := filepath.Abs(target.Path); err == nil {
		s.path = abs
	}
	err = retry(ctx, s.d.transient, func() (err error) {
		s.schema, err = s.d.discover(ctx, db)
		return err
	})
	if err == nil && opts.Workspace != "" && !s.schema.hasWorkspaces {
		err = fmt.Errorf("workspace %q is set, but this store has no workspaces (%s)",
			opts.Workspace, s.schema.version())
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	s.roots = artifactRoots(s.path)
	experiments, err := s.Experiments(ctx)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	for _, e := range experiments {
		if folder := experimentFolder(e.ArtifactLocation); folder != "" {
			s.experimentFolders = append(s.experimentFolders, folder)
		}
	}
	return s, nil
}

// Close implements mlflow.Source.
func (s *Store) Close() error {
	s.connections.close()
	return s.db.Close()
}

// Describe implements mlflow.Source.
func (s *Store) Describe(context.Context) (mlflow.Description, error) {
	return mlflow.Description{Kind: s.d.kind, Location: s.path, Version: s.schema.version()}, nil
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
	all := query{q + " ORDER BY t.experiment_id", args, append([]destination{&id, &name, &location, &stage}, dest...)}
	err := s.read(ctx, all, func() { found = nil }, func() error {
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
		cond, params, err := s.schema.condition(c)
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
	where, args, err := s.scope(r.Experiments, mlflow.Range{From: max(r.From, r.Since), Filter: r.Filter})
	if err != nil {
		return nil, err
	}
	return s.page(ctx, where, args, after, limit)
}

// Ended implements mlflow.Source.
func (s *Store) Ended(ctx context.Context, r mlflow.Range, since int64, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	where, args, err := s.scope([]string{r.ExperimentID}, r)
	if err != nil {
		return nil, err
	}
	ended, params, err := s.schema.condition(clause{field: "end_time_ms", op: ">=", values: []any{since}})
	if err != nil {
		return nil, err
	}
	return s.page(ctx, where+" AND "+ended, append(args, params...), after, limit)
}

// page reads the infos that match a condition and lie after the position.
func (s *Store) page(ctx context.Context, where string, args []any, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	if after != (mlflow.Position{}) {
		where += " AND t.timestamp_ms >= ? AND (t.timestamp_ms > ? OR t.request_id > ?)"
		args = append(args, after.Timestamp, after.Timestamp, after.ID)
	}
	q := "SELECT t.request_id, t.experiment_id, t.timestamp_ms, t.execution_time_ms, t.status " +
		"FROM trace_info t WHERE " + where + " ORDER BY t.timestamp_ms, t.request_id LIMIT ?"
	var id, status text
	var experiment, timestamp, duration integer
	var infos []mlflow.Info
	page := query{q, append(args, limit), []destination{&id, &experiment, &timestamp, &duration, &status}}
	err := s.read(ctx, page, func() { infos = make([]mlflow.Info, 0, min(limit, 1000)) }, func() error {
		infos = append(infos, mlflow.Info{
			ID: strings.Clone(id.s), ExperimentID: strconv.FormatInt(experiment.n, 10),
			Timestamp: timestamp.n, Duration: duration.n,
			Untimed: duration.null, State: state(status.s),
		})
		return nil
	})
	return infos, err
}

// Lookup implements mlflow.Source.
func (s *Store) Lookup(ctx context.Context, _ string, ids []string) ([]mlflow.Info, error) {
	var infos []mlflow.Info
	for len(ids) > 0 {
		n := min(len(ids), maxIDs)
		window := make([]mlflow.Info, n)
		for i := range window {
			window[i].ID = ids[i]
		}
		ids = ids[n:]
		found, err := s.detail(ctx, window)
		if err != nil {
			return nil, err
		}
		for i := range window {
			if found[i] {
				infos = append(infos, window[i])
			}
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

// idList is the parameter for dialect.ids.
func idList(infos []mlflow.Info) string {
	buf := make([]byte, 0, 40*len(infos))
	buf = append(buf, '[')
	for i := range infos {
		if i > 0 {
			buf = append(buf, ',')
		}
		quoted, err := json.Marshal(infos[i].ID)
		if err != nil {
			quoted = []byte(`""`)
		}
		buf = append(buf, quoted...)
	}
	return string(append(buf, ']'))
}
