// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

type keys = map[string]any

const host = "https://dbc-00000000-0000.cloud.databricks.com"

// everything is a valid configuration with all components of this repository.
func everything(dir string) collector.Config {
	c := collector.Backfill("http://localhost:5000", dir)
	c.Set("processors", keys{"genai": nil})
	c.Set("exporters", keys{"databricks": keys{"host": host, "auth": keys{"token": "canary"}, "catalog": "main",
		"schema": "agents", "table_prefix": "bot"}})
	c.Set("extensions::databricks_auth", keys{"host": host, "token": "canary"})
	c.Set("extensions::databricks_setup", keys{"host": host, "auth": keys{"token": "canary"}, "catalog": "main",
		"schema": "agents", "table_prefix": "bot"})
	c.Set("service::extensions", []any{"file_storage", "mlflow_report", "databricks_auth", "databricks_setup"})
	c.Set("service::pipelines", keys{
		"traces": keys{"receivers": []any{"mlflow"}, "processors": []any{"genai"}, "exporters": []any{"databricks"}}})
	return c
}

// validate returns the exit status and what validate says.
func validate(t *testing.T, dir string, c collector.Config) (int, string) {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	path := filepath.Join(dir, "config.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	p := collector.Command(t, dir, nil, collector.Default(), "validate", "--config", path)
	status := p.Wait()
	return status, p.Out() + p.Logs()
}

func TestValidateAccepts(t *testing.T) {
	dir := t.TempDir()
	status, says := validate(t, dir, everything(dir))
	require.Zero(t, status, says)
	require.NoFileExists(t, filepath.Join(dir, "report.json"))
}

func TestValidateAcceptsShippedConfigurations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(collector.Root(), "config", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		if filepath.Base(path) == "prices-example.yaml" { // a part, read beside another
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			env := []string{"OTELCOL_MLFLOW_OUT=" + dir, "OTELCOL_MLFLOW_STATE=" + dir, "DATABRICKS_HOST=" + host,
				"DATABRICKS_WORKSPACE_ID=1234567890123456", "OTELCOL_MLFLOW_ZEROBUS=" + host,
				"OTELCOL_MLFLOW_SOURCE=http://localhost:5000", "OTELCOL_MLFLOW_DATABRICKS_EXPERIMENT=/Shared/bot",
				"OTELCOL_MLFLOW_TARGET=7", "TEAM_A_ENDPOINT=http://localhost:4318",
				"TEAM_B_ENDPOINT=http://localhost:4319", "OTELCOL_MLFLOW_ENDPOINT=http://localhost:4318/otlp"}
			for _, name := range []string{"LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "BACKEND_TOKEN",
				"DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET",
				"DATABRICKS_ADMIN_CLIENT_ID", "DATABRICKS_ADMIN_CLIENT_SECRET", "OTELCOL_MLFLOW_EXPERIMENT",
				"OTELCOL_MLFLOW_CATALOG", "OTELCOL_MLFLOW_SCHEMA", "OTELCOL_MLFLOW_PREFIX"} {
				env = append(env, name+"=name")
			}
			collector.Command(t, dir, env, collector.ForConfig(path), "validate", "--config", path,
				"--feature-gates=service.AllowNoPipelines").Done(0)
		})
	}
}

