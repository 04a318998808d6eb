package text

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// human collects the readable strings of JSON text.
type human struct {
	outline
	dst             []byte
	messages, names int
	open            []member // of the objects that are being read, outermost first
}

// member is one of an object.
type member struct {
	key   string
	value []byte
}

func (h *human) reset(dst []byte) {
	*h = human{dst: dst, open: h.open[:0], outline: outline{large: h.large[:0]}}
}

// collect puts the members of an object on top of h.open and returns where they begin. The caller takes them off again with drop.
func (h *human) collect(object []byte) (base int) {
	base = len(h.open)
	c := h.inside(object)
	for m, ok := c.member(); ok; m, ok = c.member() {
		h.open = append(h.open, m)
	}
	return base
}

func (h *human) drop(base int) { h.open = h.open[:base] }

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
	kind := s.Kind()
	if kind == pyjson.Null {
		return
	}
	before := len(h.dst)
	if before > 0 {
		h.dst = append(h.dst, '\n')
	}
	start := len(h.dst)
	if kind == pyjson.String {
		if h.dst = s.AppendBytes(h.dst); len(h.dst) == start || isBlob(h.dst[start:]) {
			h.dst = h.dst[:before]
		}
		return
	}
	if text, err := pyjson.AppendCanonical(h.dst, raw, false); err == nil {
		h.dst = text
	}
}

// places are the members of inputs and outputs in which the dialects put messages or prompts. Those that are false hold messages only beside one that is true.
var places = map[string]bool{
	"messages": true, "input": true, "contents": true, "prompt": true, "prompts": true, "request": true, // requests
	"system": false, "instructions": false, "systemInstruction": false, "system_instruction": false,
	"choices": true, "output": true, "content": true, "candidates": true, "generations": true, "message": true, // responses
}

// document adds the texts of inputs or outputs, which are valid JSON.
func (h *human) document(text []byte) {
	text = h.read(text)
	switch kindOf(text) {
	case pyjson.Object:
		h.object(text, 0)
	case pyjson.Array:
		if h.isMessage(text, 0) {
			h.list(text, 0)
		} else {
			h.strings(text, 0)
		}
	case pyjson.Null:
	default:
		h.json(text)
	}
}

// conversation adds the texts of a message or part of one, or a list of them, and reports whether text, which is valid JSON, is one.
func (h *human) conversation(text []byte) bool {
	if text = h.read(text); !h.isMessage(text, 0) {
		return false
	}
	h.list(text, 0)
	return true
}

// object adds the texts of an object that holds messages under one of the known names, is a message itself, or holds just data.
func (h *human) object(text []byte, depth int) {
	if depth >= maxDepth {
		return
	}
	base := h.collect(text)
	end := len(h.open)
	defer h.drop(base)
	if areMessage(h.open[base:end]) {
		h.message(base, depth)
		return
	}
	if !areCall(h.open[base:end]) {
		for i := base; i < end; i++ {
			h.strings(h.open[i].value, depth+1)
		}
		return
	}
	for i := base; i < end; i++ {
		m := h.open[i]
		if _, known := places[m.key]; !known {
			continue
		}
		if m.key == "request" && kindOf(m.value) == pyjson.Object {
			h.object(m.value, depth+1)
		} else {
			h.list(m.value, depth+1)
		}
	}
}

// areCall reports whether an object with these members is a request to a model, or its answer, as an API has it: messages in one of the places, or a string there
// and the name of a model. What else such an object holds are settings. In any other object, like the arguments of a function, every string is text.
func areCall(members []member) bool {
	container, text, model := false, false, false
	for _, m := range members {
		if places[m.key] {
			switch kindOf(m.value) {
			case pyjson.Array, pyjson.Object:
				container = true
			case pyjson.String:
				text = true
			}
		}
		model = model || m.key == "model"
	}
	return container || text && model
}

// isMessage reports whether a value is a message or part of one, or a list whose first element is, lists of lists included.
func (h *human) isMessage(text []byte, depth int) bool {
	switch kindOf(text) {
	case pyjson.Array:
		first := h.firstLeaf(text, depth)
		return kindOf(first) == pyjson.Object && h.isMessage(first, depth)
	case pyjson.Object:
		base := h.collect(text)
		defer h.drop(base)
		return areMessage(h.open[base:])
	}
	return false
}

// areMessage reports whether an object with these members is a message or a part of one.
func areMessage(members []member) bool {
	typed, said := false, false
	for _, m := range members {
		switch m.key {
		case "role":
			return true
		case "type", "lc":
			typed = true
		case "content", "parts", "text", "kwargs", "arguments", "output", "tool_calls", "summary":
			said = true
		}
	}
	return typed && said
}

