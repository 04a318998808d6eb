// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// canary is what every text that must not leave contains; as an e-mail address that mask finds.
const canary = "canary"

// canaries gives each place that may hold text its own.
type canaries []string

func (c *canaries) text(place string) string {
	*c = append(*c, canary+"."+place+"@example.com")
	return "Dear " + (*c)[len(*c)-1] + ",\nhello"
}

func (c *canaries) json(place string) []byte {
	text, _ := json.Marshal(c.text(place))
	return text
}

// ours is a trace as the receiver delivers it.
func ours(c *canaries, payloads genai.Payloads) ptrace.Traces {
	a := func(key, raw string) mlflow.Attribute { return mlflow.Attribute{Key: key, Raw: []byte(raw)} }
	quoted := func(place string) string { return string(c.json(place)) }
	trace := &mlflow.Trace{
		Info: mlflow.Info{
			ID: "tr-1", RequestPreview: c.text("request-preview"), ResponsePreview: c.text("response-preview"),
			ClientRequestID: "client",
			Metadata: []mlflow.KeyValue{
				{Key: "note", Value: c.text("metadata")},
				{Key: "mlflow.traceInputs", Value: string(c.json("trace-inputs"))},
				{Key: "mlflow.traceOutputs", Value: `{"a": ` + quoted("trace-outputs") + `}`},
				{Key: genai.TraceSession, Value: "session-1"}, {Key: genai.TraceUser, Value: c.text("user")},
				{Key: "mlflow.user", Value: c.text("owner")},
				{Key: "mlflow.source.name", Value: c.text("source-name")},
				{Key: "mlflow.source.git.repoURL", Value: c.text("repo")},
			},
			Tags: []mlflow.KeyValue{{Key: "team", Value: c.text("tag")},
				{Key: "mlflow.note", Value: c.text("mlflow-tag")}, {Key: genai.TraceName, Value: c.text("trace-name")},
				{Key: "of " + c.text("tag-key"), Value: "x"}},
			Assessments: []mlflow.Assessment{
				{ID: "a-1", Name: "good", Kind: mlflow.AssessmentKindFeedback, Value: c.json("feedback"),
					Rationale: c.text("rationale"), SourceType: "HUMAN", SourceID: c.text("reviewer"),
					Metadata: []mlflow.KeyValue{{Key: "k", Value: c.text("assessment-metadata")}}, Updated: 3},
				{ID: "a-2", Name: "expected", Kind: mlflow.AssessmentKindExpectation, Value: c.json("expectation"),
					SourceType: "LLM_JUDGE", SourceID: "judge-1"},
				{ID: "a-3", Name: "expected", Kind: mlflow.AssessmentKindExpectation, Serialized: `["` + canary +
					`.serialized@example.com"]`, SourceType: "CODE", SourceID: "code-1"},
				{ID: "a-4", Name: "failed", Kind: mlflow.AssessmentKindFeedback,
					Error: &mlflow.AssessmentError{Code: "RATE",
						Message: c.text("error"), StackTrace: c.text("error-stack")}},
			},
		},
		Spans: []mlflow.Span{
			{ID: [8]byte{1}, Name: "answer " + c.text("span-name"), Status: mlflow.StatusCodeError,
				Message: c.text("status"), Attributes: []mlflow.Attribute{
					a(genai.SpanType, `"AGENT"`), a("anything", `{"deep": [{"er": `+quoted("unknown")+`}]}`),
					a("latency", "1.5"), a("metric_good", "1.0"), a("metric_bad", quoted("metric")),
					a("token_count_request", "17"), a("contract_cost_total", "0.25"),
				},
				Events: []mlflow.Event{
					{Name: "exception", Attributes: []mlflow.Attribute{a(genai.ExceptionType, `"ValueError"`),
						a(genai.ExceptionMessage, quoted("exception")), a(genai.ExceptionStacktrace, quoted("stack"))}},
					{Name: "mlflow.chunk.item.0",
						Attributes: []mlflow.Attribute{a(genai.ChunkValue,
							`"{\"delta\": \"canary.chunk@example.com\"}"`)}},
					{Name: c.text("event-name"), Attributes: []mlflow.Attribute{a("why", quoted("event"))}},
				},
				Links: []mlflow.Link{{Attributes: []mlflow.Attribute{a("why", quoted("link"))}}},
			},
			{ID: [8]byte{2}, Parent: [8]byte{1}, Name: "chat gpt-4o", Attributes: []mlflow.Attribute{
				a(genai.SpanType, `"CHAT_MODEL"`),
				a(genai.SpanInputs, `{"model": "gpt-4o", "temperature": 0.5, "messages": [{"role": "user", "content": `+
					quoted("inputs")+`}]}`),
				a(genai.SpanOutputs, `{"choices": [{"message": {"content": `+quoted("outputs")+
					`, "tool_calls": [{"arguments": "{\"to\": \"canary.call@example.com\"}"}]}}]}`),
				a("mlflow.chat.tools", `[{"description": `+quoted("tools")+`}]`),
				a(genai.ChatUsage, `{"input_tokens": 10, "output_tokens": 2}`),
			}},
			{ID: [8]byte{3}, Parent: [8]byte{1}, Name: "look_up", Attributes: []mlflow.Attribute{
				a(genai.SpanType, `"TOOL"`), a(genai.SpanFunctionName, `"look_up"`),
				a(genai.SpanInputs, `{"to": `+quoted("arguments")+`}`), a(genai.SpanOutputs, quoted("result")),
			}},
			{ID: [8]byte{4}, Parent: [8]byte{1}, Name: "retrieve", Attributes: []mlflow.Attribute{
				a(genai.SpanType, `"RETRIEVER"`), a(genai.SpanOutputs, `[{"page_content": `+quoted("document")+
					`, "metadata": {"doc_uri": `+quoted("document-uri")+`}}]`),
			}},
		},
	}
	*c = append(*c, "canary.serialized@", "canary.chunk@", "canary.call@")
	td := ptrace.NewTraces()
	genai.NewConverter(genai.Options{Payloads: payloads, CaptureContent: true}).Append(td,
		mlflow.Experiment{ID: "7", Name: "/experiments/one"}, trace)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("note", c.text("resource"))
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("process.command_line", c.text("command"))
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Attributes().PutStr("note", c.text("scope"))
	return td
}