// Every mistake that the configuration alone shows is found by validate. The message names the key.
func TestValidateRefuses(t *testing.T) {
	const (
		mlflow     = "receivers::mlflow::"
		tokens     = "processors::genai::tokens::"
		scores     = "processors::genai::assessments::"
		cost       = "processors::genai::cost::"
		content    = "processors::genai::content::"
		databricks = "exporters::databricks::"
		auth       = "extensions::databricks_auth::"
		setup      = "extensions::databricks_setup::"
		report     = "extensions::mlflow_report::"
	)
	price := func(more keys) []any {
		p := keys{"match": "m", "input": 1, "output": 1}
		maps.Copy(p, more)
		return []any{p}
	}
	for _, x := range []struct {
		key   string
		value any
		says  string // besides the last part of the key
	}{
		{mlflow + "unknown", 1, "invalid keys"},
		{mlflow + "tracking_uri", "", "required"},
		{mlflow + "tracking_uri", "ftp://host", `the scheme "ftp"`},
		{mlflow + "tracking_uri", "http://host:5000/#/experiments/1", "#"},
		{mlflow + "tracking_uri", "databricks", "databricks::host: required"},
		{mlflow + "tracking_uri", "databricks://scope:prefix", "notebooks"},
		{mlflow + "tracking_uri", "./mlruns", "mlflow server --backend-store-uri"},
		{mlflow + "tracking_uri", "file:///data/mlruns", "mlflow migrate-filestore"},
		{mlflow + "tracking_uri", "mlflow.db", "write sqlite:///mlflow.db"},
		{mlflow + "tracking_uri", "${env:OTELCOL_MLFLOW_NOT_SET}", "no value is written; if it comes from ${env:NAME}"},
		{mlflow + "endpoint", "http://localhost:5000", "did you mean tracking_uri?"},
		{mlflow + "tls", keys{"insecure": true}, "did you mean http::tls?"},
		{mlflow + "experiment", "a", "did you mean experiments?"},
		{mlflow + "http::endpont", "a", "did you mean http::endpoint?"},
		{mlflow + "experiments", []any{"a", "${env:OTELCOL_MLFLOW_NOT_SET}"}, "no value is written"},
		{mlflow + "experiments", []any{"[a", 1}, "names[0]"},
		{mlflow + "experiments", 1.5, "whole numbers"},
		{mlflow + "databricks", keys{"profile": "team"}, "goes with tracking_uri: databricks"},
		{mlflow + "sql_warehouse_id", "a", "goes with tracking_uri: databricks"},
		{mlflow + "experiments", keys{}, "at least one"},
		{mlflow + "experiments", keys{"names": []any{"[a"}}, "names[0]"},
		{mlflow + "experiments", keys{"names": []any{"a"}, "exclude": []any{"[a"}}, "exclude[0]"},
		{mlflow + "experiments", keys{"ids": []any{"one"}}, "ids[0]"},
		{mlflow + "start_time", "yesterday", "RFC 3339"},
		{mlflow + "start_time", 1700000000, "not a time"},
		{mlflow + "end_time", "-0d", "not a time"},
		{mlflow + "mode", "all", "is not one of"},
		{mlflow + "on_complete", "exit", "not one of"},
		{mlflow + "shutdown_timeout", "-1s", "negative"},
		{mlflow + "max_skipped", "3x", "percentage"},
		{mlflow + "page_size", 501, "between 1 and 500"},
		{mlflow + "concurrency", 0, "between 1 and 64"},
		{mlflow + "requests_per_second", -1, "from 0 on"},
		{mlflow + "traces_per_second", -1, "from 0 on"},
		{mlflow + "retry_on_failure", keys{"enabled": false}, "max_elapsed_time"},
		{mlflow + "retry_on_failure", keys{"multiplier": -1}, "multiplier"},
		{mlflow + "max_trace_size_mib", 0, "between 1 and 1024"},
		{mlflow + "payloads", "xml", "not one of"},
		{mlflow + "storage", nil, "required"},
		{mlflow + "http", keys{"endpoint": "http://h"}, "must stay empty"},
		{mlflow + "http", keys{"proxy_url": "canary:1"}, "proxy_url"},
		{mlflow + "http", keys{"proxy_url": "http://canary:canary@proxy:3128"}, "HTTPS_PROXY"},
		{mlflow + "http", keys{"compression": "rar"}, "compression"},
		{mlflow + "http", keys{"tls": keys{"cipher_suites": []any{"rot13"}}}, "cipher"},
		{mlflow + "http", keys{"tls": keys{"ca_pem": "canary"}}, "tls"},

		{tokens + "engine", "fast", "not one of"},
		{tokens + "spans", "some", "not one of"},
		{tokens + "mode", "json", "not one of"},
		{tokens + "chat_overhead", true, "mode text"},
		{tokens + "default_encoding", "utf8", "no encoding"},
		{tokens + "model_encodings", []any{keys{"match": "[", "encoding": "gpt2"}}, "match"},
		{tokens + "model_encodings", []any{keys{"match": "a", "encoding": "utf8"}}, "no encoding"},
		{tokens + "max_text_size_mib", 0, "between 1 and 1024"},
		{tokens + "conditions", []any{"span.name =="}, "[0]"},
		{tokens + "conditions", []any{"Unknown(span.name)"}, "[0]"},
		{tokens + "request", "span.attributes[", "tokens"},
		{tokens + "response", "span.nothing", "tokens"},
		{tokens + "model", "name", "tokens"},
		{tokens + "encoding", "gpt2", "did you mean tokens::default_encoding?"},
		{scores + "conditions", []any{"true and"}, "[0]"},
		{scores + "source", "Nothing()", "assessments"},
		{scores + "prefix", "", "empty"},
		{scores + "on_duplicate", "best", "not one of"},
		{scores + "rename", []any{keys{"name": "a", "to": "!"}}, "[0]"},
		{scores + "label_scores", []any{keys{"label": "", "score": 1}}, "label"},
		{scores + "label_scores", []any{keys{"label": "a", "match": "["}}, "match"},
		{scores + "max_metrics", -1, "between"},
		{scores + "max_names", 0, "between"},
		{cost + "currency", "Euro", "ISO 4217"},
		{cost + "whole_traces", true, "no prices"},
		{cost + "models", price(keys{"match": "["}), "not a glob"},
		{cost + "models", price(keys{"match": 7}), "name of a model"},
		{cost + "models", price(keys{"input": -1}), "from 0 on"},
		{cost + "models", price(keys{"output": nil}), "output is missing"},
		{cost + "models", price(keys{"valid_from": "soon"}), "not a time"},
		{cost + "models", price(keys{"valid_from": "2026-02-01", "valid_to": "2026-01-01"}), "not after"},
		{cost + "models", price(keys{"long_context": []any{keys{"above": 0, "input": 1, "output": 1}}}), "above"},
		{cost + "tools", []any{keys{"match": "a"}}, "per_call is missing"},
		{cost + "tools", []any{keys{"match": "[", "per_call": 1}}, "not a glob"},
		{content + "action", "encrypt", "write keep"},
		{content + "action", "hash", "hash_key is missing"},
		{"processors::genai::content", keys{"action": "hash", "hash_key": "canary"}, "at least 16"},
		{"processors::genai::content", keys{"action": "drop", "person_ids": "drop", "keep": []any{"["}}, "keep[0]"},
		{"processors::genai::content", keys{"action": "mask", "person_ids": "drop", "patterns": []any{"("}}, "RE2"},
		{"processors::genai::content", keys{"action": "mask", "person_ids": "drop", "detectors": []any{"x"}},
			"detectors[0]"},
		{"processors::genai::content", keys{"action": "hash", "hash_key": "${env:OTELCOL_MLFLOW_NOT_SET}"},
			"content::hash_key: no value is written"},
		{"processors::genai::prices", []any{}, "did you mean cost::models?"},
		{content + "person_ids", "show", "write hash or drop"},
		{"processors::genai::error_mode", "panic", "error mode"},

		{databricks + "host", "", "required"},
		{databricks + "host", "http://example.com", "http"},
		{databricks + "host", "${env:OTELCOL_MLFLOW_NOT_SET}", "no value is written"},
		{databricks + "endpoint", host, "did you mean host?"},
		{databricks + "token", "canary", "did you mean auth::token?"},
		{databricks + "prefix", "a", "did you mean table_prefix?"},
		{databricks + "http", keys{"proxy_url": "http://canary:canary@proxy:3128"}, "HTTPS_PROXY"},
		{databricks + "auth", keys{"client_id": "a", "client_secret": "${env:OTELCOL_MLFLOW_NOT_SET}"},
			"auth::client_secret: no value is written"},
		{databricks + "auth", keys{}, "auth"},
		{databricks + "auth", keys{"auth_type": "magic"}, "not known"},
		{databricks + "auth", keys{"token": "canary", "client_secret": "canary"}, "keep the one"},
		{databricks + "auth", keys{"authenticator": "databricks_auth", "token": "canary"}, "write credentials"},
		{databricks + "http", keys{"endpoint": host}, "must stay empty"},
		{databricks + "http", keys{"proxy_url": "ftp://canary"}, "proxy_url"},
		{databricks + "http", keys{"headers": keys{"x-databricks-uc-table-name": "a.b.c"}}, "names the table"},
		{databricks + "http", keys{"tls": keys{"min_version": "0.9"}}, "version"},
		{databricks + "catalog", "", "a name is empty"},
		{databricks + "table_prefix", "a-b", "table_prefix"},
		{databricks + "tables", keys{"traces": "one"}, "traces"},
		{databricks + "layout", "v3", "not one of"},
		{databricks + "on_no_route", "drop", "not one of"},
		{databricks + "routes", []any{"a"}, "[0]"},
		{databricks + "routes", []any{keys{"experiment": "[", "table_prefix": "a"}}, "[0]"},
		{databricks + "routes", []any{keys{"table_prefix": "a"}}, "[0]"},
		{databricks + "max_destinations", 0, "between"},
		{databricks + "max_memory_mib", 0, "between"},
		{databricks + "path_prefix", "v1", "no path"},
		{databricks + "table_header", "a b", "no name of a header"},
		{databricks + "traces_per_second", -1, "from 0 on"},
		{databricks + "preflight", keys{"on_failure": "stop"}, "on_failure"},
		{databricks + "verify", keys{"when": "later"}, "when"},
		{databricks + "verify", keys{"warehouse_id": "/sql/1.0/warehouses/abc"}, "write the id alone"},
		{databricks + "verify", keys{"timeout": 0}, "timeout"},
		{databricks + "verify", keys{"max_traces": 0}, "max_traces"},
		{databricks + "hold_max", "1h", "dead_letter"},
		{databricks + "dead_letter", "folder/", "path of a file"},
		{databricks + "sending_queue", keys{"queue_size": 0}, "queue_size"},
		{databricks + "sending_queue", keys{"storage": "file_storage", "wait_for_result": true}, "wait_for_result"},
		{databricks + "retry_on_failure", keys{"randomization_factor": 2}, "randomization_factor"},
		{databricks + "timeout", "-1s", "timeout"},

		{auth + "host", "https://accounts.cloud.databricks.com", "account"},
		{auth + "endpoint", host, "did you mean host?"},
		{auth + "host", "${env:OTELCOL_MLFLOW_NOT_SET}", "no value is written"},
		{auth + "auth_type", "oauth-m2m", "client_id"},
		{auth + "config_file", "file", "profile"},
		{auth + "cloud", "cumulus", "not known"},
		{auth + "azure_environment", "MOON", "cloud: azure"},
		{auth + "metadata_service_url", "http://example.com", "metadata_service_url"},
		{auth + "timeout", 0, "wait for a sign-in"},
		{auth + "proxy_url", "canary:1", "no address of a proxy"},
		{auth + "tls", keys{"insecure": true}, "insecure"},
		{auth + "tls", keys{"curve_preferences": []any{"round"}}, "curve"},

		{setup + "host", "", "required"},
		{setup + "host", "${env:OTELCOL_MLFLOW_NOT_SET}", "no value is written"},
		{setup + "url", host, "did you mean host?"},
		{setup + "monitr", keys{}, "did you mean monitor?"},
		{setup + "http", keys{"proxy_url": "http://canary@proxy:3128"}, "HTTPS_PROXY"},
		{setup + "http", keys{"proxy_url": "canary:1"}, "proxy_url"},
		{setup + "http", keys{"tls": keys{"key_pem": "canary", "cert_pem": "canary"}}, "tls"},
		{setup + "auth", keys{}, "auth"},
		{setup + "catalog", "a.b", "catalog"},
		{setup + "table_prefix", "", "table_prefix"},
		{setup + "layout", "v3", "not one of"},
		{setup + "experiment", keys{"name": "bot"}, "/Shared/bot"},
		{setup + "experiment", keys{"link_existing": true}, "no experiment"},
		{setup + "scores", []any{""}, "a name is empty"},
		{setup + "grants", []any{keys{"principal": "", "read": true}}, "required"},
		{setup + "grants", []any{keys{"principal": "users", "read": true}}, "everybody"},
		{setup + "views", keys{"prefix": "a-b"}, "views::prefix"},
		{setup + "views", keys{"score_prefix": "A"}, "score_prefix"},
		{setup + "views", keys{"row_limit": -1}, "row_limit"},
		{setup + "monitor", keys{"granularities": []any{"1 second"}}, "not one of"},
		{setup + "monitor", keys{"output_schema": "a"}, "catalog.schema"},
		{setup + "monitor", keys{"assets_dir": "here"}, "absolute path"},
		{setup + "monitor", keys{"schedule": keys{"quartz_cron_expression": "daily"}}, "Quartz"},
		{setup + "apply", true, "warehouse_id: required"},
		{setup + "on_complete", "exit", "not one of"},

		{report + "path", " ", "required"},
		{report + "file", "report.json", "did you mean path?"},
		{report + "path", "folder/", "is a folder"},
		{report + "strict", "yes", "strict"},
	} {
		t.Run(strings.ReplaceAll(x.key, "::", ".")+" "+x.says, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			status, says := validate(t, dir, everything(dir).Set(x.key, x.value))
			assert.Equal(t, 1, status)
			assert.Contains(t, says, x.says)
			assert.Contains(t, says, x.key[strings.LastIndexByte(x.key, ':')+1:])
			assert.NotContains(t, says, "canary")
			assert.NotContains(t, says, "goroutine ")
		})
	}
	// References to extensions, which the collector looks for when components start.
	t.Run("references", func(t *testing.T) {
		stock := keys{"endpoint": "http://localhost:4318", "auth": keys{"authenticator": "zpages"},
			"sending_queue": keys{"storage": "databricks_auth"}}
		for _, x := range []struct {
			key   string
			value any
			says  string
		}{
			{mlflow + "storage", "file_storage/nowhere", `storage: there is no extension "file_storage/nowhere"`},
			{mlflow + "storage", "file_storage/idle", `storage: the extension "file_storage/idle" is not started`},
			{mlflow + "storage", "mlflow_report", `storage: the extension "mlflow_report" is not a storage extension`},
			{mlflow + "http", keys{"auth": keys{"authenticator": "basicauth"}},
				`http::auth::authenticator: there is no extension "basicauth"`},
			{databricks + "sending_queue", keys{"storage": "nowhere"},
				`sending_queue::storage: there is no extension "nowhere"`},
			{databricks + "auth", keys{"authenticator": "file_storage"},
				`auth::authenticator: the extension "file_storage" is not an authenticator of clients`},
			{databricks + "http", keys{"middlewares": []any{keys{"id": "nowhere"}}},
				`http::middlewares[0]::id: there is no extension "nowhere"`},
			{setup + "auth", keys{"authenticator": "databricks_auth/other"},
				`auth::authenticator: there is no extension "databricks_auth/other"`},
			{"exporters::otlp_http", stock,
				`exporters::otlp_http::auth::authenticator: there is no extension "zpages"`},
			{"exporters::otlp_http", stock,
				`otlp_http::sending_queue::storage: the extension "databricks_auth" is not a storage extension`},
		} {
			t.Run(strings.ReplaceAll(x.key, "::", ".")+" "+x.says, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				c := everything(dir).Set("extensions::file_storage/idle::directory", dir).Set(x.key, x.value)
				if x.key == "exporters::otlp_http" {
					c.Set("service::pipelines::traces::exporters", []any{"otlp_http"})
				}
				status, says := validate(t, dir, c)
				assert.Equal(t, 1, status)
				assert.Contains(t, says, x.says)
			})
		}
	})
	// What mlflow_report refuses, and what it does not.
	t.Run("report", func(t *testing.T) {
		const queue = "exporters::databricks::sending_queue"
		for name, x := range map[string]struct {
			set  keys
			says string // "" is accepted
		}{
			"strict": {keys{report + "strict": true}, ""},
			"strict, queue on disk": {keys{report + "strict": true, queue: keys{"storage": "file_storage"}},
				"extensions::mlflow_report: strict: delivery would not be acknowledged: mlflow: handed_over: " +
					"databricks queues on disk"},
			"queue on disk": {keys{queue: keys{"storage": "file_storage"}}, ""},
			"strict, batch": {keys{report + "strict": true, "processors::batch": nil,
				"service::pipelines::traces::processors": []any{"batch", "genai"}},
				"processor batch answers at once and drops what it can't export; remove it"},
			"strict, file without rotation": {keys{report + "strict": true, "exporters::file": keys{"path": "x"},
				"service::pipelines::traces::exporters": []any{"file"}}, "write rotation:"},
			"content left out": {keys{mlflow + "capture_content": false},
				"receivers::mlflow::capture_content is false, so processors::genai::tokens (mode: raw) has no text " +
					"to count"},
			"content left out, text":         {keys{mlflow + "capture_content": false, tokens + "mode": "text"}, ""},
			"content left out, none counted": {keys{mlflow + "capture_content": false, tokens + "spans": "none"}, ""},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				c := everything(dir)
				for _, key := range slices.Sorted(maps.Keys(x.set)) {
					c.Set(key, x.set[key])
				}
				status, says := validate(t, dir, c)
				if x.says == "" {
					assert.Zero(t, status, says)
				} else {
					assert.Equal(t, 1, status)
					assert.Contains(t, says, x.says)
				}
			})
		}
	})
	t.Run("filter of a store", func(t *testing.T) {
		dir := t.TempDir()
		c := everything(dir).Set(mlflow+"tracking_uri", "sqlite:///mlflow.db").Set(mlflow+"filter", "status = = 'OK'")
		status, says := validate(t, dir, c)
		assert.Equal(t, 1, status)
		assert.Contains(t, says, "filter: ")
	})
	// Each pipeline is built: what is wrong for one signal only is found, too.
	t.Run("no table of logs", func(t *testing.T) {
		dir := t.TempDir()
		c := everything(dir).Set("exporters::databricks::catalog", nil).Set("exporters::databricks::schema", nil).
			Set("exporters::databricks::table_prefix", nil).
			Set("exporters::databricks::tables", keys{"traces": "main.agents.spans"}).
			Set("receivers::otlp::protocols::http::endpoint", "127.0.0.1:0").
			Set("service::pipelines::logs", keys{"receivers": []any{"otlp"}, "exporters": []any{"databricks"}})
		status, says := validate(t, dir, c)
		assert.Equal(t, 1, status)
		assert.Contains(t, says, "tables::logs")
	})
}
