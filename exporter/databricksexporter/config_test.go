// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// validate does what the collector does: each part of a configuration validates itself.
func validate(cfg *Config) error {
	return errors.Join(
		cfg.Validate(),
		cfg.Preflight.Validate(),
		cfg.Verify.Validate(),
		cfg.HTTP.Validate(),
		cfg.Timeout.Validate(),
		cfg.Retry.Validate(),
		cfg.Queue.Get().Validate(),
	)
}

// load reads one configuration out of the file.
func load(t *testing.T, id string) *Config {
	t.Helper()
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := file.Sub(id)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	require.NoError(t, validate(cfg))
	return cfg
}

func TestLoadConfig(t *testing.T) {
	tables := func(cfg *Config, s unity.Signal) []string {
		p, err := cfg.Plan(s)
		require.NoError(t, err)
		var out []string
		for _, target := range p.Targets {
			out = append(out, target.Key())
		}
		return out
	}
	cfg := load(t, "databricks")
	require.True(t, cfg.Queue.Get().WaitForResult)
	require.True(t, cfg.Queue.Get().BlockOnOverflow)
	require.False(t, cfg.Queue.Get().Batch.HasValue())
	require.Zero(t, cfg.Retry.MaxElapsedTime)
	require.EqualValues(t, 100, cfg.TracesPerSecond)
	require.False(t, cfg.HTTP.Compression.IsCompressed())
	require.Equal(t, []string{spansTable}, tables(cfg, unity.SignalSpans))
	require.Equal(t, []string{"main.traces.agents_otel_logs"}, tables(cfg, unity.SignalLogs))
	require.Equal(t, []string{"main.traces.agents_otel_metrics"}, tables(cfg, unity.SignalMetrics))

	cfg = load(t, "databricks/routes")
	require.Equal(t, "databricks_auth/prod", cfg.Auth.Authenticator.String())
	require.Equal(t, "17", cfg.Routes[1].ExperimentID, "a number is an id too")
	require.Equal(t, "7", cfg.Routes[2].Value)
	require.Equal(
		t,
		[]string{
			"main.traces.support_otel_spans",
			"main.billing.billing_otel_spans",
			"main.traces.seven_otel_spans",
			"experiment:123456",
		},
		tables(cfg, unity.SignalSpans),
	)

	cfg = load(t, "databricks/storage")
	require.False(t, cfg.Queue.Get().WaitForResult, "a queue on disk answers at once")
	require.True(t, cfg.Queue.Get().BlockOnOverflow)

	require.Equal(
		t,
		[]string{"main.traces.mlflow_experiment_trace_otel_spans"},
		tables(load(t, "databricks/v1"), unity.SignalSpans),
	)

	cfg = load(t, "databricks/tables")
	require.Equal(t, []string{"main.ops.odd-table"}, tables(cfg, unity.SignalLogs))
	_, err := cfg.Plan(unity.SignalSpans)
	require.ErrorContains(t, err, "tables::traces: required for a pipeline of this signal")

	require.True(t, load(t, "databricks/zerobus").HTTP.Compression.IsCompressed())
	cfg = load(t, "databricks/batch")
	require.True(t, cfg.Queue.Get().Batch.HasValue())
	require.Equal(t, 5*time.Second, cfg.Timeout.Timeout)
}

