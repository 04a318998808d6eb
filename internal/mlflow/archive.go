// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// DecodeArchive decodes traces.pb, the file into which servers from 3.13 on move the spans of a trace:
// one TracesData of OTLP. Its attributes hold values where the other formats hold JSON text, and are
// written as that text. Resource and scope are not read: MLflow leaves them empty, and its own reader
// passes them over. Spans come in the order of the server's answers: root first, then by start, then by id.
//
// An error is always a *Skip. It holds no content.
func DecodeArchive(info Info, doc []byte) (*Trace, error) {
	a := archive{allowed: archiveAllowance + archiveProportion*len(doc), block: block{size: min(len(doc), blockSize)}}
	err := nested(doc, 1, func(resource []byte) error { // TracesData.resource_spans
		return nested(resource, 2, func(scope []byte) error { // ResourceSpans.scope_spans
			return nested(scope, 2, a.span) // ScopeSpans.spans
		})
	})
	if err != nil {
		return nil, Skipf(ReasonCorrupt, "the archived spans can't be read: %v", err)
	}
	slices.SortStableFunc(a.spans, func(x, y Span) int {
		return cmp.Or(cmp.Compare(order(&x), order(&y)), cmp.Compare(x.Start, y.Start), bytes.Compare(x.ID[:], y.ID[:]))
	})
	e := Element{Size: len(doc), spans: a.spans}
	return e.Trace(info)
}

// order is 0 for a root and 1 for other spans.
func order(s *Span) int {
	if s.Parent == [8]byte{} {
		return 0
	}
	return 1
}

// Bounds of an archive: the memory of its elements in proportion to its size, and how deep its values
// may be nested. MLflow itself reads back at most 31 objects or 47 lists in each other.
const (
	archiveProportion = 4
	archiveAllowance  = 1 << 20
	archiveDepth      = 100
)

var (
	errTooManyElements = errors.New("it holds more elements than a file of its size can need")
	errTooDeep         = errors.New("its values are nested too deeply")
	errWireType        = errors.New("a field has another type than OTLP says")
)

// archive reads the messages of OTLP by their field numbers.
type archive struct {
	spans          []Span
	block          block
	spent, allowed int // bytes of memory for elements
}

// field is a field of a message. What its type doesn't hold is empty.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bytes  []byte
	bits   uint64 // of numbers of any kind
}

