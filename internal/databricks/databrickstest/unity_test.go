// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"context"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/apierr"
	uc "github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// TestTablesAsRecorded compares GET table with the recorded column sets of all OpenTelemetry tables
// in both layouts.
func TestTablesAsRecorded(t *testing.T) {
	w := start(t)
	w.CreateTables(pre, unity.LayoutV2)
	w.CreateTables(pre, unity.LayoutV1)
	for _, file := range []string{"20_uc_table_get_v2.json", "21_uc_table_get_v1_legacy.json"} {
		for _, e := range fixture(t, file) {
			requireAnswer(t, e, replay(t, w.URL(), AdminToken, e), "table_id", "storage_location",
				"created_at", "updated_at")
		}
	}
}

func TestUnityAsRecorded(t *testing.T) {
	w := start(t)
	w.CreateTables(pre, unity.LayoutV2)
	requireAnswer(t, fixture(t, "04_metastore_summary.json")["summary"],
		replay(t, w.URL(), AdminToken, fixture(t, "04_metastore_summary.json")["summary"]))
	errors := fixture(t, "22_uc_table_errors_and_exists.json")
	w.AddToken("dapi-other", "other@example.com")
	w.Grant("other@example.com", "cat", "USE_CATALOG")
	for name, e := range errors {
		if strings.HasSuffix(e.Request.Path, "/exists") {
			continue // no client of this project asks so
		}
		token := AdminToken
		if name == "forbidden" {
			token = "dapi-other"
		}
		requireAnswer(t, e, replay(t, w.URL(), token, e))
	}
	schemas := fixture(t, "23_uc_schema.json")
	requireAnswer(t, schemas["get"], replay(t, w.URL(), AdminToken, schemas["get"]), "schema_id")
}

func TestGrantsAsRecorded(t *testing.T) {
	w := start(t)
	w.CreateTables(pre, unity.LayoutV2)
	const app = "<sp application id>"
	w.AddServicePrincipal(app, "s")
	w.AddPrincipal("sp2")
	grants := fixture(t, "24_uc_grants.json")
	for _, name := range []string{"update_table", "update_schema", "update_catalog", "unknown_principal"} {
		requireAnswer(t, grants[name], replay(t, w.URL(), AdminToken, grants[name]))
	}
	require.Equal(t, []string{"MODIFY", "SELECT"}, w.Granted(app, spansTable))
	w.Grant("sp", spansTable, "SELECT", "MODIFY")
	w.Grant("sp", "cat.sch", "USE SCHEMA")
	w.Grant("sp", "cat", "use_catalog")
	w.Grant("sp2", spansTable, "ALL_PRIVILEGES")
	for _, name := range []string{"effective", "effective_all_privileges_trap"} {
		requireAnswer(t, grants[name], replay(t, w.URL(), AdminToken, grants[name]))
	}
}

