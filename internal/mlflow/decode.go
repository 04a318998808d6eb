// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"errors"
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Decoders of the wire formats. The result of one never points into memory shared between traces
// (see Trace).
//
// What is odd in one attribute, event or link costs at most that one: a value of an unexpected kind
// is kept as its text. What makes the document as a whole unreadable is a *Skip that names the byte
// and holds no content.

// DecodeTrace decodes the document of one trace, which is one of these:
//
//   - traces.json: {"spans": […]} of schema 2 (2.14 to 2.22), schema 3 (3.0 to 3.5) and of the artifact
//     route of the database era (3.6 on);
//   - an element of `traces` of batchGet, or `trace` of get: {"trace_info": {…}, "spans": […]} with typed
//     attribute values, which are transcoded to the canonical JSON text that the other formats have;
//   - the whole answer of get: {"trace": {…}}.
//
// The caller hands the document over and never writes to it again. An error is always a *Skip.
func DecodeTrace(info Info, doc []byte) (*Trace, error) {
	return ReadTrace(info, pyjson.NewStreamOf(doc))
}

// ReadTrace is DecodeTrace for a document that is decoded as it comes. An error is always a *Skip; one
// of the reader is that of the stream, too.
func ReadTrace(info Info, s *pyjson.Stream) (*Trace, error) {
	r := traceReader{Stream: s}
	r.Open(pyjson.KindObject)
	e := r.element(true)
	r.End()
	if err := s.Err(); err != nil {
		return nil, corrupt(err)
	}
	e.Size = int(s.Offset())
	return e.Trace(info)
}

// ReadBatch reads the answer of batchGet as it comes and hands the elements of its `traces` to yield,
// in the order of the answer. An error of yield ends it.
func ReadBatch(s *pyjson.Stream, yield func(Element) error) error {
	r := traceReader{Stream: s}
	r.Open(pyjson.KindObject)
	for r.NextMember() {
		if string(r.Key()) != "traces" || r.Kind() != pyjson.KindArray {
			r.Skip()
			continue
		}
		r.Open(pyjson.KindArray)
		for r.NextElement() {
			if r.Kind() != pyjson.KindObject {
				r.Skip()
				continue
			}
			r.Open(pyjson.KindObject)
			e := r.element(false)
			r.Spend(sizeOfElement)
			if s.Err() != nil {
				break
			}
			if err := yield(e); err != nil {
				return err
			}
		}
	}
	r.End()
	if err := s.Err(); err != nil {
		return fmt.Errorf("the answer of batchGet can't be read: %w", err)
	}
	return nil
}

// Element is one trace of an answer.
type Element struct {
	TraceID string // of its trace_info; empty without one
	Size    int    // of its document, bytes
	spans   []Span
	invalid *Skip // why a valid JSON text is no trace
}

// Trace makes the trace of an element: the info is what is known of it. An error is always a *Skip.
func (e *Element) Trace(info Info) (*Trace, error) {
	switch {
	case e.invalid != nil:
		return nil, e.invalid
	case len(e.spans) == 0:
		return nil, Skipf(ReasonNoSpans, "the document of %d bytes holds no spans", e.Size)
	}
	t := &Trace{Info: info, Spans: e.spans, Size: e.Size}
	if skip := foreign(t); skip != nil {
		return nil, skip
	}
	Finish(t)
	return t, nil
}

// traceReader reads documents with spans as they come: one span after the other is held.
type traceReader struct {
	*pyjson.Stream
	spanDecoder *decoder
}

// element reads the members of an object with spans. nested says that they may lie in a member
// "trace".
func (r *traceReader) element(nested bool) (e Element) {
	begin := r.Offset()
	for r.NextMember() {
		switch string(r.Key()) {
		case "spans":
			r.spans(&e)
		case "trace_info":
			e.TraceID = r.id()
		case "trace":
			if !nested || r.Kind() != pyjson.KindObject {
				r.Skip()
				continue
			}
			r.Open(pyjson.KindObject)
			inner := r.element(false)
			e.spans, e.TraceID = inner.spans, inner.TraceID
			if e.invalid == nil {
				e.invalid = inner.invalid
			}
		default:
			r.Skip()
		}
	}
	e.Size = int(r.Offset()-begin) + 1 // with the opening bracket
	return e
}

// id reads a trace_info and returns its trace_id, or "" when there is none.
func (r *traceReader) id() (id string) {
	if r.Kind() != pyjson.KindObject {
		r.Skip()
		return ""
	}
	r.Open(pyjson.KindObject)
	for r.NextMember() {
		if string(r.Key()) != "trace_id" || r.Kind() != pyjson.KindString {
			r.Skip()
			continue
		}
		d := newCopyingDecoder(r.Value())
		id = d.text()
	}
	return id
}

// spans reads an array of spans into an element. Where something else stands, data may be lost, so the
// trace counts as corrupt.
func (r *traceReader) spans(e *Element) {
	e.spans = nil
	if k := r.Kind(); k != pyjson.KindArray {
		r.Skip()
		if k != pyjson.KindNull {
			e.invalid = Skipf(ReasonCorrupt, "the member spans is not a list")
		}
		return
	}
	r.Open(pyjson.KindArray)
	e.spans = make([]Span, 0, 4)
	for r.NextElement() {
		if k := r.Kind(); k != pyjson.KindObject && k != pyjson.KindInvalid {
			r.Skip()
			if e.invalid == nil {
				e.invalid = Skipf(ReasonCorrupt, "span %d is not an object", len(e.spans)+1)
			}
			continue
		}
		if r.spanDecoder == nil {
			r.spanDecoder = newCopyingDecoder(nil)
			r.spanDecoder.attributesRead = make([]Attribute, 0, 8)
		}
		d := r.spanDecoder
		d.Scanner.Reset(r.Value())
		span := d.span()
		d.End()
		r.Fail(d.Err())
		e.spans = append(e.spans, span)
		r.Spend(sizeOfSpan)
	}
}

func corrupt(err error) *Skip {
	if syntax, ok := errors.AsType[*pyjson.SyntaxError](err); ok {
		return Skipf(ReasonCorrupt, "the spans are not valid JSON: %s expected at byte %d",
			syntax.Expected, syntax.Offset)
	}
	return Skipf(ReasonCorrupt, "the spans can't be read: %v", err)
}

// DecodeSpan decodes one span document of any of the three artifact forms (column spans.content of
// a store). The document is only valid during the call: neither the span nor the error points into
// it. An error is always a *Skip. Finish completes the trace once all its spans are decoded.
func DecodeSpan(doc []byte) (Span, error) {
	d := newCopyingDecoder(doc)
	if d.Kind() != pyjson.KindObject {
		d.Open(pyjson.KindObject) // fails
	}
	span := d.span()
	d.End()
	if err := d.Err(); err != nil {
		return Span{}, corrupt(err)
	}
	return span, nil
}
