// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

// readable returns the readable text of JSON inputs or outputs.
func readable(text string) string {
	var r Reader
	r.Limit = 1 << 20
	return r.readable([]byte(text)).Text
}

func TestReadableText(t *testing.T) {
	tests := map[string]struct{ json, want string }{
		"string": {`"hello"`, "hello"},
		"data":   {`{"question": "where?", "n": 3, "more": {"a": ["b", null, true]}}`, "where?\nb"},
		"number": {`5`, "5"},
		"null":   {`null`, ""},
		"OpenAI chat": {`{"model": "gpt-4o", "messages": [{"role": "system", "content": "Be brief."}, ` +
			`{"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", ` +
			`"image_url": {"url": "data:image/png;base64,AAAA"}}]}], "temperature": 0}`, "Be brief.\nWhat is this?"},
		"OpenAI tool call": {`{"id": "c", "choices": [{"finish_reason": "tool_calls", "message": {"role": ` +
			`"assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": ` +
			`"lookup", "arguments": "{\"id\": 7}"}}]}}], "usage": {"prompt_tokens": 1}}`, "lookup\n{\"id\": 7}"},
		"OpenAI tool result": {`{"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "sent"}, ` +
			`{"role": "user", "name": "ann", "content": "thanks"}]}`, "sent\nthanks"},
		"completion":        {`{"prompt": ["one", "two"], "stop": "x"}`, "one\ntwo"},
		"completion answer": {`{"choices": [{"text": "three", "index": 0}]}`, "three"},
		"Responses": {`{"model": "gpt-5", "instructions": "Be brief.", "input": [{"role": "user", ` +
			`"content": "hi"}, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, {"type": ` +
			`"function_call_output", "call_id": "c", "output": "42"}]}`, "Be brief.\nhi\nf\n{}\n42"},
		"Responses input": {`{"input": "just this", "model": "gpt-5"}`, "just this"},
		"Responses output": {`{"id": "r", "output": [{"type": "reasoning", "summary": [{"type": "summary_text", ` +
			`"text": "thinking"}], "encrypted_content": "xxx"}, {"type": "message", "role": "assistant", "content": ` +
			`[{"type": "output_text", "text": "answer", "annotations": []}]}]}`, "thinking\nanswer"},
		"ResponsesAgent": {
			`{"request": {"input": [{"role": "user", "content": "hi"}], "context": {"user_id": "u"}}}`, "hi"},
		"Anthropic": {`{"system": [{"type": "text", "text": "Be kind."}], "messages": [{"role": "user", ` +
			`"content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": ` +
			`"sunny"}]}, {"type": "image", "source": {"type": "base64", "data": "AAAA"}}]}]}`, "Be kind.\nsunny"},
		"Anthropic answer": {`{"id": "m", "type": "message", "role": "assistant", "content": [{"type": ` +
			`"thinking", "thinking": "hmm", "signature": "abc"}, {"type": "text", "text": "It is"}, {"type": ` +
			`"tool_use", "id": "t", "name": "weather", "input": {"city": "Bonn"}}], "stop_reason": "tool_use"}`,
			"hmm\nIt is\nweather\n{\"city\": \"Bonn\"}"},
		"Gemini": {`{"systemInstruction": {"parts": [{"text": "S"}]}, "contents": [{"role": "user", ` +
			`"parts": [{"text": "hi"}, {"inlineData": {"data": "AAAA"}}]}, {"role": "model", "parts": ` +
			`[{"functionCall": {"name": "f", "args": {"a": 1}}}]}, {"role": "user", "parts": [{"functionResponse": ` +
			`{"name": "f", "response": {"result": 2}}}]}]}`, "S\nhi\nf\n{\"a\": 1}\n2"},
		"Gemini answer": {
			`{"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}`,
			"ok"},
		"Bedrock": {`{"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hi"}, ` +
			`{"toolResult": {"toolUseId": "t", "content": [{"text": "r"}]}}]}], "system": [{"text": "S"}]}`,
			"hi\nr\nS"},
		"Bedrock answer": {`{"output": {"message": {"role": "assistant", "content": [{"text": "yo"}, ` +
			`{"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}]}}, "stopReason": "end_turn"}`,
			"yo\nf\n{\"a\": 1}"},
		"LangChain": {`[[{"type": "system", "content": "S"}, {"type": "human", "content": "hi", ` +
			`"additional_kwargs": {"x": "y"}}]]`, "S\nhi"},
		"LangChain dumped": {`[[{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", ` +
			`"HumanMessage"], "kwargs": {"content": "hi", "type": "human"}}]]`, "hi"},
		"LangChain answer": {`{"generations": [[{"text": "hello", "generation_info": {"finish_reason": "stop"}, ` +
			`"message": {"type": "ai", "content": "hello", "tool_calls": [{"name": "f", "args": {"a": 1}, "id": ` +
			`"x", "type": "tool_call"}]}}]], "llm_output": {"model": "x"}}`, "hello\nf\n{\"a\": 1}"},
		"LangGraph": {`{"messages": [{"content": "q", "type": "human", "id": "1"}, {"content": "a", ` +
			`"type": "ai", "response_metadata": {"model_name": "x"}}]}`, "q\na"},
		"OTel GenAI": {`[{"role": "user", "parts": [{"type": "text", "content": "hi"}, {"type": "blob", ` +
			`"modality": "image", "content": "` + strings.Repeat("QUJD", 200) +
			`"}]}, {"role": "assistant", "parts": [{"type": "reasoning", "content": "r"}, {"type": "tool_call", ` +
			`"id": "c", "name": "f", "arguments": {"a": 1}}]}, {"role": "tool", "parts": [{"type": ` +
			`"tool_call_response", "id": "c", "response": "done"}]}]`, "hi\nr\nf\n{\"a\": 1}\ndone"},
		"arguments": {
			`{"system": "S", "question": "q", "input": "i", "history": [{"type": "human", "content": "h"}]}`,
			"S\nq\ni\nh"},
		"documents": {`[{"page_content": "text", "metadata": {"source": "a.md"}}]`, "text\na.md"},
		"data URI": {`{"a": "data:image/png;base64,` + "AAAA" + `", "b": "data: of course"}`,
			"data: of course"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, readable(tt.json)) })
	}
}

