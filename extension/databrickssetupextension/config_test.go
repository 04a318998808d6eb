// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/dataquality"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func writeFile(t *testing.T, content string) string {
	path := filepath.Join(t.TempDir(), "report.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func nameOf(s string) unity.Name {
	n, err := unity.ParseName(s)
	if err != nil {
		panic(err)
	}
	return n
}

func metricOf(t *testing.T, body []byte) (m dataquality.DataProfilingCustomMetric) {
	require.NoError(t, m.UnmarshalJSON(body))
	return m
}

// Wrong configurations are refused at start, with the key and the remedy.
func TestRefusedConfigurations(t *testing.T) {
	for name, tc := range map[string]struct {
		keys map[string]any
		err  string
	}{
		"no host":            {map[string]any{"host": ""}, "host: required"},
		"host with password": {map[string]any{"host": "https://u:p@h.example.com"}, "host:"},
		"no credentials":     {map[string]any{"auth": map[string]any{}}, "auth"},
		"credentials twice": {map[string]any{"auth": map[string]any{"authenticator": "databricks_auth",
			"token": "x"}}, "auth::authenticator"},
		"authenticator, no host": {map[string]any{"host": "",
			"auth": map[string]any{"authenticator": "databricks_auth"}}, "host: required"},
		"endpoint": {map[string]any{"http": map[string]any{"endpoint": "http://x"}}, "http::endpoint"},
		"apply without warehouse": {map[string]any{"apply": true, "warehouse_id": ""},
			"warehouse_id: required to apply"},
		"teardown and apply": {map[string]any{"apply": true, "teardown": true}, "teardown:"},
		"on_complete":        {map[string]any{"on_complete": "end"}, "on_complete"},
		"catalog":            {map[string]any{"catalog": "a.b"}, "catalog:"},
		"prefix missing":     {map[string]any{"table_prefix": ""}, "table_prefix:"},
		"prefix in v1":       {map[string]any{"layout": "v1"}, "table_prefix:"},
		"views prefix":       {map[string]any{"views": map[string]any{"prefix": "a-b"}}, "views::prefix"},
		"row limit":          {map[string]any{"views": map[string]any{"row_limit": -1}}, "views::row_limit"},
		"experiment twice":   {map[string]any{"experiment": map[string]any{"id": 1, "name": "/x"}}, "experiment:"},
		"experiment name": {map[string]any{"experiment": map[string]any{"name": "support"}},
			"write /Shared/support"},
		"link nothing": {map[string]any{"experiment": map[string]any{"link_existing": true}},
			"experiment::link_existing"},
		"warehouse for nothing": {map[string]any{"experiment": map[string]any{"monitoring_warehouse_id": "x"}},
			"experiment::monitoring_warehouse_id: there is no experiment"},
		"annotate in v1": {map[string]any{"layout": "v1", "table_prefix": "",
			"grants": []any{map[string]any{"principal": "a", "annotate": true}}}, "grants[0]::annotate"},
		"monitor on": {map[string]any{"monitor": map[string]any{"on": "tables"}},
			`monitor::on: "tables" is not one of`},
		"monitor on tables of no views": {map[string]any{"monitor": map[string]any{"on": "table"},
			"views": map[string]any{"enabled": false}}, "monitor::on: the tables are made of the views"},
		"empty score": {map[string]any{"scores": []any{" "}}, "scores:"},
		"principal missing": {map[string]any{"grants": []any{map[string]any{"read": true}}},
			"grants[0]::principal: required"},
		"nothing granted": {map[string]any{"grants": []any{map[string]any{"principal": "a"}}},
			"nothing is granted"},
		"everybody": {map[string]any{"grants": []any{map[string]any{"principal": "account users",
			"read": true}}}, "all_users: true"},
		"everybody, other case": {
			map[string]any{"grants": []any{map[string]any{"principal": " Users", "read": true}}}, "all_users: true"},
		"all_users of one": {map[string]any{"grants": []any{map[string]any{"principal": "a", "read": true,
			"all_users": true}}}, "all_users"},
		"twice": {map[string]any{"grants": []any{map[string]any{"principal": "a", "read": true},
			map[string]any{"principal": "a", "write": true}}},
			"written twice"},
		"read without views": {map[string]any{"views": map[string]any{"enabled": false},
			"grants": []any{map[string]any{"principal": "a", "read": true}}}, "views::enabled"},
		"granularity": {map[string]any{"monitor": map[string]any{"granularities": []any{"1 minute"}}},
			"monitor::granularities"},
		"no granularity": {map[string]any{"monitor": map[string]any{"granularities": []any{}}},
			"monitor::granularities"},
		"output schema": {map[string]any{"monitor": map[string]any{"output_schema": "sch"}},
			"monitor::output_schema"},
		"assets": {map[string]any{"monitor": map[string]any{"assets_dir": "x"}}, "monitor::assets_dir"},
		"schedule": {
			map[string]any{"monitor": map[string]any{"schedule": map[string]any{"quartz_cron_expression": "daily"}}},
			"monitor::schedule"},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]any{"host": "https://h.example.com", "auth": map[string]any{"token": "x"},
				"warehouse_id": "wh", "catalog": "cat", "schema": "sch", "table_prefix": "pre"}
			require.NoError(t, configOf(t, confmap.NewFromStringMap(all)).Validate())
			maps.Copy(all, tc.keys)
			require.ErrorContains(t, configOf(t, confmap.NewFromStringMap(all)).Validate(), tc.err)
		})
	}
}
