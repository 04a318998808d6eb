// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// What the READMEs warn of: the stock redaction processor passes over structured values, breaks
// JSON text, and takes counts for secrets. content: {action: mask} does neither.
func TestStockRedaction(t *testing.T) {
	t.Parallel()
	s, c := need(t, destination), need(t, canaries)
	const email = `[\w.+-]+@[\w-]+\.[\w.-]+` // as most recipes have it
	run := func(t *testing.T, payloads, processor string, config map[string]any) map[string]pcommon.Value {
		t.Helper()
		dir := t.TempDir()
		all := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments",
			map[string]any{"ids": []any{c.Experiment}}).
			Set("receivers::mlflow::payloads", payloads).Set("receivers::mlflow::max_skipped", "50%").
			Set("processors::genai", map[string]any{}).Set("processors::"+processor, config).
			Set("service::pipelines::traces::processors", []any{"genai", processor})
		if processor == "genai" {
			all.Set("service::pipelines::traces::processors", []any{"genai"})
		}
		collector.Run(t, dir, all, 0)
		return agentOf(t, collector.Traces(t, dir))
	}
	blocked := map[string]any{"allow_all_keys": true, "blocked_values": []any{email}}

	t.Run("structured values pass unseen", func(t *testing.T) {
		t.Parallel()
		agent := run(t, "structured", "redaction", blocked)
		inputs := agent["mlflow.spanInputs"]
		require.Equal(t, pcommon.ValueTypeMap, inputs.Type())
		assert.Contains(t, inputs.AsString(), "canary.inputs@example.com")
		assert.Contains(t, agent["mlflow.assessments"].AsString(), "canary.rationale@example.com")
		assert.NotContains(t, agent["note"].Str(), "canary", "a string is masked")
	})
	t.Run("JSON text breaks", func(t *testing.T) {
		t.Parallel()
		inputs := run(t, "json", "redaction", blocked)["mlflow.spanInputs"]
		require.Equal(t, pcommon.ValueTypeStr, inputs.Type())
		assert.NotContains(t, inputs.Str(), "canary")
		assert.Contains(t, inputs.Str(), `\*`, "the n of a line break is gone")
		assert.False(t, isJSONText(inputs.Str()), "%s", inputs.Str())
	})
	t.Run("all types become strings", func(t *testing.T) {
		t.Parallel()
		inputs := run(t, "structured", "redaction", map[string]any{"allow_all_keys": true,
			"blocked_values": []any{email}, "redact_all_types": true})["mlflow.spanInputs"]
		assert.Equal(t, pcommon.ValueTypeStr, inputs.Type())
		assert.NotContains(t, inputs.Str(), "canary")
		assert.False(t, isJSONText(inputs.Str()), "%s", inputs.Str())
	})
	t.Run("counts are taken for secrets", func(t *testing.T) {
		t.Parallel()
		agent := run(t, "structured", "redaction",
			map[string]any{"allow_all_keys": true, "blocked_key_patterns": []any{".*token.*"}})
		assert.Equal(t, "****", agent["token_count_request"].Str())
	})
	for _, payloads := range []string{"structured", "json"} {
		t.Run("the content policy masks "+payloads, func(t *testing.T) {
			t.Parallel()
			agent := run(t, payloads, "genai",
				map[string]any{"content": map[string]any{"action": "mask", "person_ids": "drop"}})
			inputs := agent["mlflow.spanInputs"]
			assert.NotContains(t, inputs.AsString(), "canary")
			assert.Contains(t, inputs.AsString(), "[email]")
			assert.True(t, isJSONText(inputs.AsString()), "%s", inputs.AsString())
			assert.Equal(t, pcommon.ValueTypeInt, agent["token_count_request"].Type())
		})
	}
}

// agentOf returns the attributes of the agent's span.
func agentOf(t *testing.T, all []ptrace.Traces) map[string]pcommon.Value {
	t.Helper()
	found := map[string]pcommon.Value{}
	for _, td := range all {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			if kind, ok := s.Attributes().Get("mlflow.spanType"); ok && kind.Str() == "AGENT" {
				maps.Insert(found, s.Attributes().All())
			}
		})
	}
	require.NotEmpty(t, found)
	return found
}
