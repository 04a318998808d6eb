// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package catalog is the Unity Catalog of the fake workspace. It keeps tables with their rows,
// views and grants in memory, and serves the routes that show and change them.
package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// catalog, schema and Table are what Unity Catalog holds. Guarded by Workspace.mu.
type catalog struct {
	name, owner string
	created     time.Time
	schemas     map[string]*schema
}

type schema struct {
	Name, Catalog, ID, owner string
	created                  time.Time
	tables                   map[string]*Relation
}

// Relation is a table, view or streaming table.
type Relation struct {
	Name       unity.Name
	ID         string
	Kind       string // MANAGED, VIEW, STREAMING_TABLE
	owner      string
	Comment    string
	Columns    []Column
	Properties map[string]string
	View       string // the text of a view's query
	Source     string // table whose rows a streaming table shows
	created    time.Time
	Updated    time.Time
	rows       []StoredRow
}

// Column is a column of a table. Type is the type as GET table spells it: string, bigint,
// struct<a:string,b:int>.
type Column struct {
	Name, Type, Comment string
}

// Table is what a test sees of a table or view.
type Table struct {
	Name       unity.Name
	ID         string
	Kind       string
	Owner      string
	Comment    string
	Columns    []Column
	Properties map[string]string
	View       string // the text of a view's query
}

// Catalog is the Unity Catalog of a workspace.
type Catalog struct {
	*server.Server
	catalogs map[string]*catalog
	grants   map[Securable]map[string]privileges
}

// New makes an empty catalog and registers its routes.
func New(s *server.Server) *Catalog {
	w := &Catalog{Server: s, catalogs: map[string]*catalog{}, grants: map[Securable]map[string]privileges{}}
	w.routeUnity()
	return w
}

// CreateSchema makes a schema, and its catalog, if there is none.
func (w *Catalog) CreateSchema(catalog, schema string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.createSchema(catalog, schema, server.Admin)
}

// CreateTables makes the OpenTelemetry tables of a location, as Databricks would: spans, logs,
// metrics and annotations in layout v2; spans, logs and metrics in layout v1. Tables that are there
// stay.
func (w *Catalog) CreateTables(l unity.Location, layout unity.Layout) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.AddTables(l, layout, server.Admin)
}

// AddTables is CreateTables under the lock. It returns the tables.
func (w *Catalog) AddTables(l unity.Location, layout unity.Layout, owner string) []*Relation {
	var out []*Relation
	for _, s := range unity.Signals(layout) {
		out = append(out, w.AddTable(l.Table(s, layout), "MANAGED", owner, OTelColumns(s, layout),
			otelProperties(s, layout)))
	}
	return out
}

// CreateTable makes a managed table with the given columns.
func (w *Catalog) CreateTable(name unity.Name, columns []Column, properties map[string]string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.AddTable(name, "MANAGED", server.Admin, columns, properties)
}

// DropTable removes a table or view with its rows and grants.
func (w *Catalog) DropTable(name string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.RemoveTable(Key(name))
}

// DropColumn removes a column of a table, so that its layout is no longer the one that ingest
// writes.
func (w *Catalog) DropColumn(name, column string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t := w.mustTable(name)
	t.Columns = slices.DeleteFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, column) })
}

// SetColumnType changes the type of a column.
func (w *Catalog) SetColumnType(name, column, kind string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t := w.mustTable(name)
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, column) {
			t.Columns[i].Type = kind
		}
	}
}

// SetProperty sets a property of a table; an empty value removes it.
func (w *Catalog) SetProperty(name, property, value string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t := w.mustTable(name)
	if value == "" {
		delete(t.Properties, property)
		return
	}
	t.Properties[property] = value
}

// SetOwner changes the owner of a catalog, schema or table.
func (w *Catalog) SetOwner(name, owner string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Principal(owner, false)
	switch s := SecurableOf(name); s.Kind {
	case "catalog":
		w.catalogs[s.Name].owner = owner
	case "schema":
		w.Schema(s.Name).owner = owner
	default:
		w.mustTable(name).owner = owner
	}
}

// Table describes a table or view; nil if there is none.
func (w *Catalog) Table(name string) *Table {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t := w.Relation(name)
	if t == nil {
		return nil
	}
	out := Table{Name: t.Name, ID: t.ID, Kind: t.Kind, Owner: t.owner, Comment: t.Comment,
		Columns: slices.Clone(t.Columns), View: t.View,
		Properties: map[string]string{}}
	maps.Copy(out.Properties, t.Properties)
	return &out
}

// Tables names all tables and views, sorted.
func (w *Catalog) Tables() []string {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	var out []string
	for _, c := range w.catalogs {
		for _, s := range c.schemas {
			for _, t := range s.tables {
				out = append(out, t.Name.String())
			}
		}
	}
	slices.Sort(out)
	return out
}

