// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

// Stats counts what Apply did.
type Stats struct {
	Models        int     // model calls that got a cost, each once however many spans tell of it
	Tools         int     // tool calls that got a cost
	Totals        int     // traces that got a total
	Partial       int     // of those, the ones whose total is marked as too low
	UnknownModels int     // model calls with usage but without a price for their model, provider and time
	NoUsage       int     // model calls without reported usage
	Cost          float64 // sum of the totals of whole traces, and of the single calls of others
	BadUsage      int     // reported numbers of tokens that are negative, fractional or no numbers; they were ignored
	Uncertain     int     // model calls whose input may exclude cached tokens, so that the cost may be too low
	Limited       int     // model calls that report more tokens in a part than in the whole
}

// Add adds the counts of o.
func (s *Stats) Add(o Stats) {
	s.Models += o.Models
	s.Tools += o.Tools
	s.Totals += o.Totals
	s.Partial += o.Partial
	s.UnknownModels += o.UnknownModels
	s.NoUsage += o.NoUsage
	s.BadUsage += o.BadUsage
	s.Uncertain += o.Uncertain
	s.Limited += o.Limited
	s.Cost += o.Cost
}

// kind is what a span costs something for. The kinds are bits of a set.
type kind uint8

const (
	free    kind = 0
	model   kind = 1
	toolUse kind = 2
)

// kindOf returns what a span costs something for, if it has a price.
func kindOf(s *spans.Span) kind {
	switch {
	case s.Kind == genai.KindTool:
		return toolUse
	case s.IsModelCall():
		return model
	}
	return free
}

// Apply adds costs to the spans of b.
func (p *Pricer) Apply(b *spans.Batch) Stats {
	var stats Stats
	if len(p.exact)+len(p.globs)+len(p.tools) == 0 {
		return stats
	}
	var t tree
	var single []priced
	var wanted map[pcommon.TraceID]bool
	if !p.wholeTraces {
		wanted = wholeTraces(b)
	}
	for i := range b.Spans {
		s := &b.Spans[i]
		n := p.span(s, &stats)
		switch {
		case p.wholeTraces || wanted[s.TraceID()]:
			t.add(s.Span, n)
		case n.kind == model:
			single = append(single, priced{i, n.cost})
		default:
			stats.Cost += n.cost
		}
	}
	for _, c := range single {
		if !b.PricedAbove(c.span) {
			stats.Cost += c.cost
		}
	}
	t.totals(&stats)
	stats.calls(b)
	return stats
}

// priced is a call of a model in a trace that isn't whole.
type priced struct {
	span int
	cost float64
}

// calls counts the calls of models that report usage. A call has a price if one of the spans that
// tell of it has one.
func (s *Stats) calls(b *spans.Batch) {
	calls := 0
	for i := range b.Spans {
		call, ok := b.Call(i)
		if !ok {
			continue
		}
		if call == i {
			calls++
		}
		if top := &b.Spans[call]; b.Spans[i].Priced && !top.CallPriced {
			top.CallPriced = true
			s.Models++
		}
	}
	s.UnknownModels = calls - s.Models
}

// wholeTraces returns the traces of b that the receiver marked as whole.
func wholeTraces(b *spans.Batch) map[pcommon.TraceID]bool {
	var ids map[pcommon.TraceID]bool
	for i := range b.Spans {
		if s := &b.Spans[i]; s.Payloads != "" && s.Whole {
			if ids == nil {
				ids = map[pcommon.TraceID]bool{}
			}
			ids[s.TraceID()] = true
		}
	}
	return ids
}

// span adds the cost of one span and returns what the tree has to know of it.
func (p *Pricer) span(s *spans.Span, stats *Stats) node {
	n := node{genAI: s.GenAI, top: s.Whole}
	u, reported := s.Usage()
	stats.BadUsage += s.BadUsage
	switch kindOf(s) {
	case model:
		if !reported {
			stats.NoUsage++
			n.missing = s.Status().Code() != ptrace.StatusCodeError
			return n
		}
		at := s.EndTimestamp()
		if at == 0 {
			at = s.StartTimestamp()
		}
		m := p.find(s, at)
		if m == nil {
			n.missing = true
			return n
		}
		s.Priced = true
		n.kind, n.cost = model, p.priceCall(s, m, u, stats)
	case toolUse:
		name := s.Tool
		if name == "" {
			name = strings.TrimPrefix(s.Name(), "execute_tool ")
		}
		i := slices.IndexFunc(p.tools, func(t tool) bool { return t.name.match(name) })
		if i < 0 {
			return n
		}
		stats.Tools++
		s.ToolPriced = true
		s.Attributes().PutDouble(genai.CostTotal, p.tools[i].perCall)
		n.kind, n.cost = toolUse, p.tools[i].perCall
	}
	return n
}

// priceCall writes the cost of a call of a model and returns it.
func (p *Pricer) priceCall(s *spans.Span, m *modelPrice, u *usage.Usage, stats *Stats) float64 {
	cached := m.cached
	if cached == usage.CachedUnknown {
		cached = s.Cached()
	}
	t := u.Resolve(cached)
	input, output := m.cost(&t)
	attrs := s.Attributes()
	attrs.PutDouble(genai.CostInput, input)
	attrs.PutDouble(genai.CostOutput, output)
	attrs.PutDouble(genai.CostTotal, input+output)
	attrs.PutStr(genai.CostCurrency, p.currency)
	if p.priceList != "" {
		attrs.PutStr(genai.CostPriceList, p.priceList)
	}
	if t.Uncertain {
		stats.Uncertain++
	}
	if t.Limited {
		stats.Limited++
	}
	flag(attrs, genai.CostUncertain, t.Uncertain)
	flag(attrs, genai.CostLimited, t.Limited)
	return input + output
}

// flag writes an attribute that is true or absent.
func flag(attrs pcommon.Map, key string, on bool) {
	if on {
		attrs.PutBool(key, true)
	} else {
		attrs.Remove(key)
	}
}
