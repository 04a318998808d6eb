// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreporttopicextension

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestConfig(t *testing.T) {
	load := func(key string, value any) error {
		m := map[string]any{"topic": "reports"}
		if key != "" {
			m[key] = value
		}
		cfg := createDefaultConfig().(*Config)
		if err := confmap.NewFromStringMap(m).Unmarshal(cfg); err != nil {
			return err
		}
		return confmap.Validate(cfg)
	}
	require.NoError(t, load("", nil))
	for _, x := range []struct {
		key   string
		value any
		says  string
	}{
		{"topic", "", "topic: required"},
		{"topic", nil, "topic: no value is written"},
		{"topics", "reports", "did you mean topic?"},
		{"timeout", 0, "timeout: write"},
		{"brokers", []any{}, "brokers must be specified"},
		{"auth", map[string]any{"kerberos": map[string]any{"realm": "a"}}, "auth::kerberos: not known here"},
	} {
		require.ErrorContains(t, load(x.key, x.value), x.says, "%s: %v", x.key, x.value)
	}
}