func TestMessagesAreCounted(t *testing.T) {
	var r Reader
	text := r.readable([]byte(`{"messages": [{"role": "system", "content": "a"}, {"role": "user", "name": "ann", ` +
		`"content": "b"}, {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", ` +
		`"arguments": "{}"}}]}]}`))
	assert.Equal(t, 3, text.Messages)
	assert.Equal(t, 1, text.Names)
}

// span returns a span of a foreign producer, or of the receiver if payloads is given, as the batch
// reads it.
func span(payloads genai.Payloads, fill func(ptrace.Span)) *spans.Span {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	if payloads != "" {
		ss.Scope().Attributes().PutStr(genai.PayloadsMode, string(payloads))
	}
	fill(ss.Spans().AppendEmpty())
	var b spans.Batch
	b.Read(td)
	return &b.Spans[0]
}

func TestStringsStandForWhatTheProducerSays(t *testing.T) {
	list := func(s ptrace.Span) {
		s.Attributes().PutEmptySlice(genai.JSONAttributes).AppendEmpty().SetStr(genai.SpanInputs)
	}
	tests := map[string]struct {
		payloads genai.Payloads
		value    string
		listed   bool
		want     string
	}{
		"a string":        {genai.PayloadsStructured, `{"a":1}`, false, `{"a":1}`},
		"a quoted string": {genai.PayloadsStructured, `"a"`, false, `"a"`},
		"a big integer": {genai.PayloadsStructured, `123456789012345678901`, true,
			`123456789012345678901`},
		"JSON payload": {genai.PayloadsJSON, `{"b":1.50,"a":"\u00e9", "a": "x"}`, true,
			`{"b": 1.5, "a": "x"}`},
		"a string beside JSON payloads": {genai.PayloadsJSON, `{"a":1}`, false, `{"a":1}`},
		"foreign JSON":                  {"", `{"a":1,"b":"\u00e9"}`, false, `{"a": 1, "b": "é"}`},
		"foreign JSON string":           {"", `"a\nb"`, false, "a\nb"},
		"foreign text":                  {"", `a [b`, false, `a [b`},
		"foreign broken JSON":           {"", `{"a":1`, false, `{"a":1`},
		"empty":                         {"", ``, false, ``},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := span(tt.payloads, func(s ptrace.Span) {
				s.Attributes().PutStr(genai.SpanInputs, tt.value)
				if tt.listed {
					list(s)
				}
			})
			r := Reader{Limit: 1 << 20}
			got := r.Of(s, spans.DirectionRequest, ModeRaw)
			assert.True(t, got.Found)
			assert.Equal(t, tt.want, got.Text)
			assert.False(t, r.Of(s, spans.DirectionResponse, ModeRaw).Found)
		})
	}
}

