// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Stats counts what Apply did.
type Stats struct {
	Models        int     // model calls that got a cost
	Tools         int     // tool calls that got a cost
	Totals        int     // traces that got a total
	Partial       int     // of those, the ones whose total is marked as too low
	UnknownModels int     // model calls with usage but without a price for their model, provider and time
	NoUsage       int     // model calls without reported usage
	Cost          float64 // sum of the totals of whole traces, and of the single calls of others
	BadUsage      int     // reported numbers of tokens that are negative, fractional or no numbers; they were ignored
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
	s.Cost += o.Cost
}

// Apply adds costs to the spans of td.
func (p *Pricer) Apply(td ptrace.Traces) Stats {
	var stats Stats
	if len(p.exact)+len(p.globs)+len(p.tools) == 0 {
		return stats
	}
	var t tree
	if !p.wholeTraces {
		t.wanted = wholeTraces(td)
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				n := p.span(span, &stats)
				if p.wholeTraces || t.wanted[span.TraceID()] {
					t.add(span, n)
				} else {
					stats.Cost += n.cost
				}
			}
		}
	}
	t.totals(&stats)
	return stats
}

// wholeTraces returns the traces of td that the receiver marked as whole.
func wholeTraces(td ptrace.Traces) map[pcommon.TraceID]bool {
	var ids map[pcommon.TraceID]bool
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			if _, ours := ss.Scope().Attributes().Get(genai.PayloadsMode); !ours {
				continue
			}
			for _, span := range ss.Spans().All() {
				if _, top := span.Attributes().Get(genai.Revision); top {
					if ids == nil {
						ids = map[pcommon.TraceID]bool{}
					}
					ids[span.TraceID()] = true
				}
			}
		}
	}
	return ids
}

// span adds the cost of one span and returns what the tree has to know of it.
func (p *Pricer) span(span ptrace.Span, stats *Stats) node {
	var c call
	c.read(span)
	stats.BadUsage += c.badUsage
	n := node{genAI: c.genAI, top: c.whole}
	switch c.kind {
	case model:
		if !c.reported {
			stats.NoUsage++
			n.missing = span.Status().Code() != ptrace.StatusCodeError
			return n
		}
		at := span.EndTimestamp()
		if at == 0 {
			at = span.StartTimestamp()
		}
		m := p.find(&c, at)
		if m == nil {
			stats.UnknownModels++
			n.missing = true
			return n
		}
		stats.Models++
		input, output := m.cost(&c.usage)
		attrs := span.Attributes()
		attrs.PutDouble(genai.CostInput, input)
		attrs.PutDouble(genai.CostOutput, output)
		attrs.PutDouble(genai.CostTotal, input+output)
		attrs.PutStr(genai.CostCurrency, p.currency)
		if p.priceList != "" {
			attrs.PutStr(genai.CostPriceList, p.priceList)
		}
		n.kind, n.cost = model, input+output
	case toolUse:
		for i := range p.tools {
			if p.tools[i].name.match(c.tool) {
				stats.Tools++
				span.Attributes().PutDouble(genai.CostTotal, p.tools[i].perCall)
				n.kind, n.cost = toolUse, p.tools[i].perCall
				break
			}
		}
	}
	return n
}
