// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"errors"
	"fmt"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Evaluate judges the facts about a destination. It is pure.
func Evaluate(d route.Destination, f Facts) []Finding {
	var out []Finding
	switch f.Me.Kind() {
	case databricks.KindSignIn:
		return []Finding{refusedSignIn(f.Me.Err)}
	case databricks.KindUnreachable:
		return []Finding{
			{
				Check:   CheckReach,
				Weight:  WeightUnknown,
				Message: "the workspace can't be reached: " + f.Me.Err.Error(),
				Alone:   true,
			},
		}
	case "":
	default:
		out = append(out, unknown(CheckSignIn,
			"the principal that writes is not known, so its grants can't be checked", f.Me.Err))
	}
	if found := readable(d, f); found != nil {
		return append(out, found...)
	}
	t := f.Table.Value
	out = append(out, layout(d, t)...)
	out = append(out, grants(d, f)...)
	if f.Refused && !faulty(out) {
		out = append(out, ingest(f))
	}
	return append(out, experiment(d, f)...)
}

func faulty(list []Finding) bool {
	for _, f := range list {
		if f.Definite() {
			return true
		}
	}
	return false
}

func unknown(c Check, message string, err error) Finding {
	return Finding{Check: c, Weight: WeightUnknown, Message: message + ": " + err.Error()}
}

func refusedSignIn(err error) Finding {
	return Finding{
		Check: CheckSignIn, Weight: WeightFault, Message: "the workspace refuses the sign-in: " + err.Error(),
		Remedy: "a client_id and client_secret of a service principal of this workspace in `auth`, with auth_type: " +
			"oauth-m2m (workspaces may refuse personal access tokens)",
	}
}

// readable judges whether there is a table that can be checked; nil means yes.
func readable(d route.Destination, f Facts) []Finding {
	err := f.Table.Err
	switch f.Table.Kind() {
	case "":
		if f.Table.Value.BrowseOnly && len(f.Table.Value.Columns) == 0 {
			return []Finding{unreadable(d, f, "it may be browsed only")}
		}
		return nil
	case databricks.KindNotFound:
		return []Finding{missing(d, f)}
	case databricks.KindDenied:
		return []Finding{unreadable(d, f, err.Error())}
	case databricks.KindSignIn:
		return []Finding{refusedSignIn(err)}
	case databricks.KindNoRoute:
		return []Finding{noRoute(err)}
	case databricks.KindUnreachable:
		return []Finding{
			{
				Check:   CheckReach,
				Weight:  WeightUnknown,
				Message: "the workspace can't be reached: " + err.Error(),
				Alone:   true,
			},
		}
	default:
		return []Finding{unknown(CheckTable, "the table can't be checked", err)}
	}
}

// noRoute judges a place without Unity Catalog: a workspace that has none, or no workspace at all.
func noRoute(err error) Finding {
	const address = "the address of a workspace in `host` (https://….cloud.databricks.com)"
	var e *databricks.Error
	if errors.As(err, &e) &&
		(e.Code == "METASTORE_DOES_NOT_EXIST" || e.Code == "FEATURE_DISABLED" || e.Code == "ENDPOINT_NOT_FOUND") {
		return Finding{
			Check: CheckReach, Weight: WeightFault, Message: "the workspace has no Unity Catalog: " + err.Error(),
			Remedy: "a click by an account administrator: Catalog → the metastore of the region → assign the " +
				"workspace; or " + address,
		}
	}
	return Finding{
		Check:   CheckReach,
		Weight:  WeightFault,
		Message: "host is not the address of a workspace: " + err.Error(),
		Remedy:  address,
	}
}

