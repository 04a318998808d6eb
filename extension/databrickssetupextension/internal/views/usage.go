// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// langfuseUsage is Langfuse's document of usage. Its numbers do not contain each other.
const langfuseUsage = "langfuse.observation.usage_details"

// reportedTokens reads a number of tokens: input, output or total. Single attributes come before Langfuse's
// document, as in the genai processor.
func reportedTokens(f usage.Field) func(dialect) string {
	return func(d dialect) string {
		return coalesce(d.number("bigint", genai.TokenAttributes(f)...), d.langfuse(f))
	}
}

// langfuse is a number of Langfuse's document by the conventions: input with what was read from a cache and
// written to one, output with reasoning. A total that is the sum without the cached tokens says that input
// holds them already.
func (d dialect) langfuse(f usage.Field) string {
	member := func(f usage.Field) string {
		var list []string
		for _, name := range genai.UsageMembers(langfuseUsage, f) {
			list = append(list, entry("u", name))
		}
		return coalesce(list...)
	}
	known := func(f usage.Field) string { return "COALESCE(" + member(f) + ", 0D)" }
	cached := "(" + known(usage.FieldCacheRead) + " + " + known(usage.FieldCacheWrite) + " + " +
		known(usage.FieldCacheWrite1h) + ")"
	var value string
	switch f {
	case usage.FieldInput:
		in := member(f)
		value = fmt.Sprintf("COALESCE(%[1]s + CASE WHEN %[2]s <= %[1]s AND %[3]s = %[1]s + %[4]s + %[5]s THEN 0D "+
			"ELSE %[2]s END, NULLIF(%[2]s, 0D))", in, cached, member(usage.FieldTotal), known(usage.FieldOutput),
			known(usage.FieldReasoning))
	case usage.FieldOutput:
		value = fmt.Sprintf("COALESCE(%s + %s, %s)", member(f), known(usage.FieldReasoning),
			member(usage.FieldReasoning))
	default:
		value = member(f)
	}
	text := d.get("s.attributes", langfuseUsage, "string")
	return "element_at(transform(array(from_json(" + text + ", 'map<string,double>')), u -> CAST(" +
		value + " AS BIGINT)), 1)"
}
