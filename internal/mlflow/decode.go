// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Decoders of the wire formats. All of them but DecodeSpan keep the document they are given:
// strings and raw values of the result may point into it, so the caller hands it over and never
// writes to it again. A result never points into memory shared between traces (see Trace).
//
// What is odd in one attribute, event or link costs at most that one: a value of an unexpected kind
// is kept as its text. What makes the document as a whole unreadable is a *Skip that names the byte
// and holds no content.

// DecodeArtifact decodes a traces.json document: {"spans": […]} of schema 2 (2.14 to 2.22), schema
// 3 (3.0 to 3.5) and of the artifact route of the database era (3.6 on). An error is always a
// *Skip.
func DecodeArtifact(info Info, doc []byte) (*Trace, error) { return decodeTrace(info, doc) }

// DecodeTyped decodes one element of `traces` of batchGet, or `trace` of get: {"trace_info": {…},
// "spans": […]} with typed attribute values, which are transcoded to the canonical JSON text that
// the other formats have. The whole answer of get, {"trace": {…}}, will do as well. An error is
// always a *Skip.
func DecodeTyped(info Info, doc []byte) (*Trace, error) { return decodeTrace(info, doc) }

func decodeTrace(info Info, doc []byte) (*Trace, error) {
	t := &Trace{Info: info, Size: len(doc)}
	d := newDecoder(doc)
	d.Open(pyjson.KindObject)
	for d.NextMember() {
		switch string(d.Key()) {
		case "spans":
			t.Spans = d.spans()
		case "trace":
			if !d.open(pyjson.KindObject) {
				continue
			}
			for d.NextMember() {
				if string(d.Key()) == "spans" {
					t.Spans = d.spans()
				} else {
					d.Skip()
				}
			}
		default:
			d.Skip()
		}
	}
	d.End()
	if err := d.Err(); err != nil {
		return nil, corrupt(err)
	}
	if d.invalid != nil {
		return nil, d.invalid
	}
	if len(t.Spans) == 0 {
		return nil, Skipf(ReasonNoSpans, "the document of %d bytes holds no spans", len(doc))
	}
	Finish(t)
	return t, nil
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

// BatchElement is one trace of a batchGet answer.
type BatchElement struct {
	TraceID string
	Doc     []byte
}

// SplitBatch returns, for each element of `traces` of a batchGet answer, its trace id and its own
// copy of the element, in the order of the answer.
func SplitBatch(body []byte) ([]BatchElement, error) {
	var list []BatchElement
	d := newDecoder(body)
	d.Open(pyjson.KindObject)
	for d.NextMember() {
		if string(d.Key()) != "traces" {
			d.Skip()
			continue
		}
		if !d.open(pyjson.KindArray) {
			continue
		}
		for d.NextElement() {
			doc := bytes.Clone(d.Skip())
			list = append(list, BatchElement{TraceID: elementID(doc), Doc: doc})
		}
	}
	d.End()
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("the answer of batchGet can't be read: %w", err)
	}
	return list, nil
}

// elementID returns trace_info.trace_id of a valid element, or "" when there is none.
func elementID(doc []byte) string {
	d := newDecoder(doc)
	if !d.open(pyjson.KindObject) {
		return ""
	}
	for d.NextMember() {
		if string(d.Key()) != "trace_info" {
			d.Skip()
			continue
		}
		if !d.open(pyjson.KindObject) {
			continue
		}
		for d.NextMember() {
			if string(d.Key()) == "trace_id" {
				return d.text()
			}
			d.Skip()
		}
	}
	return ""
}
