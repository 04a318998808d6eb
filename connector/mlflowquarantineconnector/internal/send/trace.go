// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// trace is what one message holds of a trace.
type trace struct {
	id         pcommon.TraceID
	experiment string // empty where the spans don't say
	td         ptrace.Traces

	resource, scope int // the last ones that were copied
}

// split returns the traces of a message, each with copies of its spans and of their resources and scopes, in the order
// in which they begin. want limits it to one id.
func split(td ptrace.Traces, want *pcommon.TraceID) (all []*trace) {
	byID := map[pcommon.TraceID]*trace{}
	for i, rs := range td.ResourceSpans().All() {
		for j, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				id := span.TraceID()
				if want != nil && id != *want {
					continue
				}
				t := byID[id]
				if t == nil {
					t = &trace{id: id, td: ptrace.NewTraces(), resource: -1}
					byID[id] = t
					all = append(all, t)
				}
				t.add(i, j, rs, ss, span)
			}
		}
	}
	return all
}

// add copies a span of resource i and scope j.
func (t *trace) add(i, j int, rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span) {
	if t.resource != i {
		t.resource, t.scope = i, -1
		to := t.td.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rs.SchemaUrl())
	}
	to := t.td.ResourceSpans().At(t.td.ResourceSpans().Len() - 1).ScopeSpans()
	if t.scope != j {
		t.scope = j
		scope := to.AppendEmpty()
		ss.Scope().CopyTo(scope.Scope())
		scope.SetSchemaUrl(ss.SchemaUrl())
	}
	span.CopyTo(to.At(to.Len() - 1).Spans().AppendEmpty())
	if t.experiment == "" {
		t.experiment = experimentOf(rs.Resource(), span)
	}
}

// join returns copies of traces in one message.
func join(traces []*trace) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, t := range traces {
		for _, rs := range t.td.ResourceSpans().All() {
			rs.CopyTo(td.ResourceSpans().AppendEmpty())
		}
	}
	return td
}

// experimentOf is the id of the experiment that a span belongs to.
func experimentOf(r pcommon.Resource, span ptrace.Span) string {
	for _, attrs := range []pcommon.Map{r.Attributes(), span.Attributes()} {
		if v, ok := attrs.Get(genai.ExperimentID); ok {
			return v.AsString()
		}
	}
	return ""
}

// experimentsOf are the ids of the experiments in a message.
func experimentsOf(td ptrace.Traces) map[string]bool {
	all := map[string]bool{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				all[experimentOf(rs.Resource(), span)] = true
			}
		}
	}
	return all
}

// mostKnown bounds the size in bytes of a trace that is remembered.
const mostKnown = 1 << 20

// remembered returns a trace, or nil for one that is too large to be remembered.
func remembered(t *trace) *trace {
	if (&ptrace.ProtoMarshaler{}).TracesSize(t.td) > mostKnown {
		return nil
	}
	return t
}

// firstOf returns the first trace of a message, or nil where it is too large to be remembered.
func firstOf(td ptrace.Traces) *trace {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				id := span.TraceID()
				return remembered(split(td, &id)[0])
			}
		}
	}
	return nil
}
