// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// origin is when the traces written here began.
var origin = time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.UTC)

func at(ms int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(origin.Add(time.Duration(ms) * time.Millisecond))
}

type attrs = map[string]any

// thrown is a key of attrs that holds types of exceptions.
const thrown = "thrown"

// span is a span of a trace written here. Times are milliseconds after origin; an end of -1 is
// none.
type span struct {
	id, parent byte
	name       string
	start, end int
	status     ptrace.StatusCode
	attrs      attrs // those of thrown become events
}

// spansOf is one trace: the spans of one resource.
func spansOf(trace byte, resource attrs, list ...span) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	must(rs.Resource().Attributes().FromRaw(resource))
	ss := rs.ScopeSpans().AppendEmpty()
	for _, x := range list {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(traceID(trace))
		s.SetSpanID(spanID(trace, x.id))
		if x.parent != 0 {
			s.SetParentSpanID(spanID(trace, x.parent))
		}
		s.SetName(x.name)
		s.SetStartTimestamp(at(x.start))
		if x.end >= 0 {
			s.SetEndTimestamp(at(x.end))
		}
		s.Status().SetCode(x.status)
		m := maps.Clone(x.attrs)
		delete(m, thrown)
		must(s.Attributes().FromRaw(m))
		kinds, _ := x.attrs[thrown].([]string)
		for _, kind := range kinds {
			e := s.Events().AppendEmpty()
			e.SetName("exception")
			must(e.Attributes().FromRaw(attrs{"exception.type": kind, "exception.message": "x"}))
		}
	}
	return td
}

func traceID(trace byte) pcommon.TraceID { return pcommon.TraceID{0xfe, 15: trace} }

func spanID(trace, span byte) pcommon.SpanID { return pcommon.SpanID{0xfe, 6: trace, 7: span} }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// counted are the attributes that the genai processor gives a topmost span.
func counted(request, response int, more attrs) attrs {
	m := attrs{"token_count_request": request, "token_count_response": response, "token_count_encoding": "o200k_base",
		"token_count_approximate": false}
	maps.Copy(m, more)
	return m
}

// delivery is one request to the workspace. Roots have "" for a parent if empty, else NULL.
type delivery struct {
	td    ptrace.Traces
	empty bool
}

