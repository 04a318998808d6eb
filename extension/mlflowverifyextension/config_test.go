// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/mlflowreporttopicextension"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configschematest"
)

type keys = map[string]any

// valid has the required keys.
func valid() keys {
	return keys{"topic": "mlflow-traces", "group_id": "refine", "reports": []any{"reports"}}
}

func load(t *testing.T, m keys) (*Config, error) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(m).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfig(t *testing.T) {
	cfg, err := load(t, valid())
	require.NoError(t, err)
	require.Equal(t, []string{"localhost:9092"}, cfg.Brokers)
	for _, x := range []struct {
		key   string
		value any
		says  string
	}{
		{"topic", "", "topic: required"},
		{"group_id", "", "group_id: required"},
		{"group_id", nil, "group_id: no value is written"},
		{"reports", []any{}, "reports: required"},
		{"reports_topic", "mlflow-traces", "reports_topic: this is the topic that the readers wrote traces to"},
		{"reports", []any{" "}, "reports: a place is empty"},
		{"consumer_reports", []any{""}, "consumer_reports: a place is empty"},
		{"brokers", []any{}, "brokers must be specified"},
		{"group", "refine", "did you mean group_id?"},
		{"stalled_after", "0s", "stalled_after: write"},
		{"poll_interval", "-1s", "poll_interval: write"},
		{"accept", "unknown", "accept: \"unknown\" is not one of"},
		{"path", "folder/", "path: required"},
		{"on_complete", "exit", "on_complete: \"exit\" is not one of"},
		{"databricks", keys{}, "host"},
		{"databricks", keys{"host": "https://a.cloud.databricks.com", "auth": keys{"token": "t"}},
			"warehouse_id: required"},
		{"databricks", keys{"tables": []any{"one"}}, "tables[0]: \"one\" has 1 parts"},
		{"databricks", keys{"layout": "v3"}, "layout: \"v3\" is not one of"},
		{"databricks", keys{"timeout": 0}, "timeout: write"},
		{"dead_letters", keys{"topic": "mlflow-traces"}, "the topic that the readers wrote to"},
		{"auth", keys{"sasl": keys{"mechanism": "PLAIN", "username": "a"}}, "password"},
		{"auth", keys{"kerberos": keys{"realm": "a"}}, "auth::kerberos: not known here"},
	} {
		m := valid()
		m[x.key] = x.value
		_, err := load(t, m)
		require.ErrorContains(t, err, x.says, "%s: %v", x.key, x.value)
	}
}

// The schemas of both extensions of this module.
func TestSchemasAgreeWithStructs(t *testing.T) {
	const module = configschematest.Module + "/extension/mlflowverifyextension"
	loader := &configschematest.Loader{}
	shared, err := loader.Load(kafkaSchema)
	require.NoError(t, err)
	for folder, factory := range map[string]component.Factory{module: NewFactory(),
		module + "/mlflowreporttopicextension": mlflowreporttopicextension.NewFactory()} {
		schema, err := loader.Load(folder)
		require.NoError(t, err)
		for _, difference := range configschematest.Compare(loader, schema, factory.CreateDefaultConfig()) {
			key, _, _ := strings.Cut(strings.ReplaceAll(difference, "::", ":"), ":")
			require.Contains(t, shared.Defs["client_config"].Properties, key, difference) // is contrib's
		}
	}
}

const kafkaSchema = "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