// live is one span for each other dialect, with an ordinary span beside them.
func live(c *canaries) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("k8s.pod.ip", "10.0.0.1")
	rs.Resource().Attributes().PutStr("k8s.pod.annotation.note", c.text("annotation"))
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for marker, keys := range map[string][]string{
		"gen_ai.operation.name": {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions",
			"gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
			"gen_ai.tool.definitions", "gen_ai.retrieval.documents", "gen_ai.retrieval.query.text",
			"gen_ai.evaluation.explanation", "gen_ai.agent.description", "code.file.path", "user.id",
			"gen_ai.tool.name", "gen_ai.agent.name", "gen_ai.workflow.name"},
		"openinference.span.kind": {"input.value", "output.value", "llm.input_messages.0.message.content",
			"llm.output_messages.10.message.tool_calls.0.tool_call.function.arguments",
			"retrieval.documents.0.document.content", "llm.prompt_template.variables", "llm.invocation_parameters",
			"metadata", "tag.tags", "tool.parameters"},
		"traceloop.span.kind": {"gen_ai.prompt.0.content", "gen_ai.completion.0.content", "traceloop.entity.input",
			"traceloop.entity.output", "traceloop.association.properties.customer",
			"traceloop.association.properties.user_id", "traceloop.entity.name",
			"traceloop.entity.path", "llm.headers"},
		"langfuse.observation.type": {"langfuse.observation.input", "langfuse.observation.output", "langfuse.user.id",
			"langfuse.trace.metadata.note"},
	} {
		span := spans.AppendEmpty()
		span.SetName(c.text(marker + "-name"))
		span.Attributes().PutStr(marker, "chat")
		for _, key := range keys {
			span.Attributes().PutStr(key, c.text(key))
			span.Attributes().PutEmptySlice(key+".structured").AppendEmpty().SetEmptyMap().PutStr("k",
				c.text(key+".structured"))
		}
		e := span.Events().AppendEmpty()
		e.SetName("gen_ai.user.message")
		e.Attributes().PutStr("content", `{"content": `+string(c.json(marker+"-event"))+`}`)
	}
	return td
}

func text(t testing.TB, td ptrace.Traces) string {
	out, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return string(out)
}

// inputs are all traces of these tests, each with the canaries that it holds.
func inputs(t *testing.T, test func(t *testing.T, td ptrace.Traces, c canaries)) {
	for name, make := range map[string]func(*canaries) ptrace.Traces{
		"structured": func(c *canaries) ptrace.Traces { return ours(c, genai.PayloadsStructured) },
		"json":       func(c *canaries) ptrace.Traces { return ours(c, genai.PayloadsJSON) },
		"live":       live,
	} {
		t.Run(name, func(t *testing.T) {
			var c canaries
			td := make(&c)
			before := text(t, td)
			for _, each := range c {
				require.Contains(t, before, each, "the test has to have something to find")
			}
			test(t, td, c)
		})
	}
}

