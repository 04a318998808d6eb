// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"strings"

	"github.com/gobwas/glob"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Policy applies a configuration. It is safe for concurrent use.
type Policy struct {
	action    Action
	keys      map[string]bool // kept
	globs     []glob.Glob
	keepNames bool
	key       []byte
	dropIDs   bool // of persons
	full      *masker
	strong    *masker

	stats *Stats // of the call under way; set in a copy of the policy
}

// Stats counts what Apply did.
type Stats struct {
	Spans   int // GenAI spans that were checked
	Records int // GenAI log records that were checked
	Removed int // values that were removed, names replaced included
	Hashed  int // values that became a hash
	Masked  int // values in which something was masked
}

// Add adds the counts of o.
func (s *Stats) Add(o Stats) {
	s.Spans += o.Spans
	s.Records += o.Records
	s.Removed += o.Removed
	s.Hashed += o.Hashed
	s.Masked += o.Masked
}

// New returns the policy of a valid configuration, or the error of its Validate.
func New(c Config) (*Policy, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Policy{action: c.Action, keys: map[string]bool{}, key: []byte(c.HashKey),
		dropIDs: c.PersonIDs == PersonIDsDrop}
	for _, k := range c.Keep {
		if k == keepNames {
			p.keepNames = true
			continue
		}
		p.keys[k] = true
		if strings.ContainsAny(k, `*?[{\`) {
			g, err := glob.Compile(k)
			if err != nil {
				return nil, err
			}
			p.globs = append(p.globs, g)
		}
	}
	if c.Action == ActionMask {
		p.full = newMasker(&c)
		p.strong = p.full.strong()
	}
	return p, nil
}

// Apply treats the GenAI spans of td.
func (p *Policy) Apply(td ptrace.Traces) Stats {
	var stats Stats
	if p.action == "" || p.action == ActionKeep {
		return stats
	}
	call := *p
	call.stats = &stats
	for _, rs := range td.ResourceSpans().All() {
		below := stats.Spans
		for _, ss := range rs.ScopeSpans().All() {
			inScope := stats.Spans
			ours, dialect := isGenAIScope(ss.Scope()), genai.DialectOfScope(ss.Scope().Name())
			for _, span := range ss.Spans().All() {
				if ours || isGenAI(span, dialect) {
					stats.Spans++
					call.span(span)
				}
			}
			if stats.Spans > inScope {
				call.attributes(ss.Scope().Attributes(), genai.ClassOf, false)
			}
		}
		if stats.Spans > below {
			call.attributes(rs.Resource().Attributes(), genai.ResourceClassOf, false)
		}
	}
	return stats
}

// isGenAIScope reports whether all that is recorded under the scope is treated.
func isGenAIScope(scope pcommon.InstrumentationScope) bool {
	_, ours := scope.Attributes().Get(genai.PayloadsMode)
	return ours || genai.DialectOfScope(scope.Name()) == genai.DialectClaudeCode
}

func isMarked(attrs pcommon.Map, scope genai.Dialect) bool {
	for key := range attrs.All() {
		if genai.MarksIn(key, scope) {
			return true
		}
	}
	return false
}

func isGenAI(span ptrace.Span, scope genai.Dialect) bool {
	if isMarked(span.Attributes(), scope) {
		return true
	}
	for _, e := range span.Events().All() {
		if strings.HasPrefix(e.Name(), "gen_ai.") {
			return true
		}
	}
	return false
}

func (p *Policy) span(span ptrace.Span) {
	name, ok := p.name(span.Name(), func() (string, bool) { return safeName(span) })
	span.SetName(name)
	if message := span.Status().Message(); message != "" {
		span.Status().SetMessage(p.message(message))
	}
	p.attributes(span.Attributes(), genai.ClassOf, ok)
	for _, e := range span.Events().All() {
		e.SetName(p.eventName(e.Name()))
		p.attributes(e.Attributes(), classesIn(e.Attributes()).of, false)
	}
	for _, l := range span.Links().All() {
		p.attributes(l.Attributes(), genai.ClassOf, false)
	}
}

// message returns what becomes of a status message.
func (p *Policy) message(s string) string {
	switch p.action {
	case ActionHash:
		p.stats.Hashed++
		return p.digest([]byte(s))
	case ActionMask:
		return p.mask(s)
	}
	p.stats.Removed++
	return ""
}

func (p *Policy) mask(s string) string {
	s, changed := p.full.text(s, "", 0)
	if changed {
		p.stats.Masked++
	}
	return s
}

// name returns what becomes of the name of a span or event and whether it stays as it is. safe
// returns a name to put in its place and whether it is the same.
func (p *Policy) name(s string, safe func() (string, bool)) (string, bool) {
	if p.keepNames {
		return s, true
	}
	if p.action == ActionMask {
		return p.mask(s), false
	}
	other, same := safe()
	switch {
	case same:
		return s, true
	case p.action == ActionHash:
		p.stats.Hashed++
		return p.digest([]byte(s)), false
	}
	p.stats.Removed++
	return other, false
}

// eventName returns what becomes of the name of an event or log record.
func (p *Policy) eventName(s string) string {
	name, _ := p.name(s, func() (string, bool) { return eventName(s) })
	return name
}

// attributes treats the attributes of a span, event, link, scope or resource. names says that
// attributes that hold names stay.
func (p *Policy) attributes(m pcommon.Map, class func(key string) genai.Class, names bool) {
	if m.Len() == 0 {
		return
	}
	if p.action == ActionMask {
		p.maskAttributes(m, class)
		return
	}
	before := m.Len()
	hashed := p.stats.Hashed
	m.RemoveIf(func(key string, v pcommon.Value) bool {
		switch c := class(key); {
		case c == genai.ClassPerson:
			return p.person(v)
		case p.stays(key, v, c, names):
			if isAssessments(key) {
				p.assessors(v, 0)
			}
			return false
		case p.action == ActionHash:
			p.hash(v)
			p.stats.Hashed++
			return false
		}
		p.stats.Removed++
		return true
	})
	if m.Len() < before || p.stats.Hashed > hashed {
		p.forget(m, class, names)
	}
}

// stays reports whether drop and hash leave an attribute as it is.
func (p *Policy) stays(key string, v pcommon.Value, c genai.Class, names bool) bool {
	switch c {
	case genai.ClassSafe:
		return true
	case genai.ClassNumber:
		if t := v.Type(); t == pcommon.ValueTypeInt || t == pcommon.ValueTypeDouble || t == pcommon.ValueTypeBool {
			return true
		}
	case genai.ClassName:
		if names {
			return true
		}
	}
	if p.keys[key] {
		return true
	}
	for _, g := range p.globs {
		if g.Match(key) {
			return true
		}
	}
	return false
}

// isAssessments reports whether an attribute holds assessments, and so the ids of assessors.
func isAssessments(key string) bool { return key == genai.Assessments || key == genai.PlainAssessments }

// forget removes from the list of attributes with JSON text the ones that are no longer there or no
// longer JSON.
func (p *Policy) forget(m pcommon.Map, class func(key string) genai.Class, names bool) {
	list, ok := m.Get(genai.JSONAttributes)
	if !ok {
		return
	}
	if list.Type() == pcommon.ValueTypeSlice {
		left := map[string]bool{}
		for key, v := range m.All() {
			left[key] = p.stays(key, v, class(key), names)
		}
		list.Slice().RemoveIf(func(e pcommon.Value) bool { return !left[e.Str()] })
		if list.Slice().Len() > 0 {
			return
		}
	}
	m.Remove(genai.JSONAttributes)
}

func (p *Policy) maskAttributes(m pcommon.Map, class func(key string) genai.Class) {
	m.RemoveIf(func(key string, v pcommon.Value) bool {
		switch {
		case class(key) == genai.ClassPerson:
			return p.person(v)
		case isAssessments(key):
			p.assessors(v, 0)
		}
		return false
	})
	p.full.mapping(m, func(key string) *masker {
		switch class(key) {
		case genai.ClassPerson:
			return nil // hashed
		case genai.ClassSafe, genai.ClassNumber:
			return p.strong
		}
		return p.full
	}, 0)
}
