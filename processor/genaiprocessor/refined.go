// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"cmp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

// unnamed is the name of a model or tool that says none.
const unnamed = "(unnamed)"

// refinement collects what is done with each trace of a batch, for the receiver that the batch comes from. A nil
// refinement takes nothing.
type refinement struct {
	traces map[pcommon.TraceID]*aggregate.Refined
}

func newRefinement(unit *progress.Unit) *refinement {
	if !unit.KeepsRefinements() {
		return nil
	}
	return &refinement{map[pcommon.TraceID]*aggregate.Refined{}}
}

func (r *refinement) of(id pcommon.TraceID) *aggregate.Refined {
	t := r.traces[id]
	if t == nil {
		t = &aggregate.Refined{}
		r.traces[id] = t
	}
	return t
}

// counted notes the token counts that a span got.
func (r *refinement) counted(s *spans.Span, before, after *stats) {
	if r == nil || after.spans == before.spans {
		return
	}
	t := r.of(s.TraceID())
	t.CountedSpans++
	t.Request += int64(after.tokens[spans.DirectionRequest] - before.tokens[spans.DirectionRequest])
	t.Response += int64(after.tokens[spans.DirectionResponse] - before.tokens[spans.DirectionResponse])
}

// score notes a score that was written, with the kind of its source.
func (r *refinement) score(s *spans.Span, name, source string, value float64) {
	if r == nil {
		return
	}
	t := r.of(s.TraceID())
	t.Scores = append(t.Scores, aggregate.Score{Name: name, Source: strings.Clone(source), Value: value})
}

// calls notes the calls of models and tools of a batch that has its costs. A span that tells of a call of which another
// one above it tells is left out.
func (r *refinement) calls(b *spans.Batch) {
	if r == nil {
		return
	}
	for i := range b.Spans {
		s := &b.Spans[i]
		if !s.GenAI {
			continue
		}
		t := r.of(s.TraceID())
		switch {
		case s.Kind == genai.KindTool:
			u := use(&t.Tools, cmp.Or(s.Tool, strings.TrimPrefix(s.Name(), "execute_tool "), unnamed))
			u.Calls++
			if s.ToolPriced {
				v, _ := s.Attributes().Get(genai.CostTotal)
				price(t, u, v.Double())
			}
		case s.IsModelCall():
			call, reports := b.Call(i)
			u := use(&t.Models, cmp.Or(s.ResponseModel, s.RequestModel, unnamed))
			if !reports || call == i {
				u.Calls++
			}
			if input, output, ok := b.ReportedTokens(i); ok {
				u.Reported++
				u.Input += input
				u.Output += output
			}
			if s.Priced && !b.PricedAbove(i) {
				v, _ := s.Attributes().Get(genai.CostTotal)
				price(t, u, v.Double())
			}
		}
	}
	for i := range b.Spans { // the total of a whole trace is what its calls cost, each once
		if t := r.traces[b.Spans[i].TraceID()]; t != nil && t.Priced {
			if v, ok := b.Spans[i].Attributes().Get(genai.CostTraceTotal); ok {
				t.Cost = v.Double()
			}
		}
	}
}

// price notes the cost of a call.
func price(t *aggregate.Refined, u *aggregate.Use, cost float64) {
	u.Priced++
	u.Cost += cost
	t.Priced = true
	t.Cost += cost
}

// use returns the entry of a name.
func use(list *[]aggregate.Use, name string) *aggregate.Use {
	i := slices.IndexFunc(*list, func(u aggregate.Use) bool { return u.Name == name })
	if i < 0 {
		i = len(*list)
		*list = append(*list, aggregate.Use{Name: strings.Clone(name)})
	}
	return &(*list)[i]
}

// tell gives what was collected to the unit.
func (r *refinement) tell(unit *progress.Unit, processor component.ID) {
	if r == nil {
		return
	}
	for id, t := range r.traces {
		unit.Refine(processor, id, t)
	}
}
