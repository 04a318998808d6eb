// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForModel(t *testing.T) {
	for model, want := range map[string]string{
		"gpt-4o": "o200k_base", "gpt-4o-2024-08-06": "o200k_base", "gpt-5": "o200k_base", "gpt-5.1-codex": "o200k_base",
		"o1-pro":  "o200k_base",
		"o3-mini": "o200k_base", "gpt-4.1-nano": "o200k_base", "chatgpt-4o-latest": "o200k_base",
		"gpt-4": "cl100k_base", "gpt-4-turbo": "cl100k_base",
		"gpt-3.5-turbo-0125": "cl100k_base", "gpt-35-turbo-16k": "cl100k_base", "text-embedding-3-small": "cl100k_base",
		"gpt-oss-120b":                        "o200k_harmony",
		"ft:gpt-4o-mini-2024-07-18:acme::abc": "o200k_base", "ft:gpt-3.5-turbo-0125:acme::abc": "cl100k_base",
		"ft:gpt-4.1-mini:acme::abc": "cl100k_base", // as tiktoken says
		"text-davinci-003":          "p50k_base", "text-davinci-edit-001": "p50k_edit", "ada": "r50k_base",
		"gpt2": "gpt2", "gpt-2": "gpt2",
		"openai/gpt-4o": "o200k_base", "azure/gpt-4": "cl100k_base",
		"openrouter/openai/gpt-oss-20b:free": "o200k_harmony", "openai/gpt-4o:extended": "o200k_base",
		"openai:/gpt-4.1-mini": "o200k_base", "openai.gpt-oss-120b-1:0": "o200k_harmony",
		"databricks-gpt-5-mini": "o200k_base",
		"system.ai.gpt-oss-20b": "o200k_harmony", "openai/ft:gpt-4o:acme::abc": "o200k_base",
		"openai-community/gpt2": "gpt2",
	} {
		e, exact := ForModel(model)
		require.Equal(t, want, e.Name(), model)
		require.True(t, exact, model)
	}
	for _, model := range []string{"", "claude-sonnet-4-5", "anthropic/claude-3-haiku", "gemini-2.5-pro",
		"meta-llama/Llama-3-8B", "databricks-claude-3-7-sonnet",
		"gpt-6", "o5", "gpt-4.5", "codex-mini-latest", "gpt-realtime", "azure/my-deployment", "/", ":"} {
		e, exact := ForModel(model)
		require.Equal(t, DefaultEncoding, e.Name(), model)
		require.False(t, exact, model)
	}
}

func TestForUnknown(t *testing.T) {
	_, err := For("o300k_base")
	require.ErrorContains(t, err, `unknown token encoding "o300k_base", use one of cl100k_base, o200k_base`)
}
