// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"math"
	"slices"
	"unsafe"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// decoder reads documents whose members may have another kind than expected, or be null, without
// losing the rest.
type decoder struct {
	pyjson.Scanner
	block  block
	levels []level // of the transcoder, reused

	attributesRead []Attribute // reused by a decoder of many spans; nil: it reads one
}

// Memory that an element of a list needs.
const (
	sizeOfAttribute  = int(unsafe.Sizeof(Attribute{}))
	sizeOfAssessment = int(unsafe.Sizeof(Assessment{}))
	sizeOfElement    = int(unsafe.Sizeof(Element{}))
	sizeOfEvent      = int(unsafe.Sizeof(Event{}))
	sizeOfInfo       = int(unsafe.Sizeof(Info{}))
	sizeOfKeyValue   = int(unsafe.Sizeof(KeyValue{}))
	sizeOfLink       = int(unsafe.Sizeof(Link{}))
	sizeOfSpan       = int(unsafe.Sizeof(Span{}))
)

func newDecoder(doc []byte) *decoder { return decoderOf(pyjson.NewScanner(doc), len(doc)) }

// newCopyingDecoder returns a decoder for a document that doesn't outlive it.
func newCopyingDecoder(doc []byte) *decoder {
	return decoderOf(pyjson.NewCopyingScanner(doc), len(doc))
}

func decoderOf(s pyjson.Scanner, size int) *decoder {
	return &decoder{Scanner: s, block: block{size: min(size/2, blockSize)}}
}

// blockSize is the largest size of a block.
const blockSize = 32 << 10

// open opens the next value if it is of kind k; else it reads past it and reports false.
func (d *decoder) open(k pyjson.Kind) bool {
	if d.Kind() != k {
		d.Skip()
		return false
	}
	d.Open(k)
	return true
}

// text reads a string; null is "", any other value its JSON text.
func (d *decoder) text() string {
	switch d.Kind() {
	case pyjson.KindString:
		return d.Str()
	case pyjson.KindNull:
		d.Null()
		return ""
	}
	return string(d.Skip())
}

// integer reads an integer that is written as a number or as a string; anything else is 0.
func (d *decoder) integer() int64 {
	n, _ := d.wholeNumber()
	return n
}

// wholeNumber is integer, and reports whether the value is one.
func (d *decoder) wholeNumber() (n int64, ok bool) {
	switch d.Kind() {
	case pyjson.KindNumber:
		return integer(d.Num())
	case pyjson.KindString:
		s := pyjson.NewScanner(d.Bytes())
		text := s.Num()
		if s.End(); s.Err() == nil {
			return integer(text)
		}
		return 0, false
	}
	d.Skip()
	return 0, false
}

func integer(num []byte) (n int64, ok bool) {
	if n, ok := pyjson.Int64(num); ok {
		return n, true
	}
	if f := pyjson.Float64(num); math.Abs(f) < 1<<63 {
		return int64(f), true
	}
	return 0, false
}

// boolean reads true or false; anything else is otherwise.
func (d *decoder) boolean(otherwise bool) bool {
	if d.Kind() == pyjson.KindBool {
		return d.Bool()
	}
	d.Skip()
	return otherwise
}

// block is memory for values that don't stand in the document as they are kept. What was put into
// it is neither moved nor overwritten, and stays valid when a new block is begun.
type block struct {
	buf  []byte
	size int
}

// room returns an empty slice to append one value to.
func (b *block) room() []byte {
	if cap(b.buf)-len(b.buf) < 256 {
		b.size = max(b.size, 1024)
		b.buf = make([]byte, 0, b.size)
		b.size = min(2*b.size, max(b.size, blockSize))
	}
	return b.buf[len(b.buf):]
}

// keep returns the value that was appended to room's slice. It lies in the block if it fitted, else
// in memory of its own.
func (b *block) keep(value []byte) []byte {
	n := len(b.buf)
	if end := n + len(value); len(value) > 0 && end <= cap(b.buf) && &value[0] == &b.buf[:end][n] {
		b.buf = b.buf[:end]
	}
	return slices.Clip(value)
}