// list adds the texts of a message, a part of one, a list of either, or a string.
func (h *human) list(raw []byte, depth int) {
	switch kindOf(raw) {
	case pyjson.String:
		h.json(raw)
	case pyjson.Object:
		if depth < maxDepth {
			base := h.collect(raw)
			h.message(base, depth)
			h.drop(base)
		}
	case pyjson.Array:
		h.each(raw, depth, h.list)
	}
}

// each calls add for the elements of a list.
func (h *human) each(list []byte, depth int, add func(element []byte, depth int)) {
	if depth >= maxDepth {
		return
	}
	c := h.inside(list)
	for e, ok := c.element(); ok; e, ok = c.element() {
		add(e, depth+1)
	}
}

// calls are the types of parts that call a tool; their name and arguments are text.
var calls = map[string]bool{"tool_use": true, "tool_call": true, "function_call": true, "function": true, "mcp_call": true, "server_tool_use": true}

// message adds the texts of a message or of a part of one, whose members are those of h.open from base on.
func (h *human) message(base, depth int) {
	end := len(h.open)
	call, nested := false, false
	for _, m := range h.open[base:end] {
		switch m.key {
		case "type":
			call = call || kindOf(m.value) == pyjson.String && calls[stringIn(m.value)]
		case "role":
			h.messages++
		case "message":
			nested = true
		}
	}
	if call {
		h.name(base)
	}
	for i := base; i < end; i++ {
		m := h.open[i]
		switch m.key {
		case "name":
			if !call {
				h.names++
			}
		case "text":
			if !nested { // LangChain's generations repeat the text of their message
				h.list(m.value, depth+1)
			}
		case "content", "parts", "message", "delta", "kwargs", "refusal", "reasoning", "reasoning_content", "thinking", "summary":
			h.list(m.value, depth+1)
		case "tool_calls", "function_call", "functionCall", "toolUse", "function":
			h.call(m.value, depth+1)
		case "functionResponse", "toolResult", "output", "response", "result":
			h.result(m.value, depth+1)
		case "arguments", "args":
			h.json(m.value)
		case "input":
			if call {
				h.json(m.value)
			} else {
				h.list(m.value, depth+1)
			}
		}
	}
}

// call adds the names and arguments of calls of tools.
func (h *human) call(raw []byte, depth int) {
	switch kindOf(raw) {
	case pyjson.Array:
		h.each(raw, depth, h.call)
	case pyjson.Object:
		if depth >= maxDepth {
			return
		}
		base := h.collect(raw)
		h.name(base)
		for i, end := base, len(h.open); i < end; i++ {
			switch m := h.open[i]; m.key {
			case "function":
				h.call(m.value, depth+1)
			case "arguments", "args", "input":
				h.json(m.value)
			}
		}
		h.drop(base)
	}
}

// name adds the name of the tool that the members of h.open from base on call. It comes first, whatever the order of the members.
func (h *human) name(base int) {
	for _, m := range h.open[base:] {
		if m.key == "name" {
			h.json(m.value)
		}
	}
}

// result adds what a tool answered: a text, parts of a message, or data as JSON.
func (h *human) result(raw []byte, depth int) {
	switch {
	case depth >= maxDepth:
	case h.isMessage(raw, depth):
		h.list(raw, depth)
	case kindOf(raw) == pyjson.Object:
		base := h.collect(raw)
		content := false
		for i, end := base, len(h.open); i < end; i++ {
			if m := h.open[i]; m.key == "content" || m.key == "response" || m.key == "message" {
				content = true
				h.list(m.value, depth+1)
			}
		}
		h.drop(base)
		if !content {
			h.json(raw)
		}
	default:
		h.json(raw)
	}
}

// strings adds all strings of data, but not the names of members, and the texts of messages among it.
func (h *human) strings(raw []byte, depth int) {
	switch kindOf(raw) {
	case pyjson.String:
		h.json(raw)
	case pyjson.Object:
		if depth >= maxDepth {
			return
		}
		base := h.collect(raw)
		if end := len(h.open); areMessage(h.open[base:end]) {
			h.message(base, depth)
		} else {
			for i := base; i < end; i++ {
				h.strings(h.open[i].value, depth+1)
			}
		}
		h.drop(base)
	case pyjson.Array:
		if h.isMessage(raw, depth) {
			h.list(raw, depth)
		} else {
			h.each(raw, depth, h.strings)
		}
	}
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