// deliveries are what arrives, in this order: what producers other than MLflow's receiver send,
// repeats, late rows, rows in the wrong order.
func deliveries() []delivery {
	received := func(revision int, more attrs) attrs {
		m := attrs{"mlflow.traceRequestId": "tr-late", "mlflow.spanType": "AGENT", "mlflow.revision": revision,
			"mlflow.traceState": "OK", "mlflow.experimentId": "7",
			"mlflow.spanInputs": attrs{"q": "é\n\"x\"", "n": []any{1, 2.5, nil}}, "mlflow.spanOutputs": "plain"}
		maps.Copy(m, more)
		return m
	}
	late := func(revision, end int, more attrs) ptrace.Traces {
		return spansOf(5, attrs{"service.name": "late"},
			span{1, 0, "agent", 50, end, ptrace.StatusCodeOk, received(revision, more)})
	}
	llm := spansOf(2, attrs{"service.name": "chat", "service.version": "1.4.2", "deployment.environment.name": "prod"},
		span{1, 0, "chat gpt-4o", 10, 510, ptrace.StatusCodeUnset, counted(12, 34, attrs{
			"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 20,
			"gen_ai.usage.output_tokens": 40, "session.id": "s1",
			"user.id": "u1", "gen_ai.input.messages": `[{"role":"user"}]`,
			"gen_ai.output.messages": `[{"role":"assistant"}]`, "contract_cost_trace_total": 0.25,
			"contract_cost_trace_partial": true, "contract_cost_currency": "EUR", "mlflow.traceTag.app_version": "",
			"mlflow.traceTag.team": "blue", "mlflow.traceTag.empty": "",
		})})
	return []delivery{
		// An agent behind an instrumented web framework, whose own LLM span is counted too
		// (tokens::spans: all) and begins in the same nanosecond.
		{spansOf(1, attrs{"service.name": "web"},
			span{1, 0, "GET /ask", 0, 900, ptrace.StatusCodeUnset, attrs{"http.request.method": "GET"}},
			span{3, 2, "llm", 1, 400, ptrace.StatusCodeOk,
				counted(1, 2, attrs{"openinference.span.kind": "LLM", "metric_relevance": 0.1})},
			span{2, 1, "agent", 1, 800, ptrace.StatusCodeError,
				counted(5, 6, attrs{"openinference.span.kind": "AGENT", "input.value": "hi", "output.value": "",
					"metric_relevance":       0.75,
					"llm.token_count.prompt": 3, "llm.token_count.completion": 4, "llm.token_count.total": 7,
					"llm.cost.total": 0.5, "llm.model_name": "m"})},
		), false},
		{llm, true}, {llm, false}, {llm, true}, // repeats, and both forms of no parent for one span
		// Two services of one trace, each with a topmost GenAI span; the clock of the second is
		// behind.
		{spansOf(3, attrs{"service.name": "first"}, span{1, 9, "agent-a", 100, 300, ptrace.StatusCodeOk,
			counted(1, 1, attrs{"gen_ai.operation.name": "invoke_agent"})}), false},
		{spansOf(3, attrs{"service.name": "second"}, span{2, 8, "agent-b", 150, 600, ptrace.StatusCodeOk,
			counted(2, 2, attrs{"gen_ai.operation.name": "invoke_agent"})}), false},
		// Only inner spans arrived: no row.
		{spansOf(4, attrs{"service.name": "lost"}, span{1, 7, "llm", 0, 1, ptrace.StatusCodeOk,
			attrs{"gen_ai.operation.name": "chat", "metric_relevance": 1.0}}), false},
		// Late rows: a newer revision with another score and without a former one, then an older
		// row that was retried, then the newest revision again with another tag.
		{late(1000, 250, attrs{"metric_relevance": 0.2, "metric_gone": 1.0}), false},
		{late(1732100000000, 250, attrs{"metric_relevance": 0.9, "metric_groundedness": 0.0,
			"mlflow.traceTag.env": "old"}), false},
		{late(1000, 250, attrs{"metric_relevance": 0.2, "metric_gone": 1.0}), true},
		{late(1732100000000, 250, attrs{"metric_relevance": 0.9, "metric_groundedness": 0.0,
			"mlflow.traceTag.env": "new"}), true},
		{late(0, 250, nil), false},
		// A trace in progress: no end.
		{spansOf(6, attrs{"service.name": ""}, span{1, 0, "agent", 0, -1, ptrace.StatusCodeUnset,
			attrs{"mlflow.traceRequestId": "\"tr-quoted\"", "mlflow.spanType": "\"CHAIN\"", "mlflow.revision": 0,
				"mlflow.traceState": "IN_PROGRESS", "mlflow.requestPreview": "do …"}}), false},
		// Scores of every form. Names that differ in case only, a name that a path can't hold.
		{spansOf(7, attrs{"service.name": "odd"}, span{1, 0, "agent", 0, 10, ptrace.StatusCodeOk,
			attrs{"gen_ai.system": "x", "metric_relevance": "yes", "metric_Relevance": 0.5,
				"metric_it's \"odd\"?": 3, "metric_groundedness": true, "metric_answer_length": " 42.5 ",
				"metric_bad": "so so", "metric_nan": "NaN", "metric_inf": "Infinity", "metric_": 1.0,
				"metric_object": attrs{"a": 1}, "metric_list": []any{1.0}, "metric_failed": "Fail"}}), false},
		{spansOf(8, attrs{"service.name": "judge"}, span{1, 0, "judge", 0, 10, ptrace.StatusCodeOk,
			attrs{"mlflow.spanType": "CHAT_MODEL", "mlflow.revision": 0, "mlflow.trace.sourceScorer": "safety",
				"mlflow.sourceRun": "r1"}}), false},
		{spansOf(9, attrs{"service.name": "eval"}, span{1, 0, "predict", 0, 10, ptrace.StatusCodeOk,
			attrs{"mlflow.spanType": "CHAIN", "mlflow.revision": 0, "mlflow.sourceRun": "r1",
				"mlflow.trace.tokenUsage": `{"input_tokens": 11, "output_tokens": 22, "total_tokens": 33}`,
				"mlflow.trace.cost":       `{"input_cost": 0.1, "total_cost": 0.30000000000000004}`,
				"mlflow.modelId":          "m-1", "mlflow.trace.session": "sess", "mlflow.trace.user": "usr",
				"mlflow.traceName": "named", "mlflow.traceMetadata.env": "staging"}}), true},
		// Usage as a native object; a total that nobody reports.
		{spansOf(10, attrs{"service.name": "native"}, span{1, 0, "llm", 0, 10, ptrace.StatusCodeOk,
			attrs{"mlflow.spanType": "CHAT_MODEL", "mlflow.chat.tokenUsage": attrs{"input_tokens": 3,
				"output_tokens": 4}, "token_count_request": "nonsense", "token_count_response": 2.9}}), false},
		// A span without attributes or anything; two spans without parents; end before start.
		{spansOf(11, attrs{}, span{1, 0, "bare", 5, 9, ptrace.StatusCodeUnset, nil},
			span{2, 0, "earlier", 4, 3, ptrace.StatusCodeError, nil}), true},
		// Flattened messages.
		{spansOf(12, attrs{"service.name": "flat", "openinference.project.name": "proj"},
			span{1, 0, "llm", 0, 10, ptrace.StatusCodeOk, attrs{"openinference.span.kind": "LLM",
				"llm.input_messages.0.message.content": "hello", "llm.input_messages.0.message.role": "user",
				"gen_ai.completion.0.content": "bye"}}), false},
		// What follows in traces 13 to 19 is about logs and annotations.
		{scored(13, 1000, attrs{"metric_relevance": 0.1, "metric_quality": 0.2}), false},
		{scored(14, 1000, attrs{"metric_relevance": 0.1, "metric_tone": 1.0}), false},
		{scored(15, 5_000_000_000_000, attrs{"metric_relevance": 0.7}), false},
		{scored(16, 0, nil), false},
		{scored(17, 0, attrs{"metric_quality": 0.4}), false},
		{scored(19, 1000, attrs{"metric_quality": 1.0, "metric_failed": 1.0}), false}, // from before the overriding
		{kinds(), false}, {vercel(), true},
		{scored(lateTrace, deliveredAt, lateRoot), false},
		{scored(loggedTrace, 0, nil), false}, {scored(annotatedTrace, 0, nil), false},
	}
}