func apply(t *testing.T, td ptrace.Traces, c Config) Stats {
	p, err := New(c)
	require.NoError(t, err)
	return p.Apply(td)
}

func TestKeep(t *testing.T) {
	inputs(t, func(t *testing.T, td ptrace.Traces, _ canaries) {
		before := text(t, td)
		assert.Zero(t, apply(t, td, Config{}))
		assert.Equal(t, before, text(t, td))
	})
}

func TestDrop(t *testing.T) {
	inputs(t, func(t *testing.T, td ptrace.Traces, _ canaries) {
		stats := apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
		assert.NotContains(t, text(t, td), canary)
		assert.Positive(t, stats.Removed)
		assert.Zero(t, stats.Hashed)
		before := text(t, td)
		apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
		assert.Equal(t, before, text(t, td), "idempotent")
	})
}

func TestDropWithKey(t *testing.T) {
	inputs(t, func(t *testing.T, td ptrace.Traces, _ canaries) {
		stats := apply(t, td, Config{Action: ActionDrop, HashKey: secret})
		assert.NotContains(t, text(t, td), canary)
		assert.Positive(t, stats.Hashed)
	})
}

func TestHash(t *testing.T) {
	inputs(t, func(t *testing.T, td ptrace.Traces, c canaries) {
		stats := apply(t, td, Config{Action: ActionHash, HashKey: secret})
		got := text(t, td)
		for _, each := range c {
			if strings.Contains(each, "tag-key") { // keys stay
				continue
			}
			assert.NotContains(t, got, each)
		}
		assert.Positive(t, stats.Hashed)
		assert.Zero(t, stats.Removed)
	})
}

func TestMask(t *testing.T) {
	for persons, key := range map[PersonIDs]configopaque.String{PersonIDsDrop: "", PersonIDsHash: secret} {
		inputs(t, func(t *testing.T, td ptrace.Traces, c canaries) {
			valid := jsonStrings(td)
			stats := apply(t, td, Config{Action: ActionMask, PersonIDs: persons, HashKey: key})
			assert.NotContains(t, text(t, td), "@example.com")
			assert.Contains(t, text(t, td), "[email]")
			assert.GreaterOrEqual(t, stats.Masked, 1)
			assert.Equal(t, valid, jsonStrings(td), "what was JSON stays JSON")
			before := text(t, td)
			if key == "" {
				apply(t, td, Config{Action: ActionMask, PersonIDs: PersonIDsDrop})
				assert.Equal(t, before, text(t, td), "idempotent")
			}
		})
	}
}

func TestWhatStaysWhenContentIsDropped(t *testing.T) {
	var c canaries
	td := ours(&c, genai.PayloadsJSON)
	apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop, Keep: []string{"mlflow.traceTag.te*", "latency"}})
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	root := spans.At(0)
	assert.Equal(t, "invoke_agent", root.Name())
	assert.Equal(t, map[string]any{
		genai.SpanType: "AGENT", "latency": 1.5, "metric_good": 1.0, "token_count_request": int64(17),
		genai.CostTotal: 0.25, genai.OperationName: "invoke_agent", genai.ErrorType: "ValueError",
		genai.TraceRequestID: "tr-1", genai.ExperimentID: "7", genai.ClientRequestID: "client",
		genai.TraceSession: "session-1", genai.SessionID: "session-1", genai.ConversationID: "session-1",
		genai.Revision: int64(3), "mlflow.traceTag.team": "Dear canary.tag@example.com,\nhello",
	}, root.Attributes().AsRaw())
	assert.Equal(t, "exception", root.Events().At(0).Name())
	assert.Equal(t, map[string]any{genai.ExceptionType: "ValueError"}, root.Events().At(0).Attributes().AsRaw())
	assert.Equal(t, "mlflow.chunk.item.0", root.Events().At(1).Name())
	assert.Equal(t, "event", root.Events().At(2).Name())
	assert.Equal(t, ptrace.StatusCodeError, root.Status().Code())

	model := spans.At(1)
	assert.Equal(t, "chat gpt-4o", model.Name())
	assert.Equal(t, map[string]any{
		genai.SpanType: "CHAT_MODEL", genai.OperationName: "chat", genai.RequestModel: "gpt-4o",
		genai.RequestTemperature: 0.5, genai.UsageInput: int64(10), genai.UsageOutput: int64(2),
		genai.ChatUsage: `{"input_tokens": 10, "output_tokens": 2}`, genai.JSONAttributes: []any{genai.ChatUsage},
	}, model.Attributes().AsRaw())

	tool := spans.At(2)
	assert.Equal(t, "look_up", tool.Name(), "the name of the function")
	assert.Equal(t, "look_up", tool.Attributes().AsRaw()[genai.ToolName])
	assert.Equal(t, "retrieval", spans.At(3).Name())
	assert.Equal(t, map[string]any{"service.name": "one", genai.ExperimentID: "7",
		genai.ExperimentName: "/experiments/one"}, td.ResourceSpans().At(0).Resource().Attributes().AsRaw())
}

