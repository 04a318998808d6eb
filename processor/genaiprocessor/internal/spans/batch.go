// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Batch is the spans of one ptrace.Traces. It may be read into again and again; what it holds
// points into the spans.
type Batch struct {
	Spans []Span // in the order of the ptrace.Traces

	byID map[spanKey]int
	path []int
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

const none = -1

type state uint8

const (
	open state = iota
	visiting
	done
)

// maxKept is the number of spans above which the memory of a batch is given back instead of kept
// for the next one.
const maxKept = 1 << 14

// Read makes b the batch of td.
func (b *Batch) Read(td ptrace.Traces) {
	b.Release()
	if b.byID == nil {
		b.byID = map[spanKey]int{}
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			var payloads genai.Payloads
			if v, ok := ss.Scope().Attributes().Get(genai.PayloadsMode); ok {
				payloads = genai.Payloads(v.Str())
			}
			scope := genai.DialectOfScope(ss.Scope().Name())
			for _, span := range ss.Spans().All() {
				i := len(b.Spans)
				b.Spans = append(b.Spans, Span{})
				s := &b.Spans[i]
				s.Span, s.Resource, s.Scope, s.Payloads, s.parent, s.root = span, rs, ss, payloads, none, none
				s.read(scope)
				key := spanKey{span.TraceID(), span.SpanID()}
				if _, repeated := b.byID[key]; !repeated {
					b.byID[key] = i
				}
			}
		}
	}
	b.link()
}

// Release forgets the spans.
func (b *Batch) Release() {
	if len(b.Spans) > maxKept {
		*b = Batch{}
		return
	}
	clear(b.Spans)
	b.Spans = b.Spans[:0]
	clear(b.byID)
}

// Find returns the span with the given ids, or nil.
func (b *Batch) Find(trace pcommon.TraceID, span pcommon.SpanID) *Span {
	if i, ok := b.byID[spanKey{trace, span}]; ok {
		return &b.Spans[i]
	}
	return nil
}

// link finds the parents and roots of all spans, and what roots have to know of the calls below
// them.
func (b *Batch) link() {
	for i := range b.Spans {
		s := &b.Spans[i]
		if id := s.ParentSpanID(); !id.IsEmpty() {
			if p, ok := b.byID[spanKey{s.TraceID(), id}]; ok && p != i {
				s.parent = p
			}
		}
	}
	for i := range b.Spans {
		b.resolve(i)
	}
	for i := range b.Spans {
		s := &b.Spans[i]
		if !s.callsModel() {
			continue
		}
		if up := b.above(i, func(s *Span) bool { return s.GenAI }); up != none {
			b.Spans[up].hasCalls = true
		}
		if model := firstOf(s.RequestModel, s.ResponseModel); s.Kind == genai.KindLLM && model != "" && s.root != none {
			switch top := &b.Spans[s.root]; top.model {
			case model:
			case "":
				top.model = model
			default:
				top.mixed = true
			}
		}
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// resolve sets root and call for the span and all that lie above it, each only once. In a cycle of
// parents, which only a broken producer sends, the first span that is met is the topmost one.
func (b *Batch) resolve(i int) {
	path := b.path[:0]
	for i != none && b.Spans[i].state == open {
		b.Spans[i].state = visiting
		path = append(path, i)
		i = b.Spans[i].parent
	}
	root, call, below := none, none, false
	switch {
	case i == none:
	case b.Spans[i].state == done:
		root, call, below = b.Spans[i].root, b.Spans[i].call, b.Spans[i].below
	default:
		b.Spans[i].parent, b.Spans[i].cut = none, true
		at := slices.Index(path, i)
		path = append(slices.Delete(path, at, at+1), i) // it lies above all others now
	}
	for _, p := range slices.Backward(path) {
		s := &b.Spans[p]
		below = below || s.awaitsParent()
		if root == none && s.GenAI && !below {
			root = p
		}
		if call == none && s.reports() {
			call = p
		}
		s.root, s.call, s.below, s.state = root, call, below, done
	}
	b.path = path
}

// Bits of the flags of a span (OTLP, SpanFlags): whether it is known where the parent is, and
// whether that is another process.
const (
	hasIsRemote = 0x100
	isRemote    = 0x200
)

// awaitsParent reports whether the parent isn't in the batch but in another one of the same
// process.
func (s *Span) awaitsParent() bool {
	return s.parent == none && !s.cut && !s.ParentSpanID().IsEmpty() && s.Flags()&(hasIsRemote|isRemote) == hasIsRemote
}

// highest is how many spans above another one are looked at.
const highest = 100

// above returns the index of the nearest span above the one with index i that want accepts, or none.
func (b *Batch) above(i int, want func(*Span) bool) int {
	for range highest {
		if i = b.Spans[i].parent; i == none || want(&b.Spans[i]) {
			return i
		}
	}
	return none
}
