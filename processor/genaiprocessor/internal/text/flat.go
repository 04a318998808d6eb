package text

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/batch"
)

// part is one text of messages that are spread over attributes. Texts follow each other by message, then what they are, then their numbers.
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
	return cmp.Or(cmp.Compare(a.message, b.message), cmp.Compare(a.what, b.what), cmp.Compare(a.part, b.part), cmp.Compare(a.field, b.field))
}

// number cuts a decimal number and the dot behind it from the front of an attribute's name.
func number(name string) (n int, rest string, ok bool) {
	digits, rest, _ := strings.Cut(name, ".")
	n, err := strconv.Atoi(digits)
	return n, rest, err == nil && n >= 0
}

// openInference reads llm.input_messages.N.message.… or llm.output_messages.….
func (r *Reader) openInference(s *batch.Span, d batch.Direction, mode Mode) Text {
	prefix := "llm.input_messages."
	if d == batch.Response {
		prefix = "llm.output_messages."
	}
	r.parts = r.parts[:0]
	names := 0
	for key, v := range s.Attributes().All() {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		n, name, ok := number(name)
		if !ok {
			continue
		}
		p := part{message: n, text: stringOfValue(v)}
		name = strings.TrimPrefix(name, "message.")
		switch {
		case name == "name":
			names++
			continue
		case name == "content":
			p.what = ofContent
		case strings.HasPrefix(name, "contents."):
			p.what = ofPart
			var field string
			p.part, field, ok = number(name[len("contents."):])
			ok = ok && field == "message_content.text"
		case name == "function_call_name":
			p.what = ofCall
		case name == "function_call_arguments_json":
			p.what, p.field = ofCall, 1
		case strings.HasPrefix(name, "tool_calls."):
			p.what = ofCall
			var field string
			p.part, field, ok = number(name[len("tool_calls."):])
			switch field {
			case "tool_call.function.name":
			case "tool_call.function.arguments":
				p.field = 1
			default:
				ok = false
			}
		default:
			ok = false
		}
		if ok {
			r.parts = append(r.parts, p)
		}
	}
	t := r.joined(mode)
	t.Names = names
	return t
}

// openLLMetry reads gen_ai.prompt.N.… or gen_ai.completion.N.….
func (r *Reader) openLLMetry(s *batch.Span, d batch.Direction, mode Mode) Text {
	prefix := "gen_ai.prompt."
	if d == batch.Response {
		prefix = "gen_ai.completion."
	}
	r.parts = r.parts[:0]
	for key, v := range s.Attributes().All() {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		n, name, ok := number(name)
		if !ok {
			continue
		}
		p := part{message: n, text: stringOfValue(v)}
		switch {
		case name == "content":
			p.what = ofContent
		case name == "reasoning":
			p.what = ofPart
		case strings.HasPrefix(name, "tool_calls."):
			p.what = ofCall
			var field string
			p.part, field, ok = number(name[len("tool_calls."):])
			switch field {
			case "name":
			case "arguments":
				p.field = 1
			default:
				ok = false
			}
		default:
			ok = false
		}
		if ok {
			r.parts = append(r.parts, p)
		}
	}
	return r.joined(mode)
}

// events reads the events gen_ai.user.message, gen_ai.choice and their like.
func (r *Reader) events(s *batch.Span, d batch.Direction, mode Mode) Text {
	r.parts = r.parts[:0]
	n := 0
	for _, e := range s.Events().All() {
		var keys [3]string
		switch e.Name() {
		case "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message":
			if d == batch.Request {
				keys = [3]string{"content", "gen_ai.event.content", "tool_calls"}
			}
		case "gen_ai.content.prompt":
			if d == batch.Request {
				keys = [3]string{"gen_ai.prompt"}
			}
		case "gen_ai.choice":
			if d == batch.Response {
				keys = [3]string{"message", "content", "gen_ai.event.content"}
			}
		case "gen_ai.content.completion":
			if d == batch.Response {
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

// joined returns the collected texts in their order, a line for each. In Human mode a text that is JSON of messages or their parts is read as such.
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
		case mode == Human && p.what != ofCall && looksLikeJSON(p.text) && isJSON(p.text) && r.human.conversation(bytesOf(p.text)):
		case mode == Human:
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
