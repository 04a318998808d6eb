// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// isMessage reports whether a value is a message or part of one, or a list whose first element is,
// lists of lists included.
func (h *human) isMessage(text []byte, depth int) bool {
	switch kindOf(text) {
	case pyjson.KindArray:
		first := h.firstLeaf(text, depth)
		return kindOf(first) == pyjson.KindObject && h.isMessage(first, depth)
	case pyjson.KindObject:
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
	case pyjson.KindString:
		h.json(raw)
	case pyjson.KindObject:
		if depth < maxDepth {
			base := h.collect(raw)
			h.message(base, depth)
			h.drop(base)
		}
	case pyjson.KindArray:
		h.each(raw, depth, h.list)
	}
}

// calls are the types of parts that call a tool; their name and arguments are text.
var calls = map[string]bool{"tool_use": true, "tool_call": true, "function_call": true, "function": true,
	"mcp_call": true, "server_tool_use": true}

// message adds the texts of a message or of a part of one, whose members are those of h.open from
// base on.
func (h *human) message(base, depth int) {
	end := len(h.open)
	call, nested := false, false
	for _, m := range h.open[base:end] {
		switch m.key {
		case "type":
			call = call || kindOf(m.value) == pyjson.KindString && calls[stringIn(m.value)]
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
		case "content":
			h.data(m.value, depth+1)
		case "parts", "message", "delta", "kwargs", "refusal", "reasoning", "reasoning_content", "thinking", "summary":
			h.list(m.value, depth+1)
		case "json": // a part of a tool's result in Bedrock
			h.json(m.value)
		case "tool_calls", "function_call", "functionCall", "toolUse", "function":
			h.call(m.value, depth+1)
		case "functionResponse", "function_response", "toolResult", "output", "response", "result":
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

// data adds the texts of a message, a part of one or a list of either, or the JSON of an object
// that is none: tools answer with such objects.
func (h *human) data(raw []byte, depth int) {
	if kindOf(raw) == pyjson.KindObject && !h.hasText(raw) {
		h.json(raw)
		return
	}
	h.list(raw, depth)
}

// texts are the members of messages and their parts that hold texts.
var texts = map[string]bool{
	"content": true, "parts": true, "text": true, "message": true, "delta": true, "kwargs": true, "refusal": true,
	"reasoning": true, "reasoning_content": true, "thinking": true, "summary": true, "json": true,
	"tool_calls": true, "function_call": true, "functionCall": true, "toolUse": true, "function": true,
	"functionResponse": true, "function_response": true, "toolResult": true, "output": true, "response": true,
	"result": true, "arguments": true, "args": true, "input": true, "role": true, "type": true,
}

// hasText reports whether an object has a member of a message.
func (h *human) hasText(object []byte) bool {
	c := h.inside(object)
	for m, ok := c.member(); ok; m, ok = c.member() {
		if texts[m.key] {
			return true
		}
	}
	return false
}

// call adds the names and arguments of calls of tools.
func (h *human) call(raw []byte, depth int) {
	switch kindOf(raw) {
	case pyjson.KindArray:
		h.each(raw, depth, h.call)
	case pyjson.KindObject:
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

// name adds the name of the tool that the members of h.open from base on call. It comes first,
// whatever the order of the members.
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
	case kindOf(raw) == pyjson.KindObject:
		base := h.collect(raw)
		content := false
		for i, end := base, len(h.open); i < end; i++ {
			if m := h.open[i]; m.key == "content" || m.key == "response" || m.key == "message" {
				content = true
				h.data(m.value, depth+1)
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