func TestValidate(t *testing.T) {
	id := component.MustNewID("databricks_auth")
	for name, c := range map[string]struct {
		change func(*Config)
		err    string
	}{
		"no host": {func(c *Config) { c.Host = "" }, "host: required"},
		"userinfo": {func(c *Config) { c.Host = "https://me:pw@x.cloud.databricks.com" },
			"credentials do not belong in the address"},
		"query": {func(c *Config) { c.Host = "https://x.cloud.databricks.com?o=1" }, "a query"},
		"path": {func(c *Config) { c.Host = "https://x.cloud.databricks.com/api" },
			"a path does not belong"},
		"no scheme": {func(c *Config) { c.Host = "x.cloud.databricks.com" },
			"write https://x.cloud.databricks.com"},
		"http": {func(c *Config) { c.Host = "http://x.cloud.databricks.com" },
			"tokens are not sent over http"},
		"authenticator and id": {func(c *Config) { c.Auth.Authenticator = &id },
			"auth::authenticator: databricks_auth signs the requests"},
		"authenticator without host": {func(c *Config) {
			c.Auth.Authenticator, c.Host, c.Auth.Credentials.Token = &id,
				"", ""
		},
			"host: required; write the workspace's address"},
		"authenticator and userinfo": {func(c *Config) {
			c.Auth.Authenticator, c.Host, c.Auth.Credentials.Token = &id, "https://me:pw@x.cloud.databricks.com", ""
		}, "credentials do not belong in the address"},
		"http::auth": {func(c *Config) {
			c.HTTP.Auth = configoptional.Some(configauth.Config{AuthenticatorID: id})
		}, "http::auth: write auth"},
		"endpoint": {func(c *Config) { c.HTTP.Endpoint = "https://x" }, "http::endpoint: must stay empty"},
		"table header": {func(c *Config) { c.HTTP.Headers.Set("x-databricks-uc-table-name", "t") },
			"is written by the exporter"},
		"path prefix":        {func(c *Config) { c.PathPrefix = "api" }, `path_prefix: "api" is no path`},
		"path prefix, query": {func(c *Config) { c.PathPrefix = "/v1?x=1" }, "is no path"},
		"header":             {func(c *Config) { c.TableHeader = "a b" }, "table_header:"},
		"no tables": {func(c *Config) { c.Catalog, c.Schema, c.TablePrefix = "", "", "" },
			"catalog, schema, table_prefix: required"},
		"slashes": {func(c *Config) { c.Catalog = "main/traces" }, `write "main.traces"`},
		"slashes in a table": {func(c *Config) { c.Tables.Traces = "main/traces/agents_otel_spans" },
			`write "main.traces.agents_otel_spans"`},
		"prefix":       {func(c *Config) { c.TablePrefix = "a-b" }, "table_prefix:"},
		"prefix in v1": {func(c *Config) { c.Layout = unity.LayoutV1 }, "plays no part in layout v1"},
		"layout":       {func(c *Config) { c.Layout = "v3" }, `layout: "v3" is not one of v2, v1`},
		"on_no_route":  {func(c *Config) { c.OnNoRoute = "drop" }, `on_no_route: "drop"`},
		"route without a use": {func(c *Config) { c.Routes = []route.Route{{TablePrefix: "x"}} },
			"routes[0]: write what it is for"},
		"route, half of it": {func(c *Config) { c.Routes = []route.Route{{Attribute: "team", TablePrefix: "x"}} },
			"routes[0]: attribute, value: write both"},
		"route, glob": {func(c *Config) { c.Routes = []route.Route{{Experiment: "[", TablePrefix: "x"}} },
			"routes[0]: experiment:"},
		"route, no prefix": {func(c *Config) { c.Routes = []route.Route{{Experiment: "a"}} },
			"routes[0]: table_prefix:"},
		"route, two places": {func(c *Config) {
			c.Routes = []route.Route{{Experiment: "a", TablePrefix: "x", FromExperimentTags: "1"}}
		}, "from_experiment_tags:"},
		"too many tables": {func(c *Config) {
			c.MaxDestinations = 1
			c.Routes = []route.Route{{Experiment: "a", TablePrefix: "a"}, {Experiment: "b", TablePrefix: "b"}}
		}, "max_destinations: the routes name 2 tables, 1 are allowed"},
		"no memory":      {func(c *Config) { c.MaxMemoryMiB = 0 }, "max_memory_mib:"},
		"rate":           {func(c *Config) { c.TracesPerSecond = -1 }, "traces_per_second:"},
		"hold_max alone": {func(c *Config) { c.HoldMax = time.Hour }, "write dead_letter"},
		"hold_max":       {func(c *Config) { c.HoldMax = -1 }, "hold_max:"},
		"dead_letter":    {func(c *Config) { c.DeadLetter = "dir/" }, "dead_letter:"},
		"disk, no retries": {func(c *Config) {
			c.Queue.Get().StorageID, c.Queue.Get().WaitForResult, c.Retry.Enabled = &id, false, false
		}, "retry_on_failure::enabled"},
		"disk and waiting": {func(c *Config) { c.Queue.Get().StorageID = &id }, "wait_for_result"},
		"timeout":          {func(c *Config) { c.Timeout.Timeout = -1 }, "timeout"},
		"nothing is wrong": {func(*Config) {}, ""},
		"routes cover everything": {func(c *Config) {
			c.Catalog, c.Schema, c.TablePrefix = "", "", ""
			c.Routes = []route.Route{{Experiment: "*", Catalog: "a", Schema: "b", TablePrefix: "c"}}
		}, ""},
		"routes and a default that is missing": {func(c *Config) {
			c.Catalog, c.Schema, c.TablePrefix, c.OnNoRoute = "", "", "", route.OnNoRouteDefault
			c.Routes = []route.Route{{Experiment: "*", Catalog: "a", Schema: "b", TablePrefix: "c"}}
		}, "catalog, schema, table_prefix: required"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.Host = "https://dbc-1.cloud.databricks.com"
			cfg.Auth.Credentials.Token = "hidden"
			cfg.Catalog, cfg.Schema, cfg.TablePrefix = "main", "traces", "agents"
			c.change(cfg)
			err := validate(cfg)
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.err)
			require.NotContains(t, err.Error(), "hidden")
			require.NotContains(t, err.Error(), "pw")
		})
	}
}

func TestRoutesMustBeMaps(t *testing.T) {
	conf := confmap.NewFromStringMap(map[string]any{"routes": []any{"support-*"}})
	require.ErrorContains(t, conf.Unmarshal(createDefaultConfig().(*Config)), "routes[0]: write a map")
}
