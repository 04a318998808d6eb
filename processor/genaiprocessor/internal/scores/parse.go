// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

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

	// The ranks of the members that name, value and time are from, 1 is the first; 0: there was
	// none.
	nameRank, valueRank, timeRank int8
}

// maxAssessments bounds a list: MLflow's own limit per trace is far below.
const maxAssessments = 10_000

// parse appends the assessments of a JSON text to list. It reports how many elements could not be
// read as one; broken is true if the text as a whole couldn't, from some place on. The scanner is
// the caller's, since readers of members are called through a table: one made here would be
// allocated.
func parse(s *pyjson.Scanner, list []assessment, text []byte) (_ []assessment, malformed int, broken bool) {
	*s = pyjson.NewScanner(text)
	for range 2 { // text in a string, perhaps once more
		if s.Kind() != pyjson.KindString {
			break
		}
		inner := s.Bytes()
		if s.Err() != nil {
			return list, 0, true
		}
		*s = pyjson.NewScanner(inner)
	}
	switch s.Kind() {
	case pyjson.KindObject:
		list = append(list, assessment{})
		list[len(list)-1].read(s)
	case pyjson.KindArray:
		s.Open(pyjson.KindArray)
		for s.NextElement() {
			if s.Kind() != pyjson.KindObject || len(list) >= maxAssessments {
				s.Skip()
				malformed++
				continue
			}
			list = append(list, assessment{})
			if list[len(list)-1].read(s); s.Err() != nil {
				list = list[:len(list)-1]
			}
		}
	case pyjson.KindNull:
		s.Null()
	default:
		return list, 0, true
	}
	s.End()
	return list, malformed, s.Err() != nil
}

// members are the readers of an assessment's members, by their names. Each reads the value of its
// member. Of members that say the same the one of the lowest rank counts.
var members = map[string]func(a *assessment, s *pyjson.Scanner){
	"assessment_id":       func(a *assessment, s *pyjson.Scanner) { a.id = text(s) },
	"id":                  func(a *assessment, s *pyjson.Scanner) { a.id = text(s) },
	"assessment_name":     func(a *assessment, s *pyjson.Scanner) { a.setName(1, text(s)) },
	"metric_name":         func(a *assessment, s *pyjson.Scanner) { a.setName(2, text(s)) },
	"name":                func(a *assessment, s *pyjson.Scanner) { a.setName(3, text(s)) },
	"span_id":             func(a *assessment, s *pyjson.Scanner) { a.spanID = text(s) },
	"source":              (*assessment).readSource,
	"source_type":         func(a *assessment, s *pyjson.Scanner) { a.source = text(s) },
	"feedback":            (*assessment).readFeedback,
	"value":               func(a *assessment, s *pyjson.Scanner) { a.readValue(2, s) },
	"score":               func(a *assessment, s *pyjson.Scanner) { a.readValue(3, s) },
	"expectation":         (*assessment).readOther,
	"issue":               (*assessment).readOther,
	"valid":               (*assessment).readValid,
	"overrides":           func(a *assessment, s *pyjson.Scanner) { a.overrides = text(s) },
	"last_update_time":    func(a *assessment, s *pyjson.Scanner) { a.setTime(1, instant(s)) },
	"last_update_time_ms": func(a *assessment, s *pyjson.Scanner) { a.setTime(1, instant(s)) },
	"create_time":         func(a *assessment, s *pyjson.Scanner) { a.setTime(2, instant(s)) },
	"create_time_ms":      func(a *assessment, s *pyjson.Scanner) { a.setTime(2, instant(s)) },
	"timestamp":           func(a *assessment, s *pyjson.Scanner) { a.setTime(3, instant(s)) },
}

// read reads an object.
func (a *assessment) read(s *pyjson.Scanner) {
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		if read, ok := members[s.KeyString()]; ok {
			read(a, s)
		} else {
			s.Skip()
		}
	}
}

// before reports whether a member of this rank counts more than the one that was found before.
func before(rank, found int8) bool { return found == 0 || rank < found }

func (a *assessment) setName(rank int8, name string) {
	if name != "" && before(rank, a.nameRank) {
		a.name, a.nameRank = name, rank
	}
}

func (a *assessment) setTime(rank int8, t int64) {
	if t != 0 && before(rank, a.timeRank) {
		a.changed, a.timeRank = t, rank
	}
}

func (a *assessment) readValue(rank int8, s *pyjson.Scanner) {
	null := s.Kind() == pyjson.KindNull
	if raw := s.Skip(); !null && before(rank, a.valueRank) {
		a.value, a.valueRank = raw, rank
	}
}

// readSource reads {"source_type": …} or the type itself.
func (a *assessment) readSource(s *pyjson.Scanner) {
	if s.Kind() != pyjson.KindObject {
		a.source = text(s)
		return
	}
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		if string(s.Key()) == "source_type" {
			a.source = text(s)
		} else {
			s.Skip()
		}
	}
}

// readFeedback reads {"value": …} or the value itself.
func (a *assessment) readFeedback(s *pyjson.Scanner) {
	switch s.Kind() {
	case pyjson.KindNull:
		s.Null()
	case pyjson.KindObject:
		a.feedback = true
		s.Open(pyjson.KindObject)
		for s.NextMember() {
			if string(s.Key()) == "value" {
				a.readValue(1, s)
			} else {
				s.Skip()
			}
		}
	default:
		a.feedback = true
		a.readValue(1, s)
	}
}

// readOther reads an expectation or an issue.
func (a *assessment) readOther(s *pyjson.Scanner) {
	a.other = a.other || s.Kind() != pyjson.KindNull
	s.Skip()
}

func (a *assessment) readValid(s *pyjson.Scanner) {
	if s.Kind() == pyjson.KindBool {
		a.invalid = !s.Bool()
	} else {
		s.Skip()
	}
}

// text reads a value and returns it if it is a string.
func text(s *pyjson.Scanner) string {
	if s.Kind() != pyjson.KindString {
		s.Skip()
		return ""
	}
	return s.Str()
}

// instant reads a time, RFC 3339 or Unix milliseconds, and returns it in nanoseconds, or 0.
func instant(s *pyjson.Scanner) int64 {
	switch s.Kind() {
	case pyjson.KindNumber:
		if ms, ok := pyjson.Int64(s.Num()); ok && ms < 1<<53/1000 {
			return ms * int64(time.Millisecond)
		}
		return 0
	case pyjson.KindString:
		if t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(s.Str())); err == nil {
			return t.UnixNano()
		}
		return 0
	}
	s.Skip()
	return 0
}
