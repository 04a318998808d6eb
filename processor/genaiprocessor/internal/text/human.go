package text

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// human collects the readable strings of JSON text.
type human struct {
	dst             []byte
	messages, names int
}

func (h *human) reset(dst []byte) { *h = human{dst: dst} }

// maxDepth is how deep messages are followed; what lies deeper is left out. No dialect comes near it.
const maxDepth = 32

// line adds one text.
func (h *human) line(s []byte) {
	if len(s) == 0 || isBlob(s) {
		return
	}
	if len(h.dst) > 0 {
		h.dst = append(h.dst, '\n')
	}
	h.dst = append(h.dst, s...)
}

// json adds the text of a JSON value: a string itself, anything else as Python spells it.
func (h *human) json(raw []byte) {
	s := pyjson.NewScanner(raw)
	switch s.Kind() {
	case pyjson.String:
		h.line(s.Bytes())
	case pyjson.Null:
	default:
		if len(h.dst) > 0 {
			h.dst = append(h.dst, '\n')
		}
		if text, err := pyjson.AppendCanonical(h.dst, raw, false); err == nil {
			h.dst = text
		}
	}
}

// places are the members of inputs and outputs in which the dialects put messages or prompts.
var places = map[string]bool{
	"messages": true, "input": true, "contents": true, "prompt": true, "prompts": true, "system": true, "instructions": true, // requests
	"systemInstruction": true, "system_instruction": true, "request": true,
	"choices": true, "output": true, "content": true, "candidates": true, "generations": true, "message": true, // responses
}

// document adds the texts of inputs or outputs, which are valid JSON.
func (h *human) document(text []byte) {
	s := pyjson.NewScanner(text)
	switch s.Kind() {
	case pyjson.Object:
		h.object(text, 0)
	case pyjson.Array:
		if isMessage(text, 0) {
			h.list(text, 0)
		} else {
			h.strings(text, 0)
		}
	case pyjson.Null:
	default:
		h.json(text)
	}
}

// object adds the texts of an object that holds messages under one of the known names, is a message itself, or holds just data.
func (h *human) object(text []byte, depth int) {
	if isMessage(text, depth) {
		h.list(text, depth)
		return
	}
	known := false
	members(text, func(key string, _ []byte) { known = known || places[key] })
	if !known {
		h.strings(text, depth)
		return
	}
	members(text, func(key string, raw []byte) {
		switch {
		case !places[key]:
		case key == "request" && isObject(raw):
			if depth < maxDepth {
				h.object(raw, depth+1)
			}
		default:
			h.list(raw, depth+1)
		}
	})
}

// isMessage reports whether a value is a message or part of one, or a list whose first element is, lists of lists included.
func isMessage(text []byte, depth int) (is bool) {
	s := pyjson.NewScanner(text)
	switch s.Kind() {
	case pyjson.Array:
		s.Open(pyjson.Array)
		return depth < maxDepth && s.NextElement() && isMessage(s.Skip(), depth+1)
	case pyjson.Object:
		typed, said := false, false
		members(text, func(key string, _ []byte) {
			switch key {
			case "role":
				typed, said = true, true
			case "type", "lc":
				typed = true
			case "content", "parts", "text", "kwargs", "arguments", "output", "tool_calls", "summary":
				said = true
			}
		})
		return typed && said
	}
	return false
}

// list adds the texts of a message, a part of one, a list of either, or a string.
func (h *human) list(raw []byte, depth int) {
	s := pyjson.NewScanner(raw)
	switch s.Kind() {
	case pyjson.String:
		h.line(s.Bytes())
	case pyjson.Object:
		h.message(raw, depth)
	case pyjson.Array:
		if depth >= maxDepth {
			return
		}
		s.Open(pyjson.Array)
		for s.NextElement() {
			h.list(s.Skip(), depth+1)
		}
	}
}

// calls are the types of parts that call a tool; their name and arguments are text.
var calls = map[string]bool{"tool_use": true, "tool_call": true, "function_call": true, "function": true, "mcp_call": true, "server_tool_use": true}

