// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package scores

import (
	"slices"
	"strings"

	"github.com/gobwas/glob"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// Reason says why an assessment became no attribute.
type Reason string

// The reasons.
const (
	ReasonMalformed   Reason = "malformed"    // it, or all that follows in the text, can't be read
	ReasonNotFeedback Reason = "not_feedback" // an expectation or an issue
	ReasonInvalid     Reason = "invalid"      // its author took it back
	ReasonOverridden  Reason = "overridden"   // another one took its place
	ReasonNoName      Reason = "no_name"      // without a name, or one without letters and digits
	ReasonNoNumber    Reason = "no_number"    // text, a list, an object, null, NaN
	ReasonDuplicate   Reason = "duplicate"    // another one of that name was chosen
	ReasonCollision   Reason = "collision"    // another one was chosen, whose name gives the same attribute
	ReasonNameLimit   Reason = "name_limit"   // more different names than max_names
	ReasonSpanLimit   Reason = "span_limit"   // more attributes on a span than max_metrics
	ReasonSpanMissing Reason = "span_missing" // the span that it is about isn't in the batch
)

// Metric is a number for one span.
type Metric struct {
	SpanID string  // as written in the assessment; empty: the span that carries the assessments
	Key    string  // name of the attribute
	Index  int     // of Key in Scorer.Keys
	Shared bool    // an assessment of another name had this attribute first
	Value  float64 // finite
}

// Scorer chooses among assessments. It may be used by any number of goroutines, each with a List of
// its own.
type Scorer struct {
	onDuplicate OnDuplicate
	maxMetrics  int
	labels      []label
	names       names
}

type label struct {
	LabelScore
	matches func(name string) bool
}

// New returns a scorer for a valid configuration.
func New(cfg Config) (*Scorer, error) {
	s := &Scorer{onDuplicate: cfg.OnDuplicate, maxMetrics: cfg.MaxMetrics, names: names{
		prefix: cfg.Prefix, form: cfg.Names, rename: map[string]string{}, max: cfg.MaxNames,
		known: map[[2]string]attribute{}, used: map[string]owner{},
	}}
	for _, r := range cfg.Rename {
		s.names.rename[r.Name] = r.To
	}
	for _, l := range cfg.LabelScores {
		matches := func(string) bool { return true }
		if l.Match != "" {
			g, err := glob.Compile(l.Match)
			if err != nil {
				return nil, err
			}
			matches = g.Match
		}
		s.labels = append(s.labels, label{l, matches})
	}
	return s, nil
}

// Keys returns the names of all attributes so far, by index.
func (s *Scorer) Keys() []string {
	s.names.mu.RLock()
	defer s.names.mu.RUnlock()
	return slices.Clone(s.names.keys)
}

// List is the metrics of one list of assessments, in the order in which their names came. Its
// memory serves for the next list.
type List struct {
	Metrics []Metric // valid until the next Select or Reset
	chosen  []int    // index in list of the assessment that each metric is from
	list    []assessment
	scanner pyjson.Scanner
}

// Source is the kind of source of the assessment that a metric is from, as it is written there; empty where it tells
// none. It is valid as long as the text.
func (l *List) Source(metric int) string { return l.list[l.chosen[metric]].source }

// Reset forgets what points into the last text.
func (l *List) Reset() {
	clear(l.Metrics)
	clear(l.list)
	l.scanner = pyjson.Scanner{}
	l.Metrics, l.chosen, l.list = l.Metrics[:0], l.chosen[:0], l.list[:0]
	if cap(l.list) > 1024 {
		*l = List{}
	}
}

// Select fills l with the metrics of some texts and calls skipped for what became none. What can't be
// read of one text changes nothing of the others. An assessment about the span carrier, which carries
// them, competes with those about no span. The texts must not change as long as l is in use.
func (s *Scorer) Select(l *List, carrier string, skipped func(Reason, int), texts ...[]byte) {
	l.Reset()
	for _, text := range texts {
		list, malformed, broken := parse(&l.scanner, l.list, text)
		l.list = list
		if broken {
			malformed++
		}
		if malformed > 0 {
			skipped(ReasonMalformed, malformed)
		}
	}
	list := l.list
	markOverridden(list)
	for i := range list {
		a := &list[i]
		if reason := a.unusable(); reason != "" {
			skipped(reason, 1)
			continue
		}
		number, ok := s.number(a.name, a.value)
		if !ok {
			skipped(ReasonNoNumber, 1)
			continue
		}
		m, reason := s.metric(a.name, a.source, number)
		if reason == "" {
			if !strings.EqualFold(a.spanID, carrier) {
				m.SpanID = a.spanID
			}
			reason = s.put(l, i, m)
		}
		if reason != "" {
			skipped(reason, 1)
		}
	}
}

// metric returns the metric for the number of an assessment, or why its name gives none.
func (s *Scorer) metric(name, source string, number float64) (Metric, Reason) {
	if s.onDuplicate != OnDuplicateBySource {
		source = ""
	}
	to, full := s.names.attribute(name, source)
	switch {
	case full:
		return Metric{}, ReasonNameLimit
	case to.key == "":
		return Metric{}, ReasonNoName
	}
	return Metric{Key: to.key, Index: to.index, Shared: to.shared, Value: number}, ""
}

// markOverridden marks the assessments that a valid one overrides.
func markOverridden(list []assessment) {
	var overridden map[string]bool
	for i := range list {
		if a := &list[i]; a.overrides != "" && !a.invalid {
			if overridden == nil {
				overridden = map[string]bool{}
			}
			overridden[a.overrides] = true
		}
	}
	if overridden == nil {
		return
	}
	for i := range list {
		list[i].overridden = list[i].id != "" && overridden[list[i].id]
	}
}

func (a *assessment) unusable() Reason {
	switch {
	case a.other && !a.feedback:
		return ReasonNotFeedback
	case a.invalid:
		return ReasonInvalid
	case a.overridden:
		return ReasonOverridden
	case a.name == "":
		return ReasonNoName
	case a.value == nil:
		return ReasonNoNumber
	}
	return ""
}

// put adds a metric, or lets it and the one with the same place compete. It returns why one less is
// left.
func (s *Scorer) put(l *List, i int, m Metric) Reason {
	onSpan := 0
	for j := range l.Metrics {
		if l.Metrics[j].SpanID != m.SpanID {
			continue
		}
		if l.Metrics[j].Key == m.Key {
			a, b := &l.list[i], &l.list[l.chosen[j]]
			reason := ReasonDuplicate
			if a.name != b.name && (m.Shared || l.Metrics[j].Shared) {
				reason = ReasonCollision
			}
			if s.beats(a, b) {
				l.Metrics[j], l.chosen[j] = m, i
			}
			return reason
		}
		onSpan++
	}
	if onSpan >= s.maxMetrics {
		return ReasonSpanLimit
	}
	l.Metrics = append(l.Metrics, m)
	l.chosen = append(l.chosen, i)
	return ""
}

// beats reports whether a, which comes later in the list, is chosen rather than b.
func (s *Scorer) beats(a, b *assessment) bool {
	if s.onDuplicate == OnDuplicatePreferHuman {
		if x, y := rank(a.source), rank(b.source); x != y {
			return x < y
		}
	}
	if s.onDuplicate == OnDuplicateFirst {
		if a.changed != b.changed {
			return a.changed < b.changed
		}
		return a.id < b.id
	}
	if a.changed != b.changed {
		return a.changed > b.changed
	}
	return a.id >= b.id
}

// rank orders the kinds of sources by how far people trust them.
func rank(source string) int {
	switch strings.ToUpper(source) {
	case "HUMAN":
		return 0
	case "LLM_JUDGE", "AI_JUDGE", "LLM":
		return 1
	case "CODE":
		return 2
	}
	return 3
}
