package databrickstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/dbsql"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// session is who executes a statement, and where names without a catalog or schema lie. Its methods run under the lock.
type session struct {
	w               *Workspace
	who             *Principal
	catalog, schema string
	params          map[string]dbsql.Value
}

// execute parses and runs a statement; statements other than queries have no result, apart from DELETE. Under the lock.
func (w *Workspace) execute(who *Principal, in *statementRequest) (*rowSet, error) {
	s := &session{w: w, who: who, catalog: in.Catalog, schema: in.Schema, params: map[string]dbsql.Value{}}
	for _, p := range in.Parameters {
		t := dbsql.String
		if p.Type != "" {
			t, _ = dbsql.ParseType(p.Type)
		}
		s.params[p.Name] = dbsql.Value{Text: p.Value, Type: t}
	}
	parsed, err := dbsql.ParseStatement(in.Statement)
	if err != nil {
		return nil, err
	}
	switch st := parsed.(type) {
	case *dbsql.Query:
		return s.query(st)
	case *dbsql.Delete:
		return s.delete(st)
	case *dbsql.Describe:
		return s.describe(st)
	case *dbsql.ShowTables:
		return s.showTables(st)
	case *dbsql.CreateView:
		return nil, s.createView(st)
	case *dbsql.CreateTable:
		return nil, s.createTable(st)
	case *dbsql.CreateSchema:
		return nil, s.createSchema(st)
	case *dbsql.Drop:
		return nil, s.drop(st)
	case *dbsql.Alter:
		return nil, s.alter(st)
	case *dbsql.CommentOn:
		return nil, s.comment(st)
	case *dbsql.Grant:
		return nil, s.grant(st)
	case *dbsql.Refresh:
		return nil, s.refresh(st)
	}
	return nil, sqlError("UNSUPPORTED_FEATURE.FAKE_WORKSPACE", "0A000", "The fake workspace does not execute this statement.")
}

func sqlError(class, state, format string, args ...any) *dbsql.Error {
	return &dbsql.Error{Class: class, State: state, Message: fmt.Sprintf(format, args...)}
}

func (s *session) plan(q *dbsql.Query) (*dbsql.Plan, error) {
	env := s.w.env(s.who, s.catalog, s.schema)
	env.Params = s.params
	return dbsql.Translate(q, env)
}

func (s *session) query(q *dbsql.Query) (*rowSet, error) {
	plan, err := s.plan(q)
	if err != nil {
		return nil, err
	}
	return s.w.run(plan)
}

// name completes a name and checks that its schema is there and can be reached.
func (s *session) name(parts []string) (unity.Name, error) {
	n, err := unity.ParseName(full(parts, s.catalog, s.schema))
	if err != nil {
		return n, sqlError("PARSE_SYNTAX_ERROR", "42601", "Syntax error: %s.", err)
	}
	at := n.Catalog + "." + n.Schema
	if f := s.w.findSchema(at); f != nil {
		return n, sqlError("SCHEMA_NOT_FOUND", "42704",
			"The schema `%s`.`%s` cannot be found. Verify the spelling and correctness of the schema and catalog.", n.Catalog, n.Schema)
	}
	for _, l := range lineage(securableOf(at)) {
		if need := map[string]string{"schema": "USE_SCHEMA", "catalog": "USE_CATALOG"}[l.kind]; !s.w.may(s.who, l, need) {
			return n, insufficient(need, l)
		}
	}
	return n, nil
}

// owned finds a table that may be changed.
func (s *session) owned(parts []string) (*table, error) {
	n, err := s.name(parts)
	if err != nil {
		return nil, err
	}
	t := s.w.table(n.String())
	if t == nil {
		return nil, noTable(parts)
	}
	if at := securableOf(n.String()); !s.w.owns(s.who, at) {
		return nil, sqlError("INSUFFICIENT_PERMISSIONS", "42501", "Insufficient privileges: User is not an owner of %s '%s'.", at.title(), at.name)
	}
	return t, nil
}

// place makes room for a table: it returns the one to replace, or tells that there is nothing to do.
func (s *session) place(parts []string, replace, ifNotExists bool) (n unity.Name, old *table, done bool, err error) {
	if n, err = s.name(parts); err != nil {
		return n, nil, false, err
	}
	old = s.w.table(n.String())
	switch {
	case old != nil && ifNotExists:
		return n, old, true, nil
	case old != nil && !replace:
		return n, nil, false, sqlError("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07",
			"Cannot create table or view %s because it already exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS "+
				"clause to tolerate pre-existing objects.", n.Quoted())
	case old != nil:
		_, err = s.owned(parts)
	case !s.w.may(s.who, securableOf(n.Catalog+"."+n.Schema), "CREATE_TABLE"):
		err = insufficient("CREATE_TABLE", securableOf(n.Catalog+"."+n.Schema))
	}
	return n, old, false, err
}

