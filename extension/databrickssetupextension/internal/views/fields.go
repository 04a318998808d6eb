// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// field is something known of a trace. It is read from the span that stands for the trace, before
// ranking; what annotations say is added after.
type field struct {
	name, comment string
	// read is what is projected of a span s under the field's name; empty for fields that are made
	// of others.
	read func(d dialect) string
	// needs are the fields that final is made of, besides the field itself.
	needs []string
	// final is what the view shows, of r, the projected span, and m, annotations of the trace
	// (metadata and tags). Nil: what was read, or the first of metadata and tags.
	final func(annotations bool) string
	// metadata and tags are where annotations say the same.
	metadata, tags []string
}

// hidden fields are read, but no view shows them.
func (f *field) hidden() bool { return f.comment == "" }

func column(name string) string { return "r." + unity.Quote(name) }

// shown is the expression of the field in a view.
func (f *field) shown(annotations bool) string {
	if f.final != nil {
		return f.final(annotations)
	}
	if !annotations {
		return column(f.name)
	}
	list := []string{column(f.name)}
	for _, key := range f.metadata {
		list = append(list, "NULLIF("+entry("m.metadata", key)+", '')")
	}
	for _, key := range f.tags {
		list = append(list, "NULLIF("+entry("m.tags", key)+", '')")
	}
	return coalesce(list...)
}

// tagged are the names of the attributes that hold a tag or an entry of metadata of the user's
// choice.
func tagged(keys ...string) (names []string) {
	for _, key := range keys {
		names = append(names, genai.TraceTagPrefix+key, genai.TraceMetadataPrefix+key)
	}
	return names
}

func texts(attributes ...string) func(dialect) string {
	return func(d dialect) string { return d.text(attributes) }
}

// facts reads what the attributes of all dialects say.
func facts(facts ...genai.Fact) func(dialect) string { return texts(genai.Attributes(facts...)...) }

func numbers(typ string, attributes ...string) func(dialect) string {
	return func(d dialect) string { return d.number(typ, attributes...) }
}

// withResource reads attributes of the span, then of its resource.
func withResource(attributes []string, resource ...string) func(dialect) string {
	return func(d dialect) string { return d.text(attributes, resource...) }
}

// started is the beginning of span s as a TIMESTAMP. Monitors read a BIGINT as seconds, so there
// must be one.
func started(d dialect) string {
	of := "timestamp_micros(s.start_time_unix_nano DIV 1000)"
	if d.maps {
		return of
	}
	return "COALESCE(s.time, " + of + ")"
}

func service(d dialect) string {
	of := d.text(nil, genai.ServiceName)
	if d.maps {
		return of
	}
	return "COALESCE(NULLIF(s.service_name, ''), " + of + ")"
}

// What both a trace and a span have, read from the attributes of a span.
var (
	model       = facts(genai.FactRequestModel, genai.FactResponseModel)
	usageInput  = reportedTokens(usage.FieldInput)
	usageOutput = reportedTokens(usage.FieldOutput)
	usageTotal  = reportedTokens(usage.FieldTotal)
	costTotal   = costs(genai.CostAttributes())
)

// costs reads what a span says of its cost, but for MLflow's own attribute, which the fields named
// costs hold. Where an object has no total, the total is the sum of its members.
func costs(list []genai.CostAttribute) func(dialect) string {
	return func(d dialect) string {
		var said []string
		for _, a := range list {
			switch {
			case a.Key == genai.LLMCost:
			case a.Total == "":
				said = append(said, d.get("s.attributes", a.Key, "double"))
			default:
				text := d.get("s.attributes", a.Key, "string")
				said = append(said, "try_cast(get_json_object("+text+", "+literal("$."+a.Total)+") AS DOUBLE)",
					"aggregate(map_values(from_json("+text+", 'map<string,double>')), CAST(NULL AS DOUBLE), "+
						"(sum, v) -> COALESCE(sum, 0D) + COALESCE(v, 0D))")
			}
		}
		return coalesce(said...)
	}
}