func TestKeepNames(t *testing.T) {
	var c canaries
	td := ours(&c, genai.PayloadsStructured)
	apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop, Keep: []string{"name"}})
	root := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	assert.Contains(t, root.Name(), "span-name")
	assert.Contains(t, root.Events().At(2).Name(), "event-name")
	assert.Contains(t, root.Attributes().AsRaw(), genai.AgentName)
}

func TestPersons(t *testing.T) {
	for _, payloads := range []genai.Payloads{genai.PayloadsStructured, genai.PayloadsJSON} {
		for _, config := range []Config{{Action: ActionMask, PersonIDs: PersonIDsDrop},
			{Action: ActionMask, PersonIDs: PersonIDsHash, HashKey: secret}, {Action: ActionMask, HashKey: secret}} {
			want := config.PersonIDs != PersonIDsDrop
			var c canaries
			td := ours(&c, payloads)
			p, err := New(config)
			require.NoError(t, err)
			p.Apply(td)
			attrs := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
			user, ok := attrs[genai.UserID]
			assert.Equal(t, want, ok)
			if want {
				assert.Equal(t, p.digest([]byte("Dear canary.user@example.com,\nhello")), user)
				assert.Equal(t, user, attrs[genai.TraceUser], "equal ids stay equal")
			}
			var list []struct {
				Source struct {
					Type string `json:"source_type"`
					ID   string `json:"source_id"`
				}
			}
			raw, isText := attrs[genai.Assessments].(string)
			if !isText {
				b, err := json.Marshal(attrs[genai.Assessments])
				require.NoError(t, err)
				raw = string(b)
			}
			require.NoError(t, json.Unmarshal([]byte(raw), &list))
			require.Len(t, list, 4)
			for _, a := range list {
				switch a.Source.Type {
				case "HUMAN":
					if want {
						assert.Equal(t, p.digest([]byte("Dear canary.reviewer@example.com,\nhello")), a.Source.ID)
					} else {
						assert.Empty(t, a.Source.ID)
					}
				case "LLM_JUDGE":
					assert.Equal(t, "judge-1", a.Source.ID)
				case "CODE":
					assert.Equal(t, "code-1", a.Source.ID)
				}
			}
		}
	}
}

// Assessments are found under both of their names and in each form in which scores are read from them.
func TestAssessorsInEveryForm(t *testing.T) {
	const list = `[{"name": "a", "source": {"source_type": "HUMAN", "source_id": "canary-1"}},
		{"name": "b", "source": {"source_type": "LLM_JUDGE", "source_id": "judge-1"}},
		{"name": "c", "source_type": "CODE"}, {"name": "d", "source_id": "canary-2"}]`
	quoted, err := json.Marshal(list)
	require.NoError(t, err)
	twice, err := json.Marshal(string(quoted))
	require.NoError(t, err)
	var structured []any
	require.NoError(t, json.Unmarshal([]byte(list), &structured))
	for _, key := range []string{genai.Assessments, genai.PlainAssessments} {
		for name, value := range map[string]any{"text": list, "text in a string": string(quoted),
			"twice in a string": string(twice), "structured": structured} {
			for _, c := range []Config{{Action: ActionMask, PersonIDs: PersonIDsHash, HashKey: secret},
				{Action: ActionMask, PersonIDs: PersonIDsDrop},
				{Action: ActionDrop, PersonIDs: PersonIDsDrop, Keep: []string{key}}} {
				td := ptrace.NewTraces()
				span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
				span.Attributes().PutStr(genai.OperationName, "chat")
				require.NoError(t, span.Attributes().PutEmpty(key).FromRaw(value))
				apply(t, td, c)
				got := text(t, td)
				assert.NotContains(t, got, canary, "%s, %s, %s", key, name, c.Action)
				assert.Contains(t, got, "judge-1", "%s, %s, %s", key, name, c.Action)
			}
		}
	}
}