// message adds the texts of a message or of a part of one.
func (h *human) message(raw []byte, depth int) {
	if depth >= maxDepth {
		return
	}
	call, message := false, false
	members(raw, func(key string, value []byte) {
		switch key {
		case "type":
			call = call || calls[stringIn(value)]
		case "role":
			h.messages++
		case "message":
			message = true
		}
	})
	members(raw, func(key string, value []byte) {
		switch key {
		case "name":
			if call {
				h.json(value)
			} else {
				h.names++
			}
		case "text":
			if !message { // LangChain's generations repeat the text of their message
				h.list(value, depth+1)
			}
		case "content", "parts", "message", "delta", "kwargs", "refusal", "reasoning", "reasoning_content", "thinking", "summary":
			h.list(value, depth+1)
		case "tool_calls", "function_call", "functionCall", "toolUse":
			h.call(value, depth+1)
		case "function":
			h.call(value, depth+1)
		case "functionResponse", "toolResult":
			h.result(value, depth+1)
		case "arguments", "args":
			h.json(value)
		case "input":
			if call {
				h.json(value)
			} else {
				h.list(value, depth+1)
			}
		case "output", "response", "result":
			h.result(value, depth+1)
		}
	})
}

// call adds the names and arguments of calls of tools.
func (h *human) call(raw []byte, depth int) {
	s := pyjson.NewScanner(raw)
	switch s.Kind() {
	case pyjson.Array:
		if depth >= maxDepth {
			return
		}
		s.Open(pyjson.Array)
		for s.NextElement() {
			h.call(s.Skip(), depth+1)
		}
	case pyjson.Object:
		if depth >= maxDepth {
			return
		}
		members(raw, func(key string, value []byte) {
			switch key {
			case "function":
				h.call(value, depth+1)
			case "name", "arguments", "args", "input":
				h.json(value)
			}
		})
	}
}

// result adds what a tool answered: a text, parts of a message, or data as JSON.
func (h *human) result(raw []byte, depth int) {
	if isMessage(raw, depth) {
		h.list(raw, depth)
		return
	}
	content := false
	members(raw, func(key string, value []byte) {
		if key == "content" || key == "response" || key == "message" {
			content = true
			h.list(value, depth+1)
		}
	})
	if !content {
		h.json(raw)
	}
}

// strings adds all strings of data, but not the names of members.
func (h *human) strings(raw []byte, depth int) {
	s := pyjson.NewScanner(raw)
	switch s.Kind() {
	case pyjson.String:
		h.line(s.Bytes())
	case pyjson.Object:
		if depth < maxDepth {
			members(raw, func(_ string, value []byte) { h.strings(value, depth+1) })
		}
	case pyjson.Array:
		if depth < maxDepth {
			s.Open(pyjson.Array)
			for s.NextElement() {
				h.strings(s.Skip(), depth+1)
			}
		}
	}
}

// members calls each with the members of raw, if that is an object.
func members(raw []byte, each func(key string, value []byte)) {
	s := pyjson.NewScanner(raw)
	if s.Kind() != pyjson.Object {
		return
	}
	s.Open(pyjson.Object)
	for s.NextMember() {
		key := s.KeyString()
		each(key, s.Skip())
	}
}

func isObject(raw []byte) bool {
	s := pyjson.NewScanner(raw)
	return s.Kind() == pyjson.Object
}

func stringIn(raw []byte) string {
	s := pyjson.NewScanner(raw)
	if s.Kind() != pyjson.String {
		return ""
	}
	return s.Str()
}

// minBlob is the length from which on a string of nothing but base64 characters is taken for an embedded file.
const minBlob = 512

// isBlob reports whether a string is an embedded file and no text.
func isBlob(s []byte) bool {
	if len(s) >= 5 && string(s[:5]) == "data:" {
		head, _, _ := strings.Cut(stringOf(s[:min(len(s), 128)]), ",")
		return strings.HasSuffix(head, ";base64")
	}
	if len(s) < minBlob {
		return false
	}
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/', c == '=', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