// environment reads the deployment environment. others are further attributes of the span.
func environment(others ...string) func(dialect) string {
	resource := []string{"deployment.environment.name", "deployment.environment"}
	return withResource(slices.Concat(resource, []string{"langfuse.environment"}, others), resource...)
}

// spanType reads what a span is, in the words of its instrumentation.
func spanType(d dialect) string {
	return "trim(BOTH '\"' FROM " + d.text(genai.Attributes(genai.FactKind)) + ")"
}

// isTool is true for a span that is a call of a tool.
func isTool(d dialect) string {
	names := genai.KindNames(genai.KindTool)
	for i, name := range names {
		names[i] = literal(name)
	}
	return "lower(" + spanType(d) + ") IN (" + strings.Join(names, ", ") + ")"
}

const (
	failed = "s.status.code IN ('STATUS_CODE_ERROR', 'ERROR')"
	status = "CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN " + failed +
		" THEN 'ERROR' ELSE 'UNSET' END"
)

// elapsed is the duration of span s in nanoseconds, divided as per says. NULL while it has no end.
func elapsed(per string) string {
	return "CASE WHEN s.end_time_unix_nano >= s.start_time_unix_nano THEN (s.end_time_unix_nano - " +
		"s.start_time_unix_nano) " + per + " END"
}

// member reads a whole number or a double from a field that holds a JSON object, and in its absence
// another field.
func member(object, key, metadata, otherwise, typ string) func(bool) string {
	return func(annotations bool) string {
		text := column(object)
		if annotations {
			text = "COALESCE(" + text + ", " + entry("m.metadata", metadata) + ")"
		}
		value := "try_cast(get_json_object(" + text + ", " + literal("$."+key) + ") AS DOUBLE)"
		if typ == "BIGINT" {
			value = "try_cast(" + value + " AS BIGINT)"
		}
		return "COALESCE(" + value + ", " + column(otherwise) + ")"
	}
}

