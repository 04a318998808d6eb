// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

var (
	pre   = unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}
	spans = route.Destination{
		Signal:     unity.SignalSpans,
		Layout:     unity.LayoutV2,
		Table:      pre.Table(unity.SignalSpans, unity.LayoutV2),
		Location:   pre,
		Experiment: "7",
	}
	old = route.Destination{
		Signal:   unity.SignalSpans,
		Layout:   unity.LayoutV1,
		Table:    pre.Table(unity.SignalSpans, unity.LayoutV1),
		Location: unity.Location{Catalog: "cat", Schema: "sch"},
	}
)

func known[T any](v T) Fact[T] { return Fact[T]{Asked: true, Value: v} }

func unanswered[T any](kind databricks.Kind, code string) Fact[T] {
	return Fact[T]{
		Asked: true,
		Err:   &databricks.Error{Kind: kind, Code: code, Doing: "asking", Message: "the workspace's words"},
	}
}

// fine are the facts of a workspace where nothing is missing.
func fine(d route.Destination) Facts {
	return Facts{
		Me: known(databricks.Principal{Name: "app-1", DisplayName: "loader", Groups: []string{"team"}}),
		Table: known(databricks.Table{
			Kind: "MANAGED", Format: "DELTA", Owner: "owner", Columns: unity.Columns(d.Signal, d.Layout),
			Properties: map[string]string{unity.SchemaVersion: string(d.Layout)},
		}),
		Grants: known(
			Privileges{
				Table: map[string]string{
					"MODIFY":      "app-1",
					"SELECT":      "team",
					"USE_SCHEMA":  "app-1",
					"USE_CATALOG": "app-1",
				},
			},
		),
		Experiment: known(databricks.Experiment{
			ID: "7", Name: "/Shared/x", Tags: map[string]string{databricks.TagSpans: d.Table.String(),
				databricks.TagWarehouse: "wh"},
		}),
	}
}

