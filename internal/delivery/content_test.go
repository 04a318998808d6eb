// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver"
)

// A receiver that leaves content out and a processor that counts it can't both have what they are
// configured for. The configuration is what the collector hands out: that of the components' own
// factories, with every default in it.
func TestCountingWhatIsLeftOut(t *testing.T) {
	for name, tc := range map[string]struct {
		receiver, processor string
		pipelines           string
		faults              int
		note                bool
	}{
		"counted and left out": {"capture_content: false", "", direct, 1, false},
		"captured":             {"", "", direct, 0, false},
		"captured, written":    {"capture_content: true", "", direct, 0, false},
		"nothing is counted":   {"capture_content: false", "tokens: {spans: none}", direct, 0, false},
		"calls of models":      {"capture_content: false", "tokens: {spans: llm}", direct, 1, false},
		"the other mode":       {"capture_content: false", "tokens: {mode: text}", direct, 0, true},
		"text from elsewhere": {"capture_content: false", `tokens: {request: 'span.attributes["mine"]'}`, direct, 0,
			false},
		"answer from elsewhere": {"capture_content: false", `tokens: {response: 'span.attributes["mine"]'}`, direct,
			0, false},
		"another receiver's": {"capture_content: false", "", "{traces: {receivers: [mlflow], exporters: " +
			"[nop]}, traces/2: {receivers: [otlp], processors: [genai], exporters: [nop]}}", 0, false},
		"behind a connector": {"capture_content: false", "", "{traces: {receivers: [mlflow], exporters: " +
			"[forward]}, traces/2: {receivers: [forward], processors: [genai], exporters: [nop]}}", 1, false},
		"in two pipelines": {"capture_content: false", "", "{traces: {receivers: [mlflow], processors: " +
			"[genai], exporters: [nop]}, traces/2: {receivers: [mlflow], processors: [genai], exporters: [nop]}}", 1,
			false},
		"in two processors": {"capture_content: false", "",
			"{traces: {receivers: [mlflow], processors: [genai, genai/2], exporters: [nop]}}", 2, false},
		"policy takes it instead": {"", "content: {action: drop}", direct, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := effective(t, mlflowreceiver.NewFactory().CreateDefaultConfig(), "{"+tc.receiver+"}")
			processor := effective(t, genaiprocessor.NewFactory().CreateDefaultConfig(), "{"+tc.processor+"}")
			conf := map[string]any{
				"receivers":  map[string]any{"mlflow": receiver, "otlp": nil},
				"processors": map[string]any{"genai": processor, "genai/2": processor},
				"exporters":  map[string]any{"nop": nil}, "connectors": map[string]any{"forward": map[string]any{}},
				"service": map[string]any{"pipelines": parse(t, tc.pipelines).ToStringMap()},
			}
			f := Check(conf, nil)["mlflow"]
			require.Len(t, f.Faults, tc.faults)
			for _, fault := range f.Faults {
				for _, part := range []string{"receivers::mlflow::capture_content is false", "processors::genai",
					"content::action: drop", "tokens::spans: none"} {
					require.Contains(t, fault, part)
				}
			}
			require.Equal(t, tc.note, len(f.Notes) > 0, "%v", f.Notes)
		})
	}
}

// A report does not show what a processor behind the receiver keeps from destinations.
func TestShowingWhatIsTreated(t *testing.T) {
	for name, tc := range map[string]struct {
		report, processor, extensions string
		faults                        int
	}{
		"shown and treated":   {"examples: true", "content: {action: mask}", "[mlflow_report/a]", 1},
		"shown":               {"examples: true", "", "[mlflow_report/a]", 0},
		"treated":             {"examples: false", "content: {action: mask}", "[mlflow_report/a]", 0},
		"report not in use":   {"examples: true", "content: {action: drop}", "[other]", 0},
		"action written keep": {"examples: true", "content: {action: keep}", "[mlflow_report/a]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := effective(t, mlflowreceiver.NewFactory().CreateDefaultConfig(), "{}")
			processor := effective(t, genaiprocessor.NewFactory().CreateDefaultConfig(), "{"+tc.processor+"}")
			service := parse(t, "{pipelines: "+direct+", extensions: "+tc.extensions+"}").ToStringMap()
			f := Check(map[string]any{
				"receivers":  map[string]any{"mlflow": receiver},
				"processors": map[string]any{"genai": processor},
				"exporters":  map[string]any{"nop": nil},
				"extensions": map[string]any{"mlflow_report/a": parse(t, "{"+tc.report+"}").ToStringMap()},
				"service":    service,
			}, nil)["mlflow"]
			require.Len(t, f.Faults, tc.faults, "%v", f.Faults)
			for _, fault := range f.Faults {
				require.Contains(t, fault, "extensions::mlflow_report/a::examples is true")
				require.Contains(t, fault, "processors::genai::content::action: mask")
			}
		})
	}
}

const direct = "{traces: {receivers: [mlflow], processors: [genai], exporters: [nop]}}"

// effective is a configuration as the collector hands it out: a user's lines on top of the
// defaults, all of it written out.
func effective(t *testing.T, cfg component.Config, yaml string) map[string]any {
	t.Helper()
	require.NoError(t, parse(t, yaml).Unmarshal(cfg))
	out := confmap.New()
	require.NoError(t, out.Marshal(cfg))
	m := out.ToStringMap()
	require.NotEmpty(t, m, "%T", cfg)
	return m
}

func parse(t *testing.T, yaml string) *confmap.Conf {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	return conf
}