// With the action hash too, ids of persons go when they are to be dropped, and the rest is hashed.
func TestPersonsAreDroppedFromWhatIsHashed(t *testing.T) {
	var c canaries
	td := ours(&c, genai.PayloadsJSON)
	stats := apply(t, td, Config{Action: ActionHash, PersonIDs: PersonIDsDrop, HashKey: secret})
	attrs := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
	assert.NotContains(t, attrs, genai.UserID)
	assert.NotContains(t, attrs, genai.TraceUser)
	assert.Len(t, attrs[genai.Assessments], 64)
	assert.Positive(t, stats.Removed)
	assert.Positive(t, stats.Hashed)
}

func TestMaskKeepsIDs(t *testing.T) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("k8s.pod.ip", "10.0.0.1")
	rs.Resource().Attributes().PutStr(genai.ExperimentName, "/Users/alice@example.com/one")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.Attributes().PutStr(genai.ExperimentID, "4111111111111111")
	span.Attributes().PutStr(genai.SessionID, "alice@example.com/555-123-4567")
	span.Attributes().PutInt("anything", 4111111111111111)
	span.Attributes().PutInt("gen_ai.usage.total", 4111111111111111)
	apply(t, td, Config{Action: ActionMask, PersonIDs: PersonIDsDrop})
	assert.Equal(t, map[string]any{genai.ExperimentID: "4111111111111111", genai.SessionID: "[email]/555-123-4567",
		"anything": "[card]", "gen_ai.usage.total": int64(4111111111111111)}, span.Attributes().AsRaw())
	assert.Equal(t, map[string]any{"k8s.pod.ip": "10.0.0.1", genai.ExperimentName: "/Users/[email]/one"},
		rs.Resource().Attributes().AsRaw())
}

// Claude Code names an account by two ids beside user.id, on each span and log record.
func TestAccountsArePersons(t *testing.T) {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName("com.anthropic.claude_code.tracing")
	span := ss.Spans().AppendEmpty()
	for _, key := range []string{genai.UserID, "user.account_id", "user.account_uuid"} {
		span.Attributes().PutStr(key, canary)
	}
	apply(t, td, Config{Action: ActionMask, PersonIDs: PersonIDsDrop})
	assert.Empty(t, span.Attributes().AsRaw())
}

// Names without a namespace say that a span is a GenAI span only in the scopes whose they are.
func TestNamesWithoutANamespace(t *testing.T) {
	for scope, treated := range map[string]bool{"pydantic-ai": true, "billing": false} {
		td := ptrace.NewTraces()
		ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		ss.Scope().SetName(scope)
		span := ss.Spans().AppendEmpty()
		span.Attributes().PutStr("model_name", "test")
		span.Attributes().PutStr("all_messages_events", `[{"content": "`+canary+`"}]`)
		apply(t, td, Config{Action: ActionDrop, PersonIDs: PersonIDsDrop})
		_, left := span.Attributes().Get("all_messages_events")
		assert.Equal(t, treated, !left, scope)
	}
}

func TestOtherSpansAreLeftAlone(t *testing.T) {
	for _, action := range []Action{ActionDrop, ActionMask, ActionHash} {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("note", "a@example.com")
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetName("GET /a@example.com")
		span.Attributes().PutStr("http.route", "a@example.com")
		span.Attributes().PutStr(genai.UserID, "a@example.com")
		before := text(t, td)
		c := Config{Action: action, HashKey: secret}
		assert.Zero(t, apply(t, td, c))
		assert.Equal(t, before, text(t, td))
	}
}

func TestHashIsKeyed(t *testing.T) {
	var got []string
	for _, key := range []string{secret, secret, secret + "x"} {
		v := pcommon.NewValueStr("alice")
		(&Policy{key: []byte(key)}).hash(v)
		got = append(got, v.Str())
	}
	assert.Len(t, got[0], 64)
	assert.Equal(t, got[0], got[1])
	assert.NotEqual(t, got[0], got[2])
}

// jsonStrings counts the string values of td that are JSON objects or lists.
func jsonStrings(td ptrace.Traces) (n int) {
	var walk func(v pcommon.Value)
	attrs := func(m pcommon.Map) {
		for _, v := range m.All() {
			walk(v)
		}
	}
	walk = func(v pcommon.Value) {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			if s := v.Str(); strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
				if json.Valid([]byte(s)) {
					n++
				}
			}
		case pcommon.ValueTypeMap:
			attrs(v.Map())
		case pcommon.ValueTypeSlice:
			for _, e := range v.Slice().All() {
				walk(e)
			}
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				attrs(s.Attributes())
				for _, e := range s.Events().All() {
					attrs(e.Attributes())
				}
			}
		}
	}
	return n
}