// kinds are spans of every kind, for the view of spans. The topmost one carries expectations in its
// list of assessments.
func kinds() ptrace.Traces {
	said := `[
		{"assessment_name": "answer", "last_update_time": "2026-11-20T10:00:00Z", "valid": true,
			"expectation": {"value": "yes"}},
		{"assessment_name": "answer", "last_update_time": "2026-11-20T11:00:00Z", "valid": true,
			"expectation": {"value": 7}},
		{"assessment_name": "list", "last_update_time": "2026-11-20T11:00:00Z",
			"expectation": {"serialized_value": {"serialization_format": "JSON_FORMAT",
				"value": "[1, {\"a\": null}]"}}},
		{"assessment_name": "old", "last_update_time": "2026-11-20T11:00:00Z", "valid": false,
			"expectation": {"value": 1}},
		{"assessment_name": "q", "last_update_time": "2026-11-20T11:00:00Z", "feedback": {"value": 1}},
		{"assessment_name": "inner", "span_id": "fe00000000001602", "last_update_time": "2026-11-20T11:00:00Z",
			"expectation": {"value": 1}}
	]`
	return spansOf(22, attrs{"service.name": "kinds", "mlflow.experimentId": "8"},
		span{1, 0, "agent", 0, 10, ptrace.StatusCodeError,
			attrs{thrown: []string{"Timeout", "ValueError"}, "mlflow.spanType": "AGENT", "gen_ai.agent.name": "a",
				"mlflow.spanInputs": []any{attrs{"role": "user"}}, "mlflow.assessments": said}},
		span{2, 1, "search", 0, 2, ptrace.StatusCodeError,
			attrs{thrown: []string{"Timeout"}, "mlflow.spanType": "TOOL", "error.type": "429"}},
		span{3, 1, "calc", 0, 3, ptrace.StatusCodeOk,
			attrs{thrown: []string{"Retried"}, "gen_ai.operation.name": "execute_tool",
				"gen_ai.tool.name": "calculator"}},
		span{4, 1, "llm", 0, 4, ptrace.StatusCodeUnset,
			attrs{"gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
				"mlflow.chat.tokenUsage": `{"input_tokens": 3, "output_tokens": 4}`, "gen_ai.usage.input_tokens": 9,
				"mlflow.llm.cost": `{"total_cost": 0.5}`, "contract_cost_total": 0.25,
				"contract_cost_currency": "EUR"}},
		generation(5, `{"input": 0.25, "output": 0.5, "total": 0.625}`,
			`{"input": 100, "input_cached_tokens": 20, "output": 30, "output_reasoning_tokens": 5, "total": 155}`),
		generation(6, `{"input": 0.25, "cache_read_input_tokens": 0.125, "output": null}`,
			`{"input": 100, "input_cached_tokens": 20, "output": 30, "output_reasoning": 5, "total": 135}`),
		generation(7, `{}`, `{"input_cache_creation_1h": 7, "cache_creation_input_tokens": 2}`),
		generation(8, `["none"]`, attrs{"prompt_tokens": 3, "input_cache_read": 9, "completion_tokens": 1}),
		generation(9, `{"total"`, `{"input"`),
		generation(10, nil, `{"input": 8, "output": null}`),
		span{11, 1, "weather", 0, 1, ptrace.StatusCodeUnset,
			attrs{"ai.operationId": "ai.toolCall", "ai.toolCall.name": "forecast"}},
		span{12, 1, "workflow", 0, 1, ptrace.StatusCodeUnset, attrs{"traceloop.span.kind": "workflow",
			"traceloop.entity.name": "no tool", "llm.vendor": "v", "llm.request.model": "lm",
			"llm.usage.prompt_tokens": 2, "llm.usage.completion_tokens": 3}},
		span{13, 1, "ranker", 0, 1, ptrace.StatusCodeUnset, attrs{"langsmith.span.kind": "llm",
			"langsmith.metadata.ls_model_name": "ls", "langsmith.metadata.ls_provider": "lp", "agent.name": "oi"}},
	)
}