func TestEvaluate(t *testing.T) {
	type facts = func(*Facts)
	fault := func(c Check, message, remedy string) []Finding {
		return []Finding{{Check: c, Weight: WeightFault, Message: message, Remedy: remedy}}
	}
	tableIs := func(change func(*databricks.Table)) facts {
		return func(f *Facts) {
			f.Table.Value.Columns = slices.Clone(f.Table.Value.Columns)
			change(&f.Table.Value)
		}
	}
	without := func(names ...string) facts {
		return tableIs(func(t *databricks.Table) {
			t.Columns = slices.DeleteFunc(
				t.Columns,
				func(c unity.Column) bool { return slices.Contains(names, c.Name) },
			)
		})
	}
	typed := func(name, typ string) facts {
		return tableIs(func(t *databricks.Table) {
			for i := range t.Columns {
				if t.Columns[i].Name == name {
					t.Columns[i].Type = typ
				}
			}
		})
	}
	granted := func(p Privileges) facts { return func(f *Facts) { f.Grants = known(p) } }
	gone := func(code string) facts {
		return func(f *Facts) {
			f.Table = unanswered[databricks.Table](databricks.KindNotFound, code)
			f.Grants = Fact[Privileges]{}
		}
	}
	const table, writer = "cat.sch.pre_otel_spans", "app-1 (loader)"
	const quoted = "`cat`.`sch`.`pre_otel_spans`"
	for name, tc := range map[string]struct {
		change facts
		want   []Finding // messages and remedies are parts
	}{
		"nothing is missing": {func(*Facts) {}, nil},
		"sign-in refused": {func(f *Facts) { f.Me = unanswered[databricks.Principal](databricks.KindSignIn, "") },
			fault(CheckSignIn, "refuses the sign-in: asking: the workspace's words", "client_id and client_secret")},
		"no connection": {func(f *Facts) { f.Me = unanswered[databricks.Principal](databricks.KindUnreachable, "") },
			[]Finding{{Check: CheckReach, Weight: WeightUnknown, Message: "can't be reached", Alone: true}}},
		"connection lost": {func(f *Facts) { f.Table = unanswered[databricks.Table](databricks.KindUnreachable, "") },
			[]Finding{{Check: CheckReach, Weight: WeightUnknown, Message: "can't be reached", Alone: true}}},
		"who writes is hidden": {func(f *Facts) {
			f.Me, f.Grants = unanswered[databricks.Principal](databricks.KindDenied, ""), Fact[Privileges]{}
		},
			[]Finding{{Check: CheckSignIn, Weight: WeightUnknown, Message: "the principal that writes is not known"}}},
		"slow": {func(f *Facts) { f.Table = unanswered[databricks.Table](databricks.KindSlow, "") },
			[]Finding{{Check: CheckTable, Weight: WeightUnknown, Message: "can't be checked"}}},
		"no Unity Catalog": {func(f *Facts) {
			f.Table = unanswered[databricks.Table](databricks.KindNoRoute,
				"ENDPOINT_NOT_FOUND")
		},
			fault(CheckReach, "the workspace has no Unity Catalog: asking", "assign the workspace")},
		"no workspace": {func(f *Facts) { f.Table = unanswered[databricks.Table](databricks.KindNoRoute, "") },
			fault(CheckReach, "host is not the address of a workspace: asking",
				"the address of a workspace in `host`")},
		"token with fewer scopes": {func(f *Facts) {
			f.Table = unanswered[databricks.Table](databricks.KindSignIn, "")
		},
			fault(CheckSignIn, "refuses the sign-in", "oauth-m2m")},

		"no catalog": {gone("CATALOG_DOES_NOT_EXIST"), fault(CheckCatalog,
			"the catalog cat does not exist, or "+writer+" may not see it", "CREATE CATALOG `cat`")},
		"no catalog, seen by itself": {func(f *Facts) {
			gone("TABLE_DOES_NOT_EXIST")(f)
			f.Catalog = unanswered[databricks.Catalog](databricks.KindNotFound, "")
		}, fault(CheckCatalog, "the catalog cat", "CREATE CATALOG `cat`")},
		"no schema": {gone("SCHEMA_DOES_NOT_EXIST"), fault(CheckSchema,
			"the schema cat.sch does not exist", "CREATE SCHEMA `cat`.`sch`")},
		"no table": {gone("TABLE_DOES_NOT_EXIST"), []Finding{{
			Check: CheckTable, Weight: WeightFault, Message: "the table " + table + " does not exist, " +
				"or " + writer + " may not see it",
			Remedy:    `{"uc_trace_location": {"catalog": "cat", "schema": "sch", "table_prefix": "pre"}}`,
			Statement: "CREATE TABLE IF NOT EXISTS " + quoted + " (record_id STRING,",
		}}},
		"may not look": {func(f *Facts) {
			f.Table, f.Grants = unanswered[databricks.Table](databricks.KindDenied, "PERMISSION_DENIED"),
				Fact[Privileges]{}
		},
			fault(CheckGrants, writer+" may not use the table "+table+": asking: the workspace's words",
				"GRANT USE CATALOG ON CATALOG `cat` TO `app-1`; GRANT USE SCHEMA ON SCHEMA `cat`.`sch` TO `app-1`; "+
					"GRANT MODIFY, SELECT ON TABLE "+quoted+" TO `app-1`")},
		"may browse only": {tableIs(func(t *databricks.Table) { t.BrowseOnly, t.Columns = true, nil }),
			fault(CheckGrants, "may be browsed only", "GRANT MODIFY, SELECT")},

		"a view": {tableIs(func(t *databricks.Table) { t.Kind = "MATERIALIZED_VIEW" }),
			fault(CheckTable, table+" is a materialized view", "table_prefix")},
		"Iceberg": {tableIs(func(t *databricks.Table) { t.Format = "ICEBERG" }), fault(CheckTable,
			"kept as ICEBERG", "table_prefix")},
		"other layout, by property": {tableIs(func(t *databricks.Table) {
			t.Properties = map[string]string{unity.SchemaVersion: "v1"}
		}),
			fault(CheckLayout, table+" is not laid out as v2: its otel.schemaVersion is v1", "`layout: v1`")},
		"a layout to come": {tableIs(func(t *databricks.Table) {
			t.Properties = map[string]string{unity.SchemaVersion: "v3"}
		}),
			fault(CheckLayout, "otel.schemaVersion is v3", "table_prefix")},
		"other layout, by its columns": {tableIs(func(t *databricks.Table) {
			t.Properties, t.Columns = nil,
				unity.Columns(unity.SignalSpans, unity.LayoutV1)
		}),
			fault(CheckLayout, "its attributes are MAP<STRING, STRING>", "`layout: v1`")},
		"no property": {tableIs(func(t *databricks.Table) { t.Properties = nil }),
			[]Finding{{Check: CheckLayout, Weight: WeightAdvice, Message: "has the columns of layout v2",
				Remedy: "ALTER TABLE " + quoted + " SET TBLPROPERTIES ('otel.schemaVersion' = 'v2')"}}},
		"a column is missing": {without("flags"), fault(CheckColumns, table+" lacks the columns flags",
			"ALTER TABLE "+quoted+" ADD COLUMNS (flags INT)")},
		"columns are missing": {without("flags", "dropped_links_count"),
			fault(CheckColumns, "lacks the columns flags, dropped_links_count",
				"ADD COLUMNS (flags INT, dropped_links_count INT)")},
		"a field is missing": {typed("links", "array<struct<trace_id:string,span_id:string,"+
			"trace_state:string,attributes:variant,dropped_attributes_count:int>>"),
			fault(CheckColumns, "lacks the columns links.element.flags", "ADD COLUMNS (links.element.flags INT)")},
		"a column of another type": {typed("attributes", "string"), fault(CheckColumns,
			"attributes is STRING, VARIANT is needed", "can't be changed")},
		"an unknown type": {typed("kind", "geometry<<"),
			[]Finding{{Check: CheckColumns, Weight: WeightUnknown, Message: "can't be compared: column kind"}}},
		"columns are not told": {tableIs(func(t *databricks.Table) { t.Columns = nil }),
			[]Finding{{Check: CheckColumns, Weight: WeightUnknown, Message: "does not tell the columns"}}},
		"more columns are welcome": {tableIs(func(t *databricks.Table) {
			t.Columns = append(t.Columns,
				unity.Column{Name: "mine", Type: "whatever"})
		}), nil},

		"only ALL_PRIVILEGES": {granted(Privileges{Table: map[string]string{"ALL_PRIVILEGES": "app-1",
			"USE_SCHEMA": "app-1", "USE_CATALOG": "app-1"}}),
			fault(CheckGrants, writer+" lacks MODIFY and SELECT on the table "+table+" (ALL_PRIVILEGES is not "+
				"enough", "GRANT MODIFY, SELECT ON TABLE "+quoted+" TO `app-1`")},
		"only SELECT": {granted(Privileges{Table: map[string]string{"SELECT": "app-1", "USE_SCHEMA": "app-1",
			"USE_CATALOG": "app-1"}}),
			fault(CheckGrants, writer+" lacks MODIFY on the table "+table,
				"GRANT MODIFY ON TABLE "+quoted+" TO `app-1`")},
		"only MODIFY": {granted(Privileges{Table: map[string]string{"MODIFY": "app-1", "USE_SCHEMA": "app-1",
			"USE_CATALOG": "app-1"}}), fault(CheckGrants, "lacks SELECT on", "GRANT SELECT ON TABLE")},
		"owner without grants": {func(f *Facts) {
			f.Table.Value.Owner = "app-1"
			f.Grants.Value = Privileges{Table: map[string]string{"USE_SCHEMA": "x", "USE_CATALOG": "x"}}
		}, fault(CheckGrants, "(owning it is not enough", "GRANT MODIFY, SELECT ON TABLE")},
		"no USE_SCHEMA, no USE_CATALOG": {granted(Privileges{Table: map[string]string{"MODIFY": "app-1",
			"SELECT": "app-1"}, Schema: map[string]string{}, Catalog: map[string]string{}}),
			[]Finding{
				{Check: CheckGrants, Weight: WeightFault, Message: "lacks USE CATALOG on the catalog " +
					"cat", Remedy: "GRANT USE CATALOG ON CATALOG `cat` TO `app-1`"},
				{Check: CheckGrants, Weight: WeightFault, Message: "lacks USE SCHEMA on the schema " +
					"cat.sch", Remedy: "GRANT USE SCHEMA ON SCHEMA `cat`.`sch` TO `app-1`"},
			}},
		"ALL_PRIVILEGES does for the way there": {granted(Privileges{Table: map[string]string{"MODIFY": "app-1",
			"SELECT": "app-1"},
			Schema:  map[string]string{"ALL_PRIVILEGES": "app-1"},
			Catalog: map[string]string{"ALL_PRIVILEGES": "team"}}), nil},
		"owns what is above": {func(f *Facts) {
			f.Grants.Value = Privileges{Table: map[string]string{"MODIFY": "app-1", "SELECT": "app-1"},
				Schema: map[string]string{}, Catalog: map[string]string{}}
			f.Catalog = known(databricks.Catalog{Owner: "team"})
		}, nil},
		"perhaps through a group": {granted(Privileges{Table: map[string]string{"SELECT": "app-1",
			"USE_SCHEMA": "app-1", "USE_CATALOG": "app-1"}, Unread: []string{"team", "a", "b", "c", "a"}}),
			[]Finding{{Check: CheckGrants, Weight: WeightUnknown, Message: "lacks MODIFY on the " +
				"table " + table + " (unless through a, b, c, …, whose grants it may not look at)",
				Remedy: "GRANT MODIFY ON TABLE"}}},
		"grants may not be read": {func(f *Facts) {
			f.Grants = unanswered[Privileges](databricks.KindDenied,
				"PERMISSION_DENIED")
		},
			[]Finding{{Check: CheckGrants, Weight: WeightUnknown, Message: "whether " + writer + " may write " +
				"to " + table + " can't be checked"}}},

		"ingest refuses, nothing is missing": {func(f *Facts) {
			f.Refused, f.Metastore = true, known(databricks.Metastore{Cloud: "aws", Region: "us-west-2"})
		},
			[]Finding{{Check: CheckIngest, Weight: WeightUnknown, Message: "the preview may be off, the region aws " +
				"us-west-2 may not be served, path_prefix may be wrong", Remedy: "Previews → OpenTelemetry"}}},
		"ingest refuses, and it is known why": {func(f *Facts) {
			f.Refused = true
			without("flags")(f)
		}, fault(CheckColumns, "lacks the columns flags", "ADD COLUMNS (flags INT)")},

		"experiment not linked": {func(f *Facts) { f.Experiment.Value.Tags = nil },
			[]Finding{{Check: CheckExperiment, Message: "the experiment 7 (/Shared/x) is not linked",
				Remedy: "a new experiment"}}},
		"experiment linked elsewhere": {func(f *Facts) {
			f.Experiment.Value.Tags = map[string]string{databricks.TagSpans: "cat.sch.other_otel_spans"}
		},
			[]Finding{{Check: CheckExperiment, Message: "is linked to cat.sch.other_otel_spans, so it does not show " +
				"the traces in " + table, Remedy: "in the route"}}},
		"experiment without a warehouse": {func(f *Facts) {
			f.Experiment.Value.Tags = map[string]string{databricks.TagSpans: strings.ToUpper(table)}
		},
			[]Finding{{Check: CheckExperiment, Message: "names no SQL " +
				"warehouse", Remedy: "mlflow.monitoring.sqlWarehouseId"}}},
		"no such experiment": {func(f *Facts) {
			f.Experiment = unanswered[databricks.Experiment](databricks.KindNotFound,
				"")
		},
			[]Finding{{Check: CheckExperiment, Message: "the experiment 7 does not exist, " +
				"or " + writer + " may not see it; traces arrive in " + table + " all the " +
				"same", Remedy: "experiment_id"}}},
		"experiment deleted": {func(f *Facts) { f.Experiment.Value.Deleted = true },
			[]Finding{{Check: CheckExperiment, Message: "is deleted", Remedy: "Restore"}}},
		"experiment can't be read": {func(f *Facts) {
			f.Experiment = unanswered[databricks.Experiment](databricks.KindBusy,
				"")
		}, []Finding{{Check: CheckExperiment, Weight: WeightUnknown, Message: "can't be checked"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := fine(spans)
			tc.change(&f)
			got := Evaluate(spans, f)
			require.Len(t, got, len(tc.want), "%v", got)
			for i, want := range tc.want {
				require.Equal(t, want.Check, got[i].Check)
				require.Equal(t, want.Weight, got[i].Weight, got[i])
				require.Contains(t, got[i].Message, want.Message)
				require.Contains(t, got[i].Remedy, want.Remedy)
				require.Contains(t, got[i].Statement, want.Statement)
				require.Equal(t, want.Alone, got[i].Alone)
				require.Equal(t, want.Weight == WeightFault, got[i].Definite())
				if got[i].Weight == WeightFault {
					require.NotEmpty(t, got[i].Remedy, "every failed check has a remedy")
				}
			}
		})
	}
}

// The old layout is judged by its own columns.
func TestEvaluateLayoutV1(t *testing.T) {
	require.Empty(t, Evaluate(old, fine(old)))
	f := fine(old)
	f.Table.Value = fine(spans).Table.Value
	got := Evaluate(old, f)
	require.Len(t, got, 1)
	require.Contains(t, got[0].String(), "is not laid out as v1: its otel.schemaVersion is v2; remedy: `layout: v2`")
	f.Table.Value.Properties = nil
	got = Evaluate(old, f)
	require.Len(t, got, 1)
	require.Contains(t, got[0].Message, "its attributes are VARIANT")
	metrics := route.Destination{
		Signal: unity.SignalMetrics,
		Layout: unity.LayoutV1,
		Table:  unity.Name{Catalog: "c", Schema: "s", Table: "m"},
	}
	f = fine(metrics)
	require.Empty(t, Evaluate(metrics, f), "the columns of metrics in v1 are not documented")
}

// Without any facts nothing is known to be wrong.
func TestEvaluateNothing(t *testing.T) {
	for _, f := range Evaluate(spans, Facts{Me: Fact[databricks.Principal]{Err: errors.New("x")}}) {
		require.NotEqual(t, WeightFault, f.Weight, f)
	}
}
