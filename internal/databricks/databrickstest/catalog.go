package databrickstest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// catalog, schema and Table are what Unity Catalog holds. Guarded by Workspace.mu.
type catalog struct {
	name, owner string
	created     time.Time
	schemas     map[string]*schema
}

type schema struct {
	name, catalog, id, owner string
	created                  time.Time
	tables                   map[string]*table
}

type table struct {
	name       unity.Name
	id         string
	kind       string // MANAGED, VIEW, STREAMING_TABLE
	owner      string
	comment    string
	columns    []Column
	properties map[string]string
	view       string // the text of a view's query
	source     string // table whose rows a streaming table shows
	created    time.Time
	updated    time.Time
	rows       []storedRow
}

// Column is a column of a table. Type is the type as GET table spells it: string, bigint, struct<a:string,b:int>.
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

// CreateCatalog makes a catalog that Admin owns, if there is none of that name.
func (w *Workspace) CreateCatalog(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.createCatalog(name, Admin)
}

// CreateSchema makes a schema, and its catalog, if there is none.
func (w *Workspace) CreateSchema(catalog, schema string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.createSchema(catalog, schema, Admin)
}

// CreateTables makes the OpenTelemetry tables of a location, as Databricks would: spans, logs, metrics and annotations in layout v2; spans, logs and
// metrics in layout v1. Tables that are there stay.
func (w *Workspace) CreateTables(l unity.Location, layout unity.Layout) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.createTables(l, layout, Admin)
}

// createTables is CreateTables under the lock. It returns the tables.
func (w *Workspace) createTables(l unity.Location, layout unity.Layout, owner string) []*table {
	var out []*table
	for _, s := range signals(layout) {
		out = append(out, w.createTable(l.Table(s, layout), "MANAGED", owner, otelColumns(s, layout), otelProperties(s, layout)))
	}
	return out
}

// CreateTable makes a managed table with the given columns.
func (w *Workspace) CreateTable(name unity.Name, columns []Column, properties map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.createTable(name, "MANAGED", Admin, columns, properties)
}

// DropTable removes a table or view with its rows and grants.
func (w *Workspace) DropTable(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropTable(key(name))
}

// DropColumn removes a column of a table, so that its layout is no longer the one that ingest writes.
func (w *Workspace) DropColumn(name, column string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.mustTable(name)
	t.columns = slices.DeleteFunc(t.columns, func(c Column) bool { return strings.EqualFold(c.Name, column) })
}

// SetColumnType changes the type of a column.
func (w *Workspace) SetColumnType(name, column, kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.mustTable(name)
	for i := range t.columns {
		if strings.EqualFold(t.columns[i].Name, column) {
			t.columns[i].Type = kind
		}
	}
}

// SetProperty sets a property of a table; an empty value removes it.
func (w *Workspace) SetProperty(name, property, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.mustTable(name)
	if value == "" {
		delete(t.properties, property)
		return
	}
	t.properties[property] = value
}

// SetOwner gives a catalog, schema or table to somebody.
func (w *Workspace) SetOwner(name, owner string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.principal(owner, false)
	switch s := securableOf(name); s.kind {
	case "catalog":
		w.catalogs[s.name].owner = owner
	case "schema":
		w.schema(s.name).owner = owner
	default:
		w.mustTable(name).owner = owner
	}
}

// Table describes a table or view; nil if there is none.
func (w *Workspace) Table(name string) *Table {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.table(name)
	if t == nil {
		return nil
	}
	out := Table{Name: t.name, ID: t.id, Kind: t.kind, Owner: t.owner, Comment: t.comment, Columns: slices.Clone(t.columns), View: t.view,
		Properties: map[string]string{}}
	for k, v := range t.properties {
		out.Properties[k] = v
	}
	return &out
}

// Tables names all tables and views, sorted.
func (w *Workspace) Tables() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, c := range w.catalogs {
		for _, s := range c.schemas {
			for _, t := range s.tables {
				out = append(out, t.name.String())
			}
		}
	}
	slices.Sort(out)
	return out
}

// The rest of this file is under the lock.

