// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// ofSpan are the fields of the view of spans. They are read from each span alone.
var ofSpan = []field{
	{name: "trace_id", comment: "Trace id of OpenTelemetry, 32 hexadecimal digits.",
		read: func(dialect) string { return "s.trace_id" }},
	{name: "span_id", comment: "Span id of OpenTelemetry, 16 hexadecimal digits.",
		read: func(dialect) string { return "s.span_id" }},
	{name: "parent_span_id", comment: "The span above. NULL for a topmost span.",
		read: func(dialect) string { return "CASE WHEN " + child + " THEN s.parent_span_id END" }},
	{name: "start_time", comment: "When the span began.", read: started},
	{name: "duration_ms", comment: "How long it took, in milliseconds. NULL while it has no end.",
		read: func(dialect) string { return elapsed("/ 1000000D") }},
	{name: "span_type", read: spanType,
		comment: "What the span is: AGENT, TOOL, CHAT_MODEL and so on, in the words of its instrumentation."},
	{name: "span_name", comment: "Name of the span.", read: func(dialect) string { return "s.name" }},
	{name: "model", comment: "Model of the call.", read: model},
	{name: "provider", comment: "Provider of the model.",
		read: facts(genai.FactProvider, genai.FactProviderOther)},
	{name: "tool", comment: "Name of the tool that was called.",
		read: func(d dialect) string {
			return "CASE WHEN " + isTool(d) + " THEN " + coalesce(append(d.texts(genai.Attributes(genai.FactTool)),
				"s.name")...) + " ELSE " + d.text([]string{genai.ToolName}) + " END"
		}},
	{name: "agent", comment: "Name of the agent.", read: facts(genai.FactAgent)},
	{name: "status", comment: "OK, ERROR, or UNSET where it was not set.",
		read: func(dialect) string { return status }},
	{name: "error_type", comment: "Type of the error: error.type, or that of the last exception of a span that failed.",
		read: func(d dialect) string {
			last := "try_element_at(filter(s.events, e -> e.name = 'exception'), -1).attributes"
			return coalesce(append(d.texts([]string{"error.type"}),
				"CASE WHEN "+failed+" THEN "+d.get(last, "exception.type", "string")+" END")...)
		}},
	{name: "reported_tokens_input", comment: "Input tokens that the model reported.",
		final: member("usage", "input_tokens", "", "usage_input", "BIGINT")},
	{name: "reported_tokens_output", comment: "Output tokens that the model reported.",
		final: member("usage", "output_tokens", "", "usage_output", "BIGINT")},
	{name: "reported_cost", comment: "Cost at list prices, in USD, as MLflow or the instrumentation wrote it.",
		final: member("costs", "total_cost", "", "cost_total", "DOUBLE")},
	{name: "contract_cost", comment: "Cost of the call at the contract's prices, by the genai processor.",
		read: numbers("double", genai.CostTotal)},
	{name: "contract_cost_currency", comment: "Currency of the contract.", read: texts(genai.CostCurrency)},
	{name: "experiment_id", comment: "Id of the MLflow experiment.",
		read: withResource([]string{genai.ExperimentID}, genai.ExperimentID)},
	{name: "service_name", comment: "service.name of the resource.", read: service},
	{name: "environment", comment: "Deployment environment.", read: environment()},
	{name: "usage", read: texts(genai.ChatUsage)},
	{name: "usage_input", read: usageInput},
	{name: "usage_output", read: usageOutput},
	{name: "costs", read: texts(genai.LLMCost)},
	{name: "cost_total", read: costTotal},
}

// SpansView is the view with one row per span. It reads all spans, also where a streaming table
// holds the topmost ones.
func (o *Options) SpansView(existing []string) (View, error) {
	v := View{Name: o.Name(SpansKind), Comment: "One row per span of GenAI traces and of what they call." + madeBy}
	return v.complete(shown(ofSpan, false), existing,
		o.versions(o.Location.Table(unity.SignalSpans, o.Layout), "s.trace_id <> ''", ofSpan),
		"FROM versions AS r\nWHERE r.repeat_rank = 1")
}
