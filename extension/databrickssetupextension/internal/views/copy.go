// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// MarkerCopy is the property of a table that is a copy of a view: the full name of the view.
const MarkerCopy = "otelcol_mlflow.copy"

// CopyName is the name of the table that is a copy of a view.
func CopyName(view unity.Name) unity.Name {
	view.Table += "_table"
	return view
}

// Copy is the statements that make the table that is a copy of a view, or bring it up to date.
// Monitors of a time series are documented for tables only. existing is nil if there is no table. An
// error says why a table can't be brought up to date, or is not ours.
func (v *View) Copy(existing *Existing) ([]Statement, error) {
	name := CopyName(v.Name)
	if existing == nil {
		return []Statement{{
			SQL: "CREATE TABLE IF NOT EXISTS " + name.Quoted() + "\nCOMMENT " +
				literal("A copy of "+v.Name.String()+" for its quality monitor, as of the last refresh.") +
				"\nTBLPROPERTIES (" + properties(map[string]string{MarkerCopy: v.Name.String()}) +
				")\nAS\nSELECT * FROM " + v.Name.Quoted(),
			Does: "makes a table that is a copy of the view",
		}}, nil
	}
	if existing.Properties[MarkerCopy] != v.Name.String() {
		return nil, fmt.Errorf("it was not made by databricks_setup: it has no property %s with %s", MarkerCopy, v.Name)
	}
	var added []string
	columns := slices.Clone(existing.Columns)
	scores := map[string]bool{}
	for _, s := range v.Scores {
		scores[s.Column] = true
	}
	for _, c := range v.Columns {
		if slices.ContainsFunc(columns, func(have string) bool { return strings.EqualFold(have, c.Name) }) {
			continue
		}
		if !scores[c.Name] {
			return nil, fmt.Errorf("it lacks the column %s of the view; drop the table, and it is made anew", c.Name)
		}
		columns = append(columns, c.Name)
		added = append(added, unity.Quote(c.Name)+" DOUBLE")
	}
	for i, have := range columns {
		if !slices.ContainsFunc(v.Columns, func(c Column) bool { return strings.EqualFold(have, c.Name) }) {
			return nil, fmt.Errorf("it has the column %s, which the view lacks", have)
		}
		columns[i] = unity.Quote(strings.ToLower(have))
	}
	var list []Statement
	if len(added) > 0 {
		list = append(list, Statement{
			SQL:  "ALTER TABLE " + name.Quoted() + " ADD COLUMNS (" + strings.Join(added, ", ") + ")",
			Does: "adds the columns of new scores",
		})
	}
	return append(list, Statement{
		SQL: "INSERT OVERWRITE TABLE " + name.Quoted() + "\nSELECT " + strings.Join(columns, ", ") + "\nFROM " +
			v.Name.Quoted(),
		Does: "brings the table up to date; put this statement into a schedule of your own",
	}), nil
}

// DropCopy removes the table that is a copy of a view.
func DropCopy(view unity.Name) Statement {
	return Statement{SQL: "DROP TABLE IF EXISTS " + CopyName(view).Quoted(), Does: "drops the copy; the view stays"}
}
