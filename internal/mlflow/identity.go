// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
)

// parseID puts the id that text spells into id and reports whether it is one that fits: base64 of
// all bytes (schema 3), or hex (schema 2, and schema 3 of a 3.5.0 client) with or without 0x, tr-
// or trace:/<location>/ before it. Hex digits are too few where a producer left out leading zeros.
// The length decides, since hex is valid base64, too.
func parseID(id []byte, text string) bool {
	// Base64 comes first: it may begin with 0x itself.
	if len(text) == base64.StdEncoding.EncodedLen(len(id)) && strings.HasSuffix(text, "=") {
		var buf [18]byte
		n, err := base64.StdEncoding.Decode(buf[:], []byte(text))
		if err != nil || n != len(id) {
			return false
		}
		copy(id, buf[:n])
		return true
	}
	if strings.HasPrefix(text, placePrefix) {
		text = text[strings.LastIndexByte(text, '/')+1:]
	}
	text = strings.TrimPrefix(text, "tr-")
	text = strings.TrimPrefix(text, "0x")
	if text == "" || len(text) > 2*len(id) {
		return false
	}
	const zeros = "00000000000000000000000000000000"
	var buf [16]byte
	if _, err := hex.Decode(buf[:len(id)], []byte(zeros[:2*len(id)-len(text)]+text)); err != nil {
		return false
	}
	copy(id, buf[:])
	return true
}

// placePrefix begins the ids of traces in Unity Catalog.
const placePrefix = "trace:/"

// PlaceID is MLflow's id of a trace in Unity Catalog: trace:/<place>/<hex>. The place is
// catalog.schema.prefix, in the older layout catalog.schema.
func PlaceID(place, hex string) string { return placePrefix + place + "/" + hex }

// SplitPlaceID returns the two parts of an id that PlaceID made. For another id the place is empty.
func SplitPlaceID(id string) (place, hex string) {
	rest, ok := strings.CutPrefix(id, placePrefix)
	i := strings.LastIndexByte(rest, '/')
	if !ok || i < 0 {
		return "", id
	}
	return rest[:i], rest[i+1:]
}

// SpanID returns the span id that text spells. Text that spells none gives an id that is derived from
// it, so that parents and children still find each other; the empty text gives zero.
func SpanID(text string) (id [8]byte) {
	if text == "" || parseID(id[:], text) {
		return id
	}
	sum := sha256.Sum256([]byte(text))
	copy(id[:], sum[:])
	return id
}

// Finish gives every span of the trace the same OpenTelemetry trace id: the one in the spans, else
// one derived from the trace's MLflow id; and puts event times into nanoseconds. A span without an
// id gets one that follows from its place. Every decoder ends with it; a store calls it after it
// has decoded the rows.
func Finish(t *Trace) {
	id := idInSpans(t.Spans)
	if id == [16]byte{} {
		id, t.Synthetic = TraceID(t.Info.ID)
	}
	for i := range t.Spans {
		s := &t.Spans[i]
		s.TraceID = id
		if s.ID == [8]byte{} {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(t.Info.ID), uint64(i)))
			copy(s.ID[:], sum[:])
		}
		for j := range s.Events {
			s.Events[j].Time = nanoseconds(s.Events[j].Time, s.Start, s.End)
		}
	}
}

// foreign says why the spans of an answer can't be those of the trace: they carry the id of another
// one. Where a client of 3.0 or later wrote the trace, its MLflow id spells the id of the spans
// (tr-<hex>, trace:/<location>/<hex>). Older ids are random, also those of Databricks that begin with
// tr-, so only that all spans carry the same id can be checked there. The rows of a store name their
// trace themselves.
func foreign(t *Trace) *Skip {
	want := idInSpans(t.Spans)
	schema, _ := Get(t.Info.Metadata, MetaSchemaVersion)
	if schema == "3" && strings.HasPrefix(t.Info.ID, "tr-") || strings.HasPrefix(t.Info.ID, placePrefix) {
		if id, synthetic := TraceID(t.Info.ID); !synthetic {
			want = id
		}
	}
	n, other := 0, [16]byte{}
	for i := range t.Spans {
		if id := t.Spans[i].TraceID; id != want && id != [16]byte{} {
			n, other = n+1, id
		}
	}
	if n == 0 {
		return nil
	}
	return Skipf(ReasonCorrupt, "%d of %d spans carry the id of another trace (%x)", n, len(t.Spans), other)
}

// idInSpans returns the trace id of the first root span that has one, else of the first span that
// has one, else zero.
func idInSpans(spans []Span) (id [16]byte) {
	for i := range spans {
		if spans[i].TraceID == [16]byte{} {
			continue
		}
		if spans[i].Parent == [8]byte{} {
			return spans[i].TraceID
		}
		if id == [16]byte{} {
			id = spans[i].TraceID
		}
	}
	return id
}

// TraceID returns the OpenTelemetry trace id of an MLflow trace whose spans carry none: the
// 32 hex digits in tr-<hex>, trace:/<location>/<hex>, <hex> or a UUID; for any other text the first
// 16 bytes of its SHA-256, and true.
func TraceID(mlflowID string) (id [16]byte, synthetic bool) {
	text := mlflowID
	if strings.HasPrefix(text, placePrefix) {
		text = text[strings.LastIndexByte(text, '/')+1:]
	}
	text = strings.TrimPrefix(text, "tr-")
	if len(text) == 36 {
		text = strings.ReplaceAll(text, "-", "")
	}
	if len(text) == 32 {
		if _, err := hex.Decode(id[:], []byte(text)); err == nil && id != [16]byte{} {
			return id, false
		}
	}
	sum := sha256.Sum256([]byte(mlflowID))
	return [16]byte(sum[:16]), true
}

// microsecondLimit is the value below which an event's time is in microseconds, as clients up to
// 3.10 wrote it: 1973 in nanoseconds, 5138 in microseconds.
const microsecondLimit = 1e17

// nanoseconds returns the time of an event, in nanoseconds or microseconds, in nanoseconds. The
// span it belongs to has the last word: a time that is nearer to it as nanoseconds is in
// nanoseconds.
func nanoseconds(t, start, end int64) int64 {
	if t <= 0 || t >= microsecondLimit || t > math.MaxInt64/1000 {
		return t
	}
	if scaled := t * 1000; start <= 0 || distance(scaled, start, end) <= distance(t, start, end) {
		return scaled
	}
	return t
}

// distance returns how far t lies from the interval, or from its start where the interval has no
// end.
func distance(t, start, end int64) int64 {
	switch {
	case t < start:
		return start - t
	case t > max(start, end):
		return t - max(start, end)
	}
	return 0
}