// missing says which of catalog, schema and table is not there, as far as that is known.
func missing(d route.Destination, f Facts) Finding {
	n, who := d.Table, writer(f)
	code := ""
	if e, ok := errors.AsType[*databricks.Error](f.Table.Err); ok {
		code = e.Code
	}
	switch {
	case code == "CATALOG_DOES_NOT_EXIST" || f.Catalog.Kind() == databricks.KindNotFound:
		return Finding{
			Check: CheckCatalog, Weight: WeightFault, Message: fmt.Sprintf(
				"the catalog %s does not exist, or %s may not see it", n.Catalog, who),
			Remedy: "the right name in `catalog`, or CREATE CATALOG " + unity.Quote(n.Catalog),
		}
	case code == "SCHEMA_DOES_NOT_EXIST" || f.Schema.Kind() == databricks.KindNotFound:
		return Finding{
			Check: CheckSchema, Weight: WeightFault, Message: fmt.Sprintf(
				"the schema %s.%s does not exist, or %s may not see it", n.Catalog, n.Schema, who),
			Remedy: "CREATE SCHEMA " + unity.Quote(n.Catalog) + "." + unity.Quote(n.Schema),
		}
	}
	out := Finding{
		Check: CheckTable, Weight: WeightFault, Message: fmt.Sprintf("the table %s does not exist, or %s may not see "+
			"it", n, who),
		Statement: unity.CreateTable(n, d.Signal, d.Layout),
		Remedy: "the extension databricks_setup (apply: true), or a new experiment whose traces lie in Unity " +
			"Catalog: POST /api/2.0/mlflow/experiments/create",
	}
	if d.Layout == unity.LayoutV2 && d.Location != (unity.Location{}) {
		out.Remedy += fmt.Sprintf(
			` {"name": …, "trace_location": `+
				`{"uc_trace_location": {"catalog": %q, "schema": %q, "table_prefix": %q}}}`,
			d.Location.Catalog,
			d.Location.Schema,
			d.Location.Prefix,
		)
	}
	if out.Statement != "" {
		out.Remedy += ", or the CREATE TABLE statement in the log"
	}
	return out
}

// unreadable judges a table that the writer may not look at. A principal that may write may look,
// so a grant is missing; the workspace may say which one.
func unreadable(d route.Destination, f Facts, why string) Finding {
	who := writer(f)
	return Finding{
		Check: CheckGrants, Weight: WeightFault, Message: fmt.Sprintf(
			"%s may not use the table %s: %s", who, d.Table, why),
		Remedy: strings.Join([]string{
			grantOn("CATALOG", unity.Quote(d.Table.Catalog), grantee(f), "USE CATALOG"),
			grantOn("SCHEMA", unity.Quote(d.Table.Catalog)+"."+unity.Quote(d.Table.Schema), grantee(f), "USE SCHEMA"),
			grantOn("TABLE", d.Table.Quoted(), grantee(f), "MODIFY", "SELECT"),
		}, "; "),
	}
}

// writer is who writes, for people.
func writer(f Facts) string {
	if p := f.Me.Value; f.Me.Known() && p.Name != "" {
		if p.DisplayName != "" && p.DisplayName != p.Name {
			return p.Name + " (" + p.DisplayName + ")"
		}
		return p.Name
	}
	return "the principal that writes"
}

// grantee is who writes, for a statement.
func grantee(f Facts) string {
	if f.Me.Known() && f.Me.Value.Name != "" {
		return unity.Quote(f.Me.Value.Name)
	}
	return "`<application id or user name>`"
}

func grantOn(kind, name, to string, privileges ...string) string {
	return "GRANT " + strings.Join(privileges, ", ") + " ON " + kind + " " + name + " TO " + to
}

// ingest explains why the ingest endpoint refuses although everything that can be read is as it
// must be.
func ingest(f Facts) Finding {
	region := "the workspace's region"
	if m := f.Metastore.Value; f.Metastore.Known() && m.Region != "" {
		region = "the region " + strings.TrimSpace(m.Cloud+" "+m.Region)
	}
	return Finding{
		Check: CheckIngest, Weight: WeightUnknown,
		Message: "the ingest endpoint refuses (403 or 404), though table and grants are as needed: the preview may " +
			"be off, " + region + " may not be served, path_prefix may be wrong, " +
			"or a grant given just now is not in force yet",
		Remedy: "the right path_prefix; or, where the workspace lists them, a click by its administrator: user menu " +
			"→ Previews → OpenTelemetry on Databricks and Variant Shredding → On",
	}
}
