// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/selection"
)

func load(t *testing.T, conf *confmap.Conf) (*Config, error) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfigAsPeopleTypeIt(t *testing.T) {
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	storage := func(s string) *component.ID {
		var id component.ID
		require.NoError(t, id.UnmarshalText([]byte(s)))
		return &id
	}
	at := func(s string) (v selection.Time) {
		require.NoError(t, v.UnmarshalText([]byte(s)))
		return v
	}
	skipped := func(s string) (v selection.Tolerance) {
		require.NoError(t, v.UnmarshalText([]byte(s)))
		return v
	}
	for name, change := range map[string]func(*Config){
		"mlflow/smallest": func(c *Config) {
			c.TrackingURI = "http://localhost:5000"
			c.Experiments.Names = []string{"support-*"}
			c.StorageID = storage("file_storage")
		},
		"mlflow/shard": func(c *Config) {
			c.TrackingURI = "http://localhost:5000"
			c.Experiments.Names = []string{"a"}
			c.StorageID = storage("file_storage")
			c.Shard = ShardConfig{Index: 2, Count: 4, Import: Imports{"/storage/0", "/storage/1"}}
		},
		"mlflow/shard starts over": func(c *Config) {
			c.TrackingURI = "http://localhost:5000"
			c.Experiments.Names = []string{"a"}
			c.StorageID = storage("file_storage")
			c.Shard = ShardConfig{Index: 0, Count: 4, Import: Imports{"none"}}
		},
		"mlflow/unquoted": func(c *Config) {
			c.TrackingURI = "sqlite:///mlflow.db"
			c.Experiments = ExperimentsConfig{IDs: []string{"1", "2", "123456789012345678"},
				Names: []string{"support-bot"}, Exclude: []string{"scratch-*", "7"}}
			c.StartTime, c.EndTime = at("2026-03-01T00:00:00Z"), at("2026-03-14T00:00:00Z")
			c.MaxSkipped, c.MaxTraceSizeMiB, c.RequestsPerSecond, c.TracesPerSecond = skipped("5"), 16, 2.5, 0.5
			c.RetrySkipped, c.RejectAfter, c.GiveUpAfter, c.Accept = false, time.Minute, 0, progress.HandedOver
			c.ShutdownTimeout, c.Mode, c.OnComplete = 10*time.Second, ModeCheck, OnCompleteShutdown
		},
		"mlflow/short": func(c *Config) {
			c.TrackingURI, c.StorageID = "http://localhost:5000", storage("none")
			c.Experiments = ExperimentsConfig{IDs: []string{"1", "22"}, Names: []string{"a", "support-*", "v2"}}
		},
		"mlflow/one name": func(c *Config) {
			c.TrackingURI, c.StorageID = "http://localhost:5000", storage("none")
			c.Experiments.Names = []string{"a"}
		},
		"mlflow/one id": func(c *Config) {
			c.TrackingURI, c.StorageID = "http://localhost:5000", storage("none")
			c.Experiments.IDs = []string{"7"}
		},
		"mlflow/relative": func(c *Config) {
			c.TrackingURI = "https://mlflow.example.com/prefix/"
			c.Experiments.IDs = []string{"3"}
			c.StartTime = at("-90d")
			c.MaxSkipped, c.Payloads, c.CaptureContent = skipped("0.5% or 3"), genai.PayloadsJSON, false
			c.HTTP.Timeout = 30 * time.Second
			c.HTTP.Headers.Set("Authorization", "Bearer canary")
			c.Workspace, c.Filter, c.StorageID = "team-a", "status = 'OK'", storage("none")
		},
		"mlflow/list": func(c *Config) {
			c.TrackingURI, c.TraceIDsFile, c.StorageID = "http://localhost:5000", "skipped.jsonl",
				storage("file_storage/positions")
		},
	} {
		t.Run(name, func(t *testing.T) {
			sub, err := file.Sub(name)
			require.NoError(t, err)
			got, err := load(t, sub)
			require.NoError(t, err)
			want := createDefaultConfig().(*Config)
			change(want)
			require.Equal(t, want, got)
			require.NotContains(t, fmt.Sprintf("%+v", *got), "canary")
		})
	}
}