// TestUnityThroughSDK drives the same routes with Databricks' own client.
func TestUnityThroughSDK(t *testing.T) {
	ctx := context.Background()
	w := start(t)
	w.CreateTables(pre, unity.LayoutV2)
	w.AddServicePrincipal("app-1", "s")
	c := admin(t, w)

	table, err := uc.NewTables(c).Get(ctx, uc.GetTableRequest{FullName: spansTable})
	require.NoError(t, err)
	require.Equal(t, "v2", table.Properties["otel.schemaVersion"])
	require.Equal(t, uc.TableTypeManaged, table.TableType)
	require.Len(t, table.Columns, 24)
	require.Equal(t, uc.ColumnTypeNameLong, table.Columns[11].TypeName)
	require.Equal(t, w.Table(spansTable).ID, table.TableId)
	_, err = uc.NewTables(c).Get(ctx, uc.GetTableRequest{FullName: "cat.sch.nope"})
	require.ErrorIs(t, err, apierr.ErrNotFound)
	require.NotErrorIs(t, err, apierr.ErrResourceDoesNotExist)

	summary, err := uc.NewMetastores(c).Summary(ctx)
	require.NoError(t, err)
	require.Equal(t, Region, summary.Region)
	catalog, err := uc.NewCatalogs(c).Get(ctx, uc.GetCatalogRequest{Name: "cat"})
	require.NoError(t, err)
	require.Equal(t, Admin, catalog.Owner)
	_, err = uc.NewCatalogs(c).Get(ctx, uc.GetCatalogRequest{Name: "nope"})
	require.ErrorIs(t, err, apierr.ErrNotFound)

	grants := uc.NewGrants(c)
	_, err = grants.Update(ctx, uc.UpdatePermissions{SecurableType: "table", FullName: spansTable,
		Changes: []uc.PermissionsChange{
			{Principal: "app-1", Add: []uc.Privilege{uc.PrivilegeModify, uc.PrivilegeSelect}},
		}})
	require.NoError(t, err)
	effective, err := grants.GetEffective(ctx, uc.GetEffectiveRequest{SecurableType: "table", FullName: spansTable,
		Principal: "app-1"})
	require.NoError(t, err)
	require.Len(t, effective.PrivilegeAssignments[0].Privileges, 2)
	got, err := grants.Get(ctx, uc.GetGrantRequest{SecurableType: "table", FullName: spansTable})
	require.NoError(t, err)
	require.Equal(t, []uc.Privilege{"MODIFY", "SELECT"}, got.PrivilegeAssignments[0].Privileges)
	_, err = grants.Update(ctx, uc.UpdatePermissions{SecurableType: "table", FullName: spansTable,
		Changes: []uc.PermissionsChange{
			{Principal: "app-1", Remove: []uc.Privilege{uc.PrivilegeModify}},
		}})
	require.NoError(t, err)
	require.Equal(t, []string{"SELECT"}, w.Granted("app-1", spansTable))
	for kind, c := range map[string]struct {
		change uc.PermissionsChange
		kind   string
		want   string
	}{
		"both": {uc.PermissionsChange{Principal: "app-1", Add: []uc.Privilege{"SELECT"},
			Remove: []uc.Privilege{"SELECT"}},
			"table",
			"Duplicate privileges"},
		"wrong kind": {uc.PermissionsChange{Principal: "app-1", Add: []uc.Privilege{"SELECT"}}, "SECURABLETYPE.TABLE",
			"not a valid securable type"},
		"not for it": {uc.PermissionsChange{Principal: "app-1", Add: []uc.Privilege{"USE_SCHEMA"}}, "table",
			"not applicable"},
	} {
		_, err = grants.Update(ctx, uc.UpdatePermissions{SecurableType: c.kind, FullName: spansTable,
			Changes: []uc.PermissionsChange{c.change}})
		require.ErrorIs(t, err, apierr.ErrInvalidParameterValue, kind)
		require.ErrorContains(t, err, c.want, kind)
	}
	require.Equal(t, []string{"SELECT"}, w.Granted("app-1", spansTable), "a refused change changes nothing")
}

// TestWhoMaySee asks as a user who is not the owner.
func TestWhoMaySee(t *testing.T) {
	w := start(t)
	w.CreateTables(pre, unity.LayoutV2)
	w.AddToken("dapi-1", "u")
	path := w.URL() + "/api/2.1/unity-catalog/"
	get := func(what string) string {
		got := send(t, "GET", path+what, "dapi-1", nil, nil)
		return strings.TrimSpace(string(got.body))
	}
	require.Contains(t, get("tables/"+spansTable), "USE SCHEMA on Schema 'cat.sch'")
	require.Contains(t, get("tables/cat.sch.nope"), "USE SCHEMA on Schema",
		"who may not look learns nothing of what exists")
	w.Grant("u", "cat.sch", "USE_SCHEMA")
	require.Contains(t, get("tables/"+spansTable), "USE CATALOG on Catalog 'cat'")
	w.Grant("u", "cat", "USE_CATALOG")
	require.Contains(t, get("tables/"+spansTable), "does not have SELECT on Table")
	require.Contains(t, get("tables/cat.sch.nope"), "TABLE_DOES_NOT_EXIST")
	require.Contains(t, get("permissions/table/"+spansTable), "not an owner")
	require.Contains(t, get("permissions/table/"+spansTable+"?principal=u"), `"privilege_assignments":[]`)
	got := send(t, "PATCH", path+"permissions/table/"+spansTable, "dapi-1", nil,
		[]byte(`{"changes":[{"principal":"u","add":["SELECT"]}]}`))
	require.Equal(t, 403, got.status)
	w.Grant("u", spansTable, "MANAGE")
	got = send(t, "PATCH", path+"permissions/table/"+spansTable, "dapi-1", nil,
		[]byte(`{"changes":[{"principal":"u","add":["SELECT"]}]}`))
	require.Equal(t, 200, got.status)
	require.Contains(t, get("tables/"+spansTable), `"full_name":"cat.sch.pre_otel_spans"`)
	w.SetOwner("cat.sch", "u")
	require.Contains(t, get("tables/cat.sch.pre_otel_logs"), `"columns"`)
	w.SetProperty(spansTable, "otel.schemaVersion", "v9")
	w.SetColumnType(spansTable, "flags", "bigint")
	require.Contains(t, get("tables/"+spansTable), `"otel.schemaVersion":"v9"`)
	require.Contains(t, get("tables/"+spansTable),
		`"name":"flags","nullable":true,"position":8,"type_name":"LONG","type_text":"bigint"`)
}
