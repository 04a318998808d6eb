// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// Only keys that are known to hold no credential are shown.
func TestSettings(t *testing.T) {
	var conf map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(`
receivers:
  mlflow/prod:
    tracking_uri: https://canary@host
    mode: backfill
    experiments: {names: ["support-*", "a, b"], ids: []}
    http: {headers: {authorization: canary}}
    capture_content: true
    start_time: 2026-01-01
  otlp: {protocols: {http: {endpoint: canary}}}
processors:
  genai: {content: {action: mask, hash_key: canary}, cost: {price_list: "2026"}, tokens: {spans: root}}
exporters:
  otlp_http: {endpoint: "https://canary"}
service:
  pipelines:
    traces: {receivers: [mlflow/prod, otlp], processors: [genai], exporters: [otlp_http]}
    logs: {receivers: [mlflow/prod], exporters: [otlp_http]}
`), &conf))
	got := Settings(confmap.NewFromStringMap(conf))
	require.Equal(t, []string{
		"service::pipelines::logs::receivers: [mlflow/prod]",
		"service::pipelines::logs::exporters: [otlp_http]",
		"service::pipelines::traces::receivers: [mlflow/prod, otlp]",
		"service::pipelines::traces::processors: [genai]",
		"service::pipelines::traces::exporters: [otlp_http]",
		"receivers::mlflow/prod::mode: backfill",
		`receivers::mlflow/prod::experiments::names: ["support-*","a, b"]`,
		"receivers::mlflow/prod::start_time: 2026-01-01 00:00:00 +0000 UTC",
		"receivers::mlflow/prod::capture_content: true",
		"processors::genai::tokens::spans: root",
		"processors::genai::cost::price_list: 2026",
		"processors::genai::content::action: mask",
	}, got)
	require.NotContains(t, strings.Join(got, "\n"), "canary")
	require.Empty(t, Settings(confmap.New()))
}