func (s *session) createTable(c *dbsql.CreateTable) error {
	n, old, done, err := s.place(c.Name, c.Replace, c.IfNotExists)
	if err != nil || done {
		return err
	}
	if old != nil && old.kind != "MANAGED" {
		return sqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809", "%s is a %s, it can't be replaced by a table.", n.Quoted(), old.kind)
	}
	var columns []Column
	for _, d := range c.Columns {
		columns = append(columns, Column{d.Name, d.Type.Text(), d.Comment})
	}
	var rows []Row
	if c.Query != nil {
		result, err := s.query(c.Query)
		if err != nil {
			return err
		}
		if columns, err = viewColumns(n, nil, result.columns); err != nil {
			return err
		}
		rows = result.rows()
	}
	t := old
	if t == nil {
		t = s.w.createTable(n, "MANAGED", s.who.Name, nil, nil)
	}
	t.columns, t.comment, t.properties, t.rows = columns, c.Comment, map[string]string{}, nil
	maps.Copy(t.properties, c.Properties)
	t.version++
	t.updated = s.w.now()
	s.w.write(t, rows)
	return nil
}

func (s *session) createSchema(c *dbsql.CreateSchema) error {
	name := strings.Join(c.Name, ".")
	at, need := securable{"catalog", key(c.Name[0])}, "CREATE_SCHEMA"
	exists := s.w.schema(name) != nil
	if c.Kind == "CATALOG" {
		need = "CREATE_CATALOG"
		exists = s.w.catalogs[key(name)] != nil
	}
	switch {
	case c.Kind == "SCHEMA" && len(c.Name) != 2, c.Kind == "CATALOG" && len(c.Name) != 1:
		return sqlError("PARSE_SYNTAX_ERROR", "42601", "Syntax error: %s is no name of a %s.", name, strings.ToLower(c.Kind))
	case c.Kind == "SCHEMA" && s.w.catalogs[at.name] == nil:
		return sqlError("NO_SUCH_CATALOG_EXCEPTION", "42704", "Catalog '%s' was not found.", c.Name[0])
	case exists && c.IfNotExists:
		return nil
	case exists:
		return sqlError(c.Kind+"_ALREADY_EXISTS", "42P06", "Cannot create %s `%s` because it already exists.", strings.ToLower(c.Kind), name)
	case !s.w.may(s.who, at, need):
		return insufficient(need, at)
	case c.Kind == "CATALOG":
		s.w.createCatalog(name, s.who.Name)
	default:
		s.w.createSchema(c.Name[0], c.Name[1], s.who.Name)
	}
	return nil
}

func (s *session) drop(d *dbsql.Drop) error {
	n, err := s.name(d.Name)
	if err != nil {
		return err
	}
	t := s.w.table(n.String())
	switch {
	case t == nil && d.IfExists:
		return nil
	case t != nil && (d.Kind == "VIEW") != (t.kind == "VIEW" || t.kind == "MATERIALIZED_VIEW"):
		return sqlError("WRONG_COMMAND_FOR_OBJECT_TYPE", "42809", "The operation DROP %s is not applicable to %s, which is a %s.", d.Kind, n.Quoted(), t.kind)
	}
	if _, err := s.owned(d.Name); err != nil {
		return err
	}
	s.w.dropTable(key(n.String()))
	return nil
}

// delete removes rows; it needs SELECT and MODIFY.
func (s *session) delete(d *dbsql.Delete) (*rowSet, error) {
	n, err := s.name(d.Name)
	if err != nil {
		return nil, err
	}
	if at := securableOf(n.String()); s.w.table(n.String()) != nil && !s.w.may(s.who, at, "MODIFY") {
		return nil, insufficient("MODIFY", at)
	}
	where := d.Where
	if where == nil {
		where = &dbsql.Literal{Value: true, Type: dbsql.Boolean}
	}
	env := s.w.env(s.who, s.catalog, s.schema)
	env.Params = s.params
	condition, err := dbsql.Condition(where, d.Name, env)
	if err != nil {
		return nil, err
	}
	t := s.w.table(n.String())
	if t.kind != "MANAGED" {
		return nil, sqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809", "'DELETE' expects a table but %s is a %s.", n.Quoted(), t.kind)
	}
	found, err := s.w.run(&dbsql.Plan{
		SQL:     "SELECT r0.number FROM " + s.w.sql.engine.tables[t].name + " AS r0 WHERE " + condition,
		Columns: []dbsql.Column{{Name: "number", Type: dbsql.Bigint}},
	})
	if err != nil {
		return nil, err
	}
	gone := map[int64]bool{}
	for _, v := range found.values {
		gone[v[0].(int64)] = true
	}
	t.rows = slices.DeleteFunc(t.rows, func(r storedRow) bool { return gone[r.number] })
	t.version++
	return &rowSet{columns: []dbsql.Column{{Name: "num_affected_rows", Type: dbsql.Bigint}}, values: [][]any{{int64(len(gone))}}}, nil
}
