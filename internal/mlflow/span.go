// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"math"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// span reads one span. The formats differ in the names of members and in the kinds of their values,
// and no name means two things, so one reader serves all.
func (d *decoder) span() Span {
	var s Span
	if !d.open(pyjson.KindObject) {
		return s
	}
	for d.NextMember() {
		switch string(d.Key()) {
		case "name":
			s.Name = d.text()
		case "context": // schema 2
			if !d.open(pyjson.KindObject) {
				continue
			}
			for d.NextMember() {
				switch string(d.Key()) {
				case "trace_id":
					parseID(s.TraceID[:], d.text())
				case "span_id":
					s.ID = SpanID(d.text())
				default:
					d.Skip()
				}
			}
		case "trace_id":
			parseID(s.TraceID[:], d.text())
		case "span_id":
			s.ID = SpanID(d.text())
		case "parent_id", "parent_span_id":
			s.Parent = SpanID(d.text())
		case "start_time", "start_time_unix_nano":
			s.Start = d.integer()
		case "end_time", "end_time_unix_nano":
			s.End = d.integer()
		case "status_code": // schema 2
			s.Status = statusCode(d.text())
		case "status_message":
			s.Message = d.text()
		case "status":
			d.status(&s)
		case "attributes":
			s.Attributes = d.attributes(true)
		case "events":
			s.Events = d.events()
		case "links":
			s.Links = d.links()
		case "kind":
			s.Kind = spanKind(d.text())
		case "trace_state":
			s.TraceState = d.text()
		case "flags":
			s.Flags = d.count()
		case "dropped_attributes_count":
			s.DroppedAttributes = d.count()
		case "dropped_events_count":
			s.DroppedEvents = d.count()
		case "dropped_links_count":
			s.DroppedLinks = d.count()
		default:
			d.Skip()
		}
	}
	return s
}

// count reads a number that fits into 32 bits; what doesn't is 0.
func (d *decoder) count() uint32 {
	if n := d.integer(); n > 0 && n <= math.MaxUint32 {
		return uint32(n)
	}
	return 0
}

// spanKind reads the name of a kind, SPAN_KIND_SERVER, or its number.
func spanKind(text string) uint8 {
	kinds := [...]string{"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
	name := strings.TrimPrefix(text, "SPAN_KIND_")
	for i, k := range kinds {
		if name == k || text == string(rune('0'+i)) {
			return uint8(i)
		}
	}
	return 0
}

func (d *decoder) status(s *Span) {
	if !d.open(pyjson.KindObject) {
		return
	}
	for d.NextMember() {
		switch string(d.Key()) {
		case "code":
			s.Status = statusCode(d.text())
		case "message":
			s.Message = d.text()
		default:
			d.Skip()
		}
	}
}

func statusCode(code string) StatusCode {
	switch strings.TrimPrefix(code, "STATUS_CODE_") {
	case "OK", "1":
		return StatusCodeOK
	case "ERROR", "2":
		return StatusCodeError
	}
	return StatusCodeUnset
}

func (d *decoder) events() []Event {
	if !d.open(pyjson.KindArray) {
		return nil
	}
	var events []Event
	for d.NextElement() {
		if !d.open(pyjson.KindObject) {
			continue
		}
		var e Event
		for d.NextMember() {
			switch string(d.Key()) {
			case "name":
				e.Name = d.text()
			case "timestamp", "time_unix_nano":
				e.Time = d.integer()
			case "attributes":
				e.Attributes = d.attributes(false)
			case "dropped_attributes_count":
				e.DroppedAttributes = d.count()
			default:
				d.Skip()
			}
		}
		events = append(events, e)
		d.Spend(sizeOfEvent)
	}
	return events
}

// links reads links. One whose ids are wider than OpenTelemetry's, or no ids at all, is dropped, as
// MLflow does when it exports.
func (d *decoder) links() []Link {
	if !d.open(pyjson.KindArray) {
		return nil
	}
	var links []Link
	for d.NextElement() {
		if !d.open(pyjson.KindObject) {
			continue
		}
		var l Link
		ok := true
		for d.NextMember() {
			switch string(d.Key()) {
			case "trace_id":
				ok = parseID(l.TraceID[:], d.text()) && ok
			case "span_id":
				ok = parseID(l.SpanID[:], d.text()) && ok
			case "attributes":
				l.Attributes = d.attributes(false)
			case "trace_state":
				l.TraceState = d.text()
			case "flags":
				l.Flags = d.count()
			case "dropped_attributes_count":
				l.DroppedAttributes = d.count()
			default:
				d.Skip()
			}
		}
		if ok && l.TraceID != [16]byte{} && l.SpanID != [8]byte{} {
			links = append(links, l)
			d.Spend(sizeOfLink)
		}
	}
	return links
}

// attributes reads attributes: an object, or the typed list [{"key": …, "value": {…}}]. The values
// of a span's object are JSON text within strings.
func (d *decoder) attributes(ofSpan bool) []Attribute {
	switch d.Kind() {
	case pyjson.KindObject:
		d.Open(pyjson.KindObject)
		attributes := d.room()
		for d.NextMember() {
			a := Attribute{Key: d.KeyString()}
			if ofSpan && d.Kind() == pyjson.KindString {
				a.Raw = d.Bytes()
			} else {
				a.Raw = d.plainValue()
			}
			attributes = append(attributes, a)
			d.Spend(sizeOfAttribute)
		}
		return d.exactly(unique(attributes))
	case pyjson.KindArray:
		d.Open(pyjson.KindArray)
		attributes := d.room()
		for d.NextElement() {
			if d.open(pyjson.KindObject) {
				attributes = append(attributes, d.typedAttribute())
				d.Spend(sizeOfAttribute)
			}
		}
		return d.exactly(unique(attributes))
	}
	d.Skip()
	return nil
}

// room returns an empty list for attributes.
func (d *decoder) room() []Attribute {
	if d.attributesRead != nil {
		return d.attributesRead
	}
	return make([]Attribute, 0, 8)
}

// exactly returns a list that holds no more memory than it needs, where a decoder reads many spans.
func (d *decoder) exactly(list []Attribute) []Attribute {
	if d.attributesRead == nil {
		return list
	}
	kept := make([]Attribute, len(list))
	copy(kept, list)
	clear(list[:cap(list)])
	d.attributesRead = list[:0]
	return kept
}

// plainValue reads any value and returns its canonical text. (The text of the same value is spelled
// in one way by the database and in another by the server.)
func (d *decoder) plainValue() []byte {
	value, _ := pyjson.AppendCanonical(d.block.room(), d.Skip(), false) // what Skip returns is valid
	return d.block.keep(value)
}

// fewAttributes is the number up to which comparing each key with each is faster than a map.
const fewAttributes = 16

// unique gives each key its last value at its first place, as Python's dictionaries do.
func unique(list []Attribute) []Attribute {
	if len(list) <= fewAttributes {
		kept := list[:0]
	next:
		for _, a := range list {
			for i := range kept {
				if kept[i].Key == a.Key {
					kept[i] = a
					continue next
				}
			}
			kept = append(kept, a)
		}
		return kept
	}
	place := make(map[string]int, len(list))
	kept := list[:0]
	for _, a := range list {
		if i, ok := place[a.Key]; ok {
			kept[i] = a
			continue
		}
		place[a.Key] = len(kept)
		kept = append(kept, a)
	}
	return kept
}