// fields are all that is known of a trace, in the order of the columns of the view of traces.
var fields = []field{
	{name: "request_id", comment: "Id of the trace as MLflow writes it, or the trace id of OpenTelemetry.",
		read: func(d dialect) string {
			return "COALESCE(NULLIF(trim(BOTH '\"' FROM " + d.get("s.attributes", genai.TraceRequestID, "string") +
				"), ''), s.trace_id)"
		}},
	{name: "trace_id", comment: "Trace id of OpenTelemetry, 32 hexadecimal digits.",
		read: func(dialect) string { return "s.trace_id" }},
	{name: "span_id", comment: "The span that stands for the trace: its topmost GenAI span.",
		read: func(dialect) string { return "s.span_id" }},
	{name: "request_time", comment: "When the trace began. The time of quality monitors.", read: started},
	{name: "start_time_ms",
		comment: "When the trace began, in milliseconds since 1970. Not for monitors, which take numbers for seconds.",
		read:    func(dialect) string { return "s.start_time_unix_nano DIV 1000000" }},
	{name: "execution_time_ms", comment: "How long it took, in milliseconds. NULL while it has no end.",
		read: func(dialect) string { return elapsed("DIV 1000000") }},
	{name: "status", comment: "OK, ERROR, IN_PROGRESS, or UNSET where it was not set.",
		read: func(d dialect) string {
			return "COALESCE(NULLIF(" + d.get("s.attributes", genai.TraceState, "string") + ", ''), " + status + ")"
		}},
	{name: "trace_name", comment: "Name of the trace, or of its topmost span.",
		read: func(d dialect) string {
			return "COALESCE(" + d.text([]string{genai.TraceName, "langfuse.trace.name"}) + ", s.name)"
		}},
	{name: "span_type",
		comment: "What the topmost span is: AGENT, CHAIN, CHAT_MODEL and so on, in the words of its instrumentation.",
		read:    spanType},
	{name: "experiment_id", comment: "Id of the MLflow experiment.",
		read: withResource([]string{genai.ExperimentID}, genai.ExperimentID)},
	{name: "experiment", comment: "Name of the experiment or project, else its id.",
		read: withResource([]string{genai.ExperimentName}, genai.ExperimentName, "openinference.project.name",
			genai.ExperimentID)},
	{name: "service_name", comment: "service.name of the resource.", read: service},
	{name: "session_id", comment: "Session or conversation.", metadata: []string{genai.TraceSession},
		read: facts(genai.FactConversation)},
	{name: "user_id", comment: "User, as the content policy left it.", metadata: []string{genai.TraceUser},
		read: texts(genai.UserID, genai.TraceUser, "enduser.id", "langfuse.user.id",
			"traceloop.association.properties.user_id")},
	{name: "environment",
		comment:  "Deployment environment: of the resource, or a tag or metadata named environment or env.",
		metadata: []string{"environment", "env"}, tags: []string{"environment", "env"},
		read: environment(tagged("environment", "env")...)},
	{name: "app_version", comment: "Version of the application: a tag or metadata named app_version or version, " +
		"service.version, MLflow's logged model or git commit.",
		metadata: []string{"app_version", "version", "mlflow.modelId", "mlflow.source.git.commit"},
		tags:     []string{"app_version", "version"},
		read: func(d dialect) string {
			first := d.texts(append(tagged("app_version", "version"), "service.version"), "service.version")
			return coalesce(append(first,
				d.texts([]string{"langfuse.release", "langfuse.version", "mlflow.modelId",
					"mlflow.source.git.commit"})...)...)
		}},
	{name: "model", comment: "Model, where the topmost span names one.", read: model},
	{name: "trace_kind", comment: "live, evaluation (recorded inside a run) or judge (the work of a scorer).",
		needs: []string{"scorer", "run"},
		final: func(annotations bool) string {
			scorer, run := column("scorer"), column("run")
			if annotations {
				scorer = "COALESCE(" + scorer + ", NULLIF(" + entry("m.tags", "mlflow.trace.sourceScorer") + ", ''))"
				run = "COALESCE(" + run + ", NULLIF(" + entry("m.metadata", "mlflow.sourceRun") + ", ''), NULLIF(" +
					entry("m.tags", "mlflow.eval.requestId") + ", ''))"
			}
			return "CASE WHEN " + scorer + " IS NOT NULL THEN 'judge' WHEN " + run +
				" IS NOT NULL THEN 'evaluation' ELSE 'live' END"
		}},
	{name: "scorer", read: texts("mlflow.trace.sourceScorer")},
	{name: "run", read: texts("mlflow.sourceRun", "mlflow.eval.requestId")},
	{name: "tags", comment: "Tags that people gave the trace.",
		read: func(d dialect) string { return d.beginning(genai.TraceTagPrefix) },
		final: func(annotations bool) string {
			if !annotations {
				return column("tags")
			}
			none := "CAST(map() AS MAP<STRING, STRING>)"
			ours, theirs := "COALESCE("+column("tags")+", "+none+")", "COALESCE(m.tags, "+none+")"
			return "map_concat(map_filter(" + ours + ", (k, v) -> NOT map_contains_key(" + theirs +
				", k)), map_filter(" + theirs + ", (k, v) -> NOT startswith(k, 'mlflow.')))"
		}},
	{name: "token_count_request", comment: "Tokens of the request's text, counted. Not what is billed.",
		read: numbers("bigint", genai.TokenCountRequest)},
	{name: "token_count_response", comment: "Tokens of the response's text, counted. Not what is billed.",
		read: numbers("bigint", genai.TokenCountResponse)},
	{name: "token_count_encoding", comment: "Encoding that counted.", read: texts(genai.TokenCountEncoding)},
	{name: "token_count_approximate", comment: "True when the encoding is not known to be the model's.",
		read: numbers("boolean", genai.TokenCountApproximate)},
	{name: "reported_tokens_input", comment: "Input tokens that the models of the trace reported.",
		needs: []string{"usage", "usage_input"},
		final: member("usage", "input_tokens", traceUsage, "usage_input", "BIGINT")},
	{name: "reported_tokens_output", comment: "Output tokens that the models of the trace reported.",
		needs: []string{"usage", "usage_output"},
		final: member("usage", "output_tokens", traceUsage, "usage_output", "BIGINT")},
	{name: "reported_tokens_total", comment: "Both, as reported.",
		needs: []string{"usage", "usage_input", "usage_output", "usage_total"},
		final: func(annotations bool) string {
			return strings.TrimSuffix(member("usage", "total_tokens", traceUsage, "usage_total", "BIGINT")(annotations),
				")") +
				", " + column("usage_input") + " + " + column("usage_output") + ")"
		}},
	{name: "reported_cost", comment: "Cost at list prices, in USD, as MLflow or the instrumentation wrote it.",
		needs: []string{"costs", "cost_total"},
		final: member("costs", "total_cost", traceCost, "cost_total", "DOUBLE")},
	{name: "contract_cost_trace_total", comment: "Cost at the contract's prices, by the genai processor.",
		read: numbers("double", genai.CostTraceTotal)},
	{name: "contract_cost_trace_partial", comment: "True when some call of the trace has no price.",
		read: numbers("boolean", genai.CostTracePartial)},
	{name: "contract_cost_currency",
		comment: "Currency of the contract, where the topmost span is itself a priced call.",
		read:    texts(genai.CostCurrency)},
	// Usage and cost as a JSON object, of the trace or of its topmost span; and as single numbers.
	{name: "usage", read: texts(traceUsage, genai.ChatUsage)},
	{name: "usage_input", read: usageInput},
	{name: "usage_output", read: usageOutput},
	{name: "usage_total", read: usageTotal},
	{name: "costs", read: texts(traceCost, genai.LLMCost)},
	{name: "cost_total", read: costTotal},
}