// fields hands over the fields of a message in their order.
func fields(message []byte, each func(f field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.bits, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.bits, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			f.bits = uint64(v)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// nested hands over the messages that lie in one field.
func nested(message []byte, number protowire.Number, each func(message []byte) error) error {
	return fields(message, func(f field) error {
		switch {
		case f.number != number:
			return nil
		case f.kind != protowire.BytesType:
			return errWireType
		}
		return each(f.bytes)
	})
}

// spend notes that n bytes of memory are kept for an element.
func (a *archive) spend(n int) error {
	if a.spent += n; a.spent > a.allowed {
		return errTooManyElements
	}
	return nil
}

func (a *archive) span(message []byte) error {
	if err := a.spend(sizeOfSpan); err != nil {
		return err
	}
	var s Span
	err := fields(message, func(f field) (err error) {
		switch f.number {
		case 1:
			copyID(s.TraceID[:], f.bytes)
		case 2:
			copyID(s.ID[:], f.bytes)
		case 4:
			copyID(s.Parent[:], f.bytes)
		case 5:
			s.Name = validText(f.bytes)
		case 7:
			s.Start = int64(f.bits)
		case 8:
			s.End = int64(f.bits)
		case 9:
			s.Attributes, err = a.attribute(s.Attributes, f)
		case 11:
			err = a.event(&s, f.bytes)
		case 13:
			err = a.link(&s, f.bytes)
		case 15:
			err = status(&s, f.bytes)
		}
		return err
	})
	s.Attributes = unique(s.Attributes)
	a.spans = append(a.spans, s)
	return err
}

func status(s *Span, message []byte) error {
	return fields(message, func(f field) error {
		switch f.number {
		case 2:
			s.Message = validText(f.bytes)
		case 3:
			s.Status = statusCode(strconv.FormatUint(f.bits, 10))
		}
		return nil
	})
}

func (a *archive) event(s *Span, message []byte) error {
	if err := a.spend(sizeOfEvent); err != nil {
		return err
	}
	var e Event
	err := fields(message, func(f field) (err error) {
		switch f.number {
		case 1:
			e.Time = int64(f.bits)
		case 2:
			e.Name = validText(f.bytes)
		case 3:
			e.Attributes, err = a.attribute(e.Attributes, f)
		}
		return err
	})
	e.Attributes = unique(e.Attributes)
	s.Events = append(s.Events, e)
	return err
}

// link reads a link. One without ids is dropped, as in the other formats.
func (a *archive) link(s *Span, message []byte) error {
	if err := a.spend(sizeOfLink); err != nil {
		return err
	}
	var l Link
	err := fields(message, func(f field) (err error) {
		switch f.number {
		case 1:
			copyID(l.TraceID[:], f.bytes)
		case 2:
			copyID(l.SpanID[:], f.bytes)
		case 4:
			l.Attributes, err = a.attribute(l.Attributes, f)
		}
		return err
	})
	l.Attributes = unique(l.Attributes)
	if l.TraceID != [16]byte{} && l.SpanID != [8]byte{} {
		s.Links = append(s.Links, l)
	}
	return err
}

// attribute appends a KeyValue.
func (a *archive) attribute(list []Attribute, f field) ([]Attribute, error) {
	if f.kind != protowire.BytesType {
		return list, errWireType
	}
	if err := a.spend(sizeOfAttribute); err != nil {
		return list, err
	}
	key, value, err := keyValue(f.bytes)
	if err != nil {
		return list, err
	}
	text, err := appendAny(a.block.room(), value, 0)
	return append(list, Attribute{Key: key, Raw: a.block.keep(text)}), err
}

// keyValue returns the key and the message of the value of a KeyValue.
func keyValue(message []byte) (key string, value []byte, err error) {
	err = fields(message, func(f field) error {
		switch f.number {
		case 1:
			key = validText(f.bytes)
		case 2:
			value = f.bytes
		}
		return nil
	})
	return key, value, err
}

// appendAny appends the JSON text of an AnyValue as Python's json.dumps spells it. Without a value it is
// null.
func appendAny(dst, message []byte, depth int) ([]byte, error) {
	if depth >= archiveDepth {
		return dst, errTooDeep
	}
	start := len(dst)
	dst = append(dst, "null"...)
	err := fields(message, func(f field) (err error) {
		if f.number < 1 || f.number > 7 {
			return nil
		}
		dst = dst[:start] // the last one counts
		switch f.number {
		case 1:
			dst = pyjson.AppendString(dst, validText(f.bytes))
		case 2:
			dst = strconv.AppendBool(dst, f.bits != 0)
		case 3:
			dst = strconv.AppendInt(dst, int64(f.bits), 10)
		case 4:
			dst = pyjson.AppendFloat(dst, math.Float64frombits(f.bits))
		case 5:
			dst, err = appendContainer(dst, f.bytes, '[', ']', func(dst, element []byte) ([]byte, error) {
				return appendAny(dst, element, depth+1)
			})
		case 6:
			dst, err = appendContainer(dst, f.bytes, '{', '}', func(dst, element []byte) ([]byte, error) {
				key, value, err := keyValue(element)
				if err != nil {
					return dst, err
				}
				return appendAny(append(pyjson.AppendString(dst, key), ": "...), value, depth+1)
			})
		case 7:
			dst = pyjson.AppendString(dst, base64.StdEncoding.EncodeToString(f.bytes))
		}
		return err
	})
	return dst, err
}

// appendContainer appends an ArrayValue or KeyValueList between brackets.
func appendContainer(dst, message []byte, opening, closing byte,
	element func(dst, message []byte) ([]byte, error)) ([]byte, error) {
	dst = append(dst, opening)
	first := true
	err := fields(message, func(f field) (err error) {
		if f.number != 1 {
			return nil
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst, err = element(dst, f.bytes)
		return err
	})
	return append(dst, closing), err
}

// copyID copies an id. One of another length is left out.
func copyID(dst, id []byte) {
	if len(id) == len(dst) {
		copy(dst, id)
	}
}

// validText returns text of its own with U+FFFD for what is not UTF-8.
func validText(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
