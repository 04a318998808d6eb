// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// The attributes that keep the source's ids.
const (
	SourceTraceRequestID = "mlflow.source.traceRequestId"
	SourceExperimentID   = "mlflow.source.experimentId"
)

// RewriteIDs gives the ids of traces the form of a destination, in place: MLflow's names for a
// trace and its experiment mean something only at the server that gave them. mlflow.traceRequestId
// becomes trace:/<location>/<hex of the trace id>, and mlflow.experimentId the destination's, of
// resources and spans that have them. The source's value is kept in mlflow.source.*, where the
// first one wins. What the destination does not tell stays as it is. Doing it again changes
// nothing.
func RewriteIDs(d Destination, td ptrace.Traces) {
	r := rewriter{experiment: d.Experiment}
	if d.Location.Catalog != "" {
		r.prefix = "trace:/" + d.Location.String() + "/"
	}
	if r.prefix == "" && r.experiment == "" {
		return
	}
	for _, rs := range td.ResourceSpans().All() {
		r.replaceExperiment(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				r.span(s)
			}
		}
	}
}

// rewriter rewrites ids for one destination.
type rewriter struct {
	prefix     string // trace:/<location>/; empty: trace ids stay
	experiment string // empty: experiment ids stay
}

func (r rewriter) span(s ptrace.Span) {
	attrs := s.Attributes()
	r.replaceExperiment(attrs)
	if r.prefix == "" {
		return
	}
	v, ok := attrs.Get(genai.TraceRequestID)
	if !ok {
		return
	}
	id := s.TraceID()
	if v.Type() == pcommon.ValueTypeStr && r.is(v.Str(), id) {
		return
	}
	text := make([]byte, 0, len(r.prefix)+2*len(id))
	text = append(text, r.prefix...)
	replace(attrs, v, SourceTraceRequestID, string(hex.AppendEncode(text, id[:])))
}

// is reports whether an id has the destination's form already, without making that form.
func (r rewriter) is(text string, id pcommon.TraceID) bool {
	if len(text) != len(r.prefix)+2*len(id) || text[:len(r.prefix)] != r.prefix {
		return false
	}
	var digits [32]byte
	hex.Encode(digits[:], id[:])
	return text[len(r.prefix):] == string(digits[:])
}

func (r rewriter) replaceExperiment(attrs pcommon.Map) {
	if r.experiment == "" {
		return
	}
	if v, ok := attrs.Get(genai.ExperimentID); ok && (v.Type() != pcommon.ValueTypeStr || v.Str() != r.experiment) {
		replace(attrs, v, SourceExperimentID, r.experiment)
	}
}

// replace sets the text of an attribute and keeps what it was under another key, unless something
// is kept there already.
func replace(attrs pcommon.Map, v pcommon.Value, keep, text string) {
	was := v.AsString()
	v.SetStr(text)
	if kept, exists := attrs.GetOrPutEmpty(keep); !exists {
		kept.SetStr(was)
	}
}
