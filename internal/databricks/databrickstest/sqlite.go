package databrickstest

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/dbsql"
)

// engine keeps the visible rows of the tables that statements named in SQLite, in memory. Under the workspace's lock.
type engine struct {
	db     *sql.DB
	tables map[*table]*loaded
}

type loaded struct {
	name    string // in SQLite
	version int    // of the columns when it was made
	columns []dbsql.Column
}

// open starts SQLite at the first statement.
func (e *engine) open() error {
	if e.db != nil {
		return nil
	}
	dbsql.Register()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	e.db, e.tables = db, map[*table]*loaded{}
	return nil
}

func (e *engine) close() {
	if e.db != nil {
		_ = e.db.Close()
	}
}

// load brings a table's visible rows into SQLite.
func (w *Workspace) load(t *table) (*loaded, error) {
	e := &w.sql.engine
	if err := e.open(); err != nil {
		return nil, err
	}
	l := e.tables[t]
	if l == nil || l.version != t.version {
		var err error
		if l, err = e.create(t); err != nil {
			return nil, err
		}
		for i := range t.rows {
			t.rows[i].loaded = false
		}
	}
	tx, err := e.db.Begin()
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	marks := strings.Repeat(", ?", len(l.columns))
	insert, err := tx.Prepare("INSERT INTO " + l.name + " VALUES (?" + marks + ")")
	if err != nil {
		return nil, err
	}
	defer func() { _ = insert.Close() }()
	now := w.now()
	for i := range t.rows {
		r := &t.rows[i]
		if r.loaded || r.visible.After(now) {
			continue
		}
		values := []any{r.number}
		for _, c := range l.columns {
			values = append(values, dbsql.Store(r.row[c.Name], c.Type))
		}
		if _, err := insert.Exec(values...); err != nil {
			return nil, err
		}
		r.loaded = true
	}
	return l, tx.Commit()
}

func (e *engine) create(t *table) (*loaded, error) {
	if old := e.tables[t]; old != nil {
		if _, err := e.db.Exec("DROP TABLE " + old.name); err != nil {
			return nil, err
		}
	}
	l := &loaded{name: fmt.Sprintf("t%d", len(e.tables)), version: t.version}
	if old := e.tables[t]; old != nil {
		l.name = old.name
	}
	names := "number INTEGER PRIMARY KEY"
	for i, c := range t.columns {
		kind, err := dbsql.ParseType(c.Type)
		if err != nil {
			return nil, err
		}
		l.columns = append(l.columns, dbsql.Column{Name: c.Name, Type: kind})
		names += fmt.Sprintf(", c%d", i)
	}
	e.tables[t] = l
	_, err := e.db.Exec("CREATE TABLE " + l.name + " (" + names + ")")
	return l, err
}

// rowSet is the result of a statement.
type rowSet struct {
	columns []dbsql.Column
	values  [][]any // as they come from SQLite
}

// run executes a translated query.
func (w *Workspace) run(plan *dbsql.Plan) (*rowSet, error) {
	if err := w.sql.engine.open(); err != nil {
		return nil, err
	}
	rows, err := w.sql.engine.db.Query(plan.SQL)
	if err != nil {
		return nil, dbsql.Failure(err)
	}
	defer func() { _ = rows.Close() }()
	out := &rowSet{columns: plan.Columns}
	for rows.Next() {
		values, into := make([]any, len(plan.Columns)), make([]any, len(plan.Columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, dbsql.Failure(err)
		}
		out.values = append(out.values, values)
	}
	if err := rows.Err(); err != nil {
		return nil, dbsql.Failure(err)
	}
	return out, nil
}

// rows of a result as a table holds them.
func (r *rowSet) rows() []Row {
	var out []Row
	for _, v := range r.values {
		row := Row{}
		for i, c := range r.columns {
			row[c.Name] = dbsql.Load(v[i], c.Type)
		}
		out = append(out, row)
	}
	return out
}