// vercel is a trace of the Vercel AI SDK, with numbers of Langfuse beside its own.
func vercel() ptrace.Traces {
	return spansOf(24, attrs{"service.name": "vercel"}, span{1, 0, "ai.generateText", 0, 9, ptrace.StatusCodeOk,
		attrs{"ai.operationId": "ai.generateText", "ai.model.id": "gpt", "ai.model.provider": "openai.chat",
			"ai.response.model": "gpt-long", "ai.prompt": `{"prompt":"hi"}`, "ai.response.text": "hello",
			"ai.usage.inputTokens": 4, "ai.usage.outputTokens": 5, "ai.usage.totalTokens": 10,
			"langsmith.metadata.thread_id": "th", "session.id": "later",
			"langfuse.observation.usage_details": `{"input": 1, "output": 2, "total": 3}`}})
}

// generation is a span of Langfuse with its costs and usage.
func generation(id byte, costs, usage any) span {
	m := attrs{"langfuse.observation.type": "generation", "langfuse.observation.model.name": "m",
		"langfuse.observation.usage_details": usage}
	if costs != nil {
		m["langfuse.observation.cost_details"] = costs
	}
	return span{id, 1, "generation", 0, 4, ptrace.StatusCodeUnset, m}
}

func scored(trace byte, revision int, scores attrs) ptrace.Traces {
	m := attrs{"mlflow.spanType": "AGENT", "mlflow.revision": revision, "mlflow.traceState": "OK",
		"mlflow.traceTag.team": "span", "mlflow.traceTag.own": "1"}
	maps.Copy(m, scores)
	return spansOf(trace, attrs{"service.name": "scored"}, span{1, 0, "agent", 0, 10, ptrace.StatusCodeOk, m},
		span{2, 1, "tool", 1, 2, ptrace.StatusCodeOk, nil})
}