// What structured form can't hold counts as what it is.
func TestJSONInsideOfStructuredValues(t *testing.T) {
	deep := strings.Repeat(`{"k": [`, 20) + `"x"` + strings.Repeat(`]}`, 20)
	text := `{"deep": ` + deep +
		`, "big": [123456789012345678901, -123456789012345678901], "number": "5", "brace": "{}"}`
	s := pcommon.NewValueEmpty()
	build(t, s, text, 0)
	r := Reader{Limit: 1 << 20}
	assert.Equal(t, text, r.value(s, listed, ModeRaw).Text)
}

// build writes JSON text as the converter does.
func build(t *testing.T, v pcommon.Value, text string, depth int) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	tok, err := d.Token()
	require.NoError(t, err)
	rest := func() string {
		var raw json.RawMessage
		require.NoError(t, d.Decode(&raw))
		return string(raw)
	}
	switch x := tok.(type) {
	case json.Delim:
		if depth == 24 {
			v.SetStr(text)
			return
		}
		if x == '{' {
			m := v.SetEmptyMap()
			for d.More() {
				key, err := d.Token()
				require.NoError(t, err)
				build(t, m.PutEmpty(key.(string)), rest(), depth+1)
			}
			return
		}
		list := v.SetEmptySlice()
		for d.More() {
			build(t, list.AppendEmpty(), rest(), depth+1)
		}
	case json.Number:
		if n, err := x.Int64(); err == nil {
			v.SetInt(n)
		} else {
			v.SetStr(x.String())
		}
	case string:
		v.SetStr(x)
	}
}

