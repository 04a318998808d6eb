package databrickstest

import (
	"maps"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/dbsql"
)

func (s *session) alter(a *dbsql.Alter) error {
	t, err := s.owned(a.Name)
	if err != nil {
		return err
	}
	if (a.Kind == "VIEW") != (t.kind == "VIEW" || t.kind == "MATERIALIZED_VIEW") {
		return sqlError("WRONG_COMMAND_FOR_OBJECT_TYPE", "42809", "The operation ALTER %s is not applicable to %s, which is a %s.", a.Kind,
			t.name.Quoted(), t.kind)
	}
	if a.Query != nil {
		s.catalog, s.schema = t.name.Catalog, t.name.Schema
		plan, err := s.plan(a.Query)
		if err != nil {
			return err
		}
		if t.columns, err = viewColumns(t.name, nil, plan.Columns); err != nil {
			return err
		}
		t.view = a.Text
	}
	if a.Owner != "" {
		if s.w.access.principals[a.Owner] == nil {
			return noPrincipal(a.Owner)
		}
		t.owner = a.Owner
	}
	maps.Copy(t.properties, a.Set)
	for _, k := range a.Unset {
		delete(t.properties, k)
	}
	for _, d := range a.Add {
		for _, c := range t.columns {
			if strings.EqualFold(c.Name, d.Name) {
				return sqlError("FIELD_ALREADY_EXISTS", "42710", "Cannot add column, because `%s` already exists.", d.Name)
			}
		}
		t.columns = append(t.columns, Column{d.Name, d.Type.Text(), d.Comment})
	}
	t.version++
	t.updated = s.w.now()
	return nil
}

func noPrincipal(name string) *dbsql.Error {
	return sqlError("PRINCIPAL_DOES_NOT_EXIST", "42704", "Could not find principal with name %s.", name)
}

func (s *session) comment(c *dbsql.CommentOn) error {
	switch c.Kind {
	case "SCHEMA", "CATALOG": // taken, and not kept: nothing shows it
		at := securable{strings.ToLower(c.Kind), key(strings.Join(c.Name, "."))}
		if f := s.w.exists(at); f != nil {
			return sqlError(f.code, "42704", "%s", f.message)
		}
		return nil
	case "COLUMN":
		if len(c.Name) < 2 {
			return noTable(c.Name)
		}
		t, err := s.owned(c.Name[:len(c.Name)-1])
		if err != nil {
			return err
		}
		for i := range t.columns {
			if strings.EqualFold(t.columns[i].Name, c.Name[len(c.Name)-1]) {
				t.columns[i].Comment = c.Text
				return nil
			}
		}
		return sqlError("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", "A column with name `%s` cannot be resolved.", c.Name[len(c.Name)-1])
	}
	t, err := s.owned(c.Name)
	if err != nil {
		return err
	}
	t.comment = c.Text
	return nil
}

func (s *session) grant(g *dbsql.Grant) error {
	name := strings.Join(g.Name, ".")
	at := securable{strings.ToLower(g.Kind), key(name)}
	if g.Kind == "TABLE" || g.Kind == "VIEW" {
		at = securable{"table", key(full(g.Name, s.catalog, s.schema))}
	}
	if f := s.w.exists(at); f != nil {
		return sqlError(f.code, "42704", "%s", f.message)
	}
	if !s.w.owns(s.who, at) {
		return sqlError("INSUFFICIENT_PERMISSIONS", "42501", "Insufficient privileges: User is not an owner of %s '%s'.", at.title(), at.name)
	}
	if f := s.w.grantable(at, g.Principal, g.Privileges); f != nil {
		return sqlError(f.code, "42704", "%s", f.message)
	}
	if !g.Revoke {
		s.w.grant(g.Principal, at, g.Privileges...)
		return nil
	}
	for _, p := range g.Privileges {
		delete(s.w.grants[at][g.Principal], spelled(p))
	}
	return nil
}

func (s *session) describe(d *dbsql.Describe) (*rowSet, error) {
	n, err := s.name(d.Name)
	if err != nil {
		return nil, err
	}
	t, f := s.w.reach(s.who, n.String())
	if f != nil {
		return nil, noTable(d.Name)
	}
	out := &rowSet{columns: []dbsql.Column{
		{Name: "col_name", Type: dbsql.String}, {Name: "data_type", Type: dbsql.String}, {Name: "comment", Type: dbsql.String},
	}}
	for _, c := range t.columns {
		var comment any
		if c.Comment != "" {
			comment = c.Comment
		}
		out.values = append(out.values, []any{c.Name, c.Type, comment})
	}
	return out, nil
}

func (s *session) showTables(d *dbsql.ShowTables) (*rowSet, error) {
	n, err := s.name(append(d.Schema, "_"))
	if err != nil {
		return nil, err
	}
	out := &rowSet{columns: []dbsql.Column{
		{Name: "database", Type: dbsql.String}, {Name: "tableName", Type: dbsql.String}, {Name: "isTemporary", Type: dbsql.Boolean},
	}}
	sc := s.w.schema(n.Catalog + "." + n.Schema)
	for _, name := range sorted(sc.tables) {
		if s.w.maySee(s.who, sc.tables[name]) {
			out.values = append(out.values, []any{sc.name, name, int64(0)})
		}
	}
	return out, nil
}
