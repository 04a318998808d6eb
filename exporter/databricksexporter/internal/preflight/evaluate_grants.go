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

// all is the privilege that contains the others, except for ingest, which wants MODIFY and SELECT
// by name.
const all = "ALL_PRIVILEGES"

// grants judges whether the principal that writes has what writing takes.
func grants(d route.Destination, f Facts) []Finding {
	if !f.Grants.Asked {
		return nil
	}
	if f.Grants.Err != nil {
		return []Finding{
			unknown(
				CheckGrants,
				"whether "+writer(f)+" may write to "+d.Table.String()+" can't be checked",
				f.Grants.Err,
			),
		}
	}
	p := f.Grants.Value
	who, to := writer(f), grantee(f)
	owns := func(owner string) bool {
		return owner != "" && (strings.EqualFold(owner, f.Me.Value.Name) || slices.Contains(f.Me.Value.Groups, owner))
	}
	catalogOwner := f.Catalog.Known() && owns(f.Catalog.Value.Owner)
	schemaOwner := f.Schema.Known() && owns(f.Schema.Value.Owner)
	var out []Finding
	lacks := func(privileges []string, on, statement, remark string) {
		f := Finding{
			Check: CheckGrants, Weight: WeightFault, Message: fmt.Sprintf(
				"%s lacks %s on %s%s", who, strings.Join(privileges, " and "), on, remark), Remedy: statement,
		}
		if p.Unread != nil {
			f.Weight = WeightUnknown
			f.Message += fmt.Sprintf(
				" (unless through %s, whose grants it may not look at)",
				strings.Join(some(p.Unread), ", "),
			)
		}
		out = append(out, f)
	}
	if p.Catalog != nil && !has(p.Catalog, "USE_CATALOG", all) && !catalogOwner {
		lacks(
			[]string{"USE CATALOG"},
			"the catalog "+d.Table.Catalog,
			grantOn("CATALOG", unity.Quote(d.Table.Catalog), to, "USE CATALOG"),
			"",
		)
	}
	if p.Schema != nil && !has(p.Schema, "USE_SCHEMA", all) && !schemaOwner && !catalogOwner {
		name := unity.Quote(d.Table.Catalog) + "." + unity.Quote(d.Table.Schema)
		lacks(
			[]string{"USE SCHEMA"},
			"the schema "+d.Table.Catalog+"."+d.Table.Schema,
			grantOn("SCHEMA", name, to, "USE SCHEMA"),
			"",
		)
	}
	var missing []string
	for _, need := range []string{"MODIFY", "SELECT"} {
		if !has(p.Table, need) {
			missing = append(missing, need)
		}
	}
	if missing == nil {
		return out
	}
	statement := grantOn("TABLE", d.Table.Quoted(), to, missing...)
	remark := ""
	if has(p.Table, all) {
		remark = " (ALL_PRIVILEGES is not enough: ingest wants both by name)"
	} else if owns(f.Table.Value.Owner) {
		remark = " (owning it is not enough: ingest wants both by name)"
	}
	lacks(missing, "the table "+d.Table.String(), statement, remark)
	return out
}

func has(privileges map[string]string, wanted ...string) bool {
	return slices.ContainsFunc(wanted, func(p string) bool { _, ok := privileges[p]; return ok })
}

func some(list []string) []string {
	const most = 3
	list = slices.Compact(slices.Sorted(slices.Values(list)))
	if len(list) > most {
		return append(list[:most:most], "…")
	}
	return list
}

// experiment judges whether the traces will be seen in the experiment that the route names. Nothing
// here keeps data from arriving.
func experiment(d route.Destination, f Facts) []Finding {
	if !f.Experiment.Asked {
		return nil
	}
	advice := func(remedy, format string, args ...any) []Finding {
		return []Finding{
			{Check: CheckExperiment, Weight: WeightAdvice, Message: fmt.Sprintf(format, args...), Remedy: remedy},
		}
	}
	switch f.Experiment.Kind() {
	case "":
	case databricks.KindNotFound:
		return advice(
			"the right id in the route's `experiment_id`",
			"the experiment %s does not exist, or %s may not see it; traces arrive in %s all the same",
			d.Experiment,
			writer(f),
			d.Table,
		)
	default:
		return []Finding{
			unknown(
				CheckExperiment,
				"whether the experiment "+d.Experiment+" shows "+d.Table.String()+" can't be checked",
				f.Experiment.Err,
			),
		}
	}
	x := f.Experiment.Value
	name := fmt.Sprintf("the experiment %s (%s)", x.ID, x.Name)
	if x.Deleted {
		return advice(
			"a click: Experiments → Deleted → "+x.Name+" → Restore",
			"%s is deleted, so its traces are not shown",
			name,
		)
	}
	spans, linked := x.SpansTable()
	if !linked {
		return advice(
			"a new experiment, created with a trace_location: an experiment is linked when it is made, and only then",
			"%s is not linked to Unity Catalog, so it does not show the traces in %s",
			name,
			d.Table,
		)
	}
	if !strings.EqualFold(spans.String(), d.Table.String()) {
		return advice(
			"the names of that table in the route, or the id of the experiment that belongs to "+d.Table.String(),
			"%s is linked to %s, so it does not show the traces in %s",
			name,
			spans,
			d.Table,
		)
	}
	if x.Tags[databricks.TagWarehouse] == "" {
		return advice(
			fmt.Sprintf(
				`the experiment's tag %s: POST /api/2.0/mlflow/experiments/set-experiment-tag `+
					`{"experiment_id": %q, "key": %q, "value": "<warehouse id>"}`,
				databricks.TagWarehouse,
				x.ID,
				databricks.TagWarehouse,
			),
			"%s names no SQL warehouse, so clients that read its traces must be given one each time",
			name,
		)
	}
	return nil
}