func TestSources(t *testing.T) {
	put := func(pairs ...string) func(ptrace.Span) {
		return func(s ptrace.Span) {
			for i := 0; i < len(pairs); i += 2 {
				s.Attributes().PutStr(pairs[i], pairs[i+1])
			}
		}
	}
	tests := map[string]struct {
		fill              func(ptrace.Span)
		request, response string // Raw
		human             string // of the request; empty: as request
	}{
		"OTel GenAI": {
			put("gen_ai.system_instructions", `[{"type":"text","content":"S"}]`, "gen_ai.input.messages",
				`[{"role":"user","parts":[{"type":"text","content":"q"}]}]`,
				"gen_ai.output.messages",
				`[{"role":"assistant","parts":[{"type":"text","content":"a"}],"finish_reason":"stop"}]`,
				"input.value", "not this"),
			`[{"type": "text", "content": "S"}]` + "\n" +
				`[{"role": "user", "parts": [{"type": "text", "content": "q"}]}]`,
			`[{"role": "assistant", "parts": [{"type": "text", "content": "a"}], "finish_reason": "stop"}]`, "S\nq",
		},
		"tool": {put("gen_ai.tool.call.arguments", `{"a":1}`, "gen_ai.tool.call.result", "ok"),
			`{"a": 1}`, "ok", `{"a": 1}`},
		"OpenInference": {
			put("llm.input_messages.10.message.content", "third", "llm.input_messages.2.message.content", "second",
				"llm.input_messages.0.message.role", "user",
				"llm.input_messages.0.message.contents.1.message_content.text", "b",
				"llm.input_messages.0.message.contents.0.message_content.text", "a",
				"llm.input_messages.0.message.contents.2.message_content.image.image.url", "data:x",
				"llm.output_messages.0.message.content", "x",
				"llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", `{"q":1}`,
				"llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "find",
				"input.value", "not this"),
			"a\nb\nsecond\nthird", "x\nfind\n{\"q\":1}", "",
		},
		"OpenLLMetry": {
			put("gen_ai.prompt.1.content", `[{"type":"text","text":"two"}]`, "gen_ai.prompt.0.content", "one",
				"gen_ai.prompt.0.role", "user", "gen_ai.completion.0.content", "x",
				"gen_ai.completion.0.tool_calls.0.name", "find", "gen_ai.completion.0.tool_calls.0.arguments", "{}",
				"gen_ai.completion.0.finish_reason", "stop"),
			"one\n" + `[{"type":"text","text":"two"}]`, "x\nfind\n{}", "one\ntwo",
		},
		"values": {put("input.value", `{"a":1, "b":"c"}`, "output.value", "x", "traceloop.entity.input", "not this"),
			`{"a":1, "b":"c"}`, "x", "c"},
		"traceloop": {put("traceloop.entity.input", "q", "traceloop.entity.output", "x"), "q", "x", ""},
		"previews":  {put(genai.RequestPreview, "q", genai.ResponsePreview, "x"), "q", "x", ""},
		"events": {
			func(s ptrace.Span) {
				for _, e := range [][3]string{{"gen_ai.system.message", "content", "S"},
					{"gen_ai.user.message", "content", "q"},
					{"gen_ai.choice", "message", `{"role":"assistant","content":"x"}`}, {"log", "content", "no"}} {
					event := s.Events().AppendEmpty()
					event.SetName(e[0])
					event.Attributes().PutStr(e[1], e[2])
				}
			},
			"S\nq", `{"role":"assistant","content":"x"}`, "",
		},
		"event with messages": {
			func(s ptrace.Span) {
				event := s.Events().AppendEmpty()
				event.SetName("gen_ai.client.inference.operation.details")
				event.Attributes().PutEmptySlice("gen_ai.input.messages").AppendEmpty().SetEmptyMap().PutStr("content",
					"q")
				event.Attributes().PutStr("gen_ai.output.messages", `[]`)
			},
			`[{"content": "q"}]`, `[]`, "q",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := span("", tt.fill)
			assert.True(t, s.GenAI)
			r := Reader{Limit: 1 << 20}
			assert.Equal(t, tt.request, r.Of(s, spans.DirectionRequest, ModeRaw).Text)
			assert.Equal(t, tt.response, r.Of(s, spans.DirectionResponse, ModeRaw).Text)
			want := tt.human
			if want == "" {
				want = tt.request
			}
			assert.Equal(t, want, r.Of(s, spans.DirectionRequest, ModeText).Text)
		})
	}
}

func TestNullIsMissingAndEmptyIsNot(t *testing.T) {
	s := span("", func(s ptrace.Span) {
		s.Attributes().PutEmpty(genai.SpanInputs)
		s.Attributes().PutStr(genai.SpanOutputs, "")
	})
	r := Reader{Limit: 10}
	assert.Equal(t, Text{}, r.Of(s, spans.DirectionRequest, ModeRaw))
	assert.Equal(t, Text{Found: true}, r.Of(s, spans.DirectionResponse, ModeRaw))
}