// The rest of this file is under the lock.

func (w *Catalog) createCatalog(name, owner string) *catalog {
	c := w.catalogs[Key(name)]
	if c == nil {
		c = &catalog{name: Key(name), owner: owner, created: w.Now(), schemas: map[string]*schema{}}
		w.catalogs[c.name] = c
	}
	return c
}

func (w *Catalog) createSchema(catalog, name, owner string) *schema {
	c := w.createCatalog(catalog, owner)
	s := c.schemas[Key(name)]
	if s == nil {
		s = &schema{Name: Key(name), Catalog: c.name, ID: w.NewID(), owner: owner, created: w.Now(),
			tables: map[string]*Relation{}}
		c.schemas[s.Name] = s
	}
	return s
}

// AddTable finds or makes a table or view, and its schema.
func (w *Catalog) AddTable(name unity.Name, kind, owner string, columns []Column,
	properties map[string]string) *Relation {
	s := w.createSchema(name.Catalog, name.Schema, owner)
	t := s.tables[Key(name.Table)]
	if t == nil {
		t = &Relation{
			Name: unity.Name{Catalog: s.Catalog, Schema: s.Name, Table: Key(name.Table)}, ID: w.NewID(), Kind: kind,
			owner: owner, Columns: slices.Clone(columns),
			Properties: map[string]string{}, created: w.Now(), Updated: w.Now(),
		}
		maps.Copy(t.Properties, properties)
		s.tables[Key(name.Table)] = t
	}
	return t
}

// RemoveTable is DropTable under the lock.
func (w *Catalog) RemoveTable(name string) {
	parts := strings.SplitN(name, ".", 3)
	if s := w.Schema(parts[0] + "." + parts[1]); s != nil {
		delete(s.tables, parts[2])
	}
	delete(w.grants, SecurableOf(name))
}

// Schema finds catalog.schema; nil if there is none.
func (w *Catalog) Schema(name string) *schema {
	c, s, _ := strings.Cut(Key(name), ".")
	if w.catalogs[c] == nil {
		return nil
	}
	return w.catalogs[c].schemas[s]
}

// Relation finds catalog.schema.table; nil if there is none.
func (w *Catalog) Relation(name string) *Relation {
	parts := strings.SplitN(Key(name), ".", 3)
	if len(parts) != 3 {
		return nil
	}
	s := w.Schema(parts[0] + "." + parts[1])
	if s == nil {
		return nil
	}
	return s.tables[parts[2]]
}

func (w *Catalog) mustTable(name string) *Relation {
	t := w.Relation(name)
	if t == nil {
		panic("databrickstest: there is no table " + name)
	}
	return t
}

// owner of a securable; empty if there is none.
func (w *Catalog) owner(s Securable) string {
	switch s.Kind {
	case "catalog":
		if c := w.catalogs[s.Name]; c != nil {
			return c.owner
		}
	case "schema":
		if sc := w.Schema(s.Name); sc != nil {
			return sc.owner
		}
	default:
		if t := w.Relation(s.Name); t != nil {
			return t.owner
		}
	}
	return ""
}

// Find returns a table, or the answer that says what is missing: the catalog, the schema or the
// table.
func (w *Catalog) Find(name string) (*Relation, *server.Failure) {
	parts := strings.SplitN(Key(name), ".", 3)
	if len(parts) != 3 {
		return nil, server.Refusal(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf("'%s' is not a valid name", name))
	}
	if f := w.FindSchema(parts[0] + "." + parts[1]); f != nil {
		return nil, f
	}
	if t := w.Relation(name); t != nil {
		return t, nil
	}
	return nil, server.Refusal(404, "TABLE_DOES_NOT_EXIST", fmt.Sprintf("Table '%s' does not exist.", name))
}

// FindSchema returns the answer that says that the catalog or the schema is missing; nil if both
// are there.
func (w *Catalog) FindSchema(name string) *server.Failure {
	c, s, _ := strings.Cut(name, ".")
	if w.catalogs[Key(c)] == nil {
		return noCatalog(c)
	}
	if w.catalogs[Key(c)].schemas[Key(s)] == nil {
		return server.Refusal(404, "SCHEMA_DOES_NOT_EXIST", fmt.Sprintf("Schema '%s' does not exist.", name))
	}
	return nil
}

// SchemaByID finds a schema; nil if there is none.
func (w *Catalog) SchemaByID(id string) *schema {
	for _, c := range w.catalogs {
		for _, s := range c.schemas {
			if s.ID == id {
				return s
			}
		}
	}
	return nil
}

// RelationByID finds a table or view; nil if there is none.
func (w *Catalog) RelationByID(id string) *Relation {
	for _, c := range w.catalogs {
		for _, s := range c.schemas {
			for _, t := range s.tables {
				if t.ID == id {
					return t
				}
			}
		}
	}
	return nil
}