func (w *Workspace) createCatalog(name, owner string) *catalog {
	c := w.catalogs[key(name)]
	if c == nil {
		c = &catalog{name: key(name), owner: owner, created: w.now(), schemas: map[string]*schema{}}
		w.catalogs[c.name] = c
	}
	return c
}

func (w *Workspace) createSchema(catalog, name, owner string) *schema {
	c := w.createCatalog(catalog, owner)
	s := c.schemas[key(name)]
	if s == nil {
		s = &schema{name: key(name), catalog: c.name, id: w.id(), owner: owner, created: w.now(), tables: map[string]*table{}}
		c.schemas[s.name] = s
	}
	return s
}

func (w *Workspace) createTable(name unity.Name, kind, owner string, columns []Column, properties map[string]string) *table {
	s := w.createSchema(name.Catalog, name.Schema, owner)
	t := s.tables[key(name.Table)]
	if t == nil {
		t = &table{
			name: unity.Name{Catalog: s.catalog, Schema: s.name, Table: key(name.Table)}, id: w.id(), kind: kind, owner: owner, columns: slices.Clone(columns),
			properties: map[string]string{}, created: w.now(), updated: w.now(),
		}
		for k, v := range properties {
			t.properties[k] = v
		}
		s.tables[key(name.Table)] = t
	}
	return t
}

func (w *Workspace) dropTable(name string) {
	parts := strings.SplitN(name, ".", 3)
	if s := w.schema(parts[0] + "." + parts[1]); s != nil {
		delete(s.tables, parts[2])
	}
	delete(w.grants, securableOf(name))
}

func (w *Workspace) schema(name string) *schema {
	c, s, _ := strings.Cut(key(name), ".")
	if w.catalogs[c] == nil {
		return nil
	}
	return w.catalogs[c].schemas[s]
}

func (w *Workspace) table(name string) *table {
	parts := strings.SplitN(key(name), ".", 3)
	if len(parts) != 3 {
		return nil
	}
	s := w.schema(parts[0] + "." + parts[1])
	if s == nil {
		return nil
	}
	return s.tables[parts[2]]
}

func (w *Workspace) mustTable(name string) *table {
	t := w.table(name)
	if t == nil {
		panic("databrickstest: there is no table " + name)
	}
	return t
}

// owner of a securable; empty if there is none.
func (w *Workspace) owner(s securable) string {
	switch s.kind {
	case "catalog":
		if c := w.catalogs[s.name]; c != nil {
			return c.owner
		}
	case "schema":
		if sc := w.schema(s.name); sc != nil {
			return sc.owner
		}
	default:
		if t := w.table(s.name); t != nil {
			return t.owner
		}
	}
	return ""
}

// find returns a table, or the answer that says what is missing: the catalog, the schema or the table.
func (w *Workspace) find(name string) (*table, *failure) {
	parts := strings.SplitN(key(name), ".", 3)
	if len(parts) != 3 {
		return nil, newFailure(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf("'%s' is not a valid name", name))
	}
	if f := w.findSchema(parts[0] + "." + parts[1]); f != nil {
		return nil, f
	}
	if t := w.table(name); t != nil {
		return t, nil
	}
	return nil, newFailure(404, "TABLE_DOES_NOT_EXIST", fmt.Sprintf("Table '%s' does not exist.", name))
}

func (w *Workspace) findSchema(name string) *failure {
	c, s, _ := strings.Cut(name, ".")
	if w.catalogs[key(c)] == nil {
		return noCatalog(c)
	}
	if w.catalogs[key(c)].schemas[key(s)] == nil {
		return newFailure(404, "SCHEMA_DOES_NOT_EXIST", fmt.Sprintf("Schema '%s' does not exist.", name))
	}
	return nil
}

func (w *Workspace) schemaByID(id string) *schema {
	for _, c := range w.catalogs {
		for _, s := range c.schemas {
			if s.id == id {
				return s
			}
		}
	}
	return nil
}

func (w *Workspace) tableByID(id string) *table {
	for _, c := range w.catalogs {
		for _, s := range c.schemas {
			for _, t := range s.tables {
				if t.id == id {
					return t
				}
			}
		}
	}
	return nil
}
