// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

// part is one text of messages that are spread over attributes. Texts follow each other by message,
// then what they are, then their numbers.
type part struct {
	message int
	what    int8
	part    int
	field   int8
	text    string
}

// The order of texts within a message.
const (
	ofContent int8 = iota
	ofPart
	ofCall
)

func byPlace(a, b part) int {
	return cmp.Or(cmp.Compare(a.message, b.message), cmp.Compare(a.what, b.what), cmp.Compare(a.part, b.part),
		cmp.Compare(a.field, b.field))
}

// number cuts a decimal number and the dot behind it from the front of an attribute's name.
func number(name string) (n int, rest string, ok bool) {
	digits, rest, _ := strings.Cut(name, ".")
	n, err := strconv.Atoi(digits)
	return n, rest, err == nil && n >= 0
}

// flattened is a dialect that spreads the messages of each direction over attributes:
// <prefix>N.<field> or, for lists within a message, <prefix>N.<list>.N.<field>.
type flattened struct {
	prefix  [2]string           // by direction
	message string              // what may stand between the number of a message and the field
	fields  map[[2]string]place // by list, "" for the message itself, and field
	names   string              // the field with the name of who speaks, "" without
}

// place is where a text stands within its message.
type place struct{ what, field int8 }

var openInference = flattened{
	prefix:  [2]string{"llm.input_messages.", "llm.output_messages."},
	message: "message.",
	fields: map[[2]string]place{
		{"", "content"}:                                {what: ofContent},
		{"contents", "message_content.text"}:           {what: ofPart},
		{"", "function_call_name"}:                     {what: ofCall},
		{"", "function_call_arguments_json"}:           {what: ofCall, field: 1},
		{"tool_calls", "tool_call.function.name"}:      {what: ofCall},
		{"tool_calls", "tool_call.function.arguments"}: {what: ofCall, field: 1},
	},
	names: "name",
}

var openLLMetry = flattened{
	prefix: [2]string{"gen_ai.prompt.", "gen_ai.completion."},
	fields: map[[2]string]place{
		{"", "content"}:             {what: ofContent},
		{"", "reasoning"}:           {what: ofPart},
		{"tool_calls", "name"}:      {what: ofCall},
		{"tool_calls", "arguments"}: {what: ofCall, field: 1},
	},
}

// oldOpenLLMetry are its names before those of the conventions.
var oldOpenLLMetry = flattened{
	prefix: [2]string{"llm.prompts.", "llm.completions."},
	fields: map[[2]string]place{
		{"", "content"}:             {what: ofContent},
		{"tool_calls", "name"}:      {what: ofCall},
		{"tool_calls", "arguments"}: {what: ofCall, field: 1},
	},
}

// flat reads the messages of one direction in a flattened dialect.
func (r *Reader) flat(f *flattened, s *spans.Span, d spans.Direction, mode Mode) Text {
	r.parts = r.parts[:0]
	names := 0
	for key, v := range s.Attributes().All() {
		name, ok := strings.CutPrefix(key, f.prefix[d])
		if !ok {
			continue
		}
		var p part
		if p.message, name, ok = number(name); !ok {
			continue
		}
		name = strings.TrimPrefix(name, f.message)
		list := ""
		if head, rest, nested := strings.Cut(name, "."); nested {
			list = head
			if p.part, name, ok = number(rest); !ok {
				continue
			}
		}
		if list == "" && f.names != "" && name == f.names {
			names++
		}
		if at, known := f.fields[[2]string{list, name}]; known {
			p.what, p.field, p.text = at.what, at.field, stringOfValue(v)
			r.parts = append(r.parts, p)
		}
	}
	t := r.joined(mode)
	t.Names = names
	return t
}

// events reads the events gen_ai.user.message, gen_ai.choice and their like.
func (r *Reader) events(s *spans.Span, d spans.Direction, mode Mode) Text {
	r.parts = r.parts[:0]
	n := 0
	for _, e := range s.Events().All() {
		var keys [3]string
		switch e.Name() {
		case "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message":
			if d == spans.DirectionRequest {
				keys = [3]string{"content", "gen_ai.event.content", "tool_calls"}
			}
		case "gen_ai.content.prompt":
			if d == spans.DirectionRequest {
				keys = [3]string{"gen_ai.prompt"}
			}
		case "gen_ai.choice":
			if d == spans.DirectionResponse {
				keys = [3]string{"message", "content", "gen_ai.event.content"}
			}
		case "gen_ai.content.completion":
			if d == spans.DirectionResponse {
				keys = [3]string{"gen_ai.completion"}
			}
		}
		for i, key := range keys {
			if v, ok := e.Attributes().Get(key); ok && key != "" && v.Type() != pcommon.ValueTypeEmpty {
				r.parts = append(r.parts, part{message: n, field: int8(i), text: stringOfValue(v)})
			}
		}
		if keys[0] != "" {
			n++
		}
	}
	return r.joined(mode)
}

// joined returns the collected texts in their order, a line for each. In Human mode a text that is
// JSON of messages or their parts is read as such.
func (r *Reader) joined(mode Mode) Text {
	slices.SortStableFunc(r.parts, byPlace)
	t := Text{Found: true}
	r.human.reset(r.out[:0])
	last := -1
	for i := range r.parts {
		p := &r.parts[i]
		if p.message != last {
			t.Messages++
			last = p.message
		}
		if len(r.human.dst) > r.Limit {
			t.Truncated = true
			break
		}
		switch {
		case mode == ModeText && p.what != ofCall && looksLikeJSON(p.text) && isJSON(p.text) &&
			r.human.conversation(bytesOf(p.text)):
		case mode == ModeText:
			r.human.line(bytesOf(p.text))
		default:
			if i > 0 {
				r.human.dst = append(r.human.dst, '\n')
			}
			r.human.dst = append(r.human.dst, p.text...)
		}
	}
	r.out = r.human.dst
	t.Text = stringOf(r.out)
	return t
}

// stringOfValue returns a string, or the JSON text of another value.
func stringOfValue(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return v.AsString()
}
