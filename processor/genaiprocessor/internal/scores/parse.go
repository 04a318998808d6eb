package scores

import (
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// assessment is one element of a list. Its strings point into the text.
type assessment struct {
	id, name, spanID, source, overrides string
	value                               []byte // JSON text; nil without
	changed                             int64  // Unix nanoseconds, 0 when not known
	feedback, other                     bool   // it has a feedback, an expectation or issue
	invalid                             bool
	overridden                          bool
}

// maxAssessments bounds a list: MLflow's own limit per trace is far below.
const maxAssessments = 10_000

// parse appends the assessments of a JSON text to list. It reports how many elements could not be read as one; broken is true if the text as a whole couldn't, from some
// place on.
func parse(list []assessment, text []byte) (_ []assessment, malformed int, broken bool) {
	s := pyjson.NewScanner(text)
	for range 2 { // text in a string, perhaps once more
		if s.Kind() != pyjson.String {
			break
		}
		inner := s.Bytes()
		if s.Err() != nil {
			return list, 0, true
		}
		s = pyjson.NewScanner(inner)
	}
	switch s.Kind() {
	case pyjson.Object:
		list = append(list, one(&s))
	case pyjson.Array:
		s.Open(pyjson.Array)
		for s.NextElement() {
			if s.Kind() != pyjson.Object || len(list) >= maxAssessments {
				s.Skip()
				malformed++
				continue
			}
			if a := one(&s); s.Err() == nil {
				list = append(list, a)
			}
		}
	case pyjson.Null:
		s.Null()
	default:
		return list, 0, true
	}
	s.End()
	return list, malformed, s.Err() != nil
}

// one reads an object.
func one(s *pyjson.Scanner) (a assessment) {
	nameRank, valueRank, timeRank := 3, 3, 3
	value := func(rank int) {
		null := s.Kind() == pyjson.Null
		if raw := s.Skip(); !null && rank < valueRank {
			a.value, valueRank = raw, rank
		}
	}
	changed := func(rank int) {
		if t := instant(s); t != 0 && rank < timeRank {
			a.changed, timeRank = t, rank
		}
	}
	name := func(rank int) {
		if n := text(s); n != "" && rank < nameRank {
			a.name, nameRank = n, rank
		}
	}
	s.Open(pyjson.Object)
	for s.NextMember() {
		switch s.KeyString() {
		case "assessment_id", "id":
			a.id = text(s)
		case "assessment_name":
			name(0)
		case "metric_name":
			name(1)
		case "name":
			name(2)
		case "span_id":
			a.spanID = text(s)
		case "source":
			switch s.Kind() {
			case pyjson.Object:
				s.Open(pyjson.Object)
				for s.NextMember() {
					if s.KeyString() == "source_type" {
						a.source = text(s)
					} else {
						s.Skip()
					}
				}
			default:
				a.source = text(s)
			}
		case "source_type":
			a.source = text(s)
		case "feedback":
			switch s.Kind() {
			case pyjson.Null:
				s.Null()
			case pyjson.Object:
				a.feedback = true
				s.Open(pyjson.Object)
				for s.NextMember() {
					if s.KeyString() == "value" {
						value(0)
					} else {
						s.Skip()
					}
				}
			default:
				a.feedback = true
				value(0)
			}
		case "value":
			value(1)
		case "score":
			value(2)
		case "expectation", "issue":
			a.other = a.other || s.Kind() != pyjson.Null
			s.Skip()
		case "valid":
			if s.Kind() == pyjson.Bool {
				a.invalid = !s.Bool()
			} else {
				s.Skip()
			}
		case "overrides":
			a.overrides = text(s)
		case "last_update_time", "last_update_time_ms":
			changed(0)
		case "create_time", "create_time_ms":
			changed(1)
		case "timestamp":
			changed(2)
		default:
			s.Skip()
		}
	}
	return a
}

// text reads a value and returns it if it is a string.
func text(s *pyjson.Scanner) string {
	if s.Kind() != pyjson.String {
		s.Skip()
		return ""
	}
	return s.Str()
}

// instant reads a time, RFC 3339 or Unix milliseconds, and returns it in nanoseconds, or 0.
func instant(s *pyjson.Scanner) int64 {
	switch s.Kind() {
	case pyjson.Number:
		if ms, ok := pyjson.Int64(s.Num()); ok && ms < 1<<53/1000 {
			return ms * int64(time.Millisecond)
		}
		return 0
	case pyjson.String:
		if t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(s.Str())); err == nil {
			return t.UnixNano()
		}
		return 0
	}
	s.Skip()
	return 0
}