const (
	traceUsage = "mlflow.trace.tokenUsage"
	traceCost  = "mlflow.trace.cost"
)

// contents are the fields of the view of content: the first place that holds something.
var contents = []field{
	{name: "request", comment: "What was asked: content.", read: func(d dialect) string {
		return d.said(genai.FactRequestText, genai.RequestPreview)
	}},
	{name: "response", comment: "What was answered: content.", read: func(d dialect) string {
		return d.said(genai.FactResponseText, genai.ResponsePreview, "gen_ai.retrieval.documents")
	}},
}

// said is the text that says a fact: of one attribute, else of those that it is spread over, else others,
// else the preview.
func (d dialect) said(fact genai.Fact, preview string, others ...string) string {
	names := slices.DeleteFunc(genai.Attributes(fact), func(name string) bool { return name == preview })
	list := d.texts(append(names, others...))
	for _, prefix := range genai.NumberedAttributes(fact) {
		list = append(list, d.gathered(prefix))
	}
	return coalesce(append(list, d.text([]string{preview}))...)
}

// gathered is JSON text of the attributes that begin with prefix, or NULL without any.
func (d dialect) gathered(prefix string) string {
	return "NULLIF(to_json(" + d.beginning(prefix) + "), '{}')"
}

// chosen are the fields of the given names, in that order, and those that they need.
func chosen(names ...string) []field {
	byName := map[string]*field{}
	for i := range fields {
		byName[fields[i].name] = &fields[i]
	}
	var out []field
	taken := map[string]bool{}
	var take func(name string)
	take = func(name string) {
		if !taken[name] {
			taken[name] = true
			out = append(out, *byName[name])
			for _, n := range byName[name].needs {
				take(n)
			}
		}
	}
	for _, name := range names {
		take(name)
	}
	return out
}
