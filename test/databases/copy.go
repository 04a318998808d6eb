// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databases

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // driver
)

// Copy makes a database of the tables that a reader needs, with the columns, keys, indexes and rows of an SQLite
// store, in the types that MLflow gives them, and returns its name.
func (s *Server) Copy(t testing.TB, path string) string {
	t.Helper()
	name := s.name()
	if err := s.CopyTo(name, path); err != nil {
		t.Fatal(err)
	}
	return name
}

// CopyTo is Copy into a new database of that name, for other programs than tests.
func (s *Server) CopyTo(name, path string) error {
	if _, err := s.db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		return err
	}
	to, err := s.open(name)
	if err != nil {
		return err
	}
	defer to.Close()
	from, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer from.Close()
	for _, table := range tables {
		if err := s.copyTable(from, to, table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

type column struct {
	name, kind string
	key        int
}

func (s *Server) copyTable(from, to *sql.DB, table string) error {
	ctx := context.Background()
	columns, err := columnsOf(ctx, from, table)
	if err != nil || len(columns) == 0 {
		return err
	}
	var definitions, names []string
	keys := map[int]string{}
	for _, c := range columns {
		definitions = append(definitions, s.quote(c.name)+" "+s.kind(table, c))
		names = append(names, s.quote(c.name))
		if c.key > 0 {
			keys[c.key] = s.quote(c.name)
		}
	}
	if len(keys) > 0 {
		var list []string
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			list = append(list, keys[k])
		}
		definitions = append(definitions, "PRIMARY KEY ("+strings.Join(list, ", ")+")")
	}
	_, err = to.ExecContext(ctx, "CREATE TABLE "+table+" ("+strings.Join(definitions, ", ")+")")
	if err != nil {
		return err
	}
	if err := s.copyRows(ctx, from, to, table, columns, names); err != nil {
		return err
	}
	indexes, err := texts(ctx, from, "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "+
		"AND tbl_name = ?", table)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if strings.Contains(index, "duration_ns") { // a generated column, which nothing reads
			continue
		}
		index = strings.ReplaceAll(index, `"`, "")
		if _, err := to.ExecContext(ctx, index); err != nil {
			return fmt.Errorf("%s: %w", index, err)
		}
	}
	_, err = to.ExecContext(ctx, s.analyze(table)) // so that no plan is made for an empty table
	return err
}

func (s *Server) copyRows(ctx context.Context, from, to *sql.DB, table string, columns []column,
	names []string) error {
	plain := make([]string, len(columns))
	for i := range plain {
		plain[i] = columns[i].name
	}
	rows, err := from.QueryContext(ctx, `SELECT "`+strings.Join(plain, `", "`)+`" FROM `+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	tx, err := to.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after Commit
	const batch = 200
	var values []any
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		var list []string
		for i := 0; i < len(values); i += len(columns) {
			list = append(list, "("+s.parameters(i, len(columns))+")")
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES "+
			strings.Join(list, ", "), values...)
		values = nil
		return err
	}
	for rows.Next() {
		row, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			pointers[i] = &row[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		for i := range row {
			if n, ok := row[i].(int64); ok && columns[i].kind == "BOOLEAN" {
				row[i] = n != 0
			}
		}
		if values = append(values, row...); len(values) >= batch*len(columns) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *Server) analyze(table string) string {
	if s.Kind == "mysql" {
		return "ANALYZE TABLE " + table
	}
	return "ANALYZE " + table
}

func (s *Server) quote(name string) string {
	if s.Kind == "mysql" {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

func (s *Server) parameters(from, n int) string {
	list := make([]string, n)
	for i := range list {
		if list[i] = "?"; s.Kind != "mysql" {
			list[i] = fmt.Sprintf("$%d", from+i+1)
		}
	}
	return strings.Join(list, ", ")
}

// kind is the type that MLflow gives a column.
func (s *Server) kind(table string, c column) string {
	switch {
	case s.Kind == "mysql" && table == "spans" && c.name == "content":
		return "longtext"
	case c.kind == "FLOAT":
		return "double precision"
	case s.Kind == "mysql" && c.kind == "BOOLEAN":
		return "tinyint(1)"
	}
	return c.kind
}

func columnsOf(ctx context.Context, db *sql.DB, table string) (columns []column, err error) {
	rows, err := db.QueryContext(ctx, "SELECT name, type, pk FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind, &c.key); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

func texts(ctx context.Context, db *sql.DB, query string, args ...any) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
