// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// maxDepth is how deeply containers of a structured value may be nested. Readers of protobuf refuse
// a whole request at 100 levels of messages, which JSON objects reach at a depth of 32; what is
// deeper than maxDepth becomes JSON text.
const maxDepth = 24

// value writes the value of an attribute, whose text is raw and read by s, into v. It reports
// whether raw is JSON, and whether v now holds JSON text somewhere. An empty text is null, as
// MLflow's own client has it; a text that is not JSON is itself a string.
func (w *worker) value(v pcommon.Value, raw []byte, s pyjson.Scanner) (valid, jsonText bool) {
	if len(raw) == 0 {
		return true, false
	}
	before, texts := w.stats, w.texts
	if k := s.Kind(); w.asJSON && (k == pyjson.KindObject || k == pyjson.KindArray) {
		w.jsonText(v, s.Skip())
	} else {
		w.decode(v, &s, 1)
	}
	s.End()
	if s.Err() != nil {
		w.stats = before
		v.SetStr(validString(stringOf(raw)))
		return false, false
	}
	return true, w.texts > texts
}

// decode reads the next value of s into v; depth is the one that a container found here has.
func (w *worker) decode(v pcommon.Value, s *pyjson.Scanner, depth int) {
	switch k := s.Kind(); k {
	case pyjson.KindNull:
		s.Null()
	case pyjson.KindBool:
		v.SetBool(s.Bool())
	case pyjson.KindString:
		v.SetStr(s.Str())
	case pyjson.KindNumber:
		w.number(v, s.Num())
	case pyjson.KindArray, pyjson.KindObject:
		if depth > maxDepth {
			w.stats.TooDeep++
			w.jsonText(v, s.Skip())
			return
		}
		s.Open(k)
		if k == pyjson.KindArray {
			elements := v.SetEmptySlice()
			for s.NextElement() {
				w.decode(elements.AppendEmpty(), s, depth+1)
			}
			return
		}
		dst, level := v.SetEmptyMap(), &w.levels[depth]
		for s.NextMember() {
			w.decode(level.add(s.KeyString()), s, depth+1)
		}
		level.finish(dst)
	default:
		s.Skip() // fails
	}
}

func (w *worker) number(v pcommon.Value, num []byte) {
	if i, ok := pyjson.Int64(num); ok {
		v.SetInt(i)
		return
	}
	if pyjson.IsInt(num) {
		w.stats.BigIntegers++
		w.jsonText(v, num)
		return
	}
	f := pyjson.Float64(num)
	if math.IsNaN(f) {
		f = math.Float64frombits(pythonNaN)
	}
	v.SetDouble(f)
}

// pythonNaN is the NaN that Python's json.loads returns. Go's differs in its lowest bit, and the
// same trace has to be the same bytes with every exporter.
const pythonNaN = 0x7FF8000000000000

// jsonText writes JSON text as a string.
func (w *worker) jsonText(v pcommon.Value, text []byte) {
	w.texts++
	v.SetStr(validString(stringOf(text)))
}

// stringOf returns b as a string that shares its memory: texts of a trace are never written to
// again.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// validString returns s with invalid UTF-8 replaced, since protobuf refuses it.
func validString(s string) string {
	if pyjson.ValidUTF8(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
