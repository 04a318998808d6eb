// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// TestAttributes: the lists are those of the table, in the order in which a span is read.
func TestAttributes(t *testing.T) {
	for f := range Facts {
		for _, list := range [][]string{Attributes(f), NumberedAttributes(f)} {
			ranks := map[TextSource]int16{}
			source := TextSource(0)
			for _, name := range list {
				key := name
				if name[len(name)-1] == '.' {
					key += "0.content"
				}
				r := ReadAttribute(key, "")
				if !assert.NotNil(t, r, name) {
					continue
				}
				assert.Equal(t, f, r.Fact, name)
				assert.GreaterOrEqual(t, r.Source, source, name)
				if source = r.Source; f != FactUsage && f != FactUsageDocument && f != FactCost && !r.Numbered {
					assert.Greater(t, r.Rank, ranks[source], name)
					ranks[source] = r.Rank
				}
			}
		}
	}
	assert.Equal(t, []string{RequestModel, LLMModel}, Attributes(FactRequestModel, FactResponseModel)[:2])
	assert.Contains(t, Attributes(FactRequestModel, FactResponseModel), "ai.response.model")
	assert.NotContains(t, Attributes(FactRequestModel), "model", "a word of some scopes")
	assert.Contains(t, NumberedAttributes(FactRequestText), "llm.input_messages.")
	assert.Equal(t, UsageInput, TokenAttributes(usage.FieldInput)[0])
	assert.NotContains(t, TokenAttributes(usage.FieldInput), UsageOutput)
	assert.Equal(t, []string{"input", "input_tokens", "prompt_tokens"},
		UsageMembers("langfuse.observation.usage_details", usage.FieldInput))
	assert.Nil(t, UsageMembers(UsageInput, usage.FieldInput))
	assert.Nil(t, UsageMembers(ChatUsage, usage.FieldReasoning))
	assert.Equal(t, []string{"ai.toolcall", "execute_tool", "tool"}, KindNames(KindTool))
}
