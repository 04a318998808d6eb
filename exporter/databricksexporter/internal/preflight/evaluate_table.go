// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// anotherPrefix is the remedy for what can't be changed in a table.
const anotherPrefix = "other tables: an experiment created with a table_prefix that is not taken yet, and that name " +
	"in `table_prefix`"

// layout judges the table's kind, schema version and columns.
func layout(d route.Destination, t databricks.Table) []Finding {
	switch t.Kind {
	case "", "MANAGED", "EXTERNAL":
	default:
		return []Finding{{
			Check: CheckTable, Weight: WeightFault, Remedy: anotherPrefix,
			Message: fmt.Sprintf("%s is a %s, not a table that can be written to",
				d.Table, strings.ToLower(strings.ReplaceAll(t.Kind, "_", " "))),
		}}
	}
	if t.Format != "" && t.Format != "DELTA" {
		return []Finding{{
			Check: CheckTable, Weight: WeightFault, Remedy: anotherPrefix,
			Message: fmt.Sprintf("%s is kept as %s; ingest writes Delta tables only", d.Table, t.Format),
		}}
	}
	version := t.Properties[unity.SchemaVersion]
	if version != "" && version != string(d.Layout) {
		known := version == string(unity.LayoutV1) || version == string(unity.LayoutV2)
		return []Finding{otherLayout(d, fmt.Sprintf("its %s is %s", unity.SchemaVersion, version), known, version)}
	}
	out := columns(d, t)
	if out == nil && version == "" {
		out = append(out, Finding{
			Check: CheckLayout, Weight: WeightAdvice,
			Message: fmt.Sprintf("%s has the columns of layout %s, but not the property that says so", d.Table,
				d.Layout),
			Remedy: fmt.Sprintf("ALTER TABLE %s SET TBLPROPERTIES ('%s' = '%s')",
				d.Table.Quoted(), unity.SchemaVersion, d.Layout),
		})
	}
	return out
}

func otherLayout(d route.Destination, why string, known bool, version string) Finding {
	f := Finding{
		Check:   CheckLayout,
		Weight:  WeightFault,
		Message: fmt.Sprintf("%s is not laid out as %s: %s", d.Table, d.Layout, why),
		Remedy:  anotherPrefix,
	}
	if known {
		f.Remedy = fmt.Sprintf("`layout: %s`, or %s", version, anotherPrefix)
	}
	return f
}

func columns(d route.Destination, t databricks.Table) []Finding {
	want := unity.Columns(d.Signal, d.Layout)
	if want == nil {
		return nil // no documented layout to compare with
	}
	if len(t.Columns) == 0 {
		return []Finding{
			{
				Check:   CheckColumns,
				Weight:  WeightUnknown,
				Message: fmt.Sprintf("the workspace does not tell the columns of %s", d.Table),
			},
		}
	}
	// Attributes tell the layouts apart, and would otherwise be listed a dozen times.
	i := slices.IndexFunc(t.Columns, func(c unity.Column) bool { return strings.EqualFold(c.Name, "attributes") })
	if i >= 0 {
		other := unity.LayoutV1
		if d.Layout == unity.LayoutV1 {
			other = unity.LayoutV2
		}
		if diff, err := unity.Compare([]unity.Column{{Name: "attributes", Type: unity.AttributeType(other)}},
			t.Columns[i:i+1]); err == nil &&
			diff == nil {
			return []Finding{
				otherLayout(d, "its attributes are "+strings.ToUpper(t.Columns[i].Type), true, string(other)),
			}
		}
	}
	diff, err := unity.Compare(want, t.Columns)
	if err != nil {
		return []Finding{unknown(CheckColumns, fmt.Sprintf("the columns of %s can't be compared", d.Table), err)}
	}
	var out []Finding
	var absent, names, wrong []string
	for _, x := range diff {
		if x.Have == "" {
			absent, names = append(absent, x.Column+" "+x.Want), append(names, x.Column)
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s is %s, %s is needed", x.Column, x.Have, x.Want))
	}
	if absent != nil {
		out = append(out, Finding{
			Check: CheckColumns, Weight: WeightFault, Message: fmt.Sprintf(
				"%s lacks the columns %s", d.Table, strings.Join(names, ", ")),
			Remedy: "ALTER TABLE " + d.Table.Quoted() + " ADD COLUMNS (" + strings.Join(absent, ", ") + ")",
		})
	}
	if wrong != nil {
		out = append(out, Finding{
			Check: CheckColumns, Weight: WeightFault, Message: fmt.Sprintf(
				"%s has columns of other types: %s", d.Table, strings.Join(wrong, "; ")),
			Remedy: anotherPrefix + " (the type of a column can't be changed)",
		})
	}
	return out
}
