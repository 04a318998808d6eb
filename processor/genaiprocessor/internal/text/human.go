// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
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

// collect puts the members of an object on top of h.open and returns where they begin. The caller
// takes them off again with drop.
func (h *human) collect(object []byte) (base int) {
	base = len(h.open)
	c := h.inside(object)
	for m, ok := c.member(); ok; m, ok = c.member() {
		h.open = append(h.open, m)
	}
	return base
}

func (h *human) drop(base int) { h.open = h.open[:base] }

// maxDepth is how deep messages are followed; what lies deeper is left out. No dialect comes near
// it.
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
	if kind == pyjson.KindNull {
		return
	}
	before := len(h.dst)
	if before > 0 {
		h.dst = append(h.dst, '\n')
	}
	start := len(h.dst)
	if kind == pyjson.KindString {
		if h.dst = s.AppendBytes(h.dst); len(h.dst) == start || isBlob(h.dst[start:]) {
			h.dst = h.dst[:before]
		}
		return
	}
	if text, err := pyjson.AppendCanonical(h.dst, raw, false); err == nil {
		h.dst = text
	}
}

// places are the members of inputs and outputs in which the dialects put messages or prompts. Those
// that are false hold messages only beside one that is true.
var places = map[string]bool{
	"messages": true, "input": true, "contents": true, "prompt": true, "prompts": true, "request": true, // requests
	"system": false, "instructions": false, "systemInstruction": false, "system_instruction": false,
	// responses
	"choices": true, "output": true, "content": true, "candidates": true, "generations": true, "message": true,
}

// document adds the texts of inputs or outputs, which are valid JSON.
func (h *human) document(text []byte) {
	text = h.read(text)
	switch kindOf(text) {
	case pyjson.KindObject:
		h.object(text, 0)
	case pyjson.KindArray:
		if h.isMessage(text, 0) {
			h.list(text, 0)
		} else {
			h.strings(text, 0)
		}
	case pyjson.KindNull:
	default:
		h.json(text)
	}
}

// conversation adds the texts of a message or part of one, or a list of them, and reports whether
// text, which is valid JSON, is one. In a list the parts need no type: [{"text": …}].
func (h *human) conversation(text []byte) bool {
	text = h.read(text)
	if !h.isMessage(text, 0) {
		if kindOf(text) != pyjson.KindArray {
			return false
		}
		if first := h.firstLeaf(text, 0); kindOf(first) != pyjson.KindObject || !h.hasText(first) {
			return false
		}
	}
	h.list(text, 0)
	return true
}

// object adds the texts of an object that holds messages under one of the known names, is a message
// itself, or holds just data.
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
		if m.key == "config" && kindOf(m.value) == pyjson.KindObject {
			h.systemInstruction(m.value, depth+1)
			continue
		}
		if _, known := places[m.key]; !known {
			continue
		}
		if m.key == "request" && kindOf(m.value) == pyjson.KindObject {
			h.object(m.value, depth+1)
		} else {
			h.list(m.value, depth+1)
		}
	}
}

// systemInstruction adds the instruction in the settings of a request to Gemini.
func (h *human) systemInstruction(config []byte, depth int) {
	c := h.inside(config)
	for m, ok := c.member(); ok; m, ok = c.member() {
		if m.key == "system_instruction" || m.key == "systemInstruction" {
			h.list(m.value, depth+1)
		}
	}
}

// areCall reports whether an object with these members is a request to a model, or its answer, as
// an API has it: messages in one of the places, or a string there and the name of a model. What
// else such an object holds are settings. In any other object, like the arguments of a function,
// every string is text.
func areCall(members []member) bool {
	container, text, model := false, false, false
	for _, m := range members {
		if places[m.key] {
			switch kindOf(m.value) {
			case pyjson.KindArray, pyjson.KindObject:
				container = true
			case pyjson.KindString:
				text = true
			}
		}
		model = model || m.key == "model"
	}
	return container || text && model
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

// strings adds all strings of data, but not the names of members, and the texts of messages among
// it.
func (h *human) strings(raw []byte, depth int) {
	switch kindOf(raw) {
	case pyjson.KindString:
		h.json(raw)
	case pyjson.KindObject:
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
	case pyjson.KindArray:
		if h.isMessage(raw, depth) {
			h.list(raw, depth)
		} else {
			h.each(raw, depth, h.strings)
		}
	}
}
