// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func load(t *testing.T, yaml string) (Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	var c Config
	if err := conf.Unmarshal(&c); err != nil {
		return c, err
	}
	return c, c.Validate()
}

const prices = `
currency: EUR
price_list: acme-2026-q4
models:
  - match: {provider: openai, model: "gpt-4o*"}
    valid_from: 2026-10-01T00:00:00Z
    valid_to: null
    input: 2.00
    output: 8
    cache_read: 1.00
    cache_write: null
    long_context: [{above: 200000, input: 4.00, output: 12.00, cache_read: 2}]
  - match: "gpt-4o*"
    valid_to: 2026-10-01
    input: 3
    output: 9
  - match: claude-sonnet
    input: 3
    output: 15
    cache_read: 0.3
    cache_write: 3.75
    cache_write_1h: 6
    reasoning: 20
tools:
  - {match: "ask_*", per_call: 0.01}
`

func TestConfigAsItIsWritten(t *testing.T) {
	c, err := load(t, prices)
	require.NoError(t, err)
	assert.Equal(t, "gpt-4o*", c.Models[1].Match.Model)
	assert.Empty(t, c.Models[1].Match.Provider)
	assert.Equal(t, 2026, c.Models[1].ValidTo.at.Year())
	assert.True(t, c.Models[0].ValidTo.at.IsZero())
	assert.Nil(t, c.Models[0].CacheWrite)
	_, err = New(c)
	require.NoError(t, err)

	conf := confmap.New()
	require.NoError(t, conf.Marshal(c))
	var again Config
	require.NoError(t, conf.Unmarshal(&again))
	assert.Equal(t, c, again)
}

func TestMistakes(t *testing.T) {
	for yaml, want := range map[string]string{
		`currency: usd`: `currency is "usd"; write an ISO 4217 code like USD or EUR`,
		`whole_traces: true`: `whole_traces is true but there are no prices; write models or ` +
			`tools, or remove it`,
		`models: [{match: a, output: 1}]`: `models[0]: input is missing; write the price of a million tokens ` +
			`(0 if there is none)`,
		`models: [{match: a, input: 1}]`:         `models[0]: output is missing`,
		`models: [{input: 1, output: 1}]`:        `models[0]: match has no model`,
		`models: [{match: "[", input: 1}]`:       `models[0]: model in match is "[", which is not a glob`,
		`models: [{match: 4, input: 1}]`:         `match is 4; write the name of a model in quotes`,
		`models: [{match: {modl: a}}]`:           `modl`,
		`models: [{match: a, input: -1}]`:        `models[0]: input is -1; a price is a number from 0 on`,
		`models: [{match: a, valid_from: soon}]`: `soon is not a time; write RFC 3339`,
		`models: [{match: a, input: 1, output: 1, valid_from: 2026-02-01, ` +
			`valid_to: 2026-01-01}]`: `valid_to 2026-01-01T00:00:00Z is not after valid_from`,
		`models: [{match: a, input: 1, output: 1, long_context: [{input: 1, ` +
			`output: 1}]}]`: `long_context[0]: above is 0; write the number`,
		`models: [{match: a, input: 1, output: 1, cache_read: 1, long_context: [{above: 1, input: 1, ` +
			`output: 1}]}]`: `long_context[0]: cache_read is missing; the entry has one`,
		`models: [{match: a, input: 1, output: 1, long_context: [{above: 2, input: 1, output: 1}, {above: 1, input: ` +
			`1}]}]`: `long_context[1]: above is 1, not more than the 2 before it`,
		`tools: [{match: a}]`:                 `tools[0]: per_call is missing`,
		`tools: [{per_call: 1}]`:              `tools[0]: match is empty`,
		`tools: [{match: a, per_call: .nan}]`: `tools[0]: per_call is NaN`,
	} {
		_, err := load(t, yaml)
		assert.ErrorContains(t, err, want, yaml)
	}
}