func TestConfigMistakes(t *testing.T) {
	const good = "tracking_uri: http://localhost:5000\nexperiments: {names: [a]}\nstorage: none\n"
	for name, tc := range map[string]struct{ yaml, want string }{
		"nothing": {"{}", "tracking_uri: required"},
		"no experiment": {"tracking_uri: http://h:1\nstorage: none",
			`experiments: write at least one id or name`},
		"experiments without a value": {"tracking_uri: http://h:1\nexperiments: [a, null]\nstorage: none",
			"experiments[1]: no value is written; if it comes from ${env:NAME}"},
		"experiments of another kind": {"tracking_uri: http://h:1\nexperiments: [1.5]\nstorage: none",
			"experiments: element 0: write text or whole numbers"},
		"experiments, not a glob": {"tracking_uri: http://h:1\nexperiments: \"[a\"\nstorage: none",
			`experiments::names[0]: "[a" is not a name or glob`},
		"address without a value": {"tracking_uri: null\nexperiments: [a]\nstorage: none",
			"tracking_uri: no value is written; if it comes from ${env:NAME}"},
		"address, as elsewhere": {"endpoint: http://h:1\nexperiments: [a]\nstorage: none",
			"endpoint: there is no such key; did you mean tracking_uri?"},
		"tls, as elsewhere": {good + "tls: {insecure: true}",
			"tls: there is no such key; did you mean http::tls?"},
		"experiment": {"tracking_uri: http://h:1\nexperiment: a\nstorage: none",
			"experiment: there is no such key; did you mean experiments?"},
		"no storage": {"tracking_uri: http://h:1\nexperiments: {ids: [1]}", "storage: required"},
		"no scheme": {"tracking_uri: localhost:5000\nexperiments: {ids: [1]}\nstorage: none",
			"http://host:5000"},
		"unknown scheme": {"tracking_uri: ftp://user:canary@h\nexperiments: {ids: [1]}\nstorage: none",
			`the scheme "ftp" is not known`},
		"SQL Server": {"tracking_uri: mssql+pyodbc://user:canary@h/db\nexperiments: {ids: [1]}\nstorage: none",
			"write the http(s) address of the tracking server"},
		"postgres, no database": {"tracking_uri: postgresql://user:canary@h\nexperiments: {ids: [1]}\nstorage: none",
			"no database is named"},
		"postgres, parameter": {"tracking_uri: postgresql://u:canary@h/db?x=canary\n" +
			"experiments: {ids: [1]}\nstorage: none",
			`the parameter "x" is not known here`},
		"password of a file": {good + "database: {password_file: /run/secret}", "database: goes with"},
		"two passwords": {"tracking_uri: mysql://u@h/db\nexperiments: {ids: [1]}\nstorage: none\n" +
			"database: {password_file: /x, password_command: [y]}", "password_file or password_command, not both"},
		"databricks, no host": {"tracking_uri: databricks\nexperiments: {ids: [1]}\nstorage: none",
			"databricks::host: required"},
		"databricks, http": {"tracking_uri: databricks\nexperiments: {ids: [1]}\nstorage: none\ndatabricks: " +
			"{host: 'http://dbc-1.cloud.databricks.com'}", "databricks::host: tokens are not sent over http"},
		"databricks, two ways": {"tracking_uri: databricks\nexperiments: {ids: [1]}\nstorage: none\ndatabricks: " +
			"{host: 'https://h', auth: {token: t, client_id: c, client_secret: s}}", "databricks"},
		"databricks, workspace": {
			"tracking_uri: databricks://prod\nworkspace: a\nexperiments: {ids: [1]}\nstorage: none",
			"workspace: it is one of MLflow's own"},
		"warehouse elsewhere": {
			"tracking_uri: http://localhost:5000\nsql_warehouse_id: a\nexperiments: {ids: [1]}\nstorage: none",
			"sql_warehouse_id: goes with tracking_uri: databricks only"},
		"group elsewhere": {
			"tracking_uri: http://localhost:5000\ndatabricks: {profile: a}\nexperiments: {ids: [1]}\nstorage: none",
			"databricks: goes with tracking_uri: databricks only"},
		"user interface": {"tracking_uri: http://h:5000/#/experiments/3\nexperiments: {ids: [1]}\nstorage: none",
			"http://h:5000"},
		"password in address": {"tracking_uri: http://user:canary@h:5000\nexperiments: {ids: [1]}\nstorage: none",
			"auth"},
		"slashes": {"tracking_uri: sqlite://mlflow.db\nexperiments: {ids: [1]}\nstorage: none",
			"sqlite:////"},
		"artifacts of a server": {good + "artifacts: {destination: /a}",
			"artifacts: goes with a database as tracking_uri only"},
		"artifacts in a bucket": {"tracking_uri: sqlite:///mlflow.db\nexperiments: {ids: [1]}\nstorage: none\n" +
			"artifacts: {destination: 's3://a'}", "artifacts: destination: it is a bucket"},
		"bucket without keys": {"tracking_uri: sqlite:///mlflow.db\nexperiments: {ids: [1]}\nstorage: none\n" +
			"artifacts: {s3: {region: a, secret_access_key: canary}}", "artifacts::s3: access_key_id: goes together"},
		"artifacts, as elsewhere": {good + "artifacts_destination: s3://a",
			"artifacts_destination: there is no such key; did you mean artifacts::destination?"},
		"endpoint":    {good + "http: {endpoint: http://x}", "http::endpoint: must stay empty"},
		"tail":        {good + "mode: tail\non_complete: shutdown", "on_complete: shutdown goes with modes"},
		"mode":        {good + "mode: all", `mode: "all" is not one of`},
		"on_complete": {good + "on_complete: exit", `on_complete: "exit" is not one of`},
		"page":        {good + "page_size: 1000", "page_size: 1000 is not between 1 and 500"},
		"concurrency": {good + "concurrency: 0", "concurrency: 0"},
		"rate":        {good + "requests_per_second: -1", "requests_per_second: -1"},
		"utilization": {good + "max_source_utilization: 0", "max_source_utilization: 0 is not above 0"},
		"traces":      {good + "traces_per_second: -1", "traces_per_second: -1 is not a number from 0 on"},
		"no traces":   {good + "traces_per_second: .nan", "traces_per_second: NaN"},
		"no rate":     {good + "requests_per_second: .nan", "requests_per_second: NaN"},
		"proxy":       {good + "http: {proxy_url: 'canary:1'}", "http::proxy_url: this is no address"},
		"cipher":      {good + "http: {tls: {cipher_suites: [rot13]}}", "http::tls: failed to load TLS config"},
		"filter of a store": {"tracking_uri: sqlite:///mlflow.db\nexperiments: {ids: [1]}\nstorage: none\n" +
			"filter: status = 'OK' OR name = 'a'", "filter: "},
		"size":             {good + "max_trace_size_mib: 0", "max_trace_size_mib: 0"},
		"size with unit":   {good + "max_trace_size_mib: 64MiB", "max_trace_size_mib"},
		"payloads":         {good + "payloads: xml", `payloads: "xml"`},
		"tolerance":        {good + "max_skipped: few", `write 3, 1% or "1% or 3"`},
		"accept":           {good + "accept: verified", `accept: "verified" is not one of`},
		"negative give-up": {good + "give_up_after: -1s", "give_up_after: -1s is negative"},
		"time":             {good + "start_time: yesterday", "RFC 3339"},
		"time as a number": {good + "start_time: 1700000000", "start_time: 1700000000 is not a time"},
		"end before start": {good + "start_time: 2026-03-02\nend_time: 2026-03-01",
			"does not lie after start_time"},
		"end at the epoch":    {good + "end_time: 1970-01-01", "no trace is older than 1970-01-01"},
		"end before relative": {good + "start_time: -1d\nend_time: -2d", "does not lie after start_time"},
		"name as id": {"tracking_uri: http://h:1\nexperiments: {ids: [support-bot]}\nstorage: none",
			"names go into experiments::names"},
		"ids of maps": {"tracking_uri: http://h:1\nexperiments: {ids: [{a: 1}]}\nstorage: none",
			"experiments::ids: element 0"},
		"glob": {"tracking_uri: http://h:1\nexperiments: {names: ['[a']}\nstorage: none",
			"experiments::names[0]"},
		"retry off":        {good + "retry_on_failure: {enabled: false}", "retry_on_failure::enabled"},
		"list and check":   {"tracking_uri: http://h:1\ntrace_ids_file: x\nmode: check", "trace_ids_file"},
		"negative timeout": {good + "shutdown_timeout: -1s", "shutdown_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			retrieved, err := confmap.NewRetrievedFromYAML([]byte(tc.yaml))
			require.NoError(t, err)
			conf, err := retrieved.AsConf()
			require.NoError(t, err)
			_, err = load(t, conf)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}