// MLflow's exporter for OTLP sends JSON text of everything, None included, where the mlflow
// receiver has values.
func TestNullAndStringsOverOTLP(t *testing.T) {
	fill := func(s ptrace.Span) {
		s.Attributes().PutStr(genai.SpanInputs, "null")
		s.Attributes().PutStr(genai.SpanOutputs, `"where is it?"`)
	}
	foreign, ours := span("", fill), span(genai.PayloadsStructured, fill)
	r := Reader{Limit: 100}
	for _, mode := range []Mode{ModeRaw, ModeText} {
		assert.Equal(t, Text{}, r.Of(foreign, spans.DirectionRequest, mode))
		assert.Equal(t, "where is it?", r.Of(foreign, spans.DirectionResponse, mode).Text)
		assert.Equal(t, "null", r.Of(ours, spans.DirectionRequest, mode).Text)
	}
	assert.Equal(t, `"where is it?"`, r.Of(ours, spans.DirectionResponse, ModeRaw).Text, "a string with quotes in it")
	nested := span("", func(s ptrace.Span) {
		s.Attributes().PutStr(genai.SpanInputs, `"{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}"`)
	})
	assert.Equal(t, "q", r.Of(nested, spans.DirectionRequest, ModeText).Text,
		"JSON text within a string is read as such")
}

func TestCutPreviews(t *testing.T) {
	for n, cut := range map[int]bool{999: false, 1000: true, 1001: false, 10_000: true} {
		s := span("",
			func(s ptrace.Span) { s.Attributes().PutStr(genai.RequestPreview, strings.Repeat("é", n-3)+"...") })
		r := Reader{Limit: 1 << 20}
		assert.Equal(t, cut, r.Of(s, spans.DirectionRequest, ModeRaw).Truncated, n)
	}
}

func TestLimit(t *testing.T) {
	long := strings.Repeat("é", 100)
	tests := map[string]func(ptrace.Span){
		"string":     func(s ptrace.Span) { s.Attributes().PutStr(genai.SpanInputs, long) },
		"structured": func(s ptrace.Span) { s.Attributes().PutEmptyMap(genai.SpanInputs).PutStr("a", long) },
		"many":       func(s ptrace.Span) { addMany(s.Attributes().PutEmptySlice(genai.SpanInputs)) },
		"JSON":       func(s ptrace.Span) { s.Attributes().PutStr(genai.SpanInputs, `{"a": "`+long+`"}`) },
		"messages":   func(s ptrace.Span) { s.Attributes().PutStr("llm.input_messages.0.message.content", long) },
		"system": func(s ptrace.Span) {
			s.Attributes().PutStr("gen_ai.system_instructions", long)
			s.Attributes().PutStr("gen_ai.input.messages", long)
		},
	}
	for name, fill := range tests {
		for _, mode := range []Mode{ModeRaw, ModeText} {
			for limit := 30; limit < 34; limit++ {
				r := Reader{Limit: limit}
				text := r.Of(span("", fill), spans.DirectionRequest, mode)
				assert.True(t, text.Truncated, "%s %s", name, mode)
				assert.True(t, utf8.ValidString(text.Text), "%s %s", name, mode)
				assert.InDelta(t, limit, len(text.Text), 3, "%s %s", name, mode)
			}
		}
	}
}

func addMany(list pcommon.Slice) {
	for i := range 100 {
		list.AppendEmpty().SetStr(strconv.Itoa(i))
	}
}

