// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
)

// load reads what a user writes under genai.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestDefaultsAreValid(t *testing.T) {
	cfg, err := load(t, "")
	require.NoError(t, err)
	require.Equal(t, createDefaultConfig(), component.Config(cfg))
}

// The configuration with every option, which README and this test share.
func TestEveryOption(t *testing.T) {
	text, err := os.ReadFile("testdata/config.yaml")
	require.NoError(t, err)
	cfg, err := load(t, string(text))
	require.NoError(t, err)
	require.Equal(t, encodings.EngineTiktokenGo, cfg.Tokens.Engine)
	require.Equal(t, []encodings.Rule{{Match: "my-deployment", Encoding: "o200k_base"},
		{Match: "*", Encoding: "cl100k_base"}}, cfg.Tokens.ModelEncodings)
	require.Equal(t, scores.OnDuplicatePreferHuman, cfg.Assessments.OnDuplicate)
	require.Equal(t, []scores.LabelScore{{Match: "tone*", Label: "friendly", Score: 1}}, cfg.Assessments.LabelScores)
	require.Len(t, cfg.Cost.Models, 1)
	require.Equal(t, content.PersonIDsDrop, cfg.Content.PersonIDs)
}

func TestMistakes(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"unknown key":          {`tokens: {encoding: cl100k_base}`, "encoding"},
		"engine":               {`tokens: {engine: fast}`, `engine: "fast" is not one of native, tiktoken_go`},
		"spans":                {`tokens: {spans: roots}`, `spans: "roots" is not one of root, llm, all, none`},
		"mode":                 {`tokens: {mode: json}`, `mode: "json" is not one of raw, text`},
		"overhead of raw text": {`tokens: {chat_overhead: true}`, "chat_overhead: goes with mode text only"},
		"default": {`tokens: {default_encoding: claude}`,
			`default_encoding: "claude" is no encoding; use one of cl100k_base, o200k_base`},
		"rule without match": {`tokens: {model_encodings: [{encoding: cl100k_base}]}`,
			`model_encodings[0]::match: "" is not the name of a model or a glob`},
		"rule's encoding": {`tokens: {model_encodings: [{match: "*", encoding: x}]}`,
			`model_encodings[0]::encoding: "x" is no encoding`},
		"size":              {`tokens: {max_text_size_mib: 0}`, "max_text_size_mib: 0 is not between 1 and 1024"},
		"condition":         {`tokens: {conditions: ["span.name ="]}`, "tokens::conditions[0]:"},
		"no context":        {`tokens: {conditions: ["name == \"a\""]}`, "tokens::conditions[0]:"},
		"expression":        {`assessments: {source: "Nope()"}`, "assessments::source:"},
		"error mode":        {`error_mode: loud`, "error_mode"},
		"assessments":       {`assessments: {max_names: 0}`, "max_names: 0 is not between"},
		"price":             {`cost: {models: [{match: "gpt-4o"}]}`, "input is missing"},
		"hash":              {`content: {action: hash}`, "hash_key is missing"},
		"drop with neither": {`content: {action: drop}`, "or person_ids: drop, which removes these ids"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.text)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
