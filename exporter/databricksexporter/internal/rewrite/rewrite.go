// Package rewrite gives traces the ids of their destination: MLflow's names for a trace and its experiment are good at the server that gave them only.
package rewrite

import (
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Where the source's ids are kept.
const (
	SourceTraceRequestID = "mlflow.source.traceRequestId"
	SourceExperimentID   = "mlflow.source.experimentId"
)

// Rewriter rewrites ids for one destination.
type Rewriter struct {
	prefix     string // trace:/<location>/; empty: trace ids stay
	experiment string // empty: experiment ids stay
}

// New returns what writes ids in the form of a destination. What the destination does not tell stays as it is.
func New(d destination.Destination) Rewriter {
	r := Rewriter{experiment: d.Experiment}
	if d.Location.Catalog != "" {
		r.prefix = "trace:/" + d.Location.String() + "/"
	}
	return r
}

// Apply rewrites in place mlflow.traceRequestId to trace:/<location>/<hex of the trace id>, and mlflow.experimentId, of resources and spans that have them. The source's value
// is kept in mlflow.source.*, where the first one wins. Doing it again changes nothing.
func (r Rewriter) Apply(td ptrace.Traces) {
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

func (r Rewriter) span(s ptrace.Span) {
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
func (r Rewriter) is(text string, id pcommon.TraceID) bool {
	if len(text) != len(r.prefix)+2*len(id) || text[:len(r.prefix)] != r.prefix {
		return false
	}
	var digits [32]byte
	hex.Encode(digits[:], id[:])
	return text[len(r.prefix):] == string(digits[:])
}

func (r Rewriter) replaceExperiment(attrs pcommon.Map) {
	if r.experiment == "" {
		return
	}
	if v, ok := attrs.Get(genai.ExperimentID); ok && (v.Type() != pcommon.ValueTypeStr || v.Str() != r.experiment) {
		replace(attrs, v, SourceExperimentID, r.experiment)
	}
}

// replace sets the text of an attribute and keeps what it was under another key, unless something is kept there already.
func replace(attrs pcommon.Map, v pcommon.Value, keep, text string) {
	was := v.AsString()
	v.SetStr(text)
	if kept, exists := attrs.GetOrPutEmpty(keep); !exists {
		kept.SetStr(was)
	}
}
