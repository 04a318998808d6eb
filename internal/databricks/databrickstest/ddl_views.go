package databrickstest

import (
	"maps"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/dbsql"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func (s *session) createView(v *dbsql.CreateView) error {
	n, old, done, err := s.place(v.Name, v.Replace, v.IfNotExists)
	if err != nil || done {
		return err
	}
	if old != nil && old.kind != v.Kind {
		return sqlError("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809", "%s is a %s, it can't be replaced by a %s.", n.Quoted(), old.kind, v.Kind)
	}
	s.catalog, s.schema = n.Catalog, n.Schema
	plan, err := s.plan(v.Query)
	if err != nil {
		return err
	}
	columns, err := viewColumns(n, v.Columns, plan.Columns)
	if err != nil {
		return err
	}
	t := old
	if t == nil {
		t = s.w.createTable(n, v.Kind, s.who.Name, nil, nil)
	}
	t.columns, t.view, t.comment, t.schedule, t.properties = columns, v.Text, v.Comment, v.Schedule, map[string]string{}
	maps.Copy(t.properties, v.Properties)
	t.version++
	t.updated = s.w.now()
	return s.materialize(t)
}

// viewColumns names the columns of a view, which must differ.
func viewColumns(n unity.Name, named []dbsql.ColumnDef, from []dbsql.Column) ([]Column, error) {
	if named != nil && len(named) != len(from) {
		return nil, sqlError("CREATE_VIEW_COLUMN_ARITY_MISMATCH", "21S01",
			"Cannot create view %s, the view has %d columns and the query %d.", n.Quoted(), len(named), len(from))
	}
	var out []Column
	seen := map[string]bool{}
	for i, c := range from {
		column := Column{Name: c.Name, Type: c.Type.Text()}
		if named != nil {
			column.Name, column.Comment = named[i].Name, named[i].Comment
		}
		if seen[key(column.Name)] {
			return nil, sqlError("COLUMN_ALREADY_EXISTS", "42711", "The column `%s` already exists. Choose another name or rename the existing column.",
				column.Name)
		}
		seen[key(column.Name)] = true
		out = append(out, column)
	}
	return out, nil
}

// materialize fills a materialized view or streaming table with what its query gives now, with the rights of its owner.
func (s *session) materialize(t *table) error {
	if t.kind == "VIEW" {
		return nil
	}
	q, err := dbsql.ParseQuery(t.view)
	if err != nil {
		return err
	}
	plan, err := dbsql.Translate(q, s.w.env(s.w.principal(t.owner, false), t.name.Catalog, t.name.Schema))
	if err != nil {
		return err
	}
	result, err := s.w.run(plan)
	if err != nil {
		return err
	}
	for i := range result.columns {
		result.columns[i].Name = t.columns[i].Name
	}
	t.rows = nil
	t.version++
	s.w.write(t, result.rows())
	return nil
}

func (s *session) refresh(r *dbsql.Refresh) error {
	t, err := s.owned(r.Name)
	if err != nil {
		return err
	}
	if t.kind != "MATERIALIZED_VIEW" && t.kind != "STREAMING_TABLE" {
		return sqlError("EXPECT_MATERIALIZED_VIEW", "42809", "%s is no materialized view.", t.name.Quoted())
	}
	return s.materialize(t)
}