// FuzzText checks that any string in any place gives text of at most the limit, in both modes,
// again and again the same.
func FuzzText(f *testing.F) {
	keys := []string{genai.SpanInputs, "gen_ai.input.messages", "llm.input_messages.0.message.content",
		"gen_ai.prompt.0.content", "input.value", genai.RequestPreview, "gen_ai.tool.call.arguments"}
	for i, seed := range []string{
		`{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image_url"}]}]}`,
		`{"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]}`,
		`[[{"type": "human", "content": "hi"}]]`,
		`{"generations": [[{"text": "a", "message": {"kwargs": {"content": "b"}}}]]}`, `"x"`, "\xff",
		`{"request": {"request": {"request": {}}}}`, strings.Repeat("[", 100), `[{"role":1,"name":[]}]`,
	} {
		f.Add(seed, uint8(i))
	}
	f.Fuzz(func(t *testing.T, value string, key uint8) {
		s := span("", func(s ptrace.Span) { s.Attributes().PutStr(keys[int(key)%len(keys)], value) })
		r := Reader{Limit: 1000}
		for _, mode := range []Mode{ModeRaw, ModeText} {
			first := r.Of(s, spans.DirectionRequest, mode)
			text := strings.Clone(first.Text)
			require.True(t, first.Found)
			require.LessOrEqual(t, len(text), 1000)
			again := r.Of(s, spans.DirectionRequest, mode)
			require.Equal(t, text, again.Text)
			r.Release()
		}
	})
}

// FuzzOutline checks that walking a text by its outline finds the same values as reading it from
// start to end.
func FuzzOutline(f *testing.F) {
	long := strings.Repeat(`{"a\"]}": "\\", "b": [1, -2.5e3, NaN, true, null, "`+strings.Repeat("x", 100)+`"]}, `, 5)
	for _, seed := range []string{`{}`, ` [ 1 , [ ] , {"a" : {} } ] `, "[" + long + "[[" + long + "1], 2]]",
		`{"a": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `, "b": "` + strings.Repeat(`\"`, 200) +
			`"}`, `[[[]], "]"]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isJSON(s) {
			return
		}
		var o outline
		same(t, &o, o.read([]byte(s)), 0)
	})
}

func same(t *testing.T, o *outline, value []byte, depth int) {
	if depth > 50 {
		return
	}
	s := pyjson.NewScanner(value)
	switch k := s.Kind(); k {
	case pyjson.KindArray:
		s.Open(k)
		c := o.inside(value)
		first := true
		for s.NextElement() {
			e, ok := c.element()
			require.True(t, ok)
			require.Equal(t, string(s.Skip()), string(e))
			if leaf := o.firstLeaf(value, 0); first && kindOf(e) != pyjson.KindArray {
				require.Equal(t, string(e), string(leaf))
			}
			first = false
			same(t, o, e, depth+1)
		}
		_, ok := c.element()
		require.False(t, ok)
	case pyjson.KindObject:
		s.Open(k)
		c := o.inside(value)
		for s.NextMember() {
			m, ok := c.member()
			require.True(t, ok)
			require.Equal(t, s.KeyString(), m.key)
			require.Equal(t, string(s.Skip()), string(m.value))
			same(t, o, m.value, depth+1)
		}
		_, ok := c.member()
		require.False(t, ok)
	}
}

// Looking ahead for messages doesn't read what is nested again at each level.
func TestNestingCostsNothing(t *testing.T) {
	numbers := "[" + strings.Repeat("1,", 1<<18) + "1]"
	took := func(text string) time.Duration {
		r := Reader{Limit: 1 << 20}
		s := span("", func(s ptrace.Span) { s.Attributes().PutStr(genai.SpanInputs, text) })
		best := time.Hour
		for range 3 {
			start := time.Now()
			r.Of(s, spans.DirectionRequest, ModeText)
			best = min(best, time.Since(start))
		}
		return best
	}
	flat := took(numbers)
	for open, end := range map[string]string{"[": "]", `{"a": `: "}", `{"messages": [{"content": [`: "]}]}",
		`[{"a": `: "}]"} {
		depth := 30 / max(1, strings.Count(open, "{")+strings.Count(open, "["))
		assert.Less(t, took(strings.Repeat(open, depth)+numbers+strings.Repeat(end, depth)), 20*flat, "%s", open)
	}
}
