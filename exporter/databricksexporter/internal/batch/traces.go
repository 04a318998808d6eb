// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Traces are batches of spans.
type Traces struct{}

var _ Kind[ptrace.Traces] = Traces{}

// Signal implements Kind.
func (Traces) Signal() unity.Signal { return unity.SignalSpans }

// Path implements Kind.
func (Traces) Path() string { return "traces" }

// Units implements Kind.
func (Traces) Units(b ptrace.Traces) int { return b.SpanCount() }

// Items implements Kind.
func (Traces) Items(b ptrace.Traces) int { return b.SpanCount() }

// Size implements Kind.
func (Traces) Size(b ptrace.Traces) int { return (&ptrace.ProtoMarshaler{}).TracesSize(b) }

// Marshal implements Kind.
func (Traces) Marshal(b ptrace.Traces) ([]byte, error) {
	return ptraceotlp.NewExportRequestFromTraces(b).MarshalProto()
}

// JSON implements Kind.
func (Traces) JSON(b ptrace.Traces) ([]byte, error) {
	return (&ptrace.JSONMarshaler{}).MarshalTraces(b)
}

// Pick implements Kind.
func (Traces) Pick(b ptrace.Traces, ranges ...Range) ptrace.Traces {
	out := ptrace.NewTraces()
	c := cutter{ranges: ranges}
	for _, rs := range b.ResourceSpans().All() {
		n := 0
		for _, ss := range rs.ScopeSpans().All() {
			n += ss.Spans().Len()
		}
		if !c.overlaps(n) {
			continue
		}
		toResource := out.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(toResource.Resource())
		toResource.SetSchemaUrl(rs.SchemaUrl())
		for _, ss := range rs.ScopeSpans().All() {
			if !c.overlaps(ss.Spans().Len()) {
				continue
			}
			to := toResource.ScopeSpans().AppendEmpty()
			ss.Scope().CopyTo(to.Scope())
			to.SetSchemaUrl(ss.SchemaUrl())
			for _, s := range ss.Spans().All() {
				if c.next() {
					s.CopyTo(to.Spans().AppendEmpty())
				}
			}
		}
	}
	return out
}

// Resources implements Kind.
func (Traces) Resources(b ptrace.Traces) int { return b.ResourceSpans().Len() }

// Resource implements Kind.
func (Traces) Resource(b ptrace.Traces, i int) pcommon.Map {
	return b.ResourceSpans().At(i).Resource().Attributes()
}

// PickResources implements Kind.
func (Traces) PickResources(b ptrace.Traces, indexes []int) ptrace.Traces {
	out := ptrace.NewTraces()
	out.ResourceSpans().EnsureCapacity(len(indexes))
	for _, i := range indexes {
		b.ResourceSpans().At(i).CopyTo(out.ResourceSpans().AppendEmpty())
	}
	return out
}

// Join implements Kind.
func (Traces) Join(all []ptrace.Traces) ptrace.Traces {
	out := ptrace.NewTraces()
	for _, b := range all {
		for _, group := range b.ResourceSpans().All() {
			group.CopyTo(out.ResourceSpans().AppendEmpty())
		}
	}
	return out
}

// Traces implements Kind.
func (Traces) Traces(b ptrace.Traces) int {
	seen := map[pcommon.TraceID]struct{}{}
	var last pcommon.TraceID
	for _, rs := range b.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if id := s.TraceID(); id != last || len(seen) == 0 {
					seen[id], last = struct{}{}, id
				}
			}
		}
	}
	return len(seen)
}

// Paces implements Kind.
func (Traces) Paces(b ptrace.Traces, most int) []Range {
	var out []Range
	seen := map[pcommon.TraceID]struct{}{}
	at, from := 0, 0
	for _, rs := range b.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if _, ok := seen[s.TraceID()]; !ok {
					if len(seen) == most {
						out = append(out, Range{from, at})
						from = at
						clear(seen)
					}
					seen[s.TraceID()] = struct{}{}
				}
				at++
			}
		}
	}
	return append(out, Range{from, at})
}

// Rejected implements Kind.
func (Traces) Rejected(body []byte, contentType string) (int64, string, error) {
	r := ptraceotlp.NewExportResponse()
	if err := decode(body, contentType, r.UnmarshalProto, r.UnmarshalJSON); err != nil {
		return 0, "", err
	}
	return r.PartialSuccess().RejectedSpans(), r.PartialSuccess().ErrorMessage(), nil
}

// Undelivered implements Kind.
func (Traces) Undelivered(err error, rest ptrace.Traces) error {
	return consumererror.NewTraces(err, rest)
}

// Rest implements Kind.
func (Traces) Rest(err error) (ptrace.Traces, bool) {
	if partial, ok := errors.AsType[consumererror.Traces](err); ok {
		return partial.Data(), true
	}
	return ptrace.Traces{}, false
}