// record is a log record that is a score.
type record struct {
	trace, span byte
	ms          int
	attrs       attrs
}

// records are the scores that came as logs.
func records() plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	add := func(event string, r record) {
		l := sl.LogRecords().AppendEmpty()
		l.SetEventName(event)
		l.SetTraceID(traceID(r.trace))
		if r.span != 0 {
			l.SetSpanID(spanID(r.trace, r.span))
		}
		l.SetTimestamp(at(r.ms))
		l.SetObservedTimestamp(at(r.ms + 1))
		must(l.Attributes().FromRaw(r.attrs))
	}
	score := func(trace, span byte, ms int, id, name string, more attrs) {
		m := attrs{"gen_ai.evaluation.name": name, "mlflow.assessment.id": id}
		maps.Copy(m, more)
		add("gen_ai.evaluation.result", record{trace, span, ms, m})
	}
	value := func(v any) attrs { return attrs{"gen_ai.evaluation.score.value": v} }
	// later than the span
	score(13, 1, 20, "a1", "relevance", value(0.6))
	// the same assessment, changed
	score(13, 1, 30, "a1", "relevance", value(0.65))
	// another of that name, earlier
	score(13, 1, 25, "a2", "relevance", value(0.3))
	// about an inner span
	score(13, 2, 90, "a3", "relevance", value(0.99))
	// withdrawn after the span was written
	score(14, 1, 40, "b1", "tone", attrs{"gen_ai.evaluation.score.value": 1.0, "mlflow.assessment.valid": false})
	// a label, in another spelling, without a span
	score(14, 0, 20, "b2", "Relevance", attrs{"gen_ai.evaluation.score.label": "PASS"})
	// older than the span
	score(15, 1, 20, "c1", "relevance", value(0.2))
	// a name that becomes another
	score(15, 1, 20, "c2", "Retrieval/Precision (5)", value(0.125))
	// and a long one
	score(15, 1, 20, "c3", fmt.Sprintf("a very long name %060d", 7), value(1.0))
	// names of other scripts
	score(15, 1, 20, "c4", "Qualité", value(0.5))
	score(15, 1, 20, "c5", "日本 語/品質", value(0.75))
	score(15, 1, 20, "c6", "गुणवत्ता ΟΔΟΣ", value(0.25))
	score(15, 1, 20, "c7", strings.Repeat("長", 65), value(0.5))
	// no number
	score(16, 1, 20, "d1", "groundedness", attrs{"gen_ai.evaluation.score.label": "so so"})
	// no feedback
	score(16, 1, 20, "d2", "expected",
		attrs{"gen_ai.evaluation.score.value": 1.0, "mlflow.assessment.kind": "expectation"})
	// no name
	score(16, 1, 20, "d3", "!?", value(1.0))
	add("something.else",
		record{16, 1, 20, attrs{"gen_ai.evaluation.name": "other", "gen_ai.evaluation.score.value": 1.0}})
	score(18, 1, 20, "e1", "relevance", value(1.0)) // of a trace that is not there
	// overridden by a later one, which has no number, and by one that does not count
	score(16, 1, 20, "g1", "tone", value(1.0))
	score(16, 0, 30, "g2", "tone", attrs{"gen_ai.evaluation.score.label": "so so", "mlflow.assessment.overrides": "g1"})
	score(16, 1, 20, "g3", "relevance", value(0.25))
	score(16, 1, 30, "g4", "relevance", attrs{"gen_ai.evaluation.score.value": 1.0, "mlflow.assessment.valid": false,
		"mlflow.assessment.overrides": "g3"})
	return ld
}
